//! Provokes failures and plays healthy runs on cheap data, and counts what the doctor says of each:
//! `cargo run --release -p gannet --example provoke -- OUTDIR FIRST_SEED N_SEEDS [WORD]`, with only the cases whose name
//! contains WORD. As many runs as there are processors go on at a time, each in a process of its own.
//!
//! Whether a run meant to be healthy was so is decided without the doctor: by the modes its samples cover at the end, or by
//! their Fréchet distance. The same shows whether a collapse that was provoked came about; a leak did if samples are nearer
//! to reals that were turned or inverted.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for the terminal")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use gannet::data::{Dataset, Sample};
use gannet::evaluate::{Options, Pictures, Subject, evaluate_against};
use gannet::image::{self, Picture, Shape};
use gannet::metric::modes::of_points;
use gannet::train::doctor::{Finding, Kind, RULES, State};
use gannet::train::event::{Event, Observer};
use gannet::train::session::Session;
use gannet::{Error, Generator, Result, data, run};
use serde::{Deserialize, Serialize};

/// What is provoked, the method, the data, and settings: `g` and `d` are the players' learning rates, `kimg` the length,
/// anything else is the method's.
type Case = (Option<Kind>, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    (None, "r3gan", "ring", "kimg=150"),
    (None, "r3gan", "two-clusters", "kimg=100"),
    (None, "r3gan", "grid", "kimg=200"),
    (None, "r3gan", "spiral", "kimg=150"),
    (None, "wgan-gp", "ring", "g=1e-3 d=1e-3 kimg=300"),
    (None, "wgan-gp", "two-clusters", "g=1e-3 d=1e-3 kimg=200"),
    (None, "wgan-gp", "spiral", "g=1e-3 d=1e-3 kimg=200"),
    (None, "vanilla", "ring", "g=1e-3 d=1e-3 kimg=200 penalty=r1 gamma=0.02 net.critic_gain=1.4"),
    (None, "vanilla", "two-clusters", "g=1e-3 d=1e-3 kimg=150 penalty=r1 gamma=0.1"),
    (None, "custom", "two-clusters", "g=1e-3 d=1e-3 kimg=150 loss=hinge penalty=r1 gamma=0.1"),
    (None, "custom", "ring", "g=1e-3 d=1e-3 kimg=200 loss=relativistic penalty=r1 gamma=0.02 net.critic_gain=1.4"),
    (None, "custom", "two-clusters", "g=1e-3 d=1e-3 kimg=150 loss=least-squares penalty=r1 gamma=0.1"),
    (None, "dragan", "two-clusters", "g=1e-3 d=1e-3 kimg=150"),
    (None, "dcgan", "garments", "kimg=100"),
    (None, "lsgan", "garments", "kimg=100"),
    (None, "custom", "garments", "kimg=100 loss=hinge net.critic_norm=spectral"),
    (None, "hinge", "garments", "kimg=100"),
    (None, "dcgan", "garments", "kimg=100 augment.kind=diffaug augment.policy=translation"),
    (None, "dcgan", "garments", "kimg=100 augment.kind=ada"),
    (None, "acgan", "garments", "kimg=100"),
    (None, "dcgan", "few1000", "kimg=100"),
    (Some(Kind::Divergence), "custom", "ring", "g=3 d=3 kimg=60 loss=hinge"),
    (Some(Kind::Divergence), "custom", "two-clusters", "g=3 d=3 kimg=60 loss=least-squares"),
    (Some(Kind::Divergence), "custom", "grid", "g=1 d=1 kimg=60 loss=wasserstein clip=10"),
    (Some(Kind::Divergence), "custom", "garments", "g=1 d=1 kimg=40 loss=hinge net.critic_norm=none"),
    (Some(Kind::FullCollapse), "vanilla", "ring", "g=5e-3 d=1e-5 kimg=100"),
    (Some(Kind::FullCollapse), "vanilla", "grid", "g=5e-3 d=1e-5 kimg=100"),
    (Some(Kind::FullCollapse), "vanilla", "spiral", "g=5e-3 d=1e-5 kimg=100"),
    (Some(Kind::FullCollapse), "vanilla", "garments", "g=5e-3 d=1e-5 kimg=80 net.width=64"),
    (Some(Kind::PartialCollapse), "vanilla", "two-clusters", "g=5e-5 d=2e-4 kimg=200"),
    (Some(Kind::PartialCollapse), "custom", "two-clusters", "g=5e-5 d=2e-4 kimg=200 loss=least-squares"),
    (Some(Kind::PartialCollapse), "vanilla", "ring", "g=1e-4 d=2e-4 kimg=200"),
    (Some(Kind::PartialCollapse), "vanilla", "ring", "g=1e-4 d=1e-3 kimg=200"),
    (Some(Kind::PartialCollapse), "custom", "ring", "g=1e-4 d=5e-4 kimg=200 loss=least-squares"),
    (Some(Kind::Overpowering), "vanilla", "ring", "g=1e-5 d=1e-2 kimg=80"),
    (Some(Kind::Overpowering), "lsgan", "garments", "g=2e-6 d=2e-3 kimg=60"),
    (Some(Kind::Overpowering), "dcgan", "garments", "g=2e-6 d=2e-3 kimg=60"),
    (Some(Kind::VanishingGradient), "custom", "ring", "g=1e-5 d=5e-3 kimg=80 loss=minimax"),
    (Some(Kind::VanishingGradient), "vanilla", "garments", "g=2e-5 d=2e-3 kimg=80 loss=minimax net.width=64"),
    (Some(Kind::VanishingGradient), "dcgan", "garments", "g=2e-5 d=2e-3 kimg=80 loss=minimax"),
    (
        Some(Kind::Oscillation),
        "custom",
        "ring",
        "g=2e-3 d=2e-3 kimg=100 loss=minimax generator.beta_1=0.9 critic.beta_1=0.9",
    ),
    (
        Some(Kind::Oscillation),
        "custom",
        "two-clusters",
        "g=5e-3 d=5e-3 kimg=100 loss=wasserstein clip=0.1 generator.beta_1=0.9 critic.beta_1=0.9",
    ),
    (Some(Kind::Oscillation), "custom", "garments", "g=2e-3 d=2e-3 kimg=120 loss=wasserstein clip=0.05"),
    (Some(Kind::Memorisation), "dcgan", "few8", "g=1e-3 d=4e-4 kimg=200 net.width=16"),
    (Some(Kind::Memorisation), "lsgan", "few8", "g=1e-3 d=4e-4 kimg=200 net.width=16"),
    (
        Some(Kind::Memorisation),
        "custom",
        "few16",
        "g=1e-3 d=1e-3 kimg=200 net.width=16 loss=relativistic penalty=r1 gamma=0.1 net.critic_norm=none",
    ),
    (Some(Kind::AugmentationLeak), "dcgan", "garments", "kimg=80 augment.kind=fixed augment.p=1"),
    (Some(Kind::AugmentationLeak), "hinge", "garments", "kimg=80 augment.kind=fixed augment.p=1"),
    (Some(Kind::AugmentationLeak), "lsgan", "garments", "kimg=80 augment.kind=fixed augment.p=1"),
    (Some(Kind::Stalled), "vanilla", "ring", "g=1e-7 kimg=80"),
    (Some(Kind::Stalled), "r3gan", "grid", "g=1e-7 d=1e-7 kimg=80"),
    (Some(Kind::Stalled), "dcgan", "garments", "g=1e-7 kimg=60"),
];

