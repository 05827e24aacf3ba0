//! Improved precision and recall: how many fakes look real, and how many reals the generator could have made.
//!
//! A set is taken for the union of the balls around its samples that reach to the k-th neighbour within the set;
//! precision is the share of fakes in the reals' balls, recall the share of reals in the fakes' (Kynkäänniemi et al.
//! 2019, "Improved precision and recall metric for assessing generative models", section 2).

use serde::Serialize;

use super::Features;
use super::features::check_pair;
use super::neighbours::Manifold;
use crate::error::Result;

/// The neighbour that the paper's balls reach to.
pub const K: usize = 3;

/// Shares of samples within the other set's balls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PrecisionRecall {
    /// Of the fakes, in [0, 1]: fidelity.
    pub precision: f64,
    /// Of the reals, in [0, 1]: diversity.
    pub recall: f64,
}

/// Precision and recall with balls that reach to neighbour `k`. Both depend on the numbers of samples.
pub fn precision_recall(real: &Features, fake: &Features, k: usize) -> Result<PrecisionRecall> {
    check_pair(real, fake, 2)?;
    Ok(PrecisionRecall {
        precision: Manifold::new(real, k)?.share_inside(fake),
        recall: Manifold::new(fake, k)?.share_inside(real),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::neighbours::tests::modes;

    #[test]
    fn a_set_covers_itself() {
        let set = modes(1, 6, 1.0);
        assert_eq!(precision_recall(&set, &set, K).unwrap(), PrecisionRecall { precision: 1.0, recall: 1.0 });
    }

    #[test]
    fn dropped_modes_cost_recall_and_noise_costs_precision() {
        let real = modes(1, 6, 1.0);
        let of = |n_modes, scale| precision_recall(&real, &modes(2, n_modes, scale), K).unwrap();
        let recalls = [1, 2, 3, 6].map(|n_modes| of(n_modes, 1.0).recall);
        assert!(recalls.is_sorted() && recalls[0] < 0.2 && recalls[3] > 0.8, "{recalls:?}");
        assert!(of(1, 1.0).precision > 0.8);
        let precisions = [3.0, 2.0, 1.5, 1.0].map(|scale| of(6, scale).precision);
        assert!(precisions.is_sorted() && precisions[0] < 0.4, "{precisions:?}");
    }
}
