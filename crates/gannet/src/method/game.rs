//! What the two-player methods share: the players, the average, the latents. The order of moves is each method's own.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use super::Setting;
use crate::Result;
use crate::data::Batch;
use crate::loss::Loss;
use crate::net::{Generator, NetConfig, Subject};
use crate::nn::Init;
use crate::nn::state::{self, Tensors};
use crate::random::{self, Purpose};
use crate::train::ema;
use crate::train::event::Stats;
use crate::train::player::{Player, PlayerConfig};
use crate::train::schedule::Moment;

/// A generator, a critic and the generator's average.
pub(super) struct Game<C: Module> {
    pub(super) generator: Player<Generator>,
    pub(super) critic: Player<C>,
    pub(super) average: Generator,
    pub(super) device: Device,
    pub(super) subject: Subject,
    n_latent: usize,
    ema_half_life_images: f64,
    seed: u64,
}

impl<C: Module> Game<C> {
    /// A game of networks of `net` about `subject`, with the critic that `critic` makes.
    pub(super) fn new(
        net: &NetConfig,
        subject: Subject,
        critic: impl FnOnce(&mut Init) -> C,
        [generator_config, critic_config]: [&PlayerConfig; 2],
        ema_half_life_images: f64,
        Setting { device, seed, .. }: &Setting,
    ) -> Self {
        let generator = net.generator(subject, &mut Init::new(*seed, Purpose::GeneratorWeights, device));
        let critic = critic(&mut Init::new(*seed, Purpose::CriticWeights, device));
        Self {
            average: generator.valid(),
            generator: Player::new(generator, generator_config.clone()),
            critic: Player::new(critic, critic_config.clone()),
            device: device.clone(),
            subject,
            n_latent: net.latent(),
            ema_half_life_images,
            seed: *seed,
        }
    }

    /// `[n, latent]` from N(0, 1) for the critic's move that starts at `images_seen`.
    pub(super) fn latents(&self, n: usize, images_seen: u64) -> Tensor<2> {
        let mut rng = self.rng(Purpose::TrainingLatents, images_seen);
        self.normal(&mut rng, [n, self.n_latent])
    }

    /// Random numbers for `purpose` in the move that starts at `images_seen`.
    pub(super) fn rng(&self, purpose: Purpose, images_seen: u64) -> ChaCha8Rng {
        random::stream(self.seed, purpose, images_seen)
    }

