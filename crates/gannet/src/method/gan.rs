//! The game itself: Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1, with the rules that later papers
//! added to it, each of which is off unless a preset or a user turns it on (`rules`).

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use super::game::{Game, Report, values};
use super::rules::{Moves, Rules};
use super::{Average, Method, MethodConfig, Setting};
use crate::Result;
use crate::augment::{Augment, diffaug};
use crate::data::Batch;
use crate::net::Critic;
use crate::nn::Dual;
use crate::nn::state::Tensors;
use crate::penalty::{self, Judge, Penalty};
use crate::random::Purpose;
use crate::train::event::Stats;
use crate::train::schedule::Moment;

/// Decay of the anchors of the LeCam penalty at each move (Tseng et al. 2021, section 3.3).
const ANCHOR_DECAY: f64 = 0.99;

/// A game in progress.
pub(super) struct Gan {
    rules: Rules,
    game: Game<Critic>,
    augment: Augment,
    /// Moving averages of the mean scores of reals and of fakes, which the LeCam penalty holds on to.
    anchors: [f64; 2],
}

impl Gan {
    pub(super) fn new(rules: Rules, setting: &Setting) -> Self {
        let subject = rules.subject(&setting.given);
        let judged = rules.judged(&setting.given);
        let critic = |init: &mut _| rules.net.critic(judged, rules.condition, init);
        let players = [&rules.generator, &rules.critic];
        let game = Game::new(&rules.net, subject, critic, players, rules.ema_half_life_images, setting);
        Self { augment: Augment::new(&rules.augment), game, anchors: [0.0; 2], rules }
    }
}

impl Method for Gan {
    fn batches_per_step(&self) -> usize {
        self.rules.n_critic
    }

    fn step(&mut self, batches: &[Batch], moment: Moment) -> Result<Stats> {
        let mut at = moment;
        let mut last = None;

        // The critic's moves, each on new reals and new fakes: tell them apart.
        for (i, batch) in batches.iter().enumerate() {
            let real = batch.images("real", &self.game.device)?;
            let classes = self.game.classes(batch)?;
            let [n, ..] = real.dims();
            let latents = self.game.latents(n, at.images_seen);
            // The generator answers with the fakes of the critic's last move, so that these keep their way back.
            let is_last = i + 1 == batches.len();
            let fake = if is_last {
                self.game.generator.network().forward(latents, classes.as_ref())
            } else {
                self.game.generator.frozen().forward(latents, classes.as_ref())
            };

            let mut rng = self.game.rng(Purpose::View, at.images_seen);
            let seen_real = self.view(real, at, &mut rng);
            let seen_fake = self.view(fake.clone().detach(), at, &mut rng);
            let before = (self.rules.moves == Moves::Simultaneous).then(|| self.game.critic.frozen());
            let judged = self.judge(&seen_real, &seen_fake, classes.as_ref(), at, &mut rng)?;
            let norm = self.game.critic.descend(judged.loss.clone(), at);
            if self.rules.clip > 0.0 {
                self.game.critic.adjust(|critic| critic.map(&mut Clip(self.rules.clip)));
            }
            self.augment.observe(&judged.score_real, n as u64);
            self.move_anchors(&judged);
            at.images_seen += n as u64;
            last = Some((fake, seen_real, classes, judged, norm, before, rng));
        }
        let Some((fake, seen_real, classes, judged, norm_critic, before, mut rng)) = last else {
            return Ok(Stats::new());
        };

        // The generator's move: pass the critic as it now is, or was before its move.
        let opponent = before.unwrap_or_else(|| self.game.critic.frozen());
        let seen_fake = self.view(fake, moment, &mut rng);
        let loss_generator = self.answer(&opponent, seen_fake, seen_real, classes.as_ref());
        let norm_generator = self.game.generator.descend(loss_generator.clone(), moment);
        self.game.follow(moment, at.images_seen - moment.images_seen);

        let report = Report {
            loss_generator,
            loss_critic: judged.loss,
            score_real: judged.score_real,
            score_fake: judged.score_fake,
            gradient_norm_generator: norm_generator,
            gradient_norm_critic: norm_critic,
        };
        let mut stats = report.stats(self.rules.loss);
        if let Some(penalty) = judged.penalty {
            stats.insert("penalty", values(penalty).iter().sum());
        }
        if self.augment.is_active() {
            stats.insert("augment", self.augment.strength());
        }
        Ok(stats)
    }

    fn average(&self) -> Average<'_> {
        Average::Sampler(&self.game.average)
    }

    fn current(&self) -> Option<crate::net::Generator> {
        Some(self.game.current())
    }

    fn augmented(&self, samples: Tensor<4>, rng: &mut ChaCha8Rng) -> Option<Tensor<4>> {
        self.augment.is_active().then(|| self.augment.apply(samples, rng))
    }

    fn scores(&self, samples: Tensor<4>) -> Tensor<1> {
        let [n, c, h, w] = samples.dims();
        let pack = samples.repeat_dim(1, self.rules.pack).reshape([n, c * self.rules.pack, h, w]);
        self.game.critic.network().valid().forward(pack, self.game.no_class(n).as_ref()).value
    }

    fn save(&self, into: &mut Tensors) {
        self.game.save(into);
        self.augment.save("augment", into);
        if self.rules.lecam > 0.0 {
            // As bits, because a checkpoint holds f32 and i64 only and resuming has to be exact.
            let bits: Vec<i64> = self.anchors.iter().map(|anchor| anchor.to_bits().cast_signed()).collect();
            into.insert(ANCHORS.into(), TensorData::new(bits, [2]));
        }
    }

    fn load(&mut self, from: &Tensors) -> std::result::Result<(), String> {
        self.game.load(from)?;
        self.augment.load("augment", from)?;
        if self.rules.lecam > 0.0 {
            let bits: &[i64] = from.get(ANCHORS).and_then(|data| data.as_slice().ok()).unwrap_or_default();
            let [real, fake] = bits else { return Err(format!("it holds no `{ANCHORS}`")) };
            self.anchors = [real, fake].map(|bits| f64::from_bits(bits.cast_unsigned()));
        }
        Ok(())
    }
}

