//! Stacked MNIST: three digits drawn at random as the channels of one colour image, 28x28, in 1000 modes.
//!
//! Metz et al. 2017 ("Unrolled generative adversarial networks", section 3.3.1) made it to count the modes that a
//! generator covers on images; Srivastava et al. 2017 (VEEGAN) and Lin et al. 2018 (PacGAN) count on it too. It has no
//! labels, so that nothing tells a method of the modes. An image depends on the seed and its index alone.
//!
//! The digits are those of [`digits`]: 10,000 where the papers had the 60,000 of MNIST's training set.

use std::path::PathBuf;
use std::sync::Arc;

use rand::RngExt;

use super::digits::{self, Digits, SIDE};
use super::{Channels, DataConfig, Dataset, Sample, Size};
use crate::error::{Error, Result};
use crate::image::{Fit, Picture, Shape, conform, to_unit};
use crate::random::{self, Purpose};

const NAME: &str = "stacked-mnist";

/// Images a set holds, a power of two so that the usual batches divide an epoch.
const N_IMAGES: usize = 65_536;

const N_CHANNELS: usize = 3;

/// The grey digits that the channels of `config`'s samples are, one by one: what opens them at the same size. `None`
/// for all data but stacked digits.
pub fn stacked_digits(config: &DataConfig) -> Option<DataConfig> {
    (config.source == NAME).then(|| DataConfig {
        source: "digits".into(),
        channels: Channels::Fixed(1),
        ..config.clone()
    })
}

/// Opens the set on the digits that are installed.
pub(super) fn open(config: &DataConfig, seed: u64) -> Result<Arc<dyn Dataset>> {
    open_in(&digits::folders(), config, seed)
}

fn open_in(folders: &[PathBuf], config: &DataConfig, seed: u64) -> Result<Arc<dyn Dataset>> {
    if !matches!(config.channels, Channels::Auto | Channels::Fixed(N_CHANNELS)) {
        let channels = config.channels;
        return Err(Error::setting(format!("data.channels is {channels}, accepted for `{NAME}`: auto, {N_CHANNELS}")));
    }
    let (width, height) = match config.size {
        Size::Auto => (SIDE, SIDE),
        Size::Fixed { width, height } => (width, height),
    };
    let shape = Shape { channels: N_CHANNELS, height, width };
    let Digits { folder, pixels, labels } = Digits::read(folders)?;
    let n_digits = labels.len();
    let description =
        format!("{N_IMAGES} images of three of {n_digits} digits from {} as {shape}, seed {seed}", folder.display());
    Ok(Arc::new(StackedMnist { pixels, n_digits, seed, shape, fit: config.fit, description }))
}

struct StackedMnist {
    /// All digits, `[n_digits, SIDE, SIDE]`.
    pixels: Vec<u8>,
    n_digits: usize,
    seed: u64,
    shape: Shape,
    fit: Fit,
    description: String,
}

impl StackedMnist {
    /// Which digits are red, green and blue in the image at `index`.
    fn digits(&self, index: usize) -> [usize; N_CHANNELS] {
        let mut rng = random::stream(self.seed, Purpose::Synthetic, index as u64);
        [0; N_CHANNELS].map(|_| rng.random_range(0..self.n_digits))
    }
}

impl Dataset for StackedMnist {
    fn name(&self) -> &str {
        NAME
    }

    fn len(&self) -> usize {
        N_IMAGES
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn read(&self, index: usize) -> Result<Sample> {
        let digits = self.digits(index).map(|digit| &self.pixels[digit * SIDE * SIDE..][..SIDE * SIDE]);
        let colours = (0..SIDE * SIDE).flat_map(|pixel| digits.map(|digit| digit[pixel])).collect();
        let picture = Picture::from_u8(Shape { channels: N_CHANNELS, height: SIDE, width: SIDE }, colours);
        Ok(Sample { values: to_unit(&conform(picture, self.shape, self.fit)), label: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(config: &DataConfig, seed: u64) -> Arc<dyn Dataset> {
        let folder = tempfile::tempdir().unwrap();
        digits::write_flat_digits(folder.path(), 2);
        open_in(&[folder.path().into()], config, seed).unwrap()
    }

    /// The three digits of a sample made of flat ones.
    fn triple(set: &dyn Dataset, index: usize) -> [usize; 3] {
        let values = set.read(index).unwrap().values;
        [0, 1, 2].map(|channel| {
            let channel = &values[channel * SIDE * SIDE..][..SIDE * SIDE];
            assert!(channel.iter().all(|value| *value == channel[0]));
            ((channel[0] + 1.0) * 5.0).round() as usize
        })
    }

    #[test]
    fn channels_are_independent_digits_that_depend_on_seed_and_index_alone() {
        let [set, again, other] = [1, 1, 2].map(|seed| opened(&DataConfig::default(), seed));
        assert_eq!((set.len(), set.shape().to_string().as_str(), set.classes().len()), (65_536, "3x28x28", 0));
        let triples = |set: &Arc<dyn Dataset>| (0..3000).map(|i| triple(set.as_ref(), i)).collect::<Vec<_>>();
        assert_eq!(triples(&set), triples(&again));
        assert_ne!(triples(&set), triples(&other));
        let n_modes = triples(&set).iter().collect::<std::collections::BTreeSet<_>>().len();
        // 1000 (1 - e^-3) of the modes are expected, with a standard deviation below 7.
        assert!((920..980).contains(&n_modes), "{n_modes}");
    }

    #[test]
    fn another_size_is_a_setting_and_another_channel_count_is_not() {
        let config = DataConfig { size: "16".parse().unwrap(), ..DataConfig::default() };
        assert_eq!(opened(&config, 1).read(0).unwrap().values.len(), 3 * 16 * 16);
        let grey = DataConfig { channels: Channels::Fixed(1), ..DataConfig::default() };
        assert!(open_in(&[], &grey, 1).err().unwrap().to_string().contains("data.channels is 1"));
        let of = |source: &str| stacked_digits(&DataConfig { source: source.into(), ..config.clone() });
        let digits = of(NAME).unwrap();
        assert_eq!((digits.source.as_str(), digits.size), ("digits", config.size));
        assert_eq!(of("digits"), None);
    }
}
