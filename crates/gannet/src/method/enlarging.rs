//! What the methods that enlarge pictures share: settings, players, what the generator is shown, and what is near. The order
//! of moves is each method's own.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{load_players, save_players, unusable_amounts, values};
use super::{Average, Given, Method, MethodConfig, Networks, Setting, table_of};
use crate::convert::{self, Model};
use crate::data::Batch;
use crate::degrade::Degradation;
use crate::extractor::{self, Perceptual};
use crate::image::{Fit, Shape};
use crate::loss::{absolute_difference, gradient_difference};
use crate::net::upscaler::{Upscaler, UpscalerConfig};
use crate::net::{NetworkPlan, Subject, VggCritic, VggCriticConfig};
use crate::nn::Init;
use crate::nn::state::{self, Tensors};
use crate::random::{self, Purpose};
use crate::train::ema;
use crate::train::event::Stats;
use crate::train::player::{Player, PlayerConfig};
use crate::train::schedule::Moment;
use crate::{Error, Result, device};

/// The settings of a method that enlarges.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnlargingConfig {
    /// Images, in thousands, from which the generator learns the content alone, before there is a game.
    pub(super) pretrain_kimg: f64,
    /// How small pictures are made of those of the data: `bicubic` or `real-world`.
    pub(super) degrade: Degradation,
    /// Weight of the mean absolute difference of pixels in the game.
    pub(super) pixel_weight: f64,
    /// Weight of the perceptual distance in the game.
    pub(super) perceptual_weight: f64,
    /// Weight of the adversarial loss in the game.
    pub(super) adversarial_weight: f64,
    /// What the perceptual distance looks through.
    pub(super) perceptual: PerceptualConfig,
    /// The file of a network that enlarges, whose weights are the generator's first ones; `none`: these are drawn.
    pub(super) start: String,
    /// Blocks of the generator, from its input on, that stay as they were at the start (Mo et al. 2020, "Freeze the
    /// Discriminator", does so with a critic's).
    pub(super) freezed: usize,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    pub(super) ema_half_life_images: f64,
    /// The generator.
    pub(super) net: UpscalerConfig,
    /// The critic.
    pub(super) vgg: VggCriticConfig,
    /// How the generator learns.
    pub(super) generator: PlayerConfig,
    /// How the critic learns.
    pub(super) critic: PlayerConfig,
}

/// What a perceptual distance looks through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PerceptualConfig {
    /// VGG16, as an extractor that `gannet extractor add` has kept or the file of its weights; `none`: the mean absolute
    /// differences of pixels and of their gradients stand in.
    extractor: String,
    /// The convolution whose maps are compared, before its activation (Wang et al. 2018, section 3.3: the last).
    layer: String,
}

impl Default for PerceptualConfig {
    fn default() -> Self {
        Self { extractor: NO_EXTRACTOR.into(), layer: "conv5_3".into() }
    }
}

const NO_EXTRACTOR: &str = "none";

/// The `start` of a generator that starts from nothing.
pub(super) const NO_START: &str = "none";

impl PerceptualConfig {
    /// None: pixels are compared.
    fn open(&self, device: &Device) -> Result<Option<Perceptual>> {
        if self.extractor == NO_EXTRACTOR {
            return Ok(None);
        }
        Perceptual::find(&self.extractor, &self.layer, &extractor::folder(), device).map(Some)
    }
}

/// The settings of a method, and the step that makes it another than its relatives.
pub(super) struct Enlarging {
    pub(super) config: EnlargingConfig,
    pub(super) step: Step,
}

impl EnlargingConfig {
    /// The generator as it is at the start, on `device`.
    fn generator(&self, seed: u64, device: &Device) -> Result<Upscaler> {
        let drawn = self.net.init(&mut Init::new(seed, Purpose::GeneratorWeights, device));
        if self.start == NO_START {
            return Ok(drawn);
        }
        let path = Path::new(&self.start);
        let refuse = |reason: String| Error::file(path, reason);
        let Model::Upscaler(found) = convert::open(path, None)? else {
            return Err(refuse("method.start makes samples, accepted: a network that enlarges".into()));
        };
        if found.card().net != self.net {
            return Err(refuse(format!("method.start has another network than method.net: {:?}", found.card().net)));
        }
        let mut weights = Tensors::new();
        state::save(found.network(), "", &mut weights);
        let network = state::load(drawn, "", &weights).map_err(refuse)?;
        Ok(state::freeze(network, |name| self.net.is_within_first(self.freezed, name)))
    }
}

/// Every player's move, once.
type Step = fn(&mut Enlarger, &Batch, Moment) -> Result<Stats>;

impl MethodConfig for Enlarging {
    fn problems(&self, given: &Given) -> Vec<String> {
        let config = &self.config;
        let mut problems = config.net.problems(given.shape);
        problems.extend(config.vgg.problems("method.vgg", given.shape));
        problems.extend(config.generator.problems("generator"));
        problems.extend(config.critic.problems("critic"));
        problems.extend(ema::problem(config.ema_half_life_images));
        let amounts = [
            ("pretrain_kimg", config.pretrain_kimg),
            ("pixel_weight", config.pixel_weight),
            ("perceptual_weight", config.perceptual_weight),
            ("adversarial_weight", config.adversarial_weight),
        ];
        problems.extend(unusable_amounts(amounts));
        if config.freezed > 0 && config.start == NO_START {
            problems.push(format!("method.freezed is {}, accepted without method.start: 0", config.freezed));
        }
        let device = device::open_default();
        if problems.is_empty()
            && let Err(error) = device.as_ref().map_or(Ok(()), |device| config.generator(0, device).map(|_| ()))
        {
            problems.push(error.to_string());
        }
        match device.and_then(|device| config.perceptual.open(&device)) {
            Ok(Some(network)) if given.shape.height.min(given.shape.width) < network.least_side() => {
                problems.push(format!(
                    "data.size is {}, accepted by method.perceptual.layer: {} pixels or more a side",
                    given.shape,
                    network.least_side()
                ))
            }
            Ok(_) => {}
            Err(error) => problems.push(format!("method.perceptual: {error}")),
        }
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Upscaler { net: &self.config.net, degrade: self.config.degrade }
    }

