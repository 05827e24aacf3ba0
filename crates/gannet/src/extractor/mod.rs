//! Feature extractors: trained networks whose features samples are compared by.
//!
//! An [`Extractor`] is a network with its weights, known by a name and by a hash of the weights. Weights come from a
//! user's file ([`add`]) or from a classifier trained on labelled data ([`train`]), and are kept in a folder
//! ([`folder`]) as safetensors with a [`Card`]. Extractors live here and not in [`metric`](crate::metric), which takes
//! features and knows no network.
//!
//! # What an extractor is given
//!
//! Images `[N, C, S, S]` in [-1, 1], already of the side the network takes. Resizing decides figures (Parmar et al. 2022,
//! arXiv:2104.11222): it is done on 8-bit pictures with an antialiasing filter, as Pillow does it, before
//! [`to_unit`] brings bytes b to b / 127.5 - 1. Grey images are repeated to three channels here.

mod card;
mod compact;
mod efficientnet;
mod inception;
mod layers;
mod library;
mod trained;
mod vgg;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::image::{Filter, Fit, Picture, Shape, conform, resize, to_unit};
use crate::import::Weights;
use crate::{Error, Result};

pub use card::{Card, Origin};
pub use inception::resize_tf1;
pub use library::{AUTO, BUILT_IN, BuiltIn, add, find, folder, list, open, suited};
pub use trained::{train, train_compact};
pub use vgg::{Perceptual, layers};

use layers::Source;

/// Images that go through a network together.
const BATCH: usize = 16;

/// One line of the registry: a network whose weights can be imported.
pub struct Architecture {
    /// What cards call it.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Images it takes.
    pub shape: Shape,
    /// Features of an image.
    pub n_features: usize,
    /// Classes it tells apart; 0 where it knows none.
    pub n_classes: usize,
    /// A tensor by which its weights are known.
    pub signature: &'static str,
    build: fn(&mut Source) -> Result<Box<dyn Network>, String>,
}

/// All networks whose weights can be imported.
pub const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "inception-v3-fid",
        summary: "the Inception network of December 2015 that FID is defined with",
        shape: square(inception::SIDE),
        n_features: inception::N_FEATURES,
        n_classes: inception::N_CLASSES,
        signature: inception::SIGNATURE,
        build: inception::build,
    },
    Architecture {
        name: "efficientnet-lite0",
        summary: "a small network of ImageNet's classes, quick on a CPU",
        shape: square(efficientnet::SIDE),
        n_features: efficientnet::N_FEATURES,
        n_classes: efficientnet::N_CLASSES,
        signature: efficientnet::SIGNATURE,
        build: efficientnet::build,
    },
    Architecture {
        name: "vgg16",
        summary: "the network that perceptual losses look through, without its classifier",
        shape: square(vgg::SIDE),
        n_features: vgg::N_FEATURES,
        n_classes: 0,
        signature: vgg::SIGNATURE,
        build: vgg::build,
    },
];

const fn square(side: usize) -> Shape {
    Shape { channels: 3, height: side, width: side }
}

/// A network in use: no gradient is taken, no weight changes.
trait Network: Send + Sync {
    /// From images of the shape it takes, `[N, C, H, W]` in [-1, 1]; `see` is shown the maps of every stage.
    fn forward(&self, images: Tensor<4>, see: &mut dyn FnMut(&str, &Tensor<4>)) -> Output;
}

/// What a network makes of images.
struct Output {
    /// `[N, features]`.
    features: Tensor<2>,
    /// Logarithms of the classes' probabilities but for a constant, `[N, classes]`; none where it knows no classes.
    scores: Option<Tensor<2>>,
}

/// What an extractor says of images, a row for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Extract {
    /// As many values as the card says.
    pub features: Vec<Vec<f32>>,
    /// Of each class, in [0, 1]; their sum is 1. No rows where the network knows no classes.
    pub probabilities: Vec<Vec<f32>>,
}

/// A network with its weights, ready to extract features.
pub struct Extractor {
    card: Card,
    network: Box<dyn Network>,
    device: Device,
}

