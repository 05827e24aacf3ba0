//! Keeps the run directory: figures at every tick, pictures and state at every snapshot.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

use super::best::Judge;
use super::doctor::{Finding, Rollback};
use super::event::{Event, Observer};
use super::product::{Card, Product};
use super::schedule::Moment;
use super::scores;
use crate::data::{Dataset, Sides};
use crate::image::{self, Picture};
use crate::method::{Average, Method};
use crate::nn::state::Tensors;
use crate::random::{self, Purpose};
use crate::run::{RunDir, State, write_atomically};
use crate::{Error, Generator, Result, Translator};

/// The generator that users find.
pub(super) const DELIVERED: &str = "generator.safetensors";
const STATS: &str = "stats.jsonl";
/// Findings, snapshots and rollbacks, a line each.
const EVENTS: &str = "events.jsonl";
/// The figures that the doctor judges by, a line for each check.
const CHECKS: &str = "doctor.jsonl";
/// Histograms of the critic's scores, a line each snapshot.
const SCORES: &str = "scores.jsonl";
/// Columns and rows of the sheets that a run draws of its images.
const SHEET_COLUMNS: usize = 8;
/// Points that it draws where the data are points.
const POINTS_DRAWN: usize = 1000;

/// Pictures that it changes, and how many of them it draws in a row.
const STRIPS_DRAWN: usize = 24;
const STRIPS_PER_ROW: usize = 3;

/// Rows of a sheet of classes; further classes are not drawn.
const CLASSES_DRAWN: usize = 16;

/// The observer that writes a run's files.
pub(super) struct Recorder<'a> {
    run: &'a RunDir,
    /// What the generator's files say of it, but for the images seen.
    card: Card,
    dataset: Arc<dyn Dataset>,
    device: Device,
    /// Images seen at the start or at the last snapshot.
    last_snapshot: u64,
    /// What the next checkpoint holds besides the game.
    memory: Tensors,
    /// Whether the doctor finds nothing wrong, or nobody asks.
    is_healthy: bool,
    judge: Judge,
}

impl<'a> Recorder<'a> {
    /// A recorder of `run`, which makes the generator that `card` describes, on `dataset`.
    pub(super) fn new(run: &'a RunDir, card: Card, dataset: Arc<dyn Dataset>, device: Device) -> Self {
        let judge = Judge::new(run.path(), Arc::clone(&dataset));
        Self { run, card, dataset, device, last_snapshot: 0, memory: Tensors::new(), is_healthy: true, judge }
    }

    fn start(&mut self, method: &dyn Method, moment: Moment) -> Result<()> {
        [STATS, CHECKS, EVENTS, SCORES].iter().try_for_each(|file| self.drop_lines_after(file, moment.images_seen))?;
        self.judge.resume(moment.images_seen)?;
        self.last_snapshot = moment.images_seen;
        if moment.images_seen == 0 {
            self.draw_reals()?;
            self.draw_fakes("fakes_init.png", method, &self.product(method, moment))?;
        }
        Ok(())
    }

    fn draw_reals(&self) -> Result<()> {
        if let Some(sides) = self.dataset.sides() {
            return self.draw_strips("reals.png", sides, None);
        }
        let reals = self.some_reals()?;
        let sheet = match self.dataset.shape() {
            shape if shape.is_point() => image::scatter(&[], &points(&reals)),
            shape => image::sheet(&reals, shape, SHEET_COLUMNS),
        };
        self.write_picture("reals.png", &sheet)
    }

    fn draw_fakes(&self, name: &str, method: &dyn Method, product: &Product) -> Result<()> {
        match (product, self.dataset.sides()) {
            (Product::Sampler(generator), _) => self.draw_samples(name, method, generator),
            (Product::Translator(translator), Some(sides)) => self.draw_strips(name, sides, Some(translator)),
            (product, _) => self.draw_restored(name, product),
        }
    }

