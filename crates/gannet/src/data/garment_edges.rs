//! Garments and their line drawings: pairs made of Fashion-MNIST, so that translation can be tried with nothing to fetch.

use std::sync::Arc;

use super::{DataConfig, Dataset, Direction, Layout, Sample, Sides, SidesConfig, Size, fashion_mnist};
use crate::error::Result;
use crate::image::Shape;

/// Sides of the samples in pixels, unless told otherwise.
const SIDE: usize = 32;

/// How much neighbouring pixels differ across a line, in units of [-1, 1].
const STEP: f32 = 0.4;

/// Pairs that are held out from training.
const N_HELD_OUT: usize = 500;

/// Fashion-MNIST as line drawings (A) and garments (B).
pub(super) fn open(config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let size = if config.size == Size::Auto { Size::Fixed { width: SIDE, height: SIDE } } else { config.size };
    let garments = fashion_mnist::open(&DataConfig { size, ..config.clone() })?;
    let SidesConfig { layout, direction } = config.sides;
    let names = direction.order(["line drawings", "garments"]);
    let is_paired = layout != Layout::Unpaired;
    let opening = if is_paired { "pairs of" } else { "unpaired" };
    let description = format!("{opening} {} and {}; {}", names[0], names[1], garments.description());
    Ok(Arc::new(GarmentEdges { garments, direction, is_paired, description }))
}

struct GarmentEdges {
    garments: Arc<dyn Dataset>,
    direction: Direction,
    is_paired: bool,
    description: String,
}

impl GarmentEdges {
    fn pair(&self, index: usize) -> Result<[Vec<f32>; 2]> {
        let garment = self.garments.read(index)?.values;
        Ok(self.direction.order([edges(&garment, self.shape()), garment]))
    }
}

impl Dataset for GarmentEdges {
    fn name(&self) -> &str {
        "garment-edges"
    }

    fn len(&self) -> usize {
        self.garments.len() - N_HELD_OUT
    }

    fn shape(&self) -> Shape {
        self.garments.shape()
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn read(&self, index: usize) -> Result<Sample> {
        let [values, _] = self.pair(index)?;
        Ok(Sample { values, label: None })
    }

    fn sides(&self) -> Option<&dyn Sides> {
        Some(self)
    }
}

impl Sides for GarmentEdges {
    fn lens(&self) -> [usize; 2] {
        [self.len(); 2]
    }

    fn is_paired(&self) -> bool {
        self.is_paired
    }

    fn read(&self, [source, target]: [usize; 2]) -> Result<[Vec<f32>; 2]> {
        let [first, partner] = self.pair(source)?;
        let second = if source == target { partner } else { self.pair(target)?[1].clone() };
        Ok([first, second])
    }

    fn holds_out(&self) -> bool {
        true
    }

    fn shown(&self, n: usize) -> Result<Vec<[Vec<f32>; 2]>> {
        let n = n.min(N_HELD_OUT);
        (0..n).map(|i| self.pair(self.len() + i * N_HELD_OUT / n)).collect()
    }
}

/// White lines on black where `values` [C, H, W] step to the right or downwards, in any channel.
fn edges(values: &[f32], shape: Shape) -> Vec<f32> {
    let Shape { channels, height, width } = shape;
    let mut lines = vec![-1.0; height * width];
    for plane in values.chunks_exact(height * width) {
        for y in 0..height - 1 {
            for x in 0..width - 1 {
                let here = plane[y * width + x];
                let steps = [plane[y * width + x + 1] - here, plane[(y + 1) * width + x] - here];
                if steps[0].hypot(steps[1]) > STEP {
                    lines[y * width + x] = 1.0;
                }
            }
        }
    }
    lines.repeat(channels)
}
