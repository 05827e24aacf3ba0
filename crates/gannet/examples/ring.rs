//! A whole GAN without the trainer: eight Gaussians on a ring, two small networks, Adam.
//!
//! `cargo run --release --example ring -p gannet` prints both losses and how many of the eight modes are covered, and
//! draws the last fakes over reals in `ring.png`.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use gannet::data::{DataConfig, Loader, LoaderConfig, modes, open};
use gannet::loss::{logistic_critic, non_saturating_generator};
use gannet::net::{Condition, MlpConfig, NetConfig};
use gannet::nn::Init;
use gannet::random::{Purpose, normal, stream};
use gannet::train::player::{Player, PlayerConfig};
use gannet::train::schedule::Moment;
use gannet::{device, image};

const STEPS: u64 = 4000;
const BATCH: usize = 128;
const LATENT: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = device::open_default()?.autodiff();
    let ring = open(&DataConfig { source: "ring".into(), ..DataConfig::default() }, 0)?.dataset;
    let shape = ring.shape();
    let mut loader = Loader::new(ring, LoaderConfig { batch: BATCH, seed: 0, mirror: false, shift: 0, start: 0 })?;
    let latents = |step: u64| {
        let values = normal(&mut stream(0, Purpose::TrainingLatents, step), BATCH * LATENT);
        Tensor::<2>::from_data(TensorData::new(values, [BATCH, LATENT]), &device)
    };

    let net = NetConfig::Mlp(MlpConfig { latent: LATENT, width: 64, depth: 2, ..MlpConfig::default() });
    let player = PlayerConfig { learning_rate: 1e-3, ..PlayerConfig::default() };
    let init = |purpose| Init::new(0, purpose, &device);
    let mut generator = Player::new(net.generator(shape, &mut init(Purpose::GeneratorWeights)), player.clone());
    let mut critic = Player::new(net.critic(shape, Condition::None, &mut init(Purpose::CriticWeights)), player);

    for step in 0..STEPS {
        let moment = Moment { images_seen: step, images_total: STEPS };
        let real = loader.next_batch()?.images("real", &device)?;
        let fake = generator.network().forward(latents(step), None);

        // The critic's move: tell reals from fakes.
        let score = |samples: Tensor<4>| critic.network().forward(samples, None).value;
        let (score_real, score_fake) = (score(real), score(fake.clone().detach()));
        let loss_critic = logistic_critic(score_real, score_fake);
        critic.descend(loss_critic.clone(), moment);

        // The generator's move: pass the critic as it now is.
        let loss_generator = non_saturating_generator(critic.frozen().forward(fake, None).value);
        generator.descend(loss_generator.clone(), moment);

        if (step + 1) % 500 == 0 {
            let [g, d] = [loss_generator, loss_critic].map(|loss| loss.into_scalar::<f32>());
            let covered =
                covered_modes(&points(generator.network().valid().forward(latents(STEPS).without_autodiff(), None)));
            eprintln!("step {:>5}  loss G {g:.3} D {d:.3}  modes {covered}/8", step + 1);
        }
    }

    let fakes: Vec<[f32; 2]> = (0..8)
        .flat_map(|i| points(generator.network().valid().forward(latents(STEPS + i).without_autodiff(), None)))
        .collect();
    let reals = points(loader.next_batch()?.images("real", &device)?);
    std::fs::write("ring.png", image::encode_png(&image::scatter(&fakes, &reals), &[])?)?;
    Ok(())
}

fn points(samples: Tensor<4>) -> Vec<[f32; 2]> {
    let values: Vec<f32> = samples.into_data().iter::<f32>().collect();
    values.chunks(2).map(|point| [point[0], point[1]]).collect()
}

/// Modes with at least one point within three standard deviations.
fn covered_modes(points: &[[f32; 2]]) -> usize {
    let Some(ring) = modes("ring") else { return 0 };
    let is_near =
        |point: &[f32; 2], centre: &[f32; 2]| (point[0] - centre[0]).hypot(point[1] - centre[1]) < 3.0 * ring.sigma;
    ring.centres.iter().filter(|centre| points.iter().any(|point| is_near(point, centre))).count()
}
