//! The strength that follows the critic's overfitting: Karras et al. 2020, "Training Generative Adversarial Networks
//! with Limited Data", section 3.

use burn::tensor::{Tensor, TensorData};

use crate::nn::state::Tensors;

/// Batches between two changes of the strength.
const BATCHES: i64 = 4;

/// Raises p while `r_t = E[sign(D(real))]` (eq. 1) exceeds its target, and lowers it otherwise.
///
/// All memory is in whole numbers, so that it is saved exactly and does not drift.
#[derive(Clone, Debug, PartialEq)]
pub struct Strength {
    target: f64,
    /// Images over which p would go from 0 to 1.
    ramp_images: i64,
    /// p times `ramp_images`.
    level: i64,
    /// Batches, images, scores and the sum of the scores' signs since the last change.
    n_batches: i64,
    n_images: i64,
    n_scores: i64,
    sum_of_signs: i64,
}

impl Strength {
    /// p is 0. It will hold `r_t` at `target`, and change from 0 to 1 over `ramp_kimg` thousand images at the fastest.
    pub fn new(target: f64, ramp_kimg: f64) -> Self {
        let ramp_images = ((ramp_kimg * 1000.0).round() as i64).max(1);
        Self { target, ramp_images, level: 0, n_batches: 0, n_images: 0, n_scores: 0, sum_of_signs: 0 }
    }

    /// The probability p of each transform, in [0, 1].
    pub fn p(&self) -> f64 {
        self.level as f64 / self.ramp_images as f64
    }

    /// Takes note of the critic's raw scores `[N]` of one batch of reals, and of the `n_images` shown with it.
    pub fn observe(&mut self, score_real: &Tensor<1>, n_images: u64) {
        self.n_batches += 1;
        self.n_images = self.n_images.saturating_add_unsigned(n_images);
        for score in score_real.to_data().iter::<f32>() {
            self.n_scores += 1;
            self.sum_of_signs += i64::from(score > 0.0) - i64::from(score < 0.0);
        }
        if self.n_batches >= BATCHES {
            self.adjust();
        }
    }

    fn adjust(&mut self) {
        let r_t = self.sum_of_signs as f64 / self.n_scores.max(1) as f64;
        let change = if r_t > self.target { self.n_images } else { -self.n_images };
        let level = self.level.saturating_add(change).clamp(0, self.ramp_images);
        *self = Self { level, n_batches: 0, n_images: 0, n_scores: 0, sum_of_signs: 0, ..*self };
    }

    /// Writes the memory as `prefix.strength`.
    pub fn save(&self, prefix: &str, into: &mut Tensors) {
        let Self { level, n_batches, n_images, n_scores, sum_of_signs, .. } = *self;
        let memory = vec![level, n_batches, n_images, n_scores, sum_of_signs];
        into.insert(format!("{prefix}.strength"), TensorData::new(memory, [5]));
    }

    /// Takes the memory from what [`save`](Self::save) wrote.
    pub fn load(&mut self, prefix: &str, from: &Tensors) -> Result<(), String> {
        let memory = from.get(&format!("{prefix}.strength")).and_then(|data| data.as_slice::<i64>().ok());
        let Some(&[level, n_batches, n_images, n_scores, sum_of_signs]) = memory else {
            return Err(format!("it holds no five counts `{prefix}.strength`"));
        };
        if !(0..=self.ramp_images).contains(&level) {
            return Err(format!("`{prefix}.strength` begins with {level}, accepted: 0 to {}", self.ramp_images));
        }
        *self = Self { level, n_batches, n_images, n_scores, sum_of_signs, ..*self };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn observe(strength: &mut Strength, n_batches: usize, scores: [f32; 4]) {
        for _ in 0..n_batches {
            strength.observe(&Tensor::from_floats(scores, &Device::default()), 4);
        }
    }

    const OVERFITTING: [f32; 4] = [3.0, 2.0, 0.1, 5.0];
    const UNDECIDED: [f32; 4] = [3.0, -2.0, 0.0, 5.0];

    #[test]
    fn p_rises_while_the_critic_overfits_and_falls_otherwise_every_fourth_batch() {
        let mut strength = Strength::new(0.6, 0.16);
        observe(&mut strength, 3, OVERFITTING);
        assert_eq!(strength.p(), 0.0);
        observe(&mut strength, 1, OVERFITTING);
        assert_eq!(strength.p(), 0.1);
        observe(&mut strength, 8, OVERFITTING);
        assert_eq!(strength.p(), 0.3);
        observe(&mut strength, 4, UNDECIDED);
        assert_eq!(strength.p(), 0.2);
    }

    #[test]
    fn p_goes_from_zero_to_one_over_the_ramp_and_stays_between() {
        let mut strength = Strength::new(0.6, 0.16);
        observe(&mut strength, 36, OVERFITTING);
        assert_eq!(strength.p(), 0.9);
        observe(&mut strength, 400, OVERFITTING);
        assert_eq!(strength.p(), 1.0);
        observe(&mut strength, 400, UNDECIDED);
        assert_eq!(strength.p(), 0.0);
    }

    #[test]
    fn scores_that_are_not_numbers_count_as_undecided() {
        let mut strength = Strength::new(0.0, 0.16);
        observe(&mut strength, 4, [f32::NAN; 4]);
        assert_eq!(strength.p(), 0.0);
    }

    #[test]
    fn a_restored_strength_goes_on_as_if_never_stopped() {
        let mut whole = Strength::new(0.6, 0.3);
        observe(&mut whole, 6, OVERFITTING);
        let mut saved = Tensors::new();
        whole.save("augment", &mut saved);
        let mut restored = Strength::new(0.6, 0.3);
        restored.load("augment", &saved).unwrap();
        assert_eq!(restored, whole);
        for strength in [&mut whole, &mut restored] {
            observe(strength, 3, OVERFITTING);
        }
        assert_eq!(restored, whole);
    }

    #[test]
    fn a_memory_that_cannot_be_is_refused() {
        let mut strength = Strength::new(0.6, 0.3);
        assert!(strength.load("augment", &Tensors::new()).unwrap_err().contains("`augment.strength`"));
        let memory = Tensors::from([("augment.strength".into(), TensorData::new(vec![301i64, 0, 0, 0, 0], [5]))]);
        assert!(strength.load("augment", &memory).unwrap_err().contains("301"));
    }
}
