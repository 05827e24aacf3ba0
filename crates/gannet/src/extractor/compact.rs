//! Weights in 8 bits: a quarter of the size, for extractors that are built in.
//!
//! Each row of a matrix or kernel, what makes one output, becomes whole numbers from -127 to 127 and a scale, its largest
//! value over 127. Vectors stay as they are.

use burn::tensor::{DType, TensorData};

use crate::nn::state::Tensors;

/// What the scales of a tensor's rows are called, after its name.
const SCALES: &str = ".scales";

/// `tensors` with matrices and kernels in 8 bits.
pub(super) fn pack(tensors: &Tensors) -> Tensors {
    let mut packed = Tensors::new();
    for (name, data) in tensors {
        let shape = data.shape().to_vec();
        if shape.len() < 2 || data.dtype() != DType::F32 {
            packed.insert(name.clone(), data.clone());
            continue;
        }
        let values: Vec<f32> = data.iter::<f32>().collect();
        let rows = values.chunks_exact(values.len() / shape[0]);
        let scales: Vec<f32> =
            rows.clone().map(|row| row.iter().fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs())) / 127.0).collect();
        let whole = rows.zip(&scales).flat_map(|(row, scale)| row.iter().map(move |v| (v / scale).round() as i8));
        packed.insert(format!("{name}{SCALES}"), TensorData::new(scales.clone(), [scales.len()]));
        packed.insert(name.clone(), TensorData::new(whole.collect::<Vec<i8>>(), shape));
    }
    packed
}

/// The weights that `tensors` stand for, packed or not.
pub(super) fn unpack(mut tensors: Tensors) -> Result<Tensors, String> {
    let packed: Vec<String> =
        tensors.iter().filter(|(_, data)| data.dtype() == DType::I8).map(|(name, _)| name.clone()).collect();
    for name in packed {
        let missing = || format!("`{name}` lacks its scales");
        let scales: Vec<f32> = tensors.remove(&format!("{name}{SCALES}")).ok_or_else(missing)?.iter::<f32>().collect();
        let Some(data) = tensors.get_mut(&name) else { continue };
        let shape = data.shape().to_vec();
        if shape.first() != Some(&scales.len()) {
            return Err(missing());
        }
        let whole: Vec<i8> = data.iter::<i8>().collect();
        let rows = whole.chunks((whole.len() / scales.len().max(1)).max(1)).zip(&scales);
        let values: Vec<f32> = rows.flat_map(|(row, scale)| row.iter().map(move |v| f32::from(*v) * scale)).collect();
        *data = TensorData::new(values, shape);
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_moves_a_weight_by_at_most_half_a_step_of_its_row() {
        let values = vec![0.5f32, -1.27, 0.004, 127.0, 63.7, -0.2];
        let vector = TensorData::new(vec![0.123f32], [1]);
        let tensors =
            Tensors::from([("w".into(), TensorData::new(values.clone(), [2, 3])), ("b".into(), vector.clone())]);
        let packed = pack(&tensors);
        assert_eq!(packed["w"].dtype(), DType::I8);
        let back = unpack(packed).unwrap();
        assert_eq!((back.len(), &back["b"]), (2, &vector));
        for (i, (a, b)) in back["w"].iter::<f32>().zip(&values).enumerate() {
            let step = [0.01, 1.0][i / 3];
            assert!((a - b).abs() <= 0.501 * step, "{a} for {b}");
        }
    }

    #[test]
    fn packed_tensors_without_scales_are_refused() {
        let tensors = Tensors::from([("w".into(), TensorData::new(vec![1i8, 2], [1, 2]))]);
        assert!(unpack(tensors).unwrap_err().contains("`w` lacks its scales"));
    }
}
