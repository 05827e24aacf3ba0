//! What the doctor knows of a run: a row of figures for each stretch of it.

/// The figures, in the order in which checkpoints hold them. The first seven are means over the stretch's steps
/// (see [`Stats`](crate::train::event::Stats)), the next one is the rhythm of the last steps' losses, the others come from a look
/// at samples (`look`).
pub const FIGURES: [&str; N_FIGURES] = [
    "loss_generator",
    "loss_critic",
    "score_gap",
    "accuracy_real",
    "accuracy_fake",
    "gradient_norm_generator",
    "gradient_norm_critic",
    "rhythm",
    "spread",
    "reached",
    "stray",
    "motion",
    "distance",
    "copying",
    "accuracy_held_out",
    "overfit",
    "leak",
];

const N_FIGURES: usize = 17;

/// How many of [`FIGURES`] come from steps.
pub(super) const N_OF_STEPS: usize = 7;

/// The figures of one stretch; those that a method or a look does not offer are absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Real images seen at its end.
    pub images: u64,
    values: [f64; N_FIGURES],
}

impl Check {
    /// No figures yet.
    pub fn new(images: u64) -> Self {
        Self { images, values: [f64::NAN; N_FIGURES] }
    }

    /// The figure called `name`, which is one of [`FIGURES`].
    pub fn get(&self, name: &str) -> Option<f64> {
        let value = self.values[FIGURES.iter().position(|figure| *figure == name)?];
        (!value.is_nan()).then_some(value)
    }

    /// Notes a figure; names that are not in [`FIGURES`] are let pass.
    pub fn set(&mut self, name: &str, value: f64) {
        if let Some(at) = FIGURES.iter().position(|figure| *figure == name) {
            self.values[at] = value;
        }
    }

    /// One object: images, then the figures that are there.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::json!({"images": self.images, "kimg": self.images as f64 / 1000.0});
        for name in FIGURES {
            if let Some(value) = self.get(name) {
                object[name] = value.into();
            }
        }
        object
    }

    /// What [`to_json`](Self::to_json) wrote, or a line of `stats.jsonl`.
    pub fn from_json(object: &serde_json::Value) -> Option<Self> {
        let mut check = Self::new(object.get("images")?.as_u64()?);
        for name in FIGURES {
            if let Some(value) = object.get(name).and_then(serde_json::Value::as_f64) {
                check.set(name, value);
            }
        }
        Some(check)
    }

    /// The images, then the bits of all values: exact, in whole numbers.
    pub(super) fn to_bits(&self) -> Vec<i64> {
        let values = self.values.iter().map(|value| value.to_bits().cast_signed());
        std::iter::once(self.images.cast_signed()).chain(values).collect()
    }

    /// Rows of what [`to_bits`](Self::to_bits) gave.
    pub(super) fn all_from_bits(bits: &[i64]) -> Vec<Self> {
        let check = |row: &[i64]| Self {
            images: row[0].cast_unsigned(),
            values: std::array::from_fn(|i| f64::from_bits(row[1 + i].cast_unsigned())),
        };
        bits.chunks_exact(1 + N_FIGURES).map(check).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_survives_bits_and_json() {
        let mut check = Check::new(4000);
        check.set("spread", 0.1 + 0.2);
        check.set("leak", -1.0 / 3.0);
        check.set("another figure", 1.0);
        assert_eq!(Check::all_from_bits(&check.to_bits())[0].to_bits(), check.to_bits());
        let read = Check::from_json(&check.to_json()).unwrap();
        assert_eq!((read.get("spread"), read.get("reached")), (Some(0.1 + 0.2), None));
    }
}
