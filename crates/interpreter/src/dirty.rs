//! Making a dirty call: the process is given up meanwhile, so the call works on a shadow of it.

use crate::run::Run;
use oxbeam_runtime::{BifContext, BifFunction, DirtyState, Interrupt, Shadow};
use oxbeam_term::{Heap, Term, Word};

impl<'a> Run<'a> {
    /// Makes a dirty call. `None` when the process was killed meanwhile: nothing of it may be touched any more.
    #[cold]
    pub(crate) fn invoke_dirty(
        &mut self,
        function: BifFunction,
        arguments: &[Word],
    ) -> Option<Result<Word, Box<Interrupt<'a>>>> {
        let mut shadow = Shadow::new(self.heap());
        // SAFETY: the arguments are live terms. They live on the process's heap, which nobody collects during the call.
        let arguments: &'a [Term<'a>] =
            unsafe { std::slice::from_raw_parts(arguments.as_ptr().cast(), arguments.len()) };
        let reductions: *mut i32 = &raw mut self.reductions;
        // SAFETY: what the call builds on this heap is valid as long as the process's heap is: its memory is either
        // merged into that, without moving, or the result is thrown away with it.
        let heap: &'a Heap = unsafe { &*(&raw const shadow.heap) };
        self.vm.enter_dirty_call(self.process, DirtyState::Running);
        let result = {
            let mut context = BifContext {
                vm: self.vm,
                heap,
                process: self.process,
                // SAFETY: the shadow outlives the call, and nothing else touches its state meanwhile.
                state: unsafe { &mut *(&raw mut shadow.state) },
                // SAFETY: as for the state.
                reductions: unsafe { &mut *reductions },
            };
            function(&mut context, arguments).map(Term::word)
        };
        if !self.vm.leave_dirty_call(self.process) {
            shadow.abandon(self.vm, self.process.pid());
            return None;
        }
        // SAFETY: the slice owns the process again, and no other reference to its main part is in use here.
        shadow.merge(unsafe { &mut *self.main });
        Some(result)
    }
}
