//! Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", eq. 4: the critic sees each
//! target beside its source, and the generator also wants to be near the true target.
//!
//! Deviations: any batch, with instance norm in the place of batch norm at a batch of one; users get the average.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{Report, load_players, mean_over_patches, save_players, unusable_amounts, values};
use super::{Average, Given, Method, MethodConfig, MethodEntry, Networks, Setting, table_of};
use crate::Result;
use crate::data::Batch;
use crate::image::Shape;
use crate::loss::{Loss, absolute_difference};
use crate::net::{self, NetworkPlan, PatchConfig, PatchCritic, Subject, TranslatorConfig, UnetConfig};
use crate::nn::Init;
use crate::nn::state::Tensors;
use crate::random::{self, Purpose};
use crate::train::event::Stats;
use crate::train::player::{Player, PlayerConfig};
use crate::train::schedule::Moment;
use crate::train::{self, ema};

pub(super) const PIX2PIX: MethodEntry = MethodEntry {
    name: "pix2pix",
    summary: "turns pictures into others, learnt from pairs: drawings into photographs, maps into views",
    advice: "Pairs of pictures that show the same thing, pixel by pixel: line art and paintings, edges and photographs. \
             A few hundred pairs are enough to begin. See [Translate pictures](translate.md).",
    paper: "Isola et al. 2017, arXiv:1611.07004",
    preset: |shape| {
        let patch = PatchConfig { field: suited_field(shape), ..PatchConfig::default() };
        Box::new(Pix2pixConfig { net: suited_net(shape), patch, ..Pix2pixConfig::default() })
    },
    parse: |table| Ok(Box::new(table.try_into::<Pix2pixConfig>()?)),
};

/// Patches that bear to the picture as 70 pixels do to 256, or more (section 4.4).
pub(super) fn suited_field(shape: Shape) -> usize {
    match shape.height.min(shape.width) {
        128.. => 70,
        64.. => 34,
        _ => 16,
    }
}

