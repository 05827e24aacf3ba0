//! Networks of ncnn, recognised layer by layer: what each does, and whose outputs it takes, must be what a network here
//! does in the same order.

use std::collections::HashMap;
use std::path::Path;

use burn::module::ParamId;

use crate::import::Weights;
use crate::import::ncnn::{self, Layer, Ncnn};
use crate::net::upscaler::{Graph, Op, RrdbConfig, SrvggConfig, Upscaler, UpscalerConfig};
use crate::nn::Init;
use crate::nn::activation::SLOPE;
use crate::nn::state::{self, Tensors};
use crate::{Error, Result, device};

/// The tensors of the network at `path` under the names they have here.
pub(super) fn named(path: &Path) -> Result<Weights> {
    let network = ncnn::read(path)?;
    let device = device::open_default()?;
    let steps = steps(&network).map_err(|reason| Error::file(path, reason))?;
    let mut reasons = vec![];
    for config in candidates(&network) {
        let candidate = config.init(&mut Init::blank(&device));
        match tensors(&steps, &candidate) {
            Ok(tensors) => return Ok(Weights { tensors, under: vec![], sha256: network.sha256 }),
            Err(reason) => reasons.push(format!("no {}: {reason}", config.family())),
        }
    }
    if reasons.is_empty() {
        reasons.push("its convolutions are those of neither".to_owned());
    }
    let n_layers = network.layers.len();
    Err(Error::file(
        path,
        format!("{n_layers} layers of no known network, accepted: rrdb, srvgg; {}", reasons.join("; ")),
    ))
}

/// What the sizes of its convolutions would fit.
fn candidates(network: &Ncnn) -> Vec<UpscalerConfig> {
    let shape = |layer: &Layer| -> Option<[usize; 4]> { layer.weight.as_ref()?.shape().as_slice().try_into().ok() };
    let convs: Vec<[usize; 4]> = network.layers.iter().filter_map(shape).collect();
    let ([[width, channels, ..], [growth, ..], ..], Some([n_last, ..])) = (&convs[..], convs.last()) else {
        return vec![];
    };
    let (channels, width) = (*channels, *width);
    let mut found = vec![];
    // 15 convolutions in a block, 6 outside.
    if convs.len() > 6 && (convs.len() - 6).is_multiple_of(15) && n_last == &channels {
        let blocks = (convs.len() - 6) / 15;
        found.push(UpscalerConfig::Rrdb(RrdbConfig {
            channels,
            scale: 4,
            width,
            growth: *growth,
            blocks,
            skip: false,
        }));
    }
    let scale = (n_last / channels.max(1)).isqrt();
    if scale > 0 {
        found.push(UpscalerConfig::Srvgg(SrvggConfig { channels, scale, width, layers: convs.len() - 2 }));
    }
    found
}

/// One operation as ncnn has it.
struct Step<'a> {
    kind: Kind,
    /// Steps whose outputs it takes; of a sum with the shares, in order of the steps.
    inputs: Vec<usize>,
    layer: &'a Layer,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Input,
    Conv,
    Prelu,
    Leaky,
    /// Shares of the inputs.
    Sum(Vec<f32>),
    Cat,
    Nearest(usize),
    Shuffle(usize),
}

