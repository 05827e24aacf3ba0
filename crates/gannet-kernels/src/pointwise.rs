//! Operations that read and write memory once: activations, normalization, optimizer steps, averages.
//!
//! Each splits its values into pieces of one size, whatever the number of threads, and sums pieces in their order.

use crate::path::vectorized;
use crate::step::AdamStep;
use crate::threads;

/// Values that are worth a task.
const PIECE: usize = 1 << 15;
/// Values that are computed together.
const LANES: usize = 16;

/// `to = of(a, b)` for each place. What `of` chooses from it should own: a choice of a borrowed value is a load in one arm,
/// which compilers turn into a branch, mispredicted every other time.
fn each(to: &mut [f32], a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32 + Sync) {
    assert_eq!([a.len(), b.len()], [to.len(); 2]);
    threads::each(to.chunks_mut(PIECE).zip(a.chunks(PIECE).zip(b.chunks(PIECE))), |(to, (a, b))| {
        vectorized!({
            to.iter_mut().zip(a.iter().zip(b)).for_each(|(to, (a, b))| *to = of(*a, *b));
        });
    });
}

/// `x` where positive, `slope x` elsewhere.
pub(crate) fn leaky_relu(x: &[f32], slope: f32, y: &mut [f32]) {
    each(y, x, x, move |x, _| if x > 0.0 { x } else { slope * x });
}

/// `dy` where `x` is positive, `slope dy` elsewhere. `x` may be the activation's input or its output.
pub(crate) fn leaky_relu_gradient(dy: &[f32], x: &[f32], slope: f32, dx: &mut [f32]) {
    each(dx, dy, x, move |dy, x| dy * if x > 0.0 { 1.0 } else { slope });
}

/// The hyperbolic tangent, within 4e-7 of its size.
pub(crate) fn tanh(x: &[f32], y: &mut [f32]) {
    each(y, x, x, |x, _| tanh_of(x));
}

/// The gradient of the hyperbolic tangent's input from its output `y`.
pub(crate) fn tanh_gradient(dy: &[f32], y: &[f32], dx: &mut [f32]) {
    each(dx, dy, y, |dy, y| dy * (1.0 - y * y));
}

/// By e / (e + 2) with e = exp(2 |x|) - 1 = 2ⁿ (exp(r) - 1) + 2ⁿ - 1, where |r| <= ln(2) / 2 is left for a series.
#[inline(always)]
fn tanh_of(x: f32) -> f32 {
    /// Two parts of ln(2), of which n times the first is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// From there on the result is 1.
    const END: f32 = 9.1;
    let y = 2.0 * x.abs().min(END);
    let n = (y * std::f32::consts::LOG2_E + 0.5).floor();
    let r = y - n * LN_2[0] - n * LN_2[1];
    // The series of (exp(r) - 1) / r, from 1 / 7! on.
    let series =
        [5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0].iter().fold(0.0, |sum, factorial| sum * r + 1.0 / factorial);
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    let e = power * (series * r) + (power - 1.0);
    // What is no number must stay so, which `min` forgets.
    if x.is_nan() { x } else { (e / (e + 2.0)).copysign(x) }
}

/// Of a batch of images: `[N, C, pixels]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    pub(crate) n_channels: usize,
    pub(crate) n_pixels: usize,
}

impl Channels {
    /// For each channel, what `of` adds up from the rows of `a` and `b` of each image.
    fn fold<T: Default + Send>(
        self,
        a: &[f32],
        b: &[f32],
        of: impl Fn(usize, &[f32], &[f32], &mut T) + Sync,
    ) -> Vec<T> {
        let Self { n_channels, n_pixels } = self;
        let rows = |channel: usize| (channel..a.len() / n_pixels.max(1)).step_by(n_channels).map(|row| row * n_pixels);
        let at_once = (PIECE * n_channels / a.len().max(1)).max(1);
        let mut folded: Vec<T> = (0..n_channels).map(|_| T::default()).collect();
        threads::each(folded.chunks_mut(at_once).enumerate(), |(piece, folded)| {
            vectorized!({
                for (i, folded) in folded.iter_mut().enumerate() {
                    let channel = piece * at_once + i;
                    for row in rows(channel) {
                        of(channel, &a[row..row + n_pixels], &b[row..row + n_pixels], folded);
                    }
                }
            });
        });
        folded
    }

