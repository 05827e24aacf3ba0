//! Images laid out as points of tiles, and back.

use std::ops::Range;

use super::points::{self, POINTS};
use super::windows::{Windows, lanes_at, lanes_at_mut};
use super::{KERNEL, PHASES, SIDE, STRIDE, Tiles};
use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::path::{LANES, Vector, Wide, Work, transpose};

/// What tiles read of the input.
type Input = Windows<{ STRIDE * SIDE + KERNEL - STRIDE }, { STRIDE * SIDE }>;
/// What tiles are of the output.
type Output = Windows<SIDE, SIDE>;

/// The points of some tiles.
type Points<V> = [[V; 3]; 3];

/// Where in a packed matrix tiles go: `run` side by side from `first` on, the next ones `step` further, each point `point`
/// from the one before.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) first: usize,
    pub(super) run: usize,
    pub(super) step: usize,
    pub(super) point: usize,
}

impl Place {
    /// Puts points, joined to cells, side by side from the tile `at` on.
    #[inline(always)]
    fn put<C: Cell, V: Vector>(&self, [first, second]: [Points<V>; 2], at: usize, to: &mut [C]) {
        let start = self.first + at / self.run * self.step + at % self.run;
        let points = first.as_flattened().iter().zip(second.as_flattened());
        for (point, (first, second)) in points.enumerate() {
            C::join_vectors(*first, *second, lanes_at_mut(to, start + point * self.point));
        }
    }
}

impl Tiles {
    fn input_windows(&self, n_images: usize) -> Input {
        Windows::new(n_images, self.input, self.before, self.size)
    }

    fn output_windows(&self, n_images: usize) -> Output {
        Windows::new(n_images, self.output, [0, 0], self.size)
    }

    /// The first of all tiles of so many images that are transformed together.
    fn firsts(&self, n_images: usize) -> impl Iterator<Item = usize> + use<> {
        (0..n_images * self.per_image()).step_by(LANES)
    }
}

/// Lays tiles of images out as points, the phases of all channels at their places; a cell joins neighbouring phases.
pub(super) struct LayOutInput<'a, C, P> {
    pub(super) tiles: &'a Tiles,
    pub(super) images: &'a [f32],
    pub(super) place: P,
    pub(super) to: &'a mut [C],
}

impl<C: Cell, P: Fn(usize) -> Place> Work for LayOutInput<'_, C, P> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let Self { tiles, images, place, to } = self;
        let pixels = tiles.input_pixels();
        let images = images.chunks_exact(tiles.channels[0] * pixels);
        let n_images = images.len();
        let cells_of_channel = PHASES / C::DEPTH;
        let mut windows = tiles.input_windows(n_images);
        for channel in 0..tiles.channels[0] {
            for (n, image) in images.clone().enumerate() {
                windows.read(n, &image[channel * pixels..][..pixels]);
            }
            for cell in 0..cells_of_channel {
                let place = place(channel * cells_of_channel + cell);
                for tile in tiles.firsts(n_images) {
                    let first = of_input(width, &windows, cell * C::DEPTH, tile);
                    let second = match C::DEPTH {
                        1 => first,
                        _ => of_input(width, &windows, cell * C::DEPTH + 1, tile),
                    };
                    place.put([first, second], tile, to);
                }
            }
        }
    }
}

/// The same of some `channels`; a cell joins neighbouring images, and each phase of a channel has a place.
pub(super) struct LayOutImages<'a, C, P> {
    pub(super) tiles: &'a Tiles,
    pub(super) images: &'a [f32],
    pub(super) channels: Range<usize>,
    pub(super) place: P,
    pub(super) to: &'a mut [C],
}

impl<C: Cell, P: Fn(usize) -> Place> Work for LayOutImages<'_, C, P> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let Self { tiles, images, channels, place, to } = self;
        let pixels = tiles.input_pixels();
        let images = images.chunks_exact(tiles.channels[0] * pixels);
        let n_cells = images.len().div_ceil(C::DEPTH);
        let mut windows: Vec<Input> = (0..C::DEPTH).map(|_| tiles.input_windows(n_cells)).collect();
        for (i, channel) in channels.enumerate() {
            for (n, image) in images.clone().enumerate() {
                windows[n % C::DEPTH].read(n / C::DEPTH, &image[channel * pixels..][..pixels]);
            }
            for phase in 0..PHASES {
                let place = place(i * PHASES + phase);
                for tile in tiles.firsts(n_cells) {
                    let first = of_input(width, &windows[0], phase, tile);
                    let second = match &windows[..] {
                        [_, second] => of_input(width, second, phase, tile),
                        _ => first,
                    };
                    place.put([first, second], tile, to);
                }
            }
        }
    }
}

