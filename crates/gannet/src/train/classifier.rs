//! A small convolutional classifier of labelled data, to judge samples by: which digit is this, which garment?
//!
//! Strided convolutions with batch normalization halve the image until it is at most eight pixels a side, two fully
//! connected layers follow. It learns by Adam on the cross entropy from nine tenths of each class, each image shifted
//! a little at random, and is then tried on the last tenth. What it says of samples is worth no more than its
//! [`accuracy`](Classifier::accuracy), which therefore belongs to every figure made with it.

use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::optimizer::Rule;
use super::player::{Player, PlayerConfig};
use super::schedule::{Moment, Schedule};
use crate::data::{Batch, Dataset, Loader, LoaderConfig, Part, Sample};
use crate::image::Shape;
use crate::loss::cross_entropy;
use crate::nn::activation::relu;
use crate::nn::state::{self, Tensors};
use crate::nn::{BatchNorm, Conv2d, ConvConfig, Dual, Init, Linear, LinearConfig, Weights};
use crate::random::{self, Purpose};
use crate::run::checkpoint;
use crate::{Error, Result};

const KIND: &str = "classifier";

/// Changes with anything that would make another classifier of the same data.
const VERSION: u32 = 1;

/// The longest side it takes, in pixels.
const MAX_SIDE: usize = 64;

/// One of so many samples of a class is held out.
const HELD_OUT: usize = 10;

/// Images shown in all: the learnt part of 10,000 digits 13 times, that of 60,000 garments twice.
const MAX_IMAGES: u64 = 120_000;

/// How often an image is shown at most, which matters to small data.
const MAX_EPOCHS: u64 = 40;

const BATCH: usize = 64;

/// An image is shifted by up to its side divided by this, in each direction: one pixel of 28. Twice as much, or nothing,
/// was worse on digits.
const SHIFT: usize = 28;

const PLAYER: PlayerConfig = PlayerConfig {
    optimizer: Rule::Adam,
    learning_rate: 2e-3,
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-8,
    schedule: Schedule::Cosine,
    warmup_images: 0,
    gradient_clip: 0.0,
};

/// A trained classifier.
pub struct Classifier {
    card: Card,
    network: Network,
    device: Device,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Card {
    shape: Shape,
    classes: Vec<String>,
    n_held_out: usize,
    accuracy: f64,
}

impl Classifier {
    /// Learns the classes of `dataset`, of up to 64x64 pixels, on `device`. The same data and seed give the same
    /// classifier.
    pub fn train(dataset: &Arc<dyn Dataset>, seed: u64, device: &Device) -> Result<Self> {
        check(dataset.as_ref())?;
        let (shape, classes) = (dataset.shape(), dataset.classes().to_vec());
        let [learnt, held_out] = split(&labels(dataset.as_ref())?, classes.len());
        if held_out.is_empty() || learnt.is_empty() {
            return Err(Error::setting(format!(
                "{}: no class has {HELD_OUT} samples, of which a classifier could hold one out",
                dataset.name()
            )));
        }
        let device = device.clone().without_autodiff();
        let network = learn(dataset, learnt, seed, &device.clone().autodiff())?;
        let card = Card { shape, classes, n_held_out: held_out.len(), accuracy: 0.0 };
        let mut classifier = Self { card, network, device };
        classifier.card.accuracy = classifier.share_right(dataset.as_ref(), &held_out)?;
        Ok(classifier)
    }

    /// The classifier of `dataset` that `folder` holds; where it holds none, it is trained and saved there, so that the
    /// next call is quick.
    pub fn cached(dataset: &Arc<dyn Dataset>, seed: u64, device: &Device, folder: &Path) -> Result<Self> {
        let name: String = dataset.name().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let file = format!("{name}-{}-{}.safetensors", dataset.shape(), fingerprint(dataset.as_ref(), seed)?);
        let path = folder.join(file);
        if path.is_file() {
            match Self::load(&path, device) {
                Ok(classifier) => return Ok(classifier),
                Err(problem) => tracing::warn!("{problem}; another classifier is trained in its place"),
            }
        }
        tracing::info!("training a classifier of {}, once", dataset.name());
        let classifier = Self::train(dataset, seed, device)?;
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        classifier.save(&path)?;
        Ok(classifier)
    }

