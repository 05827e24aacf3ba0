//! Generators of every family, from their settings and the names of their tensors.

use burn::tensor::TensorData;

use super::builder::{Builder, Setting, Side};
use super::layers::{Form, Network, SAME_1, SAME_3};
use crate::Generator;
use crate::net::{NetConfig, ResnetRoute, Subject};

pub(super) fn export(generator: &Generator) -> Result<Vec<u8>, String> {
    let card = generator.card();
    let tensors = generator.tensors();
    let mut network = Network { onnx: Builder::default(), tensors: &tensors };
    let subject = card.subject();
    let latents = network.onnx.input("latents", &[Side::Free("batch"), Side::Fixed(card.net.latent())]);
    let condition = (subject.n_condition() > 0)
        .then(|| network.onnx.input("condition", &[Side::Free("batch"), Side::Fixed(subject.n_condition())]));
    let samples = network.forward(&card.net, subject, &latents, condition.as_deref())?;
    let shape = card.shape;
    let sides = [shape.channels, shape.height, shape.width].map(Side::Fixed);
    let sides: Vec<Side> = [Side::Free("batch")].into_iter().chain(sides).collect();
    let metadata = [
        ("gannet:kind", "generator".to_owned()),
        ("gannet:data", card.data.clone()),
        ("gannet:classes", card.class_names().join(", ")),
        ("gannet:condition", format!("{} of a one-hot class, {} codes in [-1, 1]", subject.n_classes, subject.n_codes)),
    ];
    Ok(network.onnx.finish(&samples, "samples", &sides, &metadata))
}

