//! Games that tell a story.

use super::points::PointSet;
use super::settings::{Settings, Side};
use crate::loss::Loss;
use crate::penalty::Penalty;

/// A named game with two sentences beside it.
pub struct Preset {
    /// In lists and addresses.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What happens, and why.
    pub story: &'static str,
    /// The preset that mends it; empty where nothing is broken.
    pub remedy: &'static str,
    /// Its settings.
    pub settings: fn() -> Settings,
}

/// Every preset: the list that menus show.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "healthy",
        title: "Healthy",
        story: "A gradient penalty keeps the slope of D gentle, so fakes are pulled towards every cluster at once. Watch \
                D's accuracy fall towards 50 % as the fakes settle on all eight.",
        remedy: "",
        settings: Settings::default,
    },
    Preset {
        name: "mode-collapse",
        title: "Mode collapse",
        story: "D learns fast and is as steep as it likes, so each cluster becomes a narrow peak with nothing in between. \
                The fakes climb the nearest peak and stay there: all other clusters are forgotten.",
        remedy: "mode-collapse-remedy",
        settings: collapse,
    },
    Preset {
        name: "mode-collapse-remedy",
        title: "Mode collapse: the remedy",
        story: "The same networks, loss and moves, with D's gradient penalized at reals and at fakes. The peaks become \
                hills, empty clusters pull on the fakes from afar, and G may take larger steps without falling into one.",
        remedy: "",
        settings: || Settings { penalty: Penalty::R1R2, gamma: 0.02, beta_1: 0.0, ..faster(collapse()) },
    },
    Preset {
        name: "oscillation",
        title: "Oscillation",
        story: "Large steps with momentum: each player answers a position that the other has already left. The two chase \
                each other in circles, and neither loss goes anywhere.",
        remedy: "oscillation-remedy",
        settings: oscillation,
    },
    Preset {
        name: "oscillation-remedy",
        title: "Oscillation: the remedy",
        story: "Without momentum and with the penalty R1, which flattens D where the data are, the spiral turns inwards. \
                Mescheder et al. (2018) show that this game converges near its end where the plain one does not.",
        remedy: "",
        settings: || {
            let side = Side { learning_rate: 2e-3, ..Side::default() };
            let calm = Settings { generator: side.clone(), critic: side, ..oscillation() };
            Settings { penalty: Penalty::R1, gamma: 0.3, beta_1: 0.0, ..calm }
        },
    },
    Preset {
        name: "vanishing-gradient",
        title: "Vanishing gradient",
        story: "The game as first written: G minimizes log(1 - D). D moves five times for each move of G and soon is sure \
                of every point, so its slope goes flat, the arrows on the fakes vanish, and G is told nothing.",
        remedy: "vanishing-gradient-remedy",
        settings: vanishing,
    },
    Preset {
        name: "vanishing-gradient-remedy",
        title: "Vanishing gradient: the remedy",
        story: "The non-saturating loss turns the arrows back on where D is sure, and the penalty keeps D from becoming a \
                cliff. D still moves five times for each move of G, and now that helps.",
        remedy: "",
        settings: || {
            let fixed = Settings { loss: Loss::NonSaturating, penalty: Penalty::R1R2, ..faster(vanishing()) };
            Settings { gamma: 0.02, beta_1: 0.0, ..fixed }
        },
    },
];

/// A strong critic that nothing restrains: five large steps for each small one of the generator.
fn collapse() -> Settings {
    Settings {
        penalty: Penalty::None,
        n_critic: 5,
        beta_1: 0.5,
        generator: Side { learning_rate: 2e-4, ..Side::default() },
        critic: Side { learning_rate: 5e-3, ..Side::default() },
        ..Settings::default()
    }
}

fn vanishing() -> Settings {
    let generator = Side { learning_rate: 5e-5, ..Side::default() };
    Settings { loss: Loss::Minimax, generator, ..collapse() }
}

/// With a generator that takes larger steps, which a tame critic allows.
fn faster(settings: Settings) -> Settings {
    Settings { generator: Side { learning_rate: 1e-3, ..settings.generator }, ..settings }
}

fn oscillation() -> Settings {
    let side = Side { learning_rate: 5e-3, ..Side::default() };
    Settings {
        data: PointSet::TwoClusters,
        penalty: Penalty::None,
        beta_1: 0.9,
        generator: side.clone(),
        critic: side,
        ..Settings::default()
    }
}