    /// Reads what [`save`](Self::save) wrote.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let (card, tensors) = checkpoint::read::<Card>(path, KIND)?;
        check_shape(card.shape).map_err(|reason| Error::file(path, reason))?;
        let device = device.clone().without_autodiff();
        let network = Network::new(card.shape, card.classes.len(), 0, &device);
        let network = state::load(network, KIND, &tensors).map_err(|reason| Error::file(path, reason))?;
        Ok(Self { card, network, device })
    }

    /// Writes it to `path`, atomically.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        checkpoint::write(path.as_ref(), KIND, &self.card, &self.state())
    }

    /// Its weights and statistics by name.
    pub(crate) fn state(&self) -> Tensors {
        let mut tensors = Tensors::new();
        state::save(&self.network, KIND, &mut tensors);
        tensors
    }

    /// The classifier of such weights, whose accuracy is not known here.
    pub(crate) fn of_state(
        shape: Shape,
        classes: Vec<String>,
        tensors: &Tensors,
        device: &Device,
    ) -> Result<Self, String> {
        check_shape(shape)?;
        let device = device.clone().without_autodiff();
        let network = state::load(Network::new(shape, classes.len(), 0, &device), KIND, tensors)?;
        Ok(Self { card: Card { shape, classes, n_held_out: 0, accuracy: 0.0 }, network, device })
    }

    /// The same classifier with what `change` makes of its weights, tried anew on what `dataset` has held out.
    pub(crate) fn changed(&self, change: impl Fn(&Tensors) -> Tensors, dataset: &dyn Dataset) -> Result<Self> {
        let Card { shape, classes, .. } = self.card.clone();
        let [_, held_out] = split(&labels(dataset)?, classes.len());
        let changed = Self::of_state(shape, classes, &change(&self.state()), &self.device);
        let mut changed = changed.map_err(Error::setting)?;
        changed.card.n_held_out = held_out.len();
        changed.card.accuracy = changed.share_right(dataset, &held_out)?;
        Ok(changed)
    }

    /// The shape of the samples it takes.
    pub fn shape(&self) -> Shape {
        self.card.shape
    }

    /// The names of its classes.
    pub fn classes(&self) -> &[String] {
        &self.card.classes
    }

    /// The share of held-out samples that it puts into their class, in [0, 1].
    pub fn accuracy(&self) -> f64 {
        self.card.accuracy
    }

    /// How many samples were held out to find the accuracy.
    pub fn n_held_out(&self) -> usize {
        self.card.n_held_out
    }

    /// Values of the last hidden layer, by which the classes are told apart.
    pub const N_FEATURES: usize = Network::HIDDEN;

    /// The last hidden layer `[N, N_FEATURES]` and the scores `[N, classes]` of images `[N, C, H, W]` in [-1, 1].
    pub fn features_and_scores(&self, images: Tensor<4>) -> [Tensor<2>; 2] {
        self.seen(images, &mut |_, _| {})
    }

    /// The same, and shows `see` the maps after each convolution.
    pub(crate) fn seen(&self, images: Tensor<4>, see: &mut dyn FnMut(&str, &Tensor<4>)) -> [Tensor<2>; 2] {
        let features = self.network.features(images, see);
        [features.clone().value, self.network.out.forward(features).value]
    }

    /// The likeliest class of each sample, `[C, H, W]` in [-1, 1].
    pub fn classify(&self, samples: &[Vec<f32>]) -> Vec<usize> {
        let Shape { channels, height, width } = self.card.shape;
        let mut classes = Vec::with_capacity(samples.len());
        for batch in samples.chunks(BATCH) {
            let data = TensorData::new(batch.concat(), [batch.len(), channels, height, width]);
            let scores = self.network.forward(Tensor::from_data(data, &self.device));
            classes.extend(scores.argmax(1).into_data().iter::<i64>().map(|class| class as usize));
        }
        classes
    }

    fn share_right(&self, dataset: &dyn Dataset, indices: &[usize]) -> Result<f64> {
        let mut n_right = 0;
        for indices in indices.chunks(BATCH) {
            let samples = indices.par_iter().map(|&index| dataset.read(index)).collect::<Result<Vec<_>>>()?;
            let (values, labels): (Vec<_>, Vec<_>) =
                samples.into_iter().map(|sample| (sample.values, sample.label)).unzip();
            let is_right = |(class, label): &(usize, Option<u32>)| label.map(|label| label as usize) == Some(*class);
            n_right += self.classify(&values).into_iter().zip(labels).filter(is_right).count();
        }
        Ok(n_right as f64 / indices.len() as f64)
    }
}

