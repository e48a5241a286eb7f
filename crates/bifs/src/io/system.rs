//! What the families of this folder share: one [`System`] per machine.

use super::names::{BadNames, NameEncoding};
use crate::os::Environment;
use oxbeam_runtime::Vm;
use oxbeam_sys::child::Spawner;
use oxbeam_sys::poll::{Poller, Token};
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
    bad_names: RwLock<BadNames>,
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
    /// Sets how file names are encoded, `None` for as the locale says, and what becomes of names that mean nothing.
    pub fn set_name_encoding(&self, encoding: Option<NameEncoding>, bad_names: BadNames) {
        *self.name_encoding.write() = encoding;
        *self.bad_names.write() = bad_names;
    }
    /// What becomes of names that mean nothing in the encoding.
    pub fn bad_names(&self) -> BadNames {
        *self.bad_names.read()
    }
    /// The executable that answers `inet_gethost`.
    pub fn program(&self) -> Option<Vec<u8>> {
        use std::os::unix::ffi::OsStringExt;
        std::env::current_exe().ok().map(|path| path.into_os_string().into_vec())
    }
}

/// What the poller knows a socket by. Dropped before the socket is closed.
pub(crate) struct Registration {
    pub(crate) poller: Arc<Poller>,
    pub(crate) token: Token,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.poller.deregister(self.token);
    }
}
