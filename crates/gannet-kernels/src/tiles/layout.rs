//! Images laid out as tiles, and back.

use std::ops::Range;

use super::points::{self, POINTS, Place, Run, in_runs};
use super::{SIDE, Tiles};
use crate::buffer::Buffer;
use crate::cell::Cell;
use crate::path::vectorized;
use crate::planes::Planes;

impl Tiles {
    /// Writes the pixels of a channel into its planes; what surrounds them stays.
    #[inline(always)]
    fn deal_out(&self, channel: &[f32], planes: &mut [f32]) {
        match self.planes.stride[1] {
            2 => deal_out::<2>(&self.planes, channel, planes),
            _ => deal_out::<4>(&self.planes, channel, planes),
        }
    }

    /// Writes the pixels of a channel from its planes.
    #[inline(always)]
    fn deal_in(&self, planes: &[f32], channel: &mut [f32]) {
        match self.planes.stride[1] {
            2 => deal_in::<2>(&self.planes, planes, channel),
            _ => deal_in::<4>(&self.planes, planes, channel),
        }
    }

    /// Tiles of images as points, the phases of all channels at their places; a cell joins neighbouring phases.
    pub(super) fn lay_out_input<C: Cell>(&self, images: &[f32], place: impl Fn(usize) -> Place, to: &mut [C]) {
        let pixels = self.input_pixels();
        let cells_of_channel = self.n_phases() / C::DEPTH;
        let mut planes = Buffer::of(self.planes.n_values());
        planes.fill(0.0);
        vectorized!({
            for (n, image) in images.chunks_exact(self.channels[0] * pixels).enumerate() {
                for (channel, image) in image.chunks_exact(pixels).enumerate() {
                    self.deal_out(image, &mut planes);
                    for cell in 0..cells_of_channel {
                        let phases = [cell * C::DEPTH, cell * C::DEPTH + C::DEPTH - 1];
                        let planes = phases.map(|phase| self.halves(phase).map(|half| &planes[half..]));
                        self.put_input(planes, n, place(channel * cells_of_channel + cell), to);
                    }
                }
            }
        });
    }

    /// The same of some `channels`; a cell joins neighbouring images, and each phase of a channel has a place.
    pub(super) fn lay_out_images<C: Cell>(
        &self,
        images: &[f32],
        channels: Range<usize>,
        place: impl Fn(usize) -> Place,
        to: &mut [C],
    ) {
        let pixels = self.input_pixels();
        let image = self.channels[0] * pixels;
        let mut planes: Vec<Buffer<f32>> = (0..C::DEPTH).map(|_| Buffer::of(self.planes.n_values())).collect();
        planes.iter_mut().for_each(|planes| planes.fill(0.0));
        vectorized!({
            for (n, images) in images.chunks(C::DEPTH * image).enumerate() {
                if images.len() < C::DEPTH * image {
                    planes[1].fill(0.0);
                }
                for channel in channels.clone() {
                    for (image, planes) in images.chunks_exact(image).zip(&mut planes) {
                        self.deal_out(&image[channel * pixels..][..pixels], planes);
                    }
                    for phase in 0..self.n_phases() {
                        let halves = self.halves(phase);
                        let planes = [0, C::DEPTH - 1].map(|i| halves.map(|half| &planes[i][half..]));
                        self.put_input(planes, n, place((channel - channels.start) * self.n_phases() + phase), to);
                    }
                }
            }
        });
    }

    /// Puts the points of the tiles of the `n`-th image at `place`: of the even and odd columns of planes that cells join.
    #[inline(always)]
    fn put_input<C: Cell>(&self, planes: [[&[f32]; 2]; 2], n: usize, place: Place, to: &mut [C]) {
        let [down, across] = self.size;
        let width = self.planes.size[1];
        let [[even, odd], [second_even, second_odd]] = planes;
        for y in 0..down {
            let (row, tile) = (SIDE * y * width, (n * down + y) * across);
            let mut x = 0;
            while x < across {
                let together = place.together(tile + x, across - x);
                in_runs!(together, |N, done| {
                    let (x, at) = (x + done, row + x + done);
                    let first = points::of_input::<N>(&even[at..], &odd[at..], width);
                    let second = match C::DEPTH {
                        1 => first,
                        _ => points::of_input::<N>(&second_even[at..], &second_odd[at..], width),
                    };
                    place.put([&first, &second], tile + x, to);
                });
                x += together;
            }
        }
    }

