//! Threads on which the studio works with networks, behind everything else that the machine does.
//!
//! A training works on threads of its own, and the system gives it the cores before these. Where the system cannot rank
//! threads, or refuses to, these are like all others.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// How much nicer they are than the studio: whoever else wants their core then has nine tenths of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// One thread for each core, from the first work on; none where there were none to be had.
pub(crate) struct Workers(LazyLock<Option<ThreadPool>>);

impl Default for Workers {
    fn default() -> Self {
        Self(LazyLock::new(|| {
            let threads = ThreadPoolBuilder::new().thread_name(|i| format!("network-{i}"));
            threads.start_handler(|_| give_way()).build().ok()
        }))
    }
}

impl Workers {
    /// Does `work` on these threads, and waits for its end.
    pub(crate) fn work<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &*self.0 {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }
}

/// Puts this thread, and what it starts, behind others. Elsewhere than on Linux this would be the whole process.
fn give_way() {
    #[cfg(target_os = "linux")]
    let _refused = rustix::process::nice(NICENESS);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn networks_work_behind_all_others() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let own = niceness();
        let of_all = || rayon::broadcast(|_| niceness());
        let theirs = Workers::default().work(of_all);
        assert_eq!(theirs, vec![(own + NICENESS).min(19); theirs.len()]);
        // A training beside the studio works on these.
        let ours = of_all();
        assert_eq!(ours, vec![own; ours.len()]);
        assert_eq!(niceness(), own);
    }
}
