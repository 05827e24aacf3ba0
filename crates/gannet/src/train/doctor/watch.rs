//! The observer: passes on what happens, measures at fixed numbers of images, tells of findings.
//!
//! It keeps its own time instead of the loop's ticks, because these also end where a run is stopped: so what it finds
//! depends on the settings and the seed alone. All that it remembers is part of the checkpoint.

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::figures::N_OF_STEPS;
use super::look::Look;
use super::rhythm::Rhythm;
use super::{Check, FIGURES, Finding, Kind, Patient, Progress, advice};
use crate::method::{Average, Method};
use crate::nn::state::Tensors;
use crate::run::Config;
use crate::train::event::{Event, Observer, Stats};
use crate::train::product::Product;
use crate::train::record::Recorder;
use crate::train::schedule::Moment;
use crate::{Error, Result};

/// Images of a stretch at least: shorter ticks are not worth a look each.
const LEAST_IMAGES: u64 = 2000;

/// Names of the state in a checkpoint.
const CHECKS: &str = "doctor.checks";
const STRETCH: &str = "doctor.stretch";
const MEAN: &str = "doctor.mean";
const LOSSES: &str = "doctor.losses";

/// A run that went on from an earlier state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// Thousands of images seen when it was given up.
    pub from_kimg: f64,
    /// Thousands of images seen where it goes on.
    pub kimg: f64,
    /// Images seen where it goes on.
    pub images: u64,
    /// How often the run has been rolled back now.
    pub rollbacks: u64,
    /// What was changed, as `key=value`.
    pub change: Vec<String>,
    /// Why.
    pub reason: String,
}

impl Rollback {
    /// The one line that a terminal shows.
    pub fn line(&self) -> String {
        let change: String = self.change.iter().map(|change| format!(" with {change}")).collect();
        let Self { rollbacks, kimg, from_kimg, reason, .. } = self;
        format!("doctor  rollback {rollbacks} from kimg {from_kimg:.1} to kimg {kimg:.1}{change}: {reason}")
    }
}

/// Everything that watches a run: the doctor, the recorder, and whoever else wants to know.
pub(in crate::train) struct Watch<'a, 'b> {
    pub(in crate::train) recorder: Recorder<'a>,
    pub(in crate::train) others: &'a mut [&'b mut dyn Observer],
    /// None where nobody looks after the run.
    doctor: Option<Doctor>,
}

/// The doctor's memory and means.
struct Doctor {
    patient: Patient,
    /// None where there are no samples to look at.
    look: Option<Look>,
    config: Config,
    stretch_images: u64,
    images_seen: u64,
    n_steps: u64,
    sums: [f64; N_OF_STEPS],
    rhythm: Rhythm,
    mean: Vec<f64>,
    /// Whether a failure that a rollback may mend ends the training.
    ends_training: bool,
}

impl<'a, 'b> Watch<'a, 'b> {
    /// With the memory in `saved`, the checkpoint at `images_seen`, if it has one. Without a look, the figures of the steps are
    /// all that the doctor has.
    pub(in crate::train) fn new(
        recorder: Recorder<'a>,
        others: &'a mut [&'b mut dyn Observer],
        look: Option<Look>,
        config: &Config,
        Progress { images_seen, saved, ends_training }: Progress,
    ) -> Self {
        let doctor = config.train.doctor.then(|| Doctor::new(look, config, images_seen, saved, ends_training));
        Self { recorder, others, doctor }
    }

    fn tell(&mut self, event: &Event) -> Result<()> {
        self.recorder.observe(event)?;
        self.others.iter_mut().try_for_each(|observer| observer.observe(event))
    }

    fn report(&mut self, mut finding: Finding, method: Option<(&dyn Method, Moment)>) -> Result<()> {
        let Some(doctor) = &self.doctor else { return Ok(()) };
        if finding.state == super::State::Raised {
            let (change, reason) = advice(finding.kind, &doctor.config);
            finding.change = change;
            finding.advice = match finding.advice.as_str() {
                "" => reason.to_owned(),
                figure => format!("{figure}; {reason}"),
            };
            if let Some((method, moment)) = method {
                finding.picture = Some(self.recorder.draw_finding(&finding, method, moment)?);
            }
        }
        self.tell(&Event::Finding(&finding))
    }

    fn check(&mut self, method: &dyn Method, moment: Moment) -> Result<()> {
        let Some(doctor) = &mut self.doctor else { return Ok(()) };
        let mut check = doctor.take_means(moment.images_seen);
        if let Some(look) = &doctor.look
            && let Some(network) = method.current()
            && let Product::Sampler(generator) = self.recorder.product_of(Average::Sampler(&network), moment)
        {
            look.look(&generator, method, moment, &mut doctor.mean, &mut check)?;
        }
        let line = check.to_json();
        let findings = doctor.patient.examine(check);
        let ends_training = doctor.ends_training;
        self.recorder.append_check(&line)?;
        let mut fatal = None;
        for finding in findings {
            if finding.state == super::State::Raised && is_mended_by_rollback(finding.kind) {
                fatal = Some(finding.kind);
            }
            self.report(finding, Some((method, moment)))?;
        }
        match fatal.filter(|_| ends_training) {
            Some(kind) => Err(Error::Unhealthy { kimg: moment.images_seen as f64 / 1000.0, failure: kind }),
            None => Ok(()),
        }
    }
}

