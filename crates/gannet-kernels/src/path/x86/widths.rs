//! What the processor has, as proof.

use crate::path::Work;

/// That the processor has AVX-512, as all processors for laptops and servers have it that have it at all.
#[derive(Clone, Copy)]
pub(crate) struct Of512(());

impl Of512 {
    #[inline(always)]
    pub(in crate::path) fn new() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        has_all.then_some(Self(()))
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn with<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(work) }
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(in crate::path) fn work(self, work: impl Work) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn with(width: Of512, work: impl Work) {
            work.run(width);
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(self, work) }
    }
}

/// That the processor also rounds to bf16.
#[derive(Clone, Copy)]
pub(crate) struct Of512Bf16(());

impl Of512Bf16 {
    #[inline(always)]
    pub(in crate::path) fn new() -> Option<Self> {
        (Of512::new().is_some() && is_x86_feature_detected!("avx512bf16")).then_some(Self(()))
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(in crate::path) fn work(self, work: impl Work) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        fn with(width: Of512Bf16, work: impl Work) {
            work.run(width);
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(self, work) }
    }
}

/// That the processor has AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Of256(());

impl Of256 {
    #[inline(always)]
    pub(in crate::path) fn new() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx2")]
        fn with<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(work) }
    }

    /// Does `work` with its vectors.
    #[inline(always)]
    pub(in crate::path) fn work(self, work: impl Work) {
        #[target_feature(enable = "avx2")]
        fn with(width: Of256, work: impl Work) {
            work.run(width);
        }
        // SAFETY: the processor has the instructions.
        unsafe { with(self, work) }
    }
}
