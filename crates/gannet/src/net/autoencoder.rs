//! A critic that is an autoencoder: it judges a sample by how well it can draw it again (Zhao et al. 2017, "Energy-based
//! Generative Adversarial Network", section 2.3; Berthelot et al. 2017, "BEGAN", section 3.5).

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Condition, Generator, LayerPlan, NetConfig, NetworkPlan, Subject, Trunk};
use crate::nn::{Init, Linear, LinearConfig};

impl NetConfig {
    /// The layers of generator and autoencoder.
    pub fn autoencoder_plan(&self, subject: Subject) -> [NetworkPlan; 2] {
        let [generator, _] = self.plan(subject, Condition::None);
        let (mut layers, n_features) = self.trunk_plan(subject.shape);
        let n_code = self.latent();
        let n_parameters = n_code * (n_features + 1);
        layers.push(LayerPlan { name: "linear".into(), output: [n_code, 1, 1], n_parameters });
        layers.extend(generator.layers.clone());
        [generator, NetworkPlan { role: "critic", layers }]
    }

    /// A new autoencoder: a critic's trunk, a code as long as a latent, a generator as decoder.
    pub fn autoencoder(&self, subject: Subject, init: &mut Init) -> Autoencoder {
        let trunk = self.trunk(subject.shape, init);
        let (_, n_features) = self.trunk_plan(subject.shape);
        let code = LinearConfig::new(n_features, self.latent()).init(init);
        Autoencoder { trunk, code, decoder: self.generator(subject, init) }
    }
}

/// Samples to samples through a narrow code.
#[derive(Module, Debug)]
pub struct Autoencoder {
    trunk: Trunk,
    code: Linear,
    decoder: Generator,
}

impl Autoencoder {
    /// How far each sample `[N, C, H, W]` is from what becomes of it, `[N]`: mean absolute difference (Berthelot et al.
    /// 2017, section 3.1, with eta 1).
    pub fn error(&self, samples: Tensor<4>) -> Tensor<1> {
        let [n, c, h, w] = samples.dims();
        let code = self.code.forward(self.trunk.forward(samples.clone().into())).value;
        let difference = (self.decoder.forward(code, None) - samples).abs();
        difference.reshape([n, c * h * w]).mean_dim(1).reshape([n])
    }
}
