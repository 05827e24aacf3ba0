//! Fully connected layers one after the other, with leaky ReLU behind them: all of them at once, forwards and backwards.
//!
//! Networks of points are so small that calling their layers takes longer than computing them. Samples go through in panels,
//! as many as a register block has columns; what a layer makes of a panel lies in the first-level cache when the next one
//! reads it.

mod panels;

use panels::{
    add_biases, columns_of, group_rows, panels_of_columns, panels_of_rows, rectify, rows_of, scale_by, sums_of_rows,
};

use crate::buffer::{self, Buffer};
use crate::dense::{Matrix, pack_left};
use crate::path::{Block, GROUP, Path, vectorized};
use crate::threads;

/// Products of a pass from which on threads share the work.
const SHARED: usize = 1 << 24;

/// `leaky(W x + b)`.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    /// `[out, in]`.
    pub(crate) weight: &'a [f32],
    /// `[out]`.
    pub(crate) bias: &'a [f32],
    /// What is not positive is multiplied by it: 1 where nothing follows.
    pub(crate) slope: f32,
}

impl Layer<'_> {
    /// Outputs and inputs.
    fn sides(&self) -> [usize; 2] {
        [self.bias.len(), self.weight.len() / self.bias.len()]
    }
}

/// What each layer made of samples, `[panel, layer, feature, column]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs(Vec<f32>);

/// A pass of `n` samples.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    /// `[n, in]`.
    pub(crate) x: &'a [f32],
    /// How often the biases count for each sample, `[n]`; nowhere, if there is nothing.
    pub(crate) rates: Option<&'a [f32]>,
    /// Outputs of another pass of as many samples, whose signs stand in the place of this one's.
    pub(crate) signs: Option<&'a Outputs>,
}

/// How the last layer's outputs move with everything else.
pub(crate) struct Gradients {
    /// `[n, in]`; zero, if it was not asked for.
    pub(crate) x: Vec<f32>,
    /// Of each layer's weight and bias, if they were asked for.
    pub(crate) layers: Vec<[Vec<f32>; 2]>,
}

/// Layers, ready to be passed.
pub(crate) struct Perceptron<'a> {
    path: Path,
    layers: &'a [Layer<'a>],
    /// Where a layer's output begins in a panel, and behind the last one what a panel takes.
    places: Vec<usize>,
    /// Columns of a panel.
    columns: usize,
}

