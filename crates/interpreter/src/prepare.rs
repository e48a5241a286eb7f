//! From a `.beam` file to a module whose functions can be decoded: atoms, literals, funs, and where everything is.

use crate::decode::{bad, decode_function};
use crate::instruction::Instruction;
use oxbeam_beam_file::{self as beam, BeamFile};
use oxbeam_runtime::{
    DecodedFunction, FunctionDecoder, LoadError, ModuleCode, ModuleInformation, ModuleParts, Prepared, Vm, VmContext,
};
use oxbeam_term::{Atom, FunEntry, Heap, HeapOptions, LiteralBlock, LiteralRange, Word};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What is kept of a file to decode its functions.
pub(crate) struct ModuleDecoder {
    /// The code, and the tables that it refers to.
    pub(crate) file: BeamFile,
    /// The module's name.
    pub(crate) module: Atom,
    /// By [`beam::AtomIndex`].
    pub(crate) atoms: Vec<Atom>,
    /// The literals, which live in a block of the module's own.
    pub(crate) literals: Vec<Word>,
    /// Where the large integers among operands go.
    pub(crate) integers: Mutex<LiteralBlock>,
    /// The funs.
    pub(crate) lambdas: Vec<&'static FunEntry>,
    /// Bytes that binary matching and construction refer to.
    pub(crate) strings: Box<[u8]>,
    /// Entry labels and numbers of functions, by ascending label.
    entries: Vec<(u32, u32)>,
}

impl ModuleDecoder {
    /// The function with this entry label.
    pub(crate) fn function_of(&self, label: u32) -> Option<u32> {
        let place = self.entries.binary_search_by_key(&label, |(entry, _)| *entry).ok()?;
        Some(self.entries[place].1)
    }
}

impl FunctionDecoder for ModuleDecoder {
    fn decode(&self, vm: &Vm, function: u32) -> Result<DecodedFunction, LoadError> {
        decode_function(vm, self, function)
    }
    fn stub(&self) -> [u32; 2] {
        [Instruction::Undecoded.number(), 0]
    }
    fn jump(&self, distance: u32) -> [u32; 2] {
        [Instruction::Jump.number(), distance]
    }
}

/// Makes a module of a file. What is wrong with a function's code is found when it is decoded.
pub(crate) fn prepare(vm: &Vm, mut file: BeamFile) -> Result<Prepared, LoadError> {
    if file.has_latin1_atoms {
        return Err(bad("please re-compile this module with an Erlang/OTP 27 compiler"));
    }
    let full = || bad("the atom table is full");
    let atoms: Vec<Atom> =
        file.atoms.iter().map(|name| vm.atoms.intern(name).ok_or_else(full)).collect::<Result<_, _>>()?;
    let module = vm.atoms.intern(&file.module).ok_or_else(full)?;
    check_information(vm, &file)?;
    let (literal_block, literals) = decode_literals(vm, &file)?;
    // A command of a match may look at an operand more than once.
    let integer_words: usize = file.outline.functions.iter().map(|function| 2 * function.integer_words).sum();
    let integers = vm.code.literals.block(integer_words).ok_or_else(|| bad("the literal area is full"))?;
    mention_imports(vm, &file, &atoms);
    let lambdas: Vec<_> = file.lambdas.iter().map(|lambda| fun_entry(vm, &file, module, &atoms, lambda)).collect();
    let files = match &file.lines.files {
        files if files.is_empty() => vec![format!("{}.erl", file.module)],
        files => files.clone(),
    };
    let (attributes, compile_info) = (file.attributes().to_vec(), file.compile_info().to_vec());
    let strings = file.strings().into();
    file.keep_code_only();
    let mut entries: Vec<(u32, u32)> =
        file.outline.functions.iter().map(|function| function.entry_label).zip(0..).collect();
    entries.sort_unstable();
    let decoder =
        ModuleDecoder { module, atoms, literals, integers: Mutex::new(integers), lambdas, strings, entries, file };
    let parts = parts(decoder, literal_block, files, (attributes, compile_info))?;
    let code = ModuleCode::new(&vm.code.area, parts).ok_or_else(|| bad("the code area is full"))?;
    Ok(Prepared { code: Arc::new(code) })
}

