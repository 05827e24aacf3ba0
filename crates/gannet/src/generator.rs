//! A trained generator on its own: one self-describing file in, pictures out. No training code runs.

mod explore;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::image::{self, Picture, Shape};
use crate::net::{self, NetConfig, Subject};
use crate::nn::Init;
use crate::nn::state::{self, Tensors};
use crate::random::{self, Purpose};
use crate::run::{Config, Precision, checkpoint};
use crate::{Error, Result, device};

pub use explore::Place;

/// What files of these networks are called within.
pub(crate) const KIND: &str = "generator";

/// Samples that go through the network together, at most.
pub const BATCH: usize = 16;

/// The most classes or codes of a condition.
const MAX_CONDITION: usize = 100_000;

/// The longest side of a sample, in pixels.
const MAX_SIDE: usize = 4096;

/// What a generator file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of gannet that wrote it.
    pub gannet: String,
    /// Shape of a sample.
    pub shape: Shape,
    /// Names of the classes of its data; empty where the data had none.
    pub classes: Vec<String>,
    /// Classes it can be asked for; 0 where it cannot.
    #[serde(default)]
    pub n_classes: usize,
    /// Continuous codes it can be told beside the class.
    #[serde(default)]
    pub n_codes: usize,
    /// Its network.
    pub net: NetConfig,
    /// Real images shown to the critic before it was written.
    pub images_seen: u64,
    /// What it was trained on, in words.
    pub data: String,
    /// The figure by which it was the best of its run, where metrics were taken while training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// The settings of its training.
    pub config: Config,
}

/// A figure with its protocol; smaller is better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// How it was measured.
    pub protocol: String,
    /// The figure.
    pub loss: f64,
}

impl Card {
    /// What the generator makes, and what it can be asked for.
    pub fn subject(&self) -> Subject {
        Subject { shape: self.shape, n_classes: self.n_classes, n_codes: self.n_codes }
    }

    /// What the classes it can be asked for are called: as in its data or, where it found them by itself, by number.
    pub fn class_names(&self) -> Vec<String> {
        let is_named = self.classes.len() == self.n_classes;
        if is_named { self.classes.clone() } else { (0..self.n_classes).map(|class| class.to_string()).collect() }
    }

    /// The number of the class called `name`, or of that number.
    pub fn class(&self, name: &str) -> Result<usize> {
        let names = self.class_names();
        if names.is_empty() {
            return Err(Error::setting(format!("class `{name}` was asked for, and this generator takes no classes")));
        }
        let named = names.iter().position(|known| known.to_lowercase() == name.to_lowercase());
        let numbered = || name.parse().ok().filter(|&class: &usize| class < names.len());
        let unknown = || Error::unknown("class", name, names.iter().map(String::as_str));
        named.or_else(numbered).ok_or_else(unknown)
    }
}

/// A generator ready to sample.
pub struct Generator {
    card: Card,
    /// The class that all samples are to be of; without one, each seed draws its own.
    class: Option<usize>,
    network: net::Generator,
    device: Device,
    precision: Precision,
}

