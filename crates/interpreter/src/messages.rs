//! Sending and receiving messages.

use crate::run::{Flow, Position, Run};
use crate::state::{G, State, handlers, number_at};
use oxbeam_runtime::{LastCall, Outcome, Peek, Signal, trace_flag};
use oxbeam_term::{Term, Word, atoms};

/// Bytes of a message of another node that are decoded for one reduction.
const BYTES_PER_REDUCTION: usize = 64;

impl State {
    /// Goes on where a helper said, when that is a jump back within a function: no call, though a breakpoint may stand
    /// there.
    #[inline(always)]
    fn follow_within(mut self, run: &mut Run<'static>, flow: Flow) -> bool {
        let Some(to) = flow.target() else { return false };
        self.reload(run);
        // SAFETY: `to` is at an instruction, and the number is its own.
        unsafe {
            let number = run.number_within(to, number_at(to));
            self.go_as(run, to, number)
        }
    }
}

handlers! {
    fn send[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.send(ip))
    }
    fn remove_message[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.remove_message(ip))
    }
    fn timeout[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.timeout(ip))
    }
    fn loop_rec[](state, run) {
        match run.state().messages.look_behind() {
            Some(word) => {
                state.set_general(2, word);
                state.next(run, 3)
            }
            None => state.tail(run, loop_rec_near),
        }
    }
    fn loop_rec_near[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.loop_rec(ip))
    }
    fn loop_rec_end[](state, run) {
        run.state().messages.advance();
        state.reductions -= 1;
        if state.reductions <= 0 {
            return state.tail(run, loop_rec_yield);
        }
        let to = state.label(1);
        // SAFETY: `to` is at an instruction, and the number is its own.
        unsafe {
            let number = run.number_within(to, number_at(to));
            state.go_as(run, to, number)
        }
    }
    fn loop_rec_yield[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.loop_rec_yield(ip))
    }
    fn wait[](state, run) {
        state.sync(run);
        let flow = run.wait(state.ip);
        state.follow_within(run, flow)
    }
    fn wait_timeout[](state, run) {
        state.sync(run);
        let flow = run.wait_timeout(state.ip);
        state.follow_within(run, flow)
    }
    fn recv_marker_reserve[](state, run) {
        let position = run.state().messages.reserve_marker();
        state.set_general(1, Word::small(position));
        state.next(run, 2)
    }
    fn recv_marker_bind[](state, run) {
        run.bind_marker(state.get::<G>(run, 1), state.get::<G>(run, 2));
        state.next(run, 3)
    }
    fn recv_marker_clear[](state, run) {
        run.clear_marker(state.get::<G>(run, 1));
        state.next(run, 2)
    }
    fn recv_marker_use[](state, run) {
        run.use_marker(state.get::<G>(run, 1));
        state.next(run, 2)
    }
}

