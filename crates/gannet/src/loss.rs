//! Adversarial objectives as pure functions on scores.
//!
//! A score is the critic's raw output, `[N]`, high for samples it takes for real; the probability that the papers write
//! D(x) is its sigmoid. Every function returns the mean over the batch, `[1]`, to be minimized by its player.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, relu};
use serde::{Deserialize, Serialize};

use crate::nn::activation::softplus;

/// An objective for both players.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The game as first written: both players share one value function (Goodfellow et al. 2014, eq. 1).
    Minimax,
    /// The generator instead maximizes log D(G(z)), which keeps its gradient alive (Goodfellow et al. 2014, section 3).
    NonSaturating,
    /// Squared distances to the labels 1 and 0 (Mao et al. 2017, "Least Squares GAN", eq. 9).
    LeastSquares,
    /// Margins of 1 on both sides (Lim and Ye 2017, "Geometric GAN", eqs. 15 and 16; Miyato et al. 2018, eqs. 16, 17).
    Hinge,
    /// Difference of mean scores of a Lipschitz critic (Arjovsky, Chintala and Bottou 2017, eq. 2).
    Wasserstein,
    /// Each real against one fake (Jolicoeur-Martineau 2019, "The Relativistic Discriminator", section 4.1).
    Relativistic,
    /// Each real against the mean fake and each fake against the mean real (Jolicoeur-Martineau 2019, section 4.2).
    RelativisticAverage,
}

impl Loss {
    /// What the critic minimizes, from its scores of reals and fakes.
    pub fn critic(self, real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Minimax | Self::NonSaturating => logistic_critic(real, fake),
            Self::LeastSquares => least_squares_critic(real, fake),
            Self::Hinge => hinge_critic(real, fake),
            Self::Wasserstein => wasserstein_critic(real, fake),
            Self::Relativistic => relativistic(real, fake),
            Self::RelativisticAverage => relativistic_average(real, fake),
        }
    }

    /// What the generator minimizes, from the critic's scores of its fakes and, where the loss [is
    /// relative](Self::is_relative), of reals.
    pub fn generator(self, real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Minimax => minimax_generator(fake),
            Self::NonSaturating => non_saturating_generator(fake),
            Self::LeastSquares => least_squares_generator(fake),
            Self::Hinge | Self::Wasserstein => mean_score_generator(fake),
            Self::Relativistic => relativistic(fake, real),
            Self::RelativisticAverage => relativistic_average(fake, real),
        }
    }

    /// Whether the generator's loss depends on the scores of reals.
    pub fn is_relative(self) -> bool {
        matches!(self, Self::Relativistic | Self::RelativisticAverage)
    }

    /// What one-sided label smoothing adds to the critic's loss: reals are labelled `1 - epsilon` (Salimans et al. 2016,
    /// "Improved Techniques for Training GANs", section 3.4). `None` where the loss has no labels.
    pub fn smoothing(self, real: Tensor<1>, epsilon: f64) -> Option<Tensor<1>> {
        match self {
            Self::Minimax | Self::NonSaturating => Some(real.mean() * epsilon),
            Self::LeastSquares => Some((real - 1.0).mean() * epsilon + 0.5 * epsilon * epsilon),
            Self::Hinge | Self::Wasserstein | Self::Relativistic | Self::RelativisticAverage => None,
        }
    }

    /// The score at which the critic changes its mind. Differences of scores have no such point of their own; the
    /// middle between the two means stands in.
    pub fn boundary(self, mean_real: f64, mean_fake: f64) -> f64 {
        match self {
            Self::Minimax | Self::NonSaturating | Self::Hinge => 0.0,
            Self::LeastSquares => 0.5,
            Self::Wasserstein | Self::Relativistic | Self::RelativisticAverage => 0.5 * (mean_real + mean_fake),
        }
    }
}

/// `-log D(x) - log(1 - D(G(z)))` (Goodfellow et al. 2014, algorithm 1).
pub fn logistic_critic(real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    softplus(-real, 1.0).mean() + softplus(fake, 1.0).mean()
}

/// `log(1 - D(G(z)))` (Goodfellow et al. 2014, algorithm 1).
pub fn minimax_generator(fake: Tensor<1>) -> Tensor<1> {
    -softplus(fake, 1.0).mean()
}

/// `-log D(G(z))` (Goodfellow et al. 2014, section 3).
pub fn non_saturating_generator(fake: Tensor<1>) -> Tensor<1> {
    softplus(-fake, 1.0).mean()
}

