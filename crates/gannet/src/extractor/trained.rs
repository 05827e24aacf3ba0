//! Extractors of one's own: the last hidden layer of a classifier that was trained on labelled data.
//!
//! They are for data that no network of photographs knows, such as garments of 28 pixels: what tells the classes apart is
//! what the features describe, and no more than that. The accuracy on held-out samples is part of the card.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use super::card::hash;
use super::{Card, Network, Origin, Output, compact, library};
use crate::Result;
use crate::data::Dataset;
use crate::nn::state::Tensors;
use crate::train::classifier::Classifier;

/// What cards call the network.
pub(super) const ARCHITECTURE: &str = "classifier";

/// Trains a classifier of `dataset` and keeps it in `folder` as the extractor `name`. The same data and seed give the same
/// weights. A name that is taken is refused.
pub fn train(dataset: &Arc<dyn Dataset>, name: &str, seed: u64, device: &Device, folder: &Path) -> Result<Card> {
    // Before the minutes that a training takes.
    library::check_free(name, folder)?;
    let classifier = Classifier::train(dataset, seed, device)?;
    let (card, tensors) = describe(&classifier, name, dataset.name());
    library::keep(&card, &tensors, folder)?;
    Ok(card)
}

/// The same with weights in 8 bits, a quarter of the size; the card has the accuracy of these.
pub fn train_compact(
    dataset: &Arc<dyn Dataset>,
    name: &str,
    seed: u64,
    device: &Device,
    folder: &Path,
) -> Result<Card> {
    library::check_free(name, folder)?;
    let classifier = Classifier::train(dataset, seed, device)?;
    let round = |tensors: &Tensors| compact::unpack(compact::pack(tensors)).unwrap_or_default();
    let (card, tensors) = describe(&classifier.changed(round, dataset.as_ref())?, name, dataset.name());
    library::keep(&card, &compact::pack(&tensors), folder)?;
    Ok(card)
}

fn describe(classifier: &Classifier, name: &str, data: &str) -> (Card, Tensors) {
    let tensors = classifier.state();
    let card = Card {
        name: name.to_owned(),
        architecture: ARCHITECTURE.to_owned(),
        shape: classifier.shape(),
        n_features: Classifier::N_FEATURES,
        n_classes: classifier.classes().len(),
        classes: classifier.classes().to_vec(),
        weights: hash(&tensors),
        origin: Origin::Trained {
            data: data.to_owned(),
            accuracy: classifier.accuracy(),
            n_held_out: classifier.n_held_out(),
        },
    };
    (card, tensors)
}

/// The classifier that `card` describes.
pub(super) fn network(card: &Card, tensors: &Tensors, device: &Device) -> Result<Box<dyn Network>, String> {
    Ok(Box::new(Classifier::of_state(card.shape, card.classes.clone(), tensors, device)?))
}

impl Network for Classifier {
    fn forward(&self, images: Tensor<4>, see: &mut dyn FnMut(&str, &Tensor<4>)) -> Output {
        let [features, scores] = self.seen(images, see);
        Output { features, scores: Some(scores) }
    }
}
