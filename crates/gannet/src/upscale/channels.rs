//! Which channels of a picture a network is shown as which image.

use burn::tensor::Tensor;

use crate::image::{Picture, Samples};

/// The images that a picture becomes: colour as it is; grey, or alpha that is not the same everywhere, as an image of
/// equal channels; for a network of grey images, every channel on its own.
pub(super) struct Channels {
    /// For each image, which channel of the picture each of its own is.
    pub(super) images: Vec<Vec<usize>>,
    /// Of the picture.
    n_channels: usize,
}

impl Channels {
    pub(super) fn of(picture: &Picture, n_net: usize) -> Self {
        let n_colours = if picture.channels == 4 { 3 } else { picture.channels };
        let mut images = match (n_colours, n_net) {
            (3, 3) => vec![vec![0, 1, 2]],
            _ => (0..n_colours).map(|channel| vec![channel; n_net]).collect(),
        };
        if picture.channels == 4 && !is_opaque(picture) {
            images.push(vec![3; n_net]);
        }
        Self { images, n_channels: picture.channels }
    }

    /// The channels of the enlarged picture from its images `[N, C, H, W]`: the mean of all that show one, none for what
    /// was not shown because it is opaque.
    pub(super) fn planes(&self, images: Tensor<4>) -> Vec<Option<Vec<f32>>> {
        let [_, n_net, height, width] = images.dims();
        let values: Vec<f32> = images.into_data().iter::<f32>().collect();
        let shown: Vec<usize> = self.images.iter().flatten().copied().collect();
        debug_assert_eq!(shown.len(), self.images.len() * n_net);
        let plane = |channel: usize| {
            let planes = values.chunks_exact(height * width).zip(&shown);
            let planes: Vec<&[f32]> = planes.filter(|(_, shown)| **shown == channel).map(|(plane, _)| plane).collect();
            let mean = |i: usize| planes.iter().map(|plane| plane[i]).sum::<f32>() / planes.len() as f32;
            match planes[..] {
                [] => None,
                [only] => Some(only.to_vec()),
                _ => Some((0..height * width).map(mean).collect()),
            }
        };
        (0..self.n_channels).map(plane).collect()
    }
}

fn is_opaque(picture: &Picture) -> bool {
    match &picture.samples {
        Samples::U8(samples) => samples.iter().skip(3).step_by(4).all(|alpha| *alpha == u8::MAX),
        Samples::U16(samples) => samples.iter().skip(3).step_by(4).all(|alpha| *alpha == u16::MAX),
    }
}
