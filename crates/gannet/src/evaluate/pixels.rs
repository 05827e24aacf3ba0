//! The metrics of pixels: sliced Wasserstein distance of patches, and likeness among samples.

use super::measurement::{Figures, Measurement};
use super::trial::{Side, Trial};
use crate::metric::ms_ssim::diversity;
use crate::metric::sliced_wasserstein::sliced_wasserstein;
use crate::{Error, Result};

/// Pictures that are held in memory, of either side.
const MAX_PICTURES: usize = 2048;

/// Pairs whose likeness is averaged.
const N_PAIRS: usize = 1000;

pub(super) fn wasserstein(trial: &Trial) -> Result<Measurement> {
    let n = trial.n(Side::Fake)?.min(trial.n(Side::Real)?).min(MAX_PICTURES);
    let (real, shape) = trial.pixels(Side::Real, n)?;
    let (fake, found) = trial.pixels(Side::Fake, n)?;
    if shape != found {
        return Err(Error::setting(format!("swd of pictures of {found} against {shape}; accepted: one size")));
    }
    let levels = sliced_wasserstein(&real, &fake, shape, trial.options.first_seed)?;
    let mean = levels.iter().map(|level| level.distance).sum::<f64>() / levels.len() as f64;
    let protocol = format!("swd-{shape}-{n}v{n}{}{}", trial.data_suffix()?, trial.seed_suffix());
    let words = format!("against {n} of {}, 128 patches of each, 512 directions", trial.reference()?.name());
    let measurement =
        trial.measurement("swd", protocol, n, words, Figures::SlicedWasserstein { distance: mean, levels });
    Ok(measurement.against(n))
}

pub(super) fn likeness(trial: &Trial) -> Result<Measurement> {
    let n = trial.n(Side::Fake)?.min(MAX_PICTURES);
    let seed = trial.options.first_seed;
    let (fake, shape) = trial.pixels(Side::Fake, n)?;
    let of_fakes = diversity(&fake, shape, N_PAIRS, seed)?;
    let mut of_reals = None;
    if trial.has_reference() {
        let (real, shape) = trial.pixels(Side::Real, trial.n(Side::Real)?.min(MAX_PICTURES))?;
        of_reals = Some(diversity(&real, shape, N_PAIRS, seed)?);
    }
    let protocol = format!("ms-ssim-{shape}-{n}-{N_PAIRS}pairs{}", trial.seed_suffix());
    let words = format!("{N_PAIRS} random pairs, {} scales", of_fakes.n_scales);
    Ok(trial.measurement("ms-ssim", protocol, n, words, Figures::Likeness { similarity: of_fakes, of_reals }))
}
