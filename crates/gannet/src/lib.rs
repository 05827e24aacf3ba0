//! gannet trains, runs and explains generative adversarial networks.
//!
//! Two networks compete: a generator makes fakes, a critic (or discriminator) tells them from real samples. Read the
//! library in this order: [`loss`] says what each player wants, [`penalty`] what tames the critic, [`net`] what they are
//! made of, [`augment`] what they look through, [`degrade`] what pictures to be restored have been through, [`method`] in which order they move, [`train`] how the game is run, [`data`] what it is played on, [`mod@run`] what it leaves behind, [`import`] and [`extractor`] which trained networks it is
//! judged with.
//!
//! Using a trained generator takes one line:
//!
//! ```no_run
//! # fn main() -> gannet::Result<()> {
//! let pictures = gannet::Generator::load("runs/00000-fashion-mnist-dcgan")?.sample(&[0, 1, 2])?;
//! # Ok(())
//! # }
//! ```
//!
//! Training one takes a few:
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::atomic::AtomicBool;
//!
//! use gannet::train::session::Session;
//!
//! # fn main() -> gannet::Result<()> {
//! let mut settings = toml::Table::new();
//! gannet::run::assign(&mut settings, "method.name=dcgan")?;
//! gannet::run::assign(&mut settings, "train.kimg=20")?;
//! let session = Session::prepare(&settings)?;
//! let run = session.create(Path::new("runs"))?;
//! session.train(&run, &mut [], &AtomicBool::new(false))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! Each names a device: `flex` (default, the CPU in pure Rust), `wgpu`, `vulkan`, `libtorch`, `cuda`. `kernels` (default) has
//! the CPU use the kernels of `gannet-kernels` in the place of Burn's.

pub mod loss;
pub mod penalty;
pub mod nn;
pub mod net;
pub mod augment;
pub mod degrade;
pub mod method;
pub mod train;
pub mod metric;
pub mod data;
pub mod image;
pub mod import;
pub mod run;
pub mod extractor;
pub mod evaluate;
pub mod sweep;
pub mod bench;
pub mod upscale;
pub mod convert;
pub mod onnx;
pub mod generator;
pub mod translator;
pub mod inpainter;
pub mod playground;
pub mod device;
pub mod random;

mod error;

pub use error::{Error, Result};
pub use generator::{Card, Generator};
pub use inpainter::Inpainter;
pub use translator::Translator;
