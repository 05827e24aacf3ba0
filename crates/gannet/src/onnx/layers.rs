//! Layers as nodes, by the names of their tensors.

use burn::tensor::TensorData;

use super::builder::{Builder, Setting};
use crate::nn::EPSILON;
use crate::nn::state::Tensors;

/// A network in the making, and the tensors it is made of.
pub(super) struct Network<'a> {
    pub(super) onnx: Builder,
    pub(super) tensors: &'a Tensors,
}

/// What a convolution is beside its weights.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) stride: i64,
    pub(super) padding: i64,
    pub(super) groups: i64,
    /// Of a transposed one.
    pub(super) output_padding: i64,
}

pub(super) const SAME_1: Form = Form { stride: 1, padding: 0, groups: 1, output_padding: 0 };
pub(super) const SAME_3: Form = Form { stride: 1, padding: 1, groups: 1, output_padding: 0 };

impl Network<'_> {
    pub(super) fn conv(&mut self, x: &str, name: &str, form: Form) -> Result<String, String> {
        let weight = self.used(name)?;
        let bias = self.bias(name);
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        let Form { stride, padding, groups, .. } = form;
        let settings = [
            Setting::Ints("strides", &[stride; 2]),
            Setting::Ints("pads", &[padding; 4]),
            Setting::Int("group", groups),
        ];
        Ok(self.onnx.node("Conv", &inputs, &settings))
    }

    pub(super) fn conv_transpose(&mut self, x: &str, name: &str, form: Form) -> Result<String, String> {
        let weight = self.used(name)?;
        let bias = self.bias(name);
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        let Form { stride, padding, output_padding, .. } = form;
        let settings = [
            Setting::Ints("strides", &[stride; 2]),
            Setting::Ints("pads", &[padding; 4]),
            Setting::Ints("output_padding", &[output_padding; 2]),
        ];
        Ok(self.onnx.node("ConvTranspose", &inputs, &settings))
    }

    pub(super) fn linear(&mut self, x: &str, name: &str) -> Result<String, String> {
        let weight = self.used(name)?;
        let bias = self.bias(name);
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        Ok(self.onnx.node("Gemm", &inputs, &[Setting::Int("transB", 1)]))
    }

    /// By running statistics; without weights of its own, as it is.
    pub(super) fn batch_norm(&mut self, x: &str, name: &str) -> Result<String, String> {
        let n_channels = self.tensor(&format!("{name}.running_mean"))?.num_elements();
        let mut part = |part: &str, default: f32| {
            let name = format!("{name}.{part}");
            let plain = TensorData::new(vec![default; n_channels], [n_channels]);
            self.onnx.weight(&name, self.tensors.get(&name).unwrap_or(&plain))
        };
        let [scale, shift] = [part("weight", 1.0), part("bias", 0.0)];
        let [mean, variance] = [part("running_mean", 0.0), part("running_var", 1.0)];
        let inputs = [x, &scale, &shift, &mean, &variance];
        Ok(self.onnx.node("BatchNormalization", &inputs, &[Setting::Float("epsilon", EPSILON)]))
    }

    /// Each of `n_channels` planes by itself.
    pub(super) fn instance_norm(&mut self, x: &str, n_channels: usize) -> String {
        let [ones, zeros] = [1f32, 0.0].map(|value| self.onnx.floats(&vec![value; n_channels]));
        self.onnx.node("InstanceNormalization", &[x, &ones, &zeros], &[Setting::Float("epsilon", EPSILON)])
    }

    /// Goes on behind the edges as in a mirror, over `n` pixels.
    pub(super) fn reflect(&mut self, x: &str, n: i64) -> String {
        let pads = self.onnx.numbers(&[0, 0, n, n, 0, 0, n, n]);
        self.onnx.node("Pad", &[x, &pads], &[Setting::Text("mode", "reflect")])
    }

    pub(super) fn leaky(&mut self, x: &str, slope: f32) -> String {
        self.onnx.node("LeakyRelu", &[x], &[Setting::Float("alpha", slope)])
    }

    /// The channels of `a`, and behind them those of `b`.
    pub(super) fn beside(&mut self, a: &str, b: &str) -> String {
        self.onnx.node("Concat", &[a, b], &[Setting::Int("axis", 1)])
    }

    /// 0 keeps a side.
    pub(super) fn reshape(&mut self, x: &str, sides: &[usize]) -> String {
        let sides: Vec<i64> = sides.iter().map(|side| *side as i64).collect();
        let sides = self.onnx.numbers(&sides);
        self.onnx.node("Reshape", &[x, &sides], &[])
    }

    pub(super) fn narrow(&mut self, x: &str, axis: i64, [first, end]: [usize; 2]) -> String {
        let [first, end, axis] = [first as i64, end as i64, axis].map(|value| self.onnx.numbers(&[value]));
        self.onnx.node("Slice", &[x, &first, &end, &axis], &[])
    }

    pub(super) fn nearest(&mut self, x: &str, size: [usize; 2]) -> String {
        let large = self.twice(x);
        self.crop(&large, size)
    }

    /// Each pixel repeated, cropped to the size of `other`.
    pub(super) fn nearest_like(&mut self, x: &str, other: &str) -> String {
        let large = self.twice(x);
        let shape = self.onnx.node("Shape", &[other], &[Setting::Int("start", 2)]);
        let [zeros, axes] = [[0, 0], [2, 3]].map(|values| self.onnx.numbers(&values));
        self.onnx.node("Slice", &[&large, &zeros, &shape, &axes], &[])
    }

    fn twice(&mut self, x: &str) -> String {
        let scales = self.onnx.floats(&[1.0, 1.0, 2.0, 2.0]);
        let settings = [
            Setting::Text("mode", "nearest"),
            Setting::Text("coordinate_transformation_mode", "asymmetric"),
            Setting::Text("nearest_mode", "floor"),
        ];
        self.onnx.node("Resize", &[x, "", &scales], &settings)
    }

    pub(super) fn crop(&mut self, x: &str, [height, width]: [usize; 2]) -> String {
        let rows = self.narrow(x, 2, [0, height]);
        self.narrow(&rows, 3, [0, width])
    }

    fn bias(&mut self, name: &str) -> Option<String> {
        let name = format!("{name}.bias");
        self.tensors.get(&name).map(|data| self.onnx.weight(&name, data))
    }

    /// The weight of a layer as it is used: spectrally normalized where the layer keeps a singular vector.
    fn used(&mut self, name: &str) -> Result<String, String> {
        let weight = self.tensor(&format!("{name}.weight"))?;
        let data = match self.tensors.get(&format!("{name}.scale")) {
            None => weight.clone(),
            Some(left) => divided(weight, left),
        };
        Ok(self.onnx.weight(&format!("{name}.weight"), &data))
    }

    pub(super) fn tensor(&self, name: &str) -> Result<&TensorData, String> {
        self.tensors.get(name).ok_or_else(|| format!("it holds no tensor `{name}`"))
    }

    pub(super) fn shape4(&self, name: &str) -> Result<[usize; 4], String> {
        let shape = self.tensor(name)?.shape();
        shape.as_slice().try_into().map_err(|_| format!("`{name}` has {} dimensions", shape.num_dims()))
    }

    pub(super) fn count(&self, prefix: &str, suffix: &str) -> usize {
        (0..).take_while(|i| self.tensors.contains_key(&format!("{prefix}{i}{suffix}"))).count()
    }
}

/// A weight over uᵀWv, where u is the kept vector and v the unit vector along Wᵀu (Miyato et al. 2018, algorithm 1).
fn divided(weight: &TensorData, left: &TensorData) -> TensorData {
    let values: Vec<f64> = weight.iter::<f64>().collect();
    let left: Vec<f64> = left.iter::<f64>().collect();
    let n_columns = values.len() / left.len();
    let length = |vector: &[f64]| vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut right = vec![0.0; n_columns];
    for (row, u) in values.chunks_exact(n_columns).zip(&left) {
        right.iter_mut().zip(row).for_each(|(sum, value)| *sum += u * value);
    }
    // uᵀWv for the unit vector v along Wᵀu is the length of Wᵀu.
    let largest = length(&right) / length(&left);
    let values: Vec<f32> = values.iter().map(|value| (value / largest) as f32).collect();
    TensorData::new(values, weight.shape().clone())
}
