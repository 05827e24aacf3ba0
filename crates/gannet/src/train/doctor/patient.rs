//! The state of a run's health: all checks so far, and for each failure how long its signature has held.
//!
//! Nothing but the checks is remembered. The rest follows from them, so that a resumed run and a report come to the same
//! findings as the run itself.

use serde::{Deserialize, Serialize};

use super::Check;
use super::rules::{Condition, Kind, RULES};

/// A failure, named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which failure.
    pub kind: Kind,
    /// Whether it begins or is over.
    pub state: State,
    /// Thousands of real images at which the signature first held.
    pub since_kimg: f64,
    /// Thousands of real images at which this was found.
    pub kimg: f64,
    /// The figures and their thresholds.
    pub conditions: Vec<Condition>,
    /// What to change, as `key=value` for `--set`; empty where nothing of that kind helps.
    pub change: Vec<String>,
    /// Why that may help, in a sentence.
    pub advice: String,
    /// A picture of what was seen, in the run's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Whether a failure begins or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has persisted and is named.
    Raised,
    /// It has stayed away for as long.
    Cleared,
}

impl Finding {
    /// The one line that a terminal shows.
    pub fn line(&self) -> String {
        let kind = self.kind.name();
        if self.state == State::Cleared {
            return format!("doctor  {kind} is over at kimg {:.1}", self.kimg);
        }
        let figure = |condition: &Condition| {
            let sign = match condition.is {
                super::Bound::Above => '>',
                super::Bound::Below => '<',
            };
            format!("{} {:.3} {sign} {}", condition.figure, condition.value, condition.threshold)
        };
        let figures: Vec<String> = self.conditions.iter().map(figure).collect();
        let figures = if figures.is_empty() { String::new() } else { format!(" ({})", figures.join(", ")) };
        let change: String = self.change.iter().map(|change| format!(" --set {change}")).collect();
        let advice = if change.is_empty() { self.advice.clone() } else { format!("try{change}") };
        format!("doctor  {kind} since kimg {:.1}{figures}; {advice}", self.since_kimg)
    }
}

impl Kind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Divergence => "divergence",
            Self::FullCollapse => "full mode collapse",
            Self::PartialCollapse => "partial mode collapse",
            Self::Overpowering => "overpowering critic",
            Self::VanishingGradient => "vanishing gradient",
            Self::Oscillation => "oscillation",
            Self::Memorisation => "memorisation",
            Self::AugmentationLeak => "augmentation leak",
            Self::Stalled => "stalled",
        }
    }
}

/// How long a signature has held, or stayed away.
#[derive(Clone, Debug, Default)]
struct Course {
    n_met: usize,
    n_clear: usize,
    since: u64,
    is_open: bool,
}

/// A run under observation.
#[derive(Clone, Debug, Default)]
pub struct Patient {
    checks: Vec<Check>,
    courses: [Course; RULES.len()],
}

impl Patient {
    /// The patient that has had `checks`, and what was found on the way.
    pub fn replay(checks: Vec<Check>) -> (Self, Vec<Finding>) {
        let mut patient = Self::default();
        let findings = checks.into_iter().flat_map(|check| patient.examine(check)).collect();
        (patient, findings)
    }

    /// Takes note of one more check; what begins or is over with it.
    pub fn examine(&mut self, check: Check) -> Vec<Finding> {
        let kimg = check.images as f64 / 1000.0;
        let images = check.images;
        self.checks.push(check);
        let mut findings = vec![];
        for (rule, course) in RULES.iter().zip(&mut self.courses) {
            let Some(conditions) = (rule.conditions)(&self.checks) else { continue };
            let is_met = conditions.iter().all(Condition::is_met);
            let is_clear = conditions.iter().any(Condition::is_cleared);
            course.n_clear = if is_clear { course.n_clear + 1 } else { 0 };
            course.since = if is_met && course.n_met == 0 && !course.is_open { images } else { course.since };
            course.n_met = if is_met { course.n_met + 1 } else { 0 };
            let state = match course.is_open {
                false if course.n_met >= rule.persistence => State::Raised,
                true if course.n_clear >= rule.persistence => State::Cleared,
                _ => continue,
            };
            course.is_open = state == State::Raised;
            findings.push(Finding {
                kind: rule.kind,
                state,
                since_kimg: course.since as f64 / 1000.0,
                kimg,
                conditions,
                change: vec![],
                advice: String::new(),
                picture: None,
            });
        }
        findings
    }

    /// Whether no failure is open and no signature holds.
    pub fn is_healthy(&self) -> bool {
        self.courses.iter().all(|course| !course.is_open && course.n_met == 0)
    }

    /// The failures that are open.
    pub fn open(&self) -> Vec<Kind> {
        RULES.iter().zip(&self.courses).filter(|(_, course)| course.is_open).map(|(rule, _)| rule.kind).collect()
    }

    /// All checks so far.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copying(values: &[f64]) -> Vec<(Kind, State, f64)> {
        let check = |(i, value): (usize, &f64)| {
            let mut check = Check::new(1000 * (i as u64 + 1));
            check.set("copying", *value);
            check.set("spread", 1.0);
            check
        };
        let (_, findings) = Patient::replay(values.iter().enumerate().map(check).collect());
        findings.into_iter().map(|finding| (finding.kind, finding.state, finding.since_kimg)).collect()
    }

    #[test]
    fn a_failure_has_to_persist_and_is_dated_from_its_beginning() {
        assert_eq!(copying(&[1.0, 0.5, 0.5, 1.0, 0.5]), []);
        assert_eq!(copying(&[1.0, 0.5, 0.5, 0.5, 0.5]), [(Kind::Memorisation, State::Raised, 2.0)]);
    }

    #[test]
    fn it_is_over_only_beyond_a_margin_and_for_as_long() {
        let flickering = [0.5, 0.5, 0.5, 0.77, 0.7, 0.77, 0.9, 0.9, 0.7];
        assert_eq!(copying(&flickering).len(), 1);
        let healed = [0.5, 0.5, 0.5, 0.9, 0.9, 0.9];
        assert_eq!(copying(&healed)[1], (Kind::Memorisation, State::Cleared, 1.0));
    }

    #[test]
    fn a_patient_is_unwell_as_soon_as_a_signature_holds() {
        let mut check = Check::new(1000);
        check.set("copying", 0.5);
        check.set("spread", 1.0);
        let (patient, findings) = Patient::replay(vec![check]);
        assert!(findings.is_empty() && !patient.is_healthy() && patient.open().is_empty());
    }
}
