//! Ways to play the game, one readable file per method, and the registry that everything else lists them from.
//!
//! A method gets its own file only if its update step reads differently; the others are presets of a family. Read
//! `gan` first, the game itself with all its rules, then `acgan`, `infogan` and `began`, which change it, then `pix2pix`,
//! `cyclegan` and `cut`, which translate pictures, `style`, which is one of the first two by what the data hold, `srgan` and
//! `esrgan`, which enlarge them, and `inpaint`, which fills their holes.

mod acgan;
mod began;
mod gan;
mod game;
mod guide;
mod infogan;
mod pix2pix;
mod cyclegan;
mod cut;
mod style;
mod srgan;
mod esrgan;
mod enlarging;
mod inpaint;
mod pool;
mod presets;
mod rules;

use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use toml::Table;

use crate::data::Batch;
use crate::degrade::{Degradation, Holes};
use crate::image::{Fit, Shape};
use crate::net::upscaler::UpscalerConfig;
use crate::net::{self, GatedConfig, NetConfig, NetworkPlan, Subject, TranslatorConfig};
use crate::nn::state::Tensors;
use crate::train::event::Stats;
use crate::train::schedule::Moment;
use crate::{Error, Result};

pub use guide::guide;
pub use presets::METHODS;

/// A game in progress: networks, optimizers and averages. The loop owns time and data.
pub trait Method: Send {
    /// How many batches one step consumes.
    fn batches_per_step(&self) -> usize;

    /// Every player's move, once. What it reports is listed in [`crate::train::event`].
    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats>;

    /// The averaged generator, which is what users get.
    fn average(&self) -> Average<'_>;

    /// The generator as it stands, without gradients: where the game is now, before any averaging. None where it translates.
    fn current(&self) -> Option<net::Generator> {
        None
    }

    /// `samples` as the critic is shown them; none where it sees them as they are.
    fn augmented(&self, _samples: Tensor<4>, _rng: &mut ChaCha8Rng) -> Option<Tensor<4>> {
        None
    }

    /// The critic's scores `[N]` of samples `[N, C, H, W]`, without gradients; of no class in particular.
    fn scores(&self, samples: Tensor<4>) -> Tensor<1>;

    /// Writes everything that the next step depends on.
    fn save(&self, into: &mut Tensors);

    /// Takes back what [`save`](Self::save) wrote, or says which tensor is missing or of another shape.
    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String>;
}

/// The averaged generator of a game.
pub enum Average<'a> {
    /// Makes samples from latents.
    Sampler(&'a net::Generator),
    /// Turns sources into targets and, where there is a way back, targets into sources.
    Translator {
        /// From source to target.
        forth: &'a net::Translator,
        /// From target to source.
        back: Option<&'a net::Translator>,
    },
    /// Enlarges pictures.
    Upscaler(&'a net::upscaler::Upscaler),
    /// Fills holes.
    Inpainter(&'a net::GatedGenerator),
}

/// What a method's generator is made of.
pub enum Networks<'a> {
    /// It makes samples from latents.
    Sampler(&'a NetConfig),
    /// It turns pictures into pictures.
    Translator(&'a TranslatorConfig),
    /// It enlarges pictures.
    Upscaler {
        /// What it is made of.
        net: &'a UpscalerConfig,
        /// How the pictures that it is shown are made of the data's.
        degrade: Degradation,
    },
    /// It fills holes.
    Inpainter {
        /// What it is made of.
        net: &'a GatedConfig,
        /// The holes that it learns to fill.
        holes: Holes,
    },
}

/// What the data and the run give a method to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// Shape of a sample.
    pub shape: Shape,
    /// Classes of the data; 0 where it has none.
    pub n_classes: usize,
    /// Samples in a batch.
    pub batch: usize,
    /// Whether every source comes with the target that it should become.
    pub is_paired: bool,
}

/// Unlabelled samples without pairs in batches of 64.
impl From<Shape> for Given {
    fn from(shape: Shape) -> Self {
        Self { shape, n_classes: 0, batch: 64, is_paired: false }
    }
}

/// The settings of a method, typed and complete.
pub trait MethodConfig: Send + Sync {
    /// Everything that keeps these settings from working on what is given.
    fn problems(&self, given: &Given) -> Vec<String>;

    /// The networks' family and size.
    fn net(&self) -> Networks<'_>;

    /// What the generator makes, and what it can be asked for.
    fn subject(&self, given: &Given) -> Subject;

    /// The layers of generator and critic.
    fn plan(&self, given: &Given) -> [NetworkPlan; 2];

    /// Names of the tensors a batch has to carry.
    fn needs(&self) -> &'static [&'static str];

    /// What should happen to pictures of other sizes than the samples', unless the data's settings say it.
    fn fit(&self) -> Fit {
        Fit::Crop
    }

    /// A new game, or why something that it needs cannot be read.
    fn build(&self, setting: &Setting) -> Result<Box<dyn Method>>;

    /// The settings as they are written to a file.
    fn to_table(&self) -> Table;
}

/// Where and on what a game is played.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Samples and classes.
    pub given: Given,
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
    /// When to choose it, and when not, in a sentence or two.
    pub advice: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// The settings that make the method what it is, for samples of a shape; the others keep their family's defaults.
    pub preset: fn(Shape) -> Box<dyn MethodConfig>,
    /// Reads complete settings.
    pub parse: fn(Table) -> std::result::Result<Box<dyn MethodConfig>, toml::de::Error>,
}

/// The method called `name`.
pub fn find(name: &str) -> Result<&'static MethodEntry> {
    let found = METHODS.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| Error::unknown("method", name, METHODS.iter().map(|entry| entry.name)))
}

/// The first method that trains networks of the family of `net` for pictures of `shape`, unless told otherwise.
pub(crate) fn of_translator(net: &TranslatorConfig, shape: Shape) -> Option<&'static MethodEntry> {
    let family = std::mem::discriminant(net);
    let is_of_it = |preset: &dyn MethodConfig| matches!(preset.net(), Networks::Translator(preset) if std::mem::discriminant(preset) == family);
    METHODS.iter().find(|entry| is_of_it((entry.preset)(shape).as_ref()))
}

/// The family under `rules` of one's own: any networks with any loss, penalty and balance.
pub fn of_rules(rules: Table) -> std::result::Result<Box<dyn MethodConfig>, toml::de::Error> {
    presets::RULES(rules)
}

/// The method for whoever names none: a good first choice for samples of `shape`.
pub fn suited(shape: Shape) -> &'static MethodEntry {
    if shape.is_point() { &presets::VANILLA } else { &presets::DCGAN }
}

fn table_of(config: &impl serde::Serialize) -> Table {
    match toml::Value::try_from(config) {
        Ok(toml::Value::Table(table)) => table,
        _ => unreachable!("method settings are plain structs of numbers and names"),
    }
}
