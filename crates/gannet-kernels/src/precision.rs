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
    /// Numbers of 32 bits, of which trained networks' convolutions of 3x3 with many channels multiply 17 bits each, as the sum
    /// of two of bf16, where the machine is faster at these: two to three times, and the error of a sum is some 1e-5 of what
    /// was added. No gradients are computed so.
    Halved,
    /// Numbers rounded to bf16: the same range, 8 bits of precision. Where the machine has no products of these, of 32 bits.
    Bf16,
}

impl Precision {
    /// Whether this machine has products of these numbers.
    pub fn is_available(self) -> bool {
        #[cfg(feature = "kernels")]
        return match self {
            Self::Halved => crate::Path::best(Self::Bf16).run_block().is_halved,
            _ => crate::Path::best(self).precision() == self,
        };
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
