//! `system_info/1`.

use super::process::max_heap_size_map;
use super::system::{Settings, requests_limit};
use crate::io::break_menu::sections;
use crate::io::ports::PortTable;
use crate::io::signals::SignalCenter;
use oxbeam_bif_macros::bif;
use oxbeam_ets::Tables;
use oxbeam_number::MAX_LIMBS;
use oxbeam_runtime::{BifContext, BifResult, DirtyKind, SLICE_REDUCTIONS, SystemLogger, Vm};
use oxbeam_sys::clock;
use oxbeam_term::{Atom, Heap, Term, atoms, next_heap_size};
use std::sync::atomic::Ordering;

/// Release of OTP whose libraries this machine runs.
pub const OTP_RELEASE: &str = "27";
/// Version of OTP's runtime system that this machine stands in for.
pub const ERTS_VERSION: &str = "15.2.7";
/// The architecture as OTP's own libraries are installed for it.
const ARCHITECTURE: &str = "x86_64-pc-linux-gnu";
/// Largest heap in the list of heap sizes, in words.
const HEAP_WORDS_MAX: usize = 1 << 59;
/// When Erlang monotonic time begins.
const START_TIME: i64 = -576_460_752_000_000_000;
/// And when it ends.
const END_TIME: i64 = i64::MAX;

/// Facts about the machine.
///
/// # Errors
///
/// `badarg` for an unknown item.
#[bif("erlang:system_info/1")]
fn system_info<'h>(cx: &mut BifContext<'h>, item: Term<'h>) -> BifResult<'h> {
    let value = match item.as_atom() {
        Some(name) => text_item(cx, name)
            .or_else(|| constant_item(cx, name))
            .or_else(|| super::schedulers::item(cx, name))
            .or_else(|| counted_item(cx, name))
            .or_else(|| memory_item(cx, name))
            .or_else(|| machine_item(cx, name)),
        None => pair_item(cx, item),
    };
    match value {
        Some(value) => Ok(value),
        None => cx.badarg(),
    }
}

fn pair<'h>(heap: &'h Heap, name: Atom, value: Term<'h>) -> Term<'h> {
    heap.tuple(&[Term::atom(name), value])
}

fn pair_item<'h>(cx: &BifContext<'h>, item: Term<'h>) -> Option<Term<'h>> {
    if let Some([name, reference, allocators]) = item.as_tuple_of::<3>()
        && cx.text(name.as_atom()?) == "memory_internal"
    {
        return super::allocators::send_fixed_sizes(cx, *reference, *allocators);
    }
    let [name, which] = item.as_tuple_of::<2>()?;
    if name.is_atom(atoms::ALLOCATOR_SIZES) || name.is_atom(atoms::ALLOCATOR) {
        return super::allocators::sizes(cx, *which);
    }
    match (name.as_atom()?, which.as_atom()?) {
        (atoms::WORDSIZE, atoms::INTERNAL | atoms::EXTERNAL) => Some(Term::small(8)),
        (atoms::CPU_TOPOLOGY, atoms::DEFINED) => Some(Term::atom(atoms::UNDEFINED)),
        (atoms::CPU_TOPOLOGY, atoms::DETECTED | atoms::USED) => Some(cpu_topology(cx)),
        _ => None,
    }
}

/// One processor with a core for each logical processor.
fn cpu_topology<'h>(cx: &BifContext<'h>) -> Term<'h> {
    let heap = cx.heap;
    let core = |number: usize| pair(heap, atoms::CORE, pair(heap, atoms::LOGICAL, heap.unsigned(number as u64)));
    let cores: Vec<Term<'h>> = (0..clock::processors().1.unwrap_or(1)).map(core).collect();
    heap.list(&[pair(heap, atoms::PROCESSOR, heap.list(&cores))])
}

/// The line that introduces the system.
pub(crate) fn system_version(vm: &Vm) -> String {
    let schedulers = &vm.schedulers;
    let (count, cpu) = (schedulers.count(), schedulers.dirty_count(DirtyKind::Cpu));
    let io = schedulers.dirty_count(DirtyKind::Io);
    let (online, cpu_online) = (vm.scheduler_counts().online, vm.dirty_scheduler_counts(DirtyKind::Cpu).online);
    format!(
        "Erlang/OTP {OTP_RELEASE} [erts-{ERTS_VERSION}] [source] [64-bit] [smp:{count}:{online}] \
         [ds:{cpu}:{cpu_online}:{io}] [async-threads:{}]\n",
        vm.options.async_threads
    )
}

