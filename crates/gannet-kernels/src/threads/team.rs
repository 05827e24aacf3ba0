//! Threads that wait for work by looking for it, for a while: layers of small networks take as long as a thread takes to wake.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread looks for further work, or for the end of the others' work, before it sleeps.
const PATIENCE: Duration = Duration::from_micros(100);
/// Looks before it lets others have its core.
const LOOKS: usize = 32;

/// Threads that share the work of one thread at a time.
pub(super) struct Team {
    shared: Arc<Shared>,
    n_helpers: usize,
    is_taken: Mutex<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// How often work began, and how many threads are at it: as in `state`, for looking.
    began: AtomicUsize,
    at_work: AtomicUsize,
    /// Told that work began, and that nobody is at it any more.
    beginning: Condvar,
    end: Condvar,
}

#[derive(Default)]
struct State {
    began: usize,
    at_work: usize,
    work: Option<Work>,
    /// How many more may take part.
    n_wanted: usize,
    n_asleep: usize,
    panic: Option<Box<dyn Any + Send>>,
}

/// What all do, until nothing is left to do. It lives as long as anybody is at it.
#[derive(Clone, Copy)]
struct Work(*const (dyn Fn() + Sync));

// SAFETY: what it points to may be called by any thread.
unsafe impl Send for Work {}

impl Team {
    /// Of `n_helpers` threads beside the one that asks; of fewer, where there are none to be had.
    pub(super) fn new(n_helpers: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |index: &usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("kernels-{index}")).spawn(move || shared.help()).is_ok()
        };
        let n_helpers = (0..n_helpers).take_while(start).count();
        Self { shared, n_helpers, is_taken: Mutex::new(()) }
    }

    /// Does `work` on this thread and on `n_helpers` others or fewer, each of which calls it once; false where the team works
    /// for another thread.
    pub(super) fn share(&self, n_helpers: usize, work: &(impl Fn() + Sync)) -> bool {
        let _taken = match self.is_taken.try_lock() {
            Ok(taken) => taken,
            Err(TryLockError::Poisoned(taken)) => taken.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let work: &(dyn Fn() + Sync) = work;
        // SAFETY: only the lifetime changes, and `Ending` waits until nobody is at it, however this function ends.
        let shared =
            Work(unsafe { std::mem::transmute::<*const (dyn Fn() + Sync + '_), *const (dyn Fn() + Sync)>(work) });
        self.shared.begin(shared, n_helpers.min(self.n_helpers));
        let ending = Ending(&self.shared);
        work();
        drop(ending);
        let panic = self.shared.state().panic.take();
        panic.is_none_or(|panic| resume_unwind(panic))
    }
}

/// Waits, when dropped, for the end of what others do.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state().work = None;
        look(|| self.0.at_work.load(Ordering::Acquire) == 0);
        let mut state = self.0.state();
        while state.at_work > 0 {
            state = self.0.end.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, work: Work, n_wanted: usize) {
        let mut state = self.state();
        state.began = state.began.wrapping_add(1);
        (state.work, state.n_wanted, state.panic) = (Some(work), n_wanted, None);
        self.began.store(state.began, Ordering::Release);
        let n_asleep = state.n_asleep;
        drop(state);
        (0..n_wanted.min(n_asleep)).for_each(|_| self.beginning.notify_one());
    }

    /// What a thread of the team does.
    fn help(&self) {
        let mut seen = 0;
        loop {
            look(|| self.began.load(Ordering::Acquire) != seen);
            let mut state = self.state();
            while state.began == seen {
                state.n_asleep += 1;
                state = self.beginning.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.n_asleep -= 1;
            }
            seen = state.began;
            let Some(work) = state.work.filter(|_| state.n_wanted > 0) else { continue };
            state.n_wanted -= 1;
            state.at_work += 1;
            self.at_work.store(state.at_work, Ordering::Release);
            drop(state);
            // SAFETY: `Ending` waits for those that are at work.
            let result = catch_unwind(AssertUnwindSafe(|| unsafe { (*work.0)() }));
            let mut state = self.state();
            state.panic = state.panic.take().or(result.err());
            state.at_work -= 1;
            self.at_work.store(state.at_work, Ordering::Release);
            if state.at_work == 0 {
                self.end.notify_one();
            }
        }
    }
}

/// Looks whether `is_so`, for a while.
fn look(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        for _ in 0..LOOKS {
            if is_so() {
                return;
            }
            std::hint::spin_loop();
        }
        thread::yield_now();
    }
}
