//! What the fuzz targets do with their input. Each function panics only when the machine is wrong.

use oxbeam::{Vm, VmOptions};
use oxbeam_ets::{Dialect, MatchSpec};
use oxbeam_etf::{DecodeOptions, EncodeOptions, decode, encode};
use oxbeam_regex::{CompileOptions, Regex, RunOptions, Subject};
use oxbeam_runtime::VmContext;
use oxbeam_term::{Heap, HeapOptions};
use std::cell::RefCell;
use std::sync::Arc;

/// Inputs after which the machine is replaced, before its tables of atoms and literals are full.
const INPUTS_PER_MACHINE: usize = 2000;

thread_local! {
    static MACHINE: RefCell<Option<(Arc<Vm>, usize)>> = const { RefCell::new(None) };
}

/// A machine without processes, shared by many inputs.
fn machine() -> Arc<Vm> {
    MACHINE.with_borrow_mut(|slot| {
        let (vm, left) = match slot.take() {
            Some((vm, left)) if left > 0 => (vm, left - 1),
            _ => (oxbeam::new_machine(VmOptions::default()), INPUTS_PER_MACHINE),
        };
        *slot = Some((vm.clone(), left));
        vm
    })
}

/// Parses, verifies and disassembles a `.beam` file.
pub fn beam_file(data: &[u8]) {
    if let Ok(file) = oxbeam_beam_file::BeamFile::parse(data) {
        if let Ok(code) = file.code() {
            let text = |index| file.atom(index);
            let surroundings = oxbeam_beam_file::Surroundings { imports: &file.imports, text: &text };
            let _ = oxbeam_beam_file::verify(&code, &surroundings);
        }
        let _ = oxbeam_beam_file::disassemble(&file);
    }
}

/// Decodes a `.beam` file into the engine's code, as `check-load` does.
pub fn load(data: &[u8]) {
    let vm = machine();
    let _ = oxbeam::load_check(&vm, data);
}

/// Decodes an external term; what it gives must survive encoding and decoding.
pub fn external_term(data: &[u8]) {
    let vm = machine();
    let context = VmContext { vm: &vm };
    let heap = Heap::new(HeapOptions { literals: vm.literals(), ..HeapOptions::default() });
    let Ok(decoded) = decode(data, &heap, &context, DecodeOptions::default()) else { return };
    let bytes = encode(decoded.term, &context, EncodeOptions::default()).expect("what fits in goes out again");
    let again = decode(&bytes, &heap, &context, DecodeOptions::default()).expect("our own encoding is well-formed");
    assert_eq!(again.used, bytes.len());
    assert!(again.term.is_exactly(decoded.term), "another term came back");
    assert!(decoded.term.compare(again.term, &vm.atoms).is_eq());
}

/// Compiles a pattern, and runs it on the rest of the input.
pub fn regex(data: &[u8]) {
    let [flags, rest @ ..] = data else { return };
    let end = rest.iter().position(|&byte| byte == 0xff).unwrap_or(rest.len());
    let (pattern, subject) = (&rest[..end], rest.get(end + 1..).unwrap_or(&[]));
    let options = CompileOptions {
        unicode: flags & 1 != 0 && std::str::from_utf8(pattern).is_ok(),
        caseless: flags & 2 != 0,
        extended: flags & 4 != 0,
        multiline: flags & 8 != 0,
        dotall: flags & 16 != 0,
        ungreedy: flags & 32 != 0,
        dupnames: flags & 64 != 0,
        ucp: flags & 128 != 0,
        ..CompileOptions::default()
    };
    let Ok(regex) = Regex::compile(pattern, options) else { return };
    let run = RunOptions { match_limit: Some(10_000), ..RunOptions::default() };
    if let Ok(Some(groups)) = regex.run(Subject::Bytes(subject), 0, &run) {
        for span in groups.into_iter().flatten() {
            assert!(span.start <= subject.len() && span.end <= subject.len());
        }
    }
}

/// Compiles a match specification given as an external term.
pub fn match_spec(data: &[u8]) {
    let vm = machine();
    let context = VmContext { vm: &vm };
    let heap = Heap::new(HeapOptions { literals: vm.literals(), ..HeapOptions::default() });
    let Ok(decoded) = decode(data, &heap, &context, DecodeOptions::default()) else { return };
    let _ = MatchSpec::compile(decoded.term, Dialect::Table, Some(0), &vm.atoms);
    let _ = MatchSpec::compile(decoded.term, Dialect::Trace, None, &vm.atoms);
    let _ = MatchSpec::keeps_key(decoded.term, 0, &vm.atoms);
}
