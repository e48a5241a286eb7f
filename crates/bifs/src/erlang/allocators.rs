//! What OTP tells of its allocators: here the machine's memory by the allocator that OTP would use for it, each with one
//! instance. Blocks fill their carriers, and what was largest is not kept.

use super::system::memory_now;
use oxbeam_runtime::{BifContext, Process, Vm};
use oxbeam_term::{Atom, Heap, Term, atoms};

/// OTP's allocators of the kind `alloc_util`, in its order.
const NAMES: [&str; 10] = [
    "temp_alloc",
    "sl_alloc",
    "std_alloc",
    "ll_alloc",
    "eheap_alloc",
    "ets_alloc",
    "fix_alloc",
    "literal_alloc",
    "binary_alloc",
    "driver_alloc",
];

/// Bytes in use of one of them; `None` for what is none.
fn bytes(vm: &Vm, name: &str) -> Option<u64> {
    let memory = memory_now(vm);
    let literals = vm.code.literals.used_words() as u64 * 8;
    let processes = (vm.processes.count() * size_of::<Process>()) as u64;
    Some(match name {
        "ll_alloc" => memory.atom + memory.code.saturating_sub(literals),
        "eheap_alloc" => memory.processes.saturating_sub(processes),
        "ets_alloc" => memory.ets,
        "fix_alloc" => processes,
        "literal_alloc" => literals,
        "binary_alloc" => memory.binary,
        _ if NAMES.contains(&name) => 0,
        _ => return None,
    })
}

fn atom<'h>(vm: &Vm, name: &str) -> Term<'h> {
    vm.atoms.intern(name).map_or(Term::atom(atoms::UNDEFINED), Term::atom)
}

/// `[{instance, 0, [{mbcs, Sizes}, {sbcs, Sizes}]}]` of an allocator.
fn instances<'h>(cx: &BifContext<'h>, allocator: Atom) -> Option<Term<'h>> {
    let (vm, heap) = (cx.vm, cx.heap);
    let bytes = heap.unsigned(bytes(vm, cx.text(allocator))?);
    let named = |name: &str, value: Term<'h>| heap.tuple(&[atom(vm, name), value]);
    let carriers = |name: &str, blocks: Term<'h>, size: Term<'h>| {
        let sizes = heap.tuple(&[atom(vm, "carriers_size"), size, size, size]);
        named(name, heap.list(&[named("blocks", blocks), sizes]))
    };
    let size = heap.tuple(&[Term::atom(atoms::SIZE), bytes, bytes, bytes]);
    let blocks = heap.list(&[heap.tuple(&[Term::atom(allocator), heap.list(&[size])])]);
    let information = [carriers("mbcs", blocks, bytes), carriers("sbcs", Term::NIL, Term::small(0))];
    let instance = [atom(vm, "instance"), Term::small(0), heap.list(&information)];
    Some(heap.list(&[heap.tuple(&instance)]))
}

/// `system_info({allocator_sizes, A})` and `system_info({allocator, A})`: of one allocator, or of each in a list.
pub(super) fn sizes<'h>(cx: &BifContext<'h>, which: Term<'h>) -> Option<Term<'h>> {
    if let Some(allocator) = which.as_atom() {
        return instances(cx, allocator);
    }
    let sizes = which.to_vec()?.into_iter().map(|name| {
        let name = name.as_atom()?;
        Some(cx.heap.tuple(&[Term::atom(name), instances(cx, name)?]))
    });
    Some(cx.heap.list(&sizes.collect::<Option<Vec<_>>>()?))
}

/// `system_info(alloc_util_allocators)`.
pub(super) fn names<'h>(vm: &Vm, heap: &'h Heap) -> Term<'h> {
    heap.list(&NAMES.map(|name| atom(vm, name)))
}

/// `system_info(allocator)`: that of the system, without version, what there is, and that each is enabled.
pub(super) fn settings<'h>(vm: &Vm, heap: &'h Heap) -> Term<'h> {
    let enabled = heap.list(&[heap.tuple(&[atom(vm, "e"), Term::TRUE])]);
    let settings = NAMES.map(|name| heap.tuple(&[atom(vm, name), enabled]));
    heap.tuple(&[Term::atom(atoms::UNDEFINED), Term::NIL, names(vm, heap), heap.list(&settings)])
}

/// `system_info({memory_internal, Reference, [fix_alloc]})`: the caller gets `{Reference, Thread, Information}` of each thread
/// that does auxiliary work; only the first has something to tell, the bytes of timers that send messages.
pub(super) fn send_fixed_sizes<'h>(cx: &BifContext<'h>, reference: Term<'h>, wanted: Term<'h>) -> Option<Term<'h>> {
    let (vm, heap) = (cx.vm, cx.heap);
    reference.as_reference()?;
    let wanted = wanted.to_vec()?;
    let fixed = atom(vm, "fix_alloc");
    if wanted.is_empty() || !wanted.iter().all(|name| name.is_exactly(fixed)) {
        return None;
    }
    let bytes = heap.unsigned(vm.extension::<super::timer::MessageTimers>().bytes() as u64);
    let types = heap.list(&[heap.tuple(&[atom(vm, "bif_timer"), bytes, bytes])]);
    let information = heap.list(&[heap.tuple(&[atom(vm, "fix_types"), types])]);
    let first = heap.list(&[heap.tuple(&[fixed, Term::small(0), information])]);
    for thread in 1..=vm.schedulers.count() {
        let told = if thread == 1 { first } else { Term::NIL };
        let message = cx.own(heap.tuple(&[reference, heap.unsigned(thread as u64), told]));
        vm.send_message(cx.pid(), message);
    }
    Some(Term::TRUE)
}
