//! Forward-mode differentiation: a tensor together with how it moves when the network's input moves along a direction.
//!
//! Every layer maps a [`Dual`] to a [`Dual`] by the chain rule (Griewank and Walther 2008, "Evaluating Derivatives",
//! section 3.1). Where nothing moves, only values are computed, at no extra cost; so a network is written once and
//! serves both the plain pass and the passes that exact gradient penalties need (`penalty`).

use std::ops::{Add, Mul, Sub};

use burn::tensor::Tensor;
use gannet_kernels::layered;

use super::Pieces;

/// A value and its derivative along a direction of the input, both of one shape.
#[derive(Clone, Debug)]
pub struct Dual<const D: usize> {
    /// The value itself.
    pub value: Tensor<D>,
    tangent: Tangent<D>,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a tensor is never far, and never alone")]
enum Tangent<const D: usize> {
    /// Nothing moves.
    Still,
    /// The directional derivative.
    Moving(Tensor<D>),
    /// A layer of this name, which has no rule, was passed.
    Unknown(&'static str),
    /// Nothing moves, and rectifiers note what they see.
    Noting(Pieces),
    /// The derivative stands in the place of the value, at samples that were noted. Constants move in proportion to
    /// themselves, by so much for each sample, `[N]`, or not at all.
    Alone(Pieces, Option<Tensor<1>>),
}

/// What [`Tangent::Alone`] cannot pass.
const CURVED: &str = "one that is not linear on pieces";

impl<const D: usize> Tangent<D> {
    /// Behind a linear layer, which maps what moves by `f`.
    fn behind<const E: usize>(self, f: impl FnOnce(Tensor<D>) -> Tensor<E>) -> Tangent<E> {
        match self {
            Self::Still => Tangent::Still,
            Self::Moving(dx) => Tangent::Moving(f(dx)),
            Self::Unknown(layer) => Tangent::Unknown(layer),
            Self::Noting(pieces) => Tangent::Noting(pieces),
            Self::Alone(pieces, constants) => Tangent::Alone(pieces, constants),
        }
    }

    /// Behind a layer called `name` that the derivative does not pass.
    fn lost<const E: usize>(self, name: &'static str) -> Tangent<E> {
        match self {
            Self::Still => Tangent::Still,
            Self::Moving(_) | Self::Alone(..) => Tangent::Unknown(name),
            Self::Unknown(layer) => Tangent::Unknown(layer),
            Self::Noting(pieces) => {
                pieces.note_curved();
                Tangent::Noting(pieces)
            }
        }
    }

    /// Behind a layer of two inputs, which move at least one of them; `f` gives the derivative from theirs.
    fn joined(self, other: Self, f: impl FnOnce(Option<Tensor<D>>, Option<Tensor<D>>) -> Tensor<D>) -> Self {
        match (self, other) {
            (Self::Unknown(layer), _) | (_, Self::Unknown(layer)) => Self::Unknown(layer),
            (Self::Alone(..), _) | (_, Self::Alone(..)) => Self::Unknown(CURVED),
            (Self::Noting(pieces), _) | (_, Self::Noting(pieces)) => {
                pieces.note_curved();
                Self::Noting(pieces)
            }
            (Self::Still, Self::Still) => Self::Still,
            (Self::Moving(a), Self::Still) => Self::Moving(f(Some(a), None)),
            (Self::Still, Self::Moving(b)) => Self::Moving(f(None, Some(b))),
            (Self::Moving(a), Self::Moving(b)) => Self::Moving(f(Some(a), Some(b))),
        }
    }
}

impl<const D: usize> Dual<D> {
    /// `value`, moving along `tangent`.
    pub fn moving(value: Tensor<D>, tangent: Tensor<D>) -> Self {
        Self { value, tangent: Tangent::Moving(tangent) }
    }

    /// `value`, which does not move. The pass notes into `pieces`, where samples lie.
    pub fn noting(value: Tensor<D>, pieces: &Pieces) -> Self {
        Self { value, tangent: Tangent::Noting(pieces.clone()) }
    }

