//! What the two-player methods share: the players, the average, the latents. The order of moves is each method's own.

use burn::tensor::{Device, Tensor, TensorData};

use super::Setting;
use crate::image::Shape;
use crate::loss::Loss;
use crate::net::{Critic, Generator, NetConfig};
use crate::nn::Init;
use crate::nn::state::{self, Tensors};
use crate::random::{self, Purpose};
use crate::train::ema;
use crate::train::event::Stats;
use crate::train::player::{Player, PlayerConfig};
use crate::train::schedule::Moment;

/// A generator, a critic and the generator's average.
pub(super) struct Game {
    pub(super) generator: Player<Generator>,
    pub(super) critic: Player<Critic>,
    pub(super) average: Generator,
    pub(super) device: Device,
    n_latent: usize,
    ema_half_life_images: f64,
    seed: u64,
}

impl Game {
    pub(super) fn new(
        net: &NetConfig,
        [generator, critic]: [&PlayerConfig; 2],
        ema_half_life_images: f64,
        setting: &Setting,
    ) -> Self {
        let Setting { shape, device, seed } = setting;
        let generator_net = net.generator(*shape, &mut Init::new(*seed, Purpose::GeneratorWeights, device));
        let critic_net = net.critic(*shape, &mut Init::new(*seed, Purpose::CriticWeights, device));
        Self {
            average: burn::module::Module::valid(&generator_net),
            generator: Player::new(generator_net, generator.clone()),
            critic: Player::new(critic_net, critic.clone()),
            device: device.clone(),
            n_latent: net.latent(),
            ema_half_life_images,
            seed: *seed,
        }
    }

    /// `[n, latent]` from N(0, 1) for the step, or the critic's move, that starts at `images_seen`.
    pub(super) fn latents(&self, purpose: Purpose, n: usize, images_seen: u64) -> Tensor<2> {
        let mut rng = random::stream(self.seed, purpose, images_seen);
        let values = random::normal(&mut rng, n * self.n_latent);
        Tensor::from_data(TensorData::new(values, [n, self.n_latent]), &self.device)
    }

    /// Moves the average after a step of `n_images`.
    pub(super) fn follow(&mut self, moment: Moment, n_images: u64) {
        let decay = ema::decay(self.ema_half_life_images, moment.images_seen, n_images);
        self.average = ema::update(self.average.clone(), self.generator.network(), decay);
    }

    pub(super) fn save(&self, into: &mut Tensors) {
        self.generator.save("generator", into);
        self.critic.save("critic", into);
        state::save(&self.average, "average", into);
    }

    pub(super) fn load(&mut self, from: &Tensors) -> Result<(), String> {
        self.generator.load("generator", from)?;
        self.critic.load("critic", from)?;
        self.average = state::load(self.average.clone(), "average", from)?;
        Ok(())
    }
}

/// What keeps a game of these settings from being played for samples of `shape`.
pub(super) fn problems(
    net: &NetConfig,
    [generator, critic]: [&PlayerConfig; 2],
    ema_half_life_images: f64,
    shape: Shape,
) -> Vec<String> {
    let mut problems = net.problems(shape);
    problems.extend(generator.problems("generator"));
    problems.extend(critic.problems("critic"));
    problems.extend(ema::problem(ema_half_life_images));
    problems
}

/// Losses, mean scores, and how often the critic is right about each side.
pub(super) fn report(loss: Loss, losses: [Tensor<1>; 2], scores: [Tensor<1>; 2], gradient_norms: [f64; 2]) -> Stats {
    let [loss_generator, loss_critic] = losses.map(|loss| f64::from(loss.into_scalar::<f32>()));
    let [real, fake] = scores.map(|scores| scores.into_data().iter::<f64>().collect::<Vec<_>>());
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let share = |n_right: usize, n: usize| n_right as f64 / n as f64;
    let boundary = loss.boundary(mean(&real), mean(&fake));
    Stats::from([
        ("loss_generator", loss_generator),
        ("loss_critic", loss_critic),
        ("score_real", mean(&real)),
        ("score_fake", mean(&fake)),
        ("accuracy_real", share(real.iter().filter(|&&score| score > boundary).count(), real.len())),
        ("accuracy_fake", share(fake.iter().filter(|&&score| score < boundary).count(), fake.len())),
        ("gradient_norm_generator", gradient_norms[0]),
        ("gradient_norm_critic", gradient_norms[1]),
    ])
}
