//! Gradient descent with adaptive steps, over tensors of any rank by name.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use gannet_kernels::AdamStep;
use serde::{Deserialize, Serialize};

use crate::nn::state::{self, Path, Tensors};

/// Which rule turns a gradient into a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Kingma and Ba 2015, algorithm 1.
    Adam,
    /// Tieleman and Hinton 2012, lecture 6.5; `beta_2` is its decay, `beta_1` is not used.
    RmsProp,
}

/// The rule and its constants, without the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Adam or RMSProp.
    pub rule: Rule,
    /// Decay of the first moment, in [0, 1).
    pub beta_1: f64,
    /// Decay of the second moment, in [0, 1).
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// Gradients by name, each flattened.
pub type Gradients = BTreeMap<String, Tensor<1>>;

/// A rule with its memory of past gradients.
pub struct Optimizer {
    settings: Settings,
    n_steps: u64,
    moments: BTreeMap<String, [Tensor<1>; 2]>,
}

impl Optimizer {
    /// An optimizer that has seen no gradient.
    pub fn new(settings: Settings) -> Self {
        Self { settings, n_steps: 0, moments: BTreeMap::new() }
    }

    /// `module` after one step against `gradients`. Weights without a gradient stay as they are.
    pub fn step<M: Module>(&mut self, module: M, gradients: Gradients, learning_rate: f64) -> M {
        self.n_steps += 1;
        module.map(&mut Step { path: Path::new(""), gradients, learning_rate, optimizer: self })
    }

    /// One flattened weight after its step.
    fn moved(&mut self, name: &str, weight: Tensor<1>, gradient: Tensor<1>, learning_rate: f64) -> Tensor<1> {
        let Settings { rule, beta_1, beta_2, epsilon } = self.settings;
        let moments = self.moments.remove(name).unwrap_or_else(|| {
            let zeros = gradient.zeros_like();
            [zeros.clone(), zeros]
        });
        let t = self.n_steps as i32;
        let (beta_1, corrections) = match rule {
            Rule::Adam => (beta_1, [beta_1, beta_2].map(|beta| (1.0 - beta.powi(t)) as f32)),
            // Adam that remembers no gradient and starts from no zeros.
            Rule::RmsProp => (0.0, [1.0; 2]),
        };
        let step = AdamStep {
            beta_1: beta_1 as f32,
            beta_2: beta_2 as f32,
            corrections,
            epsilon: epsilon as f32,
            learning_rate: learning_rate as f32,
        };
        let (weight, moments) = gannet_kernels::adam(weight, gradient, moments, step);
        self.moments.insert(name.to_owned(), moments);
        weight
    }

    /// Writes the memory under `prefix`.
    pub fn save(&self, prefix: &str, into: &mut Tensors) {
        into.insert(format!("{prefix}.steps"), TensorData::new(vec![self.n_steps as i64], [1]));
        for (name, [first, second]) in &self.moments {
            into.insert(format!("{prefix}.first.{name}"), first.to_data());
            into.insert(format!("{prefix}.second.{name}"), second.to_data());
        }
    }

    /// Takes the memory for `module` from what [`save`](Self::save) wrote.
    pub fn load<M: Module>(&mut self, module: &M, prefix: &str, from: &Tensors) -> Result<(), String> {
        let steps = from.get(&format!("{prefix}.steps")).and_then(|data| data.as_slice::<i64>().ok()?.first().copied());
        let steps = steps.ok_or_else(|| format!("it holds no count `{prefix}.steps`"))?;
        self.n_steps = u64::try_from(steps).map_err(|_| format!("`{prefix}.steps` is {steps}, accepted: 0 or more"))?;
        self.moments.clear();
        let Some(device) = module.devices().into_iter().next().map(Device::without_autodiff) else { return Ok(()) };
        let mut weights = Tensors::new();
        state::save(module, "", &mut weights);
        for (name, weight) in weights {
            // A buffer, or a weight that never had a gradient, has no memory.
            if !from.contains_key(&format!("{prefix}.first.{name}")) {
                continue;
            }
            let moment = |order: &str| {
                let data = state::take(from, &format!("{prefix}.{order}.{name}"), &[weight.num_elements()])?;
                Ok::<_, String>(Tensor::from_data(data.clone(), &device))
            };
            let both = [moment("first")?, moment("second")?];
            self.moments.insert(name, both);
        }
        Ok(())
    }
}

struct Step<'a> {
    path: Path,
    gradients: Gradients,
    learning_rate: f64,
    optimizer: &'a mut Optimizer,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let Some(gradient) = self.gradients.remove(&name) else { return param };
        param.map(|weight| {
            let shape = weight.dims();
            let flat = weight.without_autodiff().reshape([gradient.dims()[0]]);
            let moved = self.optimizer.moved(&name, flat, gradient, self.learning_rate);
            Tensor::from_inner(moved.reshape(shape)).require_grad()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Module, Debug)]
    struct Pair {
        used: Param<Tensor<1>>,
        unused: Param<Tensor<2>>,
    }

    #[test]
    fn memory_is_restored_where_only_some_weights_had_gradients() {
        let device = Device::default().autodiff();
        let pair = || Pair {
            used: Param::from_tensor(Tensor::ones([3], &device)),
            unused: Param::from_tensor(Tensor::ones([2, 2], &device)),
        };
        let gradient = || Tensor::from_floats([0.5, -1.0, 2.0], &device.clone().without_autodiff());
        let gradients = || Gradients::from([("used".to_owned(), gradient())]);
        let settings = Settings { rule: Rule::Adam, beta_1: 0.5, beta_2: 0.999, epsilon: 1e-8 };

        let mut through = Optimizer::new(settings);
        let first = through.step(pair(), gradients(), 0.1);
        let mut saved = Tensors::new();
        through.save("optimizer", &mut saved);
        let mut resumed = Optimizer::new(settings);
        resumed.load(&first, "optimizer", &saved).unwrap();

        let [a, b] = [through, resumed].map(|mut optimizer| optimizer.step(first.clone(), gradients(), 0.1));
        assert_eq!(a.used.val().into_data(), b.used.val().into_data());
        assert_ne!(a.used.val().into_data(), first.used.val().into_data());
        assert_eq!(a.unused.val().into_data(), pair().unused.val().into_data());
    }
}
