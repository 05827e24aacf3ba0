//! How exactly convolutions multiply.

use std::cell::Cell;

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::F32) };
}

/// What convolutions multiply. Everything else, and every sum, has 32 bits always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Numbers of 32 bits.
    #[default]
    F32,
    /// Numbers rounded to bf16: the same range, 8 bits of precision. Where the machine has no products of these, of 32 bits.
    Bf16,
}

impl Precision {
    /// Whether this machine has products of these numbers.
    pub fn is_available(self) -> bool {
        #[cfg(feature = "kernels")]
        return crate::Path::best(self).precision() == self;
        #[cfg(not(feature = "kernels"))]
        return self == Self::F32;
    }

    /// Does `work` with this precision: in its convolutions, and whenever these are differentiated later.
    pub fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(self);
        let result = work();
        CURRENT.set(before);
        result
    }

    /// That of the scope this thread is in.
    #[cfg(feature = "kernels")]
    pub(crate) fn current() -> Self {
        CURRENT.get()
    }
}
