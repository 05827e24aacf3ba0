//! Trained networks from elsewhere: whose layout their tensors have, and what they are here.
//!
//! A file is recognised by the names and shapes of its tensors alone, against one list of layouts ([`LAYOUTS`]); nothing
//! in it runs. A file of ncnn has no names: it is known by its layers, one by one.

mod dcgan;
mod translators;
mod basicsr;
mod ncnn;

use std::path::Path;

use serde::Serialize;
use toml::Table;

use crate::data::{DataConfig, Direction};
use crate::generator::{self, Generator};
use crate::import::{self, Weights};
use crate::inpainter::{self, Inpainter};
use crate::nn::state::Tensors;
use crate::run::{Config, TrainConfig, checkpoint};
use crate::translator::{self, Translator};
use crate::upscale::{self, Upscaler};
use crate::{Card, Error, Result, device};

/// A way in which others name the tensors of a network.
pub struct Layout {
    /// What `--arch` calls it.
    pub name: &'static str,
    /// Whose it is, in one line.
    pub summary: &'static str,
    /// A tensor that it always has, to be named where nothing is recognised.
    pub signature: &'static str,
    /// What the tensors are here. None where they are not of this layout; an error where they are and cannot be used.
    read: fn(&Source) -> Option<Result<Model, String>>,
}

/// All layouts, in the order in which they are tried.
pub const LAYOUTS: &[Layout] = &[
    Layout {
        name: "rrdbnet",
        summary: "RRDBNet of BasicSR: ESRGAN and Real-ESRGAN",
        signature: "conv_first.weight",
        read: basicsr::rrdbnet,
    },
    Layout {
        name: "esrgan",
        summary: "RRDBNet with the names of ESRGAN's first files",
        signature: "RRDB_trunk.0.RDB1.conv1.weight",
        read: basicsr::first_esrgan,
    },
    Layout {
        name: "srvgg",
        summary: "SRVGGNetCompact of Real-ESRGAN",
        signature: "body.0.weight",
        read: basicsr::srvgg,
    },
    Layout {
        name: "srresnet",
        summary: "SRResNet with gannet's own names",
        signature: "first.weight",
        read: basicsr::srresnet,
    },
    Layout {
        name: "dcgan",
        summary: "the generator of PyTorch's DCGAN tutorial",
        signature: "main.0.weight",
        read: dcgan::generator,
    },
    Layout {
        name: "unet",
        summary: "the U-Net generator of pytorch-CycleGAN-and-pix2pix",
        signature: "model.model.0.weight",
        read: translators::unet,
    },
    Layout {
        name: "resnet",
        summary: "the ResNet generator of pytorch-CycleGAN-and-pix2pix",
        signature: "model.1.weight",
        read: translators::resnet,
    },
];

/// What is read: tensors, and where they are from.
struct Source<'a> {
    tensors: &'a Tensors,
    file: String,
    sha256: &'a str,
}

impl Source<'_> {
    /// What a network says it learnt from.
    fn describe(&self) -> String {
        format!("unknown data (weights of {}, SHA-256 {})", self.file, self.sha256)
    }
}

/// The settings of a training that nothing is known of, but for the family of `net` and a method that suits it.
fn config(source: &Source, method: &str, net: &impl Serialize) -> Result<Config, String> {
    let net = toml::Value::try_from(net).map_err(|error| error.to_string())?;
    let name = toml::Value::String(method.to_owned());
    let method = Table::from_iter([("name".to_owned(), name), ("net".to_owned(), net)]);
    let data = DataConfig { source: source.file.clone(), ..DataConfig::default() };
    Ok(Config { data, method, train: TrainConfig::default() })
}

/// A network that can be used here.
#[allow(clippy::large_enum_variant, reason = "one of them lives as long as the program")]
pub enum Model {
    /// Latents to samples.
    Generator(Generator),
    /// Pictures to others of the same size.
    Translator(Translator),
    /// Small pictures to large ones.
    Upscaler(Upscaler),
    /// Pictures with holes to whole ones.
    Inpainter(Inpainter),
}

