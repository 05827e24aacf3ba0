//! Whether a conditional generator makes what it was asked for.
//!
//! The share of samples that a classifier of real data puts into the class that was asked for. Ravuri and Vinyals 2019
//! ("Classification accuracy score") turn it round and train on samples; this is the direct question.

use std::fmt;

use serde::Serialize;

/// Shares of samples whose predicted class is the one asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Obedience {
    /// Over all samples, in [0, 1].
    pub overall: f64,
    /// For each class, in [0, 1]; 0 where no sample was asked for.
    pub by_class: Vec<f64>,
}

/// Compares `asked` with `predicted`, class by class, each below `n_classes`.
pub fn obedience(asked: &[usize], predicted: &[usize], n_classes: usize) -> Obedience {
    assert_eq!(asked.len(), predicted.len(), "one prediction for each sample");
    let (mut n_asked, mut n_right) = (vec![0u64; n_classes], vec![0u64; n_classes]);
    for (&asked, &predicted) in asked.iter().zip(predicted) {
        n_asked[asked] += 1;
        n_right[asked] += u64::from(asked == predicted);
    }
    let share = |right: u64, of: u64| right as f64 / of.max(1) as f64;
    Obedience {
        overall: share(n_right.iter().sum(), n_asked.iter().sum()),
        by_class: n_right.iter().zip(&n_asked).map(|(&right, &of)| share(right, of)).collect(),
    }
}

/// `91.2 % as asked; by class 97.0 88.1 ...`.
impl fmt::Display for Obedience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} % as asked; by class", 100.0 * self.overall)?;
        self.by_class.iter().try_for_each(|share| write!(f, " {:.1}", 100.0 * share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_overall_and_by_class() {
        let found = obedience(&[0, 0, 0, 0, 2, 2], &[0, 0, 0, 1, 2, 0], 3);
        assert!((found.overall - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(found.by_class, [0.75, 0.0, 0.5]);
        assert_eq!(found.to_string(), "66.7 % as asked; by class 75.0 0.0 50.0");
    }
}