/// The network after its training on the samples at `indices`.
fn learn(dataset: &Arc<dyn Dataset>, indices: Vec<usize>, seed: u64, device: &Device) -> Result<Network> {
    let network = Network::new(dataset.shape(), dataset.classes().len(), seed, device);
    let mut player = Player::new(network, PLAYER);
    let images_total = MAX_IMAGES.min(MAX_EPOCHS * indices.len() as u64);
    let part: Arc<dyn Dataset> = Arc::new(Part::new(Arc::clone(dataset), indices));
    let mut loader = Loader::new(part, LoaderConfig { batch: BATCH, seed, mirror: false, shift: 0, start: 0 })?;
    let mut moment = Moment { images_seen: 0, images_total };
    while moment.images_seen < images_total {
        let batch = loader.next_batch()?;
        let images = shifted(&batch, dataset.shape(), seed, moment.images_seen)?;
        let scores = player.network().forward(Tensor::from_data(images, device));
        let classes = batch.classes(dataset.classes().len(), device)?;
        player.descend(cross_entropy(scores, &classes), moment);
        moment.images_seen += BATCH as u64;
    }
    Ok(player.network().valid())
}

/// The images of `batch`, each moved a little; what moves in repeats the edge. `first` is the number of the first one.
fn shifted(batch: &Batch, shape: Shape, seed: u64, first: u64) -> Result<TensorData> {
    let Shape { channels, height, width } = shape;
    let real: Vec<f32> = batch.get("real")?.iter::<f32>().collect();
    let mut moved = Vec::with_capacity(real.len());
    for (image, number) in real.chunks(shape.n_values()).zip(first..) {
        let mut rng = random::stream(seed, Purpose::ClassifierShift, number);
        let [down, right] = [height, width].map(|side| rng.random_range(0..=2 * (side / SHIFT)));
        // An offset of `side / SHIFT` is no move at all.
        let place = |at: usize, offset: usize, side: usize| (at + offset).saturating_sub(side / SHIFT).min(side - 1);
        for row in (0..channels * height).map(|row| row / height * height + place(row % height, down, height)) {
            moved.extend((0..width).map(|column| image[row * width + place(column, right, width)]));
        }
    }
    Ok(TensorData::new(moved, [batch.n(), channels, height, width]))
}

#[derive(Module, Debug)]
struct Network {
    blocks: Vec<Block>,
    hidden: Linear,
    out: Linear,
}

