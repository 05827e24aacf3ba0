//! What a step of the optimizer takes.

/// The constants of a step of Adam (Kingma and Ba 2015, algorithm 1), or of RMSProp with `beta_1` 0 and corrections 1.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// What the moments are divided by, 1 - betaᵗ.
    pub corrections: [f32; 2],
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Step size.
    pub learning_rate: f32,
}
