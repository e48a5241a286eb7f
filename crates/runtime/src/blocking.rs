//! `schedulers_online`, `dirty_cpu_schedulers_online` and `multi_scheduling`: how many schedulers of each kind may work.
//!
//! What is wanted stands in [`Wanted`]; [`Vm::apply`] makes limits of it, which the schedulers keep (`online.rs` for the
//! ordinary ones). They do so after their slices and calls, so a process that asked for a change may have to wait: it is
//! woken whenever one of them has stopped or begun again, and looks again.

use crate::{DirtyKind, Vm};
use oxbeam_term::Pid;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// What `multi_scheduling` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MultiScheduling {
    /// All schedulers that are online work.
    Enabled,
    /// Only one works, and no dirty one.
    Blocked,
    /// Only one ordinary scheduler works.
    BlockedNormal,
}

/// How many schedulers of a kind there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SchedulerCounts {
    /// In all.
    pub total: usize,
    /// Online.
    pub online: usize,
    /// That may work now, or are not yet done with what they are at.
    pub active: usize,
}

/// What was asked for.
pub(crate) struct Wanted {
    online: usize,
    dirty_cpu_online: usize,
    /// Who blocks all but one scheduler, and how often it asked for that.
    blockers: BTreeMap<Pid, u32>,
    /// Who blocks all but one ordinary scheduler.
    normal_blockers: BTreeMap<Pid, u32>,
    /// Processes that wait until the schedulers have done what was asked for.
    waiting: Vec<Pid>,
}

impl Wanted {
    pub(crate) fn new(online: usize, dirty_cpu_online: usize) -> Wanted {
        let (blockers, normal_blockers) = (BTreeMap::new(), BTreeMap::new());
        Wanted { online, dirty_cpu_online, blockers, normal_blockers, waiting: Vec::new() }
    }
    fn state(&self) -> MultiScheduling {
        match (self.blockers.is_empty(), self.normal_blockers.is_empty()) {
            (false, _) => MultiScheduling::Blocked,
            (true, false) => MultiScheduling::BlockedNormal,
            (true, true) => MultiScheduling::Enabled,
        }
    }
    fn blockers_of(&mut self, normal: bool) -> &mut BTreeMap<Pid, u32> {
        if normal { &mut self.normal_blockers } else { &mut self.blockers }
    }
}

