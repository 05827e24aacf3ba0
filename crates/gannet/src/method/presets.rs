//! The registry: methods by name, each with its paper. Most are the family in `gan` under rules of their own.

use std::f64::consts::SQRT_2;

use super::acgan::ACGAN;
use super::began::BEGAN;
use super::cut::CUT;
use super::cyclegan::CYCLEGAN;
use super::esrgan::ESRGAN;
use super::infogan::INFOGAN;
use super::inpaint::INPAINT;
use super::pix2pix::PIX2PIX;
use super::rules::{Rules, suited_net};
use super::srgan::SRGAN;
use super::style::STYLE;
use super::{MethodConfig, MethodEntry};
use crate::image::Shape;
use crate::loss::Loss;
use crate::net::{Condition, CriticNorm, DcganConfig, MlpConfig, NetConfig, R3ganConfig, ResnetConfig};
use crate::penalty::Penalty;
use crate::train::optimizer::Rule;
use crate::train::player::PlayerConfig;
use crate::train::schedule::Schedule;

/// All methods, in the order in which they are best learnt.
pub const METHODS: &[MethodEntry] = &[
    VANILLA, LSGAN, DCGAN, HINGE, WGAN, WGAN_GP, DRAGAN, SNGAN, SAGAN, CGAN, ACGAN, PROJECTION, BIGGAN, INFOGAN, BEGAN,
    R3GAN, PIX2PIX, CYCLEGAN, CUT, STYLE, SRGAN, ESRGAN, INPAINT, CUSTOM,
];

type Parse = fn(toml::Table) -> Result<Box<dyn MethodConfig>, toml::de::Error>;

/// Reads the rules of the family.
pub(super) const RULES: Parse = |table| Ok(Box::new(table.try_into::<Rules>()?));

pub(super) const VANILLA: MethodEntry = MethodEntry {
    name: "vanilla",
    summary: "the game with fully connected networks; for points and small images",
    advice: "To learn how the game goes, and goes wrong. On images it collapses onto a few silhouettes.",
    paper: "Goodfellow et al. 2014, arXiv:1406.2661",
    preset: |_| Box::new(Rules { net: NetConfig::Mlp(MlpConfig::default()), ..Rules::default() }),
    parse: RULES,
};

const LSGAN: MethodEntry = MethodEntry {
    name: "lsgan",
    summary: "least squares in the place of logarithms, so that confident scores still teach",
    advice: "In the place of `dcgan` when the critic wins and the generator's gradient fades.",
    paper: "Mao et al. 2017, arXiv:1611.04076",
    preset: |shape| Box::new(Rules { loss: Loss::LeastSquares, net: deep(shape), ..Rules::default() }),
    parse: RULES,
};

pub(super) const DCGAN: MethodEntry = MethodEntry {
    name: "dcgan",
    summary: "the game with convolutional networks and batch norm; a good first choice for images",
    advice: "The first choice for small images and little time: the fastest method here, and good enough to see whether \
             the data can be learnt. In long runs watch for collapse.",
    paper: "Radford, Metz and Chintala 2016, arXiv:1511.06434",
    preset: |_| Box::new(Rules::default()),
    parse: RULES,
};

const HINGE: MethodEntry = MethodEntry {
    name: "hinge",
    summary: "margins in the place of logarithms; the critic stops where it is sure",
    advice: "The loss of most large GANs, best with a critic kept smooth: `sngan` and those after it.",
    paper: "Lim and Ye 2017, arXiv:1705.02894",
    preset: |shape| Box::new(Rules { loss: Loss::Hinge, net: deep(shape), ..Rules::default() }),
    parse: RULES,
};

const WGAN: MethodEntry = MethodEntry {
    name: "wgan",
    summary: "Wasserstein distance with a weight-clipped critic; slow, steady, its loss follows quality",
    advice: "For the idea; its authors call the clipping a terrible way to keep a critic Lipschitz, and `wgan-gp` is the \
             answer.",
    paper: "Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875",
    preset: |shape| {
        let player =
            PlayerConfig { optimizer: Rule::RmsProp, learning_rate: 5e-5, beta_2: 0.99, ..PlayerConfig::default() };
        Box::new(Rules {
            loss: Loss::Wasserstein,
            clip: 0.01,
            n_critic: 5,
            net: deep(shape),
            generator: player.clone(),
            critic: player,
            ..Rules::default()
        })
    },
    parse: RULES,
};

