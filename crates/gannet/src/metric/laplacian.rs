//! Laplacian pyramids: a picture as what each scale adds to the next coarser one (Burt and Adelson 1983).

use crate::image::Shape;

/// The binomial filter of Burt and Adelson with a = 3/8.
const TAPS: [f64; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// The pyramid of `picture` [C, H, W]: finest first, each level the difference to the enlarged next, the last a plain
/// picture. Sides halve, rounded up, as long as the shorter one stays at least `smallest`.
pub fn pyramid(picture: &[f32], shape: Shape, smallest: usize) -> Vec<(Shape, Vec<f32>)> {
    assert_eq!(picture.len(), shape.n_values(), "a picture of {shape} has {} values", shape.n_values());
    let mut levels = vec![];
    let (mut fine, mut shape) = (picture.iter().copied().map(f64::from).collect::<Vec<f64>>(), shape);
    loop {
        let half = Shape { height: shape.height.div_ceil(2), width: shape.width.div_ceil(2), ..shape };
        if half.height.min(half.width) < smallest.max(2) {
            levels.push((shape, rounded(fine)));
            return levels;
        }
        let coarse = decimated(&blurred(&fine, shape, 1.0), shape);
        // Zeros between the samples leave a quarter of the sum, which the filter of the way up gives back.
        let enlarged = blurred(&spread(&coarse, shape), shape, 2.0);
        fine.iter_mut().zip(enlarged).for_each(|(value, coarser)| *value -= coarser);
        levels.push((shape, rounded(std::mem::replace(&mut fine, coarse))));
        shape = half;
    }
}

fn rounded(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|value| value as f32).collect()
}

/// Filtered along both sides, each time with `gain`; pictures go on as if mirrored at their outermost pixels.
fn blurred(values: &[f64], shape: Shape, gain: f64) -> Vec<f64> {
    let Shape { height, width, .. } = shape;
    let along_rows: Vec<f64> = values.chunks_exact(width).flat_map(|row| filtered(row, gain)).collect();
    let mut both = vec![0.0; values.len()];
    let mut column = vec![0.0; height];
    for (from, to) in along_rows.chunks_exact(height * width).zip(both.chunks_exact_mut(height * width)) {
        for x in 0..width {
            column.iter_mut().zip(from[x..].iter().step_by(width)).for_each(|(value, pixel)| *value = *pixel);
            to[x..].iter_mut().step_by(width).zip(filtered(&column, gain)).for_each(|(pixel, value)| *pixel = value);
        }
    }
    both
}

/// One row or column through the filter.
fn filtered(line: &[f64], gain: f64) -> Vec<f64> {
    let last = line.len() as isize - 1;
    let mirrored = |at: isize| {
        let at = at.abs();
        line[(if at > last { 2 * last - at } else { at }) as usize]
    };
    let at = |i: usize| TAPS.iter().zip(i as isize - 2..).map(|(tap, at)| tap * mirrored(at)).sum::<f64>() * gain;
    (0..line.len()).map(at).collect()
}

/// Every second pixel of every second row.
fn decimated(values: &[f64], shape: Shape) -> Vec<f64> {
    let planes = values.chunks_exact(shape.height * shape.width);
    let rows = planes.flat_map(|plane| plane.chunks_exact(shape.width).step_by(2));
    rows.flat_map(|row| row.iter().step_by(2)).copied().collect()
}

/// A picture of `shape` with `values` on every second pixel of every second row and zeros between.
fn spread(values: &[f64], shape: Shape) -> Vec<f64> {
    let mut wide = vec![0.0; shape.n_values()];
    let planes = wide.chunks_exact_mut(shape.height * shape.width);
    let pixels = planes.flat_map(|plane| plane.chunks_exact_mut(shape.width).step_by(2));
    pixels.flat_map(|row| row.iter_mut().step_by(2)).zip(values).for_each(|(pixel, value)| *pixel = *value);
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape { channels, height, width }
    }

    #[test]
    fn sides_halve_down_to_the_smallest() {
        let sides = |height, width| {
            let levels = pyramid(&vec![0.5; 3 * height * width], shape(3, height, width), 16);
            levels.into_iter().map(|(shape, _)| (shape.height, shape.width)).collect::<Vec<_>>()
        };
        assert_eq!(sides(64, 64), [(64, 64), (32, 32), (16, 16)]);
        assert_eq!(sides(33, 70), [(33, 70), (17, 35)]);
        assert_eq!(sides(28, 28), [(28, 28)]);
    }

    #[test]
    fn a_flat_picture_has_nothing_but_its_coarsest_level() {
        for (height, width) in [(32, 32), (35, 41)] {
            let levels = pyramid(&vec![0.25; height * width], shape(1, height, width), 8);
            let (coarsest, finer) = levels.split_last().unwrap();
            assert!(finer.iter().all(|(_, values)| values.iter().all(|value| value.abs() < 1e-6)));
            assert!(coarsest.1.iter().all(|value| (value - 0.25).abs() < 1e-6));
        }
    }
}
