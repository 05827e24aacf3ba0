//! What a user sees of a training: a progress bar on a terminal, tick lines elsewhere, and all of it in `log.txt`.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gannet::train::event::{Event, Observer, Stats, Tick};
use gannet::train::schedule::Moment;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Prints, and keeps what it printed.
pub(crate) struct Terminal {
    log_path: Option<PathBuf>,
    log: Option<File>,
    unlogged: String,
    bar: Option<ProgressBar>,
    started: Option<(Instant, u64)>,
    shows_ticks: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self { log_path: None, log: None, unlogged: String::new(), bar: None, started: None, shows_ticks: true }
    }

    /// For one of many runs: a bar on a terminal, and tick lines in the log only.
    pub(crate) fn of_one_run_of_many(log_path: PathBuf) -> Self {
        Self { log_path: Some(log_path), shows_ticks: false, ..Self::new() }
    }

    /// Once training starts, also writes to `path`, beginning with what was said before.
    pub(crate) fn log_to(&mut self, path: PathBuf) {
        self.log_path = Some(path);
    }

    /// One line. A terminal that has gone away does not end a training.
    pub(crate) fn say(&mut self, line: &str) -> gannet::Result<()> {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => drop(writeln!(std::io::stdout(), "{line}")),
        }
        self.write_log(&format!("{line}\n"))
    }

    /// Ends the progress bar, if there is one.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
    }

    /// Takes the progress bar away, if there is one.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn write_log(&mut self, text: &str) -> gannet::Result<()> {
        match &mut self.log {
            None => self.unlogged.push_str(text),
            Some(file) => file.write_all(text.as_bytes()).map_err(gannet::Error::io("write", "log.txt"))?,
        }
        Ok(())
    }

    fn start(&mut self, moment: Moment) -> gannet::Result<()> {
        if let Some(path) = &self.log_path {
            let file = OpenOptions::new().create(true).append(true).open(path);
            self.log = Some(file.map_err(gannet::Error::io("write", path))?);
            let earlier = std::mem::take(&mut self.unlogged);
            self.write_log(&earlier)?;
        }
        self.started = Some((Instant::now(), moment.images_seen));
        if std::io::stdout().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(moment.images_total), ProgressDrawTarget::stdout());
            bar.set_position(moment.images_seen);
            let template = "{bar:24.cyan/dim} {msg}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message("first step");
            bar.enable_steady_tick(Duration::from_millis(250));
            self.bar = Some(bar);
        }
        Ok(())
    }

    fn step(&self, moment: Moment, stats: &Stats) {
        let (Some(bar), Some((since, first))) = (&self.bar, self.started) else { return };
        let per_second = (moment.images_seen - first) as f64 / since.elapsed().as_secs_f64();
        let left = (moment.images_total.saturating_sub(moment.images_seen)) as f64 / per_second;
        bar.set_position(moment.images_seen.min(moment.images_total));
        bar.set_message(format!(
            "kimg {:.1}/{:.1}  {}  {per_second:.0} img/s  {} left",
            moment.images_seen as f64 / 1000.0,
            moment.images_total as f64 / 1000.0,
            figures(stats),
            duration(left),
        ));
    }

    /// In the words that users of StyleGAN know.
    fn tick(&mut self, tick: &Tick) -> gannet::Result<()> {
        let line = format!(
            "tick {:<5} kimg {:<8.1} time {:<12} sec/tick {:<7.1} sec/kimg {:<7.2} maintenance {:<6.1} cpumem {:<6.2} {}",
            tick.index,
            tick.moment.images_seen as f64 / 1000.0,
            duration(tick.seconds),
            tick.tick_seconds,
            tick.seconds_per_kimg(),
            tick.maintenance_seconds,
            memory_gigabytes(),
            figures(&tick.stats),
        );
        match &self.bar {
            None if self.shows_ticks => self.say(&line),
            _ => self.write_log(&format!("{line}\n")),
        }
    }
}

impl Observer for Terminal {
    fn observe(&mut self, event: &Event) -> gannet::Result<()> {
        match event {
            Event::Started { moment, .. } => self.start(*moment)?,
            Event::Step { moment, stats, .. } => self.step(*moment, stats),
            Event::Tick(tick) => self.tick(tick)?,
            Event::Finding(finding) => self.say(&finding.line())?,
            Event::Rollback(rollback) => self.say(&rollback.line())?,
            Event::Snapshot { .. } | Event::Diverged { .. } => {}
        }
        Ok(())
    }
}

fn figures(stats: &Stats) -> String {
    let figure = |name| stats.get(name).copied().unwrap_or(f64::NAN);
    if !stats.contains_key("loss_critic") {
        // There is no game yet.
        return format!("loss G {:.4}  off by {:.4}", figure("loss_generator"), figure("reconstruction"));
    }
    format!(
        "loss G {:.3} D {:.3}  D right on reals {:.0}% fakes {:.0}%",
        figure("loss_generator"),
        figure("loss_critic"),
        100.0 * figure("accuracy_real"),
        100.0 * figure("accuracy_fake"),
    )
}

/// Whole seconds as "3m 20s".
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-".into();
    }
    humantime::format_duration(Duration::from_secs(seconds.max(0.0).round() as u64)).to_string()
}

fn memory_gigabytes() -> f64 {
    let Ok(pid) = sysinfo::get_current_pid() else { return f64::NAN };
    let mut system = sysinfo::System::new();
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), false);
    system.process(pid).map_or(f64::NAN, |process| process.memory() as f64 / 1e9)
}
