//! Where a process is: the chain of return addresses on its stack, and what functions they belong to.

use crate::Vm;
use oxbeam_term::{Atom, Heap, Term, atoms};

/// The largest line number that a location tells; OTP keeps 24 bits of it.
const LINE_MAX: u64 = (1 << 24) - 1;

/// A function on the way to where a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Module.
    pub module: Atom,
    /// Function.
    pub function: Atom,
    /// Arity.
    pub arity: u8,
    /// File and line, when the module has line information.
    pub location: Option<(String, u32)>,
}

impl Frame {
    /// File and line.
    pub fn location(&self) -> Option<(&str, u32)> {
        self.location.as_ref().map(|(file, line)| (file.as_str(), *line))
    }
}

/// Return addresses on the stack, the most recent first, without immediate repetitions.
pub fn return_addresses(heap: &Heap, depth: usize) -> impl Iterator<Item = u64> + '_ {
    let mut last = None;
    let addresses = heap.stack().iter().filter(|word| word.is_return_address()).map(|word| word.code_address());
    addresses.filter(move |address| last.replace(*address) != Some(*address)).take(depth)
}

impl Vm {
    /// The function at a return address (or just behind the address of an instruction).
    pub fn frame_at(&self, address: u64) -> Option<Frame> {
        // The address behind a call may already belong to the next function: look at the call itself.
        self.code.look_at(address.checked_sub(4)?, |place| {
            let function = place.function()?;
            let location = place.line().filter(|(_, line)| u64::from(*line) <= LINE_MAX);
            let location = location.map(|(file, line)| (file.to_owned(), line));
            Some(Frame { module: place.code.module, function: function.name, arity: function.arity, location })
        })
    }
    /// The same as it stands in a stack trace.
    pub fn frame_term_at<'h>(&self, heap: &'h Heap, address: u64) -> Option<Term<'h>> {
        let address = address.checked_sub(4)?;
        self.code.look_at(address, |place| {
            let function = place.function()?;
            let location = place.line().filter(|(_, line)| u64::from(*line) <= LINE_MAX);
            Some(heap.tuple(&[
                Term::atom(place.code.module),
                Term::atom(function.name),
                Term::small(i64::from(function.arity)),
                self.location_term(heap, location),
            ]))
        })
    }
    /// The frames of a process, the most recent first. `current` is the address behind its current instruction.
    pub fn frames(&self, current: Option<u64>, heap: &Heap, depth: usize) -> Vec<Frame> {
        let addresses = current.into_iter().chain(return_addresses(heap, depth));
        addresses.filter_map(|address| self.frame_at(address)).take(depth).collect()
    }
    /// `[{file, File}, {line, Line}]`, or `[]`.
    pub fn location_term<'h>(&self, heap: &'h Heap, location: Option<(&str, u32)>) -> Term<'h> {
        let Some((file, line)) = location else { return Term::NIL };
        let pair = |name, value| heap.tuple(&[Term::atom(name), value]);
        heap.list(&[pair(atoms::FILE, heap.string(file)), pair(atoms::LINE, Term::small(i64::from(line)))])
    }
    /// A frame as it stands in a stack trace: `{Module, Function, Arity, Location}`.
    pub fn frame_term<'h>(&self, heap: &'h Heap, frame: &Frame) -> Term<'h> {
        heap.tuple(&[
            Term::atom(frame.module),
            Term::atom(frame.function),
            Term::small(i64::from(frame.arity)),
            self.location_term(heap, frame.location()),
        ])
    }
}