impl Vm {
    fn apply(&self, wanted: &Wanted) {
        let schedulers = &self.schedulers;
        let limit = if wanted.state() == MultiScheduling::Enabled { wanted.online } else { 1 };
        let dirty = match wanted.state() {
            // One call of each kind at a time: code could not be loaded otherwise. No Erlang code runs there.
            MultiScheduling::Blocked => [1, 1],
            MultiScheduling::Enabled | MultiScheduling::BlockedNormal => {
                [wanted.dirty_cpu_online, schedulers.dirty_count(DirtyKind::Io)]
            }
        };
        schedulers.set_dirty_limits(dirty);
        schedulers.online.set_limit(limit);
        schedulers.wake_all();
    }
    /// Sets how many ordinary schedulers are online, and how many dirty ones for computations in proportion, as OTP does.
    /// Returns how many there were; `None` when there are not so many.
    pub fn set_schedulers_online(&self, count: usize) -> Option<usize> {
        let schedulers = &self.schedulers;
        let total = schedulers.count();
        if !(1..=total).contains(&count) {
            return None;
        }
        let mut wanted = schedulers.wanted.lock();
        let before = wanted.online;
        let percent = count * (schedulers.dirty_count(DirtyKind::Cpu) * 100 / total) / before;
        wanted.dirty_cpu_online = (wanted.dirty_cpu_online * percent / 100).max(1);
        wanted.online = count;
        self.apply(&wanted);
        Some(before)
    }
    /// Sets how many dirty schedulers for computations are online: not more than ordinary ones. Returns how many there
    /// were; `None` for a bad number.
    pub fn set_dirty_cpu_schedulers_online(&self, count: usize) -> Option<usize> {
        let mut wanted = self.schedulers.wanted.lock();
        if count == 0 || count > self.schedulers.dirty_count(DirtyKind::Cpu) || count > wanted.online {
            return None;
        }
        let before = std::mem::replace(&mut wanted.dirty_cpu_online, count);
        self.apply(&wanted);
        Some(before)
    }
    /// The process blocks all but one scheduler, or all but one ordinary one, once more.
    pub fn block_schedulers(&self, process: Pid, normal: bool) {
        let mut wanted = self.schedulers.wanted.lock();
        *wanted.blockers_of(normal).entry(process).or_default() += 1;
        self.apply(&wanted);
    }
    /// Takes one of the process's blocks back, if it has any.
    pub fn unblock_schedulers(&self, process: Pid, normal: bool) {
        let mut wanted = self.schedulers.wanted.lock();
        let blockers = wanted.blockers_of(normal);
        match blockers.get_mut(&process) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => {
                blockers.remove(&process);
            }
            None => return,
        }
        self.apply(&wanted);
    }
    /// The process has ended: it blocks nothing any more.
    pub(crate) fn forget_blocker(&self, process: Pid) {
        let mut wanted = self.schedulers.wanted.lock();
        let any = wanted.blockers.remove(&process).is_some() | wanted.normal_blockers.remove(&process).is_some();
        if any {
            self.apply(&wanted);
        }
    }
    /// What `multi_scheduling` says.
    pub fn multi_scheduling(&self) -> MultiScheduling {
        self.schedulers.wanted.lock().state()
    }
    /// Who blocks schedulers, or ordinary ones.
    pub fn scheduler_blockers(&self, normal: bool) -> Vec<Pid> {
        self.schedulers.wanted.lock().blockers_of(normal).keys().copied().collect()
    }
    /// How many ordinary schedulers there are.
    pub fn scheduler_counts(&self) -> SchedulerCounts {
        let schedulers = &self.schedulers;
        let (total, online) = (schedulers.count(), schedulers.wanted.lock().online);
        SchedulerCounts { total, online, active: total - schedulers.online.suspended() }
    }
    /// How many dirty schedulers there are.
    pub fn dirty_scheduler_counts(&self, kind: DirtyKind) -> SchedulerCounts {
        let schedulers = &self.schedulers;
        let total = schedulers.dirty_count(kind);
        let (online, state) = {
            let wanted = schedulers.wanted.lock();
            (if kind == DirtyKind::Cpu { wanted.dirty_cpu_online } else { total }, wanted.state())
        };
        let (limit, busy) = schedulers.dirty_load(kind);
        // Blocked, they are called for single calls.
        let active = if state == MultiScheduling::Blocked { busy } else { limit.max(busy) };
        SchedulerCounts { total, online, active }
    }
    /// Have all schedulers stopped that may not work, and begun that may? If not, this process is woken when one more has.
    pub fn have_schedulers_settled(&self, process: Pid) -> bool {
        let schedulers = &self.schedulers;
        // Entered first: one that stops after the look finds the process here.
        schedulers.wanted.lock().waiting.push(process);
        schedulers.somebody_waits.store(true, Ordering::SeqCst);
        let settled = schedulers.count() - schedulers.online.suspended() == schedulers.online.limit()
            && [DirtyKind::Cpu, DirtyKind::Io].into_iter().all(|kind| {
                let (limit, busy) = schedulers.dirty_load(kind);
                busy <= limit
            });
        if settled {
            schedulers.wanted.lock().waiting.retain(|one| *one != process);
        }
        settled
    }
    /// A scheduler has stopped or begun again: whoever waits for that looks again.
    pub(crate) fn scheduler_has_settled(&self) {
        if self.schedulers.somebody_waits.swap(false, Ordering::SeqCst) {
            let waiting = std::mem::take(&mut self.schedulers.wanted.lock().waiting);
            for process in waiting {
                self.signal_pid(process, crate::Signal::Wake);
            }
        }
    }
}