fn text_item<'h>(cx: &BifContext<'h>, name: Atom) -> Option<Term<'h>> {
    let text = match name {
        atoms::OTP_RELEASE => OTP_RELEASE.to_owned(),
        atoms::VERSION => ERTS_VERSION.to_owned(),
        atoms::MACHINE => "BEAM".to_owned(),
        atoms::SYSTEM_ARCHITECTURE => ARCHITECTURE.to_owned(),
        atoms::DRIVER_VERSION => "3.3".to_owned(),
        atoms::NIF_VERSION => "2.17".to_owned(),
        atoms::SYSTEM_VERSION => system_version(cx.vm),
        _ => return None,
    };
    Some(cx.heap.string(&text))
}

fn constant_item<'h>(cx: &BifContext<'h>, name: Atom) -> Option<Term<'h>> {
    let (heap, options) = (cx.heap, &cx.vm.options);
    Some(match name {
        atoms::EMU_FLAVOR => Term::atom(atoms::EMU),
        atoms::EMU_TYPE | atoms::BUILD_TYPE => Term::atom(atoms::OPT),
        atoms::DEBUG_COMPILED
        | atoms::LOCK_CHECKING
        | atoms::LOCK_COUNTING
        | atoms::DYNAMIC_TRACE_PROBES
        | atoms::EAGER_CHECK_IO => Term::FALSE,
        atoms::ASYNC_DIST => Term::boolean(options.async_distribution),
        atoms::PORT_PARALLELISM => Term::boolean(options.port_parallelism),
        atoms::ETS_ALWAYS_COMPRESS => Term::boolean(options.ets_always_compressed),
        atoms::BREAK_IGNORED => Term::boolean(cx.vm.extension::<SignalCenter>().is_break_ignored()),
        atoms::SMP_SUPPORT | atoms::THREADS | atoms::KERNEL_POLL | atoms::TIME_CORRECTION => Term::TRUE,
        atoms::COMPAT_REL => Term::small(27),
        atoms::ENDIAN => Term::atom(atoms::LITTLE),
        atoms::DYNAMIC_TRACE => Term::atom(atoms::NONE),
        atoms::HEAP_TYPE => Term::atom(atoms::PRIVATE),
        atoms::MODIFIED_TIMING_LEVEL => Term::atom(atoms::UNDEFINED),
        atoms::DIST_CTRL => super::node::controllers(cx),
        atoms::TAINTS => Term::NIL,
        atoms::SCHEDULER_BIND_TYPE => Term::atom(atoms::UNBOUND),
        atoms::SCHEDULER_BINDINGS => heap.tuple_from(cx.vm.schedulers.count(), |_| Term::atom(atoms::UNBOUND)),
        atoms::THREAD_POOL_SIZE => heap.unsigned(options.async_threads as u64),
        atoms::TIME_OFFSET => Term::atom(atoms::FINAL),
        atoms::TIME_WARP_MODE => Term::atom(atoms::NO_TIME_WARP),
        atoms::TOLERANT_TIMEOFDAY => Term::atom(atoms::ENABLED),
        atoms::WORDSIZE => Term::small(8),
        atoms::CONTEXT_REDUCTIONS => Term::small(SLICE_REDUCTIONS.into()),
        atoms::DIST_BUF_BUSY_LIMIT => heap.unsigned(options.distribution_busy_bytes as u64),
        atoms::DELAYED_NODE_TABLE_GC => Term::small(60),
        atoms::MESSAGE_QUEUE_DATA => {
            Term::atom(if options.off_heap_messages { atoms::OFF_HEAP } else { atoms::ON_HEAP })
        }
        atoms::MAX_INTEGER => largest_integer(heap),
        // Instructions name the code that runs them by a number, its place in a table.
        _ if cx.text(name) == "beam_jump_table" => Term::TRUE,
        _ if cx.text(name) == "sequential_tracer" => {
            heap.tuple(&[Term::atom(name), crate::tracing::sequential::tracer(cx.vm)])
        }
        atoms::START_TIME => heap.integer(START_TIME),
        atoms::END_TIME => heap.integer(END_TIME),
        _ => return None,
    })
}

