//! The three products that a convolution and its gradients are.

use crate::buffer::Buffer;
use crate::cell::{Cell, Pair};
use crate::correlation::{Correlation, MIN_TASKS, TASK_COLUMNS, adjoint, correlation};
use crate::geometry::Convolution;
use crate::packs::Way;
use crate::path::{Block, GROUP, Path, vectorized};
use crate::planes::{self, Planes, Runs};
use crate::precision::Precision;
use crate::product::{self, Right};
use crate::winograd::Rows;
use crate::{threads, tiles};

/// `y[n, o] = sum over i and taps of w[o, i, tap] x[n, i, where the tap reads]`. `x` is `[N, in, H, W]`, `w`
/// `[out, in / groups, kernel, kernel]`, `y` `[N, out, H', W']`.
pub fn forward(path: Path, convolution: &Convolution, x: &[f32], w: &[f32], y: &mut [f32]) {
    Packed::new(Way::Forth, path, convolution, w).run(convolution, x, y);
}

/// The gradient of `x` from that of `y`, or the transposed convolution of `y`. The shapes are those of [`forward`].
pub fn input_gradient(path: Path, convolution: &Convolution, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    Packed::new(Way::Back, path, convolution, w).run(convolution, dy, dx);
}

/// A convolution or an input gradient with its weights packed, for any number of images.
pub(crate) struct Packed {
    of: Of,
    /// Values that are kept.
    pub(crate) n_values: usize,
}

enum Of {
    Rows(Path, Rows),
    Tiles(tiles::Packed<f32>),
    TilesOfPairs(tiles::Packed<Pair>),
    Numbers(Correlation<f32>),
    Pairs(Correlation<Pair>),
}

impl Packed {
    /// As is the fastest for many images.
    fn new(way: Way, path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        match way {
            _ if tiles::suits(path, convolution) => Self::by_tiles(way, path, convolution, w),
            Way::Forth => Self::forward(path, convolution, w),
            Way::Back => Self::input_gradient(path, convolution, w),
        }
    }

    pub(crate) fn forward(path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        assert_eq!(w.len(), convolution.n_weights());
        let of = if path.precision() == Precision::Bf16 {
            Of::Pairs(correlation(path, convolution, w))
        } else {
            Of::Numbers(correlation(path, convolution, w))
        };
        Self { of, n_values: w.len() }
    }

    /// For convolutions that [`winograd`](crate::winograd) suits.
    pub(crate) fn by_rows(path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        assert_eq!(w.len(), convolution.n_weights());
        let rows = Rows::new(path, convolution, w);
        Self { n_values: rows.n_values(), of: Of::Rows(path, rows) }
    }

    /// For convolutions that [`tiles`] suits, or their input gradient.
    pub(crate) fn by_tiles(way: Way, path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        assert_eq!(w.len(), convolution.n_weights());
        if path.precision() == Precision::Bf16 {
            let packed = tiles::Packed::new(way, path, convolution, w);
            return Self { n_values: packed.n_values(), of: Of::TilesOfPairs(packed) };
        }
        let packed = tiles::Packed::new(way, path, convolution, w);
        Self { n_values: packed.n_values(), of: Of::Tiles(packed) }
    }

    pub(crate) fn input_gradient(path: Path, convolution: &Convolution, w: &[f32]) -> Self {
        assert_eq!(w.len(), convolution.n_weights());
        let of = if path.precision() == Precision::Bf16 {
            Of::Pairs(adjoint(path, convolution, w))
        } else {
            Of::Numbers(adjoint(path, convolution, w))
        };
        Self { of, n_values: w.len() }
    }

    /// The weights of a convolution that [`winograd`](crate::winograd) suits.
    pub(crate) fn rows(&self) -> Option<&Rows> {
        match &self.of {
            Of::Rows(_, rows) => Some(rows),
            _ => None,
        }
    }

    /// Of the `convolution` that it was packed for, of any number of images.
    pub(crate) fn run(&self, convolution: &Convolution, from: &[f32], to: &mut [f32]) {
        match &self.of {
            Of::Rows(path, rows) => rows.run(*path, convolution, from, to),
            Of::Tiles(packed) => packed.run(from, to),
            Of::TilesOfPairs(packed) => packed.run(from, to),
            Of::Numbers(correlation) => correlation.run(convolution.batch, from, to),
            Of::Pairs(correlation) => correlation.run(convolution.batch, from, to),
        }
    }
}

/// The gradient of `w` from those of `y`. The shapes are those of [`forward`].
pub fn weight_gradient(path: Path, convolution: &Convolution, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let lengths = [convolution.n_input(), convolution.n_output(), convolution.n_weights()];
    assert_eq!([x.len(), dy.len(), dw.len()], lengths);
    if tiles::suits(path, convolution) {
        return match path.precision() {
            Precision::Bf16 => tiles::weight_gradient::<Pair>(path, convolution, x, dy, dw),
            _ => tiles::weight_gradient::<f32>(path, convolution, x, dy, dw),
        };
    }
    let (planes, runs) = planes::of_input(convolution);
    if path.precision() == Precision::F32 {
        weight_gradient_of::<f32>(path, convolution, (planes, runs), x, dy, dw);
    } else {
        weight_gradient_of::<Pair>(path, convolution, (planes, runs), x, dy, dw);
    }
}