const ANCHORS: &str = "lecam.anchors";

/// What the critic's move came to.
struct Judged {
    loss: Tensor<1>,
    penalty: Option<Tensor<1>>,
    score_real: Tensor<1>,
    score_fake: Tensor<1>,
}

impl Gan {
    /// `samples` as the critic is to see them: augmented, noisy, packed.
    fn view(&self, samples: Tensor<4>, moment: Moment, rng: &mut ChaCha8Rng) -> Tensor<4> {
        let mut seen = self.augment.apply(samples, rng);
        let [n, c, h, w] = seen.dims();
        let deviation = self.rules.instance_noise * self.rules.instance_noise_schedule.factor(moment, 0);
        if deviation > 0.0 {
            seen = seen + self.game.normal(rng, [n, c, h, w]) * deviation;
        }
        let pack = self.rules.pack;
        seen.reshape([n / pack, c * pack, h, w])
    }

    /// The critic's loss on what it sees, penalties included.
    fn judge(
        &self,
        real: &Tensor<4>,
        fake: &Tensor<4>,
        classes: Option<&Tensor<2>>,
        moment: Moment,
        rng: &mut ChaCha8Rng,
    ) -> Result<Judged> {
        let Rules { loss, penalty, gamma, penalty_every, label_smoothing, lecam, consistency, .. } = self.rules;
        let [n, ..] = real.dims();
        let n_images = (n * self.rules.pack) as u64;
        let is_due = (moment.images_seen / n_images).is_multiple_of(penalty_every as u64);
        let penalty = if is_due { penalty } else { Penalty::None };

        let critic = |samples: Dual<4>| self.game.critic.network().forward(samples, classes);
        let frozen = |samples: Dual<4>| self.game.critic.frozen().forward(samples, classes);
        let judge = Judge { critic: &critic, frozen: &frozen };
        let mut sides = judge.sides(penalty, [real, fake], penalty.elsewhere(real, fake, rng))?;
        if consistency > 0.0 {
            sides.push(judge.plain(shifted(real, rng)));
        }
        let [score_real, score_fake] = [0, 1].map(|i| sides[i].scores.clone());

        let (loss, penalty) = judge.loss(sides, gamma * penalty_every as f64, |scores| {
            let [real, fake] = [0, 1].map(|i| scores[i].clone());
            let mut total = loss.critic(real.clone(), fake.clone());
            if label_smoothing > 0.0
                && let Some(smoothing) = loss.smoothing(real.clone(), label_smoothing)
            {
                total = total + smoothing;
            }
            if lecam > 0.0 {
                total = total + penalty::lecam(real.clone(), fake, self.anchors) * lecam;
            }
            if consistency > 0.0 {
                let altered = scores[scores.len() - 1].clone();
                total = total + penalty::consistency(real, altered) * consistency;
            }
            total
        })?;
        Ok(Judged { loss, penalty: penalty.map(|penalty| penalty * gamma), score_real, score_fake })
    }

    /// The generator's loss on what the opponent sees.
    fn answer(&self, opponent: &Critic, fake: Tensor<4>, real: Tensor<4>, classes: Option<&Tensor<2>>) -> Tensor<1> {
        let Rules { loss, feature_matching, .. } = self.rules;
        let features_fake = opponent.features(fake, classes);
        let score_fake = opponent.score(features_fake.clone(), classes).value;
        if !loss.is_relative() && feature_matching == 0.0 {
            return loss.generator(score_fake.clone().detach(), score_fake);
        }
        let features_real = opponent.features(real, classes);
        let score_real = opponent.score(features_real.clone(), classes).value.detach();
        let mut total = loss.generator(score_real, score_fake);
        if feature_matching > 0.0 {
            let distance = features_real.value.detach().mean_dim(0) - features_fake.value.mean_dim(0);
            total = total + distance.square().sum() * feature_matching;
        }
        total
    }

    fn move_anchors(&mut self, judged: &Judged) {
        if self.rules.lecam == 0.0 {
            return;
        }
        for (anchor, scores) in self.anchors.iter_mut().zip([&judged.score_real, &judged.score_fake]) {
            let mean = values(scores.clone().mean()).iter().sum::<f64>();
            *anchor = *anchor * ANCHOR_DECAY + mean * (1.0 - ANCHOR_DECAY);
        }
    }
}

/// Images moved by up to an eighth of their size.
fn shifted(images: &Tensor<4>, rng: &mut ChaCha8Rng) -> Tensor<4> {
    let [n, _, h, w] = images.dims();
    let policy = diffaug::Policy { translation: true, ..diffaug::Policy::default() };
    let transforms: Vec<_> = (0..n).map(|_| diffaug::Transform::draw(policy, [h, w], rng)).collect();
    diffaug::apply(images.clone(), &transforms)
}

/// Keeps every trained weight within ± the bound; buffers are left alone.
struct Clip(f64);

impl ModuleMapper for Clip {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let bound = self.0;
        param.map(|weight| {
            if !weight.is_require_grad() {
                return weight;
            }
            Tensor::from_inner(weight.without_autodiff().clamp(-bound, bound)).require_grad()
        })
    }
}
