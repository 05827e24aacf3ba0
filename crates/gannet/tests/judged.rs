//! What the metrics of `evaluate` say of real garments that were damaged on purpose.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use gannet::data::{self, DataConfig, Dataset, Sample};
use gannet::evaluate::{Figures, Options, Pictures, Subject, evaluate_against};
use gannet::image::Shape;
use gannet::random::{self, Purpose};

const N: usize = 500;
const SHAPE: Shape = Shape { channels: 1, height: 28, width: 28 };

/// Pictures in memory.
struct Garments(Vec<Vec<f32>>);

impl Dataset for Garments {
    fn name(&self) -> &str {
        "garments"
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn shape(&self) -> Shape {
        SHAPE
    }
    fn classes(&self) -> &[String] {
        &[]
    }
    fn description(&self) -> &str {
        ""
    }
    fn read(&self, index: usize) -> gannet::Result<Sample> {
        Ok(Sample { values: self.0[index].clone(), label: None })
    }
}

/// `N` garments of the first `n_classes` classes, every second one from `first`.
fn garments(first: usize, n_classes: u32) -> Vec<Vec<f32>> {
    // The same garments on every machine, whether more are installed or not.
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fashion-mnist/t10k-images-idx3-ubyte.gz").into();
    let set = data::open(&DataConfig { source, ..DataConfig::default() }, 0).unwrap().dataset;
    let samples = (first..set.len()).step_by(2).map(|index| set.read(index).unwrap());
    samples.filter(|sample| sample.label.unwrap() < n_classes).map(|sample| sample.values).take(N).collect()
}

fn noisy(deviation: f32) -> Vec<Vec<f32>> {
    let mut fakes = garments(1, 10);
    for (i, fake) in fakes.iter_mut().enumerate() {
        let noise = random::normal(&mut random::stream(0, Purpose::View, i as u64), fake.len());
        fake.iter_mut().zip(noise).for_each(|(value, noise)| *value = (*value + deviation * noise).clamp(-1.0, 1.0));
    }
    fakes
}

/// Means of 3x3 pixels, `passes` times.
fn blurred(passes: usize) -> Vec<Vec<f32>> {
    let mut fakes = garments(1, 10);
    for fake in &mut fakes {
        for _ in 0..passes {
            let old = fake.clone();
            for (i, value) in fake.iter_mut().enumerate() {
                let near = |at: usize| at.saturating_sub(1)..=(at + 1).min(27);
                let around = near(i / 28).flat_map(|y| near(i % 28).map(move |x| y * 28 + x));
                let values: Vec<f32> = around.map(|at| old[at]).collect();
                *value = values.iter().sum::<f32>() / values.len() as f32;
            }
        }
    }
    fakes
}

/// Every so many of a hundred are noise.
fn mixed(percent: usize) -> Vec<Vec<f32>> {
    let (clean, noise) = (garments(1, 10), noisy(1.0));
    clean.into_iter().zip(noise).enumerate().map(|(i, (a, b))| if i % 100 < percent { b } else { a }).collect()
}

/// Distance, kernel distance, precision, recall, density and coverage of `fakes`.
fn judge(fakes: Vec<Vec<f32>>) -> [f64; 6] {
    let [subject, reference] = [fakes, garments(0, 10)].map(|set| Pictures::Set(Arc::new(Garments(set))));
    let cache = tempfile::tempdir().unwrap();
    let options = Options { n_resamples: 0, features: cache.path().to_owned(), ..Options::default() };
    let names = ["fd", "kid", "pr", "dc"];
    let found = evaluate_against(&Subject::Pictures(subject), Some(reference), &names, &options).unwrap();
    let figures: Vec<f64> = found
        .iter()
        .flat_map(|measurement| match &measurement.figures {
            Figures::PrecisionRecall(pr) => vec![pr.precision, pr.recall],
            Figures::DensityCoverage(dc) => vec![dc.density, dc.coverage],
            other => vec![other.loss().unwrap()],
        })
        .collect();
    figures.try_into().unwrap()
}

/// Whether each of `values` is above the one before.
fn rises(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[1] > pair[0])
}

#[test]
fn figures_worsen_with_the_damage() {
    let clean = judge(garments(1, 10));
    let itself = judge(garments(0, 10));
    assert!(itself[0] < 1e-6 && itself[2] == 1.0 && itself[3] == 1.0, "{itself:?}");
    let noise = [clean, judge(noisy(0.1)), judge(noisy(0.3)), judge(noisy(0.9))];
    let blur = [clean, judge(blurred(1)), judge(blurred(3)), judge(blurred(9))];
    let dropped = [clean, judge(garments(1, 8)), judge(garments(1, 5)), judge(garments(1, 2))];
    let mixed = [clean, judge(mixed(20)), judge(mixed(40)), judge(mixed(60))];
    for (what, levels) in [("noise", noise), ("blur", blur), ("dropped", dropped), ("mixed", mixed)] {
        for figure in [0, 1] {
            assert!(rises(&levels.map(|level| level[figure])), "{what}: {levels:?}");
        }
    }
    // The heaviest noise looks alike to the extractor and lies near a few odd garments, which lifts precision again.
    assert!(noise[2][2] < noise[0][2] - 0.05 && noise[3][2] < noise[0][2], "precision falls with noise: {noise:?}");
    assert!(rises(&[1, 2, 3].map(|level| -noise[level][4])), "density falls with noise: {noise:?}");
    for levels in [noise, blur, dropped, mixed] {
        let lost = levels.map(|level| -level[5]);
        assert!(lost[1] >= lost[0] && rises(&lost[1..]), "coverage falls with any damage but the lightest: {levels:?}");
    }
    assert!(rises(&dropped.map(|level| -level[3])), "recall falls with dropped modes: {dropped:?}");
    assert!(dropped[3][2] > dropped[0][2] - 0.15, "precision does not: {dropped:?}");
}