/// `1/2 (D(x) - 1)² + 1/2 D(G(z))²` (Mao et al. 2017, eq. 9).
pub fn least_squares_critic(real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    (real - 1.0).square().mean() * 0.5 + fake.square().mean() * 0.5
}

/// `1/2 (D(G(z)) - 1)²` (Mao et al. 2017, eq. 9).
pub fn least_squares_generator(fake: Tensor<1>) -> Tensor<1> {
    (fake - 1.0).square().mean() * 0.5
}

/// `max(0, 1 - D(x)) + max(0, 1 + D(G(z)))` (Lim and Ye 2017, eq. 15).
pub fn hinge_critic(real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    relu(-real + 1.0).mean() + relu(fake + 1.0).mean()
}

/// `-log sigmoid(D(winner) - D(loser))`, pair by pair (Jolicoeur-Martineau 2019, section 4.1): the critic wants reals to
/// win over fakes, the generator fakes over reals.
pub fn relativistic(winner: Tensor<1>, loser: Tensor<1>) -> Tensor<1> {
    softplus(loser - winner, 1.0).mean()
}

/// `-log sigmoid(D(winner) - mean D(loser)) - log sigmoid(mean D(winner) - D(loser))` (Jolicoeur-Martineau 2019,
/// section 4.2).
pub fn relativistic_average(winner: Tensor<1>, loser: Tensor<1>) -> Tensor<1> {
    let (mean_winner, mean_loser) = (winner.clone().mean(), loser.clone().mean());
    softplus(mean_loser - winner, 1.0).mean() + softplus(loser - mean_winner, 1.0).mean()
}

/// `f(G(z)) - f(x)` (Arjovsky et al. 2017, algorithm 1, with the sign turned to a minimization).
pub fn wasserstein_critic(real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    fake.mean() - real.mean()
}

/// `-f(G(z))` (Arjovsky et al. 2017, algorithm 1; Lim and Ye 2017, eq. 16).
pub fn mean_score_generator(fake: Tensor<1>) -> Tensor<1> {
    -fake.mean()
}

/// The mean absolute difference of two batches of pictures, `[N, C, H, W]` each, over all values: what Isola et al. 2017
/// (eq. 3) and Zhu et al. 2017 (eq. 2) call L1, up to its scale.
pub fn absolute_difference(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).abs().mean()
}

/// The mean, over all values, of squared differences (Ledig et al. 2017, eqs. 4 and 5, up to their scale).
pub fn squared_difference(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).square().mean()
}

/// [`absolute_difference`] of how pixels differ from their right neighbours, plus that of how they differ from their lower
/// ones: edges that are blurred, moved or missing cost, an even shift of brightness does not. Both sides have 2 pixels or
/// more.
pub fn gradient_difference(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    let difference = a - b;
    let along = |dim: usize| {
        let n = difference.dims()[dim] - 1;
        (difference.clone().narrow(dim, 1, n) - difference.clone().narrow(dim, 0, n)).abs().mean()
    };
    along(2) + along(3)
}

/// `-log p(class)` of the softmax p of `readings` `[N, K]`, for classes `[N, K]` given as one-hots.
pub fn cross_entropy(readings: Tensor<2>, classes: &Tensor<2>) -> Tensor<1> {
    -(log_softmax(readings, 1) * classes.clone()).sum_dim(1).mean()
}

