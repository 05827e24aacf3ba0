//! From settings to a training: resolve, check, build, and only then touch the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use burn::tensor::Device;
use toml::{Table, Value};

use super::doctor::{Look, Progress, Watch};
use super::event::Observer;
use super::product::Card;
use super::record::Recorder;
use super::schedule::Moment;
use super::{Outcome, best, loader, train};
use crate::data::{self, DataConfig, Dataset};
use crate::image::{Fit, Shape};
use crate::method::{self, Given, Method, MethodConfig, MethodEntry, Networks, Setting};
use crate::net::NetworkPlan;
use crate::run::{Config, RunDir, TrainConfig, config, merge};
use crate::{Error, Result, device, generator, inpainter, translator, upscale};

/// What a generator is used for, by the command's verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It makes samples.
    Sample,
    /// It turns pictures into others.
    Translate,
    /// It enlarges pictures.
    Upscale,
    /// It fills holes.
    Inpaint,
}

/// A training that is fully settled and has not begun.
pub struct Session {
    config: Config,
    method: Box<dyn MethodConfig>,
    dataset: Arc<dyn Dataset>,
    device: Device,
}

impl Session {
    /// Completes `settings` (tables `data`, `method` and `train`, all optional) with defaults, opens the data and
    /// checks everything. Nothing is written.
    pub fn prepare(settings: &Table) -> Result<Self> {
        if let Some(unknown) = settings.keys().find(|key| !SECTIONS.contains(&key.as_str())) {
            return Err(Error::unknown("setting", unknown, SECTIONS));
        }
        let train: TrainConfig = config::section(settings, "train")?;
        let mut data: DataConfig = config::section(settings, "data")?;
        if !settings.get("data").and_then(Value::as_table).is_some_and(|data| data.contains_key("fit")) {
            data.fit = suited_fit(settings)?;
        }
        let opened = data::open(&data, train.seed)?;
        let shape = opened.dataset.shape();
        let (entry, method) = method_config(settings, shape)?;

        let mut problems = train.problems();
        problems.extend(best::problems(&train, opened.dataset.as_ref()));
        problems.extend(method.problems(&given(opened.dataset.as_ref(), &train)));
        let yields = opened.dataset.yields();
        problems.extend(method.needs().iter().filter(|need| !yields.contains(need)).map(|need| {
            format!(
                "method `{}` needs `{need}`, which {} does not hold; it holds: {}",
                entry.name,
                opened.config.source,
                yields.join(", ")
            )
        }));
        if !matches!(method.net(), Networks::Sampler(_)) && !train.metrics.is_empty() {
            problems
                .push(format!("train.metrics judges samples, and method `{}` makes none; accepted: none", entry.name));
        }
        if !problems.is_empty() {
            return Err(Error::Settings(problems));
        }
        let mut table = method.to_table();
        table.insert("name".into(), Value::String(entry.name.into()));
        let device = device::open(&train.device)?.autodiff();
        let session = Self {
            config: Config { data: opened.config, method: table, train },
            method,
            dataset: opened.dataset,
            device,
        };
        session.check_memory()?;
        session.dataset.read(0)?; // Where no image can be decoded, better now than after a run was made.
        Ok(session)
    }

    /// The settings of the run at `path` with `overrides`. The end, the snapshots, the device and the place of the data
    /// may differ; anything else would make another run of it.
    pub fn resume(path: &Path, overrides: &Table) -> Result<Self> {
        let saved = RunDir::config(path)?;
        let mut settings = Table::try_from(&saved)
            .map_err(|error| Error::file(path, format!("its settings cannot be read: {error}")))?;
        merge(&mut settings, overrides.clone());
        let wanted = settings.get("method").and_then(|method| method.get("name")).and_then(Value::as_str);
        if wanted != Some(saved.method_name()) {
            let (name, wanted) = (saved.method_name(), wanted.unwrap_or_default());
            return Err(Error::file(path, format!("a run of method `{name}`, which cannot go on as `{wanted}`")));
        }
        let session = Self::prepare(&settings)?;
        let mut same = session.config.clone();
        let TrainConfig { kimg, snap, keep, ref device, .. } = saved.train;
        same.train = TrainConfig { kimg, snap, keep, device: device.clone(), ..same.train };
        let DataConfig { ref source, cache_mb, .. } = saved.data;
        same.data = DataConfig { source: source.clone(), cache_mb, ..same.data };
        if same == saved {
            return Ok(session);
        }
        let [saved, wanted] = [saved, same].map(|config| Table::try_from(config).unwrap_or_default());
        let changed = differences("", &saved, &wanted).join(", ");
        let accepted = "train.kimg, train.snap, train.keep, train.device, data.source and data.cache_mb may change";
        Err(Error::file(
            path,
            format!("cannot resume with another {changed}; {accepted}, for the rest start a new run"),
        ))
    }

    /// The settings, complete.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is learnt from.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// The layers of generator and critic.
    pub fn plan(&self) -> [NetworkPlan; 2] {
        self.method.plan(&self.given())
    }