impl Run<'_> {
    #[inline(never)]
    fn bind_marker(&mut self, marker: Word, reference: Word) {
        if let (true, Some(reference)) = (marker.is_small(), self.term(reference).as_reference()) {
            self.state().messages.set_marker(reference.number(), marker.small_value());
        }
    }
    #[inline(never)]
    fn clear_marker(&mut self, reference: Word) {
        if let Some(reference) = self.term(reference).as_reference() {
            self.state().messages.clear_marker(reference.number());
        }
    }
    #[inline(never)]
    fn use_marker(&mut self, reference: Word) {
        if let Some(reference) = self.term(reference).as_reference() {
            self.state().messages.use_marker(reference.number());
        }
    }
    /// The message did not match, and the slice is over before the next one.
    #[inline(never)]
    fn loop_rec_yield(&mut self, ip: *const u32) -> Flow {
        self.suspend(self.label(ip, 1), 0, Outcome::Yield)
    }
    /// `x0 ! x1`.
    #[inline(never)]
    fn send(&mut self, ip: *const u32) -> Flow {
        if self.reductions < 0 && self.state().exiting.is_some() {
            return self.suspend(ip, 2, Outcome::Yield);
        }
        if self.saves_calls() {
            self.save_call(LastCall::Function(atoms::ERLANG, atoms::SEND, 2));
        }
        let (target, message) = (self.term(self.x(0)), self.term(self.x(1)));
        if let Some(pid) = target.as_pid() {
            let words = self.deliver(pid, message);
            self.reductions -= 1 + (words / 64) as i32;
            self.set_x(0, self.x(1));
            return Flow::go(ip.wrapping_add(1));
        }
        match self.vm.bif(atoms::ERLANG, atoms::SEND_OP, 2) {
            Some(entry) => self.call_unsaved_bif(entry, ip.wrapping_add(1), Position::Body),
            None => self.raise_code(ip, Term::atom(atoms::NOTSUP)),
        }
    }
    fn deliver(&mut self, pid: oxbeam_term::Pid, message: Term<'_>) -> usize {
        if self.process.trace_flags() & trace_flag::SEND != 0 || self.saves_calls() {
            self.trace_send();
        }
        let vm = self.vm;
        self.with_context(|context| vm.send_from(context, pid, None, Term::pid(pid), message))
    }

    /// The next message into the register, or on to the label when there is none.
    #[inline(never)]
    fn loop_rec(&mut self, ip: *const u32) -> Flow {
        if let Some(word) = self.look() {
            self.write(ip, 2, word);
            return Flow::go(ip.wrapping_add(3));
        }
        if let Some(flow) = self.take_signals(ip) {
            return flow;
        }
        match self.look() {
            Some(word) => {
                self.write(ip, 2, word);
                Flow::go(ip.wrapping_add(3))
            }
            None => Flow::go(self.label(ip, 1)),
        }
    }
    /// As [`Run::peek`], for the instruction that gives the message to patterns.
    #[inline]
    fn look(&mut self) -> Option<Word> {
        loop {
            match self.state().messages.look(self.heap()) {
                Peek::Message(word) => return Some(word),
                Peek::External => self.decode_message(),
                Peek::End => return None,
            }
        }
    }
    /// The message that `receive` looks at next, decoded.
    #[inline]
    fn peek(&mut self) -> Option<Word> {
        loop {
            match self.state().messages.peek() {
                Peek::Message(word) => return Some(word),
                Peek::External => self.decode_message(),
                Peek::End => return None,
            }
        }
    }
    #[cold]
    fn decode_message(&mut self) {
        let vm = self.vm;
        let size = self.state().messages.decode_next(vm);
        self.reductions -=
            i32::try_from(size / BYTES_PER_REDUCTION).unwrap_or(i32::MAX / 2).min(self.reductions.max(0));
    }
    /// Handles what has arrived; `Some` when that ends the slice.
    fn take_signals(&mut self, ip: *const u32) -> Option<Flow> {
        if !self.process.has_signals() {
            return None;
        }
        // Signals may ask where the process is.
        self.save(ip, 0);
        // SAFETY: the slice owns the process, and no other reference to its main part is in use here.
        let main = unsafe { &mut *self.main };
        self.vm.handle_signals(self.process, main);
        let state = self.state();
        if state.exiting.is_some() || state.rare.suspended > 0 {
            return Some(self.suspend(ip, 0, Outcome::Yield));
        }
        None
    }
    /// Waits for a message.
    #[inline(never)]
    fn wait(&mut self, ip: *const u32) -> Flow {
        if let Some(flow) = self.take_signals(ip) {
            return flow;
        }
        if self.message_to_try(ip) {
            return Flow::go(self.label(ip, 1));
        }
        self.wait_here(ip)
    }
    /// Waits at the instruction at `ip`, and is seen at the start of the receive's loop, operand 1.
    fn wait_here(&mut self, ip: *const u32) -> Flow {
        let flow = self.suspend(ip, 0, Outcome::Wait);
        self.state().current_address = self.label(ip, 1) as u64 + 4;
        flow
    }
    /// Is there a message that the loop at operand 1 has not tried? A receive without patterns has no loop: the label
    /// is the wait itself, which no message ends.
    fn message_to_try(&mut self, ip: *const u32) -> bool {
        self.label(ip, 1) != ip && self.peek().is_some()
    }
    /// Waits for a message or until the time is over. It is executed again each time the process wakes up.
    #[inline(never)]
    fn wait_timeout(&mut self, ip: *const u32) -> Flow {
        // The time-out operand may be in a register that survives only until the process waits: it is read once.
        let (deadline, just_now) = match self.state().receive_deadline {
            Some(deadline) => (deadline, None),
            None => match self.deadline(self.source(ip, 2)) {
                Ok(deadline) => deadline,
                Err(()) => {
                    // This receive is over: the next one looks at all messages again.
                    self.state().messages.rewind();
                    return self.raise_code(ip, Term::atom(atoms::TIMEOUT_VALUE));
                }
            },
        };
        self.state().receive_deadline = Some(deadline);
        if let Some(flow) = self.take_signals(ip) {
            return flow;
        }
        if self.message_to_try(ip) {
            return Flow::go(self.label(ip, 1));
        }
        if deadline <= just_now.unwrap_or_else(|| self.vm.clock.elapsed()) {
            return Flow::go(ip.wrapping_add(3));
        }
        if deadline != u64::MAX {
            self.set_receive_timer(deadline);
        }
        self.wait_here(ip)
    }
    /// Sees to it that something wakes the process at `deadline`, or before: then it waits again. So a time-out of a
    /// receive that was over sooner serves those that come after it.
    fn set_receive_timer(&mut self, deadline: u64) {
        match self.state().receive_timer {
            Some(timer) if timer.due <= deadline => return,
            Some(timer) => {
                self.vm.timers.cancel(timer);
            }
            None => {}
        }
        let process = self.process.clone();
        let timer = self.vm.timers.start(deadline, move |vm| {
            vm.signal(&process, Signal::Wake);
        });
        self.state().receive_timer = Some(timer);
    }
    /// When a receive with this time-out gives up, and what time it is now, or some time before.
    fn deadline(&self, time: Word) -> Result<(u64, Option<u64>), ()> {
        let term = self.term(time);
        if term.is_atom(atoms::INFINITY) {
            return Ok((u64::MAX, Some(0)));
        }
        match term.as_u64() {
            Some(milliseconds) if milliseconds <= u64::from(u32::MAX) => {
                let now = self.vm.clock.elapsed();
                Ok((now + milliseconds * 1_000_000, Some(now)))
            }
            _ => Err(()),
        }
    }
    fn forget_deadline(&mut self) {
        self.state().receive_deadline = None;
    }
    /// The message matched.
    #[inline(never)]
    fn remove_message(&mut self, ip: *const u32) -> Flow {
        self.forget_deadline();
        if self.saves_calls() {
            self.save_call(LastCall::Receive);
        }
        let heap = self.heap();
        self.vm.receive_token(self.process, self.state());
        self.state().messages.take(heap);
        let (vm, process) = (self.vm, self.process);
        vm.queue_has_shrunk(process, &mut self.state().messages);
        self.relieve_at_next_call();
        Flow::go(ip.wrapping_add(1))
    }
    /// The time is over.
    #[inline(never)]
    fn timeout(&mut self, ip: *const u32) -> Flow {
        self.trace_timeout();
        if self.saves_calls() {
            self.save_call(LastCall::Timeout);
        }
        self.forget_deadline();
        self.state().messages.rewind();
        Flow::go(ip.wrapping_add(1))
    }
}
