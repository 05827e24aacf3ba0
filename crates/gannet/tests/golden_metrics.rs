//! Metrics against those of NumPy and SciPy, from `reference/metrics.py`.
//!
//! Distances agree to 1e-6 of themselves, shares exactly, inception scores to 1e-9, pyramids to 1e-6 of a picture's
//! range.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::Path;

use gannet::image::Shape;
use gannet::metric::density_coverage::{self, density_coverage};
use gannet::metric::inception_score::inception_score;
use gannet::metric::laplacian::pyramid;
use gannet::metric::moments::Moments;
use gannet::metric::ms_ssim::ms_ssim;
use gannet::metric::precision_recall::{self, precision_recall};
use gannet::metric::psnr::psnr;
use gannet::metric::ssim::ssim;
use gannet::metric::{Features, frechet, kernel, perceptual, sliced_wasserstein};
use safetensors::SafeTensors;

const CASES: [&str; 3] = ["full", "thin", "skewed"];

struct Golden(Vec<u8>);

impl Golden {
    fn open() -> Self {
        Self(std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics.safetensors")).unwrap())
    }

    fn read<const N: usize, T>(&self, name: &str, from: impl Fn([u8; N]) -> T) -> (Vec<usize>, Vec<T>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap_or_else(|_| panic!("no golden tensor {name}"));
        assert_eq!(view.data().len(), N * view.shape().iter().product::<usize>(), "{name} has another type");
        (view.shape().to_vec(), view.data().chunks_exact(N).map(|bytes| from(bytes.try_into().unwrap())).collect())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.read(name, f32::from_le_bytes).1
    }

    fn doubles(&self, name: &str) -> Vec<f64> {
        self.read(name, f64::from_le_bytes).1
    }

    fn features(&self, name: &str) -> Features {
        let (shape, values) = self.read(name, f32::from_le_bytes);
        Features::new(values, shape[1]).unwrap()
    }

    fn shape(&self, name: &str) -> Shape {
        let (shape, _) = self.read(name, f32::from_le_bytes);
        Shape { channels: shape[0], height: shape[1], width: shape[2] }
    }

    fn subsets(&self, name: &str) -> Vec<Vec<usize>> {
        let (shape, values) = self.read(name, |bytes| i64::from_le_bytes(bytes) as usize);
        values.chunks_exact(shape[1]).map(<[usize]>::to_vec).collect()
    }
}

fn assert_close(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= tolerance * theirs.abs(), "{what}: {ours} instead of {theirs}");
    }
}

#[test]
fn frechet_distances_with_and_without_full_rank() {
    let golden = Golden::open();
    for case in CASES {
        let moments = |set| Moments::of(&golden.features(&format!("{case}.{set}"))).unwrap();
        let ours = frechet::distance(&moments("real"), &moments("fake")).unwrap();
        assert_close(case, &[ours], &golden.doubles(&format!("{case}.frechet")), 1e-6);
        if case == "full" {
            assert_close("sqrtm", &[ours], &golden.doubles("full.frechet_sqrtm"), 1e-6);
        }
    }
}

#[test]
fn kernel_distances_of_all_pairs_and_of_given_subsets() {
    let golden = Golden::open();
    for case in CASES {
        let named = |name| format!("{case}.{name}");
        let (real, fake) = (golden.features(&named("real")), golden.features(&named("fake")));
        assert_close(case, &[kernel::mmd(&real, &fake).unwrap()], &golden.doubles(&named("mmd")), 1e-6);
        let subsets = golden.subsets(&named("subsets.real")).into_iter().zip(golden.subsets(&named("subsets.fake")));
        let ours = kernel::mmd_of(&real, &fake, &subsets.collect::<Vec<_>>()).unwrap();
        assert_close(case, &ours, &golden.doubles(&named("mmd_of_subsets")), 1e-6);
    }
}

