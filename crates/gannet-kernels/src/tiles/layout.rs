//! Images laid out as tiles, and back.

use std::ops::Range;

use super::points::{self, POINTS, Place, Run, in_runs};
use super::{SIDE, Tiles};
use crate::buffer::Buffer;
use crate::path::vectorized;
use crate::planes::Planes;

impl Tiles {
    /// Writes the pixels of a channel into its planes; what surrounds them stays.
    #[inline(always)]
    fn deal_out(&self, channel: &[f32], planes: &mut [f32]) {
        let width = self.planes.image[1];
        let row = |at: usize| &channel[at..at + width];
        match self.planes.stride[1] {
            2 => deal::<2>(&self.planes, planes, |at, rows| deal_out(row(at), rows)),
            4 => deal::<4>(&self.planes, planes, |at, rows| deal_out(row(at), rows)),
            _ => unreachable!("tiles are of strides 1 and 2"),
        }
    }

    /// Writes the pixels of a channel from its planes.
    #[inline(always)]
    fn deal_in(&self, planes: &mut [f32], channel: &mut [f32]) {
        let width = self.planes.image[1];
        match self.planes.stride[1] {
            2 => deal::<2>(&self.planes, planes, |at, rows| deal_in(&mut channel[at..at + width], rows)),
            4 => deal::<4>(&self.planes, planes, |at, rows| deal_in(&mut channel[at..at + width], rows)),
            _ => unreachable!("tiles are of strides 1 and 2"),
        }
    }

    /// Tiles of some `channels` of images as points, each phase of a channel at its place.
    pub(super) fn lay_out_input(
        &self,
        images: &[f32],
        channels: Range<usize>,
        place: impl Fn(usize) -> Place,
        to: &mut [f32],
    ) {
        let pixels = self.input_pixels();
        let [down, across] = self.size;
        let width = self.planes.size[1];
        let mut planes = Buffer::of(self.planes.n_values());
        planes.fill(0.0);
        vectorized!({
            for (n, image) in images.chunks_exact(self.channels[0] * pixels).enumerate() {
                for channel in channels.clone() {
                    self.deal_out(&image[channel * pixels..][..pixels], &mut planes);
                    for phase in 0..self.n_phases() {
                        let place = place((channel - channels.start) * self.n_phases() + phase);
                        let [even, odd] = self.halves(phase);
                        for y in 0..down {
                            let (row, tile) = (SIDE * y * width, (n * down + y) * across);
                            let (even, odd) = (&planes[even + row..], &planes[odd + row..]);
                            let mut x = 0;
                            while x < across {
                                let together = place.together(tile + x, across - x);
                                in_runs!(together, |N, done| {
                                    let x = x + done;
                                    place.put(&points::of_input::<N>(&even[x..], &odd[x..], width), tile + x, to);
                                });
                                x += together;
                            }
                        }
                    }
                }
            }
        });
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
                    self.deal_in(&mut planes, image);
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

    /// Tiles of images of the output as points, each channel at its place.
    pub(super) fn lay_out_output(&self, images: &[f32], place: impl Fn(usize) -> Place, to: &mut [f32]) {
        let pixels = self.output_pixels();
        let [down, across] = self.size;
        vectorized!({
            for (n, image) in images.chunks_exact(self.channels[1] * pixels).enumerate() {
                for (channel, image) in image.chunks_exact(pixels).enumerate() {
                    let place = place(channel);
                    for y in 0..down {
                        let tile = (n * down + y) * across;
                        let mut x = 0;
                        while x < across {
                            let together = place.together(tile + x, across - x);
                            in_runs!(together, |N, done| {
                                let x = x + done;
                                place.put(&self.some_of_output::<N>(image, [y, x]), tile + x, to);
                            });
                            x += together;
                        }
                    }
                }
            }
        });
    }

    /// The same as `[point, panel, tile, channel]` with panels of `columns` channels and `depth` tiles, zeros behind these.
    pub(super) fn lay_out_output_across(&self, images: &[f32], [depth, columns]: [usize; 2], to: &mut [f32]) {
        const TOGETHER: usize = 16;
        let pixels = self.output_pixels();
        let [down, across] = self.size;
        let (panel, point) = (depth * columns, self.channels[1].div_ceil(columns) * depth * columns);
        if images.len() / pixels / self.channels[1] * self.per_image() < depth {
            to.fill(0.0);
        }
        vectorized!({
            for (n, image) in images.chunks_exact(self.channels[1] * pixels).enumerate() {
                for (group, channels) in image.chunks(TOGETHER * pixels).enumerate() {
                    let (channel, n_channels) = (group * TOGETHER, channels.len() / pixels);
                    let start = channel / columns * panel + channel % columns;
                    for y in 0..down {
                        in_runs!(across, |N, x| {
                            let mut runs = [[[0.0; N]; POINTS]; TOGETHER];
                            for (channel, run) in channels.chunks_exact(pixels).zip(&mut runs) {
                                *run = self.some_of_output::<N>(channel, [y, x]);
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

/// Calls `copy` with where each row of a channel begins, and with the places of its pixels in planes that are `S` across:
/// pixel S j + c is at j of the c-th.
#[inline(always)]
fn deal<const S: usize>(planes: &Planes, values: &mut [f32], mut copy: impl FnMut(usize, [&mut [f32]; S])) {
    assert_eq!(planes.stride[1], S);
    let [height, width] = planes.image;
    // Pixel S j + c lies at j + ahead[c] of one plane.
    let mut ahead = [[0; 2]; S];
    for (c, ahead) in ahead.iter_mut().enumerate() {
        *ahead = [(c + planes.before[1]) % S, (c + planes.before[1]) / S];
    }
    for y in 0..height {
        let [phase, row] = [(y + planes.before[0]) % planes.stride[0], (y + planes.before[0]) / planes.stride[0]];
        if row >= planes.size[0] {
            continue;
        }
        let mut places = [const { 0..0 }; S];
        for (c, places) in places.iter_mut().enumerate() {
            let first = planes.offset([phase, ahead[c][0]], [row, 0]);
            let n = (width + S - 1 - c) / S;
            *places = first + ahead[c][1].min(planes.size[1])..first + (ahead[c][1] + n).min(planes.size[1]);
        }
        if let Ok(rows) = values.get_disjoint_mut(places) {
            copy(y * width, rows);
        }
    }
}

/// Pixels of a row to their places.
#[inline(always)]
fn deal_out<const S: usize>(pixels: &[f32], mut rows: [&mut [f32]; S]) {
    let n = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    let whole = pixels.as_chunks::<S>().0;
    let n = n.min(whole.len());
    let cut = rows.each_mut().map(|row| &mut row[..n]);
    for (j, pixels) in whole[..n].iter().enumerate() {
        for c in 0..S {
            cut[c][j] = pixels[c];
        }
    }
    for (c, row) in rows.iter_mut().enumerate() {
        for (j, to) in row.iter_mut().enumerate().skip(n) {
            *to = pixels[S * j + c];
        }
    }
}

/// The other way round.
#[inline(always)]
fn deal_in<const S: usize>(pixels: &mut [f32], rows: [&mut [f32]; S]) {
    let n = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    let whole = pixels.as_chunks_mut::<S>().0;
    let n = n.min(whole.len());
    let cut = rows.each_ref().map(|row| &row[..n]);
    for (j, pixels) in whole[..n].iter_mut().enumerate() {
        for c in 0..S {
            pixels[c] = cut[c][j];
        }
    }
    for (c, row) in rows.iter().enumerate() {
        for (j, from) in row.iter().enumerate().skip(n) {
            pixels[S * j + c] = *from;
        }
    }
}
