//! Holes to be filled: strokes of a brush, and boxes (Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution",
//! section 3.6 and algorithm 1).

use std::f64::consts::PI;
use std::fmt;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What holes look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holes {
    /// Strokes of a brush that goes to and fro.
    FreeForm,
    /// One box.
    Box,
    /// A box in half of the pictures, strokes in all.
    #[default]
    Both,
}

impl fmt::Display for Holes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FreeForm => "free-form",
            Self::Box => "box",
            Self::Both => "both",
        })
    }
}

/// Strokes of a picture, and points where each turns.
const N_STROKES: std::ops::RangeInclusive<usize> = 1..=3;
const N_TURNS: std::ops::RangeInclusive<usize> = 2..=6;
/// How far a stroke goes before it turns, how wide it is, and sides of a box, as shares of the picture's shorter side.
const LENGTHS: std::ops::Range<f64> = 0.1..0.35;
const WIDTHS: std::ops::Range<f64> = 0.06..0.16;
const SIDES: std::ops::Range<f64> = 0.2..0.5;
/// How far a direction may be from that of its stroke, in radians.
const SWAY: f64 = PI / 8.0;

impl Holes {
    /// 1 for every pixel of `height` x `width` in a hole, 0 for the others, row by row. At least one pixel is in one.
    pub fn draw(self, [height, width]: [usize; 2], rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut holes = vec![0.0; height * width];
        let has_box = match self {
            Self::FreeForm => false,
            Self::Box => true,
            Self::Both => rng.random::<bool>(),
        };
        if has_box {
            draw_box(&mut holes, [height, width], rng);
        }
        if self != Self::Box {
            (0..rng.random_range(N_STROKES)).for_each(|_| draw_stroke(&mut holes, [height, width], rng));
        }
        holes
    }
}

fn draw_box(holes: &mut [f32], size: [usize; 2], rng: &mut ChaCha8Rng) {
    let shorter = size[0].min(size[1]) as f64;
    let mut side = |most: usize| {
        let side = ((shorter * rng.random_range(SIDES)).round() as usize).clamp(1, most);
        let first = rng.random_range(0..=most - side);
        first..first + side
    };
    let [rows, columns] = size.map(&mut side);
    for row in rows {
        holes[row * size[1]..][columns.clone()].fill(1.0);
    }
}

/// From a random point on, every other length of the stroke goes back, so that it covers an area (algorithm 1).
fn draw_stroke(holes: &mut [f32], [height, width]: [usize; 2], rng: &mut ChaCha8Rng) {
    let shorter = height.min(width) as f64;
    let radius = shorter * rng.random_range(WIDTHS) / 2.0;
    let direction = rng.random_range(0.0..2.0 * PI);
    let mut from = [rng.random_range(0..height) as f64, rng.random_range(0..width) as f64];
    mark(holes, width, [from; 2], radius);
    for turn in 0..rng.random_range(N_TURNS) {
        let sway = rng.random_range(-SWAY..SWAY);
        let angle = if turn % 2 == 0 { direction + sway } else { direction + PI + 2.0 * sway };
        let length = shorter * rng.random_range(LENGTHS);
        let to = [
            (from[0] + length * angle.sin()).clamp(0.0, (height - 1) as f64),
            (from[1] + length * angle.cos()).clamp(0.0, (width - 1) as f64),
        ];
        mark(holes, width, [from, to], radius);
        from = to;
    }
}

/// Sets the pixels whose middles are within `radius` of the line between two points, rows first.
fn mark(holes: &mut [f32], width: usize, [from, to]: [[f64; 2]; 2], radius: f64) {
    let along = [to[0] - from[0], to[1] - from[1]];
    let squared_length = along[0] * along[0] + along[1] * along[1];
    for (i, hole) in holes.iter_mut().enumerate() {
        let away = [(i / width) as f64 - from[0], (i % width) as f64 - from[1]];
        let share = (away[0] * along[0] + away[1] * along[1]) / squared_length.max(f64::MIN_POSITIVE);
        let share = share.clamp(0.0, 1.0);
        let [down, right] = [away[0] - share * along[0], away[1] - share * along[1]];
        // A brush that is thinner than a pixel still leaves the pixel below it.
        if down.hypot(right) <= radius.max(0.5) {
            *hole = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    fn shares(holes: Holes, size: [usize; 2]) -> Vec<f64> {
        let drawn = |i| holes.draw(size, &mut stream(5, Purpose::Mask, i));
        (0..200).map(|i| drawn(i).iter().map(|v| f64::from(*v)).sum::<f64>() / (size[0] * size[1]) as f64).collect()
    }

    #[test]
    fn holes_cover_a_part_of_the_picture_and_obey_the_stream() {
        for holes in [Holes::FreeForm, Holes::Box, Holes::Both] {
            for size in [[64, 64], [48, 96], [8, 8]] {
                let shares = shares(holes, size);
                assert!(shares.iter().all(|share| *share > 0.0 && *share < 0.9), "{holes} {size:?}");
                let mean = shares.iter().sum::<f64>() / 200.0;
                assert!((0.05..0.4).contains(&mean), "{holes} {size:?}: {mean}");
            }
            let drawn = |i| holes.draw([32, 32], &mut stream(5, Purpose::Mask, i));
            assert_eq!(drawn(3), drawn(3));
            assert_ne!(drawn(3), drawn(4));
        }
        assert!(shares(Holes::Both, [1, 1]).iter().all(|share| *share == 1.0));
    }

    #[test]
    fn a_box_is_one_rectangle() {
        for i in 0..50 {
            let holes = Holes::Box.draw([20, 30], &mut stream(5, Purpose::Mask, i));
            let set: Vec<[usize; 2]> = (0..600).filter(|i| holes[*i] == 1.0).map(|i| [i / 30, i % 30]).collect();
            let span = |axis: usize| {
                let places = || set.iter().map(|place| place[axis]);
                places().max().unwrap() - places().min().unwrap() + 1
            };
            assert_eq!(set.len(), span(0) * span(1));
        }
    }

    #[test]
    fn a_line_is_as_wide_as_its_brush() {
        let mut holes = vec![0.0; 15 * 15];
        mark(&mut holes, 15, [[7.0, 2.0], [7.0, 12.0]], 2.0);
        let column: Vec<f32> = (0..15).map(|row| holes[row * 15 + 7]).collect();
        assert_eq!(column.iter().sum::<f32>(), 5.0);
        assert_eq!((holes[7 * 15], holes[7 * 15 + 14], holes[7 * 15 + 13]), (1.0, 1.0, 1.0));
        assert_eq!(holes[0], 0.0);
    }
}
