//! What the allocator does with memory that training frees.

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// `mi_option_purge_delay` of mimalloc's `mi_option_e`.
const PURGE_DELAY: mi_option_t = 15;

/// Keeps memory that is freed, instead of handing it back to the system after a few milliseconds: every step of training
/// takes and frees the same blocks, and fresh ones would have to be cleared. Has an effect where mimalloc is the allocator.
pub fn keep_freed_memory() {
    // SAFETY: sets a number that the allocator reads atomically; -1 stands for never.
    unsafe { mi_option_set(PURGE_DELAY, -1) }
}