/// Whether an earlier state is better than going on.
fn is_mended_by_rollback(kind: Kind) -> bool {
    !matches!(kind, Kind::Memorisation | Kind::AugmentationLeak | Kind::Stalled)
}

impl Doctor {
    fn new(look: Option<Look>, config: &Config, images_seen: u64, saved: &Tensors, ends_training: bool) -> Self {
        let bits = |name: &str| saved.get(name).and_then(|data| data.as_slice::<i64>().ok()).unwrap_or_default();
        let value = |bits: &i64| f64::from_bits(bits.cast_unsigned());
        let (patient, _) = Patient::replay(Check::all_from_bits(bits(CHECKS)));
        let (n_steps, sums) = match bits(STRETCH) {
            [n_steps, sums @ ..] if sums.len() == N_OF_STEPS => {
                (n_steps.cast_unsigned(), std::array::from_fn(|i| value(&sums[i])))
            }
            _ => (0, [0.0; N_OF_STEPS]),
        };
        Self {
            patient,
            look,
            config: config.clone(),
            stretch_images: config.tick_images().max(LEAST_IMAGES),
            images_seen,
            n_steps,
            sums,
            rhythm: bits(LOSSES).iter().map(value).collect(),
            mean: bits(MEAN).iter().map(value).collect(),
            ends_training,
        }
    }

    fn save(&self, into: &mut Tensors) {
        let mut put = |name: &str, bits: Vec<i64>| {
            let n = bits.len();
            if n > 0 {
                into.insert(name.to_owned(), TensorData::new(bits, [n]));
            }
        };
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits().cast_signed()).collect::<Vec<_>>();
        put(CHECKS, self.patient.checks().iter().flat_map(Check::to_bits).collect());
        put(STRETCH, [vec![self.n_steps.cast_signed()], bits(&self.sums)].concat());
        put(MEAN, bits(&self.mean));
        put(LOSSES, bits(&self.rhythm.losses()));
    }

    /// Adds a step's figures; whether a stretch ends with it.
    fn add(&mut self, stats: &Stats, moment: Moment) -> bool {
        for (sum, name) in self.sums.iter_mut().zip(FIGURES) {
            *sum += stats.get(name).copied().unwrap_or(f64::NAN);
        }
        self.rhythm.add(stats.get("loss_critic").copied().unwrap_or(f64::NAN));
        self.n_steps += 1;
        let before = std::mem::replace(&mut self.images_seen, moment.images_seen);
        before / self.stretch_images != moment.images_seen / self.stretch_images
    }

    fn take_means(&mut self, images_seen: u64) -> Check {
        let mut check = Check::new(images_seen);
        let n_steps = std::mem::take(&mut self.n_steps).max(1) as f64;
        for (sum, name) in std::mem::take(&mut self.sums).into_iter().zip(FIGURES) {
            check.set(name, sum / n_steps);
        }
        if let Some(share) = self.rhythm.share() {
            check.set("rhythm", share);
        }
        check
    }
}

impl Observer for Watch<'_, '_> {
    fn observe(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Step { moment, stats, method } => {
                self.tell(event)?;
                if self.doctor.as_mut().is_some_and(|doctor| doctor.add(stats, *moment)) {
                    self.check(*method, *moment)?;
                }
                Ok(())
            }
            Event::Snapshot { moment, .. } => {
                if let Some(doctor) = &mut self.doctor {
                    let is_healthy = doctor.patient.is_healthy();
                    let mut memory = Tensors::new();
                    doctor.save(&mut memory);
                    self.recorder.remember(memory, is_healthy);
                    self.recorder.append_snapshot(moment.images_seen, is_healthy)?;
                }
                self.tell(event)
            }
            Event::Diverged { moment, figure } => {
                let kimg = moment.images_seen as f64 / 1000.0;
                let finding = Finding {
                    kind: Kind::Divergence,
                    state: super::State::Raised,
                    since_kimg: kimg,
                    kimg,
                    conditions: vec![],
                    change: vec![],
                    advice: (*figure).to_owned(),
                    picture: None,
                };
                self.report(finding, None)?;
                self.tell(event)
            }
            _ => self.tell(event),
        }
    }
}
