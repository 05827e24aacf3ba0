//! Keeps the run directory: figures at every tick, pictures and state at every snapshot.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::event::{Event, Observer, Tick};
use super::schedule::Moment;
use super::watch;
use crate::data::Dataset;
use crate::generator::{Card, Generator};
use crate::image::{self, Picture};
use crate::method::Method;
use crate::run::{RunDir, write_atomically};
use crate::{Error, Result};

const STATS: &str = "stats.jsonl";
/// Columns and rows of the sheets that a run draws of its images.
const SHEET_COLUMNS: usize = 8;
/// Points that it draws where the data are points.
const POINTS_DRAWN: usize = 1000;

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
}

impl<'a> Recorder<'a> {
    /// A recorder of `run`, which makes the generator that `card` describes, on `dataset`.
    pub(super) fn new(run: &'a RunDir, card: Card, dataset: Arc<dyn Dataset>, device: Device) -> Self {
        Self { run, card, dataset, device, last_snapshot: 0 }
    }

    fn start(&self, method: &dyn Method, moment: Moment) -> Result<()> {
        self.drop_figures_after(moment.images_seen)?;
        watch::drop_after(self.run.path(), moment.images_seen)?;
        if moment.images_seen == 0 {
            self.draw_reals()?;
            self.draw_fakes("fakes_init.png", method, &self.generator(method, moment))?;
        }
        Ok(())
    }

    fn draw_reals(&self) -> Result<()> {
        let reals = self.some_reals()?;
        let sheet = match self.dataset.shape() {
            shape if shape.is_point() => image::scatter(&[], &points(&reals)),
            shape => image::sheet(&reals, shape, SHEET_COLUMNS),
        };
        self.write_picture("reals.png", &sheet)
    }

    /// A grid of images, with a row for each class where there are classes, or points over real ones on the critic's
    /// field.
    fn draw_fakes(&self, name: &str, method: &dyn Method, generator: &Generator) -> Result<()> {
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

    fn generator(&self, method: &dyn Method, moment: Moment) -> Generator {
        let card = Card { images_seen: moment.images_seen, ..self.card.clone() };
        Generator::new(card, method.average().clone(), self.device.clone())
    }

    /// The state comes last: a process killed in between resumes from the state before and draws the same again.
    fn snapshot(&self, method: &dyn Method, moment: Moment) -> Result<()> {
        let generator = self.generator(method, moment);
        self.draw_fakes(&fakes_name(moment.images_seen), method, &generator)?;
        let path = self.path("generator.safetensors");
        if self.is_to_be_measured(moment) {
            let measured = self.generator(method, moment);
            if watch::measure(self.run.path(), &self.card.config.train, measured, &self.dataset)? {
                generator.save(path)?;
            }
        } else if self.card.config.train.metrics.is_empty() || !path.exists() {
            generator.save(path)?;
        }
        self.run.save(&self.card.config, moment.images_seen, self.dataset.len(), method)
    }

    /// Whether metrics are to be taken now: wherever an uninterrupted run has a snapshot, not where one was stopped.
    fn is_to_be_measured(&self, moment: Moment) -> bool {
        let every = self.card.config.snapshot_images();
        let is_regular = self.last_snapshot / every != moment.images_seen / every;
        !self.card.config.train.metrics.is_empty() && (is_regular || moment.images_seen >= moment.images_total)
    }

    fn append_figures(&self, tick: &Tick) -> Result<()> {
        let path = self.path(STATS);
        let mut line = tick.to_json().to_string();
        line.push('\n');
        let append = || OpenOptions::new().create(true).append(true).open(&path)?.write_all(line.as_bytes());
        append().map_err(Error::io("write", &path))
    }

    /// Figures that a killed process left behind its last snapshot will come again.
    fn drop_figures_after(&self, images_seen: u64) -> Result<()> {
        let path = self.path(STATS);
        if !path.exists() {
            return Ok(());
        }
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let images = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?.get("images")?.as_u64();
        let kept: String = text
            .lines()
            .filter(|line| images(line).is_some_and(|images| images <= images_seen))
            .flat_map(|line| [line, "\n"])
            .collect();
        write_atomically(path, kept.as_bytes())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.run.path().join(name)
    }
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
            Event::Started { moment, method } => {
                self.start(*method, *moment)?;
                self.last_snapshot = moment.images_seen;
                Ok(())
            }
            Event::Step { .. } => Ok(()),
            Event::Tick(tick) => self.append_figures(tick),
            Event::Snapshot { moment, method } => {
                self.snapshot(*method, *moment)?;
                self.last_snapshot = moment.images_seen;
                Ok(())
            }
        }
    }
}

fn points(samples: &[Vec<f32>]) -> Vec<[f32; 2]> {
    samples.iter().map(|values| [values[0], values[1]]).collect()
}
