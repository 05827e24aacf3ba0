//! Operations that read and write memory once: activations, normalization, optimizer steps, averages.
//!
//! Each splits its values into pieces of one size, whatever the number of threads, and sums pieces in their order.

use rayon::prelude::*;

/// Values that are worth a task.
const PIECE: usize = 1 << 15;

/// `x` where positive, `slope x` elsewhere.
pub(crate) fn leaky_relu(x: &[f32], slope: f32, y: &mut [f32]) {
    y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(y, x)| {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = if *x > 0.0 { *x } else { slope * x });
    });
}

/// `dy` where `x` is positive, `slope dy` elsewhere. `x` may be the activation's input or its output.
pub(crate) fn leaky_relu_gradient(dy: &[f32], x: &[f32], slope: f32, dx: &mut [f32]) {
    assert_eq!([dy.len(), x.len()], [dx.len(); 2]);
    dx.par_chunks_mut(PIECE).zip(dy.par_chunks(PIECE)).zip(x.par_chunks(PIECE)).for_each(|((dx, dy), x)| {
        for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
            *dx = if *x > 0.0 { *dy } else { slope * dy };
        }
    });
}

/// Of a batch of images: `[N, C, pixels]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    pub(crate) n_channels: usize,
    pub(crate) n_pixels: usize,
}

impl Channels {
    /// For each channel the sums over batch and pixels of two functions of the values of `a` and `b`, taken in f32 over
    /// an image's pixels and in f64 over images.
    fn sums(self, a: &[f32], b: &[f32], of: impl Fn(usize, f32, f32) -> [f32; 2] + Sync) -> Vec<[f64; 2]> {
        let Self { n_channels, n_pixels } = self;
        let rows = |values: &[f32], channel: usize| channel * n_pixels..values.len();
        (0..n_channels)
            .into_par_iter()
            .map(|channel| {
                let mut sums = [0.0; 2];
                let images = a[rows(a, channel)].chunks(n_channels * n_pixels);
                for (a, b) in images.zip(b[rows(b, channel)].chunks(n_channels * n_pixels)) {
                    const LANES: usize = 16;
                    let mut lanes = [[0.0f32; LANES]; 2];
                    let [(a, rest_a), (b, rest_b)] = [a, b].map(|values| values[..n_pixels].as_chunks::<LANES>());
                    for (a, b) in a.iter().zip(b) {
                        for lane in 0..LANES {
                            let [first, second] = of(channel, a[lane], b[lane]);
                            lanes[0][lane] += first;
                            lanes[1][lane] += second;
                        }
                    }
                    for (lane, (a, b)) in rest_a.iter().zip(rest_b).enumerate() {
                        let [first, second] = of(channel, *a, *b);
                        lanes[0][lane] += first;
                        lanes[1][lane] += second;
                    }
                    for (sum, lanes) in sums.iter_mut().zip(lanes) {
                        *sum += f64::from(lanes.iter().sum::<f32>());
                    }
                }
                sums
            })
            .collect()
    }

    /// Calls `write` with the channel, the row of `to` and the rows of `a` and `b` at the same place.
    fn rows(self, a: &[f32], b: &[f32], to: &mut [f32], write: impl Fn(usize, &mut [f32], &[f32], &[f32]) + Sync) {
        let Self { n_channels, n_pixels } = self;
        let n_rows = (PIECE / n_pixels.max(1)).max(1);
        let size = n_rows * n_pixels;
        to.par_chunks_mut(size).zip(a.par_chunks(size)).zip(b.par_chunks(size)).enumerate().for_each(
            |(piece, ((to, a), b))| {
                let rows = to.chunks_mut(n_pixels).zip(a.chunks(n_pixels)).zip(b.chunks(n_pixels));
                for (row, ((to, a), b)) in rows.enumerate() {
                    write((piece * n_rows + row) % n_channels, to, a, b);
                }
            },
        );
    }
}

/// Mean and biased variance of each channel.
pub(crate) fn moments(channels: Channels, x: &[f32]) -> [Vec<f32>; 2] {
    let n = (x.len() / channels.n_channels) as f64;
    let means: Vec<f32> =
        channels.sums(x, x, |_, x, _| [x, 0.0]).into_iter().map(|[sum, _]| (sum / n) as f32).collect();
    let centred = |channel: usize, x: f32, _: f32| {
        let difference = x - means[channel];
        [difference * difference, difference]
    };
    let variances = channels.sums(x, x, centred);
    let variances = variances.into_iter().map(|[squares, rest]| ((squares - rest * rest / n) / n) as f32).collect();
    [means, variances]
}

