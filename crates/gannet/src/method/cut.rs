//! Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation", section 3: one generator against one
//! critic; every patch of what it makes has to be recognizable as that of its place in the source, among other patches of
//! the same source.
//!
//! Deviations: any batch; the contrastive losses are means over layers and patches, not sums; as many residual blocks as
//! CycleGAN takes, and features behind the last block of their first half; the critic moves before the generator; users get
//! the average. FastCUT (section 3) is `nce_weight` 10 and `identity_weight` 0, here without its flips.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::cyclegan::suited_net;
use super::game::{Report, load_players, mean_over_patches, save_players, unusable_amounts, values};
use super::pix2pix::suited_field;
use super::{Average, Given, Method, MethodConfig, MethodEntry, Networks, Setting, table_of};
use crate::data::Batch;
use crate::image::Shape;
use crate::loss::{Loss, patch_nce};
use crate::net::{
    NetworkPlan, PatchConfig, PatchCritic, PatchHeads, ResnetGenerator, ResnetGeneratorConfig, Subject, Translator,
    TranslatorConfig,
};
use crate::nn::Init;
use crate::nn::state::Tensors;
use crate::random::{self, Purpose};
use crate::train::event::Stats;
use crate::train::player::{Player, PlayerConfig};
use crate::train::schedule::{Moment, Schedule};
use crate::train::{self, ema};
use crate::{Error, Result};

pub(super) const CUT: MethodEntry = MethodEntry {
    name: "cut",
    summary: "turns pictures into others, one way, learnt from two collections by comparing patches",
    advice: "Two collections without pairs, as for `cyclegan`, where one way is enough: half the networks and seven tenths \
             of the time for an image, and nothing has to be kept for a way back. See [Translate pictures](translate.md).",
    paper: "Park et al. 2020, arXiv:2007.15651",
    preset: |shape| {
        let patch = PatchConfig { field: suited_field(shape), ..PatchConfig::default() };
        Box::new(CutConfig { net: suited_net(shape), patch, ..CutConfig::default() })
    },
    parse: |table| Ok(Box::new(table.try_into::<CutConfig>()?)),
};

/// More patches of a picture, and longer vectors of them, are taken for a typing error.
const MAX_PATCHES: usize = 4096;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CutConfig {
    /// Weight of the contrastive loss between sources and what becomes of them, the paper's lambda_X (section 3: 1).
    nce_weight: f64,
    /// Weight of the contrastive loss between targets and what becomes of these, which should be nothing: the paper's
    /// lambda_Y (section 3: 1).
    identity_weight: f64,
    /// What similarities are divided by, the paper's tau (section 3: 0.07).
    temperature: f64,
    /// Patches of each layer that are compared, all of them where there are fewer (its appendix on training: 256).
    patches: usize,
    /// Length of the vectors that patches are compared by (its appendix on training: 256).
    features: usize,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The generator, of the family `resnet`.
    net: TranslatorConfig,
    /// The critic.
    patch: PatchConfig,
    /// How generator and heads learn (Zhu et al. 2017, section 4: 2e-4, constant for half of the run and then down to zero).
    generator: PlayerConfig,
    /// How the critic learns (the same).
    critic: PlayerConfig,
}

impl Default for CutConfig {
    fn default() -> Self {
        let player = PlayerConfig { schedule: Schedule::Linear, ..PlayerConfig::default() };
        Self {
            nce_weight: 1.0,
            identity_weight: 1.0,
            temperature: 0.07,
            patches: 256,
            features: 256,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: TranslatorConfig::Resnet(ResnetGeneratorConfig::default()),
            patch: PatchConfig::default(),
            generator: player.clone(),
            critic: player,
        }
    }
}

impl CutConfig {
    /// The generator's settings, or what is wrong with them: the layers that are compared are those of one family.
    fn resnet(&self) -> std::result::Result<&ResnetGeneratorConfig, String> {
        match &self.net {
            TranslatorConfig::Resnet(net) => Ok(net),
            TranslatorConfig::Unet(_) => {
                Err("method.net.family is unet, accepted where layers are compared: resnet".into())
            }
        }
    }

    fn features(&self, shape: Shape) -> Vec<[usize; 3]> {
        self.resnet().map_or(vec![], |net| net.features(shape))
    }
}