#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Network {
    /// Channels after the first convolution; each further one doubles them.
    const WIDTH: usize = 32;
    const HIDDEN: usize = 128;

    fn new(shape: Shape, n_classes: usize, seed: u64, device: &Device) -> Self {
        let mut init = Init::new(seed, Purpose::ClassifierWeights, device);
        let Shape { mut channels, mut height, mut width } = shape;
        let mut blocks = vec![];
        while height.max(width) > 8 && height.min(width) > 1 {
            let n_out = Self::WIDTH << blocks.len();
            let weights = Weights::He(std::f32::consts::SQRT_2);
            let conv = ConvConfig { stride: 2, padding: 1, weights, ..ConvConfig::new([channels, n_out], [4, 4]) };
            blocks.push(Block { conv: conv.init(&mut init), norm: BatchNorm::new(n_out, 0.0, &mut init) });
            (channels, height, width) = (n_out, height / 2, width / 2);
        }
        let hidden = LinearConfig::new(channels * height * width, Self::HIDDEN).init(&mut init);
        Self { blocks, hidden, out: LinearConfig::new(Self::HIDDEN, n_classes).init(&mut init) }
    }

    /// Images `[N, C, H, W]` in [-1, 1] to scores `[N, classes]`.
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.out.forward(self.features(images, &mut |_, _| {})).value
    }

    /// Images `[N, C, H, W]` in [-1, 1] to the last hidden layer `[N, HIDDEN]`.
    fn features(&self, images: Tensor<4>, see: &mut dyn FnMut(&str, &Tensor<4>)) -> Dual<2> {
        let mut x = Dual::from(images);
        for (i, Block { conv, norm }) in self.blocks.iter().enumerate() {
            x = relu(norm.forward(conv.forward(x)));
            see(&format!("block.{i}"), &x.value);
        }
        relu(self.hidden.forward(x.linear(|x| x.flatten(1, 3))))
    }
}

fn check(dataset: &dyn Dataset) -> Result<()> {
    let name = dataset.name();
    let n_classes = dataset.classes().len();
    if n_classes < 2 {
        return Err(Error::setting(format!("{name} has {n_classes} classes, a classifier needs 2 or more")));
    }
    check_shape(dataset.shape()).map_err(|reason| Error::setting(format!("{name}: {reason}")))
}

fn check_shape(shape: Shape) -> Result<(), String> {
    let fits = (1..=4).contains(&shape.channels) && [shape.height, shape.width].iter().all(|side| *side <= MAX_SIDE);
    fits.then_some(()).ok_or_else(|| format!("samples of {shape}, a classifier takes up to {MAX_SIDE}x{MAX_SIDE}"))
}

fn labels(dataset: &dyn Dataset) -> Result<Vec<usize>> {
    let label = |index| {
        let label = dataset.read(index)?.label;
        let unlabelled = || Error::setting(format!("sample {index} of {} has no label", dataset.name()));
        label.map(|label| label as usize).ok_or_else(unlabelled)
    };
    (0..dataset.len()).into_par_iter().map(label).collect()
}

/// The indices to learn from and those to hold out: of each class its last tenth.
fn split(labels: &[usize], n_classes: usize) -> [Vec<usize>; 2] {
    let mut of_class = vec![vec![]; n_classes];
    labels.iter().enumerate().for_each(|(index, &label)| of_class[label].push(index));
    let (mut learnt, mut held_out) = (vec![], vec![]);
    for mut indices in of_class {
        held_out.extend(indices.split_off(indices.len() - indices.len() / HELD_OUT));
        learnt.extend(indices);
    }
    [learnt, held_out]
}

