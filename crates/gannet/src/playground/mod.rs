//! The game in the plane, small enough to watch: two fully connected networks play about 2-D points, one step at a time.
//!
//! A [`Playground`] moves when told to and shows all there is to see as a [`Snapshot`]: real points and fakes, the
//! critic's field, how the generator bends its noise, where the critic pulls the fakes, figures and a verdict in words.
//! [`Session`] is the same behind text, for pages that talk to a server or to WebAssembly in the same words.

mod settings;
mod points;
mod preset;
mod glossary;
mod probe;
mod snapshot;
mod verdict;
mod session;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

pub use glossary::{Choice, GLOSSARY, Group, Term};
pub use points::PointSet;
pub use preset::{PRESETS, Preset};
pub use probe::Check;
pub use session::{MAX_STEPS, Request, Session, catalogue};
pub use settings::{Noise, Settings, Side};
pub use snapshot::{Show, Snapshot};
pub use verdict::{State, Verdict, verdict};

use crate::Result;
use crate::image::Shape;
use crate::net::{MlpCritic, MlpGenerator};
use crate::nn::Init;
use crate::penalty::Judge;
use crate::random::{self, Purpose};
use crate::train::player::Player;
use crate::train::schedule::Moment;
use probe::Probe;
use snapshot::Opinion;

/// Steps between two checks of where the fakes are.
const CHECK_EVERY: u64 = 25;

/// A 2-D point as the networks take it.
const POINT: Shape = Shape { channels: 2, height: 1, width: 1 };

/// Whose move it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// The critic's moves, then the generator's.
    #[default]
    Both,
    /// The critic's alone.
    Critic,
    /// The generator's alone.
    Generator,
}

/// What one step came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Figures {
    /// What the generator minimizes.
    pub loss_generator: f64,
    /// What the critic minimizes, without penalty.
    pub loss_critic: f64,
    /// Share of reals and fakes that the critic tells rightly, in [0, 1]; 0.5 is guessing.
    pub accuracy: f64,
}

impl Figures {
    fn is_finite(&self) -> bool {
        self.loss_generator.is_finite() && self.loss_critic.is_finite()
    }
}

/// A game in progress.
pub struct Playground {
    settings: Settings,
    device: Device,
    generator: Player<MlpGenerator>,
    critic: Player<MlpCritic>,
    probe: Probe,
    n_steps: u64,
    /// Batches drawn so far, which addresses the random streams.
    n_draws: u64,
    /// Losses over steps, as they were at the last one.
    last: Figures,
    opinion: Opinion,
    is_diverged: bool,
}

