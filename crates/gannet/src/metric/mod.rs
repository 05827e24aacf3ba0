//! What can be measured on samples: functions of points, labels, features or pixels, never of a model.
//!
//! A figure means something only together with its protocol (how many samples, judged by what), so every report says
//! it, and figures of different protocols are not compared. Sums and distances are taken in f64. Whatever is drawn comes
//! from a seed, and no figure depends on the number of threads.

pub mod features;
pub mod interval;
mod median;
pub mod moments;
pub mod frechet;
pub mod kernel;
pub mod inception_score;
pub mod precision_recall;
pub mod density_coverage;
pub mod neighbours;
pub mod laplacian;
pub mod sliced_wasserstein;
pub mod psnr;
pub mod ssim;
pub mod ms_ssim;
pub mod perceptual;
pub mod path_length;
pub mod modes;
pub mod obedience;

mod products;

pub use features::Features;
pub use interval::Interval;
pub use median::median;