/// The assignments that a case's data and settings stand for.
fn assignments((_, method, data, settings): &Case, outdir: &Path) -> Vec<String> {
    let picture =
        |source: &str| vec![format!("data.source={source}"), "data.size=16".into(), "method.net.width=8".into()];
    let mut all = match *data {
        "garments" => picture("fashion-mnist"),
        few if few.starts_with("few") => picture(&outdir.join(few).display().to_string()),
        points => vec![format!("data.source={points}")],
    };
    all.push(format!("method.name={method}"));
    all.extend(settings.split(' ').map(|setting| match setting.split_once('=') {
        Some(("g", rate)) => format!("method.generator.learning_rate={rate}"),
        Some(("d", rate)) => format!("method.critic.learning_rate={rate}"),
        Some(("kimg", kimg)) => format!("train.kimg={kimg}"),
        _ => format!("method.{setting}"),
    }));
    all
}

/// What the doctor said of a run.
#[derive(Default)]
struct Listener(Vec<Finding>);

impl Observer for Listener {
    fn observe(&mut self, event: &Event) -> Result<()> {
        if let Event::Finding(finding) = event
            && finding.state == State::Raised
        {
            self.0.push((*finding).clone());
        }
        Ok(())
    }
}

/// How a run went.
#[derive(Serialize, Deserialize)]
struct Outcome {
    case: usize,
    seed: u64,
    /// What the doctor named, and at how many thousands of images.
    findings: Vec<(Kind, f64)>,
    /// Modes that samples cover at the end, those that there are, and the share of good samples.
    modes: Option<(usize, usize, f64)>,
    /// Fréchet distance at the end, and that of the untrained generator.
    distances: Option<[f64; 2]>,
    /// Fréchet distance at the end to reals that were turned or inverted, the least of all ways.
    to_turned: Option<f64>,
}

