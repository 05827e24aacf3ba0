//! What a network that enlarges will be, computed from its settings alone, and what is wrong with these.

use super::{RrdbConfig, SrresnetConfig, SrvggConfig, UpscalerConfig};
use crate::image::Shape;
use crate::net::{LayerPlan, MAX_SIZE, NetworkPlan, out_of_range};

/// More blocks or layers than this are taken for a typing error.
const MAX_BLOCKS: usize = 256;

impl UpscalerConfig {
    /// What keeps these settings from making images of `shape`; empty when nothing does.
    pub fn problems(&self, shape: Shape) -> Vec<String> {
        let (width, n_blocks, growth, scales) = match self {
            Self::Rrdb(net) => (net.width, ("blocks", net.blocks), Some(net.growth), [1, 2, 4].as_slice()),
            Self::Srvgg(net) => (net.width, ("layers", net.layers), None, [1, 2, 3, 4].as_slice()),
            Self::Srresnet(net) => (net.width, ("blocks", net.blocks), None, [1, 2, 4, 8].as_slice()),
        };
        let mut problems: Vec<String> = out_of_range("width", width, MAX_SIZE).into_iter().collect();
        problems.extend(growth.and_then(|growth| out_of_range("growth", growth, MAX_SIZE)));
        problems.extend(out_of_range(n_blocks.0, n_blocks.1, MAX_BLOCKS));
        let (channels, scale) = (self.channels(), self.scale());
        if channels != shape.channels || !matches!(channels, 1 | 3) {
            problems.push(format!(
                "method.net.channels is {channels} and data.channels {}, accepted: 1 for both, or 3",
                shape.channels
            ));
        }
        if !scales.contains(&scale) {
            let accepted = scales.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            problems.push(format!("method.net.scale is {scale}, accepted by {}: {accepted}", self.family()));
            return problems;
        }
        let multiple = scale * self.multiple();
        if [shape.height, shape.width].iter().any(|side| side % multiple != 0) {
            let Shape { height, width, .. } = shape;
            problems.push(format!(
                "data.size is {width}x{height}, accepted for an enlargement by {scale}: multiples of {multiple}"
            ));
        }
        problems
    }

    /// The layers of a network that makes images of `shape`.
    pub fn plan(&self, shape: Shape) -> NetworkPlan {
        let small = [shape.height, shape.width].map(|side| side / self.scale().max(1));
        let layers = match self {
            Self::Rrdb(net) => rrdb(net, small),
            Self::Srvgg(net) => srvgg(net, small),
            Self::Srresnet(net) => srresnet(net, small),
        };
        NetworkPlan { role: "generator", layers }
    }
}

/// A convolution of stride 1 with `n_others` weights beside its kernels and its bias.
fn conv(name: &str, kernel: usize, [n_in, n_out]: [usize; 2], size: [usize; 2], n_others: usize) -> LayerPlan {
    LayerPlan {
        name: format!("conv {kernel}x{kernel}{name}"),
        output: [n_out, size[0], size[1]],
        n_parameters: kernel * kernel * n_in * n_out + n_out + n_others,
    }
}

fn rrdb(net: &RrdbConfig, small: [usize; 2]) -> Vec<LayerPlan> {
    let RrdbConfig { channels, width, growth, blocks, .. } = *net;
    let folding = net.folding();
    let size = small.map(|side| side / folding);
    let mut layers = vec![conv("", 3, [channels * folding * folding, width], size, 0)];
    for _ in 0..3 * blocks {
        layers.extend((0..4).map(|i| conv("", 3, [width + i * growth, growth], size, 0)));
        layers.push(conv("", 3, [width + 4 * growth, width], size, 0));
    }
    layers.push(conv("", 3, [width; 2], size, 0));
    layers.extend([2, 4].map(|factor| conv(" x2", 3, [width; 2], size.map(|side| side * factor), 0)));
    let large = size.map(|side| side * 4);
    layers.push(conv("", 3, [width; 2], large, 0));
    layers.push(conv("", 3, [width, channels], large, 0));
    if net.skip {
        let n_out = channels * net.scale * net.scale;
        // It has no bias.
        let around = conv(" around", 5, [channels, n_out], small, 0);
        layers.push(LayerPlan { n_parameters: around.n_parameters - n_out, ..around });
    }
    layers
}

