//! Operands of convolutions.

use gannet_kernels::Axis;

/// Numbers in [-1, 1] without any pattern that a kernel could fall in with.
pub(crate) fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

pub(crate) fn axis(input: usize, kernel: usize, stride: usize, padding: [usize; 2], dilation: usize) -> Axis {
    Axis::new(input, kernel, stride, padding, dilation).expect("the kernel fits")
}
