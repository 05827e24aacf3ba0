//! The critic, or discriminator, of any family: a trunk that sees, and a head that judges.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{LayerPlan, NetConfig, NetworkPlan, Subject, Trunk};
use crate::image::Shape;
use crate::nn::{Dual, Init, Linear, LinearConfig, Weights};

/// How a critic uses the class of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It does not; neither does the generator.
    None,
    /// As further channels of the sample, one for each class (Mirza and Osindero 2014, section 3.2).
    Concatenation,
    /// By an inner product of the features with the class's embedding, added to the score (Miyato and Koyama 2018,
    /// "cGANs with Projection Discriminator", eq. 4).
    Projection,
}

impl NetConfig {
    /// The layers of generator and critic.
    pub fn plan(&self, subject: Subject, condition: Condition) -> [NetworkPlan; 2] {
        let (mut layers, n_features) = self.trunk_plan(seen(subject, condition));
        layers.push(linear_plan("linear", n_features, 1, true));
        if condition == Condition::Projection {
            layers.push(linear_plan("projection", subject.n_classes, n_features, false));
        }
        [self.generator_plan(subject), NetworkPlan { role: "critic", layers }]
    }

    /// A new critic of `subject`.
    pub fn critic(&self, subject: impl Into<Subject>, condition: Condition, init: &mut Init) -> Critic {
        let subject = subject.into();
        let shape = seen(subject, condition);
        let trunk = self.trunk(shape, init);
        let (_, n_features) = self.trunk_plan(shape);
        let linear = |n_in, n_out, has_bias| LinearConfig {
            has_bias,
            weights: match self {
                Self::Mlp(_) => Weights::FanIn,
                Self::Dcgan(_) => Weights::Normal(0.02),
                Self::Resnet(config) => config.weights(1.0),
                Self::R3gan(_) => Weights::He(1.0),
            },
            scaling: self.head_scaling(),
            ..LinearConfig::new(n_in, n_out)
        };
        let score = linear(n_features, 1, true).init(init);
        let is_projected = condition == Condition::Projection;
        let embedding = is_projected.then(|| linear(subject.n_classes, n_features, false).init(init));
        Critic { trunk, head: Head { score, embedding }, is_concatenated: condition == Condition::Concatenation }
    }

    /// The layers of generator and critic where the critic also reads the condition.
    pub fn reading_plan(&self, subject: Subject) -> [NetworkPlan; 2] {
        let [generator, mut critic] = self.plan(subject, Condition::None);
        let (_, n_features) = self.trunk_plan(subject.shape);
        critic.layers.push(linear_plan("reading", n_features, subject.n_condition(), true));
        [generator, critic]
    }

    /// A new critic of `subject` that also reads the condition.
    pub fn reading_critic(&self, subject: Subject, init: &mut Init) -> ReadingCritic {
        let critic = self.critic(subject, Condition::None, init);
        let (_, n_features) = self.trunk_plan(subject.shape);
        ReadingCritic { critic, reader: LinearConfig::new(n_features, subject.n_condition()).init(init) }
    }
}

fn linear_plan(name: &str, n_in: usize, n_out: usize, has_bias: bool) -> LayerPlan {
    let n_parameters = n_in * n_out + if has_bias { n_out } else { 0 };
    LayerPlan { name: name.into(), output: [n_out, 1, 1], n_parameters }
}

/// What the trunk sees: the sample and, where they are concatenated, the classes' channels.
fn seen(Subject { shape, n_classes, .. }: Subject, condition: Condition) -> Shape {
    let n_more = if condition == Condition::Concatenation { n_classes } else { 0 };
    Shape { channels: shape.channels + n_more, ..shape }
}

/// Features to scores.
#[derive(Module, Debug)]
struct Head {
    score: Linear,
    /// Classes to features.
    embedding: Option<Linear>,
}

/// A critic of any family.
#[derive(Module, Debug)]
pub struct Critic {
    trunk: Trunk,
    head: Head,
    is_concatenated: bool,
}

impl Critic {
    /// Samples `[N, C, H, W]` in [-1, 1], of classes `[N, K]` where the critic is conditional, to scores `[N]`.
    pub fn forward(&self, samples: impl Into<Dual<4>>, classes: Option<&Tensor<2>>) -> Dual<1> {
        self.score(self.features(samples, classes), classes)
    }

    /// What the critic sees in the samples, `[N, F]`.
    pub fn features(&self, samples: impl Into<Dual<4>>, classes: Option<&Tensor<2>>) -> Dual<2> {
        let samples = samples.into();
        match classes.filter(|_| self.is_concatenated) {
            Some(classes) => {
                let [n, _, h, w] = samples.value.dims();
                let [_, k] = classes.dims();
                let planes = classes.clone().reshape([n, k, 1, 1]).expand([n, k, h, w]);
                self.trunk.forward(samples.cat_constant(planes, 1))
            }
            None => self.trunk.forward(samples),
        }
    }

    /// Features `[N, F]` to scores `[N]`.
    pub fn score(&self, features: Dual<2>, classes: Option<&Tensor<2>>) -> Dual<1> {
        let [n, _] = features.value.dims();
        let score = self.head.score.forward(features.clone());
        let score = match (&self.head.embedding, classes) {
            (Some(embedding), Some(classes)) => {
                let embedded = embedding.forward(classes.clone()).value;
                score + (features * embedded).linear(|product| product.sum_dim(1))
            }
            _ => score,
        };
        score.reshape([n])
    }
}

/// A critic that also reads a condition off what it sees (Odena et al. 2017; Chen et al. 2016).
#[derive(Module, Debug)]
pub struct ReadingCritic {
    critic: Critic,
    reader: Linear,
}

impl ReadingCritic {
    /// Samples `[N, C, H, W]` to scores `[N]` and readings `[N, K]`, which nothing bounds.
    pub fn forward(&self, samples: Tensor<4>) -> (Tensor<1>, Tensor<2>) {
        let features = self.critic.features(samples, None);
        (self.critic.score(features.clone(), None).value, self.reader.forward(features).value)
    }
}