impl Playground {
    /// A game that has not begun.
    pub fn new(settings: Settings) -> Result<Self> {
        settings.check()?;
        let device = Device::default().autodiff();
        let init = |purpose| Init::new(settings.seed, purpose, &device);
        let net = settings.critic_net();
        let generator = settings.generator_net().generator(POINT, &mut init(Purpose::GeneratorWeights));
        let critic = net.critic(POINT, &mut init(Purpose::CriticWeights));
        let mut playground = Self {
            generator: Player::new(generator, settings.player(&settings.generator)),
            critic: Player::new(critic, settings.player(&settings.critic)),
            probe: Probe::new(&settings),
            n_steps: 0,
            n_draws: 0,
            last: Figures::default(),
            opinion: Opinion::default(),
            is_diverged: false,
            settings,
            device,
        };
        playground.look();
        Ok(playground)
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Steps taken.
    pub fn n_steps(&self) -> u64 {
        self.n_steps
    }

    /// The last check of where the fakes are.
    pub fn check(&self) -> Check {
        self.probe.checks().last().copied().unwrap_or_default()
    }

    /// What is going on, in a word and a sentence.
    pub fn verdict(&self) -> Verdict {
        if self.is_diverged { State::Diverged.verdict() } else { verdict(self.probe.checks()) }
    }

    /// Plays on under new settings. Where these change what the networks are or were made from, the game begins again;
    /// rates, loss, penalty, batch and the number of moves change on the way.
    pub fn change(&mut self, settings: Settings) -> Result<()> {
        settings.check()?;
        if settings.needs_new_networks(&self.settings) {
            *self = Self::new(settings)?;
            return Ok(());
        }
        self.generator.set_learning_rate(settings.generator.learning_rate);
        self.critic.set_learning_rate(settings.critic.learning_rate);
        if (&settings.data, &settings.own, settings.spread)
            != (&self.settings.data, &self.settings.own, self.settings.spread)
        {
            self.probe = Probe::new(&settings);
        }
        self.settings = settings;
        Ok(())
    }

    /// One step: `n_critic` moves of the critic, each on new points, and one of the generator (Goodfellow et al. 2014,
    /// algorithm 1). Nothing moves once a figure is no longer a number.
    pub fn step(&mut self, turn: Turn) -> Result<Figures> {
        if self.is_diverged {
            return Ok(self.last);
        }
        let moment = Moment { images_seen: self.n_steps, images_total: u64::MAX };
        let loss = self.settings.loss;
        let n_critic = if turn == Turn::Generator { 1 } else { self.settings.n_critic };
        let mut last = None;
        for _ in 0..n_critic {
            self.n_draws += 1;
            let real = self.real();
            let made = self.generator.network().forward(self.latents());
            let fake = made.clone().detach();
            let judge = Judge {
                critic: &|points| self.critic.network().forward(points),
                frozen: &|points| self.critic.frozen().forward(points),
            };
            let Settings { penalty, gamma, seed, .. } = self.settings;
            let mut rng = random::stream(seed, Purpose::View, self.n_draws);
            let sides = judge.sides(penalty, [&real, &fake], penalty.elsewhere(&real, &fake, &mut rng))?;
            let [score_real, score_fake] = [0, 1].map(|i| sides[i].scores.clone());
            self.last.loss_critic = scalar(&loss.critic(score_real.clone(), score_fake.clone()));
            self.opinion = Opinion::of(loss, score_real, score_fake);
            self.last.accuracy = self.opinion.accuracy;
            if turn != Turn::Generator {
                let game = |scores: &[Tensor<1>]| loss.critic(scores[0].clone(), scores[1].clone());
                let (total, _) = judge.loss(sides, gamma, game)?;
                self.critic.descend(total, moment);
            }
            last = Some((real, made));
        }
        let Some((real, fake)) = last else { return Ok(self.last) };

        // The generator answers with the points of the critic's last move.
        let opponent = self.critic.frozen();
        let score_fake = opponent.forward(fake).value;
        let score_real = if loss.is_relative() { opponent.forward(real).value } else { score_fake.clone().detach() };
        let game = loss.generator(score_real, score_fake);
        self.last.loss_generator = scalar(&game);
        if turn != Turn::Critic {
            self.generator.descend(game, moment);
        }

        self.n_steps += 1;
        self.is_diverged = !self.last.is_finite();
        if self.n_steps.is_multiple_of(CHECK_EVERY) && !self.is_diverged {
            self.look();
        }
        Ok(self.last)
    }

    /// Real points of this draw, `[batch, 2, 1, 1]`.
    fn real(&self) -> Tensor<4> {
        let mut rng = random::stream(self.settings.seed, Purpose::Synthetic, self.n_draws);
        let points = self.settings.points(&mut rng, self.settings.batch);
        Tensor::from_data(points_data(&points), &self.device)
    }

    /// Noise of this draw, `[batch, noise_dim]`.
    fn latents(&self) -> Tensor<2> {
        let mut rng = random::stream(self.settings.seed, Purpose::TrainingLatents, self.n_draws);
        let [n, dim] = [self.settings.batch, self.settings.noise_dim];
        Tensor::from_data(TensorData::new(self.settings.noise.draw(&mut rng, n * dim), [n, dim]), &self.device)
    }

    /// Where the generator, as it stands, puts `latents`, row by row.
    fn generate(&self, latents: &[f32]) -> Vec<[f32; 2]> {
        let dim = self.settings.noise_dim;
        let data = TensorData::new(latents.to_vec(), [latents.len() / dim, dim]);
        let latents = Tensor::from_data(data, &self.device.clone().without_autodiff());
        points_of(self.generator.network().valid().forward(latents))
    }

    /// How the generator's loss would move each of `fakes` if they were free: minus its gradient, times their number.
    fn pulls(&self, fakes: &[[f32; 2]]) -> Vec<[f32; 2]> {
        let opponent = self.critic.frozen();
        let samples = Tensor::<4>::from_data(points_data(fakes), &self.device).require_grad();
        let score_real = opponent.forward(self.real()).value;
        // Losses that compare pairs want as many reals as fakes.
        let n = score_real.dims()[0].min(fakes.len());
        let score_fake = opponent.forward(samples.clone()).value;
        let loss = self.settings.loss.generator(score_real.narrow(0, 0, n), score_fake.narrow(0, 0, n));
        let gradients = loss.backward();
        let gradient = samples.grad(&gradients).map(Tensor::<4>::from_inner);
        let pulls = gradient.map(|gradient| points_of(gradient * -(n as f64)));
        pulls.unwrap_or_else(|| vec![[0.0; 2]; fakes.len()])
    }

    /// Checks where the fakes are.
    fn look(&mut self) {
        let fakes = self.generate(self.probe.latents());
        let n = self.settings.batch.min(fakes.len());
        let pull = self.pulls(&fakes[..n]);
        let pull = pull.iter().map(|[x, y]| f64::from(x.hypot(*y))).sum::<f64>() / n.max(1) as f64;
        self.probe.check(&fakes, pull, self.last.accuracy);
    }
}

fn points_data(points: &[[f32; 2]]) -> TensorData {
    TensorData::new(points.concat(), [points.len(), 2, 1, 1])
}

fn points_of(samples: Tensor<4>) -> Vec<[f32; 2]> {
    let values: Vec<f32> = samples.into_data().iter::<f32>().collect();
    values.chunks_exact(2).map(|point| [point[0], point[1]]).collect()
}

fn scalar(loss: &Tensor<1>) -> f64 {
    f64::from(loss.clone().into_scalar::<f32>())
}

#[cfg(test)]
mod tests;
