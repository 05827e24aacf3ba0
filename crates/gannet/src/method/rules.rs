//! The rules that a two-player game can be played by: settings of the family in `gan`, each with its source.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::gan::Gan;
use super::{Given, Method, MethodConfig, Networks, Setting, game, table_of};
use crate::augment::AugmentConfig;
use crate::image::Shape;
use crate::loss::Loss;
use crate::net::{Condition, DcganConfig, MlpConfig, NetConfig, NetworkPlan, Subject};
use crate::penalty::{self, Penalty};
use crate::train;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Schedule;

/// More moves of the critic in one step, or more samples in a pack, than this are taken for a typing error.
const MAX_COUNT: usize = 100;

/// Who sees whose move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Moves {
    /// The generator answers the critic as it is after its move (Goodfellow et al. 2014, algorithm 1).
    Alternating,
    /// The generator answers the critic as it was before its move (Mescheder et al. 2017, "The Numerics of GANs",
    /// algorithm 1).
    Simultaneous,
}

/// How a game is played.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    /// What the players want: `minimax`, `non-saturating`, `least-squares`, `hinge`, `wasserstein`, `relativistic` or
    /// `relativistic-average`.
    pub(super) loss: Loss,
    /// What tames the critic's gradient: `none`, `r1`, `r2`, `r1-r2`, `one-centred` or `dragan`.
    pub(super) penalty: Penalty,
    /// Weight of the penalty: the gamma of Mescheder et al. 2018 and the lambda of Gulrajani et al. 2017.
    pub(super) gamma: f64,
    /// The penalty is taken every so many moves of the critic, so many times as strong (Karras et al. 2020, "Analyzing
    /// and Improving the Image Quality of StyleGAN", section 3.1).
    pub(super) penalty_every: usize,
    /// The critic's weights stay within ± this (Arjovsky et al. 2017, algorithm 1); 0: anywhere.
    pub(super) clip: f64,
    /// Weight of the LeCam penalty (Tseng et al. 2021: 0.01 to 0.5); 0: none.
    pub(super) lecam: f64,
    /// Weight of consistency under shifts of the image (Zhang et al. 2020: 10); 0: none.
    pub(super) consistency: f64,
    /// Critic moves for each move of the generator.
    pub(super) n_critic: usize,
    /// `alternating` or `simultaneous`.
    pub(super) moves: Moves,
    /// How much less than 1 the label of reals is (Salimans et al. 2016, section 3.4: 0.1); 0: none.
    pub(super) label_smoothing: f64,
    /// Standard deviation of the noise on all that the critic sees (Sønderby et al. 2017, "Amortised MAP Inference for
    /// Image Super-resolution", section 3.3); 0: none.
    pub(super) instance_noise: f64,
    /// How the noise changes over the run: `constant`, `linear` or `cosine`.
    pub(super) instance_noise_schedule: Schedule,
    /// Weight of the squared distance between the critic's mean features of reals and of fakes in the generator's loss
    /// (Salimans et al. 2016, section 3.1); 0: none.
    pub(super) feature_matching: f64,
    /// Samples that the critic judges together (Lin et al. 2018, "PacGAN", section 3).
    pub(super) pack: usize,
    /// How the critic uses the class: `none`, `concatenation` or `projection`. The generator is told it too.
    pub(super) condition: Condition,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    pub(super) ema_half_life_images: f64,
    /// What the critic looks through.
    pub(super) augment: AugmentConfig,
    /// The networks.
    pub(super) net: NetConfig,
    /// How the generator learns.
    pub(super) generator: PlayerConfig,
    /// How the critic learns.
    pub(super) critic: PlayerConfig,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            loss: Loss::NonSaturating,
            penalty: Penalty::None,
            gamma: 1.0,
            penalty_every: 1,
            clip: 0.0,
            lecam: 0.0,
            consistency: 0.0,
            n_critic: 1,
            moves: Moves::Alternating,
            label_smoothing: 0.0,
            instance_noise: 0.0,
            instance_noise_schedule: Schedule::Linear,
            feature_matching: 0.0,
            pack: 1,
            condition: Condition::None,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            augment: AugmentConfig::default(),
            net: NetConfig::Dcgan(DcganConfig::default()),
            generator: PlayerConfig::default(),
            critic: PlayerConfig::default(),
        }
    }
}