    /// The adjoint of [`lay_out_input`](Self::lay_out_input), of all channels, from `[point, phase of a channel, tile]` with
    /// rows of `stride`.
    pub(super) fn write_input(&self, sums: &[f32], stride: usize, images: &mut [f32]) {
        let pixels = self.input_pixels();
        let [down, across] = self.size;
        let width = self.planes.size[1];
        let point = sums.len() / POINTS;
        let mut planes = Buffer::of(self.planes.n_values());
        vectorized!({
            for (n, image) in images.chunks_exact_mut(self.channels[0] * pixels).enumerate() {
                for (channel, image) in image.chunks_exact_mut(pixels).enumerate() {
                    planes.fill(0.0);
                    for phase in 0..self.n_phases() {
                        let sums = &sums[(channel * self.n_phases() + phase) * stride..];
                        let [even, odd] = self.halves(phase);
                        let (before, odds) = planes.split_at_mut(odd);
                        let evens = &mut before[even..];
                        for y in 0..down {
                            let (row, tile) = (SIDE * y * width, (n * down + y) * across);
                            in_runs!(across, |N, x| {
                                let (even, odd) = (&mut evens[row + x..], &mut odds[row + x..]);
                                points::add_to_input::<N>(&sums[tile + x..], point, even, odd, width);
                            });
                        }
                    }
                    image.fill(0.0); // What no output reads lies in no plane.
                    self.deal_in(&planes, image);
                }
            }
        });
    }

    /// The points of tiles of a channel of the output, from the `x`-th of row `y` on.
    #[inline(always)]
    fn some_of_output<const N: usize>(&self, channel: &[f32], [y, x]: [usize; 2]) -> Run<N> {
        let [height, width] = self.pixels;
        let mut rows = [[0.0; 2 * points::RUN]; 2];
        for (row, to) in rows.iter_mut().enumerate() {
            let y = SIDE * y + row;
            if y < height {
                let from = &channel[y * width + SIDE * x..(y + 1) * width];
                if from.len() >= SIDE * N {
                    to[..SIDE * N].copy_from_slice(&from[..SIDE * N]);
                } else {
                    to[..from.len()].copy_from_slice(from);
                }
            }
        }
        points::of_output(&rows)
    }

    /// Tiles of images of the output as points; a cell joins neighbouring channels.
    pub(super) fn lay_out_output<C: Cell>(&self, images: &[f32], place: impl Fn(usize) -> Place, to: &mut [C]) {
        let pixels = self.output_pixels();
        let [down, across] = self.size;
        vectorized!({
            for (n, image) in images.chunks_exact(self.channels[1] * pixels).enumerate() {
                for (cell, channels) in image.chunks(C::DEPTH * pixels).enumerate() {
                    let place = place(cell);
                    let (first, second) = channels.split_at(pixels);
                    for y in 0..down {
                        let tile = (n * down + y) * across;
                        let mut x = 0;
                        while x < across {
                            let together = place.together(tile + x, across - x);
                            in_runs!(together, |N, done| {
                                let x = x + done;
                                let first = self.some_of_output::<N>(first, [y, x]);
                                let second = match second {
                                    [] => [[0.0; N]; POINTS],
                                    second => self.some_of_output::<N>(second, [y, x]),
                                };
                                place.put([&first, &second], tile + x, to);
                            });
                            x += together;
                        }
                    }
                }
            }
        });
    }

    /// Tiles of images as `[point, panel, tile, channel]` with panels of `columns` channels and `depth` tiles, zeros behind
    /// these; a cell joins neighbouring images.
    pub(super) fn lay_out_output_across<C: Cell>(&self, images: &[f32], [depth, columns]: [usize; 2], to: &mut [C]) {
        const TOGETHER: usize = 16;
        let pixels = self.output_pixels();
        let image = self.channels[1] * pixels;
        let [down, across] = self.size;
        let (panel, point) = (depth * columns, self.channels[1].div_ceil(columns) * depth * columns);
        if (images.len() / image).div_ceil(C::DEPTH) * self.per_image() < depth {
            to.fill(C::default());
        }
        vectorized!({
            for (n, images) in images.chunks(C::DEPTH * image).enumerate() {
                for channel in (0..self.channels[1]).step_by(TOGETHER) {
                    let n_channels = TOGETHER.min(self.channels[1] - channel);
                    let start = channel / columns * panel + channel % columns;
                    for y in 0..down {
                        in_runs!(across, |N, x| {
                            let mut runs = [[[C::default(); N]; POINTS]; TOGETHER];
                            for (i, run) in runs.iter_mut().enumerate().take(n_channels) {
                                let at = (channel + i) * pixels;
                                let first = self.some_of_output::<N>(&images[at..at + pixels], [y, x]);
                                let second = match images.get(image + at..image + at + pixels) {
                                    Some(second) if C::DEPTH > 1 => self.some_of_output::<N>(second, [y, x]),
                                    _ => [[0.0; N]; POINTS],
                                };
                                for point in 0..POINTS {
                                    run[point] = C::join_numbers(&first[point], &second[point]);
                                }
                            }
                            let start = start + ((n * down + y) * across + x) * columns;
                            for place in 0..POINTS {
                                for i in 0..N {
                                    let to = &mut to[start + place * point + i * columns..][..n_channels];
                                    for (to, run) in to.iter_mut().zip(&runs) {
                                        *to = run[place][i];
                                    }
                                }
                            }
                        });
                    }
                }
            }
        });
    }

