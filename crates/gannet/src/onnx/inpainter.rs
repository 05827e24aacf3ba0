//! Networks that fill holes.

use super::builder::{Builder, Side};
use super::layers::{Form, Network, SAME_3};
use crate::Inpainter;
use crate::nn::activation::SLOPE;

/// The first convolution, whose kernel is 5.
const FIRST: Form = Form { padding: 2, ..SAME_3 };
const HALVING: Form = Form { stride: 2, ..SAME_3 };

pub(super) fn export(inpainter: &Inpainter) -> Result<Vec<u8>, String> {
    let card = inpainter.card();
    let tensors = inpainter.tensors();
    let mut network = Network { onnx: Builder::default(), tensors: &tensors };
    let sides = |channels| [Side::Free("batch"), Side::Fixed(channels), Side::Free("height"), Side::Free("width")];
    let picture = network.onnx.input("picture", &sides(card.shape.channels));
    let holes = network.onnx.input("holes", &sides(1));
    let filling = network.gated_generator(&picture, &holes)?;
    let metadata = [("gannet:kind", "inpainter".to_owned()), ("gannet:data", card.data.clone())];
    Ok(network.onnx.finish(&filling, "filling", &sides(card.shape.channels), &metadata))
}

impl Network<'_> {
    fn gated_generator(&mut self, picture: &str, holes: &str) -> Result<String, String> {
        let one = self.onnx.floats(&[1.0]);
        let known = self.onnx.node("Sub", &[&one, holes], &[]);
        let known = self.onnx.node("Mul", &[picture, &known], &[]);
        let mut x = self.beside(&known, holes);
        let mut across = vec![];
        for i in 0..self.count("inwards.", ".conv.weight") {
            x = self.gated(&x, &format!("inwards.{i}"), if i == 0 { FIRST } else { HALVING })?;
            across.push(x.clone());
        }
        across.pop();
        for i in 0..self.count("middle.", ".conv.weight") {
            x = self.gated(&x, &format!("middle.{i}"), SAME_3)?;
        }
        for i in 0..self.count("back.", ".conv.weight") {
            let Some(skip) = across.pop() else { break };
            x = self.nearest_like(&x, &skip);
            let both = self.beside(&x, &skip);
            x = self.gated(&both, &format!("back.{i}"), SAME_3)?;
        }
        let x = self.conv(&x, "last", SAME_3)?;
        Ok(self.onnx.node("Tanh", &[&x], &[]))
    }

    /// A convolution whose every value is held back by a gate of its own.
    fn gated(&mut self, x: &str, name: &str, form: Form) -> Result<String, String> {
        let n_out = self.shape4(&format!("{name}.conv.weight"))?[0] / 2;
        let both = self.conv(x, &format!("{name}.conv"), form)?;
        let features = self.narrow(&both, 1, [0, n_out]);
        let features = self.leaky(&features, SLOPE);
        let gates = self.narrow(&both, 1, [n_out, 2 * n_out]);
        let gates = self.onnx.node("Sigmoid", &[&gates], &[]);
        Ok(self.onnx.node("Mul", &[&features, &gates], &[]))
    }
}