impl Rules {
    /// What the critic judges: packed samples.
    pub(super) fn judged(&self, given: &Given) -> Subject {
        let subject = self.subject(given);
        Subject { shape: Shape { channels: subject.shape.channels * self.pack, ..subject.shape }, ..subject }
    }

    fn problems_of_numbers(&self) -> Vec<String> {
        let mut problems = vec![];
        for (name, value) in [("n_critic", self.n_critic), ("penalty_every", self.penalty_every), ("pack", self.pack)] {
            if !(1..=MAX_COUNT).contains(&value) {
                problems.push(format!("method.{name} is {value}, accepted: 1 to {MAX_COUNT}"));
            }
        }
        problems.extend(game::unusable_amounts([
            ("gamma", self.gamma),
            ("clip", self.clip),
            ("lecam", self.lecam),
            ("consistency", self.consistency),
            ("instance_noise", self.instance_noise),
            ("feature_matching", self.feature_matching),
        ]));
        if !(0.0..0.5).contains(&self.label_smoothing) {
            problems.push(format!(
                "method.label_smoothing is {}, accepted: 0 or more and less than 0.5",
                self.label_smoothing
            ));
        }
        problems
    }

    fn problems_of_combinations(&self, given: &Given) -> Vec<String> {
        let mut problems = vec![];
        let is_tame = self.penalty != Penalty::None || self.clip > 0.0 || self.net.is_spectral();
        if self.loss == Loss::Wasserstein && !is_tame {
            problems.push(
                "method.loss is `wasserstein`, which needs a bounded critic; accepted with it: a penalty, \
                 method.clip above 0, or spectral normalization"
                    .into(),
            );
        }
        if self.penalty != Penalty::None
            && let Some(layer) = self.net.layer_without_tangent()
        {
            let kind = toml::Value::try_from(self.penalty).map_or_else(|_| String::new(), |kind| kind.to_string());
            problems.push(format!(
                "method.penalty is {kind}: {}; choose another method.net.critic_norm",
                penalty::refusal(layer)
            ));
        }
        let has_labels = matches!(self.loss, Loss::Minimax | Loss::NonSaturating | Loss::LeastSquares);
        if self.label_smoothing > 0.0 && !has_labels {
            problems.push(
                "method.label_smoothing needs a loss with labels; accepted for method.loss: minimax, non-saturating, \
                 least-squares"
                    .into(),
            );
        }
        if self.consistency > 0.0 && given.shape.is_point() {
            problems.push("method.consistency shifts images, and the data are points; accepted: 0".into());
        }
        if self.pack > 1 && self.condition != Condition::None {
            problems.push("method.pack above 1 mixes classes; accepted with it for method.condition: none".into());
        }
        if self.pack > 1 && !given.batch.is_multiple_of(self.pack) {
            problems
                .push(format!("train.batch is {}, accepted: a multiple of method.pack, {}", given.batch, self.pack));
        }
        problems
    }
}

impl MethodConfig for Rules {
    fn problems(&self, given: &Given) -> Vec<String> {
        let players = [&self.generator, &self.critic];
        let mut problems = game::problems(&self.net, players, self.ema_half_life_images, given.shape);
        problems.extend(self.augment.problems(given.shape));
        problems.extend(self.problems_of_numbers());
        problems.extend(self.problems_of_combinations(given));
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Sampler(&self.net)
    }

    fn subject(&self, given: &Given) -> Subject {
        let n_classes = if self.condition == Condition::None { 0 } else { given.n_classes };
        Subject { n_classes, ..given.shape.into() }
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        let [generator, _] = self.net.plan(self.subject(given), self.condition);
        let [_, critic] = self.net.plan(self.judged(given), self.condition);
        [generator, critic]
    }

    fn needs(&self) -> &'static [&'static str] {
        if self.condition == Condition::None { &["real"] } else { &["real", "label"] }
    }

    fn build(&self, setting: &Setting) -> crate::Result<Box<dyn Method>> {
        Ok(Box::new(Gan::new(self.clone(), setting)))
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

/// Networks suited to samples of `shape`: fully connected for points, convolutional for images.
pub(super) fn suited_net(shape: Shape, image_net: NetConfig) -> NetConfig {
    if shape.is_point() { NetConfig::Mlp(MlpConfig::default()) } else { image_net }
}
