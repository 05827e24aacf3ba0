//! Forward-mode differentiation: a tensor together with how it moves when the network's input moves along a direction.
//!
//! Every layer maps a [`Dual`] to a [`Dual`] by the chain rule (Griewank and Walther 2008, "Evaluating Derivatives",
//! section 3.1). Where nothing moves, only values are computed, at no extra cost; so a network is written once and
//! serves both the plain pass and the pass that exact gradient penalties need (`penalty`).

use std::ops::{Add, Mul, Sub};

use burn::tensor::Tensor;

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
}

impl<const D: usize> Dual<D> {
    /// `value`, moving along `tangent`.
    pub fn moving(value: Tensor<D>, tangent: Tensor<D>) -> Self {
        Self { value, tangent: Tangent::Moving(tangent) }
    }

    /// The derivative: `None` where nothing moves, the name of the layer where one without a rule was passed.
    pub fn derivative(self) -> Result<Option<Tensor<D>>, &'static str> {
        match self.tangent {
            Tangent::Still => Ok(None),
            Tangent::Moving(tangent) => Ok(Some(tangent)),
            Tangent::Unknown(layer) => Err(layer),
        }
    }

    /// `f(x)` for a linear `f`, which maps the derivative as it maps the value.
    pub fn linear<const E: usize>(self, f: impl Fn(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        let tangent = match self.tangent {
            Tangent::Still => Tangent::Still,
            Tangent::Moving(tangent) => Tangent::Moving(f(tangent)),
            Tangent::Unknown(layer) => Tangent::Unknown(layer),
        };
        Dual { value: f(self.value), tangent }
    }

    /// `f(x)`, whose derivative along `dx` at `x`, where it takes the value `y`, is `rule(x, y, dx)`.
    pub fn curved<const E: usize>(
        self,
        f: impl FnOnce(Tensor<D>) -> Tensor<E>,
        rule: impl FnOnce(Tensor<D>, Tensor<E>, Tensor<D>) -> Tensor<E>,
    ) -> Dual<E> {
        let x = self.value;
        match self.tangent {
            Tangent::Still => Dual { value: f(x), tangent: Tangent::Still },
            Tangent::Moving(dx) => {
                let y = f(x.clone());
                Dual { value: y.clone(), tangent: Tangent::Moving(rule(x, y, dx)) }
            }
            Tangent::Unknown(layer) => Dual { value: f(x), tangent: Tangent::Unknown(layer) },
        }
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
        let tangent = match self.tangent {
            Tangent::Still => Tangent::Still,
            Tangent::Moving(_) => Tangent::Unknown(name),
            Tangent::Unknown(layer) => Tangent::Unknown(layer),
        };
        Dual { value: f(self.value), tangent }
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
        let zeros = constant.zeros_like();
        let tangent = match self.tangent {
            Tangent::Moving(tangent) => Tangent::Moving(Tensor::cat(vec![tangent, zeros], dim)),
            tangent => tangent,
        };
        Self { value: Tensor::cat(vec![self.value, constant], dim), tangent }
    }

    /// `other` behind it along dimension `dim`.
    pub fn cat(self, other: Self, dim: usize) -> Self {
        let tangent = match (self.tangent, other.tangent) {
            (Tangent::Unknown(layer), _) | (_, Tangent::Unknown(layer)) => Tangent::Unknown(layer),
            (Tangent::Still, Tangent::Still) => Tangent::Still,
            (a, b) => {
                let or_zeros = |tangent, value: &Tensor<D>| match tangent {
                    Tangent::Moving(tangent) => tangent,
                    _ => value.zeros_like(),
                };
                Tangent::Moving(Tensor::cat(vec![or_zeros(a, &self.value), or_zeros(b, &other.value)], dim))
            }
        };
        Self { value: Tensor::cat(vec![self.value, other.value], dim), tangent }
    }

    fn product(self, other: Self, product: impl Fn(Tensor<D>, Tensor<D>) -> Tensor<D>) -> Self {
        let (a, b) = (self.value, other.value);
        let tangent = match (self.tangent, other.tangent) {
            (Tangent::Unknown(layer), _) | (_, Tangent::Unknown(layer)) => Tangent::Unknown(layer),
            (Tangent::Still, Tangent::Still) => Tangent::Still,
            (Tangent::Moving(da), Tangent::Still) => Tangent::Moving(product(da, b.clone())),
            (Tangent::Still, Tangent::Moving(db)) => Tangent::Moving(product(a.clone(), db)),
            (Tangent::Moving(da), Tangent::Moving(db)) => {
                Tangent::Moving(product(da, b.clone()) + product(a.clone(), db))
            }
        };
        Self { value: product(a, b), tangent }
    }

    fn sum(self, other: Self, sign: f32) -> Self {
        let signed = |x: Tensor<D>| if sign < 0.0 { -x } else { x };
        let tangent = match (self.tangent, other.tangent) {
            (Tangent::Unknown(layer), _) | (_, Tangent::Unknown(layer)) => Tangent::Unknown(layer),
            (Tangent::Still, Tangent::Still) => Tangent::Still,
            // The two may differ in shape, where one is spread over the other.
            (Tangent::Moving(da), Tangent::Still) => Tangent::Moving(da + other.value.zeros_like()),
            (Tangent::Still, Tangent::Moving(db)) => Tangent::Moving(self.value.zeros_like() + signed(db)),
            (Tangent::Moving(da), Tangent::Moving(db)) => Tangent::Moving(da + signed(db)),
        };
        Self { value: self.value + signed(other.value), tangent }
    }

    fn shifted(self, by: Tensor<D>) -> Self {
        let value = self.value + by;
        let tangent = match self.tangent {
            Tangent::Moving(tangent) if tangent.dims() != value.dims() => {
                Tangent::Moving(tangent.expand(value.shape()))
            }
            tangent => tangent,
        };
        Self { value, tangent }
    }
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
