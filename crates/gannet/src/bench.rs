//! Training steps worth timing: the registry behind `gannet bench`, and a game that is timed step by step.

use std::time::Instant;

use toml::Table;

use crate::data::{Batch, Sample};
use crate::image::Shape;
use crate::method::{self, Given, Method, Setting};
use crate::train::schedule::Moment;
use crate::{Result, device, run};

/// A training step to time: networks and rules of the method that takes any.
pub struct Workload {
    /// What the command line takes.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Of a sample.
    pub shape: Shape,
    /// Rules of the family that takes any networks.
    pub settings: &'static [&'static str],
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
        shape: POINT,
        settings: &["net.family=mlp"],
    },
    Workload { name: "mlp64", summary: "the same networks on 3x64x64", shape: COLOUR, settings: &["net.family=mlp"] },
    Workload { name: "mlp64-r1", summary: "mlp64 with R1", shape: COLOUR, settings: &["net.family=mlp", R1[0], R1[1]] },
    Workload {
        name: "mlp64-gp",
        summary: "mlp64 with a gradient penalty of WGAN-GP's kind",
        shape: COLOUR,
        settings: &["net.family=mlp", GP[0], GP[1]],
    },
    Workload {
        name: "dcgan28",
        summary: "DCGAN of width 128 on 1x28x28",
        shape: GREY,
        settings: &["net.family=dcgan", "net.width=128"],
    },
    Workload {
        name: "dcgan64",
        summary: "DCGAN of width 64 on 3x64x64",
        shape: COLOUR,
        settings: &["net.family=dcgan"],
    },
    Workload {
        name: "plain64",
        summary: "dcgan64 without batch norm in the critic",
        shape: COLOUR,
        settings: &["net.family=dcgan", "net.critic_norm=none"],
    },
    Workload {
        name: "r1-64",
        summary: "plain64 with R1 at every step",
        shape: COLOUR,
        settings: &["net.family=dcgan", "net.critic_norm=none", R1[0], R1[1]],
    },
    Workload {
        name: "wgangp64",
        summary: "plain64 with Wasserstein loss and gradient penalty, one critic move",
        shape: COLOUR,
        settings: &["net.family=dcgan", "net.critic_norm=none", "loss=wasserstein", GP[0], GP[1]],
    },
    Workload {
        name: "resnet32",
        summary: "residual networks of width 16 on 3x32x32",
        shape: Shape { channels: 3, height: 32, width: 32 },
        settings: &["net.family=resnet", "net.width=16"],
    },
    Workload {
        name: "r3gan32",
        summary: "R3GAN's networks of width 8 on 3x32x32, with R1 and R2",
        shape: Shape { channels: 3, height: 32, width: 32 },
        settings: &["net.family=r3gan", "net.width=8", "net.blocks=1", "loss=relativistic", "penalty=r1-r2"],
    },
];

/// A game whose steps are timed, always on the same made-up batch.
pub struct Race {
    method: Box<dyn Method>,
    batches: [Batch; 1],
    batch: usize,
    moment: Moment,
}

impl Race {
    /// `workload` at a batch of `batch` samples.
    pub fn new(workload: &Workload, batch: usize) -> Result<Self> {
        let given = Given { shape: workload.shape, n_classes: 0, batch };
        let mut settings = Table::new();
        for assignment in workload.settings {
            run::assign(&mut settings, assignment)?;
        }
        let config =
            method::of_rules(settings).map_err(|error| crate::Error::setting(format!("{}: {error}", workload.name)))?;
        let device = device::open(device::first_built())?.autodiff();
        let n_values = given.shape.n_values();
        let value = |i: usize| (i as f32 * 0.37).sin();
        let samples: Vec<Sample> = (0..batch)
            .map(|n| Sample { values: (0..n_values).map(|i| value(n * n_values + i)).collect(), label: None })
            .collect();
        Ok(Self {
            method: config.build(&Setting { given, device, seed: 0 }),
            batches: [Batch::new(&samples, given.shape)],
            batch,
            moment: Moment { images_seen: 0, images_total: u64::MAX },
        })
    }

    /// Seconds of one step.
    pub fn step(&mut self) -> Result<f64> {
        let started = Instant::now();
        self.method.step(&self.batches, self.moment)?;
        self.moment.images_seen += self.batch as u64;
        Ok(started.elapsed().as_secs_f64())
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_makes_a_step() {
        for workload in WORKLOADS {
            let seconds = Race::new(workload, 2).unwrap().step().unwrap();
            assert!(seconds > 0.0, "{}", workload.name);
        }
    }
}
