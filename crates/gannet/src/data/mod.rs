//! Training data: what a data set is, the ones that can be opened, and the loader that turns one into batches.
//!
//! [`open`] resolves a [`DataConfig`] into a [`Dataset`]; a [`Loader`] walks it in a shuffled order that depends on the
//! seed alone. Between here and a method, images are `[C, H, W]`, `f32` in [-1, 1].

mod config;
mod registry;

mod batch;
mod loader;

mod archive;
mod digits;
mod fashion_mnist;
mod files;
mod folder;
mod idx;
mod installed;
mod labels;
mod part;
mod pictures;
mod sides;
mod two_sided;
mod garment_edges;
mod stacked_mnist;
mod survey;
mod synthetic;

mod inspect;

use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::image::Shape;

pub use batch::Batch;
pub use config::{Channels, DataConfig, Direction, Layout, SidesConfig, Size};
pub use files::{PictureFiles, picture_names};
pub use inspect::{Report, inspect};
pub use loader::{Loader, LoaderConfig};
pub use part::Part;
pub use registry::{Opened, SETS, SetEntry, open};
pub use stacked_mnist::stacked_digits;
pub(crate) use synthetic::on_spiral;
pub use synthetic::{Modes, modes};

/// Samples addressed by their index. Reading is safe from any thread, and the same index always gives the same sample.
pub trait Dataset: Send + Sync {
    /// "fashion-mnist", or the name of the folder or file.
    fn name(&self) -> &str;

    /// How many samples there are; never zero.
    fn len(&self) -> usize;

    /// The shape of every sample.
    fn shape(&self) -> Shape;

    /// The names of the classes, by label; empty where the data has none.
    fn classes(&self) -> &[String];

    /// One line for a person: how many samples, where they came from, what was converted.
    fn description(&self) -> &str;

    /// The sample at `index`, below [`Dataset::len`].
    fn read(&self, index: usize) -> Result<Sample>;

    /// The sample at `index` as training is shown it: another part of it each time, drawn from `rng`, where samples are
    /// parts of larger pictures.
    fn read_crop(&self, index: usize, _rng: &mut ChaCha8Rng) -> Result<Sample> {
        self.read(index)
    }

    /// A sample of the same kind that is never trained on, for as many indices as one likes; none where the data has
    /// none to spare.
    fn read_held_out(&self, _index: usize) -> Option<Result<Sample>> {
        None
    }

    /// The names of the tensors in a batch: "real", and "label" where there are classes; of two sides "source" and
    /// "target", and "pair" where they belong together.
    fn yields(&self) -> Vec<&'static str> {
        match self.sides() {
            Some(sides) if sides.is_paired() => vec!["source", "target", "pair"],
            Some(_) => vec!["source", "target"],
            None if self.classes().is_empty() => vec!["real"],
            None => vec!["real", "label"],
        }
    }

    /// Its two sides, where it holds pictures to be translated into others; its samples are then the sources.
    fn sides(&self) -> Option<&dyn Sides> {
        None
    }

    /// Whether there is no sample; a set that opened has at least one.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Pictures of two sides, sources and targets, all of the data set's shape.
pub trait Sides: Send + Sync {
    /// How many sources and targets there are; neither is zero.
    fn lens(&self) -> [usize; 2];

    /// Whether each target is what the source of the same index is to become.
    fn is_paired(&self) -> bool;

    /// The source and the target at their own indices, `[C, H, W]` each, in [-1, 1]. Where they are paired, the indices are
    /// equal, and a pair that cannot be read is replaced as a whole.
    fn read(&self, indices: [usize; 2]) -> Result<[Vec<f32>; 2]>;

    /// Whether any are held out from training.
    fn holds_out(&self) -> bool;

    /// Up to `n` of them to look at, spread over those held out from training where there are any.
    fn shown(&self, n: usize) -> Result<Vec<[Vec<f32>; 2]>>;
}

/// One training example.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `[C, H, W]`, in [-1, 1].
    pub values: Vec<f32>,
    /// An index into [`Dataset::classes`].
    pub label: Option<u32>,
}