/// How hard patches `queries` of pictures are to tell from others of their picture, by what they are to match: of each layer
/// of features `[N, S, K]`, vectors of length one, the cross-entropy of finding `keys` of the same place among those of all
/// `S` places (Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation", section 3). Means over
/// layers, pictures and places, where the paper sums. Keys take no gradient (He et al. 2020, "Momentum Contrast", section 3).
pub fn patch_nce(queries: Vec<Tensor<3>>, keys: Vec<Tensor<3>>, temperature: f64) -> Tensor<1> {
    let layer = |(queries, keys): (Tensor<3>, Tensor<3>)| {
        let [_, n_patches, _] = queries.dims();
        let similarities = queries.matmul(keys.detach().swap_dims(1, 2)) / temperature; // [N, S, S]
        let of_same_place = Tensor::<2>::eye(n_patches, &similarities.device()).unsqueeze();
        -(log_softmax(similarities, 2) * of_same_place).sum_dim(2).mean()
    };
    Tensor::cat(queries.into_iter().zip(keys).map(layer).collect(), 0).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn scores(values: [f32; 2]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::default())
    }

    fn value(loss: Tensor<1>) -> f32 {
        loss.into_scalar()
    }

    #[test]
    fn an_undecided_critic_loses_two_log_two() {
        let loss = value(logistic_critic(scores([0.0, 0.0]), scores([0.0, 0.0])));
        assert!((loss - 2.0 * 2f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_rejected_generator_has_almost_no_minimax_loss_to_gain_but_a_large_non_saturating_one() {
        assert!(value(minimax_generator(scores([-20.0, -20.0]))).abs() < 1e-6);
        assert!((value(non_saturating_generator(scores([-20.0, -20.0]))) - 20.0).abs() < 1e-4);
    }

    #[test]
    fn hinge_is_zero_beyond_the_margin() {
        assert_eq!(value(hinge_critic(scores([1.0, 3.0]), scores([-1.0, -7.0]))), 0.0);
        assert_eq!(value(hinge_critic(scores([0.0, 3.0]), scores([-1.0, -7.0]))), 0.5);
    }

    #[test]
    fn relative_losses_do_not_change_when_all_scores_move_together() {
        for loss in [Loss::Relativistic, Loss::RelativisticAverage] {
            let (real, fake) = (scores([0.5, -1.0]), scores([2.0, 0.25]));
            let moved = loss.critic(real.clone() + 3.0, fake.clone() + 3.0);
            assert!((value(loss.critic(real, fake)) - value(moved)).abs() < 1e-6);
        }
    }

    #[test]
    fn smoothing_moves_the_label_of_reals() {
        let real = scores([0.5, -1.0]);
        let smoothed = value(Loss::LeastSquares.critic(real.clone(), scores([0.0; 2])))
            + value(Loss::LeastSquares.smoothing(real.clone(), 0.1).unwrap());
        assert!((smoothed - value((real - 0.9).square().mean() * 0.5)).abs() < 1e-6);
        assert!(Loss::Hinge.smoothing(scores([0.0; 2]), 0.1).is_none());
    }

    #[test]
    fn cross_entropy_of_even_readings_is_the_logarithm_of_the_classes() {
        let device = Device::default();
        let classes = Tensor::from_floats([[0.0, 1.0, 0.0, 0.0]], &device);
        assert!((value(cross_entropy(Tensor::zeros([1, 4], &device), &classes)) - 4f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn patches_that_are_all_alike_are_lost_among_each_other_and_opposite_ones_are_not() {
        let device = Device::default();
        let alike = || vec![Tensor::<3>::ones([2, 4, 1], &device)];
        assert!((value(patch_nce(alike(), alike(), 0.07)) - 4f32.ln()).abs() < 1e-6);
        let opposite = || vec![Tensor::<3>::from_floats([[[1.0], [-1.0]]], &device)];
        // -log(1 / (1 + exp(-2 / temperature)))
        assert!((value(patch_nce(opposite(), opposite(), 0.5)) - (-4f32).exp().ln_1p()).abs() < 1e-6);
    }

    #[test]
    fn a_moved_edge_is_a_difference_of_gradients_and_brightness_is_none() {
        let device = Device::default();
        let row = |values: [f32; 4]| Tensor::<4>::from_floats([[[values, values]]], &device);
        let edge = || row([0.0, 0.0, 1.0, 1.0]);
        assert_eq!(value(gradient_difference(edge(), edge() + 0.5)), 0.0);
        // Two of three steps along each row are wrong by 1.
        assert!((value(gradient_difference(edge(), row([0.0, 1.0, 1.0, 1.0]))) - 2.0 / 3.0).abs() < 1e-6);
        assert!((value(squared_difference(edge(), row([0.0, 1.0, 1.0, 1.0]))) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn extreme_scores_stay_finite() {
        for loss in [
            Loss::Minimax,
            Loss::NonSaturating,
            Loss::LeastSquares,
            Loss::Hinge,
            Loss::Wasserstein,
            Loss::Relativistic,
            Loss::RelativisticAverage,
        ] {
            let (real, fake) = (scores([-1e4, 1e4]), scores([1e4, -1e4]));
            assert!(value(loss.critic(real.clone(), fake.clone())).is_finite());
            assert!(value(loss.generator(real, fake)).is_finite());
        }
    }
}
