//! Penalties that keep a critic tame, exact to the last term with first-order differentiation alone.
//!
//! A gradient penalty is a function phi of the gradient g of a score with respect to its sample; training needs its
//! derivative with respect to the weights, a second derivative. Let v = phi'(g) be held constant. Then the derivative of
//! phi(g) equals that of <v, g>, and <v, g> is how fast the score moves when the sample moves along v, which a forward
//! pass over [`Dual`] values computes. So:
//!
//! 1. [`gradient`] takes g with an ordinary backward pass through a frozen critic,
//! 2. [`zero_centred`] or [`one_centred`] says along which v the samples are to move, a [`Pull`],
//! 3. the critic judges samples that move along it, and [`Pull::penalty`] takes the penalty from its scores.
//!
//! The pass of step 3 yields the plain scores as well, so a penalty on reals costs no further pass over them.
//!
//! A critic of linear pieces, of convolutions, rectifiers and sums, needs less ([`Judge`]): on its piece a score is linear in
//! the sample and the critic's constants together. Let s be the slope of the loss in a sample's score. Then loss and penalty
//! together have the gradient of one linear pass, of s x + v at constants times s, along the pieces that step 1 has noted.

mod judge;

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::nn::Dual;
use crate::{Error, Result, random};

pub use judge::{Judge, Side};

/// Which gradient is penalized, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Penalty {
    /// None.
    None,
    /// Half the squared gradient at reals (Mescheder et al. 2018, "Which Training Methods for GANs do actually
    /// Converge?", eq. 9).
    R1,
    /// Half the squared gradient at fakes (Mescheder et al. 2018, eq. 10).
    R2,
    /// Both (Huang et al. 2024, "The GAN is dead; long live the GAN!", section 3).
    #[serde(rename = "r1-r2")]
    R1R2,
    /// How far the gradient's length is from 1, squared, between reals and fakes (Gulrajani et al. 2017, "Improved
    /// Training of Wasserstein GANs", eq. 3).
    OneCentred,
    /// The same around reals (Kodali et al. 2017, "On Convergence and Stability of GANs", section 2.3).
    Dragan,
}

impl Penalty {
    /// Whether the gradient at reals is penalized.
    pub fn is_at_reals(self) -> bool {
        matches!(self, Self::R1 | Self::R1R2)
    }

    /// Whether the gradient at fakes is penalized.
    pub fn is_at_fakes(self) -> bool {
        matches!(self, Self::R2 | Self::R1R2)
    }

    /// The points that are neither reals nor fakes where the gradient is penalized, chosen by `rng`; none for penalties
    /// without.
    pub fn elsewhere(self, real: &Tensor<4>, fake: &Tensor<4>, rng: &mut ChaCha8Rng) -> Option<Tensor<4>> {
        let [n, ..] = real.dims();
        match self {
            Self::OneCentred => {
                let share: Vec<f32> = (0..n).map(|_| rng.random()).collect();
                let share = Tensor::from_data(TensorData::new(share, [n]), &real.device());
                Some(between(real.clone(), fake.clone(), share))
            }
            Self::Dragan => {
                let noise = random::normal(rng, real.shape().num_elements());
                Some(around(real.clone(), Tensor::from_data(TensorData::new(noise, real.dims()), &real.device())))
            }
            Self::None | Self::R1 | Self::R2 | Self::R1R2 => None,
        }
    }
}

/// The gradient of each sample's score with respect to the sample, `[N, C, H, W]`, of a critic whose weights take no
/// gradient.
pub fn gradient(frozen: impl FnOnce(Tensor<4>) -> Tensor<1>, samples: Tensor<4>) -> Tensor<4> {
    let samples = samples.detach().require_grad();
    slope(frozen(samples.clone()), &samples)
}

/// How fast the sum of `values` grows with `at`, of its shape.
fn slope<const D: usize>(values: Tensor<1>, at: &Tensor<D>) -> Tensor<D> {
    let gradients = values.sum().backward();
    at.grad(&gradients).map_or_else(|| at.zeros_like(), Tensor::from_inner)
}

/// A penalty's value, and the direction along which samples have to move for its gradient.
#[derive(Clone, Debug)]
pub struct Pull {
    /// Mean over the batch, `[1]`.
    pub value: Tensor<1>,
    /// phi'(g) of each sample, `[N, C, H, W]`, without a gradient of its own.
    pub direction: Tensor<4>,
}

impl Pull {
    /// `samples`, moving along the direction: what the critic in training is to judge.
    pub fn on(&self, samples: Tensor<4>) -> Dual<4> {
        Dual::moving(samples, self.direction.clone())
    }

    /// The penalty, `[1]`, with its gradient, from the critic's scores of [those samples](Self::on). An error names the
    /// layer of the critic that has no tangent rule.
    pub fn penalty(&self, scores: Dual<1>) -> Result<Tensor<1>> {
        let [n] = scores.value.dims();
        Ok(gradient_alone(scores)? / n as f64 + self.value.clone())
    }
}

