//! Provokes failures and plays healthy runs on cheap data, and counts what the doctor says of each:
//! `cargo run --release -p gannet --example provoke -- OUTDIR FIRST_SEED N_SEEDS [WORD]`, with only the cases whose name
//! contains WORD.
//!
//! Whether a run meant to be healthy was so is decided without the doctor: by the modes its samples cover at the end.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for the terminal")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use gannet::image::{self, Picture};
use gannet::metric::modes::of_points;
use gannet::train::doctor::{Finding, Kind, State};
use gannet::train::event::{Event, Observer};
use gannet::train::session::Session;
use gannet::{Error, Generator, Result, data, run};

/// What is provoked, a name, and settings.
type Case = (Option<Kind>, &'static str, &'static str);

const CASES: &[Case] = &[
    (None, "healthy-r3gan-ring", "method.name=r3gan data.source=ring train.kimg=150"),
    (None, "healthy-r3gan-clusters", "method.name=r3gan data.source=two-clusters train.kimg=100"),
    (None, "healthy-r3gan-grid", "method.name=r3gan data.source=grid train.kimg=200"),
    (
        None,
        "healthy-wgan-gp-ring",
        "method.name=wgan-gp data.source=ring train.kimg=300 method.generator.learning_rate=1e-3 method.critic.learning_rate=1e-3",
    ),
    (
        None,
        "healthy-r1-ring",
        "method.name=vanilla method.penalty=r1 method.gamma=0.02 method.net.critic_gain=1.4 method.generator.learning_rate=1e-3 method.critic.learning_rate=1e-3 data.source=ring train.kimg=150",
    ),
    (
        None,
        "healthy-hinge-clusters",
        "method.name=custom method.loss=hinge method.penalty=r1 method.gamma=0.1 method.generator.learning_rate=1e-3 method.critic.learning_rate=1e-3 data.source=two-clusters train.kimg=100",
    ),
    (
        None,
        "healthy-dcgan-garments",
        "method.name=dcgan method.net.width=8 data.source=fashion-mnist data.size=16 train.kimg=100",
    ),
    (
        None,
        "healthy-hinge-garments",
        "method.name=custom method.loss=hinge method.net.width=8 method.net.critic_norm=spectral data.source=fashion-mnist data.size=16 train.kimg=100",
    ),
    (
        Some(Kind::Divergence),
        "divergence-hinge",
        "method.name=custom method.loss=hinge method.generator.learning_rate=3 method.critic.learning_rate=3 data.source=ring train.kimg=100",
    ),
    (
        Some(Kind::Divergence),
        "divergence-least-squares",
        "method.name=custom method.loss=least-squares method.generator.learning_rate=3 method.critic.learning_rate=3 data.source=two-clusters train.kimg=100",
    ),
    (
        Some(Kind::FullCollapse),
        "full-collapse-ring",
        "method.name=vanilla method.generator.learning_rate=5e-3 method.critic.learning_rate=1e-5 data.source=ring train.kimg=100",
    ),
    (
        Some(Kind::FullCollapse),
        "full-collapse-hinge",
        "method.name=custom method.loss=hinge method.generator.learning_rate=1e-2 method.critic.learning_rate=1e-4 data.source=two-clusters train.kimg=100",
    ),
    (
        Some(Kind::PartialCollapse),
        "partial-collapse-clusters",
        "method.name=vanilla method.generator.learning_rate=5e-5 method.critic.learning_rate=2e-4 data.source=two-clusters train.kimg=200",
    ),
    (Some(Kind::PartialCollapse), "partial-collapse-ring", "method.name=vanilla data.source=ring train.kimg=200"),
    (
        Some(Kind::Overpowering),
        "overpowering-ring",
        "method.name=vanilla method.critic.learning_rate=1e-2 method.generator.learning_rate=1e-5 data.source=ring train.kimg=100",
    ),
    (
        Some(Kind::Overpowering),
        "overpowering-garments",
        "method.name=dcgan method.net.width=8 method.critic.learning_rate=2e-3 method.generator.learning_rate=2e-6 data.source=fashion-mnist data.size=16 train.kimg=60",
    ),
    (
        Some(Kind::VanishingGradient),
        "vanishing-ring",
        "method.name=custom method.loss=minimax method.critic.learning_rate=5e-3 method.generator.learning_rate=1e-5 data.source=ring train.kimg=100",
    ),
    (
        Some(Kind::VanishingGradient),
        "vanishing-garments",
        "method.name=dcgan method.loss=minimax method.net.width=8 method.critic.learning_rate=2e-3 method.generator.learning_rate=2e-5 data.source=fashion-mnist data.size=16 train.kimg=60",
    ),
    (
        Some(Kind::Oscillation),
        "oscillation-ring",
        "method.name=custom method.loss=minimax method.generator.learning_rate=2e-3 method.critic.learning_rate=2e-3 method.generator.beta_1=0.9 method.critic.beta_1=0.9 data.source=ring train.kimg=100",
    ),
    (
        Some(Kind::Oscillation),
        "oscillation-clusters",
        "method.name=custom method.loss=wasserstein method.clip=0.1 method.generator.learning_rate=5e-3 method.critic.learning_rate=5e-3 method.generator.beta_1=0.9 method.critic.beta_1=0.9 data.source=two-clusters train.kimg=100",
    ),
    (
        Some(Kind::Memorisation),
        "memorisation-16",
        "method.name=dcgan method.net.width=16 data.source=FEW16 data.size=16 train.kimg=120",
    ),
    (
        Some(Kind::Memorisation),
        "memorisation-64",
        "method.name=dcgan method.net.width=16 data.source=FEW64 data.size=16 train.kimg=120",
    ),
    (
        Some(Kind::AugmentationLeak),
        "leak-fixed",
        "method.name=dcgan method.net.width=8 method.augment.kind=fixed method.augment.p=1 data.source=fashion-mnist data.size=16 train.kimg=80",
    ),
    (
        Some(Kind::AugmentationLeak),
        "leak-geometry",
        "method.name=dcgan method.net.width=8 method.augment.kind=fixed method.augment.p=1 method.augment.pipe=bg data.source=fashion-mnist data.size=16 train.kimg=80",
    ),
    (
        Some(Kind::Stalled),
        "stalled-ring",
        "method.name=vanilla method.generator.learning_rate=1e-7 data.source=ring train.kimg=80",
    ),
    (
        Some(Kind::Stalled),
        "stalled-grid",
        "method.name=r3gan method.generator.learning_rate=1e-7 method.critic.learning_rate=1e-7 data.source=grid train.kimg=80",
    ),
];

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

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [outdir, first, n, rest @ ..] = words.as_slice() else { panic!("OUTDIR FIRST_SEED N_SEEDS [WORD]") };
    let outdir = Path::new(outdir);
    let (first, n): (u64, u64) = (first.parse().unwrap(), n.parse().unwrap());
    for n_images in [16, 64] {
        write_few(&outdir.join(format!("few{n_images}")), n_images)?;
    }
    let is_asked = |name: &str| rest.first().is_none_or(|word| name.contains(word.as_str()));
    // For each kind: runs in which it was provoked, those found, the sum of delays.
    let mut found = BTreeMap::<Kind, (u32, u32, f64)>::new();
    let (mut n_healthy, mut n_alarmed) = (0, 0);
    let mut alarms = BTreeMap::<Kind, u32>::new();
    for (kind, name, settings) in CASES.iter().filter(|case| is_asked(case.1)) {
        for seed in first..first + n {
            let (findings, modes) = play(outdir, name, settings, seed)?;
            let names: Vec<String> =
                findings.iter().map(|finding| format!("{}@{:.0}", finding.kind.name(), finding.kimg)).collect();
            let modes_shown = modes.map_or(String::new(), |[covered, of]| format!(" modes {covered}/{of}"));
            println!("{name:<28} seed {seed}{modes_shown}: {}", names.join(", "));
            match kind {
                Some(kind) => {
                    let entry = found.entry(*kind).or_default();
                    entry.0 += 1;
                    if let Some(finding) = findings.iter().find(|finding| finding.kind == *kind) {
                        entry.1 += 1;
                        entry.2 += finding.kimg;
                    }
                }
                None if modes.is_some_and(|[covered, of]| covered < of) => println!("  not healthy after all"),
                None => {
                    n_healthy += 1;
                    n_alarmed += u32::from(!findings.is_empty());
                    findings.iter().for_each(|finding| *alarms.entry(finding.kind).or_default() += 1);
                }
            }
        }
    }
    println!("\n| failure | provoked | found | mean kimg until found | false alarms |\n|---|---|---|---|---|");
    for (kind, (provoked, n_found, delay)) in found {
        let delay = delay / f64::from(n_found.max(1));
        let alarms = alarms.get(&kind).copied().unwrap_or(0);
        println!("| {} | {provoked} | {n_found} | {delay:.0} | {alarms} |", kind.name());
    }
    println!("\nhealthy runs: {n_healthy}, with an alarm: {n_alarmed}");
    Ok(())
}

