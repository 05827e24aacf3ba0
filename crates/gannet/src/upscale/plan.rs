//! How a picture is cut up, so that it fits into memory.

use std::ops::Range;

use gannet_kernels::{RUN, TOGETHER};

use crate::net::upscaler::{Graph, StripCost, Strips};
use crate::{Error, Result};

/// Pixels that a strip has where memory allows: enough to keep all threads busy, few enough to stay in their caches.
const STRIP_PIXELS: usize = 1 << 12;
/// The narrowest band that is worth its overlap.
const MIN_BAND: usize = 32;
/// Memory that is planned with at most, in bytes, however much is free, by lines and not. Weights, as they are and as they are
/// packed, and what the allocator holds back come on top of it.
const MOST_BYTES: [u64; 2] = [1_500_000_000, 1_100_000_000];
/// Bytes of a value.
const BYTES_OF_VALUE: u64 = 4;

/// A picture as bands of columns, each computed in strips of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Of the picture, from left to right.
    pub bands: Vec<Range<usize>>,
    /// Of a strip.
    pub rows: usize,
    /// Estimate of the memory it takes, in bytes.
    pub n_bytes: u64,
    /// Whether convolutions are computed [by lines](Strips::new).
    pub by_lines: bool,
    size: [usize; 2],
    multiple: usize,
    reach: usize,
    /// Columns that are computed for each band.
    window: usize,
}

impl Plan {
    /// For a picture of `size`, height and width, shown to the network as `n_images` whose sides are filled up to a
    /// `multiple`, with so many bytes `free`. Without a width of bands, they are as wide as these allow.
    ///
    /// By lines, if memory allows the whole width so, whatever the bands: their bits are then those of the whole.
    pub(super) fn new(
        graph: &Graph,
        size: [usize; 2],
        multiple: usize,
        n_images: usize,
        band: Option<usize>,
        free: u64,
    ) -> Result<Self> {
        let [of_lines, of_columns] = MOST_BYTES.map(|most| most.min(free / 2));
        let whole = Self::of_bands(graph, size, multiple, n_images, size[1], true, of_lines);
        let by_lines = whole.n_bytes <= of_lines;
        let budget = if by_lines { of_lines } else { of_columns };
        if by_lines && band.is_none() {
            return Ok(whole);
        }
        let width = size[1];
        let mut n_bands = 1;
        let plan = loop {
            let band_width = band.unwrap_or(width.div_ceil(n_bands));
            let plan = Self::of_bands(graph, size, multiple, n_images, band_width, by_lines, budget);
            if plan.n_bytes <= budget {
                return Ok(plan);
            }
            if band.is_some() || band_width <= MIN_BAND {
                break plan;
            }
            n_bands += 1;
        };
        let advice = if band.is_some() { "make the bands narrower" } else { "free some, or use a smaller network" };
        let [needed_mb, available_mb] = [plan.n_bytes, budget].map(|n| n / 1_000_000);
        Err(Error::Memory { needed_mb, available_mb, advice: advice.to_owned() })
    }

    /// With bands of about some width; of two heights of strips the higher one that fits into `budget`.
    #[allow(clippy::too_many_arguments, reason = "all that a plan depends on")]
    fn of_bands(
        graph: &Graph,
        size @ [_, width]: [usize; 2],
        multiple: usize,
        n_images: usize,
        band_width: usize,
        by_lines: bool,
        budget: u64,
    ) -> Self {
        let step = step(multiple, by_lines);
        let reach = graph.reach(by_lines).next_multiple_of(step);
        let band_width = band_width.max(1).next_multiple_of(step);
        // The same columns are computed for each, so that each takes the memory that the one before it gave back: the first and
        // the last band, which have a neighbour less, are wider.
        let whole = width.next_multiple_of(multiple);
        let window = (band_width + 2 * reach).next_multiple_of(RUN).min(whole);
        let mut bands = vec![];
        let mut first = 0;
        while window < whole && first + band_width + reach < width {
            let end = first + if first == 0 { band_width + reach } else { band_width };
            bands.push(first..end);
            first = end;
        }
        bands.push(first..width);
        let mut plan = Self { bands, rows: 0, n_bytes: 0, by_lines, size, multiple, reach, window };
        for rows in [(STRIP_PIXELS / window).max(1), 1] {
            plan.rows = rows.min(plan.height()).next_multiple_of(multiple);
            let StripCost { kept, passing } = Strips::cost(graph, [plan.height(), window], plan.rows, by_lines);
            plan.n_bytes = (kept + passing) as u64 * n_images as u64 * BYTES_OF_VALUE;
            if plan.n_bytes <= budget {
                break;
            }
        }
        plan
    }

    /// Rows of the picture, filled up.
    pub(super) fn height(&self) -> usize {
        self.size[0].next_multiple_of(self.multiple)
    }

    /// The columns that are computed for a band, filled up: all that its pixels depend on, and others where the picture ends.
    pub(super) fn columns_around(&self, band: &Range<usize>) -> Range<usize> {
        let whole = self.size[1].next_multiple_of(self.multiple);
        let last = (whole - self.window).next_multiple_of(step(self.multiple, self.by_lines));
        let first = band.start.saturating_sub(self.reach).min(last);
        first..(first + self.window).min(whole)
    }
}

/// Within the network, bands begin where columns that are computed together do: at multiples of this.
fn step(multiple: usize, by_lines: bool) -> usize {
    if by_lines { multiple * TOGETHER } else { multiple }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::net::upscaler::{RrdbConfig, UpscalerConfig};
    use crate::nn::Init;

    const FREE: u64 = 8_000_000_000;

    #[test]
    fn a_large_network_takes_pictures_of_any_width() {
        let graph = UpscalerConfig::Rrdb(RrdbConfig::default()).init(&mut Init::blank(&Device::default())).graph();
        let plan = |size, band, free| Plan::new(&graph, size, 1, 1, band, free);
        let small = plan([256, 256], None, FREE).unwrap();
        assert!(small.by_lines && small.bands.len() == 1 && small.rows == 16, "{small:?}");
        let wide = plan([3172, 5640], None, FREE).unwrap();
        assert!(!wide.by_lines && wide.bands.len() > 1 && wide.window.is_multiple_of(RUN), "{wide:?}");
        assert_eq!((wide.bands[0].start, wide.bands.last().unwrap().end), (0, 5640));
        for (i, band) in wide.bands.iter().enumerate() {
            let columns = wide.columns_around(band);
            assert_eq!(columns.len(), wide.window);
            assert!(i == 0 || wide.bands[i - 1].end == band.start && columns.start + wide.reach <= band.start);
            assert!(columns.end == 5640 || columns.end >= band.end + wide.reach);
        }
        assert!(wide.n_bytes <= MOST_BYTES[1], "{wide:?}");
        // Bands that are asked for are computed as the whole would be.
        assert!(plan([256, 256], Some(64), FREE).unwrap().by_lines);
        assert!(!plan([3172, 5640], Some(64), FREE).unwrap().by_lines);
        assert!(matches!(plan([3172, 5640], None, 1_000_000), Err(Error::Memory { .. })));
    }
}
