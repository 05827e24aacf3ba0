//! Wang et al. 2018, "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks": a deeper generator without batch
//! norm, a critic that asks which of two pictures is more like a photograph (eqs. 1 and 2), and maps before their activation
//! (section 3.3); first the content alone, by absolute differences.
//!
//! Deviations: VGG16 in the place of VGG19; one learning rate; the critic moves before the generator; users get the
//! average, where the authors interpolate between both phases (section 3.4).

use super::MethodEntry;
use super::enlarging::{Enlarger, Enlarging, EnlargingConfig, NO_START, PerceptualConfig};
use super::game::{Report, values};
use crate::Result;
use crate::data::Batch;
use crate::degrade::Degradation;
use crate::loss::{Loss, absolute_difference};
use crate::net::VggCriticConfig;
use crate::net::upscaler::{RrdbConfig, UpscalerConfig};
use crate::train;
use crate::train::event::Stats;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Moment;

pub(super) const ESRGAN: MethodEntry = MethodEntry {
    name: "esrgan",
    summary: "enlarges pictures by dense residual blocks under a critic that compares; `srgan` made sharper",
    advice: "The first choice for enlarging: with `method.degrade=real-world` also for pictures that were blurred, \
             compressed and sent around. Its network is slow on a CPU unless it is made smaller. See [Train networks that \
             enlarge](super-resolution.md).",
    paper: "Wang et al. 2018, arXiv:1809.00219",
    preset: |shape| {
        let player = PlayerConfig { learning_rate: 1e-4, beta_1: 0.9, ..PlayerConfig::default() };
        let config = EnlargingConfig {
            pretrain_kimg: 100.0,
            degrade: Degradation::Bicubic,
            pixel_weight: 1e-2,
            perceptual_weight: 1.0,
            adversarial_weight: 5e-3,
            perceptual: PerceptualConfig::default(),
            start: NO_START.into(),
            freezed: 0,
            ema_half_life_images: train::EMA_HALF_LIFE_IMAGES,
            net: UpscalerConfig::Rrdb(RrdbConfig { channels: shape.channels, ..RrdbConfig::default() }),
            vgg: VggCriticConfig::default(),
            generator: player.clone(),
            critic: player,
        };
        Box::new(Enlarging { config, step })
    },
    parse: |table| Ok(Box::new(Enlarging { config: table.try_into::<EnlargingConfig>()?, step })),
};

fn step(game: &mut Enlarger, batch: &Batch, moment: Moment) -> Result<Stats> {
    let [target, small] = game.pairs(batch, moment)?;
    let output = game.enlarge(small);

    // The content first, by absolute differences (section 4.1).
    if game.is_pretraining(moment) {
        let loss = absolute_difference(output.clone(), target.clone());
        return Ok(game.learn_content(loss, [output, target], moment));
    }

    // The critic's move (eq. 1): photographs are more real than outputs on average, and these less than photographs.
    let critic = game.critic.network();
    let score_real = critic.forward(target.clone()).value;
    let score_fake = critic.forward(output.clone().detach()).value;
    let loss_critic = Loss::RelativisticAverage.critic(score_real.clone(), score_fake.clone());
    let norm_critic = game.critic.descend(loss_critic.clone(), moment);

    // The generator's move (eqs. 2 and 3): look like the target, and turn around what the critic as it now is compares.
    let critic = game.critic.frozen();
    let score = critic.forward(output.clone()).value;
    let beside = critic.forward(target.clone()).value.detach();
    let adversarial = Loss::RelativisticAverage.generator(beside, score);
    let perceptual = game.perceptual(output.clone(), target.clone(), absolute_difference);
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
    let mut stats = report.stats(Loss::RelativisticAverage);
    stats.insert("perceptual", values(perceptual).iter().sum());
    stats.insert("reconstruction", values(pixels).iter().sum());
    Ok(stats)
}
