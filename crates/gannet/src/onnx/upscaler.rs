//! Networks that enlarge, node by node of their graph.

use burn::tensor::TensorData;

use super::builder::{Builder, Setting, Side};
use crate::net::upscaler::Op;
use crate::nn::EPSILON;
use crate::nn::activation::SLOPE;
use crate::nn::state::{self, Tensors};
use crate::upscale::Upscaler;

pub(super) fn export(upscaler: &Upscaler) -> Result<Vec<u8>, String> {
    let names = state::names(upscaler.network());
    let mut tensors = Tensors::new();
    state::save(upscaler.network(), "", &mut tensors);
    let net = &upscaler.card().net;
    let sides =
        |height, width| [Side::Free("batch"), Side::Fixed(net.channels()), Side::Free(height), Side::Free(width)];
    let mut onnx = Builder::default();
    let mut made: Vec<String> = vec![];
    for node in &upscaler.graph().nodes {
        let inputs: Vec<String> = node.inputs.iter().map(|input| made[*input].clone()).collect();
        let x = inputs.first().map_or("", String::as_str);
        let weight = |onnx: &mut Builder, id| match names.get(&id).and_then(|name| tensors.get_key_value(name)) {
            Some((name, data)) => Ok(onnx.weight(name, data)),
            None => Err("a weight has no name".to_owned()),
        };
        made.push(match &node.op {
            Op::Input => onnx.input("image", &sides("height", "width")),
            Op::Conv(layer) => {
                let kernel = weight(&mut onnx, layer.weight.id)?;
                let bias = layer.bias.as_ref().map(|bias| weight(&mut onnx, bias.id)).transpose()?;
                let padding = (layer.weight.dims()[2] / 2) as i64;
                let inputs: Vec<&str> = [x, &kernel].into_iter().chain(bias.as_deref()).collect();
                onnx.node("Conv", &inputs, &[Setting::Ints("pads", &[padding; 4])])
            }
            Op::Norm(layer) => {
                let [scale, shift] = [&layer.weight, &layer.bias].map(|affine| weight(&mut onnx, affine.id));
                let (scale, shift) = (scale?, shift?);
                let prefix = scale.trim_end_matches("weight").to_owned();
                let moments = [&layer.running_mean, &layer.running_var].map(|buffer| buffer.value().into_data());
                let mean = onnx.weight(&format!("{prefix}running_mean"), &moments[0]);
                let variance = onnx.weight(&format!("{prefix}running_var"), &moments[1]);
                let inputs = [x, &scale, &shift, &mean, &variance];
                onnx.node("BatchNormalization", &inputs, &[Setting::Float("epsilon", EPSILON)])
            }
            Op::Prelu(layer) => {
                let name = names.get(&layer.weight.id).ok_or("a weight has no name")?;
                // A slope for each channel: it is spread over the pixels behind it.
                let slopes: Vec<f32> = layer.weight.val().into_data().iter::<f32>().collect();
                let n_slopes = slopes.len();
                let slopes = onnx.weight(name, &TensorData::new(slopes, [n_slopes, 1, 1]));
                onnx.node("PRelu", &[x, &slopes], &[])
            }
            Op::Leaky => onnx.node("LeakyRelu", &[x], &[Setting::Float("alpha", SLOPE)]),
            Op::Sum(share) => {
                let share = onnx.floats(&[*share]);
                let part = onnx.node("Mul", &[x, &share], &[]);
                onnx.node("Add", &[&part, &inputs[1]], &[])
            }
            Op::Cat => {
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                onnx.node("Concat", &inputs, &[Setting::Int("axis", 1)])
            }
            Op::Nearest(factor) => {
                let scales = onnx.floats(&[1.0, 1.0, *factor as f32, *factor as f32]);
                let settings = [
                    Setting::Text("mode", "nearest"),
                    Setting::Text("coordinate_transformation_mode", "asymmetric"),
                    Setting::Text("nearest_mode", "floor"),
                ];
                onnx.node("Resize", &[x, "", &scales], &settings)
            }
            Op::Shuffle(factor) => {
                let settings = [Setting::Int("blocksize", *factor as i64), Setting::Text("mode", "CRD")];
                onnx.node("DepthToSpace", &[x], &settings)
            }
            Op::Unshuffle(factor) => unshuffle(&mut onnx, x, node.channels, *factor),
        });
    }
    let scale = net.scale();
    let [black, white] = net.range();
    let metadata = [
        ("gannet:kind", "upscaler".to_owned()),
        ("gannet:scale", scale.to_string()),
        ("gannet:range", format!("black is {black}, white is {white}")),
        ("gannet:sides", format!("multiples of {}", net.multiple())),
        ("gannet:source", upscaler.card().source.clone()),
    ];
    let output = made.last().map_or("", String::as_str);
    Ok(onnx.finish(output, "enlarged", &sides("enlarged_height", "enlarged_width"), &metadata))
}

/// Blocks of pixels to channels in PyTorch's order, which no operator of ONNX has: as a convolution that picks them.
fn unshuffle(onnx: &mut Builder, x: &str, n_out: usize, factor: usize) -> String {
    let taps = factor * factor;
    let n_in = n_out / taps;
    let mut picks = vec![0f32; n_out * n_in * taps];
    for out in 0..n_out {
        let (channel, tap) = (out / taps, out % taps);
        picks[(out * n_in + channel) * taps + tap] = 1.0;
    }
    let picks = onnx.weight("unshuffle", &TensorData::new(picks, [n_out, n_in, factor, factor]));
    onnx.node("Conv", &[x, &picks], &[Setting::Ints("strides", &[factor as i64; 2])])
}
