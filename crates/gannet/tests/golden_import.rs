//! Files of `torch.save` against the values they were written from, by `reference/import.py`; and files that are damaged
//! or hostile.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};

use burn::tensor::{DType, TensorData};
use common::{golden, strip};
use gannet::import;
use gannet::nn::state::Tensors;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/import").join(name)
}

fn reason(path: &Path) -> String {
    import::read(path).unwrap_err().to_string()
}

fn values(data: &TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}

/// Every tensor is there with its shape and its exact values.
fn assert_holds(tensors: &Tensors, expected: &Tensors) {
    assert_eq!(tensors.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, data) in expected {
        // The golden file stores a scalar as [1].
        if tensors[name].shape().num_dims() > 0 {
            assert_eq!(tensors[name].shape(), data.shape(), "{name}");
        }
        assert_eq!(values(&tensors[name]), values(data), "{name}");
    }
}

fn state_dict() -> Tensors {
    golden("import").into_iter().filter(|(name, _)| !name.starts_with("module.")).collect()
}

#[test]
fn both_formats_give_the_values_that_were_saved() {
    for name in ["zipped.pth", "legacy.pth"] {
        let weights = import::read(file(name)).unwrap();
        assert_holds(&weights.tensors, &state_dict());
        assert!(weights.under.is_empty());
        assert_eq!(weights.sha256.len(), 64);
        for (tensor, dtype) in [("half", DType::F32), ("double", DType::F32), ("bool", DType::I64)] {
            assert_eq!(weights.tensors[tensor].dtype(), dtype, "{tensor}");
        }
        assert_eq!(weights.tensors["scalar"].shape().num_dims(), 0);
    }
    let module = import::read(file("module.pth")).unwrap();
    assert_holds(&module.tensors, &strip(&golden("import"), "module"));
}

#[test]
fn a_nested_state_dict_is_found_and_said_where() {
    let weights = import::read(file("nested.pth")).unwrap();
    assert_holds(&weights.tensors, &state_dict());
    assert_eq!(weights.under, ["params_ema"]);
}

#[test]
fn safetensors_of_any_origin_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/import.safetensors");
    assert_holds(&import::read(&path).unwrap().tensors, &golden("import"));
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("part.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        std::fs::write(&part, &bytes[..length]).unwrap();
        assert!(reason(&part).contains("part.safetensors: "), "{length}");
    }
}

#[test]
fn code_in_a_pickle_is_refused_by_name() {
    for name in ["system.pth", "system_legacy.pth"] {
        let reason = reason(&file(name));
        // os.system is a function of the module posix, or of nt.
        assert!(reason.contains("it calls for `posix.system`, which is no part of a tensor"), "{reason}");
        assert!(reason.contains(name) && reason.contains("at byte "), "{reason}");
        assert_eq!(reason.lines().count(), 1);
    }
}

#[test]
fn what_is_no_state_dict_is_refused_with_what_would_be() {
    assert!(reason(&file("list.pth")).ends_with("holds a list, accepted: a dict of names and tensors"));
    assert!(reason(&file("../../golden")).contains("not a file"));
    assert!(reason(Path::new("no-such.pth")).contains("no-such.pth"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.pth");
    std::fs::write(&path, "hello").unwrap();
    assert!(reason(&path).ends_with("accepted: .pth, .pt, .safetensors"));
}

#[test]
fn a_file_cut_at_any_length_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pth");
    for name in ["zipped.pth", "legacy.pth", "nested.pth", "module.pth"] {
        let bytes = std::fs::read(file(name)).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let reason = reason(&path);
            assert!(reason.contains("cut.pth: ") && reason.lines().count() == 1, "{name} {length}: {reason}");
        }
    }
}

#[test]
fn a_byte_changed_anywhere_panics_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.pth");
    for name in ["zipped.pth", "legacy.pth"] {
        let bytes = std::fs::read(file(name)).unwrap();
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                std::fs::write(&path, &changed).unwrap();
                let _ = import::read(&path);
            }
        }
    }
}
