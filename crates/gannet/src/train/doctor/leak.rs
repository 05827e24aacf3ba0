//! Whether samples look as augmented data do, and not as data do.
//!
//! Which way up a picture is hardly shows in its coarse pixels, so that it takes an extractor to see it.

use burn::tensor::Device;

use super::look::{mean_between, mean_within};
use crate::Result;
use crate::extractor::{self, Extractor};
use crate::image::{Filter, Picture, Shape, from_unit};

/// Reals and what augmentation may have made of them, as a built-in extractor sees them.
pub(super) struct Ways {
    extractor: Extractor,
    shape: Shape,
    reals: Cloud,
    /// The reals turned and inverted in one way each: a generator may settle on one of these.
    turned: Vec<Cloud>,
    /// Root of the mean distance between two reals.
    unit: f64,
}

/// Features of some pictures, with the mean distance between two of them.
struct Cloud {
    rows: Vec<Vec<f64>>,
    within: f64,
}

impl Cloud {
    /// Root of the energy distance to `other`.
    fn distance(&self, other: &Self) -> f64 {
        (2.0 * mean_between(&self.rows, &other.rows) - self.within - other.within).max(0.0).sqrt()
    }
}

impl Ways {
    pub(super) fn new(reals: &[Vec<f32>], shape: Shape, device: &Device) -> Result<Self> {
        let extractor = extractor::open(extractor::suited(shape.channels).name, &extractor::folder(), device)?;
        let upright = cloud(&extractor, reals, shape)?;
        let turned = turned(reals, shape).iter().map(|reals| cloud(&extractor, reals, shape)).collect::<Result<_>>()?;
        let unit = upright.within.max(f64::MIN_POSITIVE).sqrt();
        Ok(Self { extractor, shape, reals: upright, turned, unit })
    }

    /// How much nearer `fakes` are to `augmented` reals, or to reals turned or inverted in one way, than to reals: the
    /// difference of the roots of energy distances, over that of the mean distance between reals.
    pub(super) fn leak(&self, fakes: &[Vec<f32>], augmented: &[Vec<f32>]) -> Result<f64> {
        let [fakes, augmented] = [fakes, augmented].map(|samples| cloud(&self.extractor, samples, self.shape));
        let (fakes, augmented) = (fakes?, augmented?);
        let ways = self.turned.iter().chain([&augmented]);
        let nearest = ways.map(|way| fakes.distance(way)).fold(f64::INFINITY, f64::min);
        Ok((fakes.distance(&self.reals) - nearest) / self.unit)
    }
}

fn cloud(extractor: &Extractor, samples: &[Vec<f32>], shape: Shape) -> Result<Cloud> {
    let pictures: Vec<Picture> = samples.iter().map(|values| from_unit(values, shape)).collect();
    let features = extractor.see(pictures, Filter::Bilinear)?.features;
    let rows: Vec<Vec<f64>> = features.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect();
    Ok(Cloud { within: mean_within(&rows), rows })
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
