//! What the loader hands to a training step.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::Sample;
use crate::error::{Error, Result};
use crate::image::Shape;

/// Named tensors: "real" `[N, C, H, W]`, `f32` in [-1, 1]; "label" `[N]`, `i64`, where the data has classes. Of two sides
/// "source" and "target" in the place of "real", and "pair" `[N]`, `i64`, the numbers of the pairs, where they are paired.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    tensors: BTreeMap<&'static str, TensorData>,
    n: usize,
}

impl Batch {
    /// Stacks `samples`, each of `shape`. There are labels if every sample has one.
    pub fn new(samples: &[Sample], shape: Shape) -> Self {
        let n = samples.len();
        let mut values = Vec::with_capacity(n * shape.n_values());
        samples.iter().for_each(|sample| values.extend_from_slice(&sample.values));
        let real = TensorData::new(values, [n, shape.channels, shape.height, shape.width]);
        let mut tensors = BTreeMap::from([("real", real)]);
        let labels: Option<Vec<i64>> = samples.iter().map(|sample| sample.label.map(i64::from)).collect();
        if let Some(labels) = labels {
            tensors.insert("label", TensorData::new(labels, [n]));
        }
        Self { tensors, n }
    }

    /// Stacks sources and targets, each of `shape`; `pairs` are the numbers of the pairs, where they are paired.
    pub fn of_sides(both: &[[Vec<f32>; 2]], pairs: Option<Vec<i64>>, shape: Shape) -> Self {
        let n = both.len();
        let mut tensors = BTreeMap::new();
        for (side, name) in ["source", "target"].into_iter().enumerate() {
            let values: Vec<f32> = both.iter().flat_map(|both| &both[side]).copied().collect();
            tensors.insert(name, TensorData::new(values, [n, shape.channels, shape.height, shape.width]));
        }
        if let Some(pairs) = pairs {
            tensors.insert("pair", TensorData::new(pairs, [n]));
        }
        Self { tensors, n }
    }

    /// How many samples the batch holds.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Result<&TensorData> {
        let known = self.tensors.keys().copied();
        self.tensors.get(name).ok_or_else(|| Error::unknown("batch tensor", name, known))
    }

    /// The images called `name`, on `device`: `[N, C, H, W]`, in [-1, 1].
    pub fn images(&self, name: &str, device: &Device) -> Result<Tensor<4>> {
        Ok(Tensor::from_data(self.get(name)?.clone(), device))
    }

    /// The class of every sample as a row of zeros and a one, on `device`: `[N, n_classes]`.
    pub fn classes(&self, n_classes: usize, device: &Device) -> Result<Tensor<2>> {
        let mut values = vec![0.0f32; self.n * n_classes];
        for (row, label) in values.chunks_mut(n_classes).zip(self.get("label")?.iter::<i64>()) {
            row[label as usize] = 1.0;
        }
        Ok(Tensor::from_data(TensorData::new(values, [self.n, n_classes]), device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { channels: 3, height: 1, width: 2 };

    fn sample(start: f32, label: Option<u32>) -> Sample {
        Sample { values: (0..6).map(|i| start + i as f32).collect(), label }
    }

    #[test]
    fn samples_are_stacked_in_order() {
        let batch = Batch::new(&[sample(0.0, Some(4)), sample(10.0, Some(2))], SHAPE);
        let device = Device::default();
        let real = batch.images("real", &device).unwrap();
        assert_eq!((batch.n(), real.dims()), (2, [2, 3, 1, 2]));
        assert_eq!(batch.get("label").unwrap(), &TensorData::new(vec![4i64, 2], [2]));
        let classes = batch.classes(5, &device).unwrap().into_data();
        assert_eq!(classes.iter::<f32>().collect::<Vec<_>>(), [0., 0., 0., 0., 1., 0., 0., 1., 0., 0.]);
        let expected: Vec<f32> = [0., 1., 2., 3., 4., 5., 10., 11., 12., 13., 14., 15.].into();
        assert_eq!(batch.get("real").unwrap(), &TensorData::new(expected, [2, 3, 1, 2]));
    }

    #[test]
    fn a_tensor_that_is_not_there_is_named() {
        let batch = Batch::new(&[sample(0.0, None)], SHAPE);
        assert!(batch.get("label").unwrap_err().to_string().contains("`label`"));
    }
}