/// `(x - mean) scale + shift` for each channel.
pub(crate) fn normalize(channels: Channels, x: &[f32], means: &[f32], scales: &[f32], shifts: &[f32], y: &mut [f32]) {
    channels.rows(x, x, y, |channel, y, x, _| {
        let (mean, scale, shift) = (means[channel], scales[channel], shifts[channel]);
        y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - mean) * scale + shift);
    });
}

/// The gradients of normalized values' input, of the scale and of the shift (Ioffe and Szegedy 2015, section 3).
pub(crate) fn normalize_gradient(
    channels: Channels,
    [dy, x]: [&[f32]; 2],
    means: &[f32],
    inverse: &[f32],
    weights: &[f32],
    dx: &mut [f32],
) -> [Vec<f32>; 2] {
    assert_eq!([dy.len(), x.len()], [dx.len(); 2]);
    let n = (x.len() / channels.n_channels) as f64;
    let sums = channels.sums(dy, x, |channel, dy, x| [dy, dy * (x - means[channel]) * inverse[channel]]);
    let constants: Vec<[f32; 4]> = sums
        .iter()
        .zip(inverse.iter().zip(weights))
        .zip(means)
        .map(|(([sum, along], (inverse, weight)), mean)| {
            let scale = weight * inverse;
            [*mean, scale, (sum / n) as f32 * scale, (along / n) as f32 * scale * inverse]
        })
        .collect();
    channels.rows(dy, x, dx, |channel, dx, dy, x| {
        let [mean, scale, constant, along] = constants[channel];
        for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
            *dx = dy * scale - constant - (x - mean) * along;
        }
    });
    [1, 0].map(|i| sums.iter().map(|sums| sums[i] as f32).collect())
}

/// The constants of a step of Adam (Kingma and Ba 2015, algorithm 1), or of RMSProp with `beta_1` 0 and corrections 1.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// What the moments are divided by, 1 - betaᵗ.
    pub corrections: [f32; 2],
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Step size.
    pub learning_rate: f32,
}

/// Moves `weight` into `moved`, and the moments in place.
pub(crate) fn adam(step: AdamStep, weight: &[f32], gradient: &[f32], moments: [&mut [f32]; 2], moved: &mut [f32]) {
    let AdamStep { beta_1, beta_2, corrections: [correction_1, correction_2], epsilon, learning_rate } = step;
    assert_eq!([weight.len(), gradient.len(), moments[0].len(), moments[1].len()], [moved.len(); 4]);
    let [first, second] = moments.map(|moment| moment.par_chunks_mut(PIECE));
    let pieces = moved.par_chunks_mut(PIECE).zip(weight.par_chunks(PIECE)).zip(gradient.par_chunks(PIECE));
    pieces.zip(first.zip(second)).for_each(|(((moved, weight), gradient), (first, second))| {
        let values = moved.iter_mut().zip(weight).zip(gradient).zip(first.iter_mut().zip(second));
        for (((moved, weight), gradient), (first, second)) in values {
            *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
            *first = *first * beta_1 + gradient * (1.0 - beta_1);
            let root = (*second / correction_2).sqrt();
            *moved = weight - *first / correction_1 / (root + epsilon) * learning_rate;
        }
    });
}

/// `average share + value (1 - share)`.
pub(crate) fn blend(average: &[f32], value: &[f32], share: f32, blended: &mut [f32]) {
    assert_eq!([average.len(), value.len()], [blended.len(); 2]);
    blended.par_chunks_mut(PIECE).zip(average.par_chunks(PIECE)).zip(value.par_chunks(PIECE)).for_each(
        |((blended, average), value)| {
            for ((blended, average), value) in blended.iter_mut().zip(average).zip(value) {
                *blended = average * share + value * (1.0 - share);
            }
        },
    );
}

/// The sum of squares: of each piece in f32, over pieces in f64.
pub(crate) fn squared_norm(x: &[f32]) -> f32 {
    const LANES: usize = 16;
    let piece = |x: &[f32]| {
        let (whole, rest) = x.as_chunks::<LANES>();
        let mut lanes = [0.0f32; LANES];
        for values in whole {
            lanes.iter_mut().zip(values).for_each(|(sum, x)| *sum += x * x);
        }
        lanes.iter_mut().zip(rest).for_each(|(sum, x)| *sum += x * x);
        f64::from(lanes.iter().sum::<f32>())
    };
    let pieces: Vec<f64> = x.par_chunks(PIECE).map(piece).collect();
    pieces.iter().sum::<f64>() as f32
}