impl Network<'_> {
    fn forward(
        &mut self,
        net: &NetConfig,
        subject: Subject,
        latents: &str,
        condition: Option<&str>,
    ) -> Result<String, String> {
        let shape = subject.shape;
        let beside = |network: &mut Self| match condition {
            Some(condition) => network.beside(latents, condition),
            None => latents.to_owned(),
        };
        match net {
            NetConfig::Mlp(_) => {
                let mut x = beside(self);
                let n_layers = self.count("layers.", ".weight");
                for i in 0..n_layers {
                    x = if i == 0 { x } else { self.leaky(&x, 0.2) };
                    x = self.linear(&x, &format!("layers.{i}"))?;
                }
                let x = self.reshape(&x, &[0, shape.channels, shape.height, shape.width]);
                Ok(if shape.is_point() { x } else { self.onnx.node("Tanh", &[&x], &[]) })
            }
            NetConfig::Dcgan(_) => {
                let x = beside(self);
                let mut x = self.reshape(&x, &[0, net.latent() + subject.n_condition(), 1, 1]);
                for i in 0..self.count("layers.", ".conv.weight") {
                    let (stride, padding) = if i == 0 { (1, 0) } else { (2, 1) };
                    x = self.conv_transpose(&x, &format!("layers.{i}.conv"), Form { stride, padding, ..SAME_1 })?;
                    x = if self.tensors.contains_key(&format!("layers.{i}.norm.weight")) {
                        let x = self.batch_norm(&x, &format!("layers.{i}.norm"))?;
                        self.onnx.node("Relu", &[&x], &[])
                    } else {
                        self.onnx.node("Tanh", &[&x], &[])
                    };
                }
                Ok(x)
            }
            NetConfig::R3gan(config) => {
                let x = beside(self);
                self.r3gan(&x, &config.sizes(shape), config.groups)
            }
            NetConfig::Resnet(config) => self.resnet(latents, condition, &config.route(subject)),
        }
    }

    fn r3gan(&mut self, x: &str, sizes: &[[usize; 2]], groups: usize) -> Result<String, String> {
        let basis = self.tensor("basis")?.clone();
        let [c, h, w]: [usize; 3] = basis.shape().as_slice().try_into().map_err(|_| "its basis is not [C, h, w]")?;
        let shares = self.linear(x, "input")?;
        let shares = self.reshape(&shares, &[0, c, 1, 1]);
        let values: Vec<f32> = basis.iter::<f32>().collect();
        let basis = self.onnx.weight("basis", &TensorData::new(values, [1, c, h, w]));
        let mut x = self.onnx.node("Mul", &[&shares, &basis], &[]);
        for i in 0..sizes.len() {
            for j in 0..self.count(&format!("stages.{i}.blocks."), ".expand.weight") {
                let block = format!("stages.{i}.blocks.{j}");
                let y = self.conv(&x, &format!("{block}.expand"), SAME_1)?;
                let y = self.leaky(&y, 0.2);
                let y = self.conv(&y, &format!("{block}.grouped"), Form { groups: groups as i64, ..SAME_3 })?;
                let y = self.leaky(&y, 0.2);
                let y = self.conv(&y, &format!("{block}.project"), SAME_1)?;
                x = self.onnx.node("Add", &[&x, &y], &[]);
            }
            if let Some(size) = sizes.get(i + 1) {
                let transition = format!("stages.{i}.transition");
                let [n_out, ..] = self.shape4(&format!("{transition}.weight"))?;
                x = self.conv(&x, &transition, SAME_1)?;
                // The filter [1, 3, 3, 1] / 8 in both directions, times 4, for each channel.
                let line = [1f32, 3.0, 3.0, 1.0];
                let filter = line.iter().flat_map(|a| line.map(|b| a * b / 16.0));
                let filters: Vec<f32> = std::iter::repeat_n(filter.collect::<Vec<_>>(), n_out).flatten().collect();
                let filters = self.onnx.weight(&format!("filter.{n_out}"), &TensorData::new(filters, [n_out, 1, 4, 4]));
                let settings = [
                    Setting::Ints("strides", &[2, 2]),
                    Setting::Ints("pads", &[1; 4]),
                    Setting::Int("group", n_out as i64),
                ];
                x = self.onnx.node("ConvTranspose", &[&x, &filters], &settings);
                x = self.crop(&x, *size);
            }
        }
        self.conv(&x, "output", SAME_1)
    }

    fn resnet(&mut self, latents: &str, condition: Option<&str>, route: &ResnetRoute) -> Result<String, String> {
        let shared = match condition {
            Some(condition) if self.tensors.contains_key("embedding.weight") => {
                Some(self.linear(condition, "embedding")?)
            }
            condition => condition.map(str::to_owned),
        };
        let [n_base, n_piece] = route.pieces;
        let base = self.narrow(latents, 1, [0, n_base]);
        let base = self.linear(&base, "base")?;
        let mut x = self.reshape(&base, &[0, route.base[0], route.base[1], route.base[2]]);
        for (i, (size, attends)) in route.blocks.iter().enumerate() {
            let first = n_base + i * n_piece;
            let piece = (n_piece > 0).then(|| self.narrow(latents, 1, [first, first + n_piece]));
            let told = match (piece, &shared) {
                (Some(piece), Some(shared)) => Some(self.beside(&piece, shared)),
                (piece, shared) => piece.or(shared.clone()),
            };
            let block = format!("blocks.{i}");
            let y = self.block_norm(&x, &format!("{block}.norm1"), told.as_deref())?;
            let y = self.nearest(&y, *size);
            let y = self.conv(&y, &format!("{block}.conv1"), SAME_3)?;
            let y = self.block_norm(&y, &format!("{block}.norm2"), told.as_deref())?;
            let y = self.conv(&y, &format!("{block}.conv2"), SAME_3)?;
            let shortcut = self.conv(&x, &format!("{block}.shortcut"), SAME_1)?;
            let shortcut = self.nearest(&shortcut, *size);
            x = self.onnx.node("Add", &[&y, &shortcut], &[]);
            if *attends {
                x = self.attention(&x, *size)?;
            }
        }
        let x = self.batch_norm(&x, "norm")?;
        let x = self.onnx.node("Relu", &[&x], &[]);
        let x = self.conv(&x, "output", SAME_3)?;
        Ok(self.onnx.node("Tanh", &[&x], &[]))
    }

    fn attention(&mut self, x: &str, [height, width]: [usize; 2]) -> Result<String, String> {
        let pixels = |network: &mut Self, name: &str| -> Result<String, String> {
            let maps = network.conv(x, &format!("attention.{name}"), SAME_1)?;
            let [c, ..] = network.shape4(&format!("attention.{name}.weight"))?;
            Ok(network.reshape(&maps, &[0, c, height * width]))
        };
        let [query, key, value] = ["query", "key", "value"].map(|name| pixels(self, name));
        let transpose = [Setting::Ints("perm", &[0, 2, 1])];
        let query = self.onnx.node("Transpose", &[&query?], &transpose);
        let energy = self.onnx.node("MatMul", &[&query, &key?], &[]);
        let shares = self.onnx.node("Softmax", &[&energy], &[Setting::Int("axis", 2)]);
        let shares = self.onnx.node("Transpose", &[&shares], &transpose);
        let gathered = self.onnx.node("MatMul", &[&value?, &shares], &[]);
        let [half, ..] = self.shape4("attention.value.weight")?;
        let gathered = self.reshape(&gathered, &[0, half, height, width]);
        let added = self.conv(&gathered, "attention.output", SAME_1)?;
        let gamma = self.tensor("attention.gamma")?.clone();
        let gamma = self.onnx.weight("attention.gamma", &gamma);
        let added = self.onnx.node("Mul", &[&added, &gamma], &[]);
        Ok(self.onnx.node("Add", &[x, &added], &[]))
    }

    /// Batch norm, which a condition may shift and scale, and ReLU.
    fn block_norm(&mut self, x: &str, name: &str, told: Option<&str>) -> Result<String, String> {
        let y = match told.filter(|_| self.tensors.contains_key(&format!("{name}.gain.weight"))) {
            None => self.batch_norm(x, name)?,
            Some(told) => {
                let y = self.batch_norm(x, name)?;
                let n_channels = self.tensor(&format!("{name}.running_mean"))?.num_elements();
                let map = |network: &mut Self, part: &str| -> Result<String, String> {
                    let y = network.linear(told, &format!("{name}.{part}"))?;
                    Ok(network.reshape(&y, &[0, n_channels, 1, 1]))
                };
                let (gain, shift) = (map(self, "gain")?, map(self, "shift")?);
                let one = self.onnx.floats(&[1.0]);
                let gain = self.onnx.node("Add", &[&gain, &one], &[]);
                let y = self.onnx.node("Mul", &[&y, &gain], &[]);
                self.onnx.node("Add", &[&y, &shift], &[])
            }
        };
        Ok(self.onnx.node("Relu", &[&y], &[]))
    }
}