impl MethodConfig for CutConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        let mut problems = self.net.problems(given.shape);
        problems.extend(self.resnet().err());
        problems.extend(self.patch.problems(given.shape));
        problems.extend(self.generator.problems("generator"));
        problems.extend(self.critic.problems("critic"));
        problems.extend(ema::problem(self.ema_half_life_images));
        let weights = [("nce_weight", self.nce_weight), ("identity_weight", self.identity_weight)];
        problems.extend(unusable_amounts(weights));
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            problems.push(format!("method.temperature is {}, accepted: more than 0", self.temperature));
        }
        for (name, value) in [("patches", self.patches), ("features", self.features)] {
            if !(1..=MAX_PATCHES).contains(&value) {
                problems.push(format!("method.{name} is {value}, accepted: 1 to {MAX_PATCHES}"));
            }
        }
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Translator(&self.net)
    }

    fn subject(&self, given: &Given) -> Subject {
        given.shape.into()
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        let mut generator = self.net.plan(given.shape);
        generator.layers.extend(PatchHeads::plan(&self.features(given.shape), self.features, self.patches));
        [generator, self.patch.plan(given.shape)]
    }

    fn needs(&self) -> &'static [&'static str] {
        &["source", "target"]
    }

    fn build(&self, Setting { given, device, seed }: &Setting) -> Result<Box<dyn Method>> {
        let net = self.resnet().map_err(Error::setting)?;
        let mut init = Init::new(*seed, Purpose::GeneratorWeights, device);
        let heads = net.features(given.shape);
        let net = net.init(given.shape, &mut init);
        let heads = PatchHeads::new(&heads, self.features, &mut init);
        let critic = self.patch.init(given.shape.channels, &mut Init::new(*seed, Purpose::CriticWeights, device));
        Ok(Box::new(Cut {
            average: Translator::Resnet(net.valid()),
            generator: Player::new(Compared { net, heads }, self.generator.clone()),
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

/// The paper's G and H, which learn together.
#[derive(Module, Debug)]
struct Compared {
    net: ResnetGenerator,
    heads: PatchHeads,
}

struct Cut {
    config: CutConfig,
    generator: Player<Compared>,
    critic: Player<PatchCritic>,
    average: Translator,
    seed: u64,
    device: Device,
}

impl Cut {
    /// The contrastive loss: patches of `output` against those of what it was made of, whose features are `keys`, at
    /// places that `rng` draws.
    fn nce(&self, output: Tensor<4>, keys: Vec<Tensor<4>>, rng: &mut ChaCha8Rng) -> Tensor<1> {
        let Compared { net, heads } = self.generator.network();
        let positions: Vec<_> = keys.iter().map(|features| self.positions(features.dims(), rng)).collect();
        let queries = heads.forward(net.features(output), &positions);
        let keys = heads.forward(keys.into_iter().map(Tensor::detach).collect(), &positions);
        patch_nce(queries, keys, self.config.temperature)
    }

    /// Different places of features of this shape, counted along rows.
    fn positions(&self, [_, _, height, width]: [usize; 4], rng: &mut ChaCha8Rng) -> Tensor<1, Int> {
        let n_patches = self.config.patches.min(height * width);
        let drawn: Vec<i32> = index::sample(rng, height * width, n_patches).iter().map(|place| place as i32).collect();
        Tensor::from_data(TensorData::new(drawn, [n_patches]), &self.device)
    }
}

impl Method for Cut {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let source = batches[0].images("source", &self.device)?;
        let target = batches[0].images("target", &self.device)?;
        let [n, ..] = source.dims();
        let (fake, of_source) = self.generator.network().net.forward_with_features(source);

        // The critic's move: tell targets from fakes.
        let critic = self.critic.network();
        let score_real = critic.forward(target.clone()).value;
        let score_fake = critic.forward(fake.clone().detach()).value;
        let loss_critic = Loss::LeastSquares.critic(score_real.clone(), score_fake.clone());
        let norm_critic = self.critic.descend(loss_critic.clone(), moment);

        // The generator's move: pass the critic as it now is, keep every patch recognizable, and leave alone what is of the
        // target side already. The paper's squares are whole, those of Mao et al. halved.
        let score = self.critic.frozen().forward(fake.clone()).value;
        let adversarial = Loss::LeastSquares.generator(score_real.clone().detach(), score) * 2.0;
        let mut rng = random::stream(self.seed, Purpose::Patches, moment.images_seen);
        let nce = self.nce(fake, of_source, &mut rng);
        let mut loss_generator = adversarial + nce.clone() * self.config.nce_weight;
        let mut nce_identity = None;
        if self.config.identity_weight > 0.0 {
            let (kept, of_target) = self.generator.network().net.forward_with_features(target);
            let nce = self.nce(kept, of_target, &mut rng);
            loss_generator = loss_generator + nce.clone() * self.config.identity_weight;
            nce_identity = Some(nce);
        }
        let norm_generator = self.generator.descend(loss_generator.clone(), moment);
        let decay = ema::decay(self.config.ema_half_life_images, moment.images_seen, n as u64);
        let current = Translator::Resnet(self.generator.network().net.clone());
        self.average = ema::update(self.average.clone(), &current, decay);

        let report = Report {
            loss_generator,
            loss_critic,
            score_real,
            score_fake,
            gradient_norm_generator: norm_generator,
            gradient_norm_critic: norm_critic,
        };
        let mut stats = report.stats(Loss::LeastSquares);
        stats.insert("nce", values(nce).iter().sum());
        if let Some(nce) = nce_identity {
            stats.insert("nce_identity", values(nce).iter().sum());
        }
        Ok(stats)
    }

    fn average(&self) -> Average<'_> {
        Average::Translator { forth: &self.average, back: None }
    }

    /// As targets, the mean over all patches.
    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        let [n, ..] = samples.dims();
        mean_over_patches(self.critic.network().valid().forward(samples).value, n)
    }

    fn save(&self, into: &mut Tensors) {
        save_players((&self.generator, &self.critic, &self.average), into);
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        load_players((&mut self.generator, &mut self.critic, &mut self.average), from)
    }
}
