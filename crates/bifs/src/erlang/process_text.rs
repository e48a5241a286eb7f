//! What is known of a process as text, as OTP's crash dumps and the match specification function `process_dump` have it.

use oxbeam_runtime::{LinkTarget, Process, ProcessState, Vm, collection_sizes};
use oxbeam_term::{Heap, Term, atoms, display_text};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

/// The text of a process that runs or is held still.
pub(crate) fn process_text(vm: &Vm, process: &Process, heap: &Heap, state: &ProcessState) -> String {
    let mut text = String::new();
    let shown = |term: Term<'_>| display_text(term, None, &vm.atoms);
    let function =
        |module, function, arity: u8| format!("{}:{}/{arity}", vm.atoms.text(module), vm.atoms.text(function));
    let _ = writeln!(text, "=proc:{}\nState: Running", process.pid());
    if let Some(name) = process.registered_name() {
        let _ = writeln!(text, "Name: {}", vm.atoms.text(name));
    }
    let (module, name, arity) = state.initial_call;
    let _ = writeln!(text, "Spawned as: {}", function(module, name, arity));
    if let Some(frame) = vm.frame_at(state.current_address) {
        let _ = writeln!(text, "Last scheduled in for: {}", function(frame.module, frame.function, frame.arity));
    }
    let parent = state.parent.map_or_else(|| "[]".into(), |pid| pid.to_string());
    let _ = writeln!(text, "Spawned by: {parent}\nMessage queue length: {}", state.messages.len());
    let links: Vec<String> = state
        .links
        .keys()
        .map(|end| match end {
            LinkTarget::Process(pid) => shown(Term::pid(*pid)),
            LinkTarget::Port(port) => shown(Term::port(*port)),
            LinkTarget::Remote(pid) => {
                shown(oxbeam_term::OwnedTerm::build(vm.literals(), |heap| pid.term(heap)).term())
            }
        })
        .collect();
    if !links.is_empty() {
        let _ = writeln!(text, "Link list: [{}]", links.join(", "));
    }
    let dictionary: Vec<String> = state
        .dictionary_copy(heap)
        .into_iter()
        .map(|(key, value)| format!("{{{},{}}}", shown(key), shown(value)))
        .collect();
    if !dictionary.is_empty() {
        let _ = writeln!(text, "Dictionary: [{}]", dictionary.join(","));
    }
    let _ = writeln!(text, "Reductions: {}", process.reductions.load(Ordering::Relaxed));
    sizes(&mut text, heap);
    stack(&mut text, vm, heap, state);
    text
}

fn sizes(text: &mut String, heap: &Heap) {
    let sizes = collection_sizes(heap, heap.options().min_virtual_words);
    let of = |atom| sizes.iter().find(|(name, _)| *name == atom).map_or(0, |(_, words)| *words);
    let (block, old) = (of(atoms::HEAP_BLOCK_SIZE), of(atoms::OLD_HEAP_BLOCK_SIZE));
    let unused = block.saturating_sub(of(atoms::HEAP_SIZE) + of(atoms::STACK_SIZE));
    let old_unused = old.saturating_sub(of(atoms::OLD_HEAP_SIZE));
    let (binaries, limit) = (of(atoms::BIN_VHEAP_SIZE), of(atoms::BIN_VHEAP_BLOCK_SIZE));
    let _ = writeln!(text, "Stack+heap: {block}\nOldHeap: {old}\nHeap unused: {unused}\nOldHeap unused: {old_unused}");
    let _ = writeln!(text, "BinVHeap: {binaries}\nOldBinVHeap: 0");
    let _ = writeln!(text, "BinVHeap unused: {}\nOldBinVHeap unused: {limit}", limit.saturating_sub(binaries));
    let _ = writeln!(text, "Memory: {}", heap.total_words() * 8);
}

fn stack(text: &mut String, vm: &Vm, heap: &Heap, state: &ProcessState) {
    let place = |address: u64| match vm.frame_at(address) {
        Some(frame) => {
            format!("{}:{}/{}", vm.atoms.text(frame.module), vm.atoms.text(frame.function), frame.arity)
        }
        None => "unknown function".into(),
    };
    let _ = writeln!(text, "Stack dump:");
    let _ = writeln!(text, "Program counter: 0x{:016x} ({})", state.current_address, place(state.current_address));
    let mut register = 0;
    for word in heap.stack() {
        if word.is_return_address() {
            let address = word.code_address();
            let _ = writeln!(text, "\nReturn addr 0x{address:016x} ({})", place(address));
            register = 0;
            continue;
        }
        // What registers hold is not shown: it may be large.
        let value = if word.is_immediate_of(oxbeam_term::word::ImmediateKind::Catch) { "Catch" } else { "_" };
        let _ = writeln!(text, "y({register})     {value}");
        register += 1;
    }
}
