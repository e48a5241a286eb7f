//! Loaded code: modules and their versions, export cells, fun entries, constants, and where an address belongs.

use crate::constants::{ConstantBlock, Constants};
use crate::purge::PurgingFuns;
use oxbeam_term::{Atom, AtomTable, Export, FunEntry, LiteralArea, LiteralBlock, NumberMap};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

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

/// Where a function begins, in a module's code.
#[derive(Clone, Copy, Debug)]
pub struct FunctionInfo {
    /// Offset of its `func_info` instruction, in 32-bit words.
    pub start: u32,
    /// Offset of its entry.
    pub entry: u32,
    /// Name.
    pub name: Atom,
    /// Arity.
    pub arity: u8,
}

/// From which offset on code belongs to a source line.
#[derive(Clone, Copy, Debug)]
pub struct LineEntry {
    /// Offset in 32-bit words.
    pub offset: u32,
    /// Index in [`ModuleCode::files`].
    pub file: u16,
    /// Line number; 0 when unknown.
    pub line: u32,
}

/// One version of a module's code. It does not change once it is made, but for breakpoints, and never moves.
pub struct ModuleCode {
    /// Module name.
    pub module: Atom,
    /// MD5 of the module's essential chunks.
    pub md5: [u8; 16],
    /// The engine's instruction stream.
    pub code: Box<[AtomicU32]>,
    /// Functions by ascending start.
    pub functions: Vec<FunctionInfo>,
    /// Exports with the offsets of their entries.
    pub exports: Vec<(Atom, u8, u32)>,
    /// Funs with the offsets of their entries.
    pub lambdas: Vec<(&'static FunEntry, u32)>,
    /// Source lines by ascending offset.
    pub lines: Vec<LineEntry>,
    /// Source file names.
    pub files: Vec<String>,
    /// Bytes that binary matching and construction refer to.
    pub strings: Arc<[u8]>,
    /// `module_info(attributes)` in the external term format.
    pub attributes: Vec<u8>,
    /// `module_info(compile)` in the external term format.
    pub compile_info: Vec<u8>,
    /// Offset of the `on_load` function.
    pub on_load: Option<u32>,
    /// Bytes of the `.beam` file's code chunk, for accounting.
    pub size: usize,
    /// The literals that the code refers to.
    pub literals: LiteralBlock,
    /// The constants that the code refers to.
    pub constants: ConstantBlock,
}

impl ModuleCode {
    /// Address of an offset.
    pub fn address(&self, offset: u32) -> u64 {
        self.code.as_ptr().wrapping_add(offset as usize) as u64
    }
    /// The word at an offset.
    pub fn word(&self, offset: u32) -> u32 {
        self.code.get(offset as usize).map_or(0, |word| word.load(Ordering::Relaxed))
    }
    /// Replaces the word at an offset, the first of an instruction that others may be executing.
    pub(crate) fn set_word(&self, offset: u32, word: u32) {
        if let Some(place) = self.code.get(offset as usize) {
            place.store(word, Ordering::Release);
        }
    }
    /// Range of addresses.
    pub fn range(&self) -> std::ops::Range<u64> {
        self.address(0)..self.address(self.code.len() as u32)
    }
    /// Offset of an address in this code.
    pub fn offset(&self, address: u64) -> u32 {
        ((address - self.address(0)) / 4) as u32
    }
    /// The function that holds this offset.
    pub fn function_at(&self, offset: u32) -> Option<&FunctionInfo> {
        let index = self.functions.partition_point(|function| function.start <= offset);
        self.functions.get(index.checked_sub(1)?)
    }
    /// Source file and line of this offset.
    pub fn line_at(&self, offset: u32) -> Option<(&str, u32)> {
        self.line_of(self.function_at(offset)?, offset)
    }
    /// The same when the function is known.
    pub(crate) fn line_of(&self, function: &FunctionInfo, offset: u32) -> Option<(&str, u32)> {
        let index = self.lines.partition_point(|entry| entry.offset <= offset);
        let entry = self.lines.get(index.checked_sub(1)?)?;
        if entry.offset < function.start || entry.line == 0 {
            return None;
        }
        Some((self.files.get(entry.file as usize)?, entry.line))
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

/// Module, index, MD5 of the module, arity and size of the environment.
type FunKey = (Atom, u32, [u8; 16], u8, u32);

/// All code of one machine.
pub struct CodeTable {
    pub(crate) modules: RwLock<HashMap<Atom, Module>>,
    exports: RwLock<Exports>,
    /// By everything that says which function it is: what comes in from outside never changes a module's own entry.
    funs: Mutex<HashMap<FunKey, &'static FunEntry>>,
    pub(crate) ranges: RwLock<BTreeMap<u64, Arc<ModuleCode>>>,
    /// Constants that instructions refer to by index.
    pub constants: Constants,
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
            constants: Constants::new(),
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
        self.look_at(address, |code| Some(code.clone()))
    }
    /// What `look` says of the code that an address belongs to. It must not load or purge code.
    pub fn look_at<T>(&self, address: u64, look: impl FnOnce(&Arc<ModuleCode>) -> Option<T>) -> Option<T> {
        let ranges = self.ranges.read();
        let (_, code) = ranges.range(..=address).next_back()?;
        if code.range().contains(&address) { look(code) } else { None }
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
            self.ranges.write().insert(code.range().start, code.clone());
            let number = modules.len();
            let module = modules.entry(code.module).or_insert_with(|| Module { number, ..Module::default() });
            for (entry, offset) in &code.lambdas {
                entry.address.store(code.address(*offset), Ordering::Release);
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
        for (function, arity, offset) in &code.exports {
            self.export(code.module, *function, *arity).address.store(code.address(*offset), Ordering::Release);
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
            self.ranges.write().remove(&code.range().start);
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
        self.ranges.read().values().map(|code| code.code.len() * 4).sum()
    }
    /// Module, function, arity and offset of an address.
    pub fn describe(&self, address: u64) -> Option<(Arc<ModuleCode>, FunctionInfo, u32)> {
        let code = self.find(address)?;
        let offset = code.offset(address);
        let function = *code.function_at(offset)?;
        Some((code, function, offset))
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
