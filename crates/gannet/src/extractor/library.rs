//! Extractors in a folder: one self-describing safetensors file each, called by name.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::card::hash;
use super::layers::Source;
use super::{ARCHITECTURES, Architecture, Card, Extractor, Network, Origin, compact, trained};
use crate::import::{self, Weights};
use crate::nn::state::Tensors;
use crate::run::checkpoint;
use crate::{Error, Result, device};

const KIND: &str = "extractor";

/// An extractor that needs no file.
pub struct BuiltIn {
    /// What it is called; an extractor of this name in a user's folder goes before it.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    sees_colour: bool,
    bytes: &'static [u8],
}

/// All extractors that are built in.
pub const BUILT_IN: &[BuiltIn] = &[FASHION28, EMOJI64];

const FASHION28: BuiltIn = BuiltIn {
    name: "fashion28",
    summary: "a classifier of Fashion-MNIST: 128 features of grey images of 28x28, quick anywhere",
    sees_colour: false,
    // gannet extractor train --data fashion-mnist --name fashion28 --compact --folder crates/gannet/assets/extractors
    bytes: include_bytes!("../../assets/extractors/fashion28.safetensors"),
};

const EMOJI64: BuiltIn = BuiltIn {
    name: "emoji64",
    summary: "a classifier of emoji: 128 features of coloured images of 64x64",
    sees_colour: true,
    // data/emoji-categories.sh data && gannet extractor train --data data/emoji-categories --set data.channels=3
    // --name emoji64 --compact --folder crates/gannet/assets/extractors
    bytes: include_bytes!("../../assets/extractors/emoji64.safetensors"),
};

/// What a user says who leaves the choice of an extractor to the pictures.
pub const AUTO: &str = "auto";

/// The built-in extractor for pictures of so many channels.
pub fn suited(channels: usize) -> &'static BuiltIn {
    BUILT_IN.iter().find(|built_in| built_in.sees_colour == (channels > 1)).unwrap_or(&FASHION28)
}

impl BuiltIn {
    /// Its card.
    pub fn card(&self) -> Result<Card> {
        let parsed = checkpoint::parse::<Card>(self.bytes, KIND);
        parsed.map(|(card, _)| card).map_err(|reason| Error::file(self.name, reason))
    }
}

/// The folder that holds a user's extractors unless told otherwise.
pub fn folder() -> PathBuf {
    dirs::data_dir().unwrap_or_else(std::env::temp_dir).join("gannet/extractors")
}

/// Reads the weights in `file`, PyTorch's or safetensors, and keeps them in `folder` as `name` or, without one, under the
/// name of their architecture.
pub fn add(file: &Path, name: Option<&str>, folder: &Path) -> Result<Card> {
    name.map_or(Ok(()), check_name)?;
    let weights = import::read(file)?;
    let architecture = recognise(&weights.tensors).map_err(|reason| Error::file(file, reason))?;
    let name = name.unwrap_or(architecture.name);
    let title = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let device = device::open_default()?;
    let (extractor, used) = import(name, &title, &weights, &device).map_err(|reason| Error::file(file, reason))?;
    keep(&extractor.card, &used, folder)?;
    Ok(extractor.card)
}

/// The cards of all extractors in `folder`, by name, or why one cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Result<Card>>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(Error::io("read", folder)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(Error::io("read", folder)));
    let mut paths = paths.collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    paths.sort();
    Ok(paths.iter().map(|path| checkpoint::read::<Card>(path, KIND).map(|(card, _)| card)).collect())
}

/// The extractor called `name` in `folder`, or built in, on `device`.
pub fn open(name: &str, folder: &Path, device: &Device) -> Result<Extractor> {
    let (card, tensors) = kept(name, folder)?;
    ready(card, tensors, device).map_err(|reason| Error::file(path(name, folder), reason))
}

/// What is kept as `name` in `folder`, or built in.
fn kept(name: &str, folder: &Path) -> Result<(Card, Tensors)> {
    check_name(name)?;
    let path = path(name, folder);
    let built_in = BUILT_IN.iter().find(|built_in| built_in.name == name);
    match built_in {
        _ if path.is_file() => checkpoint::read::<Card>(&path, KIND),
        Some(built_in) => checkpoint::parse(built_in.bytes, KIND).map_err(|reason| Error::file(name, reason)),
        None => {
            let kept = list(folder)?.into_iter().flatten().map(|card| card.name);
            let known: Vec<String> = kept.chain(BUILT_IN.iter().map(|entry| entry.name.to_owned())).collect();
            let unknown = Error::unknown("extractor", name, known.iter().map(String::as_str));
            Err(Error::setting(format!("{unknown} (`gannet extractor add FILE` makes one)")))
        }
    }
}

/// The weights that `name` means: those of an extractor that [`open`] knows, or of a file, kept or still to be imported.
pub(super) fn tensors(name: &str, folder: &Path) -> Result<Tensors> {
    let file = Path::new(name);
    if !file.is_file() {
        return kept(name, folder).map(|(_, tensors)| tensors);
    }
    match checkpoint::read::<Card>(file, KIND) {
        Ok((_, tensors)) => Ok(tensors),
        Err(_) => import::read(file).map(|weights| weights.tensors),
    }
}