/// The paper's network where it fits the size, else one that takes any.
fn suited_net(shape: Shape) -> TranslatorConfig {
    let unet = TranslatorConfig::Unet(UnetConfig::default());
    if unet.problems(shape).is_empty() { unet } else { TranslatorConfig::Resnet(net::ResnetGeneratorConfig::default()) }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pix2pixConfig {
    /// Weight of the mean absolute difference to the true target, the paper's lambda (section 6.2: 100).
    pub(super) l1_weight: f64,
    /// Weight of what the generator changes in targets themselves, in units of `l1_weight`: for styles alone, because elsewhere
    /// a target need not look like any source.
    #[serde(skip)]
    pub(super) identity_weight: f64,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    pub(super) ema_half_life_images: f64,
    /// The generator.
    pub(super) net: TranslatorConfig,
    /// The critic.
    pub(super) patch: PatchConfig,
    /// How the generator learns (section 3.3: 2e-4, beta_1 0.5).
    pub(super) generator: PlayerConfig,
    /// How the critic learns (the same).
    pub(super) critic: PlayerConfig,
}

impl Default for Pix2pixConfig {
    fn default() -> Self {
        Self {
            l1_weight: 100.0,
            identity_weight: 0.0,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: TranslatorConfig::Unet(UnetConfig::default()),
            patch: PatchConfig::default(),
            generator: PlayerConfig::default(),
            critic: PlayerConfig::default(),
        }
    }
}

/// What the critic sees: source and target as channels of one picture.
fn seen(shape: Shape) -> Shape {
    Shape { channels: 2 * shape.channels, ..shape }
}

impl MethodConfig for Pix2pixConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        let mut problems = self.net.problems(given.shape);
        problems.extend(self.patch.problems(given.shape));
        problems.extend(self.generator.problems("generator"));
        problems.extend(self.critic.problems("critic"));
        problems.extend(ema::problem(self.ema_half_life_images));
        let weights = [("l1_weight", self.l1_weight), ("identity_weight", self.identity_weight)];
        problems.extend(unusable_amounts(weights));
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Translator(&self.net)
    }

    fn subject(&self, given: &Given) -> Subject {
        given.shape.into()
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        [self.net.plan(given.shape), self.patch.plan(seen(given.shape))]
    }

    fn needs(&self) -> &'static [&'static str] {
        &["source", "target", "pair"]
    }

    fn build(&self, Setting { given, device, seed }: &Setting) -> Result<Box<dyn Method>> {
        let generator = self.net.init(given.shape, &mut Init::new(*seed, Purpose::GeneratorWeights, device));
        let n_seen = seen(given.shape).channels;
        let critic = self.patch.init(n_seen, &mut Init::new(*seed, Purpose::CriticWeights, device));
        Ok(Box::new(Pix2pix {
            average: generator.valid(),
            generator: Player::new(generator, self.generator.clone()),
            critic: Player::new(critic, self.critic.clone()),
            config: self.clone(),
            seed: *seed,
            device: device.clone(),
        }))
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

struct Pix2pix {
    config: Pix2pixConfig,
    generator: Player<net::Translator>,
    critic: Player<PatchCritic>,
    average: net::Translator,
    seed: u64,
    device: burn::tensor::Device,
}

impl Method for Pix2pix {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let source = batches[0].images("source", &self.device)?;
        let target = batches[0].images("target", &self.device)?;
        let [n, ..] = source.dims();
        let mut noise = random::stream(self.seed, Purpose::Dropout, moment.images_seen);
        let fake = self.generator.network().forward(source.clone(), &mut noise);
        let beside_source = |pictures: Tensor<4>| Tensor::cat(vec![source.clone(), pictures], 1); // [N, 2 C, H, W]

        // The critic's move, at half its weight (section 3.3): tell true targets from fakes, each beside its source.
        let critic = self.critic.network();
        let score_real = critic.forward(beside_source(target.clone())).value;
        let score_fake = critic.forward(beside_source(fake.clone().detach())).value;
        let loss_critic = Loss::NonSaturating.critic(score_real.clone(), score_fake.clone()) * 0.5;
        let norm_critic = self.critic.descend(loss_critic.clone(), moment);

        // The generator's move: pass the critic as it now is, and be near the true target.
        let score = self.critic.frozen().forward(beside_source(fake.clone())).value;
        let adversarial = Loss::NonSaturating.generator(score_real.clone().detach(), score);
        let distance = absolute_difference(fake, target.clone());
        let mut nearness = distance.clone();
        let mut identity = None;
        if self.config.identity_weight > 0.0 {
            let change = absolute_difference(self.generator.network().forward(target.clone(), &mut noise), target);
            nearness = nearness + change.clone() * self.config.identity_weight;
            identity = Some(change);
        }
        let loss_generator = adversarial + nearness * self.config.l1_weight;
        let norm_generator = self.generator.descend(loss_generator.clone(), moment);
        let decay = ema::decay(self.config.ema_half_life_images, moment.images_seen, n as u64);
        self.average = ema::update(self.average.clone(), self.generator.network(), decay);

        let report = Report {
            loss_generator,
            loss_critic,
            score_real,
            score_fake,
            gradient_norm_generator: norm_generator,
            gradient_norm_critic: norm_critic,
        };
        let mut stats = report.stats(Loss::NonSaturating);
        stats.insert("reconstruction", values(distance).iter().sum());
        if let Some(identity) = identity {
            stats.insert("identity", values(identity).iter().sum());
        }
        Ok(stats)
    }

    fn average(&self) -> Average<'_> {
        Average::Translator { forth: &self.average, back: None }
    }

    /// Beside grey sources, the mean over all patches.
    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        let [n, ..] = samples.dims();
        let pairs = Tensor::cat(vec![samples.zeros_like(), samples], 1);
        mean_over_patches(self.critic.network().valid().forward(pairs).value, n)
    }

    fn save(&self, into: &mut Tensors) {
        save_players((&self.generator, &self.critic, &self.average), into);
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        load_players((&mut self.generator, &mut self.critic, &mut self.average), from)
    }
}
