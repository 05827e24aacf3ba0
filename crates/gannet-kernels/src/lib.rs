//! Convolutions for processors: forward, input gradient and weight gradient, as one product of packed matrices each.
//!
//! Reading order: [`Convolution`] says what is computed; `planes` lays images out so that every tap of the kernel reads
//! contiguous memory; `path` holds the register block for each instruction set; `product` multiplies; `convolution` puts
//! these together three times. `extension` offers the result to Burn's tensors, with Burn's own convolutions on every
//! device but the CPU.
//!
//! Results depend on the instruction set, never on the number of threads: every sum is taken in one order.

mod geometry;
mod path;
mod planes;
mod product;

mod convolution;
mod extension;

pub use convolution::{forward, input_gradient, weight_gradient};
pub use extension::{ConvolutionOps, conv_transpose2d, conv2d};

pub use geometry::{Axis, Convolution};
pub use path::{Path, peak_gflops};