/// The largest integer there can be.
fn largest_integer(heap: &Heap) -> Term<'_> {
    heap.integer_from_bytes(&vec![0xff; MAX_LIMBS * 8], false)
}

fn counted_item<'h>(cx: &BifContext<'h>, name: Atom) -> Option<Term<'h>> {
    let (vm, schedulers) = (cx.vm, &cx.vm.schedulers);
    let count = match name {
        atoms::SCHEDULERS => schedulers.count(),
        atoms::SCHEDULER_ID => schedulers.current().max(1),
        atoms::DIRTY_CPU_SCHEDULERS => schedulers.dirty_count(DirtyKind::Cpu),
        atoms::DIRTY_IO_SCHEDULERS => schedulers.dirty_count(DirtyKind::Io),
        atoms::PROCESS_COUNT => vm.processes.count(),
        atoms::PROCESS_LIMIT => vm.processes.limit(),
        atoms::PORT_COUNT => vm.extension::<PortTable>().count(),
        atoms::PORT_LIMIT => vm.options.port_limit,
        atoms::ATOM_COUNT => vm.atoms.count() as usize,
        atoms::ATOM_LIMIT => vm.atoms.limit() as usize,
        atoms::ETS_COUNT => vm.extension::<Tables>().count(),
        atoms::ETS_LIMIT => vm.options.ets_table_limit,
        atoms::CREATION => vm.node().1 as usize,
        atoms::OUTSTANDING_SYSTEM_REQUESTS_LIMIT => requests_limit(cx) as usize,
        atoms::TRACE_CONTROL_WORD => vm.extension::<Settings>().trace_control_word.load(Ordering::Relaxed) as usize,
        atoms::LOGICAL_PROCESSORS => clock::processors().0?,
        atoms::LOGICAL_PROCESSORS_ONLINE => clock::processors().1?,
        atoms::LOGICAL_PROCESSORS_AVAILABLE => clock::available_processors(),
        _ => return None,
    };
    Some(cx.heap.unsigned(count as u64))
}

fn memory_item<'h>(cx: &BifContext<'h>, name: Atom) -> Option<Term<'h>> {
    let (heap, defaults) = (cx.heap, &cx.vm.defaults);
    let number = |number: usize| heap.unsigned(number as u64);
    let fullsweep = || number(defaults.fullsweep_after.load(Ordering::Relaxed) as usize);
    let min_heap = || number(defaults.min_heap_words.load(Ordering::Relaxed));
    let min_virtual = || number(defaults.min_virtual_words.load(Ordering::Relaxed));
    Some(match name {
        atoms::FULLSWEEP_AFTER => pair(heap, name, fullsweep()),
        atoms::MIN_HEAP_SIZE => pair(heap, name, min_heap()),
        atoms::MIN_BIN_VHEAP_SIZE => pair(heap, name, min_virtual()),
        atoms::MAX_HEAP_SIZE => {
            let limit = *defaults.max_heap_size.lock();
            max_heap_size_map(heap, cx.atoms(), limit)
        }
        atoms::GARBAGE_COLLECTION => {
            let size = defaults.max_heap_size.lock().size;
            heap.list(&[
                pair(heap, atoms::MAX_HEAP_SIZE, number(size)),
                pair(heap, atoms::MIN_BIN_VHEAP_SIZE, min_virtual()),
                pair(heap, atoms::MIN_HEAP_SIZE, min_heap()),
                pair(heap, atoms::FULLSWEEP_AFTER, fullsweep()),
            ])
        }
        atoms::HEAP_SIZES => {
            let mut sizes = vec![number(12)];
            let mut size = next_heap_size(1);
            while size < HEAP_WORDS_MAX {
                sizes.push(number(size));
                size = next_heap_size(size + 1);
            }
            heap.list(&sizes)
        }
        // The counts of processors that are told are the system's own: no quota is looked for.
        atoms::CPU_QUOTA => Term::atom(atoms::UNKNOWN),
        atoms::UPDATE_CPU_INFO => Term::atom(atoms::UNCHANGED),
        atoms::ALLOCATOR => super::allocators::settings(cx.vm, heap),
        atoms::ALLOC_UTIL_ALLOCATORS => super::allocators::names(cx.vm, heap),
        atoms::ALLOCATED_AREAS => {
            let area = |name, bytes: usize| heap.tuple(&[Term::atom(name), number(bytes)]);
            let atom_bytes = cx.vm.atoms.text_bytes();
            heap.list(&[
                heap.tuple(&[Term::atom(atoms::ATOM_SPACE), number(atom_bytes), number(atom_bytes)]),
                area(atoms::ATOM_TABLE, cx.vm.atoms.count() as usize * 16),
                area(atoms::LOADED_CODE, cx.vm.code.bytes()),
                area(atoms::PROCESS_TABLE, cx.vm.processes.limit() * 16),
            ])
        }
        _ => return None,
    })
}

