//! Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution": a generator that knows where the holes are, and a
//! critic that judges every place of what was filled (eqs. 4 and 5).
//!
//! Deviations: the network's (`net/gated.rs`); differences in holes weigh more than elsewhere (Liu et al. 2018, "Image
//! Inpainting for Irregular Holes Using Partial Convolutions", eq. 7); the critic moves before the generator; users get the
//! average.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use toml::Table;

use super::game::{Report, load_players, mean_over_patches, save_players, unusable_amounts, values};
use super::{Average, Given, Method, MethodConfig, MethodEntry, Networks, Setting, table_of};
use crate::Result;
use crate::data::Batch;
use crate::degrade::Holes;
use crate::image::Shape;
use crate::loss::Loss;
use crate::net::{GatedConfig, GatedGenerator, HoleCritic, HoleCriticConfig, NetworkPlan, Subject};
use crate::nn::Init;
use crate::nn::state::Tensors;
use crate::random::{self, Purpose};
use crate::train::event::Stats;
use crate::train::player::{Player, PlayerConfig};
use crate::train::schedule::Moment;
use crate::train::{self, ema};

pub(super) const INPAINT: MethodEntry = MethodEntry {
    name: "inpaint",
    summary: "fills holes of any form in pictures from what is around them",
    advice: "To remove what should not be there, or to mend what is damaged, in pictures like those it learnt from. See [Fill \
             holes](inpaint.md).",
    paper: "Yu et al. 2019, arXiv:1806.03589",
    preset: |_| Box::new(InpaintConfig::default()),
    parse: |table| Ok(Box::new(table.try_into::<InpaintConfig>()?)),
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InpaintConfig {
    /// What holes look like: `free-form`, `box` or `both`.
    holes: Holes,
    /// Weight of absolute differences in holes, averaged over the whole picture (Liu et al. 2018, eq. 7: 6).
    hole_weight: f64,
    /// Weight of those elsewhere (Liu et al. 2018, eq. 7: 1).
    known_weight: f64,
    /// Weight of the adversarial loss (section 3.4: 1).
    adversarial_weight: f64,
    /// Half-life of the generator's average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The generator.
    net: GatedConfig,
    /// The critic.
    patch: HoleCriticConfig,
    /// How the generator learns (1e-4 with beta_1 0.5).
    generator: PlayerConfig,
    /// How the critic learns (the same).
    critic: PlayerConfig,
}

impl Default for InpaintConfig {
    fn default() -> Self {
        let player = PlayerConfig { learning_rate: 1e-4, ..PlayerConfig::default() };
        Self {
            holes: Holes::default(),
            hole_weight: 6.0,
            known_weight: 1.0,
            adversarial_weight: 1.0,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: GatedConfig::default(),
            patch: HoleCriticConfig::default(),
            generator: player.clone(),
            critic: player,
        }
    }
}

impl MethodConfig for InpaintConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        let mut problems = self.net.problems();
        problems.extend(self.patch.problems("method.patch"));
        problems.extend(self.generator.problems("generator"));
        problems.extend(self.critic.problems("critic"));
        problems.extend(ema::problem(self.ema_half_life_images));
        let weights = [
            ("hole_weight", self.hole_weight),
            ("known_weight", self.known_weight),
            ("adversarial_weight", self.adversarial_weight),
        ];
        problems.extend(unusable_amounts(weights));
        if !matches!(given.shape.channels, 1 | 3) {
            problems.push(format!("data.channels is {}, accepted: 1 or 3", given.shape.channels));
        }
        problems
    }

    fn net(&self) -> Networks<'_> {
        Networks::Inpainter { net: &self.net, holes: self.holes }
    }

    fn subject(&self, given: &Given) -> Subject {
        given.shape.into()
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        [self.net.plan(given.shape), self.patch.plan(given.shape)]
    }

    fn needs(&self) -> &'static [&'static str] {
        &["real"]
    }

    fn build(&self, Setting { given, device, seed }: &Setting) -> Result<Box<dyn Method>> {
        let n_channels = given.shape.channels;
        let generator = self.net.init(n_channels, &mut Init::new(*seed, Purpose::GeneratorWeights, device));
        let critic = self.patch.init(n_channels, &mut Init::new(*seed, Purpose::CriticWeights, device));
        Ok(Box::new(Inpaint {
            average: generator.valid(),
            generator: Player::new(generator, self.generator.clone()),
            critic: Player::new(critic, self.critic.clone()),
            config: self.clone(),
            shape: given.shape,
            device: device.clone(),
            seed: *seed,
        }))
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}

struct Inpaint {
    config: InpaintConfig,
    generator: Player<GatedGenerator>,
    critic: Player<HoleCritic>,
    average: GatedGenerator,
    shape: Shape,
    device: Device,
    seed: u64,
}

impl Inpaint {
    /// Where the holes of `n` pictures are, `[n, 1, H, W]`.
    fn holes(&self, n: usize, moment: Moment) -> Tensor<4> {
        let Shape { height, width, .. } = self.shape;
        let draw = |i: usize| {
            let mut rng = random::stream(self.seed, Purpose::Mask, moment.images_seen + i as u64);
            self.config.holes.draw([height, width], &mut rng)
        };
        let holes: Vec<f32> = (0..n).flat_map(draw).collect();
        Tensor::from_data(TensorData::new(holes, [n, 1, height, width]), &self.device)
    }
}

impl Method for Inpaint {
    fn batches_per_step(&self) -> usize {
        1
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let real = batches[0].images("real", &self.device)?;
        let [n, ..] = real.dims();
        let holes = self.holes(n, moment);
        let output = self.generator.network().forward(real.clone(), holes.clone());
        let filled = output.clone() * holes.clone() + real.clone() * (-holes.clone() + 1.0);

        // The critic's move (eq. 5): tell whole pictures from filled ones, place by place.
        let critic = self.critic.network();
        let score_real = critic.forward(real.clone(), holes.clone());
        let score_fake = critic.forward(filled.clone().detach(), holes.clone());
        let loss_critic = Loss::Hinge.critic(score_real.clone(), score_fake.clone());
        let norm_critic = self.critic.descend(loss_critic.clone(), moment);

        // The generator's move (eq. 4): pass the critic as it now is, and be near what was there.
        let score = self.critic.frozen().forward(filled, holes.clone());
        let adversarial = Loss::Hinge.generator(score_real.clone().detach(), score);
        let differences = (output - real).abs();
        let in_holes = (differences.clone() * holes.clone()).mean();
        let elsewhere = (differences * (-holes.clone() + 1.0)).mean();
        let loss_generator = in_holes.clone() * self.config.hole_weight
            + elsewhere * self.config.known_weight
            + adversarial * self.config.adversarial_weight;
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
        let mut stats = report.stats(Loss::Hinge);
        // The mean over the pixels of holes alone.
        let [in_holes, share] = [in_holes, holes.mean()].map(|mean| values(mean).iter().sum::<f64>());
        stats.insert("reconstruction", in_holes / share);
        Ok(stats)
    }

    fn average(&self) -> Average<'_> {
        Average::Inpainter(&self.average)
    }

    /// As whole pictures, the mean over all places.
    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        let [n, _, h, w] = samples.dims();
        let none = Tensor::zeros([n, 1, h, w], &samples.device());
        mean_over_patches(self.critic.network().valid().forward(samples, none), n)
    }

    fn save(&self, into: &mut Tensors) {
        save_players((&self.generator, &self.critic, &self.average), into);
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        load_players((&mut self.generator, &mut self.critic, &mut self.average), from)
    }
}
