//! Odena, Olah and Shlens 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs", section 3: the critic also
//! names the class of what it sees, and the generator wants to be passed and to be named right.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{self, Game, Report};
use super::{Average, Given, Method, MethodConfig, MethodEntry, Networks, Setting, rules, table_of};
use crate::data::Batch;
use crate::loss::{Loss, cross_entropy};
use crate::net::{DcganConfig, NetConfig, NetworkPlan, ReadingCritic, Subject};
use crate::nn::state::Tensors;
use crate::train::event::Stats;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Moment;
use crate::{Result, train};

pub(super) const ACGAN: MethodEntry = MethodEntry {
    name: "acgan",
    summary: "classes on request: the critic also classifies; samples obey, variety within a class may suffer",
    advice: "Labelled images when you want each sample to be unmistakably of its class. It pays with variety: typical \
             members of a class are easiest to classify.",
    paper: "Odena, Olah and Shlens 2017, arXiv:1610.09585",
    preset: |shape| {
        let net = rules::suited_net(shape, NetConfig::Dcgan(DcganConfig::default()));
        Box::new(AcganConfig { net, ..AcganConfig::default() })
    },
    parse: |table| Ok(Box::new(table.try_into::<AcganConfig>()?)),
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AcganConfig {
    /// Weight of the class in both players' losses (eqs. 2 and 3: 1).
    class_weight: f64,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The networks.
    net: NetConfig,
    /// How the generator learns.
    generator: PlayerConfig,
    /// How the critic learns.
    critic: PlayerConfig,
}

impl Default for AcganConfig {
    fn default() -> Self {
        Self {
            class_weight: 1.0,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: NetConfig::Dcgan(DcganConfig::default()),
            generator: PlayerConfig::default(),
            critic: PlayerConfig::default(),
        }
    }
}

impl MethodConfig for AcganConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        let players = [&self.generator, &self.critic];
        let mut problems = game::problems(&self.net, players, self.ema_half_life_images, given.shape);
        problems.extend(game::unusable_amounts([("class_weight", self.class_weight)]));
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Sampler(&self.net)
    }

    fn subject(&self, given: &Given) -> Subject {
        Subject { n_classes: given.n_classes, ..given.shape.into() }
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        self.net.reading_plan(self.subject(given))
    }

    fn needs(&self) -> &'static [&'static str] {
        &["real", "label"]
    }

    fn build(&self, setting: &Setting) -> Result<Box<dyn Method>> {
        let subject = self.subject(&setting.given);
        let critic = |init: &mut _| self.net.reading_critic(subject, init);
        let players = [&self.generator, &self.critic];
        let game = Game::new(&self.net, subject, critic, players, self.ema_half_life_images, setting);
        Ok(Box::new(Acgan { class_weight: self.class_weight, game }))
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

struct Acgan {
    class_weight: f64,
    game: Game<ReadingCritic>,
}

impl Method for Acgan {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let Self { class_weight, game } = self;
        let real = batches[0].images("real", &game.device)?;
        let classes = batches[0].classes(game.subject.n_classes, &game.device)?;
        let [n, ..] = real.dims();
        let latents = game.latents(n, moment.images_seen);
        let fake = game.generator.network().forward(latents, Some(&classes));

        // The critic's move: tell reals from fakes, and name the class of both.
        let critic = game.critic.network();
        let (score_real, named_real) = critic.forward(real);
        let (score_fake, named_fake) = critic.forward(fake.clone().detach());
        let source = Loss::NonSaturating.critic(score_real.clone(), score_fake.clone());
        let class = cross_entropy(named_real.clone(), &classes) + cross_entropy(named_fake, &classes);
        let loss_critic = source + class * *class_weight;
        let norm_critic = game.critic.descend(loss_critic.clone(), moment);

        // The generator's move: pass the critic as it now is, as what was asked for.
        let (score, named) = game.critic.frozen().forward(fake);
        let source = Loss::NonSaturating.generator(score_real.clone().detach(), score);
        let loss_generator = source + cross_entropy(named, &classes) * *class_weight;
        let norm_generator = game.generator.descend(loss_generator.clone(), moment);
        game.follow(moment, n as u64);

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