    fn subject(&self, given: &Given) -> Subject {
        given.shape.into()
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        [self.config.net.plan(given.shape), self.config.vgg.plan(given.shape)]
    }

    fn needs(&self) -> &'static [&'static str] {
        &["real"]
    }

    fn fit(&self) -> Fit {
        Fit::Part
    }

    fn build(&self, Setting { given, device, seed }: &Setting) -> Result<Box<dyn Method>> {
        let config = self.config.clone();
        let generator = config.generator(*seed, device)?;
        let critic = config.vgg.init(given.shape, &mut Init::new(*seed, Purpose::CriticWeights, device));
        Ok(Box::new(Enlarger {
            average: generator.valid(),
            generator: Player::new(generator, config.generator.clone()),
            critic: Player::new(critic, config.critic.clone()),
            perceptual: config.perceptual.open(device)?,
            shape: given.shape,
            device: device.clone(),
            seed: *seed,
            step: self.step,
            config,
        }))
    }

    fn to_table(&self) -> Table {
        table_of(&self.config)
    }
}

/// A game about enlarging.
pub(super) struct Enlarger {
    pub(super) config: EnlargingConfig,
    pub(super) generator: Player<Upscaler>,
    pub(super) critic: Player<VggCritic>,
    average: Upscaler,
    perceptual: Option<Perceptual>,
    shape: Shape,
    device: Device,
    seed: u64,
    step: Step,
}

impl Enlarger {
    /// What the generator is to find, `[N, C, H, W]`, and what it is shown, `[N, C, H / scale, W / scale]`, in [-1, 1].
    pub(super) fn pairs(&self, batch: &Batch, moment: Moment) -> Result<[Tensor<4>; 2]> {
        let Shape { channels, height, width } = self.shape;
        let scale = self.config.net.scale();
        let large: Vec<f32> = batch.get("real")?.iter::<f32>().collect();
        let shrink = |(i, values): (usize, &[f32])| {
            let mut rng = random::stream(self.seed, Purpose::Degrade, moment.images_seen + i as u64);
            self.config.degrade.shrink_values(values, self.shape, scale, &mut rng)
        };
        let small: Vec<f32> = large.par_chunks(self.shape.n_values()).enumerate().flat_map_iter(shrink).collect();
        let small = TensorData::new(small, [batch.n(), channels, height / scale, width / scale]);
        Ok([batch.images("real", &self.device)?, Tensor::from_data(small, &self.device)])
    }

    /// What the generator, in training, makes of `small`.
    pub(super) fn enlarge(&self, small: Tensor<4>) -> Tensor<4> {
        self.config.net.enlarge(small, |small| self.generator.network().forward(small))
    }

    /// Whether there is no game yet.
    pub(super) fn is_pretraining(&self, moment: Moment) -> bool {
        (moment.images_seen as f64) < self.config.pretrain_kimg * 1000.0
    }

    /// The perceptual distance: `difference` of the network's maps or, without a network, the mean absolute differences of
    /// pixels and of their gradients.
    pub(super) fn perceptual(
        &self,
        output: Tensor<4>,
        target: Tensor<4>,
        difference: fn(Tensor<4>, Tensor<4>) -> Tensor<1>,
    ) -> Tensor<1> {
        match &self.perceptual {
            Some(network) => difference(network.maps(output), network.maps(target)),
            None => absolute_difference(output.clone(), target.clone()) + gradient_difference(output, target),
        }
    }

    /// The generator's move down `loss`, and its average's.
    pub(super) fn learn(&mut self, loss: Tensor<1>, n: usize, moment: Moment) -> f64 {
        let norm = self.generator.descend(loss, moment);
        let decay = ema::decay(self.config.ema_half_life_images, moment.images_seen, n as u64);
        self.average = ema::update(self.average.clone(), self.generator.network(), decay);
        norm
    }

    /// A step without a game: the generator's move down `loss`, a distance of its `output` to the `target`.
    pub(super) fn learn_content(&mut self, loss: Tensor<1>, [output, target]: [Tensor<4>; 2], moment: Moment) -> Stats {
        let [n, ..] = target.dims();
        let reconstruction = absolute_difference(output.detach(), target);
        let norm = self.learn(loss.clone(), n, moment);
        Stats::from([
            ("loss_generator", values(loss).iter().sum()),
            ("reconstruction", values(reconstruction).iter().sum()),
            ("gradient_norm_generator", norm),
        ])
    }
}

impl Method for Enlarger {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        (self.step)(self, &batches[0], moment)
    }

    fn average(&self) -> Average<'_> {
        Average::Upscaler(&self.average)
    }

    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        self.critic.network().valid().forward(samples).value
    }

    fn save(&self, into: &mut Tensors) {
        save_players((&self.generator, &self.critic, &self.average), into);
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        load_players((&mut self.generator, &mut self.critic, &mut self.average), from)
    }
}