fn weight_gradient_of<C: Cell>(
    path: Path,
    convolution: &Convolution,
    (planes, runs): (Planes, Runs),
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let [n_in, n_out] = convolution.group_channels();
    let block = C::block(path, n_out);
    let n_taps = convolution.taps();

    // Neighbouring images are joined to cells.
    let cells_at_once = TASK_COLUMNS.div_ceil(runs.n_columns().max(1));
    let at_once = cells_at_once * C::DEPTH;
    let n_along = (cells_at_once * runs.n_columns()).next_multiple_of(GROUP);
    let n_panels = n_out.div_ceil(block.rows);
    let packed = pack_outputs(convolution, block, runs, [at_once, n_along], dy);
    let panels_of = n_panels * block.rows * n_along;

    // As many channels as fill some registers, and slices of the batch, are a task.
    let channels_at_once = TASK_COLUMNS.div_ceil(n_taps).clamp(1, n_in);
    let n_blocks = n_in.div_ceil(channels_at_once);
    let n_rounds = convolution.batch.div_ceil(at_once);
    let n_slices = MIN_TASKS.div_ceil(n_blocks * convolution.groups).min(n_rounds);
    let rounds_at_once = n_rounds.div_ceil(n_slices);
    let tasks: Vec<[usize; 3]> = (0..convolution.groups)
        .flat_map(|g| (0..n_blocks).flat_map(move |b| (0..n_slices).map(move |s| [g, b, s])))
        .collect();
    let partial: Vec<Vec<f32>> = threads::map(tasks.iter(), |&[g, b, s]| {
        let first_channel = b * channels_at_once;
        let n_channels = channels_at_once.min(n_in - first_channel);
        let taps = planes::taps(convolution, &planes, n_channels);
        let mut sums = vec![0.0; n_panels * block.rows * taps.len().next_multiple_of(block.columns)];
        let image_values = planes.n_values() * n_channels;
        let mut buffer = Buffer::of(cells_at_once * image_values);
        for round in s * rounds_at_once..((s + 1) * rounds_at_once).min(n_rounds) {
            let images = round * at_once..((round + 1) * at_once).min(convolution.batch);
            let pixels = convolution.input_pixels();
            let cells = images.clone().step_by(C::DEPTH).zip(buffer.chunks_exact_mut(image_values));
            let n_cells = cells.len();
            for (n, buffer) in cells {
                for (i, planes_of) in buffer.chunks_exact_mut(planes.n_values()).enumerate() {
                    let channel = |n: usize| {
                        &x[(n * convolution.channels[0] + g * n_in + first_channel + i) * pixels..][..pixels]
                    };
                    let second = (C::DEPTH > 1 && n + 1 < images.end).then(|| channel(n + 1));
                    vectorized!(planes.fill(channel(n), second, planes_of));
                }
            }
            let starts = runs.starts(n_cells, image_values, planes.size[1]);
            let left = &packed[(g * n_rounds + round) * panels_of..][..panels_of];
            let right = Right { planes: &buffer, taps: &taps, starts: &starts, runs };
            product::multiply_along(block, left, n_along, &right, &mut sums);
        }
        sums
    });

    let row = n_in * n_taps;
    threads::each(dw.chunks_mut(row.max(1)).enumerate(), |(at, dw)| {
        dw.fill(0.0);
        for ([g, b, _], sums) in tasks.iter().zip(&partial).filter(|([g, ..], _)| *g == at / n_out) {
            let first = b * channels_at_once * n_taps;
            let n_values = (channels_at_once * n_taps).min(row - first);
            let sums = &sums[(at - g * n_out) * n_values.next_multiple_of(block.columns)..];
            dw[first..first + n_values].iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
        }
    });
}

/// `[group, round, panel]` of panels as [`product`] has them, whose depth is `n_along` cells of the gradients of `at_once`
/// images' outputs, with zeros for the columns that do not count.
fn pack_outputs<C: Cell>(
    convolution: &Convolution,
    block: Block<C>,
    runs: Runs,
    [at_once, n_along]: [usize; 2],
    dy: &[f32],
) -> Buffer<C> {
    let [_, n_out] = convolution.group_channels();
    let n_rounds = convolution.batch.div_ceil(at_once);
    let n_panels = n_out.div_ceil(block.rows);
    let panel_cells = n_along * block.rows;
    let pixels = convolution.output_pixels();
    let width = runs.size[1];
    let mut packed = Buffer::of(convolution.groups * n_rounds * n_panels * panel_cells);
    let pack = |i: usize, panel: &mut [C]| {
        let (g, round, p) = (i / (n_rounds * n_panels), i / n_panels % n_rounds, i % n_panels);
        let images = round * at_once..((round + 1) * at_once).min(convolution.batch);
        // The first images of cells, and the second ones.
        let mut lines = [Buffer::<f32>::of(n_along), Buffer::of(n_along)];
        lines.iter_mut().for_each(|line| line.fill(0.0));
        for row in 0..block.rows {
            let channel = g * n_out + p * block.rows + row;
            if p * block.rows + row < n_out {
                for (i, n) in images.clone().enumerate() {
                    let line = &mut lines[i % C::DEPTH][i / C::DEPTH * runs.n_columns()..][..runs.n_columns()];
                    let values = &dy[(n * convolution.channels[1] + channel) * pixels..][..pixels];
                    for (to, from) in line.chunks_exact_mut(runs.padded_width).zip(values.chunks_exact(width)) {
                        to[..width].copy_from_slice(from);
                    }
                }
            } else {
                lines.iter_mut().for_each(|line| line.fill(0.0));
            }
            let groups = panel.as_chunks_mut::<GROUP>().0.iter_mut().skip(row).step_by(block.rows);
            let [firsts, seconds] = lines.each_ref().map(|line| line.as_chunks::<GROUP>().0);
            for (cells, (first, second)) in groups.zip(firsts.iter().zip(seconds)) {
                product::join_group(&[*first, *second], cells);
            }
        }
    };
    threads::each(packed.chunks_mut(panel_cells.max(1)).enumerate(), |(i, panel)| vectorized!(pack(i, panel)));
    packed
}