/// The adjoint of [`LayOutInput`], from `[point, phase of a channel, tile]` with rows of `stride`.
pub(super) struct WriteInput<'a> {
    pub(super) tiles: &'a Tiles,
    /// Of each image.
    pub(super) n_channels: usize,
    pub(super) sums: &'a [f32],
    pub(super) stride: usize,
    pub(super) images: &'a mut [f32],
}

impl Work for WriteInput<'_> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let Self { tiles, n_channels, sums, stride, images } = self;
        let pixels = tiles.input_pixels();
        let image = n_channels * pixels;
        let n_images = images.len() / image;
        let mut windows = tiles.input_windows(n_images);
        for channel in 0..n_channels {
            for phase in 0..PHASES {
                for tile in tiles.firsts(n_images) {
                    let points = points_at(width, sums, (channel * PHASES + phase) * stride + tile);
                    for (row, pixels) in points::to_input(points).into_iter().enumerate() {
                        for (column, lanes) in pixels.into_iter().enumerate() {
                            windows.store(lanes, of_phase(phase, [row, column]), tile);
                        }
                    }
                }
            }
            for n in 0..n_images {
                windows.write(width, n, &mut images[n * image + channel * pixels..][..pixels]);
            }
        }
    }
}

/// Lays tiles of images of the output out as points; a cell joins neighbouring channels.
pub(super) struct LayOutOutput<'a, C, P> {
    pub(super) tiles: &'a Tiles,
    pub(super) images: &'a [f32],
    pub(super) place: P,
    pub(super) to: &'a mut [C],
}

impl<C: Cell, P: Fn(usize) -> Place> Work for LayOutOutput<'_, C, P> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let Self { tiles, images, place, to } = self;
        let pixels = tiles.output_pixels();
        let images = images.chunks_exact(tiles.channels[1] * pixels);
        let n_images = images.len();
        let mut windows: Vec<Output> = (0..C::DEPTH).map(|_| tiles.output_windows(n_images)).collect();
        for first in (0..tiles.channels[1]).step_by(C::DEPTH) {
            for (channel, windows) in (first..).zip(&mut windows) {
                if channel == tiles.channels[1] {
                    windows.clear();
                    continue;
                }
                for (n, image) in images.clone().enumerate() {
                    windows.read(n, &image[channel * pixels..][..pixels]);
                }
            }
            let place = place(first / C::DEPTH);
            for tile in tiles.firsts(n_images) {
                let first = of_output(width, &windows[0], tile);
                let second = match &windows[..] {
                    [_, second] => of_output(width, second, tile),
                    _ => first,
                };
                place.put([first, second], tile, to);
            }
        }
    }
}

/// Lays tiles of images of the output out as `[point, panel, tile, channel]` with panels of `columns` channels and `depth` tiles,
/// zeros behind these; a cell joins neighbouring images.
pub(super) struct LayOutOutputAcross<'a, C> {
    pub(super) tiles: &'a Tiles,
    pub(super) images: &'a [f32],
    pub(super) depth: usize,
    pub(super) columns: usize,
    pub(super) to: &'a mut [C],
}

