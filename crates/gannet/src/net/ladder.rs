//! How image networks climb from a small base to the image, whatever its size.
//!
//! The size is halved, rounding up, as long as its shorter side is 8 or more: 64x64 and 32x32 grow from 4x4, 28x28 from
//! 7x7, 48x64 from 6x8 and 45x30 from 6x4.

use crate::image::Shape;

/// Sizes from the base to the image, and the channels at each size but the last.
pub(super) struct Ladder {
    pub(super) sizes: Vec<[usize; 2]>,
    pub(super) channels: Vec<usize>,
}

impl Ladder {
    /// Channels start at `width` next to the image and double with each halving, up to `max_multiple` times.
    pub(super) fn new(shape: Shape, width: usize, max_multiple: usize) -> Self {
        let mut sizes = vec![[shape.height, shape.width]];
        while sizes[0][0].min(sizes[0][1]) >= 8 {
            sizes.insert(0, sizes[0].map(|side| side.div_ceil(2)));
        }
        let n_halvings = sizes.len() - 1;
        let channels = (0..n_halvings).rev().map(|i| width * max_multiple.min(1 << i.min(16))).collect();
        Self { sizes, channels }
    }
}

/// Why images of `shape` are too small to climb to, if they are.
pub(super) fn problem(family: &str, shape: Shape) -> Option<String> {
    let is_too_small = shape.height.min(shape.width) < 8;
    is_too_small.then(|| {
        format!(
            "samples are {shape}, the {family} networks need images of 8x8 or more; use method.net.family = \"mlp\""
        )
    })
}
