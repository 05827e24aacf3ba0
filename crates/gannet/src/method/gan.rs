//! The game itself: Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1 with one critic step (k = 1).
//!
//! `vanilla` plays it with fully connected networks, `dcgan` with the convolutional ones of Radford et al. 2016. Both
//! use Adam as Radford et al. do (section 4), and the non-saturating loss unless told otherwise.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{self, Game};
use super::{Method, MethodConfig, MethodEntry, Setting, table_of};
use crate::data::Batch;
use crate::image::Shape;
use crate::loss::Loss;
use crate::net::{self, DcganConfig, MlpConfig, NetConfig};
use crate::nn::state::Tensors;
use crate::random::Purpose;
use crate::train::event::Stats;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Moment;
use crate::{Result, train};

pub(super) const VANILLA: MethodEntry = MethodEntry {
    name: "vanilla",
    summary: "the game with fully connected networks; for points and small images",
    paper: "Goodfellow et al. 2014, arXiv:1406.2661",
    preset: |_| Box::new(GanConfig { net: NetConfig::Mlp(MlpConfig::default()), ..GanConfig::default() }),
    parse: |table| Ok(Box::new(table.try_into::<GanConfig>()?)),
};

pub(super) const DCGAN: MethodEntry = MethodEntry {
    name: "dcgan",
    summary: "the game with convolutional networks and batch norm; a good first choice for images",
    paper: "Radford, Metz and Chintala 2016, arXiv:1511.06434",
    preset: |_| Box::new(GanConfig::default()),
    parse: |table| Ok(Box::new(table.try_into::<GanConfig>()?)),
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GanConfig {
    /// `minimax` or `non-saturating`.
    loss: Loss,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The networks.
    net: NetConfig,
    /// How the generator learns.
    generator: PlayerConfig,
    /// How the critic learns.
    critic: PlayerConfig,
}

impl Default for GanConfig {
    fn default() -> Self {
        Self {
            loss: Loss::NonSaturating,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: NetConfig::Dcgan(DcganConfig::default()),
            generator: PlayerConfig::default(),
            critic: PlayerConfig::default(),
        }
    }
}

impl MethodConfig for GanConfig {
    fn problems(&self, shape: Shape) -> Vec<String> {
        let players = [&self.generator, &self.critic];
        let mut problems = game::problems(&self.net, players, self.ema_half_life_images, shape);
        if self.loss == Loss::Wasserstein {
            problems.push("method.loss is `wasserstein`, which needs a bounded critic; use --method wgan".into());
        }
        problems
    }

    fn needs(&self) -> &'static [&'static str] {
        &["real"]
    }

    fn net(&self) -> &NetConfig {
        &self.net
    }

    fn build(&self, setting: &Setting) -> Box<dyn Method> {
        let players = [&self.generator, &self.critic];
        Box::new(Gan { loss: self.loss, game: Game::new(&self.net, players, self.ema_half_life_images, setting) })
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

struct Gan {
    loss: Loss,
    game: Game,
}

impl Method for Gan {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let Self { loss, game } = self;
        let real = batches[0].images("real", &game.device)?;
        let [n, ..] = real.dims();
        let fake = game.generator.network().forward(game.latents(Purpose::TrainingLatents, n, moment.images_seen));

        // The critic's move: tell reals from fakes.
        let critic = game.critic.network();
        let score_real = critic.forward(real);
        let score_fake = critic.forward(fake.clone().detach());
        let loss_critic = loss.critic(score_real.clone(), score_fake.clone());
        let norm_critic = game.critic.descend(loss_critic.clone(), moment);

        // The generator's move: pass the critic as it now is.
        let loss_generator = loss.generator(game.critic.frozen().forward(fake));
        let norm_generator = game.generator.descend(loss_generator.clone(), moment);
        game.follow(moment, n as u64);

        Ok(game::report(*loss, [loss_generator, loss_critic], [score_real, score_fake], [norm_generator, norm_critic]))
    }

    fn average(&self) -> &net::Generator {
        &self.game.average
    }

    fn save(&self, into: &mut Tensors) {
        self.game.save(into);
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        self.game.load(from)
    }
}
