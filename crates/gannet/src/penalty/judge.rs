//! The critic's loss on several batches of samples, some of them under a penalty.

use burn::tensor::Tensor;

use super::{Penalty, Pull, gradient_alone, one_centred, slope, zero_centred};
use crate::Result;
use crate::nn::{Dual, Pieces};

/// A critic during its move.
pub struct Judge<'a> {
    /// The critic, samples `[N, C, H, W]` to scores `[N]`.
    pub critic: &'a dyn Fn(Dual<4>) -> Dual<1>,
    /// The same, whose weights take no gradient.
    pub frozen: &'a dyn Fn(Dual<4>) -> Dual<1>,
}

/// A batch of samples that was judged.
pub struct Side {
    /// `[N]`.
    pub scores: Tensor<1>,
    pull: Option<(Pull, Held)>,
}

/// How a penalty's gradient is to be had.
enum Held {
    /// From this value of it.
    Value(Tensor<1>),
    /// With that of the loss, from one pass along these pieces of the samples.
    Pieces(Tensor<4>, Pieces),
}

impl Judge<'_> {
    /// Reals and fakes, behind them the points elsewhere if there are any, under the penalties that `penalty` asks for at each.
    pub fn sides(
        &self,
        penalty: Penalty,
        [real, fake]: [&Tensor<4>; 2],
        elsewhere: Option<Tensor<4>>,
    ) -> Result<Vec<Side>> {
        let side = |samples: &Tensor<4>, is_penalized| match is_penalized {
            true => self.pulled(samples.clone(), zero_centred),
            false => Ok(self.plain(samples.clone())),
        };
        let mut sides = vec![side(real, penalty.is_at_reals())?, side(fake, penalty.is_at_fakes())?];
        if let Some(points) = elsewhere {
            sides.push(self.pulled(points, one_centred)?);
        }
        Ok(sides)
    }

    /// `samples` under no penalty.
    pub fn plain(&self, samples: Tensor<4>) -> Side {
        Side { scores: (self.critic)(samples.into()).value, pull: None }
    }

    /// `samples` under the penalty that `pull` makes of the gradient there. An error names the layer of the critic that has no
    /// tangent rule.
    pub fn pulled(&self, samples: Tensor<4>, pull: impl FnOnce(Tensor<4>) -> Pull) -> Result<Side> {
        let pieces = Pieces::default();
        let at = samples.clone().detach().require_grad();
        let scores = (self.frozen)(Dual::noting(at.clone(), &pieces)).value;
        let pull = pull(slope(scores.clone(), &at));
        if pieces.are_linear() {
            return Ok(Side { scores: scores.detach(), pull: Some((pull, Held::Pieces(samples, pieces))) });
        }
        let scores = (self.critic)(pull.on(samples));
        let value = pull.penalty(scores.clone())?;
        Ok(Side { scores: scores.value, pull: Some((pull, Held::Value(value))) })
    }

    /// The loss that `game` makes of the sides' scores, and `weight` times all penalties, with the gradient of both. Also the
    /// penalties alone, without the weight and a gradient; none where no side is under one.
    pub fn loss(
        &self,
        sides: Vec<Side>,
        weight: f64,
        game: impl Fn(&[Tensor<1>]) -> Tensor<1>,
    ) -> Result<(Tensor<1>, Option<Tensor<1>>)> {
        let scores: Vec<_> = sides.iter().map(|side| side.scores.clone()).collect();
        let mut loss = game(&scores);
        // What is held in pieces alone asks how fast the loss grows with scores.
        let asks = |side: &Side| matches!(side.pull, Some((_, Held::Pieces(..))));
        let slopes = if sides.iter().any(asks) { slopes(&scores, game) } else { vec![None; sides.len()] };
        let mut penalties: Option<Tensor<1>> = None;
        for (Side { pull, .. }, slope) in sides.into_iter().zip(slopes) {
            let Some((pull, held)) = pull else { continue };
            let value = pull.value.clone();
            loss = loss
                + match held {
                    Held::Value(penalty) => penalty * weight,
                    Held::Pieces(samples, pieces) => {
                        let [n, ..] = samples.dims();
                        let pulled = pull.direction * (weight / n as f64);
                        let moved = match slope.clone() {
                            Some(slope) => samples.detach() * slope.reshape([n, 1, 1, 1]) + pulled,
                            None => pulled,
                        };
                        let scores = (self.critic)(Dual::alone(moved, pieces, slope));
                        value.clone() * weight + gradient_alone(scores)?
                    }
                };
            penalties = Some(penalties.map_or(value.clone(), |sum| sum + value));
        }
        Ok((loss, penalties))
    }
}

/// How fast the loss that `game` makes of scores grows with each, `[N]`; none where it asks for none of them.
fn slopes(scores: &[Tensor<1>], game: impl Fn(&[Tensor<1>]) -> Tensor<1>) -> Vec<Option<Tensor<1>>> {
    let at: Vec<_> = scores.iter().map(|scores| scores.clone().detach().require_grad()).collect();
    let gradients = game(&at).backward();
    at.iter().map(|at| at.grad(&gradients).map(Tensor::from_inner)).collect()
}
