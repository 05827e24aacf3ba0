//! Looks at parts of a picture, and behind its edges, where it goes on as in mirrors.

use std::ops::Range;

use super::{Picture, Samples, Shape};

/// A half of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Of the columns.
    Left,
    /// Of the columns; one more where their number is odd.
    Right,
}

/// One half of `picture`.
pub fn half(picture: &Picture, half: Half) -> Picture {
    let middle = picture.width / 2;
    let columns = match half {
        Half::Left => 0..middle,
        Half::Right => middle..picture.width,
    };
    crop(picture, [0, columns.start], [picture.height, columns.len()])
}

/// The `height` x `width` pixels of `picture` from row `top` and column `left` on; all of them lie within.
pub fn crop(picture: &Picture, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> Picture {
    assert!(top + height <= picture.height && left + width <= picture.width, "a part lies within its picture");
    let row = picture.width * picture.channels;
    let rows = top * row..(top + height) * row;
    let columns = left * picture.channels..(left + width) * picture.channels;
    let samples = match &picture.samples {
        Samples::U8(samples) => Samples::U8(cut(&samples[rows], row, columns)),
        Samples::U16(samples) => Samples::U16(cut(&samples[rows], row, columns)),
    };
    Picture { width, height, samples, ..*picture }
}

/// `columns` of rows of `length` samples.
fn cut<S: Copy>(samples: &[S], length: usize, columns: Range<usize>) -> Vec<S> {
    samples.chunks_exact(length).flat_map(|row| &row[columns.clone()]).copied().collect()
}

/// The `height` x `width` pixels of `values` [C, H, W] whose first row is `top` and first column `left`. Either may be
/// negative and the window larger than the picture, which goes on by reflection without repeating its edge.
pub fn window(values: &[f32], shape: Shape, [top, left]: [isize; 2], [height, width]: [usize; 2]) -> Vec<f32> {
    assert_eq!(values.len(), shape.n_values(), "a sample of {shape} has {} values", shape.n_values());
    let places = |first: isize, n: usize, size: usize| -> Vec<usize> {
        (0..n as isize).map(|i| reflected(first + i, size)).collect()
    };
    let (rows, columns) = (places(top, height, shape.height), places(left, width, shape.width));
    let mut seen = Vec::with_capacity(shape.channels * height * width);
    for plane in values.chunks_exact(shape.height * shape.width) {
        for row in &rows {
            let row = &plane[row * shape.width..][..shape.width];
            seen.extend(columns.iter().map(|&column| row[column]));
        }
    }
    seen
}

/// The place below `size` that the mirrors at both ends show at `place`.
fn reflected(place: isize, size: usize) -> usize {
    let period = (2 * size as isize - 2).max(1);
    let place = place.rem_euclid(period) as usize;
    if place < size { place } else { period as usize - place }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Shape = Shape { channels: 1, height: 1, width: 3 };

    #[test]
    fn a_window_beyond_the_edges_sees_mirror_images() {
        let seen = window(&[1., 2., 3.], ROW, [-1, -3], [2, 9]);
        assert_eq!(seen[..9], [2., 3., 2., 1., 2., 3., 2., 1., 2.]);
        assert_eq!(seen[..9], seen[9..]);
        assert_eq!(window(&[7.0], Shape { channels: 1, height: 1, width: 1 }, [-2, 0], [4, 4]), [7.0; 16]);
    }

    #[test]
    fn a_window_inside_is_a_crop() {
        let shape = Shape { channels: 2, height: 2, width: 3 };
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        assert_eq!(window(&values, shape, [0, 0], [2, 3]), values);
        assert_eq!(window(&values, shape, [1, 1], [1, 2]), [4., 5., 10., 11.]);
    }

    #[test]
    fn a_crop_keeps_its_pixels() {
        let picture = Picture::from_u8(Shape { channels: 2, height: 3, width: 3 }, (0..18).collect());
        assert_eq!(crop(&picture, [1, 1], [2, 1]).into_u8_samples(), [8, 9, 14, 15]);
        assert_eq!(crop(&picture, [0, 0], [3, 3]), picture);
    }

    #[test]
    fn the_halves_of_a_picture_are_its_columns() {
        let shape = Shape { channels: 3, height: 2, width: 2 };
        let picture = Picture::from_u8(shape, (0..12).collect());
        let of = |side| half(&picture, side).into_u8_samples();
        assert_eq!(of(Half::Left), [0, 1, 2, 6, 7, 8]);
        assert_eq!(of(Half::Right), [3, 4, 5, 9, 10, 11]);
    }
}
