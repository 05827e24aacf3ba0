//! What can be measured on samples: functions of points, labels or features, never of a model.
//!
//! A figure means something only together with its protocol (how many samples, judged by what), so every report says
//! it, and figures of different protocols are not compared. Sums are taken in f64.

pub mod modes;
pub mod obedience;
