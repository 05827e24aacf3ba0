//! Images laid out so that every tap of a kernel reads contiguous values.
//!
//! With stride s, output x of tap t reads padded input x s + t. The input is therefore split into s interleaved planes for
//! each direction, with the padding written out: a tap then reads a run of one plane, whatever the stride.

use crate::cell::Cell;
use crate::geometry::Convolution;

/// How the channels of one image are split.
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

    /// Writes the planes of `channels`, whole channels of an image, one after the other.
    #[inline(always)]
    pub(crate) fn fill<C: Cell>(&self, channels: &[f32], planes: &mut [C::Value]) {
        let [h, w] = self.image;
        for (channel, planes) in channels.chunks_exact(h * w).zip(planes.chunks_exact_mut(self.n_values())) {
            planes.fill(C::Value::default());
            let mut rows = planes.chunks_exact_mut(self.size[1]);
            for phase_y in 0..self.stride[0] {
                for phase_x in 0..self.stride[1] {
                    for (y, row) in rows.by_ref().take(self.size[0]).enumerate() {
                        let y = (y * self.stride[0] + phase_y).wrapping_sub(self.before[0]);
                        if y < h {
                            self.fill_row::<C>(&channel[y * w..][..w], phase_x, row);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn fill_row<C: Cell>(&self, pixels: &[f32], phase: usize, row: &mut [C::Value]) {
        let (stride, before) = (self.stride[1], self.before[1]);
        // The first and the end of those places whose pixel lies in the image.
        let first = before.saturating_sub(phase).div_ceil(stride).min(row.len());
        let end = (before + pixels.len()).saturating_sub(phase).div_ceil(stride).clamp(first, row.len());
        if first == end {
            return;
        }
        let pixels = &pixels[first * stride + phase - before..];
        let row = &mut row[first..end];
        match stride {
            1 => row.iter_mut().zip(pixels).for_each(|(to, from)| *to = C::value(*from)),
            2 => {
                let (pairs, last) = pixels.as_chunks::<2>();
                row.iter_mut().zip(pairs).for_each(|(to, [from, _])| *to = C::value(*from));
                if let ([from], Some(to)) = (last, row.get_mut(pairs.len())) {
                    *to = C::value(*from);
                }
            }
            _ => row.iter_mut().zip(pixels.iter().step_by(stride)).for_each(|(to, from)| *to = C::value(*from)),
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
    /// Values read at once: 16, 8, 4 or 1.
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

/// Where the taps of all `n_channels` begin in the planes of an input, in the order of the weights.
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
        planes.fill::<f32>(&[1.0, 2.0, 3.0, 4.0, 5.0], &mut values);
        // Padded: 0 1 2 3 4 5 0 0.
        assert_eq!(values, [0.0, 2.0, 4.0, 0.0, 1.0, 3.0, 5.0, 0.0]);
    }
}
