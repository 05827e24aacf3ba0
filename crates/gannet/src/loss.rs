//! Adversarial objectives as pure functions on scores.
//!
//! A score is the critic's raw output, `[N]`, high for samples it takes for real; the probability that the papers write
//! D(x) is its sigmoid. Every function returns the mean over the batch, `[1]`, to be minimized by its player.

use burn::tensor::Tensor;
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
    /// Difference of mean scores of a Lipschitz critic (Arjovsky, Chintala and Bottou 2017, eq. 2).
    Wasserstein,
}

impl Loss {
    /// What the critic minimizes, from its scores of reals and fakes.
    pub fn critic(self, real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Minimax | Self::NonSaturating => logistic_critic(real, fake),
            Self::Wasserstein => wasserstein_critic(real, fake),
        }
    }

    /// What the generator minimizes, from the critic's scores of its fakes.
    pub fn generator(self, fake: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Minimax => minimax_generator(fake),
            Self::NonSaturating => non_saturating_generator(fake),
            Self::Wasserstein => wasserstein_generator(fake),
        }
    }

    /// The score at which the critic changes its mind. Differences of scores have no such point of their own; the
    /// middle between the two means stands in.
    pub fn boundary(self, mean_real: f64, mean_fake: f64) -> f64 {
        match self {
            Self::Minimax | Self::NonSaturating => 0.0,
            Self::Wasserstein => 0.5 * (mean_real + mean_fake),
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

/// `f(G(z)) - f(x)` (Arjovsky et al. 2017, algorithm 1, with the sign turned to a minimization).
pub fn wasserstein_critic(real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    fake.mean() - real.mean()
}

/// `-f(G(z))` (Arjovsky et al. 2017, algorithm 1).
pub fn wasserstein_generator(fake: Tensor<1>) -> Tensor<1> {
    -fake.mean()
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
    fn extreme_scores_stay_finite() {
        for loss in [Loss::Minimax, Loss::NonSaturating, Loss::Wasserstein] {
            assert!(value(loss.critic(scores([-1e4, 1e4]), scores([1e4, -1e4]))).is_finite());
            assert!(value(loss.generator(scores([-1e4, 1e4]))).is_finite());
        }
    }
}
