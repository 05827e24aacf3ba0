//! Whether samples look as augmented data do, and not as data do.
//!
//! Which way up a picture is hardly shows in its coarse pixels, so that it takes an extractor to see it.

use burn::tensor::Device;

use super::look::{mean_between, mean_within};
use crate::Result;
use crate::extractor::{self, BUILT_IN, Extractor};
use crate::image::{Filter, Picture, Shape, from_unit};

/// Reals and what augmentation may have made of them, as the first built-in extractor sees them.
pub(super) struct Ways {
    extractor: Extractor,
    shape: Shape,
    reals: Vec<Vec<f64>>,
    /// The reals turned and inverted in one way each: a generator may settle on one of these.
    turned: Vec<Vec<Vec<f64>>>,
    /// Root of the mean distance between two reals.
    unit: f64,
}

impl Ways {
    pub(super) fn new(reals: &[Vec<f32>], shape: Shape, device: &Device) -> Result<Self> {
        let extractor = extractor::open(BUILT_IN[0].name, &extractor::folder(), device)?;
        let mut ways = Self { extractor, shape, reals: vec![], turned: vec![], unit: 1.0 };
        ways.reals = ways.features(reals)?;
        ways.unit = mean_within(&ways.reals).max(f64::MIN_POSITIVE).sqrt();
        ways.turned = turned(reals, shape).iter().map(|reals| ways.features(reals)).collect::<Result<_>>()?;
        Ok(ways)
    }

    /// How much nearer `fakes` are to `augmented` reals, or to reals turned or inverted in one way, than to reals: the
    /// difference of the roots of energy distances, over that of the mean distance between reals.
    pub(super) fn leak(&self, fakes: &[Vec<f32>], augmented: &[Vec<f32>]) -> Result<f64> {
        let (fakes, augmented) = (self.features(fakes)?, self.features(augmented)?);
        let to = |way: &Vec<Vec<f64>>| {
            (2.0 * mean_between(&fakes, way) - mean_within(&fakes) - mean_within(way)).max(0.0).sqrt()
        };
        let nearest = self.turned.iter().chain([&augmented]).map(to).fold(f64::INFINITY, f64::min);
        Ok((to(&self.reals) - nearest) / self.unit)
    }

    fn features(&self, samples: &[Vec<f32>]) -> Result<Vec<Vec<f64>>> {
        let pictures: Vec<Picture> = samples.iter().map(|values| from_unit(values, self.shape)).collect();
        let features = self.extractor.see(pictures, Filter::Bilinear)?.features;
        Ok(features.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect())
    }
}

/// `samples` turned by one to three quarters where they are square, else by two, and each of these and themselves inverted.
fn turned(samples: &[Vec<f32>], shape: Shape) -> Vec<Vec<Vec<f32>>> {
    let Shape { height, width, .. } = shape;
    let place = |quarters: usize, y: usize, x: usize| match quarters {
        1 => x * width + width - 1 - y,
        2 => (height - 1 - y) * width + width - 1 - x,
        3 => (height - 1 - x) * width + y,
        _ => y * width + x,
    };
    let way = |quarters: usize, sign: f32| {
        let value = |sample: &Vec<f32>, i: usize| {
            let (channel, at) = (i / (height * width), i % (height * width));
            sign * sample[channel * height * width + place(quarters, at / width, at % width)]
        };
        samples.iter().map(|sample| (0..sample.len()).map(|i| value(sample, i)).collect()).collect()
    };
    let quarters: &[usize] = if height == width { &[1, 2, 3] } else { &[2] };
    let upright = quarters.iter().map(|quarters| way(*quarters, 1.0));
    upright.chain([0].iter().chain(quarters).map(|quarters| way(*quarters, -1.0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_turned_and_inverted_all_ways() {
        let square = Shape { channels: 1, height: 2, width: 2 };
        let ways = turned(&[vec![1.0, 2.0, 3.0, 4.0]], square).concat();
        let upright = [[2.0, 4.0, 1.0, 3.0], [4.0, 3.0, 2.0, 1.0], [3.0, 1.0, 4.0, 2.0]];
        assert_eq!(ways[..3], upright.map(Vec::from));
        assert_eq!((ways.len(), &ways[3]), (7, &vec![-1.0, -2.0, -3.0, -4.0]));
        let wide = Shape { channels: 1, height: 1, width: 2 };
        assert_eq!(turned(&[vec![1.0, 2.0]], wide).concat(), [[2.0, 1.0], [-1.0, -2.0], [-2.0, -1.0]].map(Vec::from));
    }
}
