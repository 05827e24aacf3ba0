//! Differentiable augmentation of what a critic sees: Zhao et al. 2020 ("Differentiable Augmentation for Data-Efficient
//! GAN Training", section 4) and Karras et al. 2020 ("Training Generative Adversarial Networks with Limited Data",
//! sections 2 and 3).
//!
//! A critic that sees few images learns them by heart. Shown reals and fakes through the same random transforms only, it
//! has more to tell apart, and because every transform is differentiable, the generator still learns through it: the
//! gradient of its loss passes through [`Augment::apply`] to the fakes.

pub mod ada;
pub mod diffaug;
mod strength;
pub mod warp;

use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use strength::Strength;

use crate::image::Shape;
use crate::nn::state::Tensors;

/// Which augmentation the critic looks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// None.
    Noaug,
    /// DiffAugment: every transform of the policy on every image (Zhao et al. 2020).
    Diffaug,
    /// Each transform with a probability that follows the critic's overfitting (Karras et al. 2020).
    Ada,
    /// The transforms of `ada` with a probability that stays.
    Fixed,
}

/// How images are augmented before the critic sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// `noaug`, `diffaug`, `ada` or `fixed`.
    pub kind: Kind,
    /// Of `ada` and `fixed`, any of `b` (pixel blitting), `g` (geometry) and `c` (colour). These three are what Karras
    /// et al. 2020 keep of their six groups (section 2.3).
    pub pipe: String,
    /// Of `diffaug`, any of `color`, `translation` and `cutout`, separated by commas. Zhao et al. 2020 use all three on
    /// their smallest data sets (section 4).
    pub policy: String,
    /// Of `fixed`, the probability of each transform, in [0, 1]. Above 0.8 the transforms begin to leak into what is
    /// generated (Karras et al. 2020, section 2.2).
    pub p: f64,
    /// Of `ada`, the mean sign of the critic's scores of reals to hold, in (-1, 1): 0.6 in Karras et al. 2020
    /// (section 3).
    pub target: f64,
    /// Of `ada`, thousands of images over which the probability can rise from 0 to 1: 500 in Karras et al. 2020
    /// (section 3).
    pub ramp_kimg: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            kind: Kind::Noaug,
            pipe: "bgc".into(),
            policy: "color,translation,cutout".into(),
            p: 0.2,
            target: 0.6,
            ramp_kimg: 500.0,
        }
    }
}

impl AugmentConfig {
    /// What is wrong with these settings for samples of `shape`.
    pub fn problems(&self, shape: Shape) -> Vec<String> {
        let Self { kind, pipe, policy, p, target, ramp_kimg } = self;
        let mut problems = vec![];
        let mut refuse = |key: &str, value: &str, accepted: &str| {
            problems.push(format!("method.augment.{key} is {value}, accepted: {accepted}"));
        };
        if shape.is_point() && *kind != Kind::Noaug {
            refuse("kind", &format!("{kind:?}").to_lowercase(), "noaug, because the data are points");
        }
        if ada::Pipe::parse(pipe).is_none() {
            refuse("pipe", &format!("`{pipe}`"), "one or more of the letters b, g and c, each once");
        }
        if diffaug::Policy::parse(policy).is_none() {
            refuse(
                "policy",
                &format!("`{policy}`"),
                "one or more of color, translation and cutout, with commas between",
            );
        }
        if !(0.0..=1.0).contains(p) {
            refuse("p", &p.to_string(), "0 to 1");
        }
        if !(*target > -1.0 && *target < 1.0) {
            refuse("target", &target.to_string(), "more than -1 and less than 1");
        }
        if !(0.001..=1e9).contains(ramp_kimg) {
            refuse("ramp_kimg", &ramp_kimg.to_string(), "0.001 to 1e9");
        }
        problems
    }
}

/// An augmentation with its present strength.
pub struct Augment(Rule);

enum Rule {
    Nothing,
    Diffaug(diffaug::Policy),
    Fixed(ada::Pipe, f64),
    Ada(ada::Pipe, Strength),
}

impl Augment {
    /// The augmentation that `config`, which has no [`problems`](AugmentConfig::problems), describes; `ada` begins at
    /// strength 0.
    pub fn new(config: &AugmentConfig) -> Self {
        let pipe = ada::Pipe::parse(&config.pipe);
        let policy = diffaug::Policy::parse(&config.policy);
        Self(match (config.kind, pipe, policy) {
            (Kind::Diffaug, _, Some(policy)) => Rule::Diffaug(policy),
            (Kind::Fixed, Some(pipe), _) => Rule::Fixed(pipe, config.p),
            (Kind::Ada, Some(pipe), _) => Rule::Ada(pipe, Strength::new(config.target, config.ramp_kimg)),
            _ => Rule::Nothing,
        })
    }