impl Model {
    /// Writes it to `path` as safetensors that describe themselves, atomically.
    pub fn save(&self, path: &Path) -> Result<()> {
        match self {
            Self::Generator(generator) => generator.save(path),
            Self::Translator(translator) => translator.save(path),
            Self::Upscaler(upscaler) => upscaler.save(path),
            Self::Inpainter(inpainter) => inpainter.save(path),
        }
    }

    /// What it is, in one line.
    pub fn describe(&self) -> String {
        match self {
            Self::Generator(generator) => {
                let Card { net, shape, .. } = generator.card();
                format!("a generator of {shape} from {} latents", net.latent())
            }
            Self::Translator(translator) => {
                let translator::Card { net, shape, ways, .. } = translator.card();
                let ways = ways.iter().map(Direction::to_string).collect::<Vec<_>>().join(" and ");
                let millions = net.plan(*shape).n_parameters() as f64 / 1e6;
                format!("a translator of {shape}, {ways}: {millions:.1} million weights each way")
            }
            Self::Upscaler(upscaler) => {
                let net = &upscaler.card().net;
                let n_parameters = burn::module::Module::num_params(upscaler.network());
                let millions = n_parameters as f64 / 1e6;
                format!("a network that enlarges by {}: {}, {millions:.1} million weights", net.scale(), net.family())
            }
            Self::Inpainter(inpainter) => {
                let inpainter::Card { net, shape, .. } = inpainter.card();
                let millions = net.plan(*shape).n_parameters() as f64 / 1e6;
                format!("a network that fills holes, learnt on {shape}: {millions:.1} million weights")
            }
        }
    }
}

/// Reads the network at `path`: one that gannet wrote, a run, weights of PyTorch or in safetensors, or a pair of files of
/// ncnn. Weights are of the layout called `arch`, or of the first that knows them.
pub fn open(path: &Path, arch: Option<&str>) -> Result<Model> {
    let layouts = match arch {
        None => LAYOUTS,
        Some(name) => {
            let place = LAYOUTS.iter().position(|layout| layout.name == name);
            let known = LAYOUTS.iter().map(|layout| layout.name);
            let place = place.ok_or_else(|| Error::unknown("architecture", name, known))?;
            &LAYOUTS[place..=place]
        }
    };
    let file = if path.is_dir() { path.join("generator.safetensors") } else { path.to_path_buf() };
    if path.is_dir() && !file.exists() {
        return Generator::load(path).map(Model::Generator); // Which says what is missing.
    }
    let device = device::open_default()?;
    match checkpoint::kind(&file)?.as_deref() {
        Some(upscale::KIND) => return Upscaler::load(&file, &device).map(Model::Upscaler),
        Some(translator::KIND) => return Translator::load(path).map(Model::Translator),
        Some(generator::KIND) => return Generator::load(path).map(Model::Generator),
        Some(inpainter::KIND) => return Inpainter::load(path).map(Model::Inpainter),
        _ => {}
    }
    let weights = if import::ncnn::is_one(path) { ncnn::named(path)? } else { import::read(path)? };
    recognise(path, &weights, layouts).map_err(|reason| Error::file(path, reason))
}

fn recognise(path: &Path, weights: &Weights, layouts: &[Layout]) -> Result<Model, String> {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let source = Source { tensors: &weights.tensors, file, sha256: &weights.sha256 };
    let found = layouts.iter().find_map(|layout| Some((layout, (layout.read)(&source)?)));
    let Some((layout, model)) = found else {
        let some: Vec<&str> = weights.tensors.keys().take(3).map(String::as_str).collect();
        let known: Vec<String> =
            layouts.iter().map(|layout| format!("{} (with `{}`)", layout.name, layout.signature)).collect();
        return Err(format!(
            "holds {} tensors (`{}` ...) of no known network; accepted: {}",
            weights.tensors.len(),
            some.join("`, `"),
            known.join(", ")
        ));
    };
    model.map_err(|reason| format!("looks like {} ({}), but {reason}", layout.name, layout.summary))
}
