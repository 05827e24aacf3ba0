//! Places in latent space between and beside seeds, and the directions in which a generator changes most.

use faer::{MatRef, Side};

use super::{Generator, Input};
use crate::{Error, Result};

/// Seeds around which the directions are taken.
const N_PROBES: u64 = 8;
/// Step of the differences, in standard deviations of the noise.
const STEP: f32 = 0.05;
/// Longer latents are explored along their first values only.
const MAX_LATENT: usize = 256;

/// A point of latent space.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where it starts.
    pub seed: u64,
    /// A seed on the way to which it lies, and the share of the way, in [0, 1], along the great circle.
    pub toward: Option<(u64, f64)>,
    /// What is added, as long as a latent or empty.
    pub shift: Vec<f32>,
}

impl Generator {
    /// The values `[C, H, W]` of one sample per place, in [-1, 1], of a class below `n_classes`; without one, each seed
    /// draws its own.
    pub fn values_at(&self, places: &[Place], class: Option<usize>) -> Result<Vec<Vec<f32>>> {
        let n_latent = self.card.net.latent();
        if let Some(place) = places.iter().find(|place| ![0, n_latent].contains(&place.shift.len())) {
            return Err(Error::setting(format!("a shift of {} values, accepted: {n_latent}", place.shift.len())));
        }
        self.check_class(class)?;
        let input = |place: &Place| {
            let start = self.inputs(&[place.seed], class).remove(0);
            let mut input = match place.toward {
                Some((end, share)) => start.towards(&self.inputs(&[end], class).remove(0), share),
                None => start,
            };
            input.latent.iter_mut().zip(&place.shift).for_each(|(value, shift)| *value += shift);
            input
        };
        Ok(self.forward(&places.iter().map(input).collect::<Vec<_>>()))
    }

    /// The `n` directions of latent space, each of length 1, along which samples change most: the leading eigenvectors
    /// of the pulled-back metric JᵀJ, averaged over places (Wang and Ponce 2021, "The Geometry of Deep Generative Image
    /// Models", section 2), J by differences.
    pub fn directions(&self, n: usize) -> Result<Vec<Vec<f32>>> {
        let d = self.card.net.latent();
        let n_moved = d.min(MAX_LATENT);
        let mut metric = vec![0.0f64; n_moved * n_moved];
        for start in self.inputs(&(0..N_PROBES).collect::<Vec<_>>(), None) {
            let moved = (0..n_moved).map(|i| {
                let mut latent = start.latent.clone();
                latent[i] += STEP;
                Input { latent, condition: start.condition.clone() }
            });
            let mut values = self.forward(&moved.collect::<Vec<_>>());
            let centre = self.forward(std::slice::from_ref(&start)).remove(0);
            values.iter_mut().for_each(|row| row.iter_mut().zip(&centre).for_each(|(value, centre)| *value -= centre));
            for i in 0..n_moved {
                for j in 0..=i {
                    let dot: f64 = values[i].iter().zip(&values[j]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    metric[i * n_moved + j] += dot;
                    metric[j * n_moved + i] = metric[i * n_moved + j];
                }
            }
        }
        let decomposed = MatRef::from_row_major_slice(&metric, n_moved, n_moved).self_adjoint_eigen(Side::Lower);
        let decomposed = decomposed
            .map_err(|_| Error::setting("this generator's samples are no numbers, so it has no directions"))?;
        let vectors = decomposed.U();
        let direction = |k: usize| {
            let column = n_moved - 1 - k;
            let mut direction: Vec<f32> = (0..n_moved).map(|row| vectors[(row, column)] as f32).collect();
            direction.resize(d, 0.0);
            // Of the two signs, the one whose largest value is positive.
            let largest = direction.iter().copied().fold(0.0f32, |a, b| if b.abs() > a.abs() { b } else { a });
            direction.iter_mut().for_each(|value| *value *= largest.signum());
            direction
        };
        Ok((0..n.min(n_moved)).map(direction).collect())
    }
}