impl Generator {
    /// Reads `generator.safetensors`, or the one in a run's folder, onto the CPU.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = if path.is_dir() { path.join("generator.safetensors") } else { path.to_path_buf() };
        if path.is_dir() && !file.exists() {
            return Err(Error::file(
                path,
                "no generator.safetensors in this folder; a run writes it at its first snapshot",
            ));
        }
        let (card, tensors) = checkpoint::read::<Card>(&file, KIND)?;
        Self::of_tensors(card, &tensors).map_err(|reason| Error::file(&file, reason))
    }

    /// The generator of `card` with its weights from `tensors`, on the CPU, or what is wrong with them.
    pub(crate) fn of_tensors(card: Card, tensors: &Tensors) -> Result<Self, String> {
        check(&card, tensors)?;
        let device = device::open_default().map_err(|error| error.to_string())?;
        let network = card.net.generator(card.subject(), &mut Init::blank(&device));
        let network = state::load(network, KIND, tensors)?;
        Ok(Self { card, class: None, network: network.valid(), device, precision: Precision::F32 })
    }

    /// A network just trained, described by `card`.
    pub(crate) fn new(card: Card, network: net::Generator, device: Device) -> Self {
        Self { card, class: None, network, device: device.without_autodiff(), precision: Precision::F32 }
    }

    /// Writes it to `path`, atomically.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut tensors = Tensors::new();
        state::save(&self.network, KIND, &mut tensors);
        checkpoint::write(path.as_ref(), KIND, &self.card, &tensors)
    }

    /// The same, with the figure by which it is the best.
    pub(crate) fn with_score(mut self, score: Score) -> Self {
        self.card.score = Some(score);
        self
    }

    /// Its weights by their names.
    pub(crate) fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        state::save(&self.network, "", &mut tensors);
        tensors
    }

    /// What the file says of itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The same generator, asked for one class only: by its name or its number.
    pub fn of_class(self, name: &str) -> Result<Self> {
        Ok(Self { class: Some(self.class(name)?), ..self })
    }

    /// The same generator, whose convolutions multiply numbers of `precision`, if this machine does.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        let refused = |problem| Error::setting(format!("the precision is {problem}"));
        precision.check(device::default_name()).map_err(refused)?;
        Ok(Self { precision, ..self })
    }

    /// The number of the class called `name`, or of that number.
    pub fn class(&self, name: &str) -> Result<usize> {
        self.card.class(name)
    }

    /// Whether it can be asked for a class.
    pub fn is_conditional(&self) -> bool {
        self.card.n_classes > 0
    }

    /// One picture per seed. The same seed gives the same picture, whatever its neighbours.
    pub fn sample(&self, seeds: &[u64]) -> Result<Vec<Picture>> {
        if self.card.shape.is_point() {
            return Err(Error::setting("this generator makes points, not images; ask for a sheet of them"));
        }
        let values = self.values(seeds, self.class)?;
        Ok(values.iter().map(|values| image::from_unit(values, self.card.shape)).collect())
    }

    /// One point per seed, from a generator of points.
    pub fn points(&self, seeds: &[u64]) -> Result<Vec<[f32; 2]>> {
        if !self.card.shape.is_point() {
            return Err(Error::setting(format!("this generator makes images of {}, not points", self.card.shape)));
        }
        Ok(self.values(seeds, self.class)?.iter().map(|values| [values[0], values[1]]).collect())
    }

    /// The values `[C, H, W]` of one sample per seed, in [-1, 1], of the class asked for; without one, the class is drawn
    /// from the seed where there are classes.
    pub fn values(&self, seeds: &[u64], class: Option<usize>) -> Result<Vec<Vec<f32>>> {
        self.check_class(class)?;
        Ok(self.forward(&self.inputs(seeds, class)))
    }

    /// The values of two samples per seed, a step of `epsilon` apart at a random place of the great circle between two
    /// latents, which share their condition.
    pub fn steps(&self, seeds: &[u64], epsilon: f64) -> [Vec<Vec<f32>>; 2] {
        let starts = self.inputs(seeds, self.class);
        let at = |offset: f64| {
            let step = |(input, &seed): (&Input, &u64)| {
                let mut rng = random::stream(seed, Purpose::SampleLatents, 1);
                let place: f64 = rng.random();
                let end = random::normal(&mut rng, input.latent.len());
                let latent = slerp(&input.latent, &end, place + offset);
                Input { latent, condition: input.condition.clone() }
            };
            starts.iter().zip(seeds).map(step).collect::<Vec<_>>()
        };
        [0.0, epsilon].map(|offset| self.forward(&at(offset)))
    }

    /// One sheet of all seeds: a grid of images, or a drawing of points.
    pub fn sheet(&self, seeds: &[u64], columns: usize) -> Result<Picture> {
        if seeds.is_empty() || columns == 0 {
            let n = seeds.len();
            return Err(Error::setting(format!("{n} seeds in {columns} columns, accepted: 1 or more of each")));
        }
        Ok(image::sheet(&self.values(seeds, self.class)?, self.card.shape, columns))
    }

    /// One sheet with a row for each of the first `rows` classes and a column for each seed, which shares all but the
    /// class with its column.
    pub fn class_sheet(&self, seeds: &[u64], rows: usize) -> Result<Picture> {
        let n_rows = rows.min(self.card.n_classes);
        if seeds.is_empty() || n_rows == 0 {
            return Err(Error::setting("a sheet of classes needs a conditional generator, 1 or more rows and seeds"));
        }
        let rows = (0..n_rows).map(|class| self.values(seeds, Some(class))).collect::<Result<Vec<_>>>()?;
        Ok(image::sheet(&rows.concat(), self.card.shape, seeds.len()))
    }

    /// `n_frames` pictures along the great circles from each seed's latent to the next one's and back to the first
    /// (White 2016, "Sampling Generative Networks", section 2.1), each a grid of `columns` by `rows` walks.
    pub fn walk(&self, seeds: &[u64], n_frames: usize, [columns, rows]: [usize; 2]) -> Result<Vec<Picture>> {
        let n_cells = columns * rows;
        if n_cells == 0 || seeds.len() < 2 * n_cells {
            let needed = 2 * n_cells;
            return Err(Error::setting(format!(
                "{} seeds for {n_cells} walks, accepted: {needed} or more, two for each walk",
                seeds.len()
            )));
        }
        let stations = self.inputs(seeds, self.class);
        let per_cell = seeds.len() / n_cells;
        let frame = |i: usize| {
            let at = i as f64 * per_cell as f64 / n_frames as f64;
            let (from, share) = (at as usize, at.fract());
            let inputs = (0..n_cells).map(|cell| {
                let station = |i: usize| &stations[cell * per_cell + i % per_cell];
                station(from).towards(station(from + 1), share)
            });
            image::sheet(&self.forward(&inputs.collect::<Vec<_>>()), self.card.shape, columns)
        };
        Ok((0..n_frames).map(frame).collect())
    }

    fn check_class(&self, class: Option<usize>) -> Result<()> {
        let n_classes = self.card.n_classes;
        match class.filter(|&class| class >= n_classes) {
            Some(class) => {
                Err(Error::setting(format!("class {class} was asked for, this generator has {n_classes} classes")))
            }
            None => Ok(()),
        }
    }

    /// What the network is given for each seed.
    fn inputs(&self, seeds: &[u64], class: Option<usize>) -> Vec<Input> {
        let Card { n_classes, n_codes, .. } = self.card;
        let input = |&seed: &u64| {
            let latent = random::normal(&mut random::stream(seed, Purpose::SampleLatents, 0), self.card.net.latent());
            let mut condition = vec![0.0; n_classes + n_codes];
            let mut rng = random::stream(seed, Purpose::SampleCondition, 0);
            if n_classes > 0 {
                let drawn = rng.random_range(0..n_classes);
                condition[class.unwrap_or(drawn)] = 1.0;
            }
            condition[n_classes..].iter_mut().for_each(|code| *code = rng.random_range(-1.0..=1.0));
            Input { latent, condition }
        };
        seeds.iter().map(input).collect()
    }

    /// The values `[C, H, W]` of each input's sample, in [-1, 1]. Where a sample's arithmetic depends on how many are drawn at
    /// once, every batch has the same size, the last one filled up with zeros.
    fn forward(&self, inputs: &[Input]) -> Vec<Vec<f32>> {
        let matrix = |batch: &[Input], row: fn(&Input) -> &Vec<f32>, n: usize| {
            let mut values: Vec<f32> = batch.iter().flat_map(row).copied().collect();
            let n_rows = if gannet_kernels::keeps_apart(&self.device) { batch.len() } else { BATCH };
            values.resize(n_rows * n, 0.0);
            Tensor::<2>::from_data(TensorData::new(values, [n_rows, n]), &self.device)
        };
        let n_condition = self.card.subject().n_condition();
        let mut samples = Vec::with_capacity(inputs.len());
        for batch in inputs.chunks(BATCH) {
            let latents = matrix(batch, |input| &input.latent, self.card.net.latent());
            let condition = (n_condition > 0).then(|| matrix(batch, |input| &input.condition, n_condition));
            let draw = || self.network.forward(latents, condition.as_ref()).into_data();
            let data = self.precision.scope(|| gannet_kernels::keeping_weights(draw));
            let values: Vec<f32> = data.iter::<f32>().collect();
            samples.extend(values.chunks(self.card.shape.n_values()).take(batch.len()).map(<[f32]>::to_vec));
        }
        samples
    }
}