    /// Values from N(0, 1).
    pub(super) fn normal<const D: usize>(&self, rng: &mut ChaCha8Rng, shape: [usize; D]) -> Tensor<D> {
        let values = random::normal(rng, shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    /// The classes of a batch as one-hots `[N, n_classes]`; none where the game is not conditional.
    pub(super) fn classes(&self, batch: &Batch) -> Result<Option<Tensor<2>>> {
        let n_classes = self.subject.n_classes;
        if n_classes == 0 {
            return Ok(None);
        }
        batch.classes(n_classes, &self.device).map(Some)
    }

    /// Every class alike, `[n, n_classes]`, for a critic that is asked about none in particular.
    pub(super) fn no_class(&self, n: usize) -> Option<Tensor<2>> {
        let n_classes = self.subject.n_classes;
        let share = 1.0 / n_classes.max(1) as f64;
        (n_classes > 0).then(|| Tensor::full([n, n_classes], share, &self.device.clone().without_autodiff()))
    }

    /// Moves the average after a step that began at `moment` and saw `n_images`.
    pub(super) fn follow(&mut self, moment: Moment, n_images: u64) {
        let decay = ema::decay(self.ema_half_life_images, moment.images_seen, n_images);
        self.average = ema::update(self.average.clone(), self.generator.network(), decay);
    }

    /// The generator as it stands, without gradients.
    pub(super) fn current(&self) -> Generator {
        self.generator.network().valid()
    }

    pub(super) fn save(&self, into: &mut Tensors) {
        save_players((&self.generator, &self.critic, &self.average), into);
    }

    pub(super) fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        load_players((&mut self.generator, &mut self.critic, &mut self.average), from)
    }
}

/// Writes what every method of two players keeps: these, and the average.
pub(super) fn save_players<G: Module, C: Module, A: Module>(
    (generator, critic, average): (&Player<G>, &Player<C>, &A),
    into: &mut Tensors,
) {
    generator.save("generator", into);
    critic.save("critic", into);
    state::save(average, "average", into);
}

/// Takes it from what [`save_players`] wrote.
pub(super) fn load_players<G: Module, C: Module, A: Module>(
    (generator, critic, average): (&mut Player<G>, &mut Player<C>, &mut A),
    from: &Tensors,
) -> std::result::Result<(), String> {
    generator.load("generator", from)?;
    critic.load("critic", from)?;
    *average = state::load(average.clone(), "average", from)?;
    Ok(())
}

/// What keeps networks and players of these settings from playing.
pub(super) fn problems(
    net: &NetConfig,
    [generator, critic]: [&PlayerConfig; 2],
    ema_half_life_images: f64,
    shape: crate::image::Shape,
) -> Vec<String> {
    let mut problems = net.problems(shape);
    problems.extend(generator.problems("generator"));
    problems.extend(critic.problems("critic"));
    problems.extend(ema::problem(ema_half_life_images));
    problems
}

/// What is wrong with settings that are amounts, such as weights of losses, by their names: they are finite and 0 or more.
pub(super) fn unusable_amounts<const N: usize>(amounts: [(&str, f64); N]) -> impl Iterator<Item = String> {
    let wrong = amounts.into_iter().filter(|(_, value)| !(*value >= 0.0 && value.is_finite()));
    wrong.map(|(name, value)| format!("method.{name} is {value}, accepted: 0 or more"))
}

/// What a critic of patches thinks of each of `n` pictures, `[n]`: the mean of `scores` over all patches.
pub(super) fn mean_over_patches(scores: Tensor<1>, n: usize) -> Tensor<1> {
    let [n_scores] = scores.dims();
    scores.reshape([n, n_scores / n]).mean_dim(1).reshape([n])
}

/// What a step tells of itself.
pub(super) struct Report {
    pub(super) loss_generator: Tensor<1>,
    pub(super) loss_critic: Tensor<1>,
    pub(super) score_real: Tensor<1>,
    pub(super) score_fake: Tensor<1>,
    pub(super) gradient_norm_generator: f64,
    pub(super) gradient_norm_critic: f64,
}

impl Report {
    /// Losses, mean scores, how far apart they are, and how often the critic is right about each side.
    pub(super) fn stats(self, loss: Loss) -> Stats {
        let [real, fake] = [self.score_real, self.score_fake].map(values);
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
        let share = |n_right: usize, n: usize| n_right as f64 / n as f64;
        let boundary = loss.boundary(mean(&real), mean(&fake));
        Stats::from([
            ("loss_generator", mean(&values(self.loss_generator))),
            ("loss_critic", mean(&values(self.loss_critic))),
            ("score_real", mean(&real)),
            ("score_fake", mean(&fake)),
            ("score_gap", gap(&real, &fake)),
            ("accuracy_real", share(real.iter().filter(|&&score| score > boundary).count(), real.len())),
            ("accuracy_fake", share(fake.iter().filter(|&&score| score < boundary).count(), fake.len())),
            ("gradient_norm_generator", self.gradient_norm_generator),
            ("gradient_norm_critic", self.gradient_norm_critic),
        ])
    }
}

/// The difference of the mean scores over their pooled standard deviation (Cohen's d), so that critics of any loss and
/// scale compare; within ± [`MAX_GAP`].
fn gap(real: &[f64], fake: &[f64]) -> f64 {
    let [(mean_real, variance_real), (mean_fake, variance_fake)] = [real, fake].map(|scores| {
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        (mean, scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / n)
    });
    let difference = mean_real - mean_fake;
    let deviation = ((variance_real + variance_fake) / 2.0).sqrt();
    // A figure that is no number stays one, so that the loop sees it.
    if difference == 0.0 { 0.0 } else { (difference / deviation).clamp(-MAX_GAP, MAX_GAP) }
}

/// Where critics that score every sample of a side alike are put.
const MAX_GAP: f64 = 1000.0;

/// The values of a vector, on the host.
pub(super) fn values(vector: Tensor<1>) -> Vec<f64> {
    vector.into_data().iter::<f64>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_in_standard_deviations_and_bounded() {
        assert_eq!(gap(&[3.0, 5.0], &[-1.0, 1.0]), 4.0);
        assert_eq!(gap(&[30.0, 50.0], &[-10.0, 10.0]), 4.0);
        assert_eq!(gap(&[2.0, 2.0], &[1.0, 1.0]), MAX_GAP);
        assert_eq!(gap(&[1.0], &[1.0]), 0.0);
        assert!(gap(&[f64::NAN], &[1.0]).is_nan());
    }
}