    /// Calls `write` with the channel, the row of `to` and the rows of `a` and `b` at the same place.
    fn rows(self, a: &[f32], b: &[f32], to: &mut [f32], write: impl Fn(usize, &mut [f32], &[f32], &[f32]) + Sync) {
        let Self { n_channels, n_pixels } = self;
        let n_rows = (PIECE / n_pixels.max(1)).max(1);
        let size = n_rows * n_pixels;
        let pieces = to.chunks_mut(size).zip(a.chunks(size)).zip(b.chunks(size)).enumerate();
        threads::each(pieces, |(piece, ((to, a), b))| {
            let rows = to.chunks_mut(n_pixels).zip(a.chunks(n_pixels)).zip(b.chunks(n_pixels));
            vectorized!({
                for (row, ((to, a), b)) in rows.enumerate() {
                    write((piece * n_rows + row) % n_channels, to, a, b);
                }
            });
        });
    }
}

/// The sum of `of(a, b)` over a row, in f32.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += of(*a, *b));
    }
    lanes.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(sum, (a, b))| *sum += of(*a, *b));
    f64::from(lanes.iter().sum::<f32>())
}

/// Mean and biased variance of each channel: from those of each row, while it is near, and of the rows' means in f64.
pub(crate) fn moments(channels: Channels, x: &[f32]) -> [Vec<f32>; 2] {
    let n_row = channels.n_pixels as f64;
    let n = (x.len() / channels.n_channels) as f64;
    let sums = channels.fold(x, x, |_, row, _, [total, squared_means, within]: &mut [f64; 3]| {
        let mean = sum(row, row, |x, _| x) / n_row;
        let centre = mean as f32;
        *total += mean * n_row;
        *squared_means += mean * mean * n_row;
        // The rest corrects for the rounding of the centre.
        *within += sum(row, row, |x, _| (x - centre) * (x - centre)) - n_row * (mean - f64::from(centre)).powi(2);
    });
    let variance = |[total, squared_means, within]: [f64; 3]| (within + squared_means - total * total / n) / n;
    [
        sums.iter().map(|[total, ..]| (total / n) as f32).collect(),
        sums.iter().map(|sums| variance(*sums).max(0.0) as f32).collect(),
    ]
}

/// What normalization makes of a channel's values: `(x - mean) scale + shift`, times `slope` where that is not positive.
#[derive(Clone, Copy)]
struct Affine {
    mean: f32,
    scale: f32,
    shift: f32,
    slope: f32,
}

impl Affine {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        let y = (x - self.mean) * self.scale + self.shift;
        y * self.factor(y)
    }

    #[inline(always)]
    fn factor(self, y: f32) -> f32 {
        if y > 0.0 { 1.0 } else { self.slope }
    }

    /// `dy` before the slope.
    #[inline(always)]
    fn back(self, dy: f32, x: f32) -> f32 {
        dy * self.factor((x - self.mean) * self.scale + self.shift)
    }
}

/// Batch normalization with leaky ReLU behind it, whose `slope` of 1 leaves values as they are.
#[derive(Clone, Copy)]
pub(crate) struct BatchNorm<'a> {
    pub(crate) channels: Channels,
    pub(crate) means: &'a [f32],
    pub(crate) variances: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) epsilon: f32,
    pub(crate) slope: f32,
}

