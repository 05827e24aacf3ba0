//! Pictures for people to look at: a contact sheet of samples, and a plot of 2-D points.

use super::fit::recolour;
use super::{Picture, Shape, from_unit};

/// Pixels of white between neighbours in a grid.
const GAP: usize = 2;

/// Side of a scatter plot in pixels, and the largest coordinate it shows.
const PLOT_SIDE: usize = 512;
const PLOT_LIMIT: f32 = 1.5;

/// Radius of a dot in pixels, and how much of what lies below it covers.
const DOT_RADIUS: f32 = 2.2;
const DOT_OPACITY: f32 = 0.45;

/// Side of the field of scores below a scatter plot, in cells; it divides the plot's.
const FIELD_SIDE: usize = 128;

const GREEN: [f32; 3] = [150.0, 205.0, 165.0];
const VIOLET: [f32; 3] = [190.0, 170.0, 225.0];
const GREY: [f32; 3] = [125.0, 125.0, 125.0];
const ORANGE: [f32; 3] = [230.0, 97.0, 0.0];

/// Pictures of one size, row by row in `columns` columns, two pixels of white apart; 8 bits a sample. Places left over
/// in the last row are white.
pub fn grid(pictures: &[Picture], columns: usize) -> Picture {
    assert!(!pictures.is_empty() && columns > 0, "a grid has at least one picture and one column");
    let cell = pictures[0].shape();
    let columns = columns.min(pictures.len());
    let rows = pictures.len().div_ceil(columns);
    let sheet = Shape {
        channels: cell.channels,
        height: rows * (cell.height + GAP) - GAP,
        width: columns * (cell.width + GAP) - GAP,
    };
    let mut samples = vec![255; sheet.n_values()];
    for (index, picture) in pictures.iter().enumerate() {
        assert_eq!(picture.shape(), cell, "all pictures of a grid have the same shape");
        let (top, left) = (index / columns * (cell.height + GAP), index % columns * (cell.width + GAP));
        let pixels = picture.clone().into_u8_samples();
        for (y, row) in pixels.chunks_exact(cell.width * cell.channels).enumerate() {
            let start = ((top + y) * sheet.width + left) * sheet.channels;
            samples[start..start + row.len()].copy_from_slice(row);
        }
    }
    Picture::from_u8(sheet, samples)
}

/// Samples of `shape`, values [C, H, W] each, as a person looks at them: images in a [`grid`] of `columns` columns,
/// points in a [`scatter`] plot.
pub fn sheet(samples: &[Vec<f32>], shape: Shape, columns: usize) -> Picture {
    if shape.is_point() {
        let points: Vec<[f32; 2]> = samples.iter().map(|point| [point[0], point[1]]).collect();
        scatter(&points, &[])
    } else {
        let pictures: Vec<Picture> = samples.iter().map(|values| from_unit(values, shape)).collect();
        grid(&pictures, columns)
    }
}

/// 2-D points as soft dots on white, 512x512 RGB: `reals` grey below, `fakes` orange above. The plot spans [-1.5, 1.5]
/// in both directions, y upwards; points outside it, or not finite, are not drawn.
pub fn scatter(fakes: &[[f32; 2]], reals: &[[f32; 2]]) -> Picture {
    plot(vec![[255.0; 3]; PLOT_SIDE * PLOT_SIDE], fakes, reals)
}

/// The places where [`scatter_over`] wants to know the critic's scores, row by row from the top.
pub fn field_places() -> Vec<[f32; 2]> {
    let place = |i: usize| ((i as f32 + 0.5) / FIELD_SIDE as f32 * 2.0 - 1.0) * PLOT_LIMIT;
    (0..FIELD_SIDE * FIELD_SIDE).map(|i| [place(i % FIELD_SIDE), -place(i / FIELD_SIDE)]).collect()
}

/// A [`scatter`] plot on the field of `scores`, one for each of [`field_places`]: green where the critic sees reals
/// rather than fakes, violet where it is the other way round, by the score's distance from the mean in standard
/// deviations, because losses differ in their scale.
pub fn scatter_over(scores: &[f32], fakes: &[[f32; 2]], reals: &[[f32; 2]]) -> Picture {
    assert_eq!(scores.len(), FIELD_SIDE * FIELD_SIDE, "a field has {FIELD_SIDE} x {FIELD_SIDE} scores");
    let n = scores.len() as f64;
    let mean = scores.iter().map(|&score| f64::from(score)).sum::<f64>() / n;
    let deviation = (scores.iter().map(|&score| (f64::from(score) - mean).powi(2)).sum::<f64>() / n).sqrt();
    let colour = |&score: &f32| {
        let z = ((f64::from(score) - mean) / deviation.max(f64::MIN_POSITIVE)) as f32;
        let towards = if z > 0.0 { GREEN } else { VIOLET };
        let share = if z.is_finite() { (z.abs() * 0.5).tanh() } else { 0.0 };
        std::array::from_fn(|i| 255.0 + share * (towards[i] - 255.0))
    };
    let cells: Vec<[f32; 3]> = scores.iter().map(colour).collect();
    let cell = PLOT_SIDE / FIELD_SIDE;
    let pixel = |i: usize| cells[i / PLOT_SIDE / cell * FIELD_SIDE + i % PLOT_SIDE / cell];
    plot((0..PLOT_SIDE * PLOT_SIDE).map(pixel).collect(), fakes, reals)
}