    /// Sources and targets side by side, with what the translator makes of the sources between them. A target that is not
    /// the source's own is left out beside a translation.
    fn draw_strips(&self, name: &str, sides: &dyn Sides, translator: Option<&Translator>) -> Result<()> {
        let shown = sides.shown(STRIPS_DRAWN)?;
        let mut cells = vec![];
        for [source, target] in shown {
            let output = translator.map(|translator| translator.values(std::slice::from_ref(&source), 0));
            let has_target = output.is_none() || sides.is_paired();
            cells.push(source);
            cells.extend(output.into_iter().flatten());
            cells.extend(has_target.then_some(target));
        }
        let n_columns = if translator.is_some() && sides.is_paired() { 3 } else { 2 };
        self.write_picture(name, &image::sheet(&cells, self.dataset.shape(), STRIPS_PER_ROW * n_columns))
    }

    /// Strips of pictures that were made worse and restored, spread over the whole set.
    fn draw_restored(&self, name: &str, product: &Product) -> Result<()> {
        let shape = self.dataset.shape();
        let mut cells: Vec<Vec<f32>> = vec![];
        for place in 0..STRIPS_DRAWN {
            let index = place * self.dataset.len() / STRIPS_DRAWN;
            // Counted from the end, where no training comes.
            let counter = u64::MAX - place as u64;
            let mut rng = random::stream(self.card.config().stream_seed(), Purpose::Part, counter);
            let real = self.dataset.read_crop(index, &mut rng)?.values;
            cells.extend(product.strip(&real, shape, counter).into_iter().flatten());
        }
        let n_columns = cells.len() / STRIPS_DRAWN * STRIPS_PER_ROW;
        self.write_picture(name, &image::sheet(&cells, shape, n_columns))
    }

    /// A grid of images, with a row for each class where there are classes, or points over real ones on the critic's
    /// field.
    fn draw_samples(&self, name: &str, method: &dyn Method, generator: &Generator) -> Result<()> {
        let seeds: Vec<u64> = (0..self.n_drawn() as u64).collect();
        let sheet = if self.dataset.shape().is_point() {
            let field = self.field(method);
            image::scatter_over(&field, &generator.points(&seeds)?, &points(&self.some_reals()?))
        } else if generator.is_conditional() {
            generator.class_sheet(&seeds[..SHEET_COLUMNS], CLASSES_DRAWN)?
        } else {
            generator.sheet(&seeds, SHEET_COLUMNS)?
        };
        self.write_picture(name, &sheet)
    }

    /// The critic's scores at the places that a scatter plot's background asks for.
    fn field(&self, method: &dyn Method) -> Vec<f32> {
        let places: Vec<f32> = image::field_places().into_iter().flatten().collect();
        let n = places.len() / 2;
        let places = Tensor::from_data(TensorData::new(places, [n, 2, 1, 1]), &self.device.clone().without_autodiff());
        method.scores(places).into_data().iter::<f32>().collect()
    }

    /// Samples spread over the whole set, because files often come sorted by class.
    fn some_reals(&self) -> Result<Vec<Vec<f32>>> {
        let n = self.n_drawn().min(self.dataset.len());
        (0..n).map(|i| Ok(self.dataset.read(i * self.dataset.len() / n)?.values)).collect()
    }

    fn n_drawn(&self) -> usize {
        if self.dataset.shape().is_point() { POINTS_DRAWN } else { SHEET_COLUMNS * SHEET_COLUMNS }
    }

    fn write_picture(&self, name: &str, picture: &Picture) -> Result<()> {
        let path = self.path(name);
        let bytes = image::encode_png(picture, &[]).map_err(|reason| Error::file(&path, reason))?;
        write_atomically(path, &bytes)
    }

    fn product(&self, method: &dyn Method, moment: Moment) -> Product {
        self.product_of(method.average(), moment)
    }

    /// `average`, ready for use.
    pub(super) fn product_of(&self, average: Average<'_>, moment: Moment) -> Product {
        Product::new(&self.card, average, moment.images_seen, self.device.clone())
    }

