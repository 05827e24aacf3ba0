//! What an extractor says of itself, and what figures made with it may be called.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::inception;
use crate::image::Shape;
use crate::import::hex;
use crate::nn::state::Tensors;

/// An extractor's description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// What a user calls it.
    pub name: String,
    /// The network, one of [`ARCHITECTURES`](super::ARCHITECTURES) or `classifier`.
    pub architecture: String,
    /// Images it takes.
    pub shape: Shape,
    /// Features of an image.
    pub n_features: usize,
    /// Classes it tells apart; 0 where it knows none.
    pub n_classes: usize,
    /// What these are called; empty where nobody said.
    pub classes: Vec<String>,
    /// SHA-256 of names, shapes and values of its weights, 64 hexadecimal digits: the same weights from another file have
    /// the same.
    pub weights: String,
    /// Where the weights came from.
    pub origin: Origin,
}

/// Where weights came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A file that was imported.
    File {
        /// Its name.
        name: String,
        /// SHA-256 of its bytes, 64 hexadecimal digits.
        sha256: String,
    },
    /// A training on labelled data.
    Trained {
        /// What the data are called.
        data: String,
        /// Share of held-out samples put into their class, in [0, 1].
        accuracy: f64,
        /// How many were held out.
        n_held_out: usize,
    },
}

impl Card {
    /// The first eight digits of the hash, for protocols.
    pub fn short_hash(&self) -> &str {
        self.weights.get(..8).unwrap_or(&self.weights)
    }

    /// Whether these are the standard weights, the only ones whose figures may be called FID.
    pub fn is_standard(&self) -> bool {
        match &self.origin {
            Origin::File { sha256, .. } => sha256.starts_with(inception::STANDARD),
            Origin::Trained { .. } => false,
        }
    }

    /// What the Fréchet distance by these features is called: `FID` by the standard weights, else `FD-NAME`.
    pub fn distance_name(&self) -> String {
        if self.is_standard() { "FID".to_owned() } else { format!("FD-{}", self.name) }
    }
}

/// `lite0: efficientnet-lite0, 1280 features of 3x224x224, 1000 classes, weights 12a7f012 from a.pth; figures: FD-lite0`.
impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, architecture, shape, n_features, n_classes, .. } = self;
        write!(f, "{name}: {architecture}, {n_features} features of {shape}, {n_classes} classes, ")?;
        write!(f, "weights {} ", self.short_hash())?;
        match &self.origin {
            Origin::File { name, .. } => write!(f, "from {name}")?,
            Origin::Trained { data, accuracy, n_held_out } => {
                write!(f, "trained on {data}, right on {:.1} % of {n_held_out} held-out samples", 100.0 * accuracy)?;
            }
        }
        write!(f, "; figures: {}", self.distance_name())
    }
}

/// SHA-256 of `tensors`, in 64 hexadecimal digits: of each its name, its shape and its values, in name order.
pub(super) fn hash(tensors: &Tensors) -> String {
    let mut hash = Sha256::new();
    for (name, data) in tensors {
        hash.update(format!("{name} {:?} {:?}\n", data.dtype(), data.shape().as_slice()));
        hash.update(data.as_bytes());
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(origin: Origin) -> Card {
        let shape = Shape { channels: 3, height: 299, width: 299 };
        let (n_features, n_classes, classes) = (2048, 1008, vec![]);
        let [name, architecture, weights] = ["mine", "inception-v3-fid", "0123456789abcdef"].map(String::from);
        Card { name, architecture, shape, n_features, n_classes, classes, weights, origin }
    }

    #[test]
    fn only_the_standard_weights_give_what_is_called_fid() {
        let file = |sha256: &str| Origin::File { name: "a.pth".into(), sha256: sha256.into() };
        assert_eq!(
            card(file("6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2")).distance_name(),
            "FID"
        );
        assert_eq!(card(file("0af5f7296726825d")).distance_name(), "FD-mine");
        let trained = Origin::Trained { data: "digits".into(), accuracy: 0.9, n_held_out: 10 };
        assert_eq!(card(trained).distance_name(), "FD-mine");
    }
}