impl<'a> Perceptron<'a> {
    /// # Panics
    /// If an output has not as many features as the next layer takes, or there is no layer.
    pub(crate) fn new(path: Path, layers: &'a [Layer<'a>]) -> Self {
        let path = path.of_32_bits();
        let fits = |pair: &[Layer<'_>]| pair[0].sides()[0] == pair[1].sides()[1];
        assert!(!layers.is_empty() && layers.windows(2).all(fits), "layers fit each other");
        let columns = path.block(usize::MAX).columns;
        let mut places = vec![0];
        for layer in layers {
            places.push(places[places.len() - 1] + padded(path.block(layer.sides()[0]), layer.sides()[0]) * columns);
        }
        Self { path, layers, places, columns }
    }

    fn n_in(&self) -> usize {
        self.layers[0].sides()[1]
    }

    fn n_out(&self) -> usize {
        self.layers[self.layers.len() - 1].sides()[0]
    }

    fn of_panel(&self) -> usize {
        self.places[self.layers.len()]
    }

    /// What layer `l` made, in a panel of outputs.
    fn output<'o>(&self, panel: &'o [f32], l: usize) -> &'o [f32] {
        &panel[self.places[l]..self.places[l + 1]]
    }

    /// Whether threads share the passes of `n` samples.
    fn is_shared(&self, n: usize) -> bool {
        n * self.layers.iter().map(|layer| layer.weight.len()).sum::<usize>() >= SHARED
    }

    /// `[n, out]`, with the outputs of all layers.
    pub(crate) fn forward(&self, n: usize, pass: Pass<'_>, y: &mut [f32]) -> Outputs {
        assert_eq!([pass.x.len(), y.len()], [n * self.n_in(), n * self.n_out()]);
        let weights: Vec<Left> = self.layers.iter().map(|layer| Left::of_rows(self.path, layer)).collect();
        let of_y = self.columns * self.n_out();
        let each = |(p, (outputs, y)): (usize, (&mut [f32], &mut [f32]))| {
            self.forward_panel(&weights, p * self.columns, pass, outputs, y);
        };
        let n_panels = n.div_ceil(self.columns);
        let work = |outputs: &mut [f32]| {
            let tasks = outputs.chunks_mut(self.of_panel()).zip(y.chunks_mut(of_y)).enumerate();
            threads::each_if(self.is_shared(n), tasks, each);
        };
        // SAFETY: products write every row of their blocks, those behind the last feature too, before one is read.
        Outputs(unsafe { buffer::written(n_panels * self.of_panel(), work) })
    }

    /// The samples from `first` on, as many as a panel has.
    fn forward_panel(&self, weights: &[Left], first: usize, pass: Pass<'_>, outputs: &mut [f32], y: &mut [f32]) {
        let columns = self.columns;
        let mut input = Buffer::of(self.n_in().next_multiple_of(GROUP) * columns);
        let samples = &pass.x[first * self.n_in()..];
        columns_of(samples, self.n_in(), columns, &mut input);
        let mut rates = [0.0; MAX_COLUMNS];
        if let Some(all) = pass.rates {
            rates.iter_mut().zip(&all[first..]).for_each(|(to, rate)| *to = *rate);
        }
        let signs = pass.signs.map(|signs| &signs.0[first / columns * self.of_panel()..][..self.of_panel()]);
        for (l, (layer, weight)) in self.layers.iter().zip(weights).enumerate() {
            let (before, output) = outputs.split_at_mut(self.places[l]);
            let output = &mut output[..self.places[l + 1] - self.places[l]];
            weight.times(if l == 0 { &input } else { &before[self.places[l - 1]..] }, columns, output);
            let output = &mut output[..layer.bias.len() * columns];
            if pass.rates.is_some() {
                add_biases(layer.bias, &rates[..columns], output);
            }
            if layer.slope != 1.0 {
                match signs {
                    Some(signs) => scale_by(layer.slope, self.output(signs, l), output),
                    None => rectify(layer.slope, output),
                }
            }
        }
        let last = self.output(outputs, self.layers.len() - 1);
        rows_of(last, columns, self.n_out(), y);
    }

    /// From the gradient `dy` `[n, out]` of what [`forward`](Self::forward) made of the pass, with its `outputs`. `wanted`: of the
    /// input, and of the layers.
    pub(crate) fn backward(
        &self,
        n: usize,
        pass: Pass<'_>,
        outputs: &Outputs,
        dy: &[f32],
        wanted: [bool; 2],
    ) -> Gradients {
        // The first layer's map gradients of the input alone.
        let back = self.layers.iter().skip(usize::from(!wanted[0]));
        let weights: Vec<Left> = back.map(|layer| Left::of_columns(self.path, layer)).collect();
        let n_panels = n.div_ceil(self.columns);
        let sizes = if wanted[1] { self.sizes() } else { vec![[0; 3]; self.layers.len()] };
        let of_panel = sizes.iter().flatten().sum::<usize>().max(1);
        let mut factors = Buffer::of(n_panels * of_panel);
        let of_x = self.columns * self.n_in();
        let mut dx = vec![0.0; n * self.n_in()];
        let each = |(p, (factors, dx)): (usize, (&mut [f32], &mut [f32]))| {
            let outputs = &outputs.0[p * self.of_panel()..][..self.of_panel()];
            let dx = if wanted[0] { dx } else { &mut [] };
            let factors = if wanted[1] { factors } else { &mut [] };
            self.backward_panel(&weights, p * self.columns, pass, outputs, dy, dx, (&sizes, factors));
        };
        let is_shared = self.is_shared(n);
        threads::each_if(is_shared, factors.chunks_mut(of_panel).zip(dx.chunks_mut(of_x)).enumerate(), each);
        let mut layers = vec![];
        if wanted[1] {
            let mut first = 0;
            for (layer, size) in self.layers.iter().zip(&sizes) {
                let panels: Vec<&[f32]> = factors.chunks(of_panel).map(|factors| &factors[first..]).collect();
                layers.push(self.weight_gradient(layer, *size, &panels, is_shared));
                first += size.iter().sum::<usize>();
            }
        }
        Gradients { x: dx, layers }
    }

    /// For each layer what the gradients of its outputs, its inputs and its biases take in a panel of factors.
    fn sizes(&self) -> Vec<[usize; 3]> {
        let size = |layer: &Layer<'_>| {
            let [n_out, n_in] = layer.sides();
            let rows = self.path.block(n_out).rows;
            [n_out.next_multiple_of(rows) * self.columns, n_in.next_multiple_of(self.columns) * self.columns, n_out]
        };
        self.layers.iter().map(size).collect()
    }

    /// Writes the gradients of the samples from `first` on to `dx`, and both factors of the weights' gradients to `factors`, unless
    /// they are empty.
    #[allow(clippy::too_many_arguments, reason = "all that is read and written")]
    fn backward_panel(
        &self,
        weights: &[Left],
        first: usize,
        pass: Pass<'_>,
        outputs: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        (sizes, mut factors): (&[[usize; 3]], &mut [f32]),
    ) {
        let columns = self.columns;
        let most = self.layers.iter().flat_map(Layer::sides).max().unwrap_or_default();
        let most = (most + MAX_ROWS).next_multiple_of(GROUP) * columns;
        let [mut gradient, mut next] = [Buffer::of(most), Buffer::of(most)];
        columns_of(&dy[first * self.n_out()..], self.n_out(), columns, &mut gradient);
        let mut rates = [0.0; MAX_COLUMNS];
        if let Some(all) = pass.rates {
            rates.iter_mut().zip(&all[first..]).for_each(|(to, rate)| *to = *rate);
        }
        let signs =
            pass.signs.map_or(outputs, |signs| &signs.0[first / columns * self.of_panel()..][..self.of_panel()]);
        // From the last layer to the first, whose factors lie in the order of the layers.
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let [n_out, n_in] = layer.sides();
            let gradient_here = &mut gradient[..n_out * columns];
            if layer.slope != 1.0 {
                scale_by(layer.slope, self.output(signs, l), gradient_here);
            }
            if !factors.is_empty() {
                let size = sizes[l];
                let at = factors.len() - size.iter().sum::<usize>();
                let (rest, own) = factors.split_at_mut(at);
                factors = rest;
                let (left, own) = own.split_at_mut(size[0]);
                let (right, biases) = own.split_at_mut(size[1]);
                let rows = self.path.block(n_out).rows;
                group_rows(gradient_here, columns, rows, left);
                match l {
                    0 => panels_of_rows(&pass.x[first * n_in..], n_in, columns, right),
                    _ => panels_of_columns(self.output(outputs, l - 1), n_in, columns, right),
                }
                sums_of_rows(gradient_here, &rates[..columns], biases);
            }
            if l > 0 || !dx.is_empty() {
                weights[l + weights.len() - self.layers.len()].times(&gradient, columns, &mut next);
                std::mem::swap(&mut gradient, &mut next);
            }
        }
        if !dx.is_empty() {
            rows_of(&gradient, columns, self.n_in(), dx);
        }
    }

    /// Of weight and bias, from the factors in all panels.
    fn weight_gradient(
        &self,
        layer: &Layer<'_>,
        size: [usize; 3],
        panels: &[&[f32]],
        is_shared: bool,
    ) -> [Vec<f32>; 2] {
        let columns = self.columns;
        let [n_out, n_in] = layer.sides();
        let block = self.path.block(n_out);
        let stride = n_in.next_multiple_of(columns);
        let rows = |(b, dw): (usize, &mut [f32])| {
            let mut sums = Buffer::of(block.rows * stride);
            for j in 0..stride / columns {
                for (p, factors) in panels.iter().enumerate() {
                    let left = &factors[b * block.rows * columns..][..block.rows * columns];
                    let right = &factors[size[0] + j * columns * columns..][..columns * columns];
                    block.multiply(columns, left, right, &mut sums[j * columns..], stride, p > 0);
                }
            }
            for (dw, sums) in dw.chunks_exact_mut(n_in).zip(sums.chunks_exact(stride)) {
                dw.copy_from_slice(&sums[..n_in]);
            }
        };
        let mut dw = vec![0.0; n_out * n_in];
        threads::each_if(is_shared, dw.chunks_mut(block.rows * n_in).enumerate(), rows);
        let mut db = vec![0.0; n_out];
        for factors in panels {
            db.iter_mut().zip(&factors[size[0] + size[1]..]).for_each(|(sum, value)| *sum += value);
        }
        [dw, db]
    }
}