    /// Waits until all that was begun is written.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.judge.finish()
    }

    /// What the next checkpoint is to hold besides the game, and whether the game is in good health.
    pub(super) fn remember(&mut self, memory: Tensors, is_healthy: bool) {
        (self.memory, self.is_healthy) = (memory, is_healthy);
    }

    /// Draws what was found and returns the picture's name: the generator as it stands, where a method shows it, not its
    /// average.
    pub(super) fn draw_finding(&self, finding: &Finding, method: &dyn Method, moment: Moment) -> Result<String> {
        let kind = finding.kind.name().replace(' ', "-");
        let name = format!("finding{:06}-{kind}.png", moment.images_seen / 1000);
        let current = method.current();
        let shown = current.as_ref().map_or(method.average(), Average::Sampler);
        self.draw_fakes(&name, method, &self.product_of(shown, moment))?;
        Ok(name)
    }

    pub(super) fn append_check(&self, check: &Value) -> Result<()> {
        append_line(self.run.path(), CHECKS, check)
    }

    pub(super) fn append_snapshot(&self, images_seen: u64, is_healthy: bool) -> Result<()> {
        let kimg = images_seen as f64 / 1000.0;
        let event = json!({"event": "snapshot", "images": images_seen, "kimg": kimg, "healthy": is_healthy});
        append_line(self.run.path(), EVENTS, &event)
    }

    /// The scores of the reals that the run draws and of as many fakes of the generator as it stands.
    fn append_scores(&self, method: &dyn Method, moment: Moment) -> Result<()> {
        let Some(current) = method.current() else { return Ok(()) };
        let Product::Sampler(generator) = self.product_of(Average::Sampler(&current), moment) else { return Ok(()) };
        let seeds: Vec<u64> = (0..self.n_drawn() as u64).collect();
        let fakes = generator.values(&seeds, None)?;
        let found = scores::histograms(method, [&self.some_reals()?, &fakes], self.dataset.shape(), &self.device);
        let Some(mut line) = found else { return Ok(()) };
        line["images"] = json!(moment.images_seen);
        line["kimg"] = json!(moment.images_seen as f64 / 1000.0);
        append_line(self.run.path(), SCORES, &line)
    }

    fn append_finding(&self, finding: &Finding) -> Result<()> {
        let mut event = json!({"event": "finding", "images": (finding.kimg * 1000.0).round() as u64});
        if let (Some(event), Ok(Value::Object(finding))) = (event.as_object_mut(), serde_json::to_value(finding)) {
            event.extend(finding);
        }
        append_line(self.run.path(), EVENTS, &event)
    }

    /// The state comes last: a process killed in between resumes from the state before and draws the same again.
    fn snapshot(&mut self, method: &dyn Method, moment: Moment) -> Result<()> {
        let product = self.product(method, moment);
        self.draw_fakes(&fakes_name(moment.images_seen), method, &product)?;
        self.append_scores(method, moment)?;
        self.deliver(product, moment)?;
        self.last_snapshot = moment.images_seen;
        let mut tensors = self.memory.clone();
        method.save(&mut tensors);
        let (images_seen, n_samples) = (moment.images_seen, self.dataset.len());
        let healthy = last_healthy(self.run.path())?;
        self.run.save(self.card.config(), &State { images_seen, n_samples, tensors: &tensors, healthy })
    }

    /// Makes `product` the one that users find, unless a better one is: by the metrics where there are any, else the
    /// last one of a healthy run.
    fn deliver(&mut self, product: Product, moment: Moment) -> Result<()> {
        let path = self.path(DELIVERED);
        let is_wanted = self.card.config().train.metrics.is_empty() && self.is_healthy;
        match product {
            Product::Sampler(generator) if self.is_to_be_measured(moment) => self.judge.measure(generator),
            product if is_wanted || !path.exists() => product.save(path),
            _ => Ok(()),
        }
    }

    /// Whether metrics are to be taken now: wherever an uninterrupted run has a snapshot, not where one was stopped.
    fn is_to_be_measured(&self, moment: Moment) -> bool {
        let config = self.card.config();
        let every = config.snapshot_images();
        let is_regular = self.last_snapshot / every != moment.images_seen / every;
        !config.train.metrics.is_empty() && (is_regular || moment.images_seen >= moment.images_total)
    }

    /// Lines that a killed process left behind its last snapshot will come again. What led to a rollback stays.
    fn drop_lines_after(&self, file: &str, images_seen: u64) -> Result<()> {
        let path = self.path(file);
        if !path.exists() {
            return Ok(());
        }
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let whole = |line| serde_json::from_str::<Value>(line).ok().map(|value| (line, value));
        let lines: Vec<(&str, Value)> = text.lines().filter_map(whole).collect();
        let n_past = lines.iter().rposition(|(_, value)| value["event"] == "rollback").map_or(0, |at| at + 1);
        let is_kept = |value: &Value| value["images"].as_u64().is_some_and(|images| images <= images_seen);
        let kept = lines.iter().enumerate().filter(|(i, (_, value))| *i < n_past || is_kept(value));
        let text: String = kept.flat_map(|(_, (line, _))| [*line, "\n"]).collect();
        write_atomically(path, text.as_bytes())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.run.path().join(name)
    }
}

