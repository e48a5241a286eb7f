//! How schedulers sleep and are woken.
//!
//! A scheduler announces that it sleeps, looks for work once more, and only then sleeps; who has queued work looks for
//! announcements afterwards. Both use the one total order of `SeqCst`, so one of the two sees the other.

use crate::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, full_fence, wait};

/// The places where schedulers sleep, one for each.
pub(crate) struct Sleepers {
    places: Vec<Place>,
    /// How many have announced that they sleep.
    count: AtomicUsize,
}

struct Place {
    /// Announced; whoever takes the announcement back must wake the sleeper, or be the sleeper.
    sleeping: AtomicBool,
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Sleepers {
    pub(crate) fn new(count: usize) -> Sleepers {
        let place = || Place { sleeping: AtomicBool::new(false), woken: Mutex::new(false), wake: Condvar::new() };
        Sleepers { places: (0..count).map(|_| place()).collect(), count: AtomicUsize::new(0) }
    }
    /// Does anybody sleep? To be asked after work was queued.
    pub(crate) fn any(&self) -> bool {
        full_fence();
        self.count.load(Ordering::SeqCst) != 0
    }
    /// Wakes one sleeper, this one if it sleeps.
    pub(crate) fn wake_one(&self, preferred: usize) {
        let count = self.places.len();
        for offset in 0..count {
            let number = (preferred + offset) % count;
            if self.take_back(number) {
                self.notify(number);
                return;
            }
        }
    }
    /// Wakes all, whether they sleep or are about to.
    pub(crate) fn wake_all(&self) {
        for number in 0..self.places.len() {
            self.take_back(number);
            self.notify(number);
        }
    }
    /// Takes an announcement back; true for the one who did.
    fn take_back(&self, number: usize) -> bool {
        let mine = self.places[number].sleeping.swap(false, Ordering::SeqCst);
        if mine {
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
        mine
    }
    fn notify(&self, number: usize) {
        let place = &self.places[number];
        *place.woken.lock() = true;
        place.wake.notify_one();
    }
    /// Sleeps at one's own place until woken, unless there is work already.
    pub(crate) fn sleep(&self, number: usize, is_there_work: impl Fn() -> bool) {
        let place = &self.places[number];
        self.count.fetch_add(1, Ordering::SeqCst);
        // An exchange, not a store: those of the wakers see it in the one order that exchanges have.
        place.sleeping.swap(true, Ordering::SeqCst);
        full_fence();
        // Work queued between the last look and the announcement is found here; work queued later wakes us.
        if is_there_work() && self.take_back(number) {
            return;
        }
        // Somebody wakes us, or has done so already: then his notice must not be left for the next sleep.
        let mut woken = place.woken.lock();
        while !*woken {
            woken = wait(&place.wake, woken);
        }
        *woken = false;
        drop(woken);
        // After a notice to all, the announcement may still stand.
        self.take_back(number);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// Run queues as `scheduler.rs` has them: a length beside each, which is looked at first.
    struct Model {
        sleepers: Sleepers,
        length: AtomicUsize,
        done: AtomicUsize,
    }

    impl Model {
        fn new(schedulers: usize) -> Arc<Model> {
            let sleepers = Sleepers::new(schedulers);
            Arc::new(Model { sleepers, length: AtomicUsize::new(0), done: AtomicUsize::new(0) })
        }
        fn enqueue(&self) {
            self.length.fetch_add(1, Ordering::SeqCst);
            if self.sleepers.any() {
                self.sleepers.wake_one(0);
            }
        }
        fn take(&self) -> bool {
            let length = self.length.load(Ordering::SeqCst);
            length != 0 && self.length.compare_exchange(length, length - 1, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        }
        /// A scheduler that works until it has done `jobs`. A lost wake-up is a deadlock, which loom reports.
        fn run(&self, number: usize, jobs: usize) {
            let mut done = 0;
            while done < jobs {
                if self.take() {
                    done += 1;
                    self.done.fetch_add(1, Ordering::SeqCst);
                } else {
                    self.sleepers.sleep(number, || self.length.load(Ordering::SeqCst) != 0);
                }
            }
        }
    }

    fn bounded() -> loom::model::Builder {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder
    }

    #[test]
    fn one_scheduler_gets_all_work_of_one_sender() {
        bounded().check(|| {
            let model = Model::new(1);
            let scheduler = {
                let model = model.clone();
                thread::spawn(move || model.run(0, 2))
            };
            model.enqueue();
            model.enqueue();
            scheduler.join().unwrap();
            assert_eq!(model.done.load(Ordering::SeqCst), 2);
        });
    }

    #[test]
    fn one_scheduler_gets_the_work_of_two_senders() {
        bounded().check(|| {
            let model = Model::new(1);
            let sender = {
                let model = model.clone();
                thread::spawn(move || model.enqueue())
            };
            let other = {
                let model = model.clone();
                thread::spawn(move || model.enqueue())
            };
            model.run(0, 2);
            sender.join().unwrap();
            other.join().unwrap();
            assert!(!model.sleepers.any(), "an announcement was left behind");
        });
    }

    #[test]
    fn each_of_two_sleepers_can_be_woken() {
        bounded().check(|| {
            let model = Model::new(2);
            let schedulers: Vec<_> = (0..2)
                .map(|number| {
                    let model = model.clone();
                    thread::spawn(move || model.run(number, 1))
                })
                .collect();
            model.enqueue();
            model.enqueue();
            for scheduler in schedulers {
                scheduler.join().unwrap();
            }
        });
    }
}