fn time_source<'h>(cx: &BifContext<'h>, clock_name: Atom, time: i64, monotonic: bool) -> Term<'h> {
    let heap = cx.heap;
    let resolution = || heap.integer(1_000_000_000);
    let mut pairs = vec![
        pair(heap, atoms::FUNCTION, Term::atom(atoms::CLOCK_GETTIME)),
        pair(heap, atoms::CLOCK_ID, Term::atom(clock_name)),
        pair(heap, atoms::RESOLUTION, resolution()),
    ];
    if monotonic {
        pairs.push(pair(heap, atoms::USED_RESOLUTION, resolution()));
        pairs.push(pair(heap, atoms::EXTENDED, Term::atom(atoms::NO)));
    }
    pairs.push(pair(heap, atoms::PARALLEL, Term::atom(atoms::YES)));
    pairs.push(pair(heap, atoms::TIME, heap.integer(time)));
    heap.list(&pairs)
}

fn machine_item<'h>(cx: &BifContext<'h>, name: Atom) -> Option<Term<'h>> {
    let heap = cx.heap;
    Some(match name {
        atoms::OS_TYPE => heap.tuple(&[Term::atom(atoms::UNIX), Term::atom(atoms::LINUX)]),
        atoms::OS_VERSION => {
            let (_, release) = oxbeam_sys::name::operating_system();
            let mut numbers = release
                .split(|byte| !byte.is_ascii_digit())
                .map(|digits| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()));
            heap.tuple_from(3, |_| Term::small(numbers.next().flatten().unwrap_or(0).into()))
        }
        atoms::SNIFS => {
            let name = |text| cx.vm.atoms.intern(text).map_or(Term::NIL, Term::atom);
            let bifs = cx.vm.bifs.iter().filter(|bif| !bif.flags.nif);
            let bifs: Vec<Term<'h>> = bifs
                .map(|bif| heap.tuple(&[name(bif.module), name(bif.function), Term::small(i64::from(bif.arity))]))
                .collect();
            heap.list(&bifs)
        }
        atoms::ETHREAD_INFO => {
            let text = |text| heap.string(text);
            let atomics = |name, native| heap.tuple(&[text(name), text(native), Term::NIL]);
            let double = if cfg!(target_has_atomic = "128") { "yes" } else { "no" };
            heap.list(&[
                atomics("32-bit native atomics", "yes"),
                atomics("64-bit native atomics", "yes"),
                atomics("Double word native atomics", double),
            ])
        }
        atoms::INFO => heap.binary(sections::information(cx.vm).as_bytes()),
        atoms::LOADED => heap.binary(sections::loaded(cx.vm).as_bytes()),
        atoms::PROCS => heap.binary(cx.vm.process_overview().as_bytes()),
        atoms::CPU_TOPOLOGY => cpu_topology(cx),
        atoms::SYSTEM_LOGGER => cx
            .vm
            .extension::<SystemLogger>()
            .get()
            .filter(|pid| cx.vm.process(*pid).is_some())
            .map_or(Term::atom(atoms::LOGGER), Term::pid),
        atoms::OS_MONOTONIC_TIME_SOURCE => time_source(cx, atoms::CLOCK_MONOTONIC, clock::monotonic_ns(), true),
        atoms::OS_SYSTEM_TIME_SOURCE => time_source(cx, atoms::CLOCK_REALTIME, clock::system_ns(), false),
        atoms::DIST => {
            let node = oxbeam_term::atom_text(cx.vm.node().0, cx.atoms());
            heap.binary(format!("=node:{node}\n=no_distribution\n").as_bytes())
        }
        atoms::C_COMPILER_USED => heap.tuple(&[Term::atom(atoms::RUSTC), Term::atom(atoms::UNDEFINED)]),
        _ => return None,
    })
}
