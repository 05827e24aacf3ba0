//! Channels of images as windows: the pixels that tiles are made of, apart from each other.

use crate::buffer::Buffer;
use crate::path::{self, LANES, Vector, Wide};

/// A channel of some images as windows of `SIDE` x `SIDE` pixels, one every `STEP` pixels down and across: `[row, column,
/// window]`, so that the same pixel of neighbouring windows lies side by side. The windows of an image follow each other line by
/// line, those of the next image behind them.
pub(super) struct Windows<const SIDE: usize, const STEP: usize> {
    /// Height and width of an image.
    image: [usize; 2],
    /// Pixels of the first window above and left of the image.
    before: [usize; 2],
    /// Down and across an image.
    size: [usize; 2],
    values: Buffer<f32>,
    /// From a pixel of the windows to the next one.
    stride: usize,
    /// Of each run of windows of a line, which of the pixels they cover lie in a row; one more run where windows overlap, for what
    /// the last one shares with none.
    inside: Vec<u128>,
}

impl<const SIDE: usize, const STEP: usize> Windows<SIDE, STEP> {
    /// Pixels that a window shares with the next one.
    const OVERLAP: usize = SIDE - STEP;

    pub(super) fn new(n_images: usize, image: [usize; 2], before: [usize; 2], size: [usize; 2]) -> Self {
        // Lanes before and behind that belong to no window.
        let stride = LANES + (n_images * size[0] * size[1]).next_multiple_of(LANES) + LANES;
        let firsts = (0..size[1] + Self::OVERLAP.min(1)).step_by(LANES);
        let inside = firsts.map(|x| path::inside(Self::first(x, before[1]), STEP * LANES + Self::OVERLAP, image[1]));
        let mut windows =
            Self { image, before, size, values: Buffer::of(SIDE * SIDE * stride), stride, inside: inside.collect() };
        windows.values.fill(0.0);
        windows
    }

    /// The first pixel of a row that the window `x` covers.
    fn first(x: usize, before: usize) -> isize {
        (STEP * x) as isize - before as isize
    }

    /// Makes all pixels of all windows zero.
    pub(super) fn clear(&mut self) {
        self.values.fill(0.0);
    }

    /// Pixels that `n` windows cover.
    fn covered(n: usize) -> usize {
        STEP * n + Self::OVERLAP
    }

    /// Where a pixel of a window lies.
    #[inline(always)]
    fn place(&self, [row, column]: [usize; 2], window: usize) -> usize {
        (row * SIDE + column) * self.stride + LANES + window
    }

    /// A pixel of the windows from `window` on. What lies behind the last one is finite where all pixels are.
    #[inline(always)]
    pub(super) fn load<W: Wide>(&self, width: W, pixel: [usize; 2], window: usize) -> W::Vector {
        width.load(lanes_at(&self.values, self.place(pixel, window)))
    }

    #[inline(always)]
    pub(super) fn store(&mut self, pixels: impl Vector, pixel: [usize; 2], window: usize) {
        let at = self.place(pixel, window);
        pixels.store(lanes_at_mut(&mut self.values, at));
    }

    /// The windows that have the covered row `y`: their line, and which of their rows it is. At most two where they overlap.
    #[inline(always)]
    fn lines_with(&self, y: usize) -> [Option<[usize; 2]>; 2] {
        let (line, row) = (y / STEP, y % STEP);
        let above = row < Self::OVERLAP && line > 0;
        [(line < self.size[0]).then_some([line, row]), above.then_some([line.wrapping_sub(1), row + STEP])]
    }

    /// Takes the windows of the `n`-th image.
    #[inline(always)]
    pub(super) fn read(&mut self, n: usize, pixels: &[f32]) {
        let [down, across] = self.size;
        for y in 0..Self::covered(down) {
            let row = pixels.chunks_exact(self.image[1]).nth(y.wrapping_sub(self.before[0]));
            for x in (0..across).step_by(LANES) {
                let mut columns = [[0.0; LANES]; SIDE];
                if let Some(row) = row {
                    let first = Self::first(x, self.before[1]);
                    path::spread::<LANES, STEP, SIDE>(row, first, self.inside[x / LANES], &mut columns);
                }
                // Lanes behind the end of a line are those of the next one, which is taken later.
                for [line, row] in self.lines_with(y).into_iter().flatten() {
                    let first = self.place([row, 0], (n * down + line) * across + x);
                    for (column, lanes) in columns.iter().enumerate() {
                        *lanes_at_mut(&mut self.values, first + column * self.stride) = *lanes;
                    }
                }
            }
        }
    }

    /// Adds up the windows of the `n`-th image: what overlaps is added, and pixels that no window covers are zero.
    #[inline(always)]
    pub(super) fn write(&mut self, width: impl Wide, n: usize, pixels: &mut [f32]) {
        let [down, across] = self.size;
        for (y, pixels) in pixels.chunks_exact_mut(self.image[1]).enumerate() {
            let y = y + self.before[0];
            if y >= Self::covered(down) || self.before[1] + pixels.len() > Self::covered(across) {
                pixels.fill(0.0);
            }
            for (x, inside) in self.inside.iter().enumerate() {
                let x = x * LANES;
                let are_windows = 0..LANES.min(across.saturating_sub(x));
                let are_behind_one = usize::from(x == 0)..LANES.min(across + 1 - x);
                let mut columns = [[0.0; LANES]; STEP];
                for [line, row] in self.lines_with(y).into_iter().flatten() {
                    let window = (n * down + line) * across + x;
                    for (column, sums) in columns.iter_mut().enumerate() {
                        let mut sum =
                            width.load(sums) + self.load(width, [row, column], window).keep(are_windows.clone());
                        if column < Self::OVERLAP {
                            let before = lanes_at(&self.values, self.place([row, column + STEP], window) - 1);
                            sum = sum + width.load(before).keep(are_behind_one.clone());
                        }
                        sum.store(sums);
                    }
                }
                let inside = inside & ((1 << (STEP * LANES)) - 1);
                path::gather(&columns, pixels, Self::first(x, self.before[1]), inside);
            }
        }
    }
}

/// The lanes from `at` on.
#[inline(always)]
pub(super) fn lanes_at<T>(values: &[T], at: usize) -> &[T; LANES] {
    let (lanes, _) = values[at..at + LANES].as_chunks();
    &lanes[0]
}

#[inline(always)]
pub(super) fn lanes_at_mut<T>(values: &mut [T], at: usize) -> &mut [T; LANES] {
    let (lanes, _) = values[at..at + LANES].as_chunks_mut();
    &mut lanes[0]
}