fn srvgg(net: &SrvggConfig, size: [usize; 2]) -> Vec<LayerPlan> {
    let SrvggConfig { channels, scale, width, layers: n_layers } = *net;
    let mut layers = vec![conv(", prelu", 3, [channels, width], size, width)];
    layers.extend((0..n_layers).map(|_| conv(", prelu", 3, [width; 2], size, width)));
    layers.push(conv("", 3, [width, channels * scale * scale], size, 0));
    layers
}

fn srresnet(net: &SrresnetConfig, size: [usize; 2]) -> Vec<LayerPlan> {
    let SrresnetConfig { channels, scale, width, blocks } = *net;
    let mut layers = vec![conv(", prelu", 9, [channels, width], size, width)];
    for _ in 0..blocks {
        layers.push(conv(", batch norm, prelu", 3, [width; 2], size, 3 * width));
        layers.push(conv(", batch norm", 3, [width; 2], size, 2 * width));
    }
    layers.push(conv(", batch norm", 3, [width; 2], size, 2 * width));
    let mut size = size;
    for _ in 0..scale.max(1).ilog2() {
        // Its channels become pixels, which have the slopes.
        layers.push(conv(" x2, prelu", 3, [width, 4 * width], size, width));
        size = size.map(|side| side * 2);
    }
    layers.push(conv("", 9, [width, channels], size, 0));
    layers
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Device;

    use super::*;
    use crate::nn::Init;
    use crate::random::Purpose;

    const SHAPE: Shape = Shape { channels: 3, height: 16, width: 24 };

    fn networks() -> Vec<UpscalerConfig> {
        let rrdb = |scale| {
            UpscalerConfig::Rrdb(RrdbConfig { channels: 3, scale, width: 6, growth: 3, blocks: 2, skip: false })
        };
        let srresnet = |scale| UpscalerConfig::Srresnet(SrresnetConfig { channels: 3, scale, width: 4, blocks: 2 });
        let srvgg = UpscalerConfig::Srvgg(SrvggConfig { channels: 3, scale: 2, width: 5, layers: 2 });
        let around =
            |scale| UpscalerConfig::Rrdb(RrdbConfig { channels: 3, scale, width: 6, growth: 3, blocks: 1, skip: true });
        vec![rrdb(1), rrdb(2), rrdb(4), around(2), srvgg, srresnet(2), srresnet(4)]
    }

    #[test]
    fn plans_count_what_networks_hold_and_end_in_the_shape_asked_for() {
        for config in networks() {
            assert!(config.problems(SHAPE).is_empty(), "{config:?}");
            let plan = config.plan(SHAPE);
            let network = config.init(&mut Init::new(0, Purpose::GeneratorWeights, &Device::default()));
            // Running statistics are counted by Burn and are not trained.
            let n_running = match &config {
                UpscalerConfig::Srresnet(net) => 2 * net.width * (2 * net.blocks + 1),
                _ => 0,
            };
            assert_eq!(plan.n_parameters() as usize, network.num_params() - n_running, "{config:?}");
            let folded = matches!(config, UpscalerConfig::Srvgg(_));
            let around = matches!(config, UpscalerConfig::Rrdb(RrdbConfig { skip: true, .. }));
            assert!(folded || around || plan.layers.last().unwrap().output == [3, 16, 24], "{config:?}");
        }
    }

    #[test]
    fn other_channels_scales_and_sizes_are_refused() {
        let problem = |config: UpscalerConfig, shape| config.problems(shape).join("; ");
        let rrdb = |scale| UpscalerConfig::Rrdb(RrdbConfig { scale, ..RrdbConfig::default() });
        assert_eq!(problem(rrdb(3), SHAPE), "method.net.scale is 3, accepted by rrdb: 1, 2, 4");
        let odd = Shape { height: 18, ..SHAPE };
        assert_eq!(problem(rrdb(2), odd), "data.size is 24x18, accepted for an enlargement by 2: multiples of 4");
        let grey = Shape { channels: 1, ..SHAPE };
        assert!(problem(rrdb(4), grey).contains("method.net.channels is 3 and data.channels 1"));
    }
}
