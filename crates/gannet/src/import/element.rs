//! The number types of stored tensors, and how a strided view of them becomes values in C order.

use burn::tensor::{TensorData, bf16, f16};

/// The most dimensions a tensor may have.
pub(super) const MAX_RANK: usize = 16;

/// The type of a stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    Bf16,
    F32,
    F64,
    Bool,
    U8,
    I8,
    I16,
    I32,
    I64,
}

/// A part of a storage as a tensor sees it, in elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    /// Where its first element lies.
    pub(super) offset: usize,
    /// Of each dimension.
    pub(super) shape: Vec<usize>,
    /// From one element to the next along each dimension.
    pub(super) stride: Vec<usize>,
}

impl Element {
    /// The type of PyTorch's storage class `name`.
    pub(super) fn of_storage(name: &str) -> Option<Self> {
        Some(match name {
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "BoolStorage" => Self::Bool,
            "ByteStorage" => Self::U8,
            "CharStorage" => Self::I8,
            "ShortStorage" => Self::I16,
            "IntStorage" => Self::I32,
            "LongStorage" => Self::I64,
            _ => return None,
        })
    }

    /// In bytes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// The values that `view` shows of `storage`, little-endian, in C order; [`View::check`] has accepted it.
    pub(super) fn decode(self, storage: &[u8], view: &View) -> TensorData {
        match self {
            Self::F16 => view.gather(storage, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => view.gather(storage, |b| bf16::from_le_bytes(b).to_f32()),
            Self::F32 => view.gather(storage, f32::from_le_bytes),
            Self::F64 => view.gather(storage, |b| f64::from_le_bytes(b) as f32),
            Self::Bool => view.gather(storage, |[b]| i64::from(b != 0)),
            Self::U8 => view.gather(storage, |[b]| i64::from(b)),
            Self::I8 => view.gather(storage, |b| i64::from(i8::from_le_bytes(b))),
            Self::I16 => view.gather(storage, |b| i64::from(i16::from_le_bytes(b))),
            Self::I32 => view.gather(storage, |b| i64::from(i32::from_le_bytes(b))),
            Self::I64 => view.gather(storage, i64::from_le_bytes),
        }
    }
}

impl View {
    /// A whole storage in C order; none where the product of the dimensions is beyond any machine.
    pub(super) fn contiguous(shape: &[usize]) -> Option<Self> {
        let mut stride = vec![1usize; shape.len()];
        for d in (1..shape.len()).rev() {
            stride[d - 1] = stride[d].checked_mul(shape[d])?;
        }
        Some(Self { offset: 0, shape: shape.to_vec(), stride })
    }

    /// How many elements it shows of a storage of `n_stored`, or why it cannot.
    pub(super) fn check(&self, n_stored: usize) -> Result<usize, String> {
        let Self { offset, shape, stride } = self;
        if shape.len() != stride.len() || shape.len() > MAX_RANK {
            return Err(format!(
                "{} dimensions with {} strides, accepted: up to {MAX_RANK}",
                shape.len(),
                stride.len()
            ));
        }
        let n = shape.iter().try_fold(1usize, |n, &side| n.checked_mul(side));
        let last = shape.iter().zip(stride).try_fold(*offset, |last, (&side, &step)| {
            step.checked_mul(side.saturating_sub(1)).and_then(|reach| last.checked_add(reach))
        });
        match (n, last) {
            (Some(0), _) => Ok(0),
            (Some(n), Some(last)) if last < n_stored => Ok(n),
            _ => Err(format!("shape {shape:?} with strides {stride:?} from {offset} exceeds {n_stored} elements")),
        }
    }

    fn gather<const N: usize, T: burn::tensor::Element>(
        &self,
        storage: &[u8],
        value: impl Fn([u8; N]) -> T,
    ) -> TensorData {
        let n: usize = self.shape.iter().product();
        let (elements, _) = storage.as_chunks::<N>();
        let mut values = Vec::with_capacity(n);
        // The last dimension is a run; the others count like the digits of a number.
        let (run, step) = (self.shape.last().copied().unwrap_or(1), self.stride.last().copied().unwrap_or(1));
        let outer = self.shape.len().saturating_sub(1);
        let (mut digits, mut at) = (vec![0; outer], self.offset);
        while values.len() < n {
            values.extend((0..run).map(|i| value(elements[at + i * step])));
            for d in (0..outer).rev() {
                digits[d] += 1;
                at += self.stride[d];
                if digits[d] < self.shape[d] {
                    break;
                }
                at -= digits[d] * self.stride[d];
                digits[d] = 0;
            }
        }
        TensorData::new(values, self.shape.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_read_through_its_strides() {
        // 2x3 stored by columns from the second element on, and a 2x2 whose rows are one.
        let storage: Vec<u8> = (0..7).collect();
        let transposed = View { offset: 1, shape: vec![2, 3], stride: vec![1, 2] };
        assert_eq!(transposed.check(7), Ok(6));
        let values: Vec<i64> = Element::U8.decode(&storage, &transposed).iter::<i64>().collect();
        assert_eq!(values, [1, 3, 5, 2, 4, 6]);
        let expanded = View { offset: 5, shape: vec![2, 2], stride: vec![0, 1] };
        assert_eq!(Element::U8.decode(&storage, &expanded).iter::<i64>().collect::<Vec<_>>(), [5, 6, 5, 6]);
    }

    #[test]
    fn a_view_beyond_its_storage_is_refused() {
        let view =
            |offset, shape: &[usize], stride: &[usize]| View { offset, shape: shape.into(), stride: stride.into() };
        assert!(view(0, &[2, 3], &[3, 1]).check(5).is_err());
        assert!(view(1, &[2, 3], &[3, 1]).check(6).is_err());
        assert!(view(usize::MAX, &[1], &[1]).check(6).is_err());
        assert!(view(0, &[usize::MAX, 2], &[0, 1]).check(6).is_err());
        assert!(view(0, &[2, 2], &[usize::MAX, 1]).check(6).is_err());
        assert!(view(0, &[2], &[]).check(6).is_err());
        assert_eq!(view(9, &[0, 5], &[5, 1]).check(0), Ok(0));
        assert_eq!(view(0, &[], &[]).check(1), Ok(1));
    }
}
