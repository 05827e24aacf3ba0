//! Networks that fill holes: what they learn, and that it is what was around the hole.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::sync::atomic::AtomicBool;

use gannet::degrade::Holes;
use gannet::image::{Shape, from_unit, to_unit};
use gannet::random::{Purpose, stream};
use gannet::train::session::{Session, Verb};
use gannet::{Generator, Inpainter, run};

fn prepare(settings: &[&str]) -> gannet::Result<Session> {
    let mut table = toml::Table::new();
    for assignment in ["method.name=inpaint", "data.source=fashion-mnist", "data.size=16"].iter().chain(settings) {
        run::assign(&mut table, assignment).unwrap();
    }
    Session::prepare(&table)
}

/// Mean absolute differences, in holes, of mid grey and of what `inpainter` fills in, to what was there.
fn differences_in_holes(inpainter: &Inpainter, session: &Session) -> [f64; 2] {
    let shape = session.dataset().shape();
    let grey = Shape { channels: 1, ..shape };
    let mut sums = [0.0; 3];
    for index in 0..100 {
        let real = session.dataset().read(index).unwrap().values;
        let holes = Holes::Box.draw([shape.height, shape.width], &mut stream(9, Purpose::Mask, index as u64));
        let shades: Vec<f32> = holes.iter().map(|hole| 2.0 * hole - 1.0).collect();
        let filled = inpainter.fill(&from_unit(&real, shape), &from_unit(&shades, grey)).unwrap();
        for (i, filled) in to_unit(&filled).iter().enumerate().filter(|(i, _)| holes[*i] == 1.0) {
            let differences = [real[i].abs(), (filled - real[i]).abs(), 1.0];
            sums.iter_mut().zip(differences).for_each(|(sum, difference)| *sum += f64::from(difference));
        }
    }
    [sums[0] / sums[2], sums[1] / sums[2]]
}

#[test]
fn holes_in_garments_are_filled_by_what_belongs_there() {
    let folder = tempfile::tempdir().unwrap();
    let learning = [
        "train.kimg=6",
        "train.batch=16",
        "train.tick_kimg=100",
        "train.seed=3",
        "method.adversarial_weight=0.1",
        "method.net.width=8",
        "method.net.blocks=1",
        "method.patch.width=4",
        "method.patch.layers=3",
        "method.generator.learning_rate=2e-3",
        "method.critic.learning_rate=1e-3",
    ];
    let session = prepare(&learning).unwrap();
    assert_eq!(session.verb(), Verb::Inpaint);
    let run = session.create(folder.path()).unwrap();
    session.train(&run, &mut [], &AtomicBool::new(false)).unwrap();
    let inpainter = Inpainter::load(run.path()).unwrap();
    let [grey, filled] = differences_in_holes(&inpainter, &session);
    assert!(filled < 0.5 * grey, "{filled} against {grey}");
    let error = Generator::load(run.path()).err().unwrap().to_string();
    assert!(error.contains("holds an inpainter, expected a generator"), "{error}");
}

#[test]
fn what_cannot_be_learnt_is_one_clear_error() {
    let problem = |settings: &[&str]| prepare(settings).err().unwrap().to_string();
    let error = problem(&["data.channels=4"]);
    assert!(error.contains("data.channels is 4, accepted: 1 or 3"), "{error}");
    let error = problem(&["method.hole_weight=-1", "method.patch.layers=0"]);
    assert!(error.contains("method.hole_weight is -1, accepted: 0 or more"), "{error}");
    assert!(error.contains("method.patch.layers is 0, accepted: 1 to 64"), "{error}");
    let error = problem(&["method.holes=round"]);
    assert!(error.contains("round") && error.contains("free-form"), "{error}");
}