impl BatchNorm<'_> {
    fn inverse(&self, channel: usize) -> f32 {
        1.0 / (self.variances[channel] + self.epsilon).sqrt()
    }

    fn affine(&self, channel: usize) -> Affine {
        let scale = self.weight[channel] * self.inverse(channel);
        Affine { mean: self.means[channel], scale, shift: self.bias[channel], slope: self.slope }
    }

    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32]) {
        self.channels.rows(x, x, y, |channel, y, x, _| {
            let affine = self.affine(channel);
            y.iter_mut().zip(x).for_each(move |(y, x)| *y = affine.of(*x));
        });
    }

    /// The gradients of the input, of the weight and of the bias (Ioffe and Szegedy 2015, section 3).
    pub(crate) fn gradient(&self, dy: &[f32], x: &[f32], dx: &mut [f32]) -> [Vec<f32>; 2] {
        assert_eq!([dy.len(), x.len()], [dx.len(); 2]);
        let n = (x.len() / self.channels.n_channels) as f64;
        let sums = self.channels.fold(dy, x, |channel, dy, x, [total, along]: &mut [f64; 2]| {
            let affine = self.affine(channel);
            *total += sum(dy, x, move |dy, x| affine.back(dy, x));
            *along +=
                sum(dy, x, move |dy, x| affine.back(dy, x) * (x - affine.mean)) * f64::from(self.inverse(channel));
        });
        self.channels.rows(dy, x, dx, |channel, dx, dy, x| {
            let (affine, [total, along]) = (self.affine(channel), sums[channel]);
            let constant = (total / n) as f32 * affine.scale;
            let slope = (along / n) as f32 * affine.scale * self.inverse(channel);
            for (dx, (dy, x)) in dx.iter_mut().zip(dy.iter().zip(x)) {
                *dx = affine.back(*dy, *x) * affine.scale - constant - (x - affine.mean) * slope;
            }
        });
        [1, 0].map(|i| sums.iter().map(|sums| sums[i] as f32).collect())
    }
}

/// Moves `weight` into `moved`, and the moments in place.
pub(crate) fn adam(step: AdamStep, weight: &[f32], gradient: &[f32], moments: [&mut [f32]; 2], moved: &mut [f32]) {
    let AdamStep { beta_1, beta_2, corrections: [correction_1, correction_2], epsilon, learning_rate } = step;
    assert_eq!([weight.len(), gradient.len(), moments[0].len(), moments[1].len()], [moved.len(); 4]);
    let [first, second] = moments.map(|moment| moment.chunks_mut(PIECE));
    let pieces = moved.chunks_mut(PIECE).zip(weight.chunks(PIECE)).zip(gradient.chunks(PIECE));
    threads::each(pieces.zip(first.zip(second)), |(((moved, weight), gradient), (first, second))| {
        vectorized!({
            let values = moved.iter_mut().zip(weight).zip(gradient).zip(first.iter_mut().zip(second));
            for (((moved, weight), gradient), (first, second)) in values {
                *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
                *first = *first * beta_1 + gradient * (1.0 - beta_1);
                let root = (*second / correction_2).sqrt();
                *moved = weight - *first / correction_1 / (root + epsilon) * learning_rate;
            }
        });
    });
}

/// `average share + value (1 - share)`.
pub(crate) fn blend(average: &[f32], value: &[f32], share: f32, blended: &mut [f32]) {
    each(blended, average, value, move |average, value| average * share + value * (1.0 - share));
}

/// The sum of squares: of each piece in f32, over pieces in f64.
pub(crate) fn squared_norm(x: &[f32]) -> f64 {
    threads::map(x.chunks(PIECE), |x| vectorized!(sum(x, x, |x, _| x * x))).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_within_a_few_roundings() {
        let x: Vec<f32> = (-200_000..=200_000).map(|i| (i as f32 / 15_000.0).powi(3) / 60.0).collect();
        let mut y = vec![0.0; x.len()];
        tanh(&x, &mut y);
        for (x, y) in x.iter().zip(&y) {
            let expected = f64::from(*x).tanh();
            assert!((f64::from(*y) - expected).abs() <= 4e-7 * expected.abs(), "{x}: {y}, expected {expected}");
        }
        let ends = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40];
        let mut y = ends;
        tanh(&ends, &mut y);
        assert_eq!(y[..4].iter().map(|y| y.to_bits()).collect::<Vec<_>>(), [0.0f32, -0.0, 1.0, -1.0].map(f32::to_bits));
        assert!(y[4].is_nan() && (y[5] - 1e-40).abs() < 1e-44);
    }
}
