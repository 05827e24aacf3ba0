//! Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", eq. 3: two
//! generators, there and back, each with a critic of its own; what went there and back has to be what it was.
//!
//! Deviations: any batch; the critics move before the generators; users get the averages.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{Report, load_players, mean_over_patches, save_players, unusable_amounts, values};
use super::pix2pix::suited_field;
use super::pool::Pool;
use super::{Average, Given, Method, MethodConfig, MethodEntry, Networks, Setting, table_of};
use crate::Result;
use crate::data::Batch;
use crate::image::Shape;
use crate::loss::{Loss, absolute_difference};
use crate::net::{NetworkPlan, PatchConfig, PatchCritic, ResnetGeneratorConfig, Subject, Translator, TranslatorConfig};
use crate::nn::Init;
use crate::nn::state::Tensors;
use crate::random::{self, Purpose};
use crate::train::event::Stats;
use crate::train::player::{Player, PlayerConfig};
use crate::train::schedule::{Moment, Schedule};
use crate::train::{self, ema};

pub(super) const CYCLEGAN: MethodEntry = MethodEntry {
    name: "cyclegan",
    summary: "turns pictures into others and back, learnt from two collections without pairs",
    advice: "Two collections that differ in style or kind but not in layout: horses and zebras, one font and another. \
             Where there are pairs, `pix2pix` learns faster and better. See [Translate pictures](translate.md).",
    paper: "Zhu et al. 2017, arXiv:1703.10593",
    preset: |shape| {
        let patch = PatchConfig { field: suited_field(shape), ..PatchConfig::default() };
        Box::new(CycleganConfig { net: suited_net(shape), patch, ..CycleganConfig::default() })
    },
    parse: |table| Ok(Box::new(table.try_into::<CycleganConfig>()?)),
};

/// The paper's generator (appendix 7.2): nine blocks from 256 pixels on, six below.
pub(super) fn suited_net(shape: Shape) -> TranslatorConfig {
    let blocks = if shape.height.min(shape.width) >= 256 { 9 } else { 6 };
    TranslatorConfig::Resnet(ResnetGeneratorConfig { blocks, ..ResnetGeneratorConfig::default() })
}

/// More fakes in a pool than this are taken for a typing error.
const MAX_POOL: usize = 10_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CycleganConfig {
    /// Weight of what is lost there and back, the paper's lambda (section 4: 10).
    pub(super) cycle_weight: f64,
    /// Weight of what a generator changes in pictures that are of its target side already, in units of the cycle's (section
    /// 5.2: 0.5).
    pub(super) identity_weight: f64,
    /// Earlier fakes of each side that its critic is shown among new ones (section 4: 50).
    pub(super) pool: usize,
    /// Half-life of the generators' average, in images (10 kimg, as Karras et al. 2020).
    pub(super) ema_half_life_images: f64,
    /// Both generators.
    pub(super) net: TranslatorConfig,
    /// Both critics.
    pub(super) patch: PatchConfig,
    /// How the generators learn (section 4: 2e-4, constant for half of the run and then down to zero).
    pub(super) generator: PlayerConfig,
    /// How the critics learn (the same).
    pub(super) critic: PlayerConfig,
}

impl Default for CycleganConfig {
    fn default() -> Self {
        let player = PlayerConfig { schedule: Schedule::Linear, ..PlayerConfig::default() };
        Self {
            cycle_weight: 10.0,
            identity_weight: 0.5,
            pool: 50,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: TranslatorConfig::Resnet(ResnetGeneratorConfig::default()),
            patch: PatchConfig::default(),
            generator: player.clone(),
            critic: player,
        }
    }
}

