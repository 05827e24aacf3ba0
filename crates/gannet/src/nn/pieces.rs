//! Networks of linear pieces: linear maps, constants and rectifiers, as most critics with gradient penalties are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Tensor;

/// On which piece of a network each sample lies: what its rectifiers saw, in the order of the pass.
#[derive(Clone, Debug, Default)]
pub struct Pieces(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    /// Flat, whatever their shapes.
    seen: VecDeque<Tensor<1>>,
    /// Whether a layer was passed that is not linear on pieces, or will not be the same.
    is_curved: bool,
}

impl Pieces {
    /// Whether the network that was passed is linear on each of its pieces, and stays so.
    pub fn are_linear(&self) -> bool {
        !self.noted().is_curved
    }

    /// What a rectifier saw.
    pub(super) fn note<const D: usize>(&self, seen: &Tensor<D>) {
        let mut noted = self.noted();
        if !noted.is_curved {
            let n_values = seen.shape().num_elements();
            noted.seen.push_back(seen.clone().detach().reshape([n_values]));
        }
    }

    /// That a layer was passed which is not linear on pieces, or will not be the same at the next pass.
    pub(super) fn note_curved(&self) {
        *self.noted() = Noted { seen: VecDeque::new(), is_curved: true };
    }

    /// What the next rectifier saw.
    ///
    /// # Panics
    /// If there were fewer: the pass was another network's.
    pub(super) fn next<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        let Some(seen) = self.noted().seen.pop_front() else { panic!("more rectifiers than were noted") };
        seen.reshape(shape)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
