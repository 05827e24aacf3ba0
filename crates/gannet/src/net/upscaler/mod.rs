//! Networks that enlarge images: small pictures `[N, C, H, W]` to `[N, C, scale H, scale W]`.
//!
//! Each is written once, as a walk that asks a `Pass` for its layers one after the other. One pass computes; another
//! writes the [`Graph`] down, from which follow how far a pixel sees, how to compute a picture in strips, and how to
//! export the network.

mod pass;
mod graph;
mod rrdb;
mod srvgg;
mod srresnet;
mod strips;
mod plan;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use graph::{Graph, Node, Op};
pub use rrdb::{Rrdb, RrdbConfig};
pub use srresnet::{Srresnet, SrresnetConfig};
pub use srvgg::{Srvgg, SrvggConfig};
pub use strips::{StripCost, Strips};

use crate::nn::Init;
use crate::nn::state::Tensors;
use pass::{Compute, Pass};

/// Which family of networks enlarges, and how large it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum UpscalerConfig {
    /// Residual-in-residual dense blocks, of ESRGAN and Real-ESRGAN.
    Rrdb(RrdbConfig),
    /// A plain chain of convolutions, of Real-ESRGAN's small models.
    Srvgg(SrvggConfig),
    /// Residual blocks with batch norm, of SRGAN.
    Srresnet(SrresnetConfig),
}

impl UpscalerConfig {
    /// What the family is called.
    pub fn family(&self) -> &'static str {
        match self {
            Self::Rrdb(_) => "rrdb",
            Self::Srvgg(_) => "srvgg",
            Self::Srresnet(_) => "srresnet",
        }
    }

    /// Pixels of the output for one of the input, in each direction.
    pub fn scale(&self) -> usize {
        match self {
            Self::Rrdb(config) => config.scale,
            Self::Srvgg(config) => config.scale,
            Self::Srresnet(config) => config.scale,
        }
    }

    /// Of the images it takes and makes: 3, or 1 for grey.
    pub fn channels(&self) -> usize {
        match self {
            Self::Rrdb(config) => config.channels,
            Self::Srvgg(config) => config.channels,
            Self::Srresnet(config) => config.channels,
        }
    }

    /// The values of black and white: what the published weights of the family were trained on.
    pub fn range(&self) -> [f32; 2] {
        match self {
            Self::Rrdb(_) | Self::Srvgg(_) => [0.0, 1.0],
            Self::Srresnet(_) => [-1.0, 1.0],
        }
    }

    /// The sides of the input are multiples of this.
    pub fn multiple(&self) -> usize {
        match self {
            Self::Rrdb(config) => config.folding(),
            Self::Srvgg(_) | Self::Srresnet(_) => 1,
        }
    }

    /// `images` in [-1, 1] as `forward`, the pass of a network of these settings, enlarges them, also in [-1, 1] but for what it
    /// overshoots.
    pub fn enlarge(&self, images: Tensor<4>, forward: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        let [black, white] = self.range();
        if [black, white] == [-1.0, 1.0] {
            return forward(images);
        }
        let half = (white - black) / 2.0;
        (forward((images + 1.0) * half + black) - black) / half - 1.0
    }

    /// The network whose tensors these are, by their names and shapes; none where no family knows them.
    pub fn of(tensors: &Tensors) -> Option<Self> {
        let rrdb = RrdbConfig::of(tensors).map(Self::Rrdb);
        let srvgg = || SrvggConfig::of(tensors).map(Self::Srvgg);
        rrdb.or_else(srvgg).or_else(|| SrresnetConfig::of(tensors).map(Self::Srresnet))
    }

    /// Whether the weight called `name` belongs to the first `n_blocks` blocks, or to what comes before them; of none where
    /// there are none.
    pub fn is_within_first(&self, n_blocks: usize, name: &str) -> bool {
        let mut parts = name.split('.');
        // A slope follows each convolution of a plain chain.
        let n_parts = if matches!(self, Self::Srvgg(_)) { 2 * n_blocks } else { n_blocks };
        match (parts.next(), parts.next().and_then(|place| place.parse::<usize>().ok())) {
            (Some("body"), Some(place)) => place < n_parts,
            (Some("conv_first" | "first" | "prelu"), _) => n_blocks > 0,
            _ => false,
        }
    }

    /// A new network.
    pub fn init(&self, init: &mut Init) -> Upscaler {
        match self {
            Self::Rrdb(config) => Upscaler::Rrdb(Rrdb::new(config, init)),
            Self::Srvgg(config) => Upscaler::Srvgg(Srvgg::new(config, init)),
            Self::Srresnet(config) => Upscaler::Srresnet(Srresnet::new(config, init)),
        }
    }
}

/// A network of any family.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one of them lives as long as the program")]
pub enum Upscaler {
    /// Residual-in-residual dense blocks.
    Rrdb(Rrdb),
    /// A plain chain.
    Srvgg(Srvgg),
    /// Residual blocks with batch norm.
    Srresnet(Srresnet),
}

impl Upscaler {
    /// `[N, C, H, W]` to `[N, C, scale H, scale W]`, both in the family's [range](UpscalerConfig::range); H and W are
    /// [multiples](UpscalerConfig::multiple).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        self.walk(images, &mut Compute)
    }

    /// The network written down; its layers share their weights with this one.
    pub fn graph(&self) -> Graph {
        let (mut graph, input) = Graph::starting_at(self.input_channels());
        self.walk(input, &mut graph);
        graph
    }

    fn walk<P: Pass>(&self, x: P::Value, pass: &mut P) -> P::Value {
        match self {
            Self::Rrdb(network) => network.walk(x, pass),
            Self::Srvgg(network) => network.walk(x, pass),
            Self::Srresnet(network) => network.walk(x, pass),
        }
    }

    fn input_channels(&self) -> usize {
        match self {
            Self::Rrdb(network) => network.input_channels(),
            Self::Srvgg(network) => network.input_channels(),
            Self::Srresnet(network) => network.input_channels(),
        }
    }
}

/// The dimensions of the tensor called `name`, if it is there and has as many.
fn shape<const D: usize>(tensors: &Tensors, name: &str) -> Option<[usize; D]> {
    tensors.get(name)?.shape().as_slice().try_into().ok()
}

/// How many tensors are called `prefix`, a number counted from 0, and `suffix`.
fn count(tensors: &Tensors, prefix: &str, suffix: &str) -> usize {
    (0..).take_while(|i| tensors.contains_key(&format!("{prefix}{i}{suffix}"))).count()
}
