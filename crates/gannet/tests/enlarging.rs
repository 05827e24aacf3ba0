//! Networks that enlarge, trained from nothing: what they learn, how a run goes from content to the game, and what is done
//! with them afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gannet::convert::{self, Model};
use gannet::degrade::Degradation;
use gannet::image::{Filter, Picture, Shape, from_unit, resize, to_unit};
use gannet::nn::state::{self, Tensors};
use gannet::random::{Purpose, stream};
use gannet::train::session::{Session, Verb};
use gannet::upscale::Upscaler;
use gannet::{onnx, run};

fn table(settings: &[&str]) -> toml::Table {
    let mut table = toml::Table::new();
    settings.iter().for_each(|assignment| run::assign(&mut table, assignment).unwrap());
    table
}

/// A small network that enlarges garments by two, on parts of 16 pixels.
fn session(settings: &[&str]) -> Session {
    let small = [
        "data.source=fashion-mnist",
        "data.size=16",
        "method.net.scale=2",
        "method.net.width=4",
        "method.vgg.width=2",
        "method.vgg.dense=8",
        "train.batch=16",
        "train.tick_kimg=0.064",
        "train.snap=1",
        "train.seed=3",
    ];
    let session = Session::prepare(&table(&[small.as_slice(), settings].concat())).unwrap();
    assert_eq!(session.verb(), Verb::Upscale);
    session
}

fn finish(session: &Session, outdir: &Path) -> PathBuf {
    let run = session.create(outdir).unwrap();
    assert!(session.train(&run, &mut [], &AtomicBool::new(false)).unwrap().is_complete);
    run.path().to_path_buf()
}

fn upscaler(run: &Path) -> Upscaler {
    match convert::open(run, None).unwrap() {
        Model::Upscaler(upscaler) => upscaler,
        _ => panic!("a network that enlarges was trained"),
    }
}

