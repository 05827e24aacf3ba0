//! Berthelot, Schumm and Metz 2017, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", section 3.4: the
//! critic is an autoencoder that learns to draw reals and to fail on fakes, as hard as an equilibrium allows.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{self, Game, Report, values};
use super::{Average, Given, Method, MethodConfig, MethodEntry, Networks, Setting, table_of};
use crate::data::Batch;
use crate::loss::Loss;
use crate::net::{Autoencoder, CriticNorm, DcganConfig, NetConfig, NetworkPlan, Subject};
use crate::nn::state::Tensors;
use crate::train::event::Stats;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Moment;
use crate::{Result, train};

pub(super) const BEGAN: MethodEntry = MethodEntry {
    name: "began",
    summary: "the critic is an autoencoder held in equilibrium; calm training, smooth images, a measure of convergence",
    advice: "Images when you want a calm training with one number that falls as it converges; `diversity` trades \
             variety against sharpness. Not for points: an autoencoder copies them without learning.",
    paper: "Berthelot, Schumm and Metz 2017, arXiv:1703.10717",
    preset: |_| Box::new(BeganConfig::default()),
    parse: |table| Ok(Box::new(table.try_into::<BeganConfig>()?)),
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BeganConfig {
    /// Error on fakes over error on reals that is aimed at, the paper's gamma, in (0, 1] (section 3.3: 0.3 to 0.7).
    diversity: f64,
    /// Step of the equilibrium's control, the paper's lambda (section 3.4: 0.001).
    control: f64,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The networks; the critic decodes with a second generator.
    net: NetConfig,
    /// How the generator learns (section 4.1: 1e-4).
    generator: PlayerConfig,
    /// How the autoencoder learns (section 4.1: 1e-4).
    critic: PlayerConfig,
}

impl Default for BeganConfig {
    fn default() -> Self {
        let player = PlayerConfig { learning_rate: 1e-4, ..PlayerConfig::default() };
        Self {
            diversity: 0.5,
            control: 1e-3,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: NetConfig::Dcgan(DcganConfig { latent: 64, critic_norm: CriticNorm::None, ..DcganConfig::default() }),
            generator: player.clone(),
            critic: player,
        }
    }
}

impl MethodConfig for BeganConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        let players = [&self.generator, &self.critic];
        let mut problems = game::problems(&self.net, players, self.ema_half_life_images, given.shape);
        for (name, value) in [("diversity", self.diversity), ("control", self.control)] {
            if !(value > 0.0 && value <= 1.0) {
                problems.push(format!("method.{name} is {value}, accepted: more than 0, at most 1"));
            }
        }
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Sampler(&self.net)
    }

    fn subject(&self, given: &Given) -> Subject {
        given.shape.into()
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        self.net.autoencoder_plan(self.subject(given))
    }

    fn needs(&self) -> &'static [&'static str] {
        &["real"]
    }

    fn build(&self, setting: &Setting) -> Result<Box<dyn Method>> {
        let subject = self.subject(&setting.given);
        let critic = |init: &mut _| self.net.autoencoder(subject, init);
        let players = [&self.generator, &self.critic];
        let game = Game::new(&self.net, subject, critic, players, self.ema_half_life_images, setting);
        Ok(Box::new(Began { diversity: self.diversity, control: self.control, balance: 0.0, game }))
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

struct Began {
    diversity: f64,
    control: f64,
    /// The paper's k, in [0, 1]: how much the autoencoder fails fakes on purpose. Kept in f32, as checkpoints do.
    balance: f32,
    game: Game<Autoencoder>,
}

impl Method for Began {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let Self { diversity, control, balance, game } = self;
        let real = batches[0].images("real", &game.device)?;
        let [n, ..] = real.dims();
        let fake = game.generator.network().forward(game.latents(n, moment.images_seen), None);

        // The critic's move: draw reals well and, as far as the balance says, fakes badly.
        let critic = game.critic.network();
        let error_real = critic.error(real);
        let error_fake = critic.error(fake.clone().detach());
        let loss_critic = error_real.clone().mean() - error_fake.clone().mean() * *balance;
        let norm_critic = game.critic.descend(loss_critic.clone(), moment);

        // The generator's move: make what the autoencoder, as it now is, draws well.
        let loss_generator = game.critic.frozen().error(fake).mean();
        let norm_generator = game.generator.descend(loss_generator.clone(), moment);
        game.follow(moment, n as u64);

        // The control: more weight on fakes where they are drawn too well for the diversity asked for.
        let [mean_real, mean_fake] =
            [&error_real, &loss_generator].map(|errors| values(errors.clone().mean()).iter().sum::<f64>());
        let surplus = *diversity * mean_real - mean_fake;
        *balance = (f64::from(*balance) + *control * surplus).clamp(0.0, 1.0) as f32;

        let report = Report {
            loss_generator,
            loss_critic,
            score_real: -error_real,
            score_fake: -error_fake,
            gradient_norm_generator: norm_generator,
            gradient_norm_critic: norm_critic,
        };
        let mut stats = report.stats(Loss::Wasserstein);
        stats.insert("balance", f64::from(*balance));
        stats.insert("convergence", mean_real + surplus.abs());
        Ok(stats)
    }

    fn average(&self) -> Average<'_> {
        Average::Sampler(&self.game.average)
    }

    fn current(&self) -> Option<crate::net::Generator> {
        Some(self.game.current())
    }

    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        -self.game.critic.network().valid().error(samples)
    }

    fn save(&self, into: &mut Tensors) {
        self.game.save(into);
        into.insert(BALANCE.into(), TensorData::new(vec![self.balance], [1]));
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        self.game.load(from)?;
        let balance: &[f32] = from.get(BALANCE).and_then(|data| data.as_slice().ok()).unwrap_or_default();
        let [balance] = balance else { return Err(format!("it holds no `{BALANCE}`")) };
        self.balance = *balance;
        Ok(())
    }
}

const BALANCE: &str = "balance";