    /// Writes images of the output from `[point, channel, tile]` with rows of `stride`.
    pub(super) fn write_output(&self, sums: &[f32], stride: usize, images: &mut [f32]) {
        let [height, width] = self.pixels;
        let [down, across] = self.size;
        let point = sums.len() / POINTS;
        let mut rows = [[0.0; 2 * points::RUN]; 2];
        vectorized!({
            for (n, image) in images.chunks_exact_mut(self.channels[1] * height * width).enumerate() {
                for (channel, image) in image.chunks_exact_mut(height * width).enumerate() {
                    for y in 0..down {
                        let tile = channel * stride + (n * down + y) * across;
                        in_runs!(across, |N, x| {
                            points::to_output::<N>(&sums[tile + x..], point, &mut rows);
                            let n_pixels = (SIDE * N).min(width - SIDE * x);
                            let targets = image[SIDE * y * width..].chunks_mut(width).take(SIDE);
                            for (to, row) in targets.zip(&rows) {
                                if n_pixels == SIDE * N {
                                    to[SIDE * x..][..SIDE * N].copy_from_slice(&row[..SIDE * N]);
                                } else {
                                    to[SIDE * x..].copy_from_slice(&row[..n_pixels]);
                                }
                            }
                        });
                    }
                }
            }
        });
    }
}

/// Where the pixels of row `y` lie in planes that are `S` across: pixel S j + c at j of the c-th. None where no tile reads them.
#[inline(always)]
fn places<const S: usize>(planes: &Planes, y: usize) -> Option<[Range<usize>; S]> {
    let [phase, row] = [(y + planes.before[0]) % planes.stride[0], (y + planes.before[0]) / planes.stride[0]];
    if row >= planes.size[0] {
        return None;
    }
    let width = planes.size[1];
    let mut places = [const { 0..0 }; S];
    for (c, places) in places.iter_mut().enumerate() {
        let place = c + planes.before[1];
        let (first, ahead) = (planes.offset([phase, place % S], [row, 0]), place / S);
        let n = (planes.image[1] + S - 1 - c) / S;
        *places = first + ahead.min(width)..first + (ahead + n).min(width);
    }
    Some(places)
}

/// Writes the pixels of a channel into its planes, `S` across.
#[inline(always)]
fn deal_out<const S: usize>(planes: &Planes, channel: &[f32], values: &mut [f32]) {
    for (y, pixels) in channel.chunks_exact(planes.image[1]).enumerate() {
        let Some(places) = places::<S>(planes, y) else { continue };
        let whole = pixels.as_chunks::<S>().0;
        let firsts = places.each_ref().map(|places| places.start);
        let n = places.iter().fold(whole.len(), |n, places| n.min(places.len()));
        for (j, pixels) in whole[..n].iter().enumerate() {
            for c in 0..S {
                values[firsts[c] + j] = pixels[c];
            }
        }
        for (c, places) in places.into_iter().enumerate() {
            for (j, to) in values[places].iter_mut().enumerate().skip(n) {
                *to = pixels[S * j + c];
            }
        }
    }
}

/// The other way round.
#[inline(always)]
fn deal_in<const S: usize>(planes: &Planes, values: &[f32], channel: &mut [f32]) {
    for (y, pixels) in channel.chunks_exact_mut(planes.image[1]).enumerate() {
        let Some(places) = places::<S>(planes, y) else { continue };
        let whole = pixels.as_chunks_mut::<S>().0;
        let firsts = places.each_ref().map(|places| places.start);
        let n = places.iter().fold(whole.len(), |n, places| n.min(places.len()));
        for (j, pixels) in whole[..n].iter_mut().enumerate() {
            for c in 0..S {
                pixels[c] = values[firsts[c] + j];
            }
        }
        for (c, places) in places.into_iter().enumerate() {
            for (j, from) in values[places].iter().enumerate().skip(n) {
                pixels[S * j + c] = *from;
            }
        }
    }
}
