//! The tensors of a safetensors file, of any origin.

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use super::element::{Element, View};
use crate::nn::state::Tensors;

/// Whether `bytes` begin as such a file does: the length of a header, then its opening brace.
pub(super) fn is_like(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

/// Every tensor by its name.
pub(super) fn parse(bytes: &[u8]) -> Result<Tensors, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not a whole safetensors file ({error})"))?;
    let tensors = file.iter().map(|(name, tensor)| {
        let element = element(tensor.dtype()).ok_or_else(|| {
            format!(
                "`{name}` holds {:?}, accepted: F16, BF16, F32, F64, BOOL and integers but U16 to U64",
                tensor.dtype()
            )
        })?;
        let view =
            View::contiguous(tensor.shape()).ok_or_else(|| format!("`{name}` has shape {:?}", tensor.shape()))?;
        view.check(tensor.data().len() / element.size()).map_err(|reason| format!("`{name}`: {reason}"))?;
        Ok((name.to_owned(), element.decode(tensor.data(), &view)))
    });
    tensors.collect()
}

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::BOOL => Element::Bool,
        Dtype::U8 => Element::U8,
        Dtype::I8 => Element::I8,
        Dtype::I16 => Element::I16,
        Dtype::I32 => Element::I32,
        Dtype::I64 => Element::I64,
        _ => return None,
    })
}
