//! Where fresh memory comes from, and what happens to memory that is freed.

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// `mi_option_purge_delay` of mimalloc's `mi_option_e`.
const PURGE_DELAY: mi_option_t = 15;

/// Has the system clear fresh memory in small pages, where it is asked for large ones: blocks of many sizes would touch a
/// little of many large ones, and clearing these took as long as the products of a picture's enlargement.
pub fn take_small_pages() {
    #[cfg(target_os = "linux")]
    // SAFETY: sets a flag of this process.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}

/// Keeps memory that is freed, instead of handing it back to the system after a few milliseconds: every step of training
/// takes and frees the same blocks, and fresh ones would have to be cleared. Has an effect where mimalloc is the allocator.
pub fn keep_freed_memory() {
    // SAFETY: sets a number that the allocator reads atomically; -1 stands for never.
    unsafe { mi_option_set(PURGE_DELAY, -1) }
}
