//! Convolutions as functions: those of `gannet-kernels` or, without the feature `kernels`, Burn's own.

#[cfg(feature = "kernels")]
pub(super) use gannet_kernels::{conv_transpose2d, conv2d};

#[cfg(not(feature = "kernels"))]
pub(super) use plain::{conv_transpose2d, conv2d};

#[cfg(not(feature = "kernels"))]
mod plain {
    use burn::tensor::Tensor;
    use burn::tensor::module;
    use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

    /// `[N, in, H, W]` with weights `[out, in / groups, kernel, kernel]`.
    pub(in super::super) fn conv2d(
        x: Tensor<4>,
        weight: Tensor<4>,
        stride: usize,
        padding: usize,
        groups: usize,
    ) -> Tensor<4> {
        module::conv2d(x, weight, None, ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups))
    }

    /// `[N, in, H, W]` with weights `[in, out, kernel, kernel]`.
    pub(in super::super) fn conv_transpose2d(
        x: Tensor<4>,
        weight: Tensor<4>,
        stride: usize,
        padding: usize,
    ) -> Tensor<4> {
        let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0, 0], [1, 1], 1);
        module::conv_transpose2d(x, weight, None, options)
    }
}
