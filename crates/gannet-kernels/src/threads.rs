//! Work shared by threads.

mod team;

use std::sync::{LazyLock, Mutex, PoisonError};

use rayon::Scope;
use team::Team;

/// For whom is no thread of a pool: with it, there are as many as in the pool that all share.
static TEAM: LazyLock<Team> = LazyLock::new(|| Team::new(rayon::current_num_threads() - 1));

/// Does `work` with each of `tasks` on as many threads as the pool has. The one that asks begins at once, while others still
/// wake, and does all of it where there is but one task.
pub(crate) fn each<I: ExactSizeIterator + Send>(tasks: I, work: impl Fn(I::Item) + Sync) {
    let n_helpers = rayon::current_num_threads().min(tasks.len()).saturating_sub(1);
    if n_helpers == 0 {
        return tasks.for_each(work);
    }
    let tasks = Mutex::new(tasks);
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
    let help = || {
        while let Some(task) = next() {
            work(task);
        }
    };
    if rayon::current_thread_index().is_some() || !TEAM.share(n_helpers, &help) {
        rayon::in_place_scope(|scope| share(scope, n_helpers, &help));
    }
}

/// [`each`], on one thread where sharing does not pay.
pub(crate) fn each_if<I: ExactSizeIterator + Send>(pays: bool, tasks: I, work: impl Fn(I::Item) + Sync) {
    if pays { each(tasks, work) } else { tasks.for_each(work) }
}

/// Has `n_helpers` threads help, and helps.
fn share<'a>(scope: &Scope<'a>, n_helpers: usize, help: &'a (impl Fn() + Sync)) {
    (0..n_helpers).for_each(|_| scope.spawn(move |_| help()));
    help();
}

/// What `work` makes of each of `tasks`, in their order.
pub(crate) fn map<I: ExactSizeIterator + Send, T: Send>(tasks: I, work: impl Fn(I::Item) -> T + Sync) -> Vec<T> {
    let mut results: Vec<Option<T>> = (0..tasks.len()).map(|_| None).collect();
    each(tasks.zip(&mut results), |(task, result)| *result = Some(work(task)));
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::thread;

    use super::*;

    fn squares(n: usize) {
        assert_eq!(map(0..n, |i| i * i), (0..n).map(|i| i * i).collect::<Vec<_>>());
    }

    #[test]
    fn every_task_is_done_once_and_results_keep_their_order() {
        for n in [0, 1, 2, 100] {
            squares(n);
            for n_threads in [1, 2, 5] {
                rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(|| squares(n));
            }
        }
    }

    #[test]
    fn many_threads_ask_at_once_and_tasks_have_tasks_of_their_own() {
        let ask = || (0..200).for_each(|_| each(0..9, squares));
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(ask))));
    }

    #[test]
    fn a_panic_reaches_the_one_that_asks_and_ends_nothing_else() {
        for bad in 0..8 {
            let panicked = catch_unwind(|| each(0..8, |i| assert_ne!(i, bad)));
            assert!(panicked.is_err());
            squares(100);
        }
    }

    #[test]
    fn those_that_help_sleep_and_wake() {
        for _ in 0..3 {
            squares(100);
            thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}
