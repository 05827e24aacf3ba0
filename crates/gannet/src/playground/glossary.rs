//! What can be chosen, and what the words mean: the lists that pages make their menus and hints from.

use serde::Serialize;

/// One value of a setting.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Choice {
    /// As settings hold it.
    pub value: &'static str,
    /// For people.
    pub title: &'static str,
    /// One line.
    pub summary: &'static str,
}

/// A setting with a closed list of values.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Group {
    /// The setting's name.
    pub setting: &'static str,
    /// Its values.
    pub choices: &'static [Choice],
}

/// A word and what it means, in one line.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Term {
    /// A setting's or a figure's name.
    pub name: &'static str,
    /// One line.
    pub meaning: &'static str,
}

const fn choice(value: &'static str, title: &'static str, summary: &'static str) -> Choice {
    Choice { value, title, summary }
}

/// Settings that are chosen from a list.
pub(super) const GROUPS: &[Group] = &[
    Group {
        setting: "data",
        choices: &[
            choice("one-cluster", "One cluster", "a single round cloud: the warm-up"),
            choice("two-clusters", "Two clusters", "two clouds, far enough apart to forget one"),
            choice("ring", "Ring of 8", "eight clusters on a circle: the classic test for mode collapse"),
            choice("grid", "Grid of 25", "twenty-five clusters: the hard test"),
            choice("spiral", "Spiral", "a thin curve of two turns"),
            choice("two-moons", "Two moons", "two half circles that reach into each other"),
            choice("own", "Your own", "points that you draw or paste"),
        ],
    },
    Group {
        setting: "loss",
        choices: &[
            choice("minimax", "Minimax", "the game as first written; it goes flat where D wins (2014)"),
            choice("non-saturating", "Non-saturating", "G maximizes log D, which keeps its gradient alive (2014)"),
            choice("least-squares", "Least squares", "squared distances to the labels 1 and 0 (2016)"),
            choice("hinge", "Hinge", "D stops where it is sure by a margin (2017)"),
            choice("wasserstein", "Wasserstein", "difference of mean scores; D has to be kept smooth (2017)"),
            choice("relativistic", "Relativistic", "each real is compared with one fake (2018)"),
            choice("relativistic-average", "Relativistic average", "each real is compared with the mean fake (2018)"),
        ],
    },
    Group {
        setting: "penalty",
        choices: &[
            choice("none", "None", "D may be as steep as it likes"),
            choice("r1", "R1", "D is flat at reals (2018)"),
            choice("r2", "R2", "D is flat at fakes (2018)"),
            choice("r1-r2", "R1 + R2", "D is flat at both; what modern GANs use (2024)"),
            choice("one-centred", "WGAN-GP", "D has slope 1 between reals and fakes (2017)"),
            choice("dragan", "DRAGAN", "D has slope 1 around reals (2017)"),
        ],
    },
    Group {
        setting: "noise",
        choices: &[
            choice("normal", "Normal", "a bell curve in every dimension"),
            choice("uniform", "Uniform", "even between -1 and 1 in every dimension"),
        ],
    },
    Group {
        setting: "optimizer",
        choices: &[
            choice("adam", "Adam", "steps scaled by past gradients, with momentum beta 1"),
            choice("rmsprop", "RMSProp", "steps scaled by past gradients, without momentum"),
        ],
    },
];

const fn term(name: &'static str, meaning: &'static str) -> Term {
    Term { name, meaning }
}

/// Words that a page explains where they stand.
pub const GLOSSARY: &[Term] = &[
    term("generator", "G turns random noise into fakes, and learns only from what D tells it"),
    term("critic", "D, the discriminator, learns to tell real points from fakes"),
    term("real", "points drawn from the data"),
    term("fake", "points that G makes of noise"),
    term("field", "what D thinks of each place: blue is real, red is fake, white is undecided"),
    term("manifold", "a square net laid over the noise, drawn where G sends it"),
    term("arrows", "the way G's loss pulls each fake, which is D's slope there"),
    term("loss_generator", "what G minimizes; its level says little, its trend more"),
    term("loss_critic", "what D minimizes; near its start value means D is guessing"),
    term("accuracy", "share of points that D tells rightly; at 50 % it can only guess, which is the goal"),
    term("modes", "clusters with at least one fake within three standard deviations"),
    term("kl", "how far fakes are from reals as distributions, in nats; 0 is equal"),
    term("data", "what the real points are drawn from"),
    term("spread", "how wide the real points scatter around their shape"),
    term("noise", "the distribution of G's input"),
    term("noise_dim", "how many random numbers G gets for each fake"),
    term("layers", "hidden layers of the network"),
    term("width", "units in each hidden layer"),
    term("learning_rate", "how large a step the player takes along its gradient"),
    term("loss", "the rule by which both players keep score"),
    term("penalty", "what keeps D's slope in check"),
    term("gamma", "the weight of the penalty"),
    term("spectral", "divides each of D's weight matrices by its largest singular value, so that D cannot be steep"),
    term("n_critic", "moves of D for each move of G"),
    term("optimizer", "the rule that turns a gradient into a step"),
    term("beta_1", "momentum: how much of the last gradients a step keeps"),
    term("batch", "points of each kind in one move"),
    term("seed", "the same seed and settings play the same game again"),
];