#[test]
fn precision_recall_density_and_coverage() {
    let golden = Golden::open();
    for case in CASES {
        let (real, fake) = (golden.features(&format!("{case}.real")), golden.features(&format!("{case}.fake")));
        let ours = precision_recall(&real, &fake, precision_recall::K).unwrap();
        let theirs = golden.doubles(&format!("{case}.precision_recall"));
        assert_close(case, &[ours.precision, ours.recall], &theirs, 1e-12);
        let ours = density_coverage(&real, &fake, density_coverage::K).unwrap();
        let theirs = golden.doubles(&format!("{case}.density_coverage"));
        assert_close(case, &[ours.density, ours.coverage], &theirs, 1e-12);
    }
}

#[test]
fn inception_scores_of_one_and_of_ten_splits() {
    let golden = Golden::open();
    for n_splits in [1, 10] {
        let ours = inception_score(&golden.features("logits"), n_splits).unwrap();
        let theirs = golden.doubles(&format!("inception_score.{n_splits}"));
        assert_close("score", &[ours.mean, ours.deviation], &theirs, 1e-9);
    }
}

#[test]
fn sliced_wasserstein_distances_along_given_directions() {
    let golden = Golden::open();
    for case in CASES {
        let [real, fake] = ["real", "fake"].map(|set| golden.features(&format!("{case}.{set}")));
        let rows: Vec<usize> = (0..real.n_samples().min(fake.n_samples())).collect();
        let directions = golden.features(&format!("{case}.directions"));
        let ours = sliced_wasserstein::between(&real.select(&rows), &fake.select(&rows), &directions).unwrap();
        assert_close(case, &[ours], &golden.doubles(&format!("{case}.sliced_wasserstein")), 1e-6);
    }
}

#[test]
fn laplacian_pyramids_of_odd_sides() {
    let golden = Golden::open();
    let levels = pyramid(&golden.floats("photo"), golden.shape("photo"), 8);
    assert_eq!(levels.len(), 3);
    for (i, (shape, ours)) in levels.into_iter().enumerate() {
        let name = format!("pyramid.{i}");
        assert_eq!(shape, golden.shape(&name));
        let errors = ours.iter().zip(golden.floats(&name)).map(|(a, b)| (a - b).abs());
        assert!(errors.fold(0.0, f32::max) < 1e-6, "{name}");
    }
}

#[test]
fn structural_similarity_at_one_two_and_three_scales() {
    let golden = Golden::open();
    let whole = golden.shape("ms_ssim.a");
    for (height, width) in [(48, 51), (28, 28), (11, 40)] {
        let part = |name| {
            let values = golden.floats(name);
            let planes = values.chunks_exact(whole.height * whole.width);
            let rows = planes.flat_map(|plane| plane.chunks_exact(whole.width).take(height));
            rows.flat_map(|row| &row[..width]).copied().collect()
        };
        let (a, b): (Vec<f32>, Vec<f32>) = (part("ms_ssim.a"), part("ms_ssim.b"));
        let ours = ms_ssim(&a, &b, Shape { channels: 3, height, width }).unwrap();
        let name = format!("ms_ssim.{height}x{width}.value");
        assert_close(&name, &[ours], &golden.doubles(&name), 1e-6);
        let ours = ssim(&a, &b, Shape { channels: 3, height, width }).unwrap();
        let name = format!("ssim.{height}x{width}.value");
        assert_close(&name, &[ours], &golden.doubles(&name), 1e-6);
    }
}

#[test]
fn noise_of_a_pair_and_distance_of_a_layer() {
    let golden = Golden::open();
    let ours = psnr(&golden.floats("ms_ssim.a"), &golden.floats("ms_ssim.b")).unwrap();
    assert_close("psnr", &[ours], &golden.doubles("psnr.value"), 1e-6);
    let n_channels = golden.shape("perceptual.a").channels;
    let ours = perceptual::layer(&golden.floats("perceptual.a"), &golden.floats("perceptual.b"), n_channels);
    assert_close("perceptual", &[ours], &golden.doubles("perceptual.value"), 1e-6);
}
