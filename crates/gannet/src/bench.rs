//! Work worth timing: the registry behind `gannet bench`, and races that are timed lap by lap.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use toml::Table;

use crate::data::{self, Batch, DataConfig, Loader, LoaderConfig, Sample};
use crate::image::Shape;
use crate::method::{self, Average, Given, Method, Networks, Setting};
use crate::playground::{self, Playground, Turn};
use crate::run::Precision;
use crate::train::schedule::Moment;
use crate::{Error, Result, device, net, run};

/// Something to time.
pub struct Workload {
    /// What the command line takes.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// What a lap is.
    pub work: Work,
}

/// What a lap is.
pub enum Work {
    /// A training step of networks and rules of the family that takes any, on a batch of made-up samples.
    Step(Shape, &'static [&'static str]),
    /// Samples of a generator, so many at once: those of `Step`'s settings.
    Samples(usize, Shape, &'static [&'static str]),
    /// A step of the playground's healthy game, on a batch of its own size.
    Play,
    /// A batch of a named data set, decoded.
    Load(&'static str),
    /// A start of the program that does nothing further.
    Start,
}

const POINT: Shape = Shape { channels: 2, height: 1, width: 1 };
const GREY: Shape = Shape { channels: 1, height: 28, width: 28 };
const COLOUR: Shape = Shape { channels: 3, height: 64, width: 64 };
const R1: [&str; 2] = ["penalty=r1", "gamma=10"];
const GP: [&str; 2] = ["penalty=one-centred", "gamma=10"];

/// All workloads. `reference/train_step.py` has the same by the same names.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "ring",
        summary: "points, fully connected networks of three layers of 128",
        work: Work::Step(POINT, &["net.family=mlp"]),
    },
    Workload { name: "mlp64", summary: "the same networks on 3x64x64", work: Work::Step(COLOUR, &["net.family=mlp"]) },
    Workload {
        name: "mlp64-r1",
        summary: "mlp64 with R1",
        work: Work::Step(COLOUR, &["net.family=mlp", R1[0], R1[1]]),
    },
    Workload {
        name: "mlp64-gp",
        summary: "mlp64 with a gradient penalty of WGAN-GP's kind",
        work: Work::Step(COLOUR, &["net.family=mlp", GP[0], GP[1]]),
    },
    Workload {
        name: "dcgan28",
        summary: "DCGAN of width 128 on 1x28x28",
        work: Work::Step(GREY, &["net.family=dcgan", "net.width=128"]),
    },
    Workload {
        name: "dcgan64",
        summary: "DCGAN of width 64 on 3x64x64",
        work: Work::Step(COLOUR, &["net.family=dcgan"]),
    },
    Workload {
        name: "plain64",
        summary: "dcgan64 without batch norm in the critic",
        work: Work::Step(COLOUR, &["net.family=dcgan", "net.critic_norm=none"]),
    },
    Workload {
        name: "r1-64",
        summary: "plain64 with R1 at every step",
        work: Work::Step(COLOUR, &["net.family=dcgan", "net.critic_norm=none", R1[0], R1[1]]),
    },
    Workload {
        name: "wgangp64",
        summary: "plain64 with Wasserstein loss and gradient penalty, one critic move",
        work: Work::Step(COLOUR, &["net.family=dcgan", "net.critic_norm=none", "loss=wasserstein", GP[0], GP[1]]),
    },
    Workload {
        name: "resnet32",
        summary: "residual networks of width 16 on 3x32x32",
        work: Work::Step(Shape { channels: 3, height: 32, width: 32 }, &["net.family=resnet", "net.width=16"]),
    },
    Workload {
        name: "r3gan32",
        summary: "R3GAN's networks of width 8 on 3x32x32, with R1 and R2",
        work: Work::Step(
            Shape { channels: 3, height: 32, width: 32 },
            &["net.family=r3gan", "net.width=8", "net.blocks=1", "loss=relativistic", "penalty=r1-r2"],
        ),
    },
    Workload {
        name: "sample1",
        summary: "one sample of dcgan64's generator",
        work: Work::Samples(1, COLOUR, &["net.family=dcgan"]),
    },
    Workload {
        name: "sample64",
        summary: "64 samples of dcgan64's generator at once",
        work: Work::Samples(64, COLOUR, &["net.family=dcgan"]),
    },
    Workload {
        name: "playground",
        summary: "a step of the playground's healthy game, 150 points, with R1 and R2",
        work: Work::Play,
    },
    Workload {
        name: "load28",
        summary: "a batch of fashion-mnist, decoded and mirrored",
        work: Work::Load("fashion-mnist"),
    },
    Workload { name: "start", summary: "a start of the program, which says its version", work: Work::Start },
];

/// Under what a workload is timed.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Samples of a batch, where laps have batches.
    pub batch: usize,
    /// What convolutions multiply.
    pub precision: Precision,
    /// Where training and sampling happen.
    pub device: Device,
}

impl Conditions {
    /// On the device `name` or `name:N`.
    pub fn new(batch: usize, precision: Precision, device: &str) -> Result<Self> {
        precision.check(device).map_err(|problem| Error::setting(format!("the precision is {problem}")))?;
        Ok(Self { batch, precision, device: device::open(device)? })
    }
}

/// A workload that is timed lap by lap, always on the same made-up numbers.
pub struct Race<'a> {
    runner: Runner<'a>,
    conditions: Conditions,
}