fn newest_checkpoint(run: &Path) -> Vec<u8> {
    let mut files: Vec<_> =
        std::fs::read_dir(run.join("checkpoints")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    std::fs::read(files.last().unwrap()).unwrap()
}

/// Mean squared errors over garments, of which a short run sees each once or never, of Pillow's bicubic enlargement and of
/// the network's.
fn errors(upscaler: &Upscaler, session: &Session) -> [f64; 2] {
    let shape = session.dataset().shape();
    let mut errors = [0.0; 2];
    for index in 0..200 {
        let real = session.dataset().read(index).unwrap().values;
        let mut rng = stream(0, Purpose::Degrade, index as u64);
        let small = Degradation::Bicubic.shrink(from_unit(&real, shape), upscaler.scale(), &mut rng);
        let bicubic = to_unit(&resize(small.clone(), shape.height, shape.width, Filter::Bicubic));
        let ours = upscaler.values(&to_unit(&small), small.shape());
        for (error, enlarged) in errors.iter_mut().zip([bicubic, ours]) {
            let squares = enlarged.iter().zip(&real).map(|(a, b)| f64::from(a.clamp(-1.0, 1.0) - b).powi(2));
            *error += squares.sum::<f64>() / (200 * real.len()) as f64;
        }
    }
    errors
}

#[test]
fn content_alone_already_beats_bicubic() {
    let folder = tempfile::tempdir().unwrap();
    for method in ["method.name=srgan", "method.name=esrgan"] {
        let learning = [
            method,
            "data.size=28",
            "method.net.family=srvgg",
            "method.net.channels=1",
            "method.net.layers=2",
            "method.net.width=16",
            "method.pretrain_kimg=100",
            "method.generator.learning_rate=3e-3",
            "method.generator.schedule=cosine",
            "train.kimg=4",
            "train.snap=1000",
        ];
        let session = session(&learning);
        let upscaler = upscaler(&finish(&session, folder.path()));
        let [bicubic, ours] = errors(&upscaler, &session);
        assert!(ours < 0.8 * bicubic, "{method}: {ours} against {bicubic}");
    }
}

#[test]
fn a_run_goes_from_content_to_the_game_and_resumes_in_either() {
    let folder = tempfile::tempdir().unwrap();
    let phases = |kimg: &str| {
        let kimg = format!("train.kimg={kimg}");
        session(&["method.name=esrgan", "method.net.blocks=1", "method.pretrain_kimg=0.128", &kimg])
    };
    let through = finish(&phases("0.256"), folder.path());
    let text = std::fs::read_to_string(through.join("stats.jsonl")).unwrap();
    let has_game: Vec<bool> = text.lines().map(|line| line.contains("loss_critic")).collect();
    assert_eq!(has_game, [false, false, true, true]);
    for kimg in ["0.064", "0.128", "0.192"] {
        let path = finish(&phases(kimg), folder.path());
        let resumed = Session::resume(&path, &table(&["train.kimg=0.256"])).unwrap();
        let run = run::RunDir::open(&path).unwrap();
        resumed.train(&run, &mut [], &AtomicBool::new(false)).unwrap();
        assert!(newest_checkpoint(&through) == newest_checkpoint(&path), "stopped at {kimg}");
        for file in ["generator.safetensors", "fakes_init.png", "reals.png"] {
            let [a, b] = [&through, &path].map(|run| std::fs::read(run.join(file)).unwrap());
            assert!(a == b, "stopped at {kimg}: {file} differs");
        }
    }
}

#[test]
fn what_was_trained_enlarges_pictures_of_any_kind_and_becomes_onnx() {
    let folder = tempfile::tempdir().unwrap();
    for method in ["srgan", "esrgan"] {
        let name = format!("method.name={method}");
        let session = session(&[&name, "method.net.blocks=1", "data.channels=3", "train.kimg=0.064"]);
        let run = finish(&session, folder.path());
        let upscaler = upscaler(&run);
        let training = upscaler.card().training.as_ref().unwrap();
        assert_eq!((training.images_seen, training.degrade), (64, Degradation::Bicubic));
        assert_eq!(upscaler.card().source, format!("{method} on fashion-mnist"));
        for (channels, height, width) in [(1, 1, 1), (3, 9, 14), (4, 7, 5)] {
            let shape = Shape { channels, height, width };
            let picture = Picture::from_u8(shape, (0..shape.n_values()).map(|i| (i * 37 % 251) as u8).collect());
            let plan = upscaler.plan(&picture, None).unwrap();
            let mut bytes: Vec<u8> = vec![];
            let mut emit = |rows: &[u8]| {
                bytes.extend(rows);
                Ok(())
            };
            assert!(upscaler.enlarge(&picture, &plan, &mut emit, &mut |_| true).unwrap());
            assert_eq!(bytes.len(), 4 * shape.n_values());
        }
        let file = folder.path().join(format!("{method}.onnx"));
        onnx::write(&Model::Upscaler(upscaler), &file).unwrap();
        assert!(file.is_file());
    }
}

#[test]
fn a_trained_network_is_tuned_further_but_for_the_blocks_that_stay() {
    let folder = tempfile::tempdir().unwrap();
    let common = ["method.name=esrgan", "method.net.blocks=2", "method.pretrain_kimg=0.064", "train.kimg=0.128"];
    let first = finish(&session(&common), folder.path()).join("generator.safetensors");
    let start = format!("method.start={}", first.display());
    let tuning = [common.as_slice(), &[start.as_str(), "method.freezed=1", "train.seed=4"]].concat();
    let through = finish(&session(&tuning), folder.path());
    let weights = |path: &Path| {
        let mut weights = Tensors::new();
        state::save(upscaler(path).network(), "", &mut weights);
        weights
    };
    let (before, after) = (weights(&first), weights(&through));
    for (name, data) in &before {
        let stays = name.starts_with("conv_first.") || name.starts_with("body.0.");
        let moved = data.iter::<f32>().zip(after[name].iter::<f32>()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // The average of what does not move is rounded.
        assert!(if stays { moved < 1e-6 } else { moved > 1e-5 }, "{name}: {moved}");
    }

    let path = finish(&session(&[tuning.as_slice(), &["train.kimg=0.064"]].concat()), folder.path());
    let resumed = Session::resume(&path, &table(&["train.kimg=0.128"])).unwrap();
    let run = run::RunDir::open(&path).unwrap();
    resumed.train(&run, &mut [], &AtomicBool::new(false)).unwrap();
    assert!(newest_checkpoint(&through) == newest_checkpoint(&path));

    let problem = |more: &[&str]| {
        let common = ["data.source=fashion-mnist", "data.size=16", "method.name=esrgan", "method.net.scale=2"];
        Session::prepare(&table(&[common.as_slice(), more].concat())).err().unwrap().to_string()
    };
    let error = problem(&[&start]);
    assert!(error.contains("method.start has another network than method.net: Rrdb"), "{error}");
    let error = problem(&["method.freezed=2"]);
    assert!(error.contains("method.freezed is 2, accepted without method.start: 0"), "{error}");
    assert!(problem(&["method.start=nowhere.safetensors"]).contains("nowhere.safetensors"));
}

#[test]
fn what_cannot_be_enlarged_is_one_clear_error() {
    let problem = |settings: &[&str]| {
        let common = ["data.source=fashion-mnist", "data.size=16"];
        Session::prepare(&table(&[common.as_slice(), settings].concat())).err().unwrap().to_string()
    };
    let error = problem(&["method.name=esrgan", "method.net.scale=3"]);
    assert!(error.contains("method.net.scale is 3, accepted by rrdb: 1, 2, 4"), "{error}");
    let error = problem(&["method.name=esrgan", "method.net.scale=2", "data.size=18"]);
    assert!(error.contains("data.size is 18x18, accepted for an enlargement by 2: multiples of 4"), "{error}");
    let error = problem(&["method.name=srgan", "method.perceptual.extractor=vgg61"]);
    assert!(error.contains("unknown extractor `vgg61`") && error.contains("gannet extractor add"), "{error}");
    let error = problem(&["method.name=srgan", "method.perceptual.extractor=fashion28"]);
    assert!(error.contains("the extractor `fashion28`: is not VGG16"), "{error}");
    let error = problem(&["method.name=srgan", "method.degrade=heavy"]);
    assert!(error.contains("heavy") && error.contains("real-world"), "{error}");
    let error = problem(&["method.name=srgan", "data.channels=4"]);
    assert!(error.contains("method.net.channels is 4 and data.channels 4, accepted: 1 for both, or 3"), "{error}");
}
