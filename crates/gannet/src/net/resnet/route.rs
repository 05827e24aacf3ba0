//! A generator's way from latents to images, for those who have its weights by their names.

use super::{Ladder, ResnetConfig, Subject};

/// What a forward pass is made of.
pub(crate) struct ResnetRoute {
    /// `[C, h, w]` of what the first layer makes.
    pub(crate) base: [usize; 3],
    /// Values of the latent that the base gets, and that each block gets.
    pub(crate) pieces: [usize; 2],
    /// The size that each block puts out, and whether attention follows it.
    pub(crate) blocks: Vec<([usize; 2], bool)>,
}

impl ResnetConfig {
    /// The way of a generator of `subject`.
    pub(crate) fn route(&self, subject: Subject) -> ResnetRoute {
        let Ladder { sizes, channels } = self.ladder(subject.shape);
        ResnetRoute {
            base: [channels[0], sizes[0][0], sizes[0][1]],
            pieces: self.pieces(channels.len()),
            blocks: sizes[1..].iter().map(|&size| (size, self.attends(size))).collect(),
        }
    }
}