/// What the network makes one sample from.
struct Input {
    latent: Vec<f32>,
    condition: Vec<f32>,
}

impl Input {
    /// At `share` of the way to `other`: along a great circle in latent space, straight from condition to condition.
    fn towards(&self, other: &Self, share: f64) -> Self {
        let mix = |(a, b): (&f32, &f32)| a + share as f32 * (b - a);
        Self {
            latent: slerp(&self.latent, &other.latent, share),
            condition: self.condition.iter().zip(&other.condition).map(mix).collect(),
        }
    }
}

/// Refuses a description that the file's own tensors do not bear out, before any memory is taken for it.
fn check(card: &Card, tensors: &Tensors) -> std::result::Result<(), String> {
    let Shape { channels, height, width } = card.shape;
    if !(1..=4).contains(&channels) || [height, width].iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
        return Err(format!("samples of {channels}x{height}x{width}, accepted: up to 4x{MAX_SIDE}x{MAX_SIDE}"));
    }
    if card.n_classes > MAX_CONDITION || card.n_codes > MAX_CONDITION {
        let Card { n_classes, n_codes, .. } = card;
        return Err(format!("{n_classes} classes and {n_codes} codes, accepted: up to {MAX_CONDITION} of each"));
    }
    let problems = card.net.problems(card.shape);
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let plan = card.net.generator_plan(card.subject());
    let held: u64 = tensors.values().map(|data| data.num_elements() as u64).sum();
    if plan.n_parameters() > held {
        return Err(format!("describes a network of {} weights and holds {held}", plan.n_parameters()));
    }
    Ok(())
}

