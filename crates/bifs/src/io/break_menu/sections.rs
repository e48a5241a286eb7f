//! Sections of text on everything but processes: what the break menu shows and crash dumps hold.
//!
//! What OTP tells of its allocators and hash tables has nothing to correspond to here, and is left out.

use crate::io::ports::port::{Device, PortObject};
use oxbeam_ets::{Access, Position, Step, TableState, table_of};
use oxbeam_runtime::Vm;
use oxbeam_sys::clock;
use oxbeam_term::{MagicObject, Pid, Port, atom_text, display_text};
use std::fmt::Write as _;

/// Memory, and how full the tables of names are.
pub(crate) fn information(vm: &Vm) -> String {
    let mut text = crate::erlang::system::memory_section(vm);
    let atoms = vm.atoms.count();
    let indexes = [
        ("atom_tab", vm.atoms.limit() as usize, atoms as usize),
        ("module_code", usize::MAX, vm.code.loaded().len()),
        ("export_list", usize::MAX, vm.code.exports().len()),
        ("process_reg", usize::MAX, vm.registry.names().len()),
    ];
    for (name, limit, entries) in indexes {
        let _ = writeln!(text, "=index_table:{name}");
        if limit != usize::MAX {
            let _ = writeln!(text, "limit: {limit}");
        }
        let _ = writeln!(text, "entries: {entries}");
    }
    text
}

/// Sizes of the code of all modules: in all, and by name.
pub(crate) fn loaded(vm: &Vm) -> String {
    let mut text = String::new();
    let (mut current, mut old) = (0, 0);
    for module in vm.code.loaded() {
        let size = vm.code.current(module).map_or(0, |code| code.size);
        let _ = write!(text, "{} {size}", atom_text(module, &vm.atoms));
        if let Some(code) = vm.code.old(module) {
            old += code.size;
            let _ = write!(text, " ({} old)", code.size);
        }
        current += size;
        text.push('\n');
    }
    format!("Current code: {current}\nOld code: {old}\n{text}")
}

/// The same for a crash dump.
pub(super) fn modules(vm: &Vm) -> String {
    let mut text = String::new();
    let (mut current, mut old) = (0, 0);
    for module in vm.code.loaded() {
        let size = vm.code.current(module).map_or(0, |code| code.size);
        let _ = writeln!(text, "=mod:{}\nCurrent size: {size}", atom_text(module, &vm.atoms));
        if let Some(code) = vm.code.old(module) {
            old += code.size;
            let _ = writeln!(text, "Old size: {}", code.size);
        }
        current += size;
    }
    format!("Current code: {current}\nOld code: {old}\n{text}")
}

/// This node, and those it is connected to.
pub(super) fn distribution(vm: &Vm) -> String {
    format!("=node:{}\n=no_distribution\n", atom_text(vm.node().0, &vm.atoms))
}

/// The beginning of a crash dump.
pub(super) fn header(vm: &Vm, slogan: &str) -> String {
    let seconds = clock::system_ns() / 1_000_000_000;
    let now = clock::local_time(seconds).map_or_else(String::new, |now| now.to_string());
    let version = crate::erlang::system_info::system_version(vm);
    format!(
        "=erl_crash_dump:0.5\n{now}\nSlogan: {slogan}\nSystem version: {version}Taints: \nAtoms: {}\n",
        vm.atoms.count()
    )
}

/// A port.
pub(super) fn port(port: &PortObject) -> String {
    let Port(number) = port.id;
    let core = port.core.lock();
    let kind = match core.device {
        Device::None if port.name == b"forker" => "Port controls forker process",
        Device::None | Device::Inet(_) | Device::TraceFile(_) | Device::RamFile(_) => "Port controls linked-in driver",
        Device::Stream(_) if core.os_pid.is_some() => "Port controls external process",
        Device::Stream(_) => "Port is UNIX fd not opened by emulator",
    };
    let mut text = format!("=port:{}\nState: CONNECTED\nSlot: {number}\nConnected: {}\n", port.id, core.owner);
    if !core.links.is_empty() {
        let links: Vec<String> = core.links.iter().map(Pid::to_string).collect();
        let _ = writeln!(text, "Links: {}", links.join(", "));
    }
    let name = String::from_utf8_lossy(&port.name);
    let _ = writeln!(text, "{kind}: {name}\nInput: {}\nOutput: {}", core.input, core.output);
    text
}

/// A table, with its objects if they are wanted.
pub(super) fn table(vm: &Vm, shared: &MagicObject, with_objects: bool) -> Option<String> {
    let table = table_of(shared)?;
    let state = table.read(Pid { number: 0, serial: 0 }, Access::Info).ok()?;
    let name = atom_text(state.name, &vm.atoms);
    let mut text = format!(
        "=ets:{}\nSlot: {}\nTable: {}\nName: {name}\n",
        state.owner,
        table.id(),
        if table.options.named { name.clone() } else { table.id().to_string() }
    );
    if let Some((buckets, average, _)) = state.statistics() {
        let _ = writeln!(text, "Buckets: {buckets}\nChain Length Avg: {average:.6}");
    }
    let _ = writeln!(text, "Fixed: {}", state.is_fixed());
    if with_objects {
        objects(vm, &state, &mut text);
    }
    let _ = writeln!(
        text,
        "Objects: {}\nWords: {}\nType: {}\nProtection: {}\nCompressed: {}",
        state.len(),
        state.words(),
        vm.atoms.text(state.kind().atom()),
        vm.atoms.text(state.protection.atom()),
        table.options.compressed,
    );
    Some(text)
}

fn objects(vm: &Vm, state: &TableState, text: &mut String) {
    let mut number = 0;
    state.visit(Position::Start, None, false, usize::MAX, &vm.atoms, |objects| {
        if !objects.is_empty() {
            let shown: Vec<String> =
                objects.iter().map(|object| display_text(object.term(), None, &vm.atoms)).collect();
            let _ = writeln!(text, "{number}: [{}]", shown.join(","));
        }
        number += 1;
        Step::Continue
    });
}
