//! What the real points are drawn from.

use std::f32::consts::PI;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::data::{Modes, modes, on_spiral};
use crate::random;

/// A shape in the plane, within [-1, 1] in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointSet {
    /// One round cloud off the centre.
    OneCluster,
    /// Two.
    TwoClusters,
    /// Eight on a circle (Srivastava et al. 2017, section 4).
    Ring,
    /// Twenty-five on a square grid.
    Grid,
    /// A spiral of two turns.
    Spiral,
    /// Two half circles that reach into each other.
    TwoMoons,
    /// Points of one's own.
    Own,
}

impl PointSet {
    /// The mixture it is, with standard deviation `sigma`; `None` where it has no modes to count.
    pub(super) fn modes(self, sigma: f32) -> Option<Modes> {
        let centres = match self {
            Self::OneCluster => vec![[0.3, 0.3]],
            Self::TwoClusters => modes("two-clusters")?.centres,
            Self::Ring => modes("ring")?.centres,
            Self::Grid => modes("grid")?.centres,
            Self::Spiral | Self::TwoMoons | Self::Own => return None,
        };
        Some(Modes { centres, sigma })
    }

    /// One point, `sigma` around the shape. Of `own` points one is chosen and moved as much.
    pub(super) fn draw(self, rng: &mut ChaCha8Rng, sigma: f32, own: &[[f32; 2]]) -> [f32; 2] {
        let [x, y] = match self {
            Self::Spiral => on_spiral(rng.random()),
            Self::TwoMoons => on_moons(rng.random(), rng.random()),
            Self::Own => own[rng.random_range(0..own.len())],
            Self::OneCluster | Self::TwoClusters | Self::Ring | Self::Grid => {
                let centres = self.modes(sigma).map(|modes| modes.centres).unwrap_or_default();
                centres[rng.random_range(0..centres.len())]
            }
        };
        let noise = random::normal(rng, 2);
        [x + sigma * noise[0], y + sigma * noise[1]]
    }
}

/// The point at `u` in [0, 1) of the upper or the lower half circle.
fn on_moons(is_lower: bool, u: f32) -> [f32; 2] {
    let (sin, cos) = (PI * u).sin_cos();
    if is_lower { [0.3 - 0.55 * cos, 0.15 - 0.55 * sin] } else { [-0.3 + 0.55 * cos, -0.15 + 0.55 * sin] }
}
