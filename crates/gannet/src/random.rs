//! Random numbers from counter-based streams: a value depends on (seed, purpose, counter) and on nothing else.
//!
//! Because a stream is addressed and never advanced from one step to the next, resuming, skipping work or changing the
//! number of threads cannot change it. The counter is nearly always the number of images seen.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What a stream is for. Streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights of the generator; the counter is unused (0).
    GeneratorWeights = 1,
    /// Initial weights of the discriminator; the counter is unused (0).
    CriticWeights = 2,
    /// Latents of a critic's move; the counter is images seen.
    TrainingLatents = 3,
    /// The latent of one sample a user asks for; the seed is the sample's own, the counter 0.
    SampleLatents = 4,
    /// Order of a data set; the counter is the epoch.
    Shuffle = 5,
    /// Whether an image is mirrored; the counter is the image's position in the training sequence.
    Mirror = 6,
    /// Points of a synthetic data set; the counter is the point's index.
    Synthetic = 7,
    /// What stands between a sample and the critic's eye, and where penalties are taken: augmentation, noise, shifts,
    /// points between reals and fakes; the counter is images seen.
    View = 8,
    /// Codes that a generator is asked for in training; the counter is images seen.
    Codes = 9,
    /// The condition of one sample a user asks for without naming it; the seed is the sample's own, the counter 0.
    SampleCondition = 10,
    /// Initial weights of a classifier; the counter is unused (0).
    ClassifierWeights = 11,
    /// By how much a classifier's training image is shifted; the counter is images seen.
    ClassifierShift = 12,
    /// What a metric draws of its samples: resamples, subsets, pairs, patches, directions; the counter is the draw's.
    Resample = 13,
    /// What the doctor augments reals with; the counter is images seen.
    Look = 14,
    /// Which part of a larger picture is shown; the counter is its position in the training sequence.
    Part = 15,
    /// How a training picture is made worse; the counter is its position in the training sequence.
    Degrade = 16,
    /// Which pixels of a training picture are taken away; the counter is its position in the training sequence.
    Mask = 17,
    /// Order of the targets where they are not paired with sources; the counter is the epoch.
    TargetShuffle = 31,
    /// Whether a target that is not paired is mirrored; the counter is the position in the training sequence.
    TargetMirror = 32,
    /// How far an image is shifted; the counter is its position in the training sequence.
    Shift = 33,
    /// How far a target that is not paired is shifted; the counter is the position in the training sequence.
    TargetShift = 36,
    /// Values that a translator drops; the counter is images seen in training, 0 in use, where the seed is the user's.
    Dropout = 34,
    /// Which earlier fakes a critic is shown in the place of new ones; the counter is images seen.
    Pool = 35,
    /// At which places a translator's features are compared; the counter is images seen.
    Patches = 37,
}

/// The stream for `purpose` at `counter` under `seed`.
pub fn stream(seed: u64, purpose: Purpose, counter: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[0..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&counter.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// `n` standard normal values from `rng`.
pub fn normal(rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| StandardNormal.sample(rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_all_three_keys() {
        let first = |seed, purpose, counter| normal(&mut stream(seed, purpose, counter), 4);
        let base = first(1, Purpose::Shuffle, 0);
        assert_eq!(base, first(1, Purpose::Shuffle, 0));
        assert_ne!(base, first(2, Purpose::Shuffle, 0));
        assert_ne!(base, first(1, Purpose::Mirror, 0));
        assert_ne!(base, first(1, Purpose::Shuffle, 1));
    }
}
