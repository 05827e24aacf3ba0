//! Style transfer by paired targets or by cycle: where each source has its own target the game is that of `pix2pix` (Isola et
//! al. 2017), where there are two collections that of `cyclegan` (Zhu et al. 2017), both under settings that suit style.
//!
//! Which one is played follows from the data, whose setting `data.sides.layout` can hide pairs. Either way the translator
//! is residual blocks, which translate pictures of any size at their own (Johnson et al. 2016, "Perceptual Losses for
//! Real-Time Style Transfer"), and pictures that have the style already are to stay as they are (Zhu et al. 2017, section
//! 5.2). Deviation of pairs: Isola et al. have a U-Net, do not ask for that, and keep their learning rate.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::cyclegan::{CycleganConfig, suited_net};
use super::pix2pix::{Pix2pixConfig, suited_field};
use super::{Given, Method, MethodConfig, MethodEntry, Networks, Setting, table_of};
use crate::Result;
use crate::net::{NetworkPlan, PatchConfig, Subject, TranslatorConfig};
use crate::train::player::PlayerConfig;

pub(super) const STYLE: MethodEntry = MethodEntry {
    name: "style",
    summary: "gives pictures the style of others, learnt from pairs or from two collections, whichever the data hold",
    advice: "Your pictures in your own style: pairs of before and after, or a folder of each. Colours stay where nothing has to \
             change. See [Give pictures a style](style.md).",
    paper: "Isola et al. 2017, arXiv:1611.07004; Zhu et al. 2017, arXiv:1703.10593",
    preset: |shape| {
        let patch = PatchConfig { field: suited_field(shape), ..PatchConfig::default() };
        Box::new(StyleConfig { net: suited_net(shape), patch, ..StyleConfig::default() })
    },
    parse: |table| Ok(Box::new(table.try_into::<StyleConfig>()?)),
};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StyleConfig {
    /// Of pairs: weight of the mean absolute difference to the true target (Isola et al. 2017, section 6.2: 100).
    l1_weight: f64,
    /// Of collections: weight of what is lost there and back (Zhu et al. 2017, section 4: 10).
    cycle_weight: f64,
    /// Weight of what changes in pictures that have the style already, in units of the one of the two weights above that
    /// counts (Zhu et al. 2017, section 5.2: 0.5).
    identity_weight: f64,
    /// Of collections: earlier fakes of each side that its critic is shown among new ones (Zhu et al. 2017, section 4: 50).
    pool: usize,
    /// Half-life of the translators' average, in images (10 kimg, as Karras et al. 2020).
    ema_half_life_images: f64,
    /// The translator, and that of the way back.
    net: TranslatorConfig,
    /// The critic of each side that is made.
    patch: PatchConfig,
    /// How translators learn (Zhu et al. 2017, section 4: 2e-4, constant for half of the run and then down to zero).
    generator: PlayerConfig,
    /// How critics learn (the same).
    critic: PlayerConfig,
}

impl Default for StyleConfig {
    fn default() -> Self {
        let CycleganConfig { cycle_weight, identity_weight, pool, ema_half_life_images, net, patch, generator, critic } =
            CycleganConfig::default();
        let Pix2pixConfig { l1_weight, .. } = Pix2pixConfig::default();
        Self { l1_weight, cycle_weight, identity_weight, pool, ema_half_life_images, net, patch, generator, critic }
    }
}

impl StyleConfig {
    /// The game that is played with what is given.
    fn game(&self, given: &Given) -> Box<dyn MethodConfig> {
        let Self { l1_weight, cycle_weight, identity_weight, pool, ema_half_life_images, .. } = *self;
        let Self { net, patch, generator, critic, .. } = self.clone();
        if given.is_paired {
            Box::new(Pix2pixConfig { l1_weight, identity_weight, ema_half_life_images, net, patch, generator, critic })
        } else {
            Box::new(CycleganConfig {
                cycle_weight,
                identity_weight,
                pool,
                ema_half_life_images,
                net,
                patch,
                generator,
                critic,
            })
        }
    }
}

impl MethodConfig for StyleConfig {
    fn problems(&self, given: &Given) -> Vec<String> {
        self.game(given).problems(given)
    }

    fn net(&self) -> Networks<'_> {
        Networks::Translator(&self.net)
    }

    fn subject(&self, given: &Given) -> Subject {
        given.shape.into()
    }

    fn plan(&self, given: &Given) -> [NetworkPlan; 2] {
        self.game(given).plan(given)
    }

    fn needs(&self) -> &'static [&'static str] {
        &["source", "target"]
    }

    fn build(&self, setting: &Setting) -> Result<Box<dyn Method>> {
        self.game(&setting.given).build(setting)
    }

    fn to_table(&self) -> Table {
        table_of(self)
    }
}
