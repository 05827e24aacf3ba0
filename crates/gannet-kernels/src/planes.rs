//! Images laid out so that every tap of a kernel reads contiguous values.
//!
//! With stride s, output x of tap t reads padded input x s + t. The input is therefore split into s interleaved planes for
//! each direction, with the padding written out: a tap then reads a run of one plane, whatever the stride.

use crate::cell::Cell;
use crate::geometry::Convolution;

/// How the channels of an image are split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes {
    /// Height and width of the image.
    pub(crate) image: [usize; 2],
    /// Pixels of the image from one value of a plane to the next.
    pub(crate) stride: [usize; 2],
    /// Zeros before the image.
    pub(crate) before: [usize; 2],
    /// Height and width of a plane.
    pub(crate) size: [usize; 2],
}

impl Planes {
    /// Values of one channel.
    pub(crate) fn n_values(&self) -> usize {
        self.stride[0] * self.stride[1] * self.size[0] * self.size[1]
    }

    /// Where in its channel the plane of `phase` has `at`.
    #[inline]
    pub(crate) fn offset(&self, phase: [usize; 2], at: [usize; 2]) -> usize {
        ((phase[0] * self.stride[1] + phase[1]) * self.size[0] + at[0]) * self.size[1] + at[1]
    }

    /// Writes the planes of `channels`, whole channels of an image, one after the other; a cell joins neighbouring ones.
    #[inline(always)]
    pub(crate) fn fill_channels<C: Cell>(&self, channels: &[f32], planes: &mut [C]) {
        let pixels = self.image[0] * self.image[1];
        let channels = channels.chunks(C::DEPTH * pixels).map(|channels| channels.split_at(pixels));
        for ((first, second), planes) in channels.zip(planes.chunks_exact_mut(self.n_values())) {
            self.fill(first, (!second.is_empty()).then_some(second), planes);
        }
    }

    /// Writes the planes of one channel, or of two that cells join; if there is but one for them, the other is zero.
    #[inline(always)]
    pub(crate) fn fill<C: Cell>(&self, first: &[f32], second: Option<&[f32]>, planes: &mut [C]) {
        let [h, w] = self.image;
        let zeros = vec![0.0; if C::DEPTH > 1 && second.is_none() { w } else { 0 }];
        planes.fill(C::default());
        let mut rows = planes.chunks_exact_mut(self.size[1]);
        for phase_y in 0..self.stride[0] {
            for phase_x in 0..self.stride[1] {
                for (y, row) in rows.by_ref().take(self.size[0]).enumerate() {
                    let y = (y * self.stride[0] + phase_y).wrapping_sub(self.before[0]);
                    if y < h {
                        let first = &first[y * w..][..w];
                        let second = match second {
                            _ if C::DEPTH == 1 => first,
                            Some(second) => &second[y * w..][..w],
                            None => &zeros,
                        };
                        self.fill_row([first, second], phase_x, row);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn fill_row<C: Cell>(&self, [first, second]: [&[f32]; 2], phase: usize, row: &mut [C]) {
        let (stride, before) = (self.stride[1], self.before[1]);
        // The first and the end of those places whose pixel lies in the image.
        let start = before.saturating_sub(phase).div_ceil(stride).min(row.len());
        let end = (before + first.len()).saturating_sub(phase).div_ceil(stride).clamp(start, row.len());
        if start == end {
            return;
        }
        let skipped = start * stride + phase - before;
        let (first, second, row) = (&first[skipped..], &second[skipped..], &mut row[start..end]);
        match stride {
            1 => {
                for (to, (first, second)) in row.iter_mut().zip(first.iter().zip(second)) {
                    *to = C::join([*first, *second]);
                }
            }
            2 => {
                let ((firsts, last), (seconds, second_last)) = (first.as_chunks::<2>(), second.as_chunks::<2>());
                for (to, ([first, _], [second, _])) in row.iter_mut().zip(firsts.iter().zip(seconds)) {
                    *to = C::join([*first, *second]);
                }
                if let ([first], [second], Some(to)) = (last, second_last, row.get_mut(firsts.len())) {
                    *to = C::join([*first, *second]);
                }
            }
            _ => {
                let pixels = first.iter().zip(second).step_by(stride);
                row.iter_mut().zip(pixels).for_each(|(to, (first, second))| *to = C::join([*first, *second]));
            }
        }
    }
}

/// Runs of columns: each row of the output, rounded up to whole chunks that are read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    /// Rows and columns that count.
    pub(crate) size: [usize; 2],
    /// Columns with those that are computed in vain.
    pub(crate) padded_width: usize,
    /// Cells read at once: 16, 8, 4 or 1.
    pub(crate) chunk: usize,
}

impl Runs {
    pub(crate) fn new(size: [usize; 2]) -> Self {
        let width = size[1];
        if width < 3 {
            return Self { size, padded_width: width, chunk: 1 };
        }
        let padded_width = width.next_multiple_of(4);
        let chunk = [16, 8, 4].into_iter().find(|&chunk| padded_width.is_multiple_of(chunk)).unwrap_or(4);
        Self { size, padded_width, chunk }
    }

    /// Columns of an image.
    pub(crate) fn n_columns(&self) -> usize {
        self.size[0] * self.padded_width
    }

    /// Where each chunk of `n_images` begins in planes `plane_width` wide, images `image` values apart.
    pub(crate) fn starts(&self, n_images: usize, image: usize, plane_width: usize) -> Vec<usize> {
        let chunks = move |row: usize| (0..self.padded_width).step_by(self.chunk).map(move |x| row + x);
        (0..n_images)
            .flat_map(|n| (0..self.size[0]).map(move |y| n * image + y * plane_width))
            .flat_map(chunks)
            .collect()
    }
}

/// Planes of a convolution's input, and the runs of its output.
pub(crate) fn of_input(convolution: &Convolution) -> (Planes, Runs) {
    let axes = convolution.axes;
    let runs = Runs::new(axes.map(|axis| axis.output));
    let size = [axes[0].output + axes[0].reach(), runs.padded_width + axes[1].reach()];
    let planes = Planes {
        image: axes.map(|axis| axis.input),
        stride: axes.map(|axis| axis.stride),
        before: axes.map(|axis| axis.padding),
        size,
    };
    (planes, runs)
}

/// Where the taps of `n_channels`, or of as many cells of them, begin in the planes of an input, in the order of the weights.
pub(crate) fn taps(convolution: &Convolution, planes: &Planes, n_channels: usize) -> Vec<usize> {
    let [vertical, horizontal] = convolution.axes;
    let mut taps = Vec::with_capacity(n_channels * convolution.taps());
    for channel in 0..n_channels {
        for y in 0..vertical.kernel {
            for x in 0..horizontal.kernel {
                let ([phase_y, at_y], [phase_x, at_x]) = (vertical.tap(y), horizontal.tap(x));
                taps.push(channel * planes.n_values() + planes.offset([phase_y, phase_x], [at_y, at_x]));
            }
        }
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_hold_every_other_pixel_between_zeros() {
        let planes = Planes { image: [1, 5], stride: [1, 2], before: [0, 1], size: [1, 4] };
        let mut values = vec![9.0; planes.n_values()];
        planes.fill::<f32>(&[1.0, 2.0, 3.0, 4.0, 5.0], None, &mut values);
        // Padded: 0 1 2 3 4 5 0 0.
        assert_eq!(values, [0.0, 2.0, 4.0, 0.0, 1.0, 3.0, 5.0, 0.0]);
    }
}
