//! The exponential moving average of a network's weights, which is what users sample from.
//!
//! Karras et al. 2018, "Progressive Growing of GANs", appendix A.1 average the generator for sampling; measuring the
//! half-life in images, so that it does not depend on the batch size, follows the later StyleGAN papers.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// The half-life never exceeds this share of the images seen, so that the first weights are soon forgotten.
const RAMP_UP: f64 = 0.05;

/// Why `half_life_images` cannot be used, if it cannot.
pub fn problem(half_life_images: f64) -> Option<String> {
    let is_usable = half_life_images.is_finite() && half_life_images >= 0.0;
    (!is_usable).then(|| format!("method.ema_half_life_images is {half_life_images}, accepted: 0 or more"))
}

/// What the average keeps of itself over a step of `n_images`, in [0, 1].
pub fn decay(half_life_images: f64, images_seen: u64, n_images: u64) -> f64 {
    let half_life = half_life_images.min(RAMP_UP * images_seen as f64);
    if half_life > 0.0 { 0.5f64.powf(n_images as f64 / half_life) } else { 0.0 }
}

/// `average` after moving a share `1 - decay` of the way to `network`, weights and buffers alike.
pub fn update<M: Module>(average: M, network: &M, decay: f64) -> M {
    let mut values = Values(HashMap::new());
    network.visit(&mut values);
    average.map(&mut Blend { towards: values.0, decay })
}

struct Values(HashMap<ParamId, Tensor<1>>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().without_autodiff();
        let n_values = value.shape().num_elements();
        self.0.insert(param.id, value.reshape([n_values]));
    }
}

struct Blend {
    towards: HashMap<ParamId, Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(target) = self.towards.remove(&param.id) else { return param };
        let decay = self.decay;
        param.map(|average| {
            let target = target.reshape(average.dims());
            gannet_kernels::blend(average, target, decay as f32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_past_is_kept_over_one_half_life() {
        let kept: f64 = (0..100).map(|_| decay(6400.0, 1_000_000, 64)).product();
        assert!((kept - 0.5).abs() < 1e-12);
    }

    #[test]
    fn before_the_first_image_nothing_is_kept() {
        assert_eq!(decay(6400.0, 0, 64), 0.0);
    }
}
