//! Memory that is used again: a thread keeps what its buffers gave back, so that no product waits for fresh pages.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::cell::Plain;

/// Words of a cache line.
const LINE: usize = 16;
/// Buffers that a thread keeps: more than a product uses at once.
const MAX_KEPT: usize = 8;

thread_local! {
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static IS_LASTING: Cell<bool> = const { Cell::new(false) };
}

/// Does `work`, which makes something that lasts: its buffers are no larger than they have to be, where others take whatever
/// was given back and is large enough.
pub(crate) fn lasting<T>(work: impl FnOnce() -> T) -> T {
    let before = IS_LASTING.replace(true);
    let made = work();
    IS_LASTING.set(before);
    made
}

/// Some values from the start of a cache line, whatever they are at first. The memory stays with the thread that drops it.
pub(crate) struct Buffer<T> {
    words: Vec<f32>,
    first: usize,
    n: usize,
    values: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    pub(crate) fn of(n: usize) -> Self {
        let n_words = (n * size_of::<T>()).div_ceil(size_of::<f32>()) + LINE;
        let from_kept = |kept: &mut Vec<Vec<f32>>| {
            let fitting = (0..kept.len()).filter(|&i| kept[i].len() >= n_words).min_by_key(|&i| kept[i].len());
            let found = fitting.or_else(|| (0..kept.len()).max_by_key(|&i| kept[i].len()));
            found.map(|i| kept.swap_remove(i)).unwrap_or_default()
        };
        let mut words = if IS_LASTING.get() { vec![] } else { KEPT.with_borrow_mut(from_kept) };
        if words.len() < n_words {
            words = vec![0.0; n_words];
        }
        let first = words.as_ptr().align_offset(LINE * size_of::<f32>());
        Self { words, first, n, values: PhantomData }
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the words hold that many values from there on, and any bits are a value.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().add(self.first).cast(), self.n) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the words are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.words.as_mut_ptr().add(self.first).cast(), self.n) }
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let words = std::mem::take(&mut self.words);
        KEPT.with_borrow_mut(|kept| {
            kept.push(words);
            if kept.len() > MAX_KEPT {
                let smallest = (0..kept.len()).min_by_key(|&i| kept[i].len()).unwrap_or_default();
                kept.swap_remove(smallest);
            }
        });
    }
}

/// `n` numbers that `write` writes.
///
/// # Safety
/// `write` writes every one of them, and reads none before.
pub(crate) unsafe fn written(n: usize, write: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(n);
    // SAFETY: the memory is there, any bits are a number, and the caller vouches for what is done with them.
    unsafe {
        write(std::slice::from_raw_parts_mut(numbers.as_mut_ptr(), n));
        numbers.set_len(n);
    }
    numbers
}

/// Numbers from the start of a cache line.
pub(crate) struct Aligned(Vec<CacheLine>);

#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct CacheLine([f32; LINE]);

impl Aligned {
    /// `n` numbers that `write` writes.
    ///
    /// # Safety
    /// `write` writes every one of them, and reads none before.
    pub(crate) unsafe fn written(n: usize, write: impl FnOnce(&mut [f32])) -> Self {
        assert!(n.is_multiple_of(LINE), "cache lines are whole");
        let mut lines: Vec<CacheLine> = Vec::with_capacity(n / LINE);
        // SAFETY: the memory is there, any bits are a number, and the caller vouches for what is done with them.
        unsafe {
            write(std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), n));
            lines.set_len(n / LINE);
        }
        Self(lines)
    }

    pub(crate) fn zeros(n: usize) -> Self {
        Self(vec![CacheLine::default(); n.div_ceil(LINE)])
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: lines are nothing but numbers.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LINE) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the lines are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LINE) }
    }
}