/// The most columns that a block has, and the most rows.
const MAX_COLUMNS: usize = 32;
const MAX_ROWS: usize = 16;

/// Features that a product writes or reads: whole blocks, and whole groups.
fn padded(block: Block<f32>, n_features: usize) -> usize {
    n_features.next_multiple_of(block.rows).max(n_features.next_multiple_of(GROUP))
}

/// The left side of a product with panels.
struct Left {
    block: Block<f32>,
    depth: usize,
    values: Buffer<f32>,
}

impl Left {
    /// The weight itself, which maps inputs to outputs.
    fn of_rows(path: Path, layer: &Layer<'_>) -> Self {
        Self::pack(path, Matrix::new(layer.weight, layer.sides()), layer.sides())
    }

    /// The weight transposed, which maps gradients of outputs to those of inputs.
    fn of_columns(path: Path, layer: &Layer<'_>) -> Self {
        let [n_out, n_in] = layer.sides();
        Self::pack(path, Matrix::new(layer.weight, [n_out, n_in]).transposed(), [n_in, n_out])
    }

    fn pack(path: Path, matrix: Matrix<'_>, [n_rows, depth]: [usize; 2]) -> Self {
        let block = path.block(n_rows);
        let of_block = depth.next_multiple_of(GROUP) * block.rows;
        let mut values = Buffer::of(n_rows.div_ceil(block.rows) * of_block);
        for (b, to) in values.chunks_exact_mut(of_block).enumerate() {
            vectorized!(pack_left(matrix, b * block.rows, to, block.rows));
        }
        Self { block, depth, values }
    }

