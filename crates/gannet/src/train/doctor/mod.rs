//! The doctor: names failures of a training while they happen, proposes a change, and can go back to where all was well.
//!
//! Read `rules` for the failures and their signatures, `look` and `leak` for what is measured on samples, `patient` for how a
//! signature becomes a finding, `watch` for when, `heal` for rollbacks and `report` for what a finished run tells.

mod figures;
mod rules;
mod patient;
mod rhythm;
mod look;
mod leak;
mod advice;
mod watch;
pub mod heal;
pub mod report;

pub use advice::advice;
pub use figures::{Check, FIGURES};
pub(super) use look::Look;
pub use patient::{Finding, Patient, State};
pub use rules::{Bound, Condition, Kind, RULES, Rule};
pub use watch::Rollback;
pub(super) use watch::Watch;

use crate::nn::state::Tensors;

/// Where a training begins or goes on.
pub(super) struct Progress<'a> {
    /// Images seen so far.
    pub(super) images_seen: u64,
    /// All that the checkpoint holds.
    pub(super) saved: &'a Tensors,
    /// Whether a failure ends the training.
    pub(super) ends_training: bool,
}
