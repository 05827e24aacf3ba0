//! A trained translator on its own: one self-describing file and a picture in, a picture out. No training code runs.

pub mod gallery;

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::data::Direction;
use crate::image::{self, Fit, Picture, Shape};
use crate::net::{self, TranslatorConfig};
use crate::nn::state::{self, Tensors};
use crate::nn::{self, Init};
use crate::random::{self, Purpose};
use crate::run::{Config, checkpoint};
use crate::{Error, Result, device};

/// What files of these networks are called within.
pub(crate) const KIND: &str = "translator";

/// The longest side of a picture it was trained on, in pixels.
const MAX_SIDE: usize = 4096;

/// Bytes of each value that a layer puts out: itself and what it was made of.
const BYTES_PER_ACTIVATION: u64 = 8;

/// What a translator's file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of gannet that wrote it.
    pub gannet: String,
    /// Shape of the pictures that it was trained on; it translates other sizes too.
    pub shape: Shape,
    /// Its network, one for each way.
    pub net: TranslatorConfig,
    /// The ways it goes, that of its training first.
    pub ways: Vec<Direction>,
    /// Real images shown to the critic before it was written.
    pub images_seen: u64,
    /// What it was trained on, in words.
    pub data: String,
    /// The settings of its training.
    pub config: Config,
}

/// A translator ready to use.
pub struct Translator {
    card: Card,
    networks: BTreeMap<Direction, net::Translator>,
    direction: Direction,
    device: Device,
}

impl Translator {
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

    /// The translator of `card` with its weights from `tensors`, on the CPU, or what is wrong with them.
    pub(crate) fn of_tensors(card: Card, tensors: &Tensors) -> Result<Self, String> {
        let direction = check(&card, tensors)?;
        let device = device::open_default().map_err(|error| error.to_string())?;
        let mut networks = BTreeMap::new();
        for &way in &card.ways {
            let network = card.net.init(card.shape, &mut Init::blank(&device));
            networks.insert(way, state::load(network, &way.to_string(), tensors)?.valid());
        }
        Ok(Self { card, networks, direction, device })
    }

    /// Networks just trained, described by `card`: one for each of its ways, in their order.
    pub(crate) fn new(card: Card, networks: impl IntoIterator<Item = net::Translator>, device: Device) -> Self {
        let direction = card.ways.first().copied().unwrap_or_default();
        let networks = card.ways.iter().copied().zip(networks).collect();
        Self { card, networks, direction, device: device.without_autodiff() }
    }

    /// Writes it to `path`, atomically.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut tensors = Tensors::new();
        self.networks.iter().for_each(|(way, network)| state::save(network, &way.to_string(), &mut tensors));
        checkpoint::write(path.as_ref(), KIND, &self.card, &tensors)
    }

    /// The weights of the way it goes, by their names.
    pub(crate) fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        self.networks.get(&self.direction).into_iter().for_each(|network| state::save(network, "", &mut tensors));
        tensors
    }

    /// What the file says of itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The same translator, going another way.
    pub fn towards(self, direction: Direction) -> Result<Self> {
        if self.networks.contains_key(&direction) {
            return Ok(Self { direction, ..self });
        }
        let ways = self.card.ways.iter().map(Direction::to_string).collect::<Vec<_>>().join(", ");
        Err(Error::setting(format!("direction {direction} was asked for, this translator goes: {ways}")))
    }

    /// The way it goes.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// `picture` translated, of the same size, with 8 bits a sample. Where the network has no alpha, that of the picture
    /// stays. `seed` is that of the noise, where the network has some.
    ///
    /// A picture whose sides the network cannot halve as often as it has to is extended by reflection and cut back.
    pub fn translate(&self, picture: &Picture, seed: u64) -> Result<Picture> {
        let alpha = (picture.channels == 4 && self.card.shape.channels != 4).then(|| picture.clone());
        let shape = Shape { channels: self.card.shape.channels, ..picture.shape() };
        let padded = self.padded(shape);
        self.check_memory(padded)?;
        let seen = image::to_unit(&image::conform(picture.clone(), shape, Fit::Stretch));
        let [top, left] = [padded.height - shape.height, padded.width - shape.width].map(|more| (more / 2) as isize);
        let seen = image::window(&seen, shape, [-top, -left], [padded.height, padded.width]);
        let values = self.forward(seen, padded, seed);
        let values = image::window(&values, padded, [top, left], [shape.height, shape.width]);
        let translated = image::from_unit(&values, shape);
        Ok(match alpha {
            Some(original) => image::with_alpha_of(translated, original),
            None => translated,
        })
    }

    /// Sources `[C, H, W]` of the shape of the training, in [-1, 1], translated likewise.
    pub fn values(&self, sources: &[Vec<f32>], seed: u64) -> Vec<Vec<f32>> {
        sources.iter().map(|source| self.forward(source.clone(), self.card.shape, seed)).collect()
    }

    /// One picture at a time, so that none depends on its neighbours.
    fn forward(&self, values: Vec<f32>, shape: Shape, seed: u64) -> Vec<f32> {
        let Some(network) = self.networks.get(&self.direction) else { return values };
        let source = TensorData::new(values, [1, shape.channels, shape.height, shape.width]);
        let mut noise = random::stream(seed, Purpose::Dropout, 0);
        let source = Tensor::from_data(source, &self.device);
        let translated = nn::in_use(|| network.forward(source, &mut noise));
        translated.into_data().iter::<f32>().collect()
    }

    /// The size that a picture of `shape` is brought to.
    fn padded(&self, shape: Shape) -> Shape {
        let [multiple, least] = self.card.net.sides(self.card.shape);
        let side = |side: usize| side.next_multiple_of(multiple).max(least);
        Shape { height: side(shape.height), width: side(shape.width), ..shape }
    }

    fn check_memory(&self, shape: Shape) -> Result<()> {
        let pixels = |shape: Shape| (shape.height * shape.width) as u64;
        let of_trained = self.card.net.plan(self.card.shape).n_activations().saturating_mul(BYTES_PER_ACTIVATION);
        let needed = (of_trained / pixels(self.card.shape)).saturating_mul(pixels(shape));
        let available = device::free_memory();
        if needed <= available {
            return Ok(());
        }
        let (needed_mb, available_mb) = (needed / 1_000_000, available / 1_000_000);
        let Shape { height, width, .. } = shape;
        Err(Error::Memory { needed_mb, available_mb, advice: format!("give a smaller picture than {width}x{height}") })
    }
}

/// Refuses a description that the file's own tensors do not bear out, before any memory is taken for it; else the first of
/// its ways.
fn check(card: &Card, tensors: &Tensors) -> std::result::Result<Direction, String> {
    let Shape { channels, height, width } = card.shape;
    if !matches!(channels, 1 | 3 | 4) || [height, width].iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
        return Err(format!("pictures of {channels}x{height}x{width}, accepted: up to 4x{MAX_SIDE}x{MAX_SIDE}"));
    }
    let problems = card.net.problems(card.shape);
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let planned = card.net.plan(card.shape).n_parameters().saturating_mul(card.ways.len() as u64);
    let held: u64 = tensors.values().map(|data| data.num_elements() as u64).sum();
    if planned > held {
        return Err(format!("describes networks of {planned} weights and holds {held}"));
    }
    card.ways.first().copied().ok_or_else(|| "names no way that it goes, accepted: AtoB, BtoA".into())
}