fn append_line(run: &Path, file: &str, line: &Value) -> Result<()> {
    let path = run.join(file);
    let line = format!("{line}\n");
    let append = || OpenOptions::new().create(true).append(true).open(&path)?.write_all(line.as_bytes());
    append().map_err(Error::io("write", &path))
}

/// The whole lines of `file` in the run at `run`; none where there is no such file.
fn read_lines(run: &Path, file: &str) -> Result<Vec<Value>> {
    let path = run.join(file);
    if !path.exists() {
        return Ok(vec![]);
    }
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// What the run at `run` noted at its ticks, in the doctor's checks, and of findings, snapshots and rollbacks.
pub(super) fn read(run: &Path) -> Result<[Vec<Value>; 3]> {
    let [stats, checks, events] = [STATS, CHECKS, EVENTS].map(|file| read_lines(run, file));
    Ok([stats?, checks?, events?])
}

/// Notes a rollback in the run at `run`.
pub(super) fn append_rollback(run: &Path, rollback: &Rollback) -> Result<()> {
    let mut event = json!({"event": "rollback"});
    if let (Some(event), Ok(Value::Object(rollback))) = (event.as_object_mut(), serde_json::to_value(rollback)) {
        event.extend(rollback);
    }
    append_line(run, EVENTS, &event)
}

/// The images of the last snapshot of the run at `run` that nothing was wrong with, and that no rollback gave up.
pub(super) fn last_healthy(run: &Path) -> Result<Option<u64>> {
    let mut healthy: Vec<u64> = vec![];
    for event in read_lines(run, EVENTS)? {
        let images = event["images"].as_u64().unwrap_or(0);
        match event["event"].as_str() {
            Some("snapshot") if event["healthy"] == true => healthy.push(images),
            Some("rollback") => healthy.retain(|snapshot| *snapshot <= images),
            _ => {}
        }
    }
    Ok(healthy.pop())
}

/// The figures of the last tick that the run at `run` noted, by name; empty before the first one.
pub(crate) fn last_figures(run: &Path) -> Result<BTreeMap<String, f64>> {
    let path = run.join(STATS);
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let Some(line) = text.lines().last() else { return Ok(BTreeMap::new()) };
    serde_json::from_str(line).map_err(|error| Error::file(&path, format!("its last line cannot be read: {error}")))
}

/// The name of the sheet that a snapshot draws after `images_seen` images.
pub fn fakes_name(images_seen: u64) -> String {
    format!("fakes{:06}.png", images_seen / 1000)
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Started { moment, method } => self.start(*method, *moment),
            Event::Step { .. } | Event::Diverged { .. } | Event::Rollback(_) => Ok(()),
            Event::Tick(tick) => append_line(self.run.path(), STATS, &tick.to_json()),
            Event::Finding(finding) => self.append_finding(finding),
            Event::Snapshot { moment, method } => self.snapshot(*method, *moment),
        }
    }
}

fn points(samples: &[Vec<f32>]) -> Vec<[f32; 2]> {
    samples.iter().map(|values| [values[0], values[1]]).collect()
}