    /// Memory that training will take, in bytes: an estimate from the plan.
    pub fn memory_bytes(&self) -> u64 {
        let plan = self.plan();
        let n_weights: u64 = plan.iter().map(NetworkPlan::n_parameters).sum();
        let n_activations: u64 = plan.iter().map(NetworkPlan::n_activations).sum();
        let n_values = (self.dataset.shape().n_values() as u64).saturating_add(n_activations);
        let per_batch = n_values.saturating_mul(self.config.train.batch as u64);
        n_weights
            .saturating_mul(COPIES_OF_WEIGHTS)
            .saturating_add(per_batch.saturating_mul(COPIES_OF_ACTIVATIONS))
            .saturating_mul(4)
    }

    /// Sets the end of the run.
    pub fn set_kimg(&mut self, kimg: f64) -> Result<()> {
        self.config.train.kimg = kimg;
        let problems = self.config.train.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::Settings(problems)) }
    }

    /// Seconds that a thousand images take here, from a few steps of a game that is then thrown away.
    pub fn measure_seconds_per_kimg(&self) -> Result<f64> {
        let mut game = self.build()?;
        let mut loader = loader(&self.dataset, &self.config, 0)?;
        let mut moment = Moment { images_seen: 0, images_total: self.config.images_total() };
        let mut step = || {
            let batches = (0..game.batches_per_step()).map(|_| loader.next_batch()).collect::<Result<Vec<_>>>()?;
            self.config.train.precision.scope(|| game.step(&batches, moment))?;
            let n_images = batches.iter().map(|batch| batch.n() as u64).sum::<u64>();
            moment.images_seen += n_images;
            Ok::<_, Error>(n_images)
        };
        step()?; // The first one fills caches and starts threads.
        let started = Instant::now();
        let mut n_images = 0;
        while n_images == 0 || started.elapsed().as_secs_f64() < MEASURE_SECONDS {
            n_images += step()?;
        }
        Ok(started.elapsed().as_secs_f64() * 1000.0 / n_images as f64)
    }

    /// A new run directory in `outdir`.
    pub fn create(&self, outdir: &Path) -> Result<RunDir> {
        let data: String = self.dataset.name().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        RunDir::create(outdir, &format!("{data}-{}", self.config.method_name()), &self.config)
    }

    /// A new run directory at `outdir/name`.
    pub fn create_named(&self, outdir: &Path, name: &str) -> Result<RunDir> {
        RunDir::create_named(outdir, name, &self.config)
    }

    /// Trains in `run`, from its newest checkpoint where it has one, until the end or, after the step at hand, until
    /// `stop` is raised.
    pub fn train(&self, run: &RunDir, observers: &mut [&mut dyn Observer], stop: &AtomicBool) -> Result<Outcome> {
        self.train_under(run, observers, stop, false)
    }

    /// Trains, and ends with [`Error::Unhealthy`] at a failure that a rollback may mend, if `ends_training`.
    pub(super) fn train_under(
        &self,
        run: &RunDir,
        observers: &mut [&mut dyn Observer],
        stop: &AtomicBool,
        ends_training: bool,
    ) -> Result<Outcome> {
        let mut game = self.build()?;
        let (images_seen, saved) = run.restore(&self.config, self.dataset.len(), &mut *game)?;
        run.set_config(&self.config)?;
        let recorder = Recorder::new(run, self.card(), Arc::clone(&self.dataset), self.device.clone());
        let seed = self.config.stream_seed();
        // What turns pictures into others is judged by the figures of its steps alone.
        let has_look = self.config.train.doctor && self.verb() == Verb::Sample;
        let look = has_look.then(|| Look::new(&self.dataset, &self.device, seed)).transpose()?;
        let progress = Progress { images_seen, saved: &saved, ends_training };
        let mut watch = Watch::new(recorder, observers, look, &self.config, progress);
        let outcome = train(&mut *game, &self.dataset, &self.config, images_seen, &mut [&mut watch], stop)?;
        watch.recorder.finish()?;
        Ok(outcome)
    }

    /// What its generator will be used for.
    pub fn verb(&self) -> Verb {
        match self.method.net() {
            Networks::Sampler(_) => Verb::Sample,
            Networks::Translator(_) => Verb::Translate,
            Networks::Upscaler { .. } => Verb::Upscale,
            Networks::Inpainter { .. } => Verb::Inpaint,
        }
    }

    /// What the delivered file will say of itself, but for the images seen.
    fn card(&self) -> Card {
        let (gannet, data) = (env!("CARGO_PKG_VERSION").to_owned(), self.dataset.description().to_owned());
        let (shape, config) = (self.dataset.shape(), self.config.clone());
        match self.method.net() {
            Networks::Sampler(net) => {
                let (net, subject) = (net.clone(), self.method.subject(&self.given()));
                let (n_classes, n_codes) = (subject.n_classes, subject.n_codes);
                let classes = self.dataset.classes().to_vec();
                let images_seen = 0;
                Card::Sampler(generator::Card {
                    gannet,
                    shape,
                    classes,
                    n_classes,
                    n_codes,
                    net,
                    images_seen,
                    data,
                    score: None,
                    config,
                })
            }
            Networks::Translator(net) => {
                let (net, ways) = (net.clone(), vec![config.data.sides.direction]);
                Card::Translator(translator::Card { gannet, shape, net, ways, images_seen: 0, data, config })
            }
            Networks::Inpainter { net, holes } => {
                let net = net.clone();
                Card::Inpainter(inpainter::Card { gannet, shape, net, holes, images_seen: 0, data, config })
            }
            Networks::Upscaler { net, degrade } => {
                let source = format!("{} on {}", config.method_name(), self.dataset.name());
                Card::Upscaler {
                    card: upscale::Card { gannet, net: net.clone(), source, sha256: None, training: None },
                    training: upscale::Training { images_seen: 0, data, degrade, config },
                }
            }
        }
    }

    fn build(&self) -> Result<Box<dyn Method>> {
        let seed = self.config.stream_seed();
        self.method.build(&Setting { given: self.given(), device: self.device.clone(), seed })
    }

    fn given(&self) -> Given {
        given(self.dataset.as_ref(), &self.config.train)
    }

    fn check_memory(&self) -> Result<()> {
        let available = device::free_memory();
        let needed = self.memory_bytes();
        if needed <= available {
            return Ok(());
        }
        let megabytes = |bytes: u64| bytes / 1_000_000;
        let advice = format!(
            "make data.size ({}), train.batch ({}) or method.net.width smaller",
            self.dataset.shape(),
            self.config.train.batch
        );
        Err(Error::Memory { needed_mb: megabytes(needed), available_mb: megabytes(available), advice })
    }
}