fn parts(
    decoder: ModuleDecoder,
    literals: LiteralBlock,
    files: Vec<String>,
    (attributes, compile_info): (Vec<u8>, Vec<u8>),
) -> Result<ModuleParts, LoadError> {
    let (file, atoms) = (&decoder.file, &decoder.atoms);
    let functions = &file.outline.functions;
    let exports = file.exports.iter().map(|export| {
        let function = decoder.function_of(export.label).ok_or_else(|| bad("an export has no code"))?;
        Ok((atoms[export.function.index()], export.arity as u8, function))
    });
    let lambdas = decoder.lambdas.iter().zip(&file.lambdas);
    let lambdas = lambdas.filter_map(|(entry, lambda)| Some((*entry, decoder.function_of(lambda.label)?)));
    let information = ModuleInformation {
        module: decoder.module,
        md5: file.md5,
        exports: exports.collect::<Result<_, LoadError>>()?,
        lambdas: lambdas.collect(),
        files,
        attributes,
        compile_info,
        on_load: functions.iter().position(|function| function.is_on_load).map(|index| index as u32),
        size: file.outline.instruction_count * 4,
    };
    let functions = functions.iter().map(|function| (atoms[function.name.index()], function.arity as u8)).collect();
    Ok(ModuleParts { information, functions, literals, decoder: Box::new(decoder) })
}

/// Makes the export cells of what the module calls: they are listed in the order in which they were first mentioned.
fn mention_imports(vm: &Vm, file: &BeamFile, atoms: &[Atom]) {
    for import in &file.imports {
        let (module, function) = (atoms[import.module.index()], atoms[import.function.index()]);
        if let Ok(arity) = u8::try_from(import.arity)
            && vm.bif(module, function, arity).is_none_or(|bif| bif.flags.nif)
        {
            vm.code.export(module, function, arity);
        }
    }
}

/// The module's literals, in a block of their own.
fn decode_literals(vm: &Vm, file: &BeamFile) -> Result<(LiteralBlock, Vec<Word>), LoadError> {
    let context = VmContext { vm };
    let heap = Heap::new(HeapOptions { min_heap_words: 1024, literals: vm.literals(), ..HeapOptions::default() });
    let mut terms = Vec::with_capacity(file.literals.len());
    for bytes in file.literals.iter() {
        let decoded = oxbeam_etf::decode(bytes, &heap, &context, oxbeam_etf::DecodeOptions::default());
        terms.push(decoded.map_err(|_| bad("a literal is malformed"))?.term);
    }
    let sizes = terms.iter().map(|term| oxbeam_term::size_in_words(*term, LiteralRange::EMPTY));
    let full = || bad("the literal area is full");
    let mut block = vm.code.literals.block(sizes.sum()).ok_or_else(full)?;
    let words = terms.into_iter().map(|term| block.store(term).ok_or_else(full)).collect::<Result<_, _>>()?;
    block.finish();
    Ok((block, words))
}

/// Refuses a file whose attributes or compiler's options are there, but are no term.
fn check_information(vm: &Vm, file: &BeamFile) -> Result<(), LoadError> {
    let heap = Heap::new(HeapOptions { literals: vm.literals(), ..HeapOptions::default() });
    for bytes in [file.attributes(), file.compile_info()] {
        let options = oxbeam_etf::DecodeOptions::default();
        if !bytes.is_empty() && oxbeam_etf::decode(bytes, &heap, &VmContext { vm }, options).is_err() {
            return Err(bad("the attributes or the compiler's options are malformed"));
        }
    }
    Ok(())
}

fn fun_entry(vm: &Vm, file: &BeamFile, module: Atom, atoms: &[Atom], lambda: &beam::Lambda) -> &'static FunEntry {
    vm.code.fun_entry(FunEntry {
        module,
        function: atoms[lambda.function.index()],
        arity: lambda.arity.saturating_sub(lambda.free_count) as u8,
        free_count: lambda.free_count,
        index: lambda.index,
        old_uniq: lambda.old_uniq,
        uniq: file.md5,
        address: AtomicU64::new(0),
    })
}