/// Distinguishes data by their classes, number and a spread of 64 samples.
fn fingerprint(dataset: &dyn Dataset, seed: u64) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {seed} {} {:?}", dataset.len(), dataset.classes()));
    for place in 0..64 {
        let Sample { values, label } = dataset.read(place * dataset.len() / 64)?;
        hash.update(format!("{label:?}"));
        values.iter().for_each(|value| hash.update(value.to_le_bytes()));
    }
    Ok(hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normal;

    /// Pictures of noise, brighter on the left in class 0 and on the right in class 1.
    struct Sides {
        classes: Vec<String>,
        n: usize,
        side: usize,
    }

    fn sides(n: usize, side: usize, n_classes: usize) -> Arc<dyn Dataset> {
        Arc::new(Sides { classes: (0..n_classes).map(|class| class.to_string()).collect(), n, side })
    }

    impl Dataset for Sides {
        fn name(&self) -> &str {
            "sides/of"
        }
        fn len(&self) -> usize {
            self.n
        }
        fn shape(&self) -> Shape {
            Shape { channels: 1, height: self.side, width: self.side }
        }
        fn classes(&self) -> &[String] {
            &self.classes
        }
        fn description(&self) -> &str {
            "sides"
        }
        fn read(&self, index: usize) -> Result<Sample> {
            let mut values = normal(&mut random::stream(0, Purpose::Synthetic, index as u64), self.side * self.side);
            let label = index % 2;
            for (place, value) in values.iter_mut().enumerate() {
                let is_right = place % self.side >= self.side / 2;
                *value = 0.1 * *value + if is_right == (label == 1) { 0.5 } else { -0.5 };
            }
            Ok(Sample { values, label: Some(label as u32) })
        }
    }

    #[test]
    fn it_learns_is_saved_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::default();
        let data = sides(400, 10, 2);
        let first = Classifier::cached(&data, 0, &device, folder.path()).unwrap();
        assert_eq!((first.accuracy(), first.n_held_out(), first.classes().len()), (1.0, 40, 2));
        let samples: Vec<Vec<f32>> = (0..100).map(|index| data.read(index).unwrap().values).collect();
        assert_eq!(first.classify(&samples), (0..100).map(|index| index % 2).collect::<Vec<_>>());

        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        let again = Classifier::load(file, &device).unwrap();
        assert_eq!((&again.card, again.classify(&samples)), (&first.card, first.classify(&samples)));
        assert!(fingerprint(sides(401, 10, 2).as_ref(), 0).unwrap() != fingerprint(data.as_ref(), 0).unwrap());
    }

    #[test]
    fn the_last_tenth_of_each_class_is_held_out() {
        let labels: Vec<usize> = (0..40).map(|index| usize::from(index % 4 == 0)).collect();
        let [learnt, held_out] = split(&labels, 3);
        assert_eq!(held_out, [37, 38, 39, 36]);
        assert_eq!(learnt.len(), 36);
    }

    #[test]
    fn a_shift_moves_every_row_alike_and_repeats_the_edge() {
        let shape = Shape { channels: 2, height: 28, width: 28 };
        let values: Vec<f32> = (0..shape.n_values()).map(|i| (i % 784 / 28 * 100 + i % 28) as f32).collect();
        let batch = Batch::new(&vec![Sample { values, label: Some(0) }; 50], shape);
        let moved: Vec<f32> = shifted(&batch, shape, 3, 0).unwrap().iter::<f32>().collect();
        let mut offsets = std::collections::BTreeSet::new();
        for image in moved.chunks(shape.n_values()) {
            let (down, right) = ((image[784 + 14 * 28 + 14] / 100.0) as i32 - 14, image[14] as i32 % 100 - 14);
            offsets.insert((down, right));
            let expected = |y: i32, x: i32| ((y + down).clamp(0, 27) * 100 + (x + right).clamp(0, 27)) as f32;
            assert!((0..784).all(|i| image[i as usize] == expected(i / 28, i % 28)));
        }
        assert!(offsets.len() == 9 && offsets.iter().all(|(down, right)| down.abs() <= 1 && right.abs() <= 1));
    }

    #[test]
    fn data_it_cannot_learn_are_refused() {
        let refuse = |data| Classifier::train(&data, 0, &Device::default()).err().unwrap().to_string();
        assert!(refuse(sides(40, 10, 1)).contains("1 classes"));
        assert!(refuse(sides(40, 65, 2)).contains("up to 64x64"));
        assert!(refuse(sides(8, 10, 2)).contains("10 samples"));
    }
}
