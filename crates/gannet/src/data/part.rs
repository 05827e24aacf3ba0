//! Some of the samples of a data set, and those that are kept apart from them.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::{Dataset, Sample};
use crate::image::Shape;
use crate::{Error, Result};

/// A part of a data set.
pub struct Part {
    whole: Arc<dyn Dataset>,
    indices: Vec<usize>,
    held_out: Vec<usize>,
    description: String,
}

impl Part {
    /// The samples of `whole` at `indices`, which are below its length.
    pub fn new(whole: Arc<dyn Dataset>, indices: Vec<usize>) -> Self {
        let description = whole.description().to_owned();
        Self { whole, indices, held_out: vec![], description }
    }

    /// `whole` without `n_held_out` of its samples, which are spread over it because files often come sorted by class.
    pub fn holding_out(whole: Arc<dyn Dataset>, n_held_out: usize) -> Result<Self> {
        let len = whole.len();
        if n_held_out > len / 2 {
            let most = len / 2;
            return Err(Error::setting(format!(
                "data.held_out is {n_held_out}, {} has {len} samples; accepted: 0 to {most}",
                whole.name()
            )));
        }
        let is_held_out = |index: &usize| (index + 1) * n_held_out / len > index * n_held_out / len;
        let (held_out, indices) = (0..len).partition(is_held_out);
        let description = format!("{}; {n_held_out} held out", whole.description());
        Ok(Self { whole, indices, held_out, description })
    }
}

impl Dataset for Part {
    fn name(&self) -> &str {
        self.whole.name()
    }

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn shape(&self) -> Shape {
        self.whole.shape()
    }

    fn classes(&self) -> &[String] {
        self.whole.classes()
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn read(&self, index: usize) -> Result<Sample> {
        self.whole.read(self.indices[index])
    }

    fn read_crop(&self, index: usize, rng: &mut ChaCha8Rng) -> Result<Sample> {
        self.whole.read_crop(self.indices[index], rng)
    }

    fn read_held_out(&self, index: usize) -> Option<Result<Sample>> {
        self.held_out.get(index).map(|&index| self.whole.read(index))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DataConfig, open};
    use super::*;

    #[test]
    fn held_out_samples_are_spread_and_never_trained_on() {
        let garments = open(&DataConfig::default(), 0).unwrap().dataset;
        let part = Part::holding_out(Arc::clone(&garments), 30).unwrap();
        assert_eq!(part.len() + 30, garments.len());
        assert_eq!(part.held_out.len(), 30);
        assert!(part.held_out.iter().all(|index| !part.indices.contains(index)));
        let gaps: Vec<usize> = part.held_out.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| gap.abs_diff(garments.len() / 30) <= 1), "{gaps:?}");
        let first = part.held_out[0];
        assert_eq!(part.read_held_out(0).unwrap().unwrap(), garments.read(first).unwrap());
        assert_eq!(part.read(first).unwrap(), garments.read(first + 1).unwrap());
        assert!(part.read_held_out(30).is_none());
    }

    #[test]
    fn more_than_half_is_refused() {
        let garments = open(&DataConfig::default(), 0).unwrap().dataset;
        let reason = Part::holding_out(Arc::clone(&garments), garments.len()).err().unwrap().to_string();
        assert!(reason.contains("data.held_out") && reason.contains("fashion-mnist"), "{reason}");
    }
}