    /// What moves along `tangent`, at samples that a pass through the same network has noted, without a further pass of
    /// their values. The network's constants, such as biases, move in proportion to themselves: `constants` `[N]` times, or
    /// not at all.
    pub fn alone(tangent: Tensor<D>, pieces: Pieces, constants: Option<Tensor<1>>) -> Self {
        Self { value: tangent, tangent: Tangent::Alone(pieces, constants) }
    }

    /// The derivative: `None` where nothing moves, the name of the layer where one without a rule was passed.
    pub fn derivative(self) -> Result<Option<Tensor<D>>, &'static str> {
        match self.tangent {
            Tangent::Still | Tangent::Noting(_) => Ok(None),
            Tangent::Moving(tangent) => Ok(Some(tangent)),
            Tangent::Unknown(layer) => Err(layer),
            Tangent::Alone(..) => Ok(Some(self.value)),
        }
    }

    /// `f(x)` for a linear `f`, which maps the derivative as it maps the value.
    pub fn linear<const E: usize>(self, f: impl Fn(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        Dual { tangent: self.tangent.behind(&f), value: f(self.value) }
    }

    /// `linear(x) + constant`, which `whole` computes at once.
    pub fn affine<const E: usize>(
        self,
        whole: impl FnOnce(Tensor<D>) -> Tensor<E>,
        linear: impl Fn(Tensor<D>) -> Tensor<E>,
        constant: impl FnOnce() -> Tensor<E>,
    ) -> Dual<E> {
        match self.tangent {
            tangent @ Tangent::Alone(..) => {
                Dual { tangent: tangent.behind(&linear), value: linear(self.value) } + constant()
            }
            tangent => Dual { tangent: tangent.behind(linear), value: whole(self.value) },
        }
    }

    /// `f(x)`, whose derivative along `dx` at `x`, where it takes the value `y`, is `rule(x, y, dx)`.
    pub fn curved<const E: usize>(
        self,
        f: impl FnOnce(Tensor<D>) -> Tensor<E>,
        rule: impl FnOnce(Tensor<D>, Tensor<E>, Tensor<D>) -> Tensor<E>,
    ) -> Dual<E> {
        let x = self.value;
        match self.tangent {
            Tangent::Moving(dx) => {
                let y = f(x.clone());
                Dual { value: y.clone(), tangent: Tangent::Moving(rule(x, y, dx)) }
            }
            tangent => Dual { value: f(x), tangent: tangent.lost(CURVED) },
        }
    }

    /// `f(x)` of a rectifier, linear on either side of 0. The derivative along `dx` at `x` is `rule(dx, x)`.
    pub fn rectified(
        self,
        f: impl FnOnce(Tensor<D>) -> Tensor<D>,
        rule: impl FnOnce(Tensor<D>, Tensor<D>) -> Tensor<D>,
    ) -> Self {
        match self.tangent {
            Tangent::Noting(pieces) => {
                pieces.note(&self.value);
                Self { value: f(self.value), tangent: Tangent::Noting(pieces) }
            }
            Tangent::Alone(pieces, constants) => {
                let seen = pieces.next(self.value.dims());
                Self { value: rule(self.value, seen), tangent: Tangent::Alone(pieces, constants) }
            }
            tangent => Self { tangent, ..self }.curved(f, |x, _, dx| rule(dx, x)),
        }
    }

    /// Behind weights that are others at the next pass, as with spectral normalization: the pieces serve none.
    pub(super) fn behind_moving_weights(self) -> Self {
        if let Tangent::Noting(pieces) = &self.tangent {
            pieces.note_curved();
        }
        self
    }

    /// `f(x)`, value by value, whose slope at `x`, where it takes the value `y`, is `slope(x, y)`.
    pub fn pointwise(
        self,
        f: impl FnOnce(Tensor<D>) -> Tensor<D>,
        slope: impl FnOnce(Tensor<D>, Tensor<D>) -> Tensor<D>,
    ) -> Self {
        self.curved(f, |x, y, dx| dx * slope(x, y))
    }

    /// `f(x)` of a layer called `name` that has no tangent rule: the derivative is lost, and says by whom.
    pub fn without_rule<const E: usize>(self, name: &'static str, f: impl FnOnce(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        Dual { value: f(self.value), tangent: self.tangent.lost(name) }
    }

    /// The same values in another shape.
    pub fn reshape<const E: usize>(self, shape: [usize; E]) -> Dual<E> {
        self.linear(|x| x.reshape(shape))
    }

    /// The matrix product of the last two dimensions: d(ab) = da b + a db.
    pub fn matmul(self, other: Self) -> Self {
        self.product(other, Tensor::matmul)
    }

    /// The mean over dimension `dim`, which stays with size 1.
    pub fn mean_dim(self, dim: usize) -> Self {
        self.linear(|x| x.mean_dim(dim))
    }

    /// `constant` behind it along dimension `dim`; the constant does not move.
    pub fn cat_constant(self, constant: Tensor<D>, dim: usize) -> Self {
        let cat = |x, constant| Tensor::cat(vec![x, constant], dim);
        match self.tangent {
            Tangent::Moving(dx) => {
                let zeros = constant.zeros_like();
                Self { value: cat(self.value, constant), tangent: Tangent::Moving(cat(dx, zeros)) }
            }
            Tangent::Alone(pieces, rates) => {
                let moved = moved(&constant, rates.as_ref()).unwrap_or_else(|| constant.zeros_like());
                Self { value: cat(self.value, moved), tangent: Tangent::Alone(pieces, rates) }
            }
            tangent => Self { value: cat(self.value, constant), tangent },
        }
    }

    /// `other` behind it along dimension `dim`.
    pub fn cat(self, other: Self, dim: usize) -> Self {
        let cat = |a, b| Tensor::cat(vec![a, b], dim);
        let tangent = self.tangent.joined(other.tangent, |da, db| {
            cat(da.unwrap_or_else(|| self.value.zeros_like()), db.unwrap_or_else(|| other.value.zeros_like()))
        });
        Self { value: cat(self.value, other.value), tangent }
    }

    fn product(self, other: Self, product: impl Fn(Tensor<D>, Tensor<D>) -> Tensor<D>) -> Self {
        let (a, b) = (self.value, other.value);
        let tangent = self.tangent.joined(other.tangent, |da, db| {
            let parts = [da.map(|da| product(da, b.clone())), db.map(|db| product(a.clone(), db))];
            parts.into_iter().flatten().reduce(Tensor::add).unwrap_or_else(|| a.zeros_like())
        });
        Self { value: product(a, b), tangent }
    }

    fn sum(self, other: Self, sign: f32) -> Self {
        let signed = |x: Tensor<D>| if sign < 0.0 { -x } else { x };
        let tangent = match (self.tangent, other.tangent) {
            // What is noted or alone on both sides is added as it is.
            (tangent @ Tangent::Noting(_), Tangent::Noting(_)) => tangent,
            (tangent @ Tangent::Alone(..), Tangent::Alone(..)) => tangent,
            (a, b) => a.joined(b, |da, db| {
                // The two may differ in shape, where one is spread over the other.
                let da = da.unwrap_or_else(|| self.value.zeros_like());
                da + db.map_or_else(|| other.value.zeros_like(), signed)
            }),
        };
        Self { value: self.value + signed(other.value), tangent }
    }

    fn shifted(self, by: Tensor<D>) -> Self {
        match self.tangent {
            Tangent::Alone(pieces, rates) => {
                let value = match moved(&by, rates.as_ref()) {
                    Some(moved) => self.value + moved,
                    None => self.value,
                };
                Self { value, tangent: Tangent::Alone(pieces, rates) }
            }
            Tangent::Moving(dx) => {
                let value = self.value + by;
                let dx = if dx.dims() == value.dims() { dx } else { dx.expand(value.shape()) };
                Self { value, tangent: Tangent::Moving(dx) }
            }
            tangent => Self { value: self.value + by, tangent },
        }
    }
}

impl Dual<2> {
    /// Behind fully connected layers, [all at once](layered), where that can be.
    pub(super) fn layered(&self, layers: &[(Tensor<2>, Tensor<1>, f32)]) -> Option<Self> {
        let (value, passed) = match &self.tangent {
            Tangent::Still | Tangent::Noting(_) => layered(&self.value, layers, None)?,
            Tangent::Alone(pieces, rates) => {
                layered(&self.value, layers, Some((&pieces.next_layers()?, rates.as_ref())))?
            }
            Tangent::Moving(_) | Tangent::Unknown(_) => return None,
        };
        if let Tangent::Noting(pieces) = &self.tangent {
            pieces.note_layers(passed);
        }
        Some(Self { value, tangent: self.tangent.clone() })
    }
}

/// How `constant` moves for each sample, at `rates` `[N]` in proportion to itself.
fn moved<const D: usize>(constant: &Tensor<D>, rates: Option<&Tensor<1>>) -> Option<Tensor<D>> {
    rates.map(|rates| {
        let mut shape = [1; D];
        shape[0] = rates.dims()[0];
        constant.clone() * rates.clone().reshape(shape)
    })
}

/// A value that does not move.
impl<const D: usize> From<Tensor<D>> for Dual<D> {
    fn from(value: Tensor<D>) -> Self {
        Self { value, tangent: Tangent::Still }
    }
}

impl<const D: usize> Add for Dual<D> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.sum(other, 1.0)
    }
}