    /// Whether the critic may ever see anything but the images themselves.
    pub fn is_active(&self) -> bool {
        match self.0 {
            Rule::Nothing => false,
            Rule::Fixed(_, p) => p > 0.0,
            Rule::Diffaug(_) | Rule::Ada(..) => true,
        }
    }

    /// `images` `[N, C, H, W]` around [-1, 1] as the critic is to see them: same shape, not clamped, differentiable.
    /// What is done to each image is drawn from `rng` and independent of the images. At strength 0 nothing is drawn.
    pub fn apply(&self, images: Tensor<4>, rng: &mut ChaCha8Rng) -> Tensor<4> {
        let [n, _, h, w] = images.dims();
        let (pipe, p) = match &self.0 {
            Rule::Nothing => return images,
            Rule::Diffaug(policy) => {
                let transforms: Vec<_> = (0..n).map(|_| diffaug::Transform::draw(*policy, [h, w], rng)).collect();
                return diffaug::apply(images, &transforms);
            }
            Rule::Fixed(pipe, p) => (*pipe, *p),
            Rule::Ada(pipe, strength) => (*pipe, strength.p()),
        };
        if p == 0.0 {
            return images;
        }
        let transforms: Vec<_> = (0..n).map(|_| ada::Transform::draw(pipe, p, [h, w], rng)).collect();
        ada::apply(images, &transforms)
    }

    /// Takes note of the critic's raw scores `[N]` of a batch of reals, which it saw augmented, and of the `n_images`
    /// real images shown with it: `ada` changes its strength by them, the others ignore them.
    pub fn observe(&mut self, score_real: &Tensor<1>, n_images: u64) {
        if let Rule::Ada(_, strength) = &mut self.0 {
            strength.observe(score_real, n_images);
        }
    }

    /// The probability of each transform, in [0, 1]: 0 without augmentation, 1 for `diffaug`.
    pub fn strength(&self) -> f64 {
        match &self.0 {
            Rule::Nothing => 0.0,
            Rule::Diffaug(_) => 1.0,
            Rule::Fixed(_, p) => *p,
            Rule::Ada(_, strength) => strength.p(),
        }
    }

    /// Writes the memory of `ada` under `prefix`; the others have none.
    pub fn save(&self, prefix: &str, into: &mut Tensors) {
        if let Rule::Ada(_, strength) = &self.0 {
            strength.save(prefix, into);
        }
    }