const WGAN_GP: MethodEntry = MethodEntry {
    name: "wgan-gp",
    summary: "Wasserstein distance with a gradient penalty; steady and slow",
    advice: "When time is no concern: its critic's loss is meant to fall as samples improve. Five critic moves at a low \
             rate make it slow; in short runs two at 5e-4 learn far more (`n_critic`, `learning_rate`).",
    paper: "Gulrajani et al. 2017, arXiv:1704.00028",
    preset: |shape| {
        let learning_rate = if shape.is_point() { 1e-3 } else { 1e-4 };
        let player = PlayerConfig { learning_rate, beta_1: 0.0, beta_2: 0.9, ..PlayerConfig::default() };
        Box::new(Rules {
            loss: Loss::Wasserstein,
            penalty: Penalty::OneCentred,
            gamma: one_centred_weight(shape),
            n_critic: 5,
            net: suited_penalized(shape, CriticNorm::Layer),
            generator: player.clone(),
            critic: player,
            ..Rules::default()
        })
    },
    parse: RULES,
};

const DRAGAN: MethodEntry = MethodEntry {
    name: "dragan",
    summary: "the first game with a gradient penalty around reals, at one critic move",
    advice: "Images on which `dcgan` collapses and `wgan-gp` is too slow. On points it works with a weak penalty \
             only: its noise is half as wide as all data together.",
    paper: "Kodali et al. 2017, arXiv:1705.07215",
    preset: |shape| {
        let player =
            PlayerConfig { learning_rate: if shape.is_point() { 1e-3 } else { 2e-4 }, ..PlayerConfig::default() };
        Box::new(Rules {
            penalty: Penalty::Dragan,
            gamma: one_centred_weight(shape),
            net: suited_penalized(shape, CriticNorm::None),
            generator: player.clone(),
            critic: player,
            ..Rules::default()
        })
    },
    parse: RULES,
};

const SNGAN: MethodEntry = MethodEntry {
    name: "sngan",
    summary: "residual networks, a spectrally normalized critic and the hinge loss; a sturdy classic",
    advice: "Images when quality matters more than minutes. Too smooth for small clusters of points.",
    paper: "Miyato et al. 2018, arXiv:1802.05957",
    preset: |shape| {
        let player = PlayerConfig { beta_1: 0.0, beta_2: 0.9, ..PlayerConfig::default() };
        Box::new(Rules {
            loss: Loss::Hinge,
            n_critic: 5,
            net: suited_spectral(shape, ResnetConfig::default()),
            generator: player.clone(),
            critic: player,
            ..Rules::default()
        })
    },
    parse: RULES,
};

const SAGAN: MethodEntry = MethodEntry {
    name: "sagan",
    summary: "sngan whose pixels attend to each other, with a faster critic in the place of more moves",
    advice: "Images whose far parts belong together, such as two sleeves or two shoes.",
    paper: "Zhang et al. 2019, arXiv:1805.08318",
    preset: |shape| {
        let player =
            |learning_rate| PlayerConfig { learning_rate, beta_1: 0.0, beta_2: 0.9, ..PlayerConfig::default() };
        let net = ResnetConfig { attention: halved(shape), spectral_generator: true, ..ResnetConfig::default() };
        Box::new(Rules {
            loss: Loss::Hinge,
            net: suited_spectral(shape, net),
            generator: player(1e-4),
            critic: player(4e-4),
            ..Rules::default()
        })
    },
    parse: RULES,
};

const CGAN: MethodEntry = MethodEntry {
    name: "cgan",
    summary: "classes on request: both players are told the class beside their input",
    advice: "Labelled data and the simplest way to ask for a class.",
    paper: "Mirza and Osindero 2014, arXiv:1411.1784",
    preset: |shape| Box::new(Rules { condition: Condition::Concatenation, net: deep(shape), ..Rules::default() }),
    parse: RULES,
};

const PROJECTION: MethodEntry = MethodEntry {
    name: "projection",
    summary: "classes on request: the critic compares what it sees with an embedding of the class",
    advice: "Labelled images when variety within a class matters; in short runs `acgan` obeys better.",
    paper: "Miyato and Koyama 2018, arXiv:1802.05637",
    preset: |shape| {
        let player = PlayerConfig { beta_1: 0.0, beta_2: 0.9, ..PlayerConfig::default() };
        Box::new(Rules {
            loss: Loss::Hinge,
            condition: Condition::Projection,
            n_critic: 5,
            net: suited_spectral(shape, ResnetConfig::default()),
            generator: player.clone(),
            critic: player,
            ..Rules::default()
        })
    },
    parse: RULES,
};