impl MethodConfig for CycleganConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        let mut problems = self.net.problems(given.shape);
        problems.extend(self.patch.problems(given.shape));
        problems.extend(self.generator.problems("generator"));
        problems.extend(self.critic.problems("critic"));
        problems.extend(ema::problem(self.ema_half_life_images));
        let weights = [("cycle_weight", self.cycle_weight), ("identity_weight", self.identity_weight)];
        problems.extend(unusable_amounts(weights));
        if self.pool > MAX_POOL {
            problems.push(format!("method.pool is {}, accepted: 0 to {MAX_POOL}", self.pool));
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
        let twice = |mut plan: NetworkPlan| {
            plan.layers.extend(plan.layers.clone());
            plan
        };
        [twice(self.net.plan(given.shape)), twice(self.patch.plan(given.shape))]
    }

    fn needs(&self) -> &'static [&'static str] {
        &["source", "target"]
    }

    fn build(&self, Setting { given, device, seed }: &Setting) -> Result<Box<dyn Method>> {
        let mut init = Init::new(*seed, Purpose::GeneratorWeights, device);
        let [forth, back] = [0; 2].map(|_| self.net.init(given.shape, &mut init));
        let generators = Generators { forth, back };
        let mut init = Init::new(*seed, Purpose::CriticWeights, device);
        let [source, target] = [0; 2].map(|_| self.patch.init(given.shape.channels, &mut init));
        Ok(Box::new(Cyclegan {
            average: generators.valid(),
            generators: Player::new(generators, self.generator.clone()),
            critics: Player::new(Critics { source, target }, self.critic.clone()),
            pools: [0; 2].map(|_| Pool::new(self.pool, given.shape)),
            config: self.clone(),
            seed: *seed,
            device: device.clone(),
        }))
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

/// From source to target, the paper's G, and from target to source, its F.
#[derive(Module, Debug)]
struct Generators {
    forth: Translator,
    back: Translator,
}

/// A critic for each side.
#[derive(Module, Debug)]
struct Critics {
    source: PatchCritic,
    target: PatchCritic,
}

struct Cyclegan {
    config: CycleganConfig,
    generators: Player<Generators>,
    critics: Player<Critics>,
    average: Generators,
    /// Earlier fakes of the source and of the target side.
    pools: [Pool; 2],
    seed: u64,
    device: Device,
}

const POOLS: [&str; 2] = ["pool.source", "pool.target"];

impl Method for Cyclegan {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let source = batches[0].images("source", &self.device)?;
        let target = batches[0].images("target", &self.device)?;
        let [n, ..] = source.dims();
        let mut noise = random::stream(self.seed, Purpose::Dropout, moment.images_seen);
        let Generators { forth, back } = self.generators.network();
        let fake_target = forth.forward(source.clone(), &mut noise);
        let fake_source = back.forward(target.clone(), &mut noise);

        // The critics' move: tell each side's pictures from fakes, new ones and earlier ones.
        let mut rng = random::stream(self.seed, Purpose::Pool, moment.images_seen);
        let [source_pool, target_pool] = &mut self.pools;
        let shown_source = source_pool.exchange(fake_source.clone().detach(), &mut rng);
        let shown_target = target_pool.exchange(fake_target.clone().detach(), &mut rng);
        let critics = self.critics.network();
        let real_scores = [critics.source.forward(source.clone()), critics.target.forward(target.clone())];
        let fake_scores = [critics.source.forward(shown_source), critics.target.forward(shown_target)];
        let [real_scores, fake_scores] = [real_scores, fake_scores].map(|sides| sides.map(|scores| scores.value));
        let loss_critic = Loss::LeastSquares.critic(real_scores[0].clone(), fake_scores[0].clone())
            + Loss::LeastSquares.critic(real_scores[1].clone(), fake_scores[1].clone());
        let norm_critic = self.critics.descend(loss_critic.clone(), moment);

        // The generators' move: pass the critics as they now are, come back to where they started, and leave alone what is
        // of their target side already. The paper's squares are whole, those of Mao et al. halved.
        let critics = self.critics.frozen();
        let score_source = critics.source.forward(fake_source.clone()).value;
        let score_target = critics.target.forward(fake_target.clone()).value;
        let adversarial = (Loss::LeastSquares.generator(real_scores[0].clone().detach(), score_source)
            + Loss::LeastSquares.generator(real_scores[1].clone().detach(), score_target))
            * 2.0;
        let cycle = absolute_difference(back.forward(fake_target, &mut noise), source.clone())
            + absolute_difference(forth.forward(fake_source, &mut noise), target.clone());
        let mut consistency = cycle.clone();
        let mut identity = None;
        if self.config.identity_weight > 0.0 {
            let change = absolute_difference(forth.forward(target.clone(), &mut noise), target)
                + absolute_difference(back.forward(source.clone(), &mut noise), source);
            consistency = consistency + change.clone() * self.config.identity_weight;
            identity = Some(change);
        }
        let loss_generator = adversarial + consistency * self.config.cycle_weight;
        let norm_generator = self.generators.descend(loss_generator.clone(), moment);
        let decay = ema::decay(self.config.ema_half_life_images, moment.images_seen, n as u64);
        self.average = ema::update(self.average.clone(), self.generators.network(), decay);

        let report = Report {
            loss_generator,
            loss_critic,
            score_real: Tensor::cat(real_scores.into(), 0),
            score_fake: Tensor::cat(fake_scores.into(), 0),
            gradient_norm_generator: norm_generator,
            gradient_norm_critic: norm_critic,
        };
        let mut stats = report.stats(Loss::LeastSquares);
        // Means over both ways.
        stats.insert("cycle", values(cycle).iter().sum::<f64>() / 2.0);
        if let Some(identity) = identity {
            stats.insert("identity", values(identity).iter().sum::<f64>() / 2.0);
        }
        Ok(stats)
    }

    fn average(&self) -> Average<'_> {
        Average::Translator { forth: &self.average.forth, back: Some(&self.average.back) }
    }

    /// As targets, the mean over all patches.
    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        let [n, ..] = samples.dims();
        mean_over_patches(self.critics.network().valid().target.forward(samples).value, n)
    }

    fn save(&self, into: &mut Tensors) {
        save_players((&self.generators, &self.critics, &self.average), into);
        self.pools.iter().zip(POOLS).for_each(|(pool, name)| pool.save(name, into));
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        load_players((&mut self.generators, &mut self.critics, &mut self.average), from)?;
        self.pools.iter_mut().zip(POOLS).try_for_each(|(pool, name)| pool.load(name, from))
    }
}
