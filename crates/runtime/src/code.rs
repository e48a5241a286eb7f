//! Loaded code: modules and their versions, export cells, fun entries, constants, and where an address belongs.

use crate::area::Area;
use crate::module_code::{CodeRange, FunctionInfo, ModuleCode, Place};
use crate::purge::PurgingFuns;
use oxbeam_term::{Atom, AtomTable, Export, FunEntry, LiteralArea, NumberMap};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a module does not load: what the chunk or instruction was, in words for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file is malformed, or holds an instruction that this machine does not have.
    BadFile(String),
    /// The file holds another module.
    WrongModule(String),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::BadFile(text) | LoadError::WrongModule(text) => formatter.write_str(text),
        }
    }
}

/// What the engine's decoder makes of a `.beam` file, not published yet.
pub struct Prepared {
    /// The code.
    pub code: Arc<ModuleCode>,
}

/// Where a module is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModuleState {
    /// Callable.
    Loaded,
    /// Its `on_load` function has not finished.
    OnLoad,
}

/// A module's versions.
#[derive(Default)]
pub struct Module {
    /// Version that external calls reach.
    pub current: Option<Arc<ModuleCode>>,
    /// Version that only processes still in it run.
    pub old: Option<Arc<ModuleCode>>,
    /// Version whose `on_load` function has not finished.
    pub pending: Option<Arc<ModuleCode>>,
    /// How many modules were known before this one.
    number: usize,
}

/// Export cells by name, and in the order in which they were first mentioned.
#[derive(Default)]
struct Exports {
    by_name: NumberMap<(Atom, Atom, u8), &'static Export>,
    in_order: Vec<&'static Export>,
}

/// Why prepared code cannot be published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PublishError {
    /// These modules still have old code.
    NotPurged(Vec<Atom>),
    /// Several modules were given and one has an `on_load` function.
    OnLoad(Vec<Atom>),
    /// The same module was given twice.
    Duplicated(Vec<Atom>),
}

/// Words of all code, in 32 bits.
const CODE_WORDS_MAX: usize = if cfg!(miri) { 1 << 14 } else { 1 << 27 };
const CONSTANTS_MAX: usize = if cfg!(miri) { 1 << 14 } else { 1 << 25 };

/// Module, index, MD5 of the module, arity and size of the environment.
type FunKey = (Atom, u32, [u8; 16], u8, u32);

/// All code of one machine.
pub struct CodeTable {
    pub(crate) modules: RwLock<HashMap<Atom, Module>>,
    exports: RwLock<Exports>,
    /// By everything that says which function it is: what comes in from outside never changes a module's own entry.
    funs: Mutex<HashMap<FunKey, &'static FunEntry>>,
    pub(crate) ranges: RwLock<BTreeMap<u64, CodeRange>>,
    /// Instructions.
    pub area: Area<u32>,
    /// Words that instructions refer to by index: literals, atoms, integers, addresses of export cells.
    pub constants: Area<u64>,
    /// Literal terms.
    pub literals: LiteralArea,
    /// The funs of old code that is being purged.
    pub(crate) purging_funs: Mutex<Option<PurgingFuns>>,
}

