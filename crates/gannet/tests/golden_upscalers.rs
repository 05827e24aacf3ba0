//! Networks that enlarge images against PyTorch's: outputs, gradients of the input and of every weight, from
//! `reference/upscalers.py`.
//!
//! Errors are relative to the largest magnitude of the tensor compared; none may exceed 1e-4 in f32.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{assert_close, golden, strip, tensor};
use gannet::net::upscaler::{RrdbConfig, SrresnetConfig, SrvggConfig, Strips, Upscaler, UpscalerConfig};
use gannet::nn::Init;
use gannet::nn::state::{self, Tensors};
use gannet::random::Purpose;
use gannet::train::player::gradients;
use gannet_kernels::keeps_apart;

const TOLERANCE: f32 = 1e-4;

/// Each with how far a pixel sees: a pixel for every 3x3 convolution of small images, four for a 9x9 one, and what those of
/// large images come to, rounded up at every doubling.
fn networks() -> [(&'static str, UpscalerConfig, usize); 5] {
    let rrdb = |scale, blocks, skip| {
        UpscalerConfig::Rrdb(RrdbConfig { channels: 3, scale, width: 6, growth: 3, blocks, skip })
    };
    [
        ("rrdb4", rrdb(4, 2, false), 34),
        ("rrdb2", rrdb(2, 1, false), 39),
        ("skip", rrdb(2, 1, true), 39),
        ("srvgg", UpscalerConfig::Srvgg(SrvggConfig { channels: 3, scale: 3, width: 5, layers: 2 }), 4),
        ("srresnet", UpscalerConfig::Srresnet(SrresnetConfig { channels: 3, scale: 4, width: 4, blocks: 2 }), 12),
    ]
}

fn load(config: &UpscalerConfig, from: &Tensors, device: &Device) -> Upscaler {
    let network = config.init(&mut Init::new(0, Purpose::GeneratorWeights, device));
    state::load(network, "", &strip(from, "state")).unwrap()
}

#[test]
fn upscalers_and_their_gradients_equal_pytorch() {
    let device = Device::default().autodiff();
    let golden = golden("upscalers");
    for (name, config, _) in networks() {
        let from = strip(&golden, name);
        let network = load(&config, &from, &device);
        let weigh = |output: Tensor<4>| (output * tensor(&from, "loss_weights", &device)).sum();
        let input = tensor::<4>(&from, "input", &device).require_grad();
        let output = network.clone().forward(input.clone());
        assert_close(&format!("{name}.output"), &output.to_data(), &from["output"], TOLERANCE);
        let grads = weigh(output).backward();
        let of_input = input.grad(&grads).unwrap().to_data();
        assert_close(&format!("{name}.grad.input"), &of_input, &from["grad.input"], TOLERANCE);
        // A graph is walked once, so the weights' gradients take a pass of their own.
        let input = tensor::<4>(&from, "input", &device);
        let ours = gradients(&network, weigh(network.forward(input)));
        for (weight, theirs) in strip(&from, "grad").into_iter().filter(|(weight, _)| weight != "input") {
            // A bias in front of batch norm moves nothing: its gradient is what rounding leaves.
            let is_idle =
                name == "srresnet" && weight.ends_with("bias") && weight.contains("conv") && !weight.contains("up");
            if !is_idle {
                assert_close(&format!("{name}.grad.{weight}"), &ours[&weight].to_data(), &theirs, TOLERANCE);
            }
        }
        if let Some(expected) = from.get("output_eval") {
            let input = tensor::<4>(&from, "input", &device).without_autodiff();
            assert_close("output_eval", &network.valid().forward(input).to_data(), expected, TOLERANCE);
        }
    }
}

#[test]
fn a_network_is_known_by_its_tensors() {
    let golden = golden("upscalers");
    for (name, config, reach) in networks() {
        let from = strip(&golden, name);
        assert_eq!(UpscalerConfig::of(&strip(&from, "state")), Some(config.clone()), "{name}");
        let network = load(&config, &from, &Device::default());
        assert_eq!(network.graph().reach(false), reach, "{name}");
    }
    assert_eq!(UpscalerConfig::of(&strip(&golden, "nothing")), None);
}

#[test]
fn strips_of_any_height_equal_the_whole_picture_bit_for_bit() {
    let golden = golden("upscalers");
    let device = Device::default();
    let mut rng = gannet::random::stream(3, Purpose::Synthetic, 0);
    let golden = networks().map(|(name, config, _)| (name, load(&config, &strip(&golden, name), &device)));
    // As many channels as convolutions of lines want, and as many as those of lines in halves.
    let wide = |name, width, growth| {
        let config = RrdbConfig { channels: 3, scale: 2, width, growth, blocks: 1, skip: true };
        (name, UpscalerConfig::Rrdb(config).init(&mut Init::new(0, Purpose::GeneratorWeights, &device)))
    };
    let all = golden.into_iter().chain([wide("lines", 24, 16), wide("halves", 32, 32)]);
    for ((name, network), by_lines) in all.flat_map(|of| [(of.clone(), false), (of, true)]) {
        let graph = network.graph();
        let size @ [height, width] = [74, 22];
        let values = gannet::random::normal(&mut rng, 2 * 3 * height * width);
        let picture = Tensor::<4>::from_data(burn::tensor::TensorData::new(values, [2, 3, height, width]), &device);
        let in_strips = |rows: usize| {
            let mut strips = Strips::new(&graph, height, by_lines);
            let mut parts: Vec<Tensor<4>> = (0..height)
                .step_by(rows)
                .filter_map(|first| strips.push(picture.clone().narrow(2, first, rows.min(height - first))))
                .collect();
            while !strips.is_done() {
                parts.extend(strips.flush());
            }
            Tensor::cat(parts, 2).into_data()
        };
        let bits = |data: burn::tensor::TensorData| data.iter::<f32>().map(f32::to_bits).collect::<Vec<_>>();
        let whole = in_strips(height);
        assert_close(name, &whole, &network.forward(picture.clone()).into_data(), TOLERANCE);
        let mut costs = vec![];
        for rows in [2, 6, 16, 38, height] {
            let strips = in_strips(rows);
            assert_close(name, &strips, &whole, TOLERANCE);
            // Burn's own convolutions round by the size of what they are given.
            let is_same = !keeps_apart(&device) || bits(strips) == bits(whole.clone());
            assert!(is_same, "{name} in strips of {rows} rows, lines: {by_lines}");
            costs.push(Strips::cost(&graph, size, rows, by_lines));
        }
        assert!(costs[0].passing < costs[4].passing / 8, "{name}: {costs:?}");
        assert_eq!(costs[4].kept, 0, "{name}: a whole picture leaves nothing behind");
    }
}