const SECTIONS: [&str; 3] = ["data", "method", "train"];

/// Weight, gradient, two moments and the passing values of an optimizer's step.
const COPIES_OF_WEIGHTS: u64 = 8;

/// Outputs and their gradients, of reals and fakes, with the unfolded copies that convolutions make. Measured peaks were
/// 4 to 8 times the plan's figure (EXPERIMENTS.md); this is one more.
const COPIES_OF_ACTIVATIONS: u64 = 9;

/// How long the pace is measured.
const MEASURE_SECONDS: f64 = 2.0;

/// What `dataset` and `train` give a method to work with.
fn given(dataset: &dyn Dataset, train: &TrainConfig) -> Given {
    let (n_classes, is_paired) = (dataset.classes().len(), dataset.yields().contains(&"pair"));
    Given { shape: dataset.shape(), n_classes, batch: train.batch, is_paired }
}

/// What the method that `settings` name wants to happen to pictures of other sizes; the kinds of samples do not matter.
fn suited_fit(settings: &Table) -> Result<Fit> {
    let name = settings.get("method").and_then(|method| method.get("name")).and_then(Value::as_str);
    let entry = name.map(method::find).transpose()?;
    Ok(entry.map_or(Fit::default(), |entry| (entry.preset)(Shape { channels: 3, height: 64, width: 64 }).fit()))
}

/// The method that `settings` name, or one that suits `shape`, with their changes to its preset.
fn method_config(settings: &Table, shape: Shape) -> Result<(&'static MethodEntry, Box<dyn MethodConfig>)> {
    let mut changes =
        settings.get("method").map_or(Ok(Table::new()), |value| config::as_table("method", value).cloned())?;
    let entry = match changes.remove("name") {
        None => method::suited(shape),
        Some(Value::String(name)) => method::find(&name)?,
        Some(other) => return Err(Error::setting(format!("method.name is {other}, accepted: a method's name"))),
    };
    let parse = |table| (entry.parse)(table).map_err(|error| config::unreadable("method", &error.message()));
    let mut table = (entry.preset)(shape).to_table();
    // Networks of another family have other sizes: the preset's make room for that family's defaults.
    let family = |table: &Table| table.get("net").and_then(|net| net.get("family")).cloned();
    if let Some(other) = family(&changes).filter(|other| Some(other) != family(&table).as_ref()) {
        table.insert("net".into(), Value::Table(Table::from_iter([("family".to_owned(), other)])));
        table = parse(table)?.to_table();
    }
    config::check("method", &changes, &table)?;
    merge(&mut table, changes);
    Ok((entry, parse(table)?))
}

/// Dotted keys whose values differ.
fn differences(prefix: &str, a: &Table, b: &Table) -> Vec<String> {
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    let differing = keys.into_iter().filter(|key| a.get(*key) != b.get(*key));
    differing
        .flat_map(|key| match (a.get(key), b.get(key)) {
            (Some(Value::Table(a)), Some(Value::Table(b))) => differences(&format!("{prefix}{key}."), a, b),
            _ => vec![format!("{prefix}{key}")],
        })
        .collect()
}
