//! 2-D points drawn from known distributions, on which a method's coverage can be counted.
//!
//! Ring and grid are the customary tests for mode collapse (Srivastava et al. 2017, section 4; Lin et al. 2018,
//! section 4.1), scaled so that the data lie in [-1, 1]. A point depends on the seed and its index alone. Its class is
//! the Gaussian it was drawn from, so that methods that take classes can be tried on points.

use std::f32::consts::{PI, TAU};
use std::sync::Arc;

use rand::RngExt;

use super::{Channels, DataConfig, Dataset, Sample, Size};
use crate::error::{Error, Result};
use crate::image::Shape;
use crate::random::{self, Purpose};

/// Points a set holds, a power of two so that the usual batches divide an epoch.
const N_POINTS: usize = 65_536;

/// Standard deviation of the spiral around its curve.
const SPIRAL_SIGMA: f32 = 0.02;

/// An equal mixture of round Gaussians.
#[derive(Clone, Debug, PartialEq)]
pub struct Modes {
    /// The means, in [-1, 1].
    pub centres: Vec<[f32; 2]>,
    /// The standard deviation in each direction, the same for all.
    pub sigma: f32,
}

/// The mixture a registered set of points is drawn from; `None` where it has no modes to count.
pub fn modes(name: &str) -> Option<Modes> {
    match name {
        "ring" => {
            let angle = |k: usize| TAU * k as f32 / 8.0;
            let centres = (0..8).map(|k| [0.8 * angle(k).cos(), 0.8 * angle(k).sin()]).collect();
            Some(Modes { centres, sigma: 0.02 })
        }
        "grid" => {
            let place = |k: usize| 0.4 * k as f32 - 0.8;
            Some(Modes { centres: (0..25).map(|k| [place(k % 5), place(k / 5)]).collect(), sigma: 0.02 })
        }
        "two-clusters" => Some(Modes { centres: vec![[-0.5, 0.0], [0.5, 0.0]], sigma: 0.1 }),
        _ => None,
    }
}

/// Opens a registered set of points.
pub(super) fn open(name: &'static str, config: &DataConfig, seed: u64) -> Result<Arc<dyn Dataset>> {
    if config.size != Size::Auto || config.channels != Channels::Auto {
        return Err(Error::setting(format!(
            "`{name}` holds points, which have no size or channels; accepted for data.size and data.channels: auto"
        )));
    }
    let (modes, drawn_from) = match modes(name) {
        Some(modes) => {
            let drawn_from = format!("{} Gaussians with sigma {}", modes.centres.len(), modes.sigma);
            (Some(modes), drawn_from)
        }
        None => (None, format!("a spiral with sigma {SPIRAL_SIGMA}")),
    };
    let description = format!("{N_POINTS} points ({name}) drawn from {drawn_from}, seed {seed}");
    let n_classes = modes.as_ref().map_or(0, |modes| modes.centres.len());
    let classes = (0..n_classes).map(|class| class.to_string()).collect();
    Ok(Arc::new(Points { name, modes, classes, seed, description }))
}

struct Points {
    name: &'static str,
    /// `None` for the spiral.
    modes: Option<Modes>,
    /// One for each Gaussian; none for the spiral.
    classes: Vec<String>,
    seed: u64,
    description: String,
}

impl Dataset for Points {
    fn name(&self) -> &str {
        self.name
    }

    fn len(&self) -> usize {
        N_POINTS
    }

    fn shape(&self) -> Shape {
        Shape { channels: 2, height: 1, width: 1 }
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn read_held_out(&self, index: usize) -> Option<Result<Sample>> {
        Some(self.read(N_POINTS + index))
    }

    fn read(&self, index: usize) -> Result<Sample> {
        let mut rng = random::stream(self.seed, Purpose::Synthetic, index as u64);
        let ([x, y], sigma, label) = match &self.modes {
            Some(modes) => {
                let mode = rng.random_range(0..modes.centres.len());
                (modes.centres[mode], modes.sigma, Some(mode as u32))
            }
            None => (on_spiral(rng.random::<f32>()), SPIRAL_SIGMA, None),
        };
        let noise = random::normal(&mut rng, 2);
        Ok(Sample { values: vec![x + sigma * noise[0], y + sigma * noise[1]], label })
    }
}

/// The point at `u` in [0, 1) of two turns from the centre to radius 0.9; the root spreads points evenly by length.
pub(crate) fn on_spiral(u: f32) -> [f32; 2] {
    let radius = u.sqrt();
    let angle = 4.0 * PI * radius;
    [0.9 * radius * angle.cos(), 0.9 * radius * angle.sin()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_drawn_about_equally_often_and_closely() {
        for name in ["ring", "grid", "two-clusters"] {
            let set = open(name, &DataConfig::default(), 3).unwrap();
            let modes = modes(name).unwrap();
            assert_eq!(set.classes().len(), modes.centres.len());
            let mut counts = vec![0; modes.centres.len()];
            for index in 0..8000 {
                let Sample { values, label } = set.read(index).unwrap();
                let distance = |centre: &[f32; 2]| (values[0] - centre[0]).hypot(values[1] - centre[1]);
                let near = (0..counts.len())
                    .min_by(|&a, &b| distance(&modes.centres[a]).total_cmp(&distance(&modes.centres[b])))
                    .unwrap();
                assert_eq!(label, Some(near as u32), "{name}: the class is the Gaussian");
                counts[near] += 1;
                assert!(distance(&modes.centres[near]) < 5.5 * modes.sigma);
            }
            let expected = 8000 / counts.len();
            assert!(counts.iter().all(|&n| n > expected * 3 / 4 && n < expected * 5 / 4), "{name}: {counts:?}");
        }
    }

    #[test]
    fn a_point_depends_on_seed_and_index_alone() {
        let read = |seed, index| open("spiral", &DataConfig::default(), seed).unwrap().read(index).unwrap();
        assert_eq!(read(1, 5), read(1, 5));
        assert_ne!(read(1, 5), read(2, 5));
        assert_ne!(read(1, 5), read(1, 6));
        assert_eq!(read(1, 5).label, None);
        assert!((0..1000).all(|i| read(1, i).values.iter().all(|v| v.abs() < 1.1)));
    }

    #[test]
    fn points_refuse_a_size() {
        let config = DataConfig { size: "64".parse().unwrap(), ..DataConfig::default() };
        assert!(open("ring", &config, 1).err().unwrap().to_string().contains("auto"));
    }
}