#[allow(clippy::large_enum_variant, reason = "there are as many as workloads")]
enum Runner<'a> {
    Step { method: Box<dyn Method>, batches: [Batch; 1], moment: Moment },
    Samples { network: net::Generator, latents: Tensor<2> },
    Play(Box<Playground>),
    Load(Loader),
    Start(&'a Path),
}

impl<'a> Race<'a> {
    /// `workload` under `conditions`; `program` is what starts.
    pub fn new(workload: &Workload, conditions: &Conditions, program: &'a Path) -> Result<Self> {
        let Conditions { batch, device, .. } = conditions.clone();
        let (runner, batch) = match workload.work {
            Work::Step(shape, settings) => {
                let n_values = shape.n_values();
                let value = |i: usize| (i as f32 * 0.37).sin();
                let samples: Vec<Sample> = (0..batch)
                    .map(|n| Sample { values: (0..n_values).map(|i| value(n * n_values + i)).collect(), label: None })
                    .collect();
                let (method, _) = game(workload.name, shape, settings, (batch, device))?;
                let moment = Moment { images_seen: 0, images_total: u64::MAX };
                (Runner::Step { method, batches: [Batch::new(&samples, shape)], moment }, batch)
            }
            Work::Samples(n, shape, settings) => {
                let (method, n_latent) = game(workload.name, shape, settings, (batch, device.clone()))?;
                let latents = Tensor::random([n, n_latent], Distribution::Default, &device);
                let Average::Sampler(network) = method.average() else { return Err(no_sampler(workload.name)) };
                (Runner::Samples { network: network.clone(), latents }, n)
            }
            Work::Play => {
                let settings = playground::Settings::default();
                let batch = settings.batch;
                (Runner::Play(Box::new(Playground::new(settings)?)), batch)
            }
            Work::Load(source) => {
                let config = DataConfig { source: source.into(), ..DataConfig::default() };
                let settings = LoaderConfig { batch, seed: 0, mirror: true, shift: 0, start: 0 };
                (Runner::Load(Loader::new(data::open(&config, 0)?.dataset, settings)?), batch)
            }
            Work::Start => (Runner::Start(program), 1),
        };
        Ok(Self { runner, conditions: Conditions { batch, ..conditions.clone() } })
    }

    /// Samples of a lap; starts, where it is one.
    pub fn batch(&self) -> usize {
        self.conditions.batch
    }

    /// Seconds of one lap.
    pub fn lap(&mut self) -> Result<f64> {
        let started = Instant::now();
        let Conditions { batch, precision, .. } = self.conditions;
        match &mut self.runner {
            Runner::Step { method, batches, moment } => {
                precision.scope(|| method.step(batches, *moment))?;
                moment.images_seen += batch as u64;
            }
            Runner::Samples { network, latents } => {
                let draw = || network.forward(latents.clone(), None).into_data();
                precision.scope(|| gannet_kernels::keeping_weights(draw));
            }
            Runner::Play(playground) => {
                playground.step(Turn::Both)?;
            }
            Runner::Load(loader) => {
                loader.next_batch()?;
            }
            Runner::Start(program) => {
                let quiet = || Stdio::null();
                let ended = Command::new(*program).arg("--version").stdout(quiet()).stderr(quiet()).status();
                ended.map_err(Error::io("start", program))?;
            }
        }
        // What a step or samples asked for is done when the device says so.
        self.conditions.device.sync().map_err(|error| Error::setting(error.to_string()))?;
        Ok(started.elapsed().as_secs_f64())
    }
}

/// A game under `settings`, and the length of its latents.
fn game(
    name: &str,
    shape: Shape,
    settings: &[&str],
    (batch, device): (usize, Device),
) -> Result<(Box<dyn Method>, usize)> {
    let mut table = Table::new();
    settings.iter().try_for_each(|assignment| run::assign(&mut table, assignment))?;
    let config = method::of_rules(table).map_err(|error| Error::setting(format!("{name}: {error}")))?;
    let given = Given { batch, ..shape.into() };
    let device = device.autodiff();
    let Networks::Sampler(net) = config.net() else { return Err(no_sampler(name)) };
    let n_latent = net.latent();
    Ok((config.build(&Setting { given, device, seed: 0 })?, n_latent))
}

fn no_sampler(name: &str) -> Error {
    Error::setting(format!("{name} makes no samples of latents, and only such games are timed"))
}

/// Multiplications and additions of all convolutions of this process so far; 0 without the feature `kernels`.
pub fn convolution_flops() -> u64 {
    #[cfg(feature = "kernels")]
    return gannet_kernels::convolution_flops();
    #[cfg(not(feature = "kernels"))]
    return 0;
}

/// Products and sums a second, in units of 10⁹, that the innermost loop of convolutions reaches where nothing else is done;
/// 0 without the feature `kernels`.
pub fn peak_gflops(precision: Precision) -> f64 {
    #[cfg(feature = "kernels")]
    let peak = gannet_kernels::peak_gflops(gannet_kernels::Path::best(precision.into()));
    #[cfg(not(feature = "kernels"))]
    let (peak, _) = (0.0, precision);
    peak
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_makes_a_lap() {
        let program = Path::new("true");
        let conditions = Conditions::new(2, Precision::F32, device::default_name()).unwrap();
        for workload in WORKLOADS {
            let mut race = Race::new(workload, &conditions, program).unwrap();
            assert!(race.lap().unwrap() > 0.0, "{}", workload.name);
        }
    }
}