impl<const D: usize> Sub for Dual<D> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.sum(other, -1.0)
    }
}

/// Element by element: d(ab) = da b + a db.
impl<const D: usize> Mul for Dual<D> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.product(other, Tensor::mul)
    }
}

/// A constant such as a bias, spread over the value.
impl<const D: usize> Add<Tensor<D>> for Dual<D> {
    type Output = Self;

    fn add(self, constant: Tensor<D>) -> Self {
        self.shifted(constant)
    }
}

/// A constant factor such as a gain, spread over the value.
impl<const D: usize> Mul<Tensor<D>> for Dual<D> {
    type Output = Self;

    fn mul(self, constant: Tensor<D>) -> Self {
        self.linear(|x| x * constant.clone())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn tensor(values: [f32; 3]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::default())
    }

    fn derivative(x: Dual<1>) -> Vec<f32> {
        x.derivative().unwrap().unwrap().into_data().iter::<f32>().collect()
    }

    #[test]
    fn products_and_sums_follow_their_rules() {
        let x = Dual::moving(tensor([1.0, 2.0, 3.0]), tensor([1.0, 0.0, -1.0]));
        assert_eq!(derivative(x.clone() * x.clone()), [2.0, 0.0, -6.0]);
        assert_eq!(derivative(x.clone() - x.clone() * tensor([2.0, 2.0, 2.0])), [-1.0, 0.0, 1.0]);
        assert_eq!(derivative(x.clone() + tensor([5.0, 5.0, 5.0])), [1.0, 0.0, -1.0]);
        assert_eq!(derivative(Dual::from(tensor([1.0, 1.0, 1.0])) + x), [1.0, 0.0, -1.0]);
    }

    #[test]
    fn a_layer_without_a_rule_is_remembered_by_name() {
        let x = Dual::moving(tensor([1.0, 2.0, 3.0]), tensor([1.0, 0.0, -1.0]));
        let y = x.without_rule("sorting", |x| x) + tensor([1.0, 1.0, 1.0]);
        assert_eq!(y.derivative().unwrap_err(), "sorting");
        assert!(Dual::from(tensor([0.0; 3])).without_rule("sorting", |x| x).derivative().unwrap().is_none());
    }
}
