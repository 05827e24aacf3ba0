//! What a set of pictures looks like by their headers, and what shape it should be brought to.

use std::collections::BTreeMap;

use super::{Channels, DataConfig, Size};
use crate::image::{Fit, Header, Shape};

/// Pictures that share a size up to this many pixels a side keep it; all others default to [`FALLBACK_SIDE`].
const MAX_AUTO_SIDE: usize = 128;
const FALLBACK_SIDE: usize = 64;

/// Counts over the headers of a set of pictures.
pub(super) struct Survey {
    /// (width, height) -> number of pictures.
    sizes: BTreeMap<(usize, usize), usize>,
    n_grey: usize,
    n_rgb: usize,
    /// RGB with alpha.
    n_rgba: usize,
    n_grey_alpha: usize,
    n_deep: usize,
}

impl Survey {
    /// Counts `headers`.
    pub(super) fn new<'a>(headers: impl Iterator<Item = &'a Header>) -> Self {
        let mut survey = Self { sizes: BTreeMap::new(), n_grey: 0, n_rgb: 0, n_rgba: 0, n_grey_alpha: 0, n_deep: 0 };
        for header in headers {
            *survey.sizes.entry((header.width, header.height)).or_default() += 1;
            match header.channels {
                1 => survey.n_grey += 1,
                2 => survey.n_grey_alpha += 1,
                3 => survey.n_rgb += 1,
                _ => survey.n_rgba += 1,
            }
            survey.n_deep += usize::from(header.bits > 8);
        }
        survey
    }

    /// The shape `config` asks for, its "auto" decided by the pictures (see [`DataConfig`]).
    pub(super) fn shape(&self, config: &DataConfig) -> Shape {
        let channels = match config.channels {
            Channels::Fixed(channels) => channels,
            Channels::Auto if self.n_grey + self.n_rgb == 0 => 4,
            Channels::Auto if self.n_rgb + self.n_rgba == 0 => 1,
            Channels::Auto => 3,
        };
        let (width, height) = match (config.size, self.sizes.keys().next()) {
            (Size::Fixed { width, height }, _) => (width, height),
            (Size::Auto, Some(&(width, height))) if self.sizes.len() == 1 && width.max(height) <= MAX_AUTO_SIDE => {
                (width, height)
            }
            _ => (FALLBACK_SIDE, FALLBACK_SIDE),
        };
        Shape { channels, height, width }
    }

    /// What happens to how many pictures on the way to `shape`: "12 grey to RGB, 380 resized (crop)".
    pub(super) fn conversions(&self, shape: Shape, fit: Fit) -> Vec<String> {
        let n_opaque = self.n_grey + self.n_rgb;
        let n_alpha = self.n_grey_alpha + self.n_rgba;
        let colours = match shape.channels {
            1 => [(self.n_rgb, "RGB to grey"), (n_alpha, "flattened on white, to grey")],
            3 => [(self.n_grey, "grey to RGB"), (n_alpha, "RGBA flattened on white")],
            _ => [(n_opaque, "given opaque alpha"), (self.n_grey_alpha, "grey with alpha to RGBA")],
        };
        let n_resized = self.sizes.iter().filter(|(size, _)| **size != (shape.width, shape.height)).map(|(_, n)| n);
        let resized = match fit {
            Fit::Part => "shown in parts".to_owned(),
            _ => format!("resized ({fit})"),
        };
        let [first, second] = colours;
        [first, second, (self.n_deep, "16-bit"), (n_resized.sum(), resized.as_str())]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(headers: &[(usize, usize, usize)]) -> String {
        let headers: Vec<_> =
            headers.iter().map(|&(width, height, channels)| Header { width, height, channels, bits: 8 }).collect();
        Survey::new(headers.iter()).shape(&DataConfig::default()).to_string()
    }

    #[test]
    fn automatic_channels_follow_the_pictures() {
        assert_eq!(auto(&[(8, 8, 1), (8, 8, 1)]), "1x8x8");
        assert_eq!(auto(&[(8, 8, 1), (8, 8, 3)]), "3x8x8");
        assert_eq!(auto(&[(8, 8, 4), (8, 8, 2)]), "4x8x8");
        assert_eq!(auto(&[(8, 8, 4), (8, 8, 3)]), "3x8x8");
        assert_eq!(auto(&[(8, 8, 2), (8, 8, 1)]), "1x8x8");
    }

    #[test]
    fn automatic_size_keeps_a_shared_small_one() {
        assert_eq!(auto(&[(64, 48, 3), (64, 48, 3)]), "3x48x64");
        assert_eq!(auto(&[(128, 128, 3)]), "3x128x128");
        assert_eq!(auto(&[(129, 10, 3)]), "3x64x64");
        assert_eq!(auto(&[(64, 48, 3), (64, 47, 3)]), "3x64x64");
    }
}