const BIGGAN: MethodEntry = MethodEntry {
    name: "biggan",
    summary: "projection at scale, made small: attention, orthogonal start, a piece of the latent for every block",
    advice: "Labelled images, a large batch and patience; what made class-conditional images of 2019 great.",
    paper: "Brock, Donahue and Simonyan 2019, arXiv:1809.11096",
    preset: |shape| {
        let player = |learning_rate| PlayerConfig { learning_rate, beta_1: 0.0, ..PlayerConfig::default() };
        let net = ResnetConfig {
            latent: 120,
            attention: halved(shape),
            spectral_generator: true,
            skip_latents: true,
            orthogonal: true,
            ..ResnetConfig::default()
        };
        Box::new(Rules {
            loss: Loss::Hinge,
            condition: Condition::Projection,
            n_critic: 2,
            net: suited_spectral(shape, net),
            generator: player(5e-5),
            critic: player(2e-4),
            ..Rules::default()
        })
    },
    parse: RULES,
};

const R3GAN: MethodEntry = MethodEntry {
    name: "r3gan",
    summary: "reals and fakes compared in pairs, with gradient penalties on both; made to cover all modes",
    advice: "The first choice when every kind of sample has to appear, and for points. One setting matters: `gamma`; \
             raise it if scores run away, lower it if samples stay dull. On a CPU, \
             `net.family=dcgan` is many times as fast.",
    paper: "Huang et al. 2024, arXiv:2501.05441",
    preset: |shape| {
        let player = PlayerConfig { beta_1: 0.0, beta_2: 0.99, ..PlayerConfig::default() };
        let rules = Rules { loss: Loss::Relativistic, penalty: Penalty::R1R2, ..Rules::default() };
        if !shape.is_point() {
            let net = NetConfig::R3gan(R3ganConfig::default());
            return Box::new(Rules { net, generator: player.clone(), critic: player, ..rules });
        }
        // Points have no pixels to average over: small steps of the slope matter, and narrow networks learn them faster.
        let player = PlayerConfig { learning_rate: 2e-3, schedule: Schedule::Linear, ..player };
        let net = NetConfig::Mlp(MlpConfig { latent: 2, width: 64, depth: 4, ..eager() });
        Box::new(Rules { gamma: 0.01, net, generator: player.clone(), critic: player, ..rules })
    },
    parse: RULES,
};

const CUSTOM: MethodEntry = MethodEntry {
    name: "custom",
    summary: "any networks with any loss, penalty, augmentation and balance",
    advice: "To combine what the others keep apart: see the rules below.",
    paper: "your own",
    preset: |shape| Box::new(Rules { net: suited_net(shape, dcgan(CriticNorm::None)), ..Rules::default() }),
    parse: RULES,
};

/// The convolutional networks as Radford et al. made them, or fully connected ones for points.
fn deep(shape: Shape) -> NetConfig {
    suited_net(shape, NetConfig::Dcgan(DcganConfig::default()))
}

fn dcgan(critic_norm: CriticNorm) -> NetConfig {
    NetConfig::Dcgan(DcganConfig { critic_norm, ..DcganConfig::default() })
}

/// Convolutional networks without batch norm in the critic, or fully connected ones, for a critic under a gradient
/// penalty.
fn suited_penalized(shape: Shape, critic_norm: CriticNorm) -> NetConfig {
    if shape.is_point() { NetConfig::Mlp(eager()) } else { dcgan(critic_norm) }
}

/// Weight of a penalty that asks for a slope of 1: the papers' on images; between small clusters steeper slopes are needed.
fn one_centred_weight(shape: Shape) -> f64 {
    if shape.is_point() { 0.1 } else { 10.0 }
}

/// Fully connected networks whose critic learns fine structure early, which a penalty keeps from going wrong.
fn eager() -> MlpConfig {
    MlpConfig { critic_gain: SQRT_2, ..MlpConfig::default() }
}

/// Residual networks, or fully connected ones with a spectrally normalized critic for points.
fn suited_spectral(shape: Shape, net: ResnetConfig) -> NetConfig {
    if shape.is_point() {
        NetConfig::Mlp(MlpConfig { critic_norm: CriticNorm::Spectral, ..MlpConfig::default() })
    } else {
        NetConfig::Resnet(net)
    }
}

/// The size of the feature maps next to the image.
fn halved(shape: Shape) -> usize {
    shape.height.min(shape.width).div_ceil(2)
}
