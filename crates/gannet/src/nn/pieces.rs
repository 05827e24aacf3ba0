//! Networks of linear pieces: linear maps, constants and rectifiers, as most critics with gradient penalties are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Tensor;
use gannet_kernels::Passed;

/// On which piece of a network each sample lies: what its rectifiers saw, in the order of the pass.
#[derive(Clone, Debug, Default)]
pub struct Pieces(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    seen: VecDeque<Seen>,
    /// Whether a layer was passed that is not linear on pieces, or will not be the same.
    is_curved: bool,
}

/// What was seen at one place.
#[derive(Clone, Debug)]
enum Seen {
    /// By a rectifier: flat, whatever its shape.
    Values(Box<Tensor<1>>),
    /// By all of some layers that are passed at once.
    Layers(Passed),
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
            noted.seen.push_back(Seen::Values(Box::new(seen.clone().detach().reshape([n_values]))));
        }
    }

    /// What the rectifiers of some layers saw.
    pub(super) fn note_layers(&self, passed: Passed) {
        let mut noted = self.noted();
        if !noted.is_curved {
            noted.seen.push_back(Seen::Layers(passed));
        }
    }

    /// That a layer was passed which is not linear on pieces, or will not be the same at the next pass.
    pub(super) fn note_curved(&self) {
        *self.noted() = Noted { seen: VecDeque::new(), is_curved: true };
    }

    /// What the next rectifier saw.
    ///
    /// # Panics
    /// If there is none: the pass was another network's.
    pub(super) fn next<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        let Some(Seen::Values(seen)) = self.noted().seen.pop_front() else { panic!("no rectifier was noted here") };
        seen.reshape(shape)
    }

    /// What the rectifiers of the next layers saw, if these were passed at once.
    pub(super) fn next_layers(&self) -> Option<Passed> {
        let mut noted = self.noted();
        match noted.seen.pop_front() {
            Some(Seen::Layers(passed)) => Some(passed),
            Some(other) => {
                noted.seen.push_front(other);
                None
            }
            None => None,
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