impl Extractor {
    /// The network that `weights` belong to, called `name`; `file` is where they were read. The architecture is recognised
    /// by the names of the tensors.
    pub fn new(name: &str, file: &str, weights: &Weights, device: &Device) -> Result<Self> {
        library::import(name, file, weights, device).map(|(extractor, _)| extractor).map_err(Error::setting)
    }

    /// Name, architecture, origin and hash.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The features of images `[N, C, H, W]` in [-1, 1], of the card's shape or grey ones of its size.
    pub fn features(&self, images: Tensor<4>) -> Result<Vec<Vec<f32>>> {
        Ok(self.extract(images)?.features)
    }

    /// Features and class probabilities of `pictures`, brought to the card's channels and then, on 8 bits, to its size.
    pub fn see(&self, pictures: Vec<Picture>, filter: Filter) -> Result<Extract> {
        self.extract(self.fitted(pictures, filter))
    }

    /// The maps `[N, C, H, W]` after each stage of the network, in order, of `pictures` brought to its shape likewise.
    pub fn see_stages(&self, pictures: Vec<Picture>, filter: Filter) -> Result<Vec<Tensor<4>>> {
        Ok(self.stages(self.fitted(pictures, filter))?.into_iter().map(|(_, maps)| maps).collect())
    }

    fn fitted(&self, pictures: Vec<Picture>, filter: Filter) -> Tensor<4> {
        let Shape { channels, height, width } = self.card.shape;
        let fit = |picture: Picture| {
            let shape = Shape { channels, ..picture.shape() };
            to_unit(&resize(conform(picture, shape, Fit::Stretch), height, width, filter))
        };
        let values: Vec<Vec<f32>> = pictures.into_par_iter().map(fit).collect();
        let data = TensorData::new(values.concat(), [values.len(), channels, height, width]);
        Tensor::from_data(data, &self.device)
    }

    /// Features and class probabilities of images `[N, C, H, W]` in [-1, 1], of the card's shape or grey ones of its size.
    pub fn extract(&self, images: Tensor<4>) -> Result<Extract> {
        let mut extract = Extract { features: vec![], probabilities: vec![] };
        for images in self.accept(images)?.split(BATCH, 0) {
            let Output { features, scores } = self.network.forward(images, &mut |_, _| {});
            extract.features.extend(rows(features));
            let scores = scores.into_iter().flat_map(rows);
            extract.probabilities.extend(scores.map(|scores| softmax(&scores)));
        }
        Ok(extract)
    }

    /// The maps `[N, C, H, W]` after each stage of the network, by name, in order: features of other depths.
    pub fn stages(&self, images: Tensor<4>) -> Result<Vec<(String, Tensor<4>)>> {
        let mut stages = vec![];
        self.network.forward(self.accept(images)?, &mut |name, maps| stages.push((name.to_owned(), maps.clone())));
        Ok(stages)
    }

    /// `images` with the channels of the network, on its device, or why they do not fit.
    fn accept(&self, images: Tensor<4>) -> Result<Tensor<4>> {
        let [_, channels, height, width] = images.dims();
        let Card { name, shape, .. } = &self.card;
        let is_grey = channels == 1 && shape.channels == 3;
        if [height, width] != [shape.height, shape.width] || !(is_grey || channels == shape.channels) {
            let found = Shape { channels, height, width };
            return Err(Error::setting(format!(
                "images of {found}, accepted by the extractor `{name}`: {shape}{}; resize them first",
                if shape.channels == 3 { " or grey" } else { "" }
            )));
        }
        let images = images.to_device(&self.device);
        Ok(if is_grey { images.repeat_dim(1, 3) } else { images })
    }
}

fn rows(matrix: Tensor<2>) -> impl Iterator<Item = Vec<f32>> {
    let [_, n_columns] = matrix.dims();
    let values: Vec<f32> = matrix.into_data().iter::<f32>().collect();
    values.chunks(n_columns).map(<[f32]>::to_vec).collect::<Vec<_>>().into_iter()
}

/// Probabilities from scores, computed in f64.
fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = scores.iter().map(|score| f64::from(score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}
