//! What the families of this folder share: one [`System`] per machine.

use super::names::NameEncoding;
use crate::os::Environment;
use oxbeam_runtime::Vm;
use oxbeam_sys::child::Spawner;
use oxbeam_sys::poll::Poller;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;

/// The environment that programs inherit (`os:putenv/2` changes it): entries `NAME=VALUE`.
pub(crate) fn environment(vm: &Vm) -> Vec<Vec<u8>> {
    let variables = vm.extension::<Environment>().all();
    variables.into_iter().map(|(name, value)| [&name[..], b"=", &value].concat()).collect()
}

/// The operating system as one machine uses it. The poll thread starts with the first descriptor to wait for.
#[derive(Default)]
pub struct System {
    poller: Mutex<Option<Arc<Poller>>>,
    spawner: Mutex<Option<Arc<Spawner>>>,
    name_encoding: RwLock<Option<NameEncoding>>,
    program: RwLock<Option<Vec<u8>>>,
}

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