/// The layers as steps: what only passes a blob on is left out, what does two things is two.
fn steps(network: &Ncnn) -> Result<Vec<Step<'_>>, String> {
    let mut steps: Vec<Step> = vec![];
    let mut made_by: HashMap<&str, usize> = HashMap::new();
    for layer in &network.layers {
        let unknown = |what: String| format!("layer `{}`, {}: {what}", layer.name, layer.kind);
        let inputs = layer.inputs.iter().map(|blob| {
            made_by.get(blob.as_str()).copied().ok_or_else(|| unknown(format!("nothing makes its input `{blob}`")))
        });
        let mut inputs = inputs.collect::<Result<Vec<usize>, String>>()?;
        let set = |key: i64, default: f64| layer.setting(key, default);
        let leaky = |slope: f64| {
            let is_ours = (slope as f32 - SLOPE).abs() < 1e-6;
            is_ours.then_some(Kind::Leaky).ok_or_else(|| unknown(format!("a slope of {slope}, accepted: {SLOPE}")))
        };
        let mut behind = None;
        let kind = match layer.kind.as_str() {
            "Split" => {
                let from = *inputs.first().ok_or_else(|| unknown("no input".to_owned()))?;
                made_by.extend(layer.outputs.iter().map(|blob| (blob.as_str(), from)));
                continue;
            }
            "Input" => Kind::Input,
            "Convolution" => {
                let kernel = set(1, 0.0);
                let is_same = [(11, kernel), (2, 1.0), (3, 1.0), (5, 1.0)].iter().all(|(key, value)| {
                    // Kernel height, dilation and stride, a bias.
                    (set(*key, *value) - value).abs() < 0.5
                }) && (2.0 * set(4, 0.0) + 1.0 - kernel).abs() < 0.5
                    && layer.bias.is_some();
                if !is_same {
                    return Err(unknown("accepted: a bias, a stride of 1, zeros that keep the size".to_owned()));
                }
                match set(9, 0.0) as i64 {
                    0 => {}
                    2 => behind = Some(leaky(set(10, 0.0))?),
                    other => return Err(unknown(format!("activation {other}, accepted: 0 or 2 (leaky ReLU)"))),
                }
                Kind::Conv
            }
            "PReLU" => Kind::Prelu,
            "ReLU" => leaky(set(0, 0.0))?,
            "Concat" if set(0, 0.0) == 0.0 => Kind::Cat,
            "BinaryOp" if set(0, 0.0) == 0.0 => Kind::Sum(vec![1.0; 2]),
            "Eltwise" if set(0, 0.0) == 1.0 => {
                let shares = layer.settings.get(&1).map(|shares| shares.iter().map(|share| *share as f32).collect());
                Kind::Sum(shares.unwrap_or_else(|| vec![1.0; inputs.len()]))
            }
            "Interp" if set(0, 0.0) == 1.0 && set(1, 1.0) == set(2, 1.0) && set(1, 1.0).fract() == 0.0 => {
                Kind::Nearest(set(1, 1.0) as usize)
            }
            "PixelShuffle" if set(1, 0.0) == 0.0 => Kind::Shuffle(set(0, 1.0) as usize),
            _ => return Err(unknown(format!("settings {:?}, which no network here has", layer.settings))),
        };
        let kind = match kind {
            // Sums do not care for the order of what they add.
            Kind::Sum(shares) if shares.len() == inputs.len() => {
                let mut terms: Vec<(usize, f32)> = inputs.iter().copied().zip(shares).collect();
                terms.sort_by_key(|(input, _)| *input);
                inputs = terms.iter().map(|(input, _)| *input).collect();
                Kind::Sum(terms.into_iter().map(|(_, share)| share).collect())
            }
            kind => kind,
        };
        steps.push(Step { kind, inputs, layer });
        if let Some(kind) = behind {
            steps.push(Step { kind, inputs: vec![steps.len() - 1], layer });
        }
        made_by.extend(layer.outputs.iter().map(|blob| (blob.as_str(), steps.len() - 1)));
    }
    Ok(steps)
}

/// The weights of `steps` under the names of `candidate`, or where the two part.
fn tensors(steps: &[Step], candidate: &Upscaler) -> Result<Tensors, String> {
    let graph: Graph = candidate.graph();
    let names = state::names(candidate);
    let mut tensors = Tensors::new();
    for (step, node) in steps.iter().zip(&graph.nodes) {
        let mut inputs = node.inputs.clone();
        let kind = match &node.op {
            Op::Input => Kind::Input,
            Op::Conv(_) => Kind::Conv,
            Op::Prelu(_) => Kind::Prelu,
            Op::Leaky => Kind::Leaky,
            Op::Sum(share) => {
                let mut shares = vec![*share, 1.0];
                if inputs[0] > inputs[1] {
                    inputs.reverse();
                    shares.reverse();
                }
                Kind::Sum(shares)
            }
            Op::Cat => Kind::Cat,
            Op::Nearest(factor) => Kind::Nearest(*factor),
            Op::Shuffle(factor) => Kind::Shuffle(*factor),
            Op::Norm(_) | Op::Unshuffle(_) => return Err("it has layers that ncnn's files are not read for".to_owned()),
        };
        if step.kind != kind || step.inputs != inputs {
            return Err(format!(
                "layer `{}` is {:?} of {:?}, not {kind:?} of {inputs:?}",
                step.layer.name, step.kind, step.inputs
            ));
        }
        let parts: &[(&ParamId, &Option<_>)] = match &node.op {
            Op::Conv(conv) => {
                let bias = conv.bias.as_ref().ok_or("it has a convolution without bias")?;
                &[(&conv.weight.id, &step.layer.weight), (&bias.id, &step.layer.bias)]
            }
            Op::Prelu(prelu) => &[(&prelu.weight.id, &step.layer.weight)],
            _ => &[],
        };
        for (id, data) in parts {
            if let (Some(name), Some(data)) = (names.get(id), data) {
                tensors.insert(name.clone(), data.clone());
            }
        }
    }
    if steps.len() != graph.nodes.len() {
        return Err(format!("{} operations, it has {}", steps.len(), graph.nodes.len()));
    }
    Ok(tensors)
}
