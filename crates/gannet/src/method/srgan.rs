//! Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network": first the
//! content alone, by squared differences of pixels (eq. 4), then the game: near in what VGG sees (eq. 5), and passing for a
//! photograph (eq. 6).
//!
//! Deviations: VGG16 in the place of VGG19, and maps before their activation, as Wang et al. 2018 found better; one learning
//! rate; the critic moves before the generator; users get the average.

use super::MethodEntry;
use super::enlarging::{Enlarger, Enlarging, EnlargingConfig, NO_START, PerceptualConfig};
use super::game::{Report, values};
use crate::Result;
use crate::data::Batch;
use crate::degrade::Degradation;
use crate::loss::{Loss, absolute_difference, squared_difference};
use crate::net::VggCriticConfig;
use crate::net::upscaler::{SrresnetConfig, UpscalerConfig};
use crate::train;
use crate::train::event::Stats;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Moment;

pub(super) const SRGAN: MethodEntry = MethodEntry {
    name: "srgan",
    summary: "enlarges pictures by residual blocks; first their content, then a game about their detail",
    advice: "To learn how pictures are enlarged, from a folder of good ones. `esrgan` has the better network and loss; this \
             one is lighter. See [Train networks that enlarge](super-resolution.md).",
    paper: "Ledig et al. 2017, arXiv:1609.04802",
    preset: |shape| {
        let player = PlayerConfig { learning_rate: 1e-4, beta_1: 0.9, ..PlayerConfig::default() };
        let config = EnlargingConfig {
            pretrain_kimg: 100.0,
            degrade: Degradation::Bicubic,
            pixel_weight: 0.0,
            perceptual_weight: 1.0,
            adversarial_weight: 1e-3,
            perceptual: PerceptualConfig::default(),
            start: NO_START.into(),
            freezed: 0,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: UpscalerConfig::Srresnet(SrresnetConfig { channels: shape.channels, ..SrresnetConfig::default() }),
            vgg: VggCriticConfig::default(),
            generator: player.clone(),
            critic: player,
        };
        Box::new(Enlarging { config, step })
    },
    parse: |table| Ok(Box::new(Enlarging { config: table.try_into::<EnlargingConfig>()?, step })),
};

/// Maps are divided by this before they are compared, which brings them to the scale of pixels (section 3.2).
const MAP_SCALE: f64 = 12.75;

fn step(game: &mut Enlarger, batch: &Batch, moment: Moment) -> Result<Stats> {
    let [target, small] = game.pairs(batch, moment)?;
    let output = game.enlarge(small);

    // The content first (eq. 4): a game from the start would lead a generator that knows nothing astray (section 3.2).
    if game.is_pretraining(moment) {
        let loss = squared_difference(output.clone(), target.clone());
        return Ok(game.learn_content(loss, [output, target], moment));
    }

    // The critic's move (eq. 2): tell photographs from what the generator makes of their remains.
    let critic = game.critic.network();
    let score_real = critic.forward(target.clone()).value;
    let score_fake = critic.forward(output.clone().detach()).value;
    let loss_critic = Loss::NonSaturating.critic(score_real.clone(), score_fake.clone());
    let norm_critic = game.critic.descend(loss_critic.clone(), moment);

    // The generator's move (eq. 3): look like the target, and pass the critic as it now is.
    let score = game.critic.frozen().forward(output.clone()).value;
    let adversarial = Loss::NonSaturating.generator(score_real.clone().detach(), score);
    let difference = |a, b| squared_difference(a, b) / (MAP_SCALE * MAP_SCALE);
    let perceptual = game.perceptual(output.clone(), target.clone(), difference);
    let pixels = absolute_difference(output, target.clone());
    let loss_generator = perceptual.clone() * game.config.perceptual_weight
        + adversarial * game.config.adversarial_weight
        + pixels.clone() * game.config.pixel_weight;
    let [n, ..] = target.dims();
    let norm_generator = game.learn(loss_generator.clone(), n, moment);

    let report = Report {
        loss_generator,
        loss_critic,
        score_real,
        score_fake,
        gradient_norm_generator: norm_generator,
        gradient_norm_critic: norm_critic,
    };
    let mut stats = report.stats(Loss::NonSaturating);
    stats.insert("perceptual", values(perceptual).iter().sum());
    stats.insert("reconstruction", values(pixels).iter().sum());
    Ok(stats)
}