impl Outcome {
    /// Whether the run is one of those counted: whether what was meant to happen did.
    fn is_as_meant(&self) -> bool {
        match (CASES[self.case].0, self.modes, self.distances) {
            (None, Some((covered, of, _)), _) => covered == of,
            (None, _, Some([end, start])) => end < 0.5 * start,
            (Some(Kind::AugmentationLeak), _, Some([end, _])) => self.to_turned.is_some_and(|turned| turned < end),
            (Some(Kind::FullCollapse), Some((covered, _, _)), _) => covered <= 1,
            (Some(Kind::PartialCollapse), Some((covered, of, _)), _) => 4 * covered <= 3 * of,
            _ => true,
        }
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |word: &String| word.parse::<u64>().unwrap();
    match words.as_slice() {
        [outdir, one, case, seed] if one == "--one" => {
            let outcome = play(Path::new(outdir), number(case) as usize, number(seed))?;
            println!("{}", serde_json::to_string(&outcome).unwrap());
        }
        [outdir, first, n, word @ ..] => {
            let outdir = Path::new(outdir);
            for n_images in [8, 16, 1000] {
                write_few(&outdir.join(format!("few{n_images}")), n_images)?;
            }
            let seeds = number(first)..number(first) + number(n);
            let is_asked = |case: &usize| word.first().is_none_or(|word| name(*case).contains(word.as_str()));
            let cases = (0..CASES.len()).filter(is_asked);
            report(&play_all(outdir, cases.flat_map(|case| seeds.clone().map(move |seed| (case, seed))).collect()));
        }
        _ => panic!("OUTDIR FIRST_SEED N_SEEDS [WORD]"),
    }
    Ok(())
}

/// "full mode collapse vanilla ring 17", with the case's number.
fn name(case: usize) -> String {
    let (kind, method, data, _) = CASES[case];
    format!("{} {method} {data} {case}", kind.map_or("healthy", Kind::name))
}

/// Plays `runs`, pairs of case and seed, and prints a line of each.
fn play_all(outdir: &Path, runs: Vec<(usize, u64)>) -> Vec<Outcome> {
    let runs = Mutex::new(runs.into_iter());
    let outcomes = Mutex::new(vec![]);
    let work = || {
        while let Some((case, seed)) = { runs.lock().unwrap().next() } {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.arg(outdir).args(["--one", &case.to_string(), &seed.to_string()]).env("RAYON_NUM_THREADS", "1");
            let output = child.stderr(Stdio::inherit()).output().unwrap();
            let outcome: Outcome = serde_json::from_slice(&output.stdout).unwrap();
            let says: Vec<String> =
                outcome.findings.iter().map(|(kind, kimg)| format!("{}@{kimg:.0}", kind.name())).collect();
            let truth = match (outcome.modes, outcome.distances) {
                (Some((covered, of, good)), _) => format!("{covered} of {of} modes, {:.0} % good", 100.0 * good),
                (_, Some([end, start])) => {
                    let turned = outcome.to_turned.map_or(String::new(), |turned| format!(", turned {turned:.0}"));
                    format!("distance {end:.0} of {start:.0}{turned}")
                }
                _ => "none".to_owned(),
            };
            let mark = if outcome.is_as_meant() { "" } else { ", NOT AS MEANT" };
            println!("{:<46} seed {seed}: {truth}{mark}: {}", name(case), says.join(", "));
            outcomes.lock().unwrap().push(outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    outcomes.into_inner().unwrap()
}

fn report(outcomes: &[Outcome]) {
    let (as_meant, others): (Vec<&Outcome>, Vec<&Outcome>) = outcomes.iter().partition(|outcome| outcome.is_as_meant());
    let of = |kind: Option<Kind>| as_meant.iter().filter(move |outcome| CASES[outcome.case].0 == kind);
    println!("\n| failure | provoked | found | median kimg until found | false alarms |\n|---|---|---|---|---|");
    let mut total = (0, 0);
    for rule in &RULES {
        let kind = rule.kind;
        let found =
            |outcome: &&&Outcome| outcome.findings.iter().find(|finding| finding.0 == kind).map(|found| found.1);
        let mut delays: Vec<f64> = of(Some(kind)).filter_map(|outcome| found(&outcome)).collect();
        delays.sort_by(f64::total_cmp);
        let (provoked, alarms) = (of(Some(kind)).count(), of(None).filter(|outcome| found(outcome).is_some()).count());
        let delay = delays.get(delays.len() / 2).map_or("-".to_owned(), |delay| format!("{delay:.0}"));
        println!("| {} | {provoked} | {} | {delay} | {alarms} |", kind.name(), delays.len());
        total = (total.0 + provoked, total.1 + delays.len());
    }
    let n_alarmed = of(None).filter(|outcome| !outcome.findings.is_empty()).count();
    println!(
        "\nfailures found: {} of {}; healthy runs with an alarm: {n_alarmed} of {}",
        total.1,
        total.0,
        of(None).count()
    );
    println!("runs that did not go as they were meant to, not counted: {}", others.len());
}

fn play(outdir: &Path, case: usize, seed: u64) -> Result<Outcome> {
    let mut table = toml::Table::new();
    let common = ["train.batch=128", "train.tick_kimg=4", "train.snap=1000"].map(str::to_owned);
    let assigned = assignments(&CASES[case], outdir);
    for assignment in common.into_iter().chain([format!("train.seed={seed}")]).chain(assigned) {
        run::assign(&mut table, &assignment)?;
    }
    let session = Session::prepare(&table)?;
    let folder = format!("{}-{seed}", name(case).replace(' ', "-"));
    let path = outdir.join(&folder);
    if path.exists() {
        std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
    }
    let run = session.create_named(outdir, &folder)?;
    let mut listener = Listener::default();
    let mut untrained = table.clone();
    run::assign(&mut untrained, "train.kimg=0.128")?;
    run::assign(&mut untrained, "train.doctor=false")?;
    match session.train(&run, &mut [&mut listener], &AtomicBool::new(false)) {
        Ok(_) | Err(Error::Diverged { .. }) => {}
        Err(error) => return Err(error),
    }
    let findings = listener.0.iter().map(|finding| (finding.kind, finding.kimg)).collect();
    let mut outcome = Outcome { case, seed, findings, modes: None, distances: None, to_turned: None };
    let Ok(generator) = Generator::load(&path) else { return Ok(outcome) };
    if let Some(modes) = data::modes(&session.config().data.source) {
        let coverage = of_points(&generator.points(&(0..2500).collect::<Vec<_>>())?, &modes);
        outcome.modes = Some((coverage.n_covered, modes.centres.len(), coverage.high_quality.unwrap_or(0.0)));
    } else if !generator.card().shape.is_point() {
        let start = outdir.join(format!("{folder}-start"));
        let _ = std::fs::remove_dir_all(&start);
        let session = Session::prepare(&untrained)?;
        session.train(&session.create_named(&start, "run")?, &mut [], &AtomicBool::new(false))?;
        let end = distance(generator, None)?;
        outcome.distances = Some([end, distance(Generator::load(start.join("run"))?, None)?]);
        if CASES[case].0 == Some(Kind::AugmentationLeak) {
            let ways = (1..8).map(|way| distance(Generator::load(&path)?, Some(way)));
            outcome.to_turned = Some(ways.collect::<Result<Vec<f64>>>()?.into_iter().fold(f64::INFINITY, f64::min));
        }
    }
    Ok(outcome)
}

/// Fréchet distance to garments, or to garments that were turned or inverted in this way.
fn distance(generator: Generator, way: Option<usize>) -> Result<f64> {
    let options = Options { n_samples: Some(1000), n_resamples: 0, ..Options::default() };
    let reference = match way {
        None => None,
        Some(way) => {
            let config = generator.card().config.data.clone();
            let set = Arc::new(Turned { garments: data::open(&config, 0)?.dataset, way });
            Some(Pictures::Set(set))
        }
    };
    let taken = evaluate_against(&Subject::from(generator), reference, &["fd"], &options)?;
    Ok(taken[0].figures.loss().unwrap_or(f64::NAN))
}

/// Square pictures turned by `way % 4` quarters, and inverted from 4 on.
struct Turned {
    garments: Arc<dyn Dataset>,
    way: usize,
}

impl Dataset for Turned {
    fn name(&self) -> &str {
        self.garments.name()
    }
    fn len(&self) -> usize {
        self.garments.len()
    }
    fn shape(&self) -> Shape {
        self.garments.shape()
    }
    fn classes(&self) -> &[String] {
        self.garments.classes()
    }
    fn description(&self) -> &str {
        self.garments.description()
    }
    fn read(&self, index: usize) -> Result<Sample> {
        let mut sample = self.garments.read(index)?;
        let side = self.shape().width;
        for _ in 0..self.way % 4 {
            let old = sample.values.clone();
            sample.values = (0..old.len()).map(|i| old[(i % side) * side + side - 1 - i / side]).collect();
        }
        if self.way >= 4 {
            sample.values.iter_mut().for_each(|value| *value = -*value);
        }
        Ok(sample)
    }
}

/// A folder of the first `n` garments.
fn write_few(folder: &Path, n: usize) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let garments = data::open(&data::DataConfig::default(), 0)?.dataset;
    for i in 0..n {
        let picture: Picture = image::from_unit(&garments.read(i)?.values, garments.shape());
        let path = folder.join(format!("{i:03}.png"));
        let bytes = image::encode_png(&picture, &[]).map_err(|reason| Error::file(&path, reason))?;
        std::fs::write(&path, bytes).map_err(Error::io("write", &path))?;
    }
    Ok(())
}