/// The extractor that `name` means: one that [`open`] knows, or the file of one, kept or still to be imported.
pub fn find(name: &str, folder: &Path, device: &Device) -> Result<Extractor> {
    let file = Path::new(name);
    if !file.is_file() {
        return open(name, folder, device);
    }
    if let Ok((card, tensors)) = checkpoint::read::<Card>(file, KIND) {
        return ready(card, tensors, device).map_err(|reason| Error::file(file, reason));
    }
    let title = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let weights = import::read(file)?;
    let name = recognise(&weights.tensors).map_err(|reason| Error::file(file, reason))?.name;
    let imported = import(name, &title, &weights, device).map_err(|reason| Error::file(file, reason))?;
    Ok(imported.0)
}

fn ready(card: Card, tensors: Tensors, device: &Device) -> Result<Extractor, String> {
    let device = device.clone().without_autodiff();
    let network = network(&card, &compact::unpack(tensors)?, &device)?;
    Ok(Extractor { card, network, device })
}

/// Whether `name` may be given to a new extractor in `folder`.
pub(super) fn check_free(name: &str, folder: &Path) -> Result<()> {
    check_name(name)?;
    let path = path(name, folder);
    if path.exists() {
        return Err(Error::file(
            &path,
            format!("there is an extractor `{name}` already; give another name, or remove it"),
        ));
    }
    Ok(())
}

/// Writes an extractor's file into `folder`, which is made where it is missing.
pub(super) fn keep(card: &Card, tensors: &Tensors, folder: &Path) -> Result<()> {
    check_name(&card.name)?;
    let path = path(&card.name, folder);
    if path.is_file() {
        let (old, _) = checkpoint::read::<Card>(&path, KIND)?;
        if old.weights != card.weights {
            let advice = "give another name with --name, or remove it";
            return Err(Error::file(&path, format!("holds other weights under the name `{}`; {advice}", card.name)));
        }
    }
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    checkpoint::write(&path, KIND, card, tensors)
}

/// The extractor of imported `weights`, and those of their tensors that it uses.
pub(super) fn import(
    name: &str,
    file: &str,
    weights: &Weights,
    device: &Device,
) -> Result<(Extractor, Tensors), String> {
    let architecture = recognise(&weights.tensors)?;
    let device = device.clone().without_autodiff();
    let (network, used) = built(architecture, &weights.tensors, &device)?;
    let card = Card {
        name: name.to_owned(),
        architecture: architecture.name.to_owned(),
        shape: architecture.shape,
        n_features: architecture.n_features,
        n_classes: architecture.n_classes,
        classes: vec![],
        weights: hash(&used),
        origin: Origin::File { name: file.to_owned(), sha256: weights.sha256.clone() },
    };
    Ok((Extractor { card, network, device }, used))
}

/// The network that a kept file describes, if its weights are those that were kept.
fn network(card: &Card, tensors: &Tensors, device: &Device) -> Result<Box<dyn Network>, String> {
    if hash(tensors) != card.weights {
        return Err("its weights are not those it was written with; remove it and add it again".to_owned());
    }
    if card.architecture == trained::ARCHITECTURE {
        return trained::network(card, tensors, device);
    }
    let architecture = ARCHITECTURES.iter().find(|architecture| architecture.name == card.architecture);
    let architecture =
        architecture.ok_or_else(|| format!("its network `{}` is unknown to this version", card.architecture))?;
    built(architecture, tensors, device).map(|(network, _)| network)
}

fn built(
    architecture: &Architecture,
    tensors: &Tensors,
    device: &Device,
) -> Result<(Box<dyn Network>, Tensors), String> {
    let mut source = Source::new(tensors, device);
    let network = (architecture.build)(&mut source).map_err(|reason| format!("no {}: {reason}", architecture.name))?;
    Ok((network, source.used()))
}

fn recognise(tensors: &Tensors) -> Result<&'static Architecture, String> {
    ARCHITECTURES.iter().find(|architecture| tensors.contains_key(architecture.signature)).ok_or_else(|| {
        let known = ARCHITECTURES.iter().map(|known| format!("{} (with `{}`)", known.name, known.signature));
        let found: Vec<String> = tensors.keys().take(2).map(|name| format!("`{}`", name.escape_debug())).collect();
        format!(
            "holds {} tensors ({} ...), the weights of no known network; accepted: {}",
            tensors.len(),
            found.join(", "),
            known.collect::<Vec<_>>().join(", ")
        )
    })
}

fn path(name: &str, folder: &Path) -> PathBuf {
    folder.join(format!("{name}.safetensors"))
}

/// A name becomes a part of a file's and of a protocol's name.
fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = (1..=64).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with('.') && name != AUTO;
    let problem = || {
        let accepted = format!("up to 64 of a-z A-Z 0-9 - _ . and not `{AUTO}`");
        Error::setting(format!("`{name}` cannot name an extractor, accepted: {accepted}"))
    };
    if fits { Ok(()) } else { Err(problem()) }
}
