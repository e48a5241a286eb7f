//! The loader's decoder and the interpreter.
//!
//! [`Interpreter`] is an [`oxbeam_runtime::Engine`]: `prepare.rs` makes a module of a `.beam` file; when one of its functions
//! is called for the first time, `decode.rs` turns its generic instructions into a stream of 32-bit words with every operand resolved (`instruction.rs` has the layout), `run.rs` executes it.

mod arithmetic;
mod bif_call;
mod binaries;
mod binary_build;
mod binary_match;
mod calls;
mod control;
mod data;
mod decode;
mod decode_match;
mod dirty;
mod dispatch;
mod exception;
mod floats;
mod guards;
mod instruction;
mod maps;
mod messages;
mod old_construction;
mod prepare;
mod run;
mod select;
mod state;
mod tests;
mod trace;

use instruction::Instruction;
use oxbeam_beam_file::BeamFile;
use oxbeam_runtime::{Engine, LoadError, Outcome, Prepared, Process, ProcessMain, Vm};
use std::sync::Arc;

/// Executes decoded code, one instruction at a time.
pub struct Interpreter {
    /// Instructions that belong to no module: where processes start and end.
    stubs: Box<[u32]>,
}

impl Interpreter {
    /// An interpreter for one machine.
    pub fn new() -> Interpreter {
        Interpreter {
            stubs: Box::new([
                Instruction::ApplyStart.number(),
                Instruction::NormalExit.number(),
                Instruction::Apply3Only.number(),
                Instruction::ReturnTrace.number(),
                Instruction::TracedBifReturn.number(),
                Instruction::FuncInfo.number(),
            ]),
        }
    }
    /// Address of the instruction that ends a process normally; the outermost return address.
    fn normal_exit_address(&self) -> u64 {
        self.stubs.as_ptr().wrapping_add(1) as u64
    }
    /// Where traced calls return to.
    fn return_trace_address(&self) -> u64 {
        self.stubs.as_ptr().wrapping_add(3) as u64
    }
    /// Where traced BIFs return to that were called in tail position.
    fn bif_return_address(&self) -> u64 {
        self.stubs.as_ptr().wrapping_add(4) as u64
    }
    /// Address of the instruction that applies saved registers and returns to what is on the stack.
    fn apply_only_address(&self) -> u64 {
        self.stubs.as_ptr().wrapping_add(2) as u64
    }
}

impl Default for Interpreter {
    fn default() -> Interpreter {
        Interpreter::new()
    }
}

impl Engine for Interpreter {
    fn prepare(&self, vm: &Vm, file: BeamFile) -> Result<Prepared, LoadError> {
        prepare::prepare(vm, file)
    }
    fn run(&self, vm: &Vm, process: &Arc<Process>, main: &mut ProcessMain, dirty: bool, budget: i32) -> Outcome {
        run::Run::run(self, vm, process, main, dirty, budget)
    }
    fn breakpoint(&self) -> u32 {
        Instruction::Breakpoint.number()
    }
    fn export_breakpoint(&self) -> u32 {
        Instruction::ExportBreakpoint.number()
    }
    fn apply_address(&self) -> u64 {
        self.stubs.as_ptr() as u64
    }
}
