//! Generators of pictures from pictures under the names of PyTorch's best-known code for pix2pix and CycleGAN: a U-Net
//! whose steps lie in each other, and residual blocks in one numbered list (`net/unet.rs`, `net/resnet_generator.rs`).
//!
//! A file says neither its direction, which is called A to B here, nor the size of its training, which follows from the
//! number of steps or blocks. The U-Net drops nothing here, as in evaluation there.

use std::collections::BTreeSet;

use super::{Model, Source, config};
use crate::data::Direction;
use crate::device;
use crate::image::Shape;
use crate::method;
use crate::net::{PictureNorm, ResnetGeneratorConfig, TranslatorConfig, UnetConfig};
use crate::nn::Init;
use crate::nn::state::{self, Tensors};
use crate::translator::{Card, Translator};

/// The most steps that are looked for.
const MAX_STEPS: usize = 16;

/// The U-Net whose tensors these are, if they are one's.
pub(super) fn unet(source: &Source) -> Option<Result<Model, String>> {
    let [width, channels, 4, 4] = kernel(source, "model.model.0")? else { return None };
    let n_steps = (1..MAX_STEPS).take_while(|i| kernel(source, &format!("{}.1", step(*i))).is_some()).count() + 1;
    let norm = norm(source, "model.model.1.model.2");
    let side = 1 << n_steps;
    let net = TranslatorConfig::Unet(UnetConfig { width, norm, dropout: 0.0 });
    let shape = Shape { channels, height: side, width: side };
    Some(translator(source, net, shape, |name| name_in_unet(name, n_steps)))
}

/// The residual generator whose tensors these are, if they are one's.
pub(super) fn resnet(source: &Source) -> Option<Result<Model, String>> {
    let [width, channels, 7, 7] = kernel(source, "model.1")? else { return None };
    let blocks = (0..).take_while(|i| kernel(source, &format!("model.{}.conv_block.1", 10 + i)).is_some()).count();
    // Dropout within the blocks, which has no weights, moves what follows it by one.
    let second = if kernel(source, "model.10.conv_block.6").is_some() { 6 } else { 5 };
    let net = TranslatorConfig::Resnet(ResnetGeneratorConfig { width, blocks, norm: norm(source, "model.2") });
    let side = if blocks > 6 { 256 } else { 128 };
    let shape = Shape { channels, height: side, width: side };
    Some(translator(source, net, shape, |name| name_in_resnet(name, blocks, second)))
}

fn kernel(source: &Source, name: &str) -> Option<[usize; 4]> {
    source.tensors.get(&format!("{name}.weight"))?.shape().as_slice().try_into().ok()
}

/// What the norm called `name` is: instance norm has no weights.
fn norm(source: &Source, name: &str) -> PictureNorm {
    if source.tensors.contains_key(&format!("{name}.weight")) { PictureNorm::Batch } else { PictureNorm::Instance }
}

/// The translator of `net` with the tensors that `theirs` finds for the names of ours.
fn translator(
    source: &Source,
    net: TranslatorConfig,
    shape: Shape,
    theirs: impl Fn(&str) -> Option<String>,
) -> Result<Model, String> {
    let problems = net.problems(shape);
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    // Before memory is taken for what a few tensors claim.
    let planned = net.plan(shape).n_parameters();
    let held: u64 = source.tensors.values().map(|data| data.num_elements() as u64).sum();
    if planned / 2 > held {
        return Err(format!("such a network has {planned} weights, and it holds {held}"));
    }
    let device = device::open_default().map_err(|error| error.to_string())?;
    let mut ours = Tensors::new();
    state::save(&net.init(shape, &mut Init::blank(&device)), "", &mut ours);
    let way = Direction::default();
    let mut unused: BTreeSet<&String> = source.tensors.keys().filter(|name| !is_idle(source.tensors, name)).collect();
    let mut tensors = Tensors::new();
    for (name, needed) in ours {
        let Some(theirs) = theirs(&name) else { return Err(format!("`{name}` has no name in that layout")) };
        let Some(held) = source.tensors.get(&theirs) else { return Err(format!("it holds no tensor `{theirs}`")) };
        if held.shape() != needed.shape() {
            let [held, needed] = [held, &needed].map(|data| data.shape().to_vec());
            return Err(format!("`{theirs}` has shape {held:?}, this network needs {needed:?}"));
        }
        unused.remove(&theirs);
        tensors.insert(format!("{way}.{name}"), held.clone());
    }
    if let Some(name) = unused.first() {
        return Err(format!("it also holds `{name}`, which that layout has not"));
    }
    let method = method::of_translator(&net, shape).map_or("", |entry| entry.name);
    let card = Card {
        gannet: env!("CARGO_PKG_VERSION").to_owned(),
        shape,
        config: config(source, method, &net)?,
        net,
        ways: vec![way],
        images_seen: 0,
        data: source.describe(),
    };
    Translator::of_tensors(card, &tensors).map(Model::Translator)
}

/// Whether the tensor `name` says nothing: how many batches were seen, and what old files of instance norm remember.
fn is_idle(tensors: &Tensors, name: &str) -> bool {
    let Some((norm, part)) = name.rsplit_once('.') else { return false };
    let is_average = ["running_mean", "running_var"].contains(&part);
    part == "num_batches_tracked" || (is_average && !tensors.contains_key(&format!("{norm}.weight")))
}

/// What the modules of step `i` of a U-Net have before their number.
fn step(i: usize) -> String {
    match i {
        0 => "model.model".to_owned(),
        _ => format!("model.model.1{}.model", ".model.3".repeat(i - 1)),
    }
}

/// The place of a tensor of ours: "up.3.norm.batch.weight" is ("up", 3, "norm", "weight").
fn place(name: &str) -> Option<(&str, usize, &str, &str)> {
    let mut parts = name.split('.');
    let (list, number, layer) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    Some((list, number, layer, parts.next_back()?))
}

fn name_in_unet(name: &str, n_steps: usize) -> Option<String> {
    let (list, i, layer, kind) = place(name)?;
    let is_innermost = i + 1 == n_steps;
    let number = match (list, layer) {
        ("down", "conv") => usize::from(i > 0),
        ("down", _) => 2,
        (_, "conv") if i == 0 || is_innermost => 3,
        (_, "conv") => 5,
        _ if is_innermost => 4,
        _ => 6,
    };
    Some(format!("{}.{number}.{kind}", step(i)))
}

fn name_in_resnet(name: &str, n_blocks: usize, second: usize) -> Option<String> {
    let (first, kind) = (name.split('.').next()?, name.rsplit('.').next()?);
    let after = usize::from(name.contains(".norm."));
    let number = match first {
        "first" => 1 + after,
        "last" => 17 + n_blocks,
        _ => match place(name)? {
            ("down", i, ..) => 4 + 3 * i + after,
            ("up", i, ..) => 10 + n_blocks + 3 * i + after,
            (_, i, layer, _) => {
                let number = if layer == "first" { 1 } else { second } + after;
                return Some(format!("model.{}.conv_block.{number}.{kind}", 10 + i));
            }
        },
    };
    Some(format!("model.{number}.{kind}"))
}
