//! Arjovsky, Chintala and Bottou 2017, "Wasserstein GAN", algorithm 1: a critic kept Lipschitz by clipping its weights
//! and trained nearly to its optimum before each move of the generator.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{self, Game};
use super::{Method, MethodConfig, MethodEntry, Setting, suited_net, table_of};
use crate::data::Batch;
use crate::image::Shape;
use crate::loss::Loss;
use crate::net::{self, DcganConfig, NetConfig};
use crate::nn::state::Tensors;
use crate::random::Purpose;
use crate::train::event::Stats;
use crate::train::optimizer::Rule;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Moment;
use crate::{Result, train};

pub(super) const WGAN: MethodEntry = MethodEntry {
    name: "wgan",
    summary: "Wasserstein distance with a weight-clipped critic; slow, steady, its loss follows quality",
    paper: "Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875",
    preset: |shape| Box::new(WganConfig { net: suited_net(shape), ..WganConfig::default() }),
    parse: |table| Ok(Box::new(table.try_into::<WganConfig>()?)),
};

/// More moves of the critic in one step than this are taken for a typing error.
const MAX_CRITIC_MOVES: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WganConfig {
    /// Critic moves for each move of the generator (algorithm 1: 5).
    n_critic: usize,
    /// The critic's weights stay within ± this (algorithm 1: 0.01).
    clip: f64,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The networks.
    net: NetConfig,
    /// How the generator learns (algorithm 1: RMSProp at 5e-5).
    generator: PlayerConfig,
    /// How the critic learns (algorithm 1: RMSProp at 5e-5).
    critic: PlayerConfig,
}

impl Default for WganConfig {
    fn default() -> Self {
        let player =
            PlayerConfig { optimizer: Rule::RmsProp, learning_rate: 5e-5, beta_2: 0.99, ..PlayerConfig::default() };
        Self {
            n_critic: 5,
            clip: 0.01,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: NetConfig::Dcgan(DcganConfig::default()),
            generator: player.clone(),
            critic: player,
        }
    }
}

impl MethodConfig for WganConfig {
    fn problems(&self, shape: Shape) -> Vec<String> {
        let players = [&self.generator, &self.critic];
        let mut problems = game::problems(&self.net, players, self.ema_half_life_images, shape);
        if !(1..=MAX_CRITIC_MOVES).contains(&self.n_critic) {
            problems.push(format!("method.n_critic is {}, accepted: 1 to {MAX_CRITIC_MOVES}", self.n_critic));
        }
        if !(self.clip > 0.0 && self.clip.is_finite()) {
            problems.push(format!("method.clip is {}, accepted: more than 0", self.clip));
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
        let game = Game::new(&self.net, players, self.ema_half_life_images, setting);
        Box::new(Wgan { n_critic: self.n_critic, clip: self.clip, game })
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

struct Wgan {
    n_critic: usize,
    clip: f64,
    game: Game,
}

impl Method for Wgan {
    fn batches_per_step(&self) -> usize {
        self.n_critic
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let Self { game, clip, .. } = self;
        let mut images_seen = moment.images_seen;
        let mut last = None;

        // The critic's moves, each on new reals and new fakes.
        let generator = game.generator.frozen();
        for batch in batches {
            let real = batch.images("real", &game.device)?;
            let [n, ..] = real.dims();
            let fake = generator.forward(game.latents(Purpose::TrainingLatents, n, images_seen)).detach();
            let critic = game.critic.network();
            let (score_real, score_fake) = (critic.forward(real), critic.forward(fake));
            let loss_critic = Loss::Wasserstein.critic(score_real.clone(), score_fake.clone());
            let norm_critic = game.critic.descend(loss_critic.clone(), moment);
            game.critic.adjust(|critic| critic.map(&mut Clip(*clip)));
            images_seen += n as u64;
            last = Some((n, loss_critic, [score_real, score_fake], norm_critic));
        }
        let Some((n, loss_critic, scores, norm_critic)) = last else { return Ok(Stats::new()) };

        // The generator's move, on latents of its own.
        let latents = game.latents(Purpose::GeneratorLatents, n, moment.images_seen);
        let fake = game.generator.network().forward(latents);
        let loss_generator = Loss::Wasserstein.generator(game.critic.frozen().forward(fake));
        let norm_generator = game.generator.descend(loss_generator.clone(), moment);
        game.follow(moment, images_seen - moment.images_seen);

        Ok(game::report(Loss::Wasserstein, [loss_generator, loss_critic], scores, [norm_generator, norm_critic]))
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

/// Keeps every trained weight within ± the bound; buffers are left alone.
struct Clip(f64);

impl ModuleMapper for Clip {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let bound = self.0;
        param.map(|weight| {
            if !weight.is_require_grad() {
                return weight;
            }
            Tensor::from_inner(weight.without_autodiff().clamp(-bound, bound)).require_grad()
        })
    }
}
