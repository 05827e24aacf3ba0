//! A player of the game: a network and all that turns a loss into its next move.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::optimizer::{self, Gradients, Optimizer, Rule};
use super::schedule::{Moment, Schedule};
use crate::nn::state::{self, Path, Tensors};

/// How a player learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlayerConfig {
    /// `adam` or `rmsprop`.
    pub optimizer: Rule,
    /// Step size before the schedule.
    pub learning_rate: f64,
    /// Decay of the mean gradient, in [0, 1). Radford et al. 2016 (section 4) found 0.5 steadier than Adam's usual 0.9.
    pub beta_1: f64,
    /// Decay of the mean squared gradient, in [0, 1).
    pub beta_2: f64,
    /// Keeps the division by the root of the mean squared gradient finite.
    pub epsilon: f64,
    /// `constant`, `linear` or `cosine`.
    pub schedule: Schedule,
    /// Images over which the learning rate rises from zero.
    pub warmup_images: u64,
    /// Longer gradients are shortened to this Euclidean norm over all weights (Pascanu et al. 2013, algorithm 1); 0:
    /// they are not.
    pub gradient_clip: f64,
}

impl Default for PlayerConfig {
    fn default() -> Self {
        Self {
            optimizer: Rule::Adam,
            learning_rate: 2e-4,
            beta_1: 0.5,
            beta_2: 0.999,
            epsilon: 1e-8,
            schedule: Schedule::Constant,
            warmup_images: 0,
            gradient_clip: 0.0,
        }
    }
}

impl PlayerConfig {
    /// What is wrong with these settings of the player called `role`.
    pub fn problems(&self, role: &str) -> Vec<String> {
        let mut problems = vec![];
        for (name, value) in [("learning_rate", self.learning_rate), ("epsilon", self.epsilon)] {
            if !(value > 0.0 && value.is_finite()) {
                problems.push(format!("method.{role}.{name} is {value}, accepted: more than 0"));
            }
        }
        for (name, value) in [("beta_1", self.beta_1), ("beta_2", self.beta_2)] {
            if !(0.0..1.0).contains(&value) {
                problems.push(format!("method.{role}.{name} is {value}, accepted: 0 or more and less than 1"));
            }
        }
        if !(self.gradient_clip >= 0.0 && self.gradient_clip.is_finite()) {
            problems.push(format!("method.{role}.gradient_clip is {}, accepted: 0 or more", self.gradient_clip));
        }
        problems
    }
}

/// A network, its optimizer and its learning rate.
pub struct Player<M: Module> {
    network: M,
    optimizer: Optimizer,
    config: PlayerConfig,
}

impl<M: Module> Player<M> {
    /// A player that has not moved yet.
    pub fn new(network: M, config: PlayerConfig) -> Self {
        let PlayerConfig { optimizer: rule, beta_1, beta_2, epsilon, .. } = config;
        let optimizer = Optimizer::new(optimizer::Settings { rule, beta_1, beta_2, epsilon });
        Self { network, optimizer, config }
    }

    /// The network as it stands.
    pub fn network(&self) -> &M {
        &self.network
    }

    /// A copy whose weights take no gradient: the opponent during the other player's move.
    pub fn frozen(&self) -> M {
        self.network.clone().no_grad()
    }

    /// Goes on with steps of another size, before the schedule.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.config.learning_rate = learning_rate;
    }

    /// Changes the weights outside of gradient descent, as weight clipping does.
    pub fn adjust(&mut self, change: impl FnOnce(M) -> M) {
        self.network = change(self.network.clone());
    }

    /// Moves down the gradient of `loss` and returns that gradient's Euclidean norm over all weights, before any
    /// clipping.
    pub fn descend(&mut self, loss: Tensor<1>, moment: Moment) -> f64 {
        let mut gradients = gradients(&self.network, loss);
        let norm = gannet_kernels::norm(gradients.values());
        let most = self.config.gradient_clip;
        if most > 0.0 && norm > most {
            gradients = gradients.into_iter().map(|(name, gradient)| (name, gradient * (most / norm))).collect();
        }
        let learning_rate = self.config.learning_rate * self.config.schedule.factor(moment, self.config.warmup_images);
        self.network = self.optimizer.step(self.network.clone(), gradients, learning_rate);
        norm
    }

    /// Writes network and optimizer under `prefix`.
    pub fn save(&self, prefix: &str, into: &mut Tensors) {
        state::save(&self.network, prefix, into);
        self.optimizer.save(&format!("{prefix}.optimizer"), into);
    }

    /// Takes network and optimizer from what [`save`](Self::save) wrote.
    pub fn load(&mut self, prefix: &str, from: &Tensors) -> Result<(), String> {
        self.network = state::load(self.network.clone(), prefix, from)?;
        self.optimizer.load(&self.network, &format!("{prefix}.optimizer"), from)
    }
}

/// The gradient of `loss` with respect to every trained weight of `network` that it depends on.
pub fn gradients<M: Module>(network: &M, loss: Tensor<1>) -> Gradients {
    let mut collect = Collect { path: Path::new(""), grads: loss.backward(), gradients: Gradients::new() };
    network.visit(&mut collect);
    collect.gradients
}

struct Collect {
    path: Path,
    grads: burn::tensor::Gradients,
    gradients: Gradients,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.val();
        if !weight.is_require_grad() {
            return;
        }
        if let Some(gradient) = weight.grad_remove(&mut self.grads) {
            let n_values = gradient.shape().num_elements();
            self.gradients.insert(self.path.name(), gradient.reshape([n_values]));
        }
    }
}