    /// `[rows, columns]` from `[depth, columns]`; whole blocks of rows.
    fn times(&self, right: &[f32], columns: usize, to: &mut [f32]) {
        let Self { block, depth, values } = self;
        let of_block = depth.next_multiple_of(GROUP) * block.rows;
        for (b, left) in values.chunks_exact(of_block).enumerate() {
            block.multiply(*depth, left, right, &mut to[b * block.rows * columns..], columns, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(i: usize) -> f32 {
        ((i * 7919) % 1009) as f32 / 504.5 - 1.0
    }

    /// Written out in f64: outputs of all layers for each sample, behind their slopes, from samples, rates and signs.
    fn naive(layers: &[Layer<'_>], x: &[f32], rates: &[f32], signs: Option<&[Vec<Vec<f64>>]>) -> Vec<Vec<Vec<f64>>> {
        let n_in = layers[0].sides()[1];
        let sample = |(n, x): (usize, &[f32])| {
            let mut all: Vec<Vec<f64>> = vec![];
            for (l, layer) in layers.iter().enumerate() {
                let from: Vec<f64> = all.last().cloned().unwrap_or_else(|| x.iter().map(|x| f64::from(*x)).collect());
                let output = (0..layer.bias.len()).map(|o| {
                    let row = &layer.weight[o * from.len()..][..from.len()];
                    let sum: f64 = row.iter().zip(&from).map(|(w, x)| f64::from(*w) * x).sum();
                    let sum = sum + f64::from(layer.bias[o]) * f64::from(rates[n]);
                    let sign = signs.map_or(sum, |signs| signs[n][l][o]);
                    if sign > 0.0 { sum } else { sum * f64::from(layer.slope) }
                });
                all.push(output.collect());
            }
            all
        };
        x.chunks(n_in).enumerate().map(sample).collect()
    }

    /// Every gradient in f64: of the samples, and of each layer's weight and bias.
    fn naive_gradients(
        layers: &[Layer<'_>],
        (x, rates): (&[f32], &[f32]),
        outputs: &[Vec<Vec<f64>>],
        signs: &[Vec<Vec<f64>>],
        dy: &[f32],
    ) -> (Vec<f64>, Vec<[Vec<f64>; 2]>) {
        let n_in = layers[0].sides()[1];
        let mut dx = vec![];
        let zeros = |layer: &Layer<'_>| [vec![0.0; layer.weight.len()], vec![0.0; layer.bias.len()]];
        let mut of_layers: Vec<[Vec<f64>; 2]> = layers.iter().map(zeros).collect();
        let n_out = layers[layers.len() - 1].bias.len();
        for (n, dy) in dy.chunks(n_out).enumerate() {
            let mut gradient: Vec<f64> = dy.iter().map(|d| f64::from(*d)).collect();
            for (l, layer) in layers.iter().enumerate().rev() {
                for (gradient, sign) in gradient.iter_mut().zip(&signs[n][l]) {
                    *gradient *= if *sign > 0.0 { 1.0 } else { f64::from(layer.slope) };
                }
                let from: Vec<f64> = match l {
                    0 => x[n * n_in..][..n_in].iter().map(|x| f64::from(*x)).collect(),
                    _ => outputs[n][l - 1].clone(),
                };
                for (o, gradient) in gradient.iter().enumerate() {
                    from.iter().enumerate().for_each(|(i, x)| of_layers[l][0][o * from.len() + i] += gradient * x);
                    of_layers[l][1][o] += gradient * f64::from(rates[n]);
                }
                let back = |i: usize| {
                    let weight = |o: usize| f64::from(layer.weight[o * from.len() + i]);
                    gradient.iter().enumerate().map(|(o, gradient)| gradient * weight(o)).sum()
                };
                gradient = (0..from.len()).map(back).collect();
            }
            dx.extend(gradient);
        }
        (dx, of_layers)
    }

    fn assert_close(what: &str, ours: &[f32], expected: &[f64]) {
        assert_eq!(ours.len(), expected.len(), "{what}");
        let size = expected.iter().fold(1.0_f64, |size, value| size.max(value.abs()));
        for (i, (ours, expected)) in ours.iter().zip(expected).enumerate() {
            assert!((f64::from(*ours) - expected).abs() <= 1e-5 * size, "{what} {i}: {ours} {expected}");
        }
    }

    #[test]
    fn outputs_and_gradients_equal_those_written_out_on_every_path() {
        for (n, sides) in [
            (1, vec![1, 1]),
            (33, vec![2, 32, 5, 1]),
            (150, vec![3, 128, 70]),
            (64, vec![64, 17, 33, 2]),
            (130, vec![64, 400, 300]),
        ] {
            let n_layers = sides.len() - 1;
            let numbers = |n: usize, seed: usize| (0..n).map(|i| value(i + seed) * 0.3).collect::<Vec<f32>>();
            let weights: Vec<[Vec<f32>; 2]> =
                sides.windows(2).map(|io| [numbers(io[0] * io[1], 5), numbers(io[1], 11)]).collect();
            let slope = |l: usize| if l + 1 < n_layers { 0.2 } else { 1.0 };
            let layers: Vec<Layer<'_>> =
                weights.iter().enumerate().map(|(l, [weight, bias])| Layer { weight, bias, slope: slope(l) }).collect();
            let [x, moved, rates, dy] =
                [n * sides[0], n * sides[0], n, n * sides[n_layers]].map(|n| (0..n).map(value).collect::<Vec<f32>>());
            let ones = vec![1.0; n];
            let seen = naive(&layers, &x, &ones, None);
            let along = naive(&layers, &moved, &rates, Some(&seen));
            for &path in Path::available() {
                let perceptron = Perceptron::new(path, &layers);
                let mut y = vec![f32::NAN; n * sides[n_layers]];
                let plain = Pass { x: &x, rates: Some(&ones), signs: None };
                let outputs = perceptron.forward(n, plain, &mut y);
                let last =
                    |all: &[Vec<Vec<f64>>]| all.iter().flat_map(|all| all[n_layers - 1].clone()).collect::<Vec<_>>();
                assert_close("output", &y, &last(&seen));
                let piece = Pass { x: &moved, rates: Some(&rates), signs: Some(&outputs) };
                let tangents = perceptron.forward(n, piece, &mut y);
                assert_close("tangent", &y, &last(&along));
                for (pass, left, all) in [(plain, &outputs, &seen), (piece, &tangents, &along)] {
                    let Pass { x, rates, .. } = pass;
                    let rates = rates.unwrap_or_default();
                    let (dx, of_layers) = naive_gradients(&layers, (x, rates), all, &seen, &dy);
                    let ours = perceptron.backward(n, pass, left, &dy, [true; 2]);
                    assert_close("input", &ours.x, &dx);
                    assert_eq!(perceptron.backward(n, pass, left, &dy, [true, false]).x, ours.x);
                    assert_eq!(perceptron.backward(n, pass, left, &dy, [false, true]).layers, ours.layers);
                    for (ours, expected) in ours.layers.iter().zip(&of_layers) {
                        assert_close("weight", &ours[0], &expected[0]);
                        assert_close("bias", &ours[1], &expected[1]);
                    }
                }
            }
        }
    }
}