fn plot(mut canvas: Vec<[f32; 3]>, fakes: &[[f32; 2]], reals: &[[f32; 2]]) -> Picture {
    for (points, colour) in [(reals, GREY), (fakes, ORANGE)] {
        points.iter().for_each(|&point| dot(&mut canvas, point, colour));
    }
    let samples = canvas.into_iter().flatten().map(|v| v.round() as u8).collect();
    Picture::from_u8(Shape { channels: 3, height: PLOT_SIDE, width: PLOT_SIDE }, samples)
}

/// The same picture with `channels` channels and 8 bits a sample.
pub(super) fn eight_bit_samples(picture: &Picture, channels: usize) -> Vec<u8> {
    recolour(picture.clone().into_eight_bits(), channels).into_u8_samples()
}

fn dot(canvas: &mut [[f32; 3]], [x, y]: [f32; 2], colour: [f32; 3]) {
    if !(x.abs() <= PLOT_LIMIT && y.abs() <= PLOT_LIMIT) {
        return;
    }
    let to_pixels = |v: f32| (v / PLOT_LIMIT + 1.0) / 2.0 * (PLOT_SIDE - 1) as f32;
    let (column, row) = (to_pixels(x), to_pixels(-y));
    let span = |centre: f32| {
        let reach = DOT_RADIUS + 0.5;
        (centre - reach).ceil().max(0.0) as usize..=((centre + reach).floor() as usize).min(PLOT_SIDE - 1)
    };
    for py in span(row) {
        for px in span(column) {
            let distance = (px as f32 - column).hypot(py as f32 - row);
            // A pixel on the rim is covered in part: that is the antialiasing.
            let cover = DOT_OPACITY * (DOT_RADIUS + 0.5 - distance).clamp(0.0, 1.0);
            for (value, target) in canvas[py * PLOT_SIDE + px].iter_mut().zip(colour) {
                *value += cover * (target - *value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Samples;
    use super::*;

    fn pixel(picture: &Picture, x: usize, y: usize) -> &[u8] {
        let Samples::U8(samples) = &picture.samples else { panic!("8 bits expected") };
        &samples[(y * picture.width + x) * picture.channels..][..picture.channels]
    }

    #[test]
    fn a_grid_places_pictures_row_by_row_on_white() {
        let cell = Shape { channels: 1, height: 4, width: 3 };
        let pictures: Vec<_> = (0..5).map(|i| Picture::from_u8(cell, vec![i * 10; 12])).collect();
        let sheet = grid(&pictures, 3);
        assert_eq!(sheet.shape(), Shape { channels: 1, height: 10, width: 13 });
        assert_eq!(pixel(&sheet, 0, 0), [0]);
        assert_eq!(pixel(&sheet, 5, 0), [10]);
        assert_eq!(pixel(&sheet, 3, 0), [255]);
        assert_eq!(pixel(&sheet, 0, 6), [30]);
        assert_eq!(pixel(&sheet, 12, 9), [255]);
    }

    #[test]
    fn a_grid_of_one_is_the_picture_itself() {
        let picture = Picture::from_u8(Shape { channels: 3, height: 2, width: 2 }, (0..12).collect());
        assert_eq!(grid(std::slice::from_ref(&picture), 8), picture);
    }

    #[test]
    fn scatter_draws_inside_and_ignores_the_rest() {
        let plot = scatter(&[[1.0, 1.0], [f32::NAN, 0.0], [9.0, 0.0]], &[[-1.0, -1.0], [1.5, -1.5]]);
        let [orange, grey] = [pixel(&plot, 426, 85), pixel(&plot, 85, 426)];
        assert!(orange[0] > orange[2] + 50, "{orange:?}");
        assert!(grey[0] == grey[2] && grey[0] < 230, "{grey:?}");
        assert_eq!(pixel(&plot, 256, 256), [255, 255, 255]);
    }
}