    /// Takes the memory from what [`save`](Self::save) wrote.
    pub fn load(&mut self, prefix: &str, from: &Tensors) -> Result<(), String> {
        match &mut self.0 {
            Rule::Ada(_, strength) => strength.load(prefix, from),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand::SeedableRng;

    use super::*;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(9)
    }

    fn augment(kind: Kind, p: f64) -> Augment {
        Augment::new(&AugmentConfig { kind, p, ..AugmentConfig::default() })
    }

    /// Waves rather than noise, so that a small step stays small under resampling.
    fn images(dims: [usize; 4], device: &Device) -> Tensor<4> {
        let values: Vec<f32> = (0..dims.iter().product()).map(|i: usize| (i as f32 * 0.37).sin()).collect();
        Tensor::from_data(TensorData::new(values, dims), device)
    }

    fn values(tensor: &Tensor<4>) -> Vec<f32> {
        tensor.to_data().iter::<f32>().collect()
    }

    #[test]
    fn at_strength_zero_images_and_random_numbers_are_untouched() {
        for (kind, p) in [(Kind::Noaug, 1.0), (Kind::Fixed, 0.0), (Kind::Ada, 1.0)] {
            let augment = augment(kind, p);
            let x = images([3, 3, 6, 6], &Device::default());
            let mut used = rng();
            assert_eq!(values(&augment.apply(x.clone(), &mut used)), values(&x));
            assert_eq!(used, rng());
            assert_eq!(augment.strength(), 0.0);
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_images_in_any_shape() {
        for kind in [Kind::Diffaug, Kind::Fixed] {
            let augment = augment(kind, 0.8);
            for dims in [[3, 1, 8, 8], [2, 3, 5, 9], [2, 4, 16, 7], [1, 3, 1, 1]] {
                let x = images(dims, &Device::default());
                let [first, second] = [(); 2].map(|()| augment.apply(x.clone(), &mut rng()));
                assert_eq!(first.dims(), dims);
                assert_eq!(values(&first), values(&second));
                assert_ne!(values(&first), values(&x));
            }
        }
    }

    #[test]
    fn an_image_does_not_depend_on_the_others() {
        for kind in [Kind::Diffaug, Kind::Fixed] {
            let augment = augment(kind, 1.0);
            let x = images([3, 3, 8, 8], &Device::default());
            let others = Tensor::cat(vec![x.clone().narrow(0, 0, 1) * -0.5, x.clone().narrow(0, 1, 2)], 0);
            let [x, others] = [x, others].map(|images| augment.apply(images, &mut rng()));
            assert_eq!(values(&x.clone().narrow(0, 1, 2)), values(&others.narrow(0, 1, 2)));
            let [one, two] = [0, 1].map(|i| values(&x.clone().narrow(0, i, 1)));
            assert_ne!(one, two);
        }
    }

    #[test]
    fn the_gradient_equals_finite_differences() {
        let device = Device::default().autodiff();
        for kind in [Kind::Diffaug, Kind::Fixed] {
            let augment = augment(kind, 1.0);
            let x = images([2, 3, 4, 5], &device).require_grad();
            let weights = images([2, 3, 4, 5], &device).cos();
            let loss = |x: Tensor<4>| (augment.apply(x, &mut rng()) * weights.clone()).sum();
            let gradient = values(&x.grad(&loss(x.clone()).backward()).unwrap());
            assert!(gradient.iter().any(|v| *v != 0.0));
            // The transforms are affine in the pixels, so that a step of any size gives the slope.
            for index in (0..120).step_by(7) {
                let slopes = [1.0f32, -1.0].map(|step| {
                    let mut moved = values(&x);
                    moved[index] += step;
                    let moved = Tensor::from_data(TensorData::new(moved, [2, 3, 4, 5]), &device);
                    f64::from(loss(moved).into_scalar::<f32>())
                });
                let slope = (slopes[0] - slopes[1]) / 2.0;
                assert!((slope - f64::from(gradient[index])).abs() < 1e-4, "{kind:?} {index}");
            }
        }
    }

    #[test]
    fn ada_grows_with_overfitting_and_resumes_where_it_was() {
        let config = AugmentConfig { kind: Kind::Ada, ramp_kimg: 0.1, ..AugmentConfig::default() };
        let mut first = Augment::new(&config);
        let score = Tensor::from_floats([2.0, 3.0, 1.0], &Device::default());
        (0..6).for_each(|_| first.observe(&score, 3));
        assert_eq!(first.strength(), 0.12);
        let mut saved = Tensors::new();
        first.save("augment", &mut saved);
        let mut second = Augment::new(&config);
        second.load("augment", &saved).unwrap();
        let x = images([4, 3, 6, 6], &Device::default());
        for augment in [&mut first, &mut second] {
            (0..2).for_each(|_| augment.observe(&score, 3));
            assert_eq!(augment.strength(), 0.24);
        }
        assert_eq!(values(&first.apply(x.clone(), &mut rng())), values(&second.apply(x, &mut rng())));
    }

    #[test]
    fn only_ada_has_something_to_save() {
        for kind in [Kind::Noaug, Kind::Diffaug, Kind::Fixed] {
            let mut saved = Tensors::new();
            augment(kind, 0.5).save("augment", &mut saved);
            assert!(saved.is_empty());
            augment(kind, 0.5).load("augment", &saved).unwrap();
        }
    }

    #[test]
    fn every_bad_setting_is_named_with_what_is_accepted() {
        let picture = Shape { channels: 3, height: 8, width: 8 };
        assert_eq!(AugmentConfig::default().problems(picture), [""; 0]);
        let bad = AugmentConfig {
            kind: Kind::Diffaug,
            pipe: "bx".into(),
            policy: "colour".into(),
            p: 1.5,
            target: f64::NAN,
            ramp_kimg: 0.0,
        };
        let problems = bad.problems(Shape { channels: 2, height: 1, width: 1 });
        let keys =
            ["kind is diffaug", "pipe is `bx`", "policy is `colour`", "p is 1.5", "target is NaN", "ramp_kimg is 0"];
        assert_eq!(problems.len(), keys.len());
        for (problem, key) in problems.iter().zip(keys) {
            assert!(problem.starts_with(&format!("method.augment.{key}, accepted: ")), "{problem}");
        }
    }

    #[test]
    fn settings_are_read_by_their_names() {
        let config: AugmentConfig = toml::from_str("kind = \"ada\"\npipe = \"bg\"").unwrap();
        assert_eq!(config, AugmentConfig { kind: Kind::Ada, pipe: "bg".into(), ..AugmentConfig::default() });
        assert!(toml::from_str::<AugmentConfig>("strength = 1.0").is_err());
    }
}
