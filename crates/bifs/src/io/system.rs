//! What the families of this folder share: one [`System`] per machine.

use super::names::NameEncoding;
use oxbeam_sys::child::Spawner;
use oxbeam_sys::poll::Poller;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;

/// The operating system as one machine uses it. The poll thread starts with the first descriptor to wait for.
#[derive(Default)]
pub struct System {
    poller: Mutex<Option<Arc<Poller>>>,
    spawner: Mutex<Option<Arc<Spawner>>>,
    name_encoding: RwLock<Option<NameEncoding>>,
    environment: RwLock<Option<EnvironmentSource>>,
    program: RwLock<Option<Vec<u8>>>,
}

/// Gives the environment that child programs inherit: entries `NAME=VALUE`.
pub type EnvironmentSource = Box<dyn Fn() -> Vec<Vec<u8>> + Send + Sync>;

impl System {
    /// The poller.
    pub fn poller(&self) -> oxbeam_sys::Result<Arc<Poller>> {
        let mut poller = self.poller.lock();
        match &*poller {
            Some(poller) => Ok(poller.clone()),
            None => Ok(poller.insert(Arc::new(Poller::start()?)).clone()),
        }
    }
    /// What starts child programs.
    pub fn spawner(&self) -> oxbeam_sys::Result<Arc<Spawner>> {
        let poller = self.poller()?;
        Ok(self.spawner.lock().get_or_insert_with(|| Arc::new(Spawner::start(poller))).clone())
    }
    /// How file names are encoded; that of the locale unless set.
    pub fn name_encoding(&self) -> NameEncoding {
        if let Some(encoding) = *self.name_encoding.read() {
            return encoding;
        }
        let encoding = if oxbeam_sys::terminal::locale_is_utf8() { NameEncoding::Utf8 } else { NameEncoding::Latin1 };
        *self.name_encoding.write().get_or_insert(encoding)
    }
    /// Sets how file names are encoded (`+fnu`, `+fnl`).
    pub fn set_name_encoding(&self, encoding: NameEncoding) {
        *self.name_encoding.write() = Some(encoding);
    }
    /// Sets where the environment of child programs comes from (`os:putenv/2` changes it); the system's by default.
    pub fn set_environment(&self, source: EnvironmentSource) {
        *self.environment.write() = Some(source);
    }
    /// The environment of child programs, `NAME=VALUE`.
    pub fn environment(&self) -> Vec<Vec<u8>> {
        use std::os::unix::ffi::OsStrExt;
        match &*self.environment.read() {
            Some(source) => source(),
            None => {
                std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()).collect()
            }
        }
    }
    /// Sets the executable that answers `inet_gethost`; the running one by default.
    pub fn set_program(&self, path: Vec<u8>) {
        *self.program.write() = Some(path);
    }
    /// The executable that answers `inet_gethost`.
    pub fn program(&self) -> Option<Vec<u8>> {
        use std::os::unix::ffi::OsStringExt;
        if let Some(path) = &*self.program.read() {
            return Some(path.clone());
        }
        std::env::current_exe().ok().map(|path| path.into_os_string().into_vec())
    }
}