impl CodeTable {
    pub(crate) fn new() -> CodeTable {
        CodeTable {
            modules: RwLock::default(),
            exports: RwLock::default(),
            funs: Mutex::default(),
            ranges: RwLock::default(),
            area: Area::new(CODE_WORDS_MAX),
            constants: Area::new(CONSTANTS_MAX),
            literals: LiteralArea::new(),
            purging_funs: Mutex::default(),
        }
    }
    /// The export cell of a function, made if need be.
    pub fn export(&self, module: Atom, function: Atom, arity: u8) -> &'static Export {
        if let Some(export) = self.existing_export(module, function, arity) {
            return export;
        }
        let mut exports = self.exports.write();
        let Exports { by_name, in_order } = &mut *exports;
        by_name.entry((module, function, arity)).or_insert_with(|| {
            // Freed by `Drop`: exports live as long as the machine, hence longer than any term that points to one.
            let export: &'static Export = Box::leak(Box::new(Export {
                module,
                function,
                arity,
                address: AtomicU64::new(0),
                bif: AtomicU64::new(0),
            }));
            in_order.push(export);
            export
        })
    }
    /// The export cell of a function, if anybody has mentioned it.
    pub fn existing_export(&self, module: Atom, function: Atom, arity: u8) -> Option<&'static Export> {
        self.exports.read().by_name.get(&(module, function, arity)).copied()
    }
    /// Is the function loaded and exported, or a BIF?
    pub fn is_exported(&self, module: Atom, function: Atom, arity: u8) -> bool {
        self.existing_export(module, function, arity).is_some_and(|export| {
            export.address.load(Ordering::Acquire) != 0 || export.bif.load(Ordering::Acquire) != 0
        })
    }
    /// All exports that exist, in the order in which they were first mentioned.
    pub fn exports(&self) -> Vec<&'static Export> {
        self.exports.read().in_order.clone()
    }
    /// An export cell that is in no table: calling it runs the code at `address`.
    pub fn anonymous_export(&self, module: Atom, function: Atom, arity: u8, address: u64) -> &'static Export {
        Box::leak(Box::new(Export {
            module,
            function,
            arity,
            address: AtomicU64::new(address),
            bif: AtomicU64::new(0),
        }))
    }
    /// The entry of a local fun, made without code if need be.
    pub fn fun_entry(&self, like: FunEntry) -> &'static FunEntry {
        let key = (like.module, like.index, like.uniq, like.arity, like.free_count);
        let mut funs = self.funs.lock();
        funs.entry(key).or_insert_with(|| Box::leak(Box::new(like)))
    }
    /// Does the module have current code?
    pub fn is_loaded(&self, module: Atom) -> bool {
        self.modules.read().get(&module).is_some_and(|module| module.current.is_some())
    }
    /// Names of all modules with current or old code, in the order in which they were first loaded.
    pub fn loaded(&self) -> Vec<Atom> {
        let modules = self.modules.read();
        let has_code = |module: &Module| module.current.is_some() || module.old.is_some();
        let mut names: Vec<(usize, Atom)> = modules
            .iter()
            .filter(|(_, module)| has_code(module))
            .map(|(name, module)| (module.number, *name))
            .collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }
    /// Looks at a module's versions.
    pub fn with_module<R>(&self, module: Atom, look: impl FnOnce(&Module) -> R) -> Option<R> {
        self.modules.read().get(&module).map(look)
    }
    /// The module's current code.
    pub fn current(&self, module: Atom) -> Option<Arc<ModuleCode>> {
        self.with_module(module, |module| module.current.clone()).flatten()
    }
    /// The module's old code.
    pub fn old(&self, module: Atom) -> Option<Arc<ModuleCode>> {
        self.with_module(module, |module| module.old.clone()).flatten()
    }
    /// Which code an address belongs to.
    pub fn find(&self, address: u64) -> Option<Arc<ModuleCode>> {
        self.look_at(address, |place| Some(place.code.clone()))
    }
    /// What `look` says of the code that an address belongs to. It must not load or purge code.
    pub fn look_at<T>(&self, address: u64, look: impl FnOnce(Place<'_>) -> Option<T>) -> Option<T> {
        let ranges = self.ranges.read();
        let (_, range) = ranges.range(..=address).next_back()?;
        look(range.at(address)?)
    }
    /// Makes prepared modules current, all at once. With `on_load` only one may be given; it waits in `pending`.
    ///
    /// # Errors
    /// Nothing is published then. Names stand in the opposite order of `prepared`, as OTP tells them.
    pub fn publish(&self, prepared: &[Prepared]) -> Result<(), PublishError> {
        let mut modules = self.modules.write();
        let names = |which: &dyn Fn(usize, &ModuleCode) -> bool| -> Vec<Atom> {
            let chosen = prepared.iter().enumerate().rev().filter(|(index, one)| which(*index, &one.code));
            chosen.map(|(_, one)| one.code.module).collect()
        };
        let on_load = names(&|_, code| code.on_load.is_some());
        if prepared.len() > 1 && !on_load.is_empty() {
            return Err(PublishError::OnLoad(on_load));
        }
        let duplicated = names(&|index, code| prepared[..index].iter().any(|before| before.code.module == code.module));
        if !duplicated.is_empty() {
            return Err(PublishError::Duplicated(duplicated));
        }
        let not_purged = names(&|_, code| {
            modules.get(&code.module).is_some_and(|module| module.current.is_some() && module.old.is_some())
        });
        if !not_purged.is_empty() {
            return Err(PublishError::NotPurged(not_purged));
        }
        for one in prepared {
            let code = one.code.clone();
            code.register(self);
            let number = modules.len();
            let module = modules.entry(code.module).or_insert_with(|| Module { number, ..Module::default() });
            for (entry, function) in &code.lambdas {
                entry.address.store(code.entry_address(*function), Ordering::Release);
            }
            if code.on_load.is_some() {
                module.pending = Some(code);
            } else {
                self.make_current(module, code);
            }
        }
        Ok(())
    }
    fn make_current(&self, module: &mut Module, code: Arc<ModuleCode>) {
        if let Some(previous) = module.current.take() {
            for (function, arity, _) in &previous.exports {
                let kept = code.exports.iter().any(|(name, other, _)| name == function && other == arity);
                if !kept {
                    self.export(code.module, *function, *arity).address.store(0, Ordering::Release);
                }
            }
            module.old = Some(previous);
        }
        for (name, arity, function) in &code.exports {
            self.export(code.module, *name, *arity).address.store(code.entry_address(*function), Ordering::Release);
        }
        module.current = Some(code);
    }
    /// The `on_load` function of a module finished: its code becomes current, or is thrown away at once (see
    /// [`CodeTable::retire_pending`] for when somebody may still run it). `false` when the module has none waiting.
    pub fn finish_on_load(&self, name: Atom, keep: bool) -> bool {
        let mut modules = self.modules.write();
        let Some(module) = modules.get_mut(&name) else { return false };
        let Some(code) = module.pending.take() else { return false };
        if keep {
            self.make_current(module, code);
        } else {
            code.unregister(self);
        }
        true
    }
    /// The `on_load` function of a module failed: its code stands in for the old code until [`CodeTable::purge`] and
    /// [`CodeTable::restore_old`], so that those who still run it are found. `None` when the module has none waiting,
    /// else the old code.
    pub fn retire_pending(&self, name: Atom) -> Option<Option<Arc<ModuleCode>>> {
        let mut modules = self.modules.write();
        let module = modules.get_mut(&name)?;
        let pending = module.pending.take()?;
        Some(module.old.replace(pending))
    }
    /// Puts old code back that [`CodeTable::retire_pending`] has put aside.
    pub fn restore_old(&self, name: Atom, code: Arc<ModuleCode>) {
        self.modules.write().entry(name).or_default().old = Some(code);
    }
    /// Makes the current code old (`erlang:delete_module/1`), if there is any. `None` when the module was never loaded,
    /// an error when old code is left.
    pub fn delete(&self, name: Atom) -> Option<Result<(), PublishError>> {
        let mut modules = self.modules.write();
        let module = modules.get_mut(&name)?;
        if module.old.is_some() {
            return Some(Err(PublishError::NotPurged(vec![name])));
        }
        if let Some(code) = module.current.take() {
            for (function, arity, _) in &code.exports {
                self.export(name, *function, *arity).address.store(0, Ordering::Release);
            }
            module.old = Some(code);
        }
        Some(Ok(()))
    }
    /// Bytes of code that is loaded.
    pub fn bytes(&self) -> usize {
        self.ranges.read().values().filter_map(CodeRange::module).map(|code| code.bytes()).sum()
    }
    /// Module, function, arity and offset of an address.
    pub fn describe(&self, address: u64) -> Option<(Arc<ModuleCode>, FunctionInfo, u32)> {
        self.look_at(address, |place| Some((place.code.clone(), place.function()?, place.offset)))
    }
    /// Text `module:function/arity`, for messages to people.
    pub fn function_text(atoms: &AtomTable, module: Atom, function: Atom, arity: u8) -> String {
        format!("{}:{}/{arity}", atoms.text(module), atoms.text(function))
    }
}

impl Drop for CodeTable {
    fn drop(&mut self) {
        for (_, export) in self.exports.get_mut().by_name.drain() {
            // SAFETY: leaked by `export`, listed once, and no term of this machine is left when its code goes.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(export).cast_mut()) });
        }
        for (_, entry) in self.funs.get_mut().drain() {
            // SAFETY: as above, leaked by `fun_entry`.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(entry).cast_mut()) });
        }
    }
}
