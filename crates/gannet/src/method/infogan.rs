//! Chen et al. 2016, "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
//! Nets", eq. 6: the generator is told codes of its own making, and a reader has to find them again in its fakes.
//!
//! The reader shares the critic's trunk (section 6) and learns with it; the paper leaves open whose move that is.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{self, Game, Report};
use super::{Average, Given, Method, MethodConfig, MethodEntry, Networks, Setting, rules, table_of};
use crate::data::Batch;
use crate::loss::{Loss, cross_entropy};
use crate::net::{DcganConfig, NetConfig, NetworkPlan, ReadingCritic, Subject};
use crate::nn::state::Tensors;
use crate::random::Purpose;
use crate::train::event::Stats;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Moment;
use crate::{Result, train};

pub(super) const INFOGAN: MethodEntry = MethodEntry {
    name: "infogan",
    summary: "finds categories and continuous traits by itself, without labels, and generates by them",
    advice: "Unlabelled data in which you look for structure: the categories it finds often are classes, the codes \
             slant or width. What they mean shows only in the samples.",
    paper: "Chen et al. 2016, arXiv:1606.03657",
    preset: |shape| {
        let net = rules::suited_net(shape, NetConfig::Dcgan(DcganConfig::default()));
        Box::new(InfoganConfig { net, ..InfoganConfig::default() })
    },
    parse: |table| Ok(Box::new(table.try_into::<InfoganConfig>()?)),
};

/// More categories or codes than this are taken for a typing error.
const MAX_CODES: usize = 1000;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InfoganConfig {
    /// Categories (section 7.2: 10).
    n_categories: usize,
    /// Continuous codes, uniform in [-1, 1] (section 7.2: 2).
    n_codes: usize,
    /// Weight of the category's reading in both players' losses (section 7: 1).
    category_weight: f64,
    /// Weight of the codes' reading, "smaller, so that it is of the scale of the GAN's own loss" (section 7).
    code_weight: f64,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The networks.
    net: NetConfig,
    /// How the generator learns (appendix C: 1e-3).
    generator: PlayerConfig,
    /// How the critic and the reader learn (appendix C: 2e-4).
    critic: PlayerConfig,
}

impl Default for InfoganConfig {
    fn default() -> Self {
        Self {
            n_categories: 10,
            n_codes: 2,
            category_weight: 1.0,
            code_weight: 0.1,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: NetConfig::Dcgan(DcganConfig::default()),
            generator: PlayerConfig { learning_rate: 1e-3, ..PlayerConfig::default() },
            critic: PlayerConfig::default(),
        }
    }
}

impl MethodConfig for InfoganConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        let players = [&self.generator, &self.critic];
        let mut problems = game::problems(&self.net, players, self.ema_half_life_images, given.shape);
        if !(2..=MAX_CODES).contains(&self.n_categories) {
            problems.push(format!("method.n_categories is {}, accepted: 2 to {MAX_CODES}", self.n_categories));
        }
        if self.n_codes > MAX_CODES {
            problems.push(format!("method.n_codes is {}, accepted: 0 to {MAX_CODES}", self.n_codes));
        }
        let weights = [("category_weight", self.category_weight), ("code_weight", self.code_weight)];
        problems.extend(game::unusable_amounts(weights));
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Sampler(&self.net)
    }

    fn subject(&self, given: &Given) -> Subject {
        Subject { n_classes: self.n_categories, n_codes: self.n_codes, ..given.shape.into() }
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        self.net.reading_plan(self.subject(given))
    }

    fn needs(&self) -> &'static [&'static str] {
        &["real"]
    }

    fn build(&self, setting: &Setting) -> Result<Box<dyn Method>> {
        let subject = self.subject(&setting.given);
        let critic = |init: &mut _| self.net.reading_critic(subject, init);
        let players = [&self.generator, &self.critic];
        let game = Game::new(&self.net, subject, critic, players, self.ema_half_life_images, setting);
        Ok(Box::new(Infogan { weights: [self.category_weight, self.code_weight], game }))
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

struct Infogan {
    weights: [f64; 2],
    game: Game<ReadingCritic>,
}

impl Method for Infogan {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let real = batches[0].images("real", &self.game.device)?;
        let [n, ..] = real.dims();
        let (latents, codes) = (self.game.latents(n, moment.images_seen), self.codes(n, moment.images_seen));
        let fake = self.game.generator.network().forward(latents, Some(&codes));

        // The critic's move: tell reals from fakes, and find the codes in the fakes.
        let critic = self.game.critic.network();
        let (score_real, _) = critic.forward(real);
        let (score_fake, readings) = critic.forward(fake.clone().detach());
        let source = Loss::NonSaturating.critic(score_real.clone(), score_fake.clone());
        let loss_critic = source + self.information(readings, &codes);
        let norm_critic = self.game.critic.descend(loss_critic.clone(), moment);

        // The generator's move: pass the critic as it now is, with the codes in plain sight.
        let (score, readings) = self.game.critic.frozen().forward(fake);
        let source = Loss::NonSaturating.generator(score_real.clone().detach(), score);
        let loss_generator = source + self.information(readings, &codes);
        let norm_generator = self.game.generator.descend(loss_generator.clone(), moment);
        self.game.follow(moment, n as u64);

        let report = Report {
            loss_generator,
            loss_critic,
            score_real,
            score_fake,
            gradient_norm_generator: norm_generator,
            gradient_norm_critic: norm_critic,
        };
        Ok(report.stats(Loss::NonSaturating))
    }

    fn average(&self) -> Average<'_> {
        Average::Sampler(&self.game.average)
    }

    fn current(&self) -> Option<crate::net::Generator> {
        Some(self.game.current())
    }

    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        self.game.critic.network().valid().forward(samples).0
    }

    fn save(&self, into: &mut Tensors) {
        self.game.save(into);
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        self.game.load(from)
    }
}

impl Infogan {
    /// `[n, categories + codes]`: a category drawn evenly as a one-hot, and the codes.
    fn codes(&self, n: usize, images_seen: u64) -> Tensor<2> {
        let Subject { n_classes, n_codes, .. } = self.game.subject;
        let mut rng = self.game.rng(Purpose::Codes, images_seen);
        let mut values = vec![0.0f32; n * (n_classes + n_codes)];
        for row in values.chunks_mut(n_classes + n_codes) {
            row[rng.random_range(0..n_classes)] = 1.0;
            row[n_classes..].iter_mut().for_each(|code| *code = rng.random_range(-1.0..=1.0));
        }
        Tensor::from_data(TensorData::new(values, [n, n_classes + n_codes]), &self.game.device)
    }

    /// The negated lower bound of eq. 5, up to constants: how badly the codes are read.
    fn information(&self, readings: Tensor<2>, codes: &Tensor<2>) -> Tensor<1> {
        let Subject { n_classes, n_codes, .. } = self.game.subject;
        let category = cross_entropy(readings.clone().narrow(1, 0, n_classes), &codes.clone().narrow(1, 0, n_classes));
        let loss = category * self.weights[0];
        if n_codes == 0 {
            return loss;
        }
        // A Gaussian of fixed deviation 1 around the reading.
        let difference = readings.narrow(1, n_classes, n_codes) - codes.clone().narrow(1, n_classes, n_codes);
        loss + difference.square().sum_dim(1).mean() * (0.5 * self.weights[1])
    }
}