/// Findings of a run, and the modes its samples cover of those there are.
fn play(outdir: &Path, name: &str, settings: &str, seed: u64) -> Result<(Vec<Finding>, Option<[usize; 2]>)> {
    let mut table = toml::Table::new();
    let few = |n: usize| outdir.join(format!("few{n}")).display().to_string();
    let settings = settings.replace("FEW16", &few(16)).replace("FEW64", &few(64));
    let common = format!("train.batch=128 train.tick_kimg=4 train.snap=1000 train.seed={seed}");
    for assignment in common.split(' ').chain(settings.split(' ')) {
        run::assign(&mut table, assignment)?;
    }
    let session = Session::prepare(&table)?;
    let path = outdir.join(format!("{name}-{seed}"));
    if path.exists() {
        std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
    }
    let run = session.create_named(outdir, &format!("{name}-{seed}"))?;
    let mut listener = Listener::default();
    match session.train(&run, &mut [&mut listener], &AtomicBool::new(false)) {
        Ok(_) | Err(Error::Diverged { .. }) => {}
        Err(error) => return Err(error),
    }
    let modes = match (data::modes(&session.config().data.source), Generator::load(&path)) {
        (Some(modes), Ok(generator)) => {
            let coverage = of_points(&generator.points(&(0..2500).collect::<Vec<_>>())?, &modes);
            Some([coverage.n_covered, modes.centres.len()])
        }
        _ => None,
    };
    Ok((listener.0, modes))
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