/// Zero, `[1]`, with the gradient of the sum over samples of how fast their scores move.
fn gradient_alone(scores: Dual<1>) -> Result<Tensor<1>> {
    let still = Tensor::zeros([1], &scores.value.device());
    let derivative = scores.derivative().map_err(|layer| Error::setting(refusal(layer)))?;
    Ok(derivative.map_or(still, |derivative| {
        let moved = derivative.sum();
        moved.clone() - moved.detach()
    }))
}

/// Why a critic with `layer` takes no gradient penalty.
pub fn refusal(layer: &str) -> String {
    format!("a gradient penalty needs a tangent rule from every layer of the critic, and `{layer}` has none")
}

/// phi(g) = |g|² / 2: flat at the data, and the slope in all directions.
pub fn zero_centred(gradient: Tensor<4>) -> Pull {
    Pull { value: squared_lengths(gradient.clone()).mean() * 0.5, direction: gradient }
}

/// phi(g) = (|g| - 1)²: a slope of 1.
pub fn one_centred(gradient: Tensor<4>) -> Pull {
    let lengths = squared_lengths(gradient.clone()).sqrt();
    let [n] = lengths.dims();
    let value = (lengths.clone() - 1.0).square().mean();
    let share = (lengths.clone() - 1.0) * 2.0 / lengths.clamp_min(1e-12);
    Pull { value, direction: gradient * share.reshape([n, 1, 1, 1]) }
}

/// Points between `real` and `fake`, `share` `[N]` of the way from fake to real (Gulrajani et al. 2017, algorithm 1).
pub fn between(real: Tensor<4>, fake: Tensor<4>, share: Tensor<1>) -> Tensor<4> {
    let [n] = share.dims();
    let share = share.reshape([n, 1, 1, 1]);
    real * share.clone() + fake * (-share + 1.0)
}

/// Points around `real`: moved by `noise` from N(0, 1) times half the batch's standard deviation (Kodali et al. 2017,
/// section 2.3, with their code's scale).
pub fn around(real: Tensor<4>, noise: Tensor<4>) -> Tensor<4> {
    let deviation = (real.clone() - real.clone().mean().reshape([1; 4])).square().mean().sqrt();
    real + noise * (deviation * 0.5).reshape([1; 4])
}

/// `(D(x) - anchor of fakes)² + (D(G(z)) - anchor of reals)²`: scores stay near what the other side's have been (Tseng
/// et al. 2021, "Regularizing Generative Adversarial Networks under Limited Data", eq. 4). The anchors are moving
/// averages of the mean scores of reals and of fakes.
pub fn lecam(real: Tensor<1>, fake: Tensor<1>, [anchor_real, anchor_fake]: [f64; 2]) -> Tensor<1> {
    (real - anchor_fake).square().mean() + (fake - anchor_real).square().mean()
}

/// `(D(x) - D(T(x)))²`: a sample and its altered copy are judged alike (Zhang et al. 2020, "Consistency Regularization
/// for Generative Adversarial Networks", eq. 4).
pub fn consistency(score: Tensor<1>, altered: Tensor<1>) -> Tensor<1> {
    (score - altered).square().mean()
}

/// `[N]`: sums over all values of each sample.
fn squared_lengths(gradient: Tensor<4>) -> Tensor<1> {
    let [n, c, h, w] = gradient.dims();
    gradient.reshape([n, c * h * w]).square().sum_dim(1).reshape([n])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// A critic with the score a·x² + b·x of single-valued samples: its gradient is 2 a x + b.
    fn critic(a: f64, b: f64) -> impl Fn(Dual<4>) -> Dual<1> {
        move |x| {
            let [n, ..] = x.value.dims();
            let square = x.clone() * x.clone();
            (square.linear(|x| x * a) + x.linear(|x| x * b)).reshape([n])
        }
    }

    fn samples(values: [f32; 2]) -> Tensor<4> {
        Tensor::<1>::from_floats(values, &Device::default().autodiff()).reshape([2, 1, 1, 1])
    }

    #[test]
    fn values_follow_the_closed_forms() {
        let critic = critic(0.5, 1.0);
        let gradient = gradient(|x| critic(x.into()).value, samples([1.0, -3.0])); // 2 and -2
        let value = |pull: Pull| pull.value.into_scalar::<f32>();
        assert!((value(zero_centred(gradient.clone())) - 2.0).abs() < 1e-6);
        assert!((value(one_centred(gradient)) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_refusal_names_the_layer() {
        let pull = zero_centred(samples([1.0, 2.0]));
        let scores = pull.on(samples([0.0, 0.0])).without_rule("sorting", |x| x.reshape([2]));
        assert!(pull.penalty(scores).unwrap_err().to_string().contains("`sorting`"));
    }

    #[test]
    fn points_between_reach_both_ends() {
        let share = Tensor::from_floats([1.0, 0.0], &Device::default().autodiff());
        let mid = between(samples([5.0, 5.0]), samples([-5.0, -5.0]), share);
        assert_eq!(mid.into_data().iter::<f32>().collect::<Vec<_>>(), [5.0, -5.0]);
    }
}