impl<C: Cell> Work for LayOutOutputAcross<'_, C> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let Self { tiles, images, depth, columns, to } = self;
        let pixels = tiles.output_pixels();
        let image = tiles.channels[1] * pixels;
        let (panel, point) = (depth * columns, tiles.channels[1].div_ceil(columns) * depth * columns);
        if (images.len() / image).div_ceil(C::DEPTH) * tiles.per_image() < depth {
            to.fill(C::default());
        }
        // Some channels of the images of a cell, those of a pixel side by side; zeros where there are fewer.
        let mut turned: Vec<Buffer<f32>> = (0..C::DEPTH).map(|_| Buffer::of(LANES * pixels)).collect();
        for (n, images) in images.chunks(C::DEPTH * image).enumerate() {
            for channel in (0..tiles.channels[1]).step_by(LANES) {
                let n_channels = LANES.min(tiles.channels[1] - channel);
                for (i, turned) in turned.iter_mut().enumerate() {
                    let channels = images.get(i * image + channel * pixels..(i + 1) * image);
                    if n_channels < LANES || channels.is_none() {
                        turned.fill(0.0);
                    }
                    if let Some(channels) = channels {
                        transpose([n_channels, pixels], channels, turned, [pixels, LANES]);
                    }
                }
                let first = channel / columns * panel + channel % columns;
                let place = Place { first, run: 1, step: columns, point };
                for tile in 0..tiles.per_image() {
                    let first = tiles.of_output_at(width, &turned[0], tile);
                    let second = match &turned[..] {
                        [_, second] => tiles.of_output_at(width, second, tile),
                        _ => first,
                    };
                    place.put([first, second], n * tiles.per_image() + tile, to);
                }
            }
        }
    }
}

/// Writes images of the output from `[point, channel, tile]` with rows of `stride`.
pub(super) struct WriteOutput<'a> {
    pub(super) tiles: &'a Tiles,
    /// Of each image.
    pub(super) n_channels: usize,
    pub(super) sums: &'a [f32],
    pub(super) stride: usize,
    pub(super) images: &'a mut [f32],
}

impl Work for WriteOutput<'_> {
    #[inline(always)]
    fn run<W: Wide>(self, width: W) {
        let Self { tiles, n_channels, sums, stride, images } = self;
        let pixels = tiles.output_pixels();
        let image = n_channels * pixels;
        let n_images = images.len() / image;
        let mut windows = tiles.output_windows(n_images);
        for channel in 0..n_channels {
            for tile in tiles.firsts(n_images) {
                let points = points_at(width, sums, channel * stride + tile);
                for (row, pixels) in points::to_output(points).into_iter().enumerate() {
                    for (column, lanes) in pixels.into_iter().enumerate() {
                        windows.store(lanes, [row, column], tile);
                    }
                }
            }
            for n in 0..n_images {
                windows.write(width, n, &mut images[n * image + channel * pixels..][..pixels]);
            }
        }
    }
}

/// A pixel of a phase of a window.
#[inline(always)]
fn of_phase(phase: usize, [row, column]: [usize; 2]) -> [usize; 2] {
    [STRIDE * row + phase / STRIDE, STRIDE * column + phase % STRIDE]
}

#[inline(always)]
fn of_input<W: Wide>(width: W, windows: &Input, phase: usize, tile: usize) -> Points<W::Vector> {
    let pixel = |row, column| windows.load(width, of_phase(phase, [row, column]), tile);
    let row = |row| [pixel(row, 0), pixel(row, 1), pixel(row, 2)];
    points::of_input([row(0), row(1), row(2)])
}

#[inline(always)]
fn of_output<W: Wide>(width: W, windows: &Output, tile: usize) -> Points<W::Vector> {
    let row = |row| [windows.load(width, [row, 0], tile), windows.load(width, [row, 1], tile)];
    points::of_output([row(0), row(1)])
}

impl Tiles {
    /// The points of a tile of some channels, from pixels with these side by side.
    #[inline(always)]
    fn of_output_at<W: Wide>(&self, width: W, pixels: &[f32], tile: usize) -> Points<W::Vector> {
        let [y, x] = [SIDE * (tile / self.size[1]), SIDE * (tile % self.size[1])];
        let lanes = |y, x| {
            let is_inside = y < self.output[0] && x < self.output[1];
            width.load(if is_inside { lanes_at(pixels, (y * self.output[1] + x) * LANES) } else { &[0.0; LANES] })
        };
        let row = |y| [lanes(y, x), lanes(y, x + 1)];
        points::of_output([row(y), row(y + 1)])
    }
}

/// The points of tiles from `at` on, of as many sums for each point.
#[inline(always)]
pub(super) fn points_at<W: Wide>(width: W, sums: &[f32], at: usize) -> Points<W::Vector> {
    let of_point = sums.len() / POINTS;
    let mut points = [[width.load(lanes_at(sums, at)); 3]; 3];
    for (i, point) in points.as_flattened_mut().iter_mut().enumerate() {
        *point = width.load(lanes_at(sums, i * of_point + at));
    }
    points
}
