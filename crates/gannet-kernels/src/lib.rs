//! What training a network costs most, for processors: convolutions with their gradients, each as one product of packed
//! matrices, and what else can be done in one pass over memory.
//!
//! Reading order: [`Convolution`] says what is computed; `planes` lays images out so that every tap of the kernel reads
//! contiguous memory; `path` holds the register block for each instruction set; `product` multiplies; `correlation` and
//! `convolution` put these together three times; `tiles` does the same with 9 products for 16 where kernels are twice their
//! stride; `winograd` halves the products of 3x3, `lines` does so for rows that come in strips; `packs` keeps weights that
//! were packed. `dense` multiplies matrices as they are, `perceptron` passes small layers all at once. `pointwise` holds
//! the single passes. `threads` shares all this work. `extension` makes all of them operations of Burn's CPU backend, and
//! `tensors` offers these as functions that fall back to Burn's own operations on other devices.
//!
//! Results depend on the instruction set, never on the number of threads: every sum is taken in one order.
//!
//! Without the feature `kernels` only the functions of tensors are left, made of Burn's operations.

#[cfg(feature = "kernels")]
mod geometry;

#[cfg(feature = "kernels")]
mod buffer;
#[cfg(feature = "kernels")]
mod cell;
#[cfg(feature = "kernels")]
mod path;
#[cfg(feature = "kernels")]
mod threads;
#[cfg(feature = "kernels")]
mod planes;
#[cfg(feature = "kernels")]
mod product;

#[cfg(feature = "kernels")]
mod correlation;
#[cfg(feature = "kernels")]
mod convolution;
#[cfg(feature = "kernels")]
mod tiles;
#[cfg(feature = "kernels")]
mod dense;
#[cfg(feature = "kernels")]
mod perceptron;
#[cfg(feature = "kernels")]
mod packs;
#[cfg(feature = "kernels")]
mod winograd;
#[cfg(feature = "kernels")]
mod extension;
#[cfg(feature = "mimalloc")]
mod memory;
mod lines;
mod precision;
mod step;
#[cfg(feature = "kernels")]
mod pointwise;
mod tensors;

#[cfg(feature = "kernels")]
pub use convolution::{forward, input_gradient, weight_gradient};
#[cfg(feature = "kernels")]
pub use extension::{KernelOps, convolution_flops};
#[cfg(feature = "kernels")]
pub use geometry::{Axis, Convolution};
pub use lines::{Line, LineForm, Plus, PreparedRows, Then, conv2d_lines, takes_lines};
#[cfg(feature = "mimalloc")]
pub use memory::{keep_freed_memory, take_small_pages};
#[cfg(feature = "kernels")]
pub use path::{Path, peak_gflops};
pub use precision::Precision;
pub use step::AdamStep;
pub use tensors::{
    Passed, RUN, TOGETHER, adam, affine, batch_norm, batch_norm_by, blend, conv_transpose1d, conv_transpose2d, conv1d,
    conv2d, conv2d_padded, keeping_weights, keeping_weights_of_columns, keeps_apart, layered, leaky_relu,
    leaky_relu_tangent, linear, linear_back, norm, tanh,
};
#[cfg(feature = "kernels")]
pub use winograd::forward_by_rows;