/// The point at `share` of the way along the great circle from `a` to `b`.
fn slerp(a: &[f32], b: &[f32], share: f64) -> Vec<f32> {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let angle = (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0).acos();
    let [from, to] = if angle.sin() > 1e-6 {
        [((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin()]
    } else {
        [1.0 - share, share]
    };
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) * from + f64::from(*b) * to) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataConfig;
    use crate::run::TrainConfig;

    #[test]
    fn a_sample_does_not_depend_on_those_beside_it() {
        const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::Bf16];
        let nets = [
            "family = 'mlp'",
            "family = 'dcgan'",
            "family = 'dcgan'\nlatent = 600",
            "family = 'resnet'\nattention = 16",
            "family = 'r3gan'\nwidth = 64",
        ];
        for net in nets {
            let mut generator = of_net(net);
            let seeds: Vec<u64> = (0..18).collect();
            for precision in PRECISIONS.into_iter().filter(|precision| precision.check(device::default_name()).is_ok())
            {
                generator = generator.with_precision(precision).unwrap();
                let together = generator.values(&seeds, None).unwrap();
                assert_ne!(together[0], together[1]);
                for few in [vec![3], vec![17], vec![1, 4]] {
                    let values = generator.values(&few, None).unwrap();
                    let is_same = |(&seed, values): (&u64, &Vec<f32>)| together[seed as usize] == *values;
                    assert!(few.iter().zip(&values).all(is_same), "{precision:?}, {few:?}: {:?}", generator.card.net);
                }
            }
        }
    }

    #[test]
    fn samples_in_bf16_are_close_to_those_in_f32() {
        let Ok(generator) = of_net("family = 'dcgan'").with_precision(Precision::Bf16) else { return };
        let rounded = generator.values(&[0], None).unwrap().remove(0);
        let exact = generator.with_precision(Precision::F32).unwrap().values(&[0], None).unwrap().remove(0);
        let error = rounded.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error > 0.0 && error < 0.02, "{error}");
    }

    fn of_net(net: &str) -> Generator {
        let device = device::open_default().unwrap();
        let card = Card {
            gannet: String::new(),
            shape: Shape { channels: 3, height: 64, width: 64 },
            classes: vec![],
            n_classes: 5,
            n_codes: 1,
            net: toml::from_str(net).unwrap(),
            images_seen: 0,
            data: String::new(),
            score: None,
            config: Config { data: DataConfig::default(), method: toml::Table::new(), train: TrainConfig::default() },
        };
        let network = card.net.generator(card.subject(), &mut Init::new(0, Purpose::GeneratorWeights, &device));
        Generator::new(card, network.valid(), device)
    }

    #[test]
    fn a_walk_between_unit_latents_stays_on_the_sphere() {
        let (a, b) = ([1.0, 0.0, 0.0], [0.0, 0.6, 0.8]);
        assert_eq!(slerp(&a, &b, 0.0), a);
        let middle = slerp(&a, &b, 0.5);
        assert!((middle.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
