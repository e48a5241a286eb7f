//! `trace_file_drv`: the driver through which OTP's tools (`dbg:trace_port/2`, `ttb`, `fprof`) write trace messages to a file.
//!
//! A record is a zero, the size as 32 bits, and the message. Logs that wrap around several files are not there.

use oxbeam_sys::file::{File, OpenModes};
use oxbeam_sys::{Errno, Result as SysResult};

/// The driver's name.
pub(crate) const DRIVER: &[u8] = b"trace_file_drv";
/// Bytes that wait before they are written.
const BUFFER_SIZE: usize = 64 * 1024;
/// `port_control/3`: write what waits.
const FLUSH: u32 = b'f' as u32;

/// An open trace file.
pub(crate) struct TraceFile {
    file: File,
    buffer: Vec<u8>,
}

impl TraceFile {
    /// Opens what a command of the form `trace_file_drv n PATH` names.
    ///
    /// # Errors
    /// `EINVAL` for other commands; those of opening.
    pub(crate) fn open(command: &[u8]) -> SysResult<TraceFile> {
        let rest = command.strip_prefix(DRIVER).ok_or(Errno::EINVAL)?;
        let path = rest.trim_ascii_start().strip_prefix(b"n ").ok_or(Errno::EINVAL)?;
        let file = File::open(path, OpenModes { write: true, ..OpenModes::default() })?;
        Ok(TraceFile { file, buffer: Vec::new() })
    }
    /// Adds a record.
    pub(crate) fn put(&mut self, message: &[u8]) -> SysResult<()> {
        let size = u32::try_from(message.len()).map_err(|_| Errno::EINVAL)?;
        self.buffer.push(0);
        self.buffer.extend_from_slice(&size.to_be_bytes());
        self.buffer.extend_from_slice(message);
        if self.buffer.len() >= BUFFER_SIZE { self.flush() } else { Ok(()) }
    }
    fn flush(&mut self) -> SysResult<()> {
        let mut written = 0;
        while written < self.buffer.len() {
            written += self.file.write(&[&self.buffer[written..]])?;
        }
        self.buffer.clear();
        Ok(())
    }
    /// `port_control/3`: the answer, `None` for what the driver does not know.
    pub(crate) fn control(&mut self, operation: u32) -> Option<SysResult<Vec<u8>>> {
        (operation == FLUSH).then(|| self.flush().map(|()| vec![0]))
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        // The port is gone: nobody is left to be told of an error.
        let _ = self.flush();
    }
}
