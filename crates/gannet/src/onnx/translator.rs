//! Translators of every family, one way of them.

use super::builder::{Builder, Side};
use super::layers::{Form, Network, SAME_1};
use crate::Translator;
use crate::net::TranslatorConfig;
use crate::nn::activation::SLOPE;

/// A kernel of 4 that halves or doubles.
const STEP_4: Form = Form { stride: 2, padding: 1, ..SAME_1 };
/// A kernel of 3 that halves or, as a transposed one, doubles.
const STEP_3: Form = Form { stride: 2, padding: 1, groups: 1, output_padding: 1 };

/// `translator` the way it goes. Nothing is dropped.
pub(super) fn export(translator: &Translator) -> Result<Vec<u8>, String> {
    let card = translator.card();
    let tensors = translator.tensors();
    let mut network = Network { onnx: Builder::default(), tensors: &tensors };
    let channels = Side::Fixed(card.shape.channels);
    let sides = [Side::Free("batch"), channels, Side::Free("height"), Side::Free("width")];
    let source = network.onnx.input("source", &sides);
    let target = match &card.net {
        TranslatorConfig::Unet(_) => network.unet(&source)?,
        TranslatorConfig::Resnet(_) => network.resnet_generator(&source)?,
    };
    let [multiple, least] = card.net.sides(card.shape);
    let metadata = [
        ("gannet:kind", "translator".to_owned()),
        ("gannet:data", card.data.clone()),
        ("gannet:direction", translator.direction().to_string()),
        ("gannet:sides", format!("multiples of {multiple}, from {least} up")),
    ];
    Ok(network.onnx.finish(&target, "target", &sides, &metadata))
}

impl Network<'_> {
    fn unet(&mut self, source: &str) -> Result<String, String> {
        let n_steps = self.count("down.", ".conv.weight");
        let mut skipped = vec![];
        let mut x = source.to_owned();
        for i in 0..n_steps {
            x = self.conv(&x, &format!("down.{i}.conv"), STEP_4)?;
            if (1..n_steps - 1).contains(&i) {
                x = self.norm(&x, &format!("down.{i}"), 0)?;
            }
            if i + 1 < n_steps {
                x = self.leaky(&x, SLOPE);
                skipped.push(x.clone());
            }
        }
        for i in (0..n_steps).rev() {
            x = self.onnx.node("Relu", &[&x], &[]);
            x = self.conv_transpose(&x, &format!("up.{i}.conv"), STEP_4)?;
            if let Some(skip) = skipped.pop() {
                x = self.norm(&x, &format!("up.{i}"), 1)?;
                x = self.beside(&skip, &x);
            }
        }
        Ok(self.onnx.node("Tanh", &[&x], &[]))
    }

    fn resnet_generator(&mut self, source: &str) -> Result<String, String> {
        let mut x = self.reflect(source, 3);
        x = self.layer(&x, "first", SAME_1)?;
        for i in 0..self.count("down.", ".conv.weight") {
            x = self.layer(&x, &format!("down.{i}"), STEP_3)?;
        }
        for i in 0..self.count("blocks.", ".first.conv.weight") {
            let y = self.reflect(&x, 1);
            let y = self.layer(&y, &format!("blocks.{i}.first"), SAME_1)?;
            let y = self.reflect(&y, 1);
            let y = self.conv(&y, &format!("blocks.{i}.second.conv"), SAME_1)?;
            let y = self.norm(&y, &format!("blocks.{i}.second"), 0)?;
            x = self.onnx.node("Add", &[&x, &y], &[]);
        }
        for i in 0..self.count("up.", ".conv.weight") {
            x = self.conv_transpose(&x, &format!("up.{i}.conv"), STEP_3)?;
            x = self.norm(&x, &format!("up.{i}"), 1)?;
            x = self.onnx.node("Relu", &[&x], &[]);
        }
        let x = self.reflect(&x, 3);
        let x = self.conv(&x, "last", SAME_1)?;
        Ok(self.onnx.node("Tanh", &[&x], &[]))
    }

    /// A convolution, its norm and ReLU.
    fn layer(&mut self, x: &str, name: &str, form: Form) -> Result<String, String> {
        let x = self.conv(x, &format!("{name}.conv"), form)?;
        let x = self.norm(&x, name, 0)?;
        Ok(self.onnx.node("Relu", &[&x], &[]))
    }

    /// Behind the convolution `name`, whose kernel has its outputs along `axis`: batch norm where it has weights, else
    /// instance norm, which has none.
    fn norm(&mut self, x: &str, name: &str, axis: usize) -> Result<String, String> {
        let batch = format!("{name}.norm.batch");
        if self.tensors.contains_key(&format!("{batch}.weight")) {
            return self.batch_norm(x, &batch);
        }
        let n_channels = self.shape4(&format!("{name}.conv.weight"))?[axis];
        Ok(self.instance_norm(x, n_channels))
    }
}
