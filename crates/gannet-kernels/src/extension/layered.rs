//! Fully connected layers as one operation, with as many parents as these have tensors.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Shape, Tensor, TensorData};

use super::{primitive, sides};
use crate::perceptron::{Layer, Outputs, Pass, Perceptron};
use crate::{Path, Precision, buffer};

type Tracked = Autodiff<Flex>;

/// Layers, and weights of all of them, up to which they are passed at once. More weights leave the second-level cache.
const MOST_LAYERS: usize = 7;
const MOST_WEIGHTS: usize = 1 << 18;

/// A pass through layers: what it is given, and what is left of it.
#[derive(Clone, Debug)]
struct Record {
    x: FlexTensor,
    /// Weight and bias of each layer, and the slope behind it.
    layers: Vec<(FlexTensor, FlexTensor, f32)>,
    rates: Option<FlexTensor>,
    signs: Option<Arc<Outputs>>,
    outputs: Arc<Outputs>,
}

/// As [`crate::layered`] says, with the outputs of all layers.
pub(crate) fn layered(
    x: &Tensor<2>,
    layers: &[(Tensor<2>, Tensor<1>, f32)],
    piece: Option<(&Arc<Outputs>, Option<&Tensor<1>>)>,
) -> Option<(Tensor<2>, Arc<Outputs>)> {
    let n_weights: usize = layers.iter().map(|(weight, ..)| weight.shape().num_elements()).sum();
    if !(1..=MOST_LAYERS).contains(&layers.len()) || n_weights > MOST_WEIGHTS {
        return None;
    }
    let (rates, signs) = match piece {
        Some((record, rates)) => (rates.map(untracked), Some(Arc::clone(record))),
        None => (Some(FlexTensor::from_data(TensorData::new(vec![1.0f32; x.dims()[0]], [x.dims()[0]]))), None),
    };
    let Ok(tracked) = x.clone().try_into_primitive::<Tracked>() else {
        let layers = layers.iter().map(|(weight, bias, slope)| (primitive(weight), primitive(bias), *slope)).collect();
        let (y, record) = Record::new(primitive(x), layers, rates, signs);
        return Some((Tensor::from_primitive::<Flex>(y), record.outputs));
    };
    let (x, guard) = tracked.into_parts();
    let mut guards = vec![guard];
    let mut own = vec![];
    for (weight, bias, slope) in layers {
        let (weight, of_weight) = weight.clone().try_into_primitive::<Tracked>().ok()?.into_parts();
        let (bias, of_bias) = bias.clone().try_into_primitive::<Tracked>().ok()?.into_parts();
        guards.extend([of_weight, of_bias]);
        own.push((weight.to_contiguous(), bias.to_contiguous(), *slope));
    }
    let track = match layers.len() {
        1 => track::<3>,
        2 => track::<5>,
        3 => track::<7>,
        4 => track::<9>,
        5 => track::<11>,
        6 => track::<13>,
        MOST_LAYERS => track::<{ 1 + 2 * MOST_LAYERS }>,
        n => unreachable!("{n} layers are not passed at once"),
    };
    let (y, record) = Record::new(x.to_contiguous(), own, rates, signs);
    let outputs = Arc::clone(&record.outputs);
    Some((Tensor::from_primitive::<Tracked>(track(guards, record, y)), outputs))
}

/// `y`, which came out of a pass of tensors with these `N` guards: samples, and each layer's weight and bias.
fn track<const N: usize>(guards: Vec<NodeGuard>, record: Record, y: FlexTensor) -> FloatTensor<Tracked> {
    let Ok(guards) = <[NodeGuard; N]>::try_from(guards) else { unreachable!("a layer has two tensors") };
    match Layered.prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(Arc::new(record), y),
        OpsKind::UnTracked(_) => FloatTensor::<Tracked>::new(y),
    }
}

#[derive(Debug)]
struct Layered;

impl<const N: usize> Backward<Flex, N> for Layered {
    type State = Arc<Record>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let record = ops.state;
        let grad = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [x, of_layers] = [&ops.parents[..1], &ops.parents[1..]].map(|parents| parents.iter().any(Option::is_some));
        let (x, layers) = record.gradients(&grad, [x, of_layers]);
        let all = std::iter::once(x).chain(layers.into_iter().flatten());
        for (node, gradient) in ops.parents.into_iter().zip(all) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, gradient);
            }
        }
    }
}

impl Record {
    fn new(
        x: FlexTensor,
        layers: Vec<(FlexTensor, FlexTensor, f32)>,
        rates: Option<FlexTensor>,
        signs: Option<Arc<Outputs>>,
    ) -> (FlexTensor, Self) {
        let mut record = Self { x, layers, rates, signs, outputs: Arc::default() };
        let n_out = record.layers.last().map_or(0, |(_, bias, _)| values(bias).len());
        let [n, _] = sides(&record.x);
        let mut outputs = Outputs::default();
        let pass = |y: &mut [f32]| record.pass(|layers, pass| outputs = layers.forward(n, pass, y));
        // SAFETY: every value is written, and none is read.
        let y = unsafe { buffer::written(n * n_out, pass) };
        record.outputs = Arc::new(outputs);
        (FlexTensor::from_data(TensorData::new(y, [n, n_out])), record)
    }

    /// Of the samples, and of weight and bias of each layer, as far as they are `wanted`.
    fn gradients(&self, dy: &FlexTensor, wanted: [bool; 2]) -> (FlexTensor, Vec<[FlexTensor; 2]>) {
        let [n, n_in] = sides(&self.x);
        self.pass(|layers, pass| {
            let gradients = layers.backward(n, pass, &self.outputs, values(dy), wanted);
            let tensor = |values: Vec<f32>, shape: Shape| FlexTensor::from_data(TensorData::new(values, shape));
            let of_layers = gradients.layers.into_iter().map(|[weight, bias]| {
                let n_out = bias.len();
                let n_in = weight.len() / n_out;
                [tensor(weight, Shape::new([n_out, n_in])), tensor(bias, Shape::new([n_out]))]
            });
            (tensor(gradients.x, Shape::new([n, n_in])), of_layers.collect())
        })
    }

    fn pass<T>(&self, work: impl FnOnce(&Perceptron<'_>, Pass<'_>) -> T) -> T {
        let layers: Vec<Layer<'_>> = self
            .layers
            .iter()
            .map(|(weight, bias, slope)| Layer { weight: values(weight), bias: values(bias), slope: *slope })
            .collect();
        let pass = Pass { x: values(&self.x), rates: self.rates.as_ref().map(values), signs: self.signs.as_deref() };
        work(&Perceptron::new(Path::best(Precision::F32), &layers), pass)
    }
}

/// The values of a tensor, whether it is tracked or not.
fn untracked(tensor: &Tensor<1>) -> FlexTensor {
    match tensor.clone().try_into_primitive::<Tracked>() {
        Ok(tensor) => tensor.into_primitive().to_contiguous(),
        Err(_) => primitive(tensor),
    }
}

/// Of what is contiguous.
fn values(tensor: &FlexTensor) -> &[f32] {
    let Some(values) = tensor.as_slice::<f32>() else { panic!("kernels are of 32-bit numbers, one after the other") };
    values
}
