//! Ways to play the game, one readable file per method, and the registry that everything else lists them from.
//!
//! A method gets its own file only if its update step reads differently; the others are presets of a family.

mod game;
mod gan;
mod wgan;

use burn::tensor::Device;
use toml::Table;

use crate::data::Batch;
use crate::image::Shape;
use crate::net::{self, NetConfig};
use crate::nn::state::Tensors;
use crate::train::event::Stats;
use crate::train::schedule::Moment;
use crate::{Error, Result};

/// A game in progress: networks, optimizers and averages. The loop owns time and data.
pub trait Method: Send {
    /// How many batches one step consumes.
    fn batches_per_step(&self) -> usize;

    /// Every player's move, once. What it reports is listed in [`crate::train::event`].
    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats>;

    /// The averaged generator, which is what users sample from.
    fn average(&self) -> &net::Generator;

    /// Writes everything that the next step depends on.
    fn save(&self, into: &mut Tensors);

    /// Takes back what [`save`](Self::save) wrote, or says which tensor is missing or of another shape.
    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String>;
}

/// The settings of a method, typed and complete.
pub trait MethodConfig: Send + Sync {
    /// Everything that keeps these settings from working on samples of `shape`.
    fn problems(&self, shape: Shape) -> Vec<String>;

    /// The networks' family and size.
    fn net(&self) -> &NetConfig;

    /// Names of the tensors a batch has to carry.
    fn needs(&self) -> &'static [&'static str];

    /// A new game.
    fn build(&self, setting: &Setting) -> Box<dyn Method>;

    /// The settings as they are written to a file.
    fn to_table(&self) -> Table;
}

/// Where and on what a game is played.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Shape of a sample.
    pub shape: Shape,
    /// Device with automatic differentiation.
    pub device: Device,
    /// Seed of weights and latents.
    pub seed: u64,
}

/// One line of the registry.
pub struct MethodEntry {
    /// What `--method` takes.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// The settings that make the method what it is, for samples of a shape; the others keep their family's defaults.
    pub preset: fn(Shape) -> Box<dyn MethodConfig>,
    /// Reads complete settings.
    pub parse: fn(Table) -> std::result::Result<Box<dyn MethodConfig>, toml::de::Error>,
}

/// All methods, in the order in which they are best learnt.
pub const METHODS: &[MethodEntry] = &[gan::VANILLA, gan::DCGAN, wgan::WGAN];

/// The method called `name`.
pub fn find(name: &str) -> Result<&'static MethodEntry> {
    let found = METHODS.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| Error::unknown("method", name, METHODS.iter().map(|entry| entry.name)))
}

/// The method for whoever names none: a good first choice for samples of `shape`.
pub fn suited(shape: Shape) -> &'static MethodEntry {
    if shape.is_point() { &gan::VANILLA } else { &gan::DCGAN }
}

/// Networks suited to samples of `shape`: fully connected for points, convolutional for images.
fn suited_net(shape: Shape) -> NetConfig {
    if shape.is_point() {
        NetConfig::Mlp(net::MlpConfig::default())
    } else {
        NetConfig::Dcgan(net::DcganConfig::default())
    }
}

fn table_of(config: &impl serde::Serialize) -> Table {
    match toml::Value::try_from(config) {
        Ok(toml::Value::Table(table)) => table,
        _ => unreachable!("method settings are plain structs of numbers and names"),
    }
}
