//! The loop: it owns time and data, asks a method for steps and tells observers what happened.

mod best;
pub mod classifier;
pub mod doctor;
pub mod ema;
pub mod event;
pub mod optimizer;
pub mod player;
mod product;
mod record;
pub mod schedule;
mod scores;
pub mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::data::{Dataset, Loader, LoaderConfig};
use crate::method::Method;
use crate::run::Config;
use crate::{Error, Result};
use event::{Event, Mean, Observer, Tick};
pub use record::fakes_name;
pub(crate) use record::last_figures;
use schedule::Moment;

/// Half-life of the generator's average unless a method says otherwise: 10 kimg (Karras et al. 2020, appendix B).
pub(crate) const EMA_HALF_LIFE_IMAGES: f64 = 10_000.0;

/// How a training ended; its state is saved either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Real images shown by then.
    pub images_seen: u64,
    /// Whether all images were seen, or somebody asked it to stop.
    pub is_complete: bool,
}

/// Plays `method` on `dataset` from `images_seen` to the end that `config` sets, or until `stop` is raised.
pub fn train(
    method: &mut dyn Method,
    dataset: &Arc<dyn Dataset>,
    config: &Config,
    images_seen: u64,
    observers: &mut [&mut dyn Observer],
    stop: &AtomicBool,
) -> Result<Outcome> {
    let mut tell = |event: Event| observers.iter_mut().try_for_each(|observer| observer.observe(&event));
    let mut loader = loader(dataset, config, images_seen)?;
    let [images_total, tick_images, snapshot_images] =
        [config.images_total(), config.tick_images(), config.snapshot_images()];
    let mut moment = Moment { images_seen, images_total };
    let (started, mut tick_started, mut tick_first_image) = (Instant::now(), Instant::now(), images_seen);
    let (mut mean, mut maintenance) = (Mean::default(), 0.0);
    tell(Event::Started { moment, method })?;

    while moment.images_seen < images_total {
        let before = moment.images_seen;
        let batches = (0..method.batches_per_step()).map(|_| loader.next_batch()).collect::<Result<Vec<_>>>()?;
        let stats = config.train.precision.scope(|| method.step(&batches, moment))?;
        moment.images_seen += batches.iter().map(|batch| batch.n() as u64).sum::<u64>();
        if let Some((name, value)) = stats.iter().find(|(_, value)| !value.is_finite()) {
            let figure = format!("{name} is {value}");
            tell(Event::Diverged { moment, figure: &figure })?;
            return Err(Error::Diverged { kimg: moment.images_seen as f64 / 1000.0, figure });
        }
        mean.add(&stats);
        tell(Event::Step { moment, stats: &stats, method })?;

        let is_last = moment.images_seen >= images_total || stop.load(Ordering::Relaxed);
        let crosses = |every: u64| before / every != moment.images_seen / every;
        if crosses(tick_images) || is_last {
            tell(Event::Tick(&Tick {
                index: before / tick_images + 1,
                moment,
                seconds: started.elapsed().as_secs_f64(),
                tick_seconds: tick_started.elapsed().as_secs_f64(),
                maintenance_seconds: std::mem::take(&mut maintenance),
                n_images: moment.images_seen - tick_first_image,
                stats: mean.take(),
            }))?;
            tick_first_image = moment.images_seen;
            tick_started = Instant::now();
        }
        if crosses(snapshot_images) || is_last {
            tell(Event::Snapshot { moment, method })?;
            maintenance += tick_started.elapsed().as_secs_f64();
            tick_started = Instant::now();
        }
        if is_last {
            break;
        }
    }
    Ok(Outcome { images_seen: moment.images_seen, is_complete: moment.images_seen >= images_total })
}

/// Batches of `dataset` as `config` wants them, from the image numbered `start`.
fn loader(dataset: &Arc<dyn Dataset>, config: &Config, start: u64) -> Result<Loader> {
    let Config { data, train, .. } = config;
    let settings =
        LoaderConfig { batch: train.batch, seed: config.stream_seed(), mirror: data.mirror, shift: data.shift, start };
    Loader::new(Arc::clone(dataset), settings)
}
