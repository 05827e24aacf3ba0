//! Weights that both sides compute instead of carrying them: those of `reference/formula.py`.

use burn::tensor::{Tensor, TensorData};

/// Values in [-1, 1).
fn uniform(name: &str, n: usize) -> impl Iterator<Item = f64> {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100000001B3);
    let start = name.bytes().fold(0xCBF29CE484222325, fnv);
    (1..=n as u64).map(move |i| {
        let mut z = i.wrapping_mul(0x9E3779B97F4A7C15).wrapping_add(start);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D049BB133111EB);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

/// The tensor called `name`.
pub(crate) fn tensor(name: &str, shape: &[usize]) -> TensorData {
    let fan_in: usize = shape[1..].iter().product();
    let value = |u: f64| match shape.len() {
        _ if name == "input" => u,
        4 => u * (6.0 / fan_in as f64).sqrt(),
        2 => u * (3.0 / fan_in as f64).sqrt(),
        _ if name.ends_with("running_var") => 1.0 + u / 2.0,
        _ if name.ends_with("weight") => 1.0 + u / 4.0,
        _ => u / 4.0,
    };
    let values: Vec<f32> = uniform(name, shape.iter().product()).map(|u| value(u) as f32).collect();
    TensorData::new(values, shape.to_vec())
}

/// 48 values spread over `x`, its mean and its mean square.
pub(crate) fn summary(x: &Tensor<4>) -> TensorData {
    let values: Vec<f32> = x.to_data().iter::<f32>().collect();
    let mean =
        |value: fn(f64) -> f64| (values.iter().map(|v| value(f64::from(*v))).sum::<f64>() / values.len() as f64) as f32;
    let mut some: Vec<f32> = values.iter().step_by((values.len() / 48).max(1)).take(48).copied().collect();
    some.extend([mean(|v| v), mean(|v| v * v)]);
    TensorData::new(some, [50])
}
