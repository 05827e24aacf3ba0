//! What is going on, from the last checks, by a few plain rules.
//!
//! In this order, the first that holds:
//!
//! 1. *starting*: fewer than 8 checks.
//! 2. *vanishing gradient*: over the last 4 checks the critic is right about 97 % and the generator's loss pulls at a
//!    fake by less than 0.05.
//! 3. *oscillating*: over the last 12 checks the fakes' centre moved, from one to the next, by more than 0.2 of the
//!    reals' spread on average.
//! 4. *mode collapse*: over the last 4 checks at most half of four or more modes are covered or, where there are none to
//!    count, the fakes' spread is under a third of the reals'.
//! 5. *balanced*: over the last 8 checks every mode is covered, and on average the divergence is under 1.1 nats and the
//!    critic is right about 40 to 65 %.
//! 6. *learning*: otherwise.

use serde::Serialize;

use super::probe::Check;

/// A word for what is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Too early to say.
    Starting,
    /// On the way.
    Learning,
    /// Reals and fakes can hardly be told apart.
    Balanced,
    /// The fakes keep to a part of the data.
    ModeCollapse,
    /// The fakes run in circles.
    Oscillating,
    /// The generator is told nothing.
    VanishingGradient,
    /// A figure is no longer a number.
    Diverged,
}

/// The state with what it means and what would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// In a word.
    pub state: State,
    /// In words for people.
    pub title: &'static str,
    /// One sentence of evidence.
    pub meaning: &'static str,
    /// One sentence of advice; empty where none is needed.
    pub advice: &'static str,
}

impl State {
    /// The state in words.
    pub fn verdict(self) -> Verdict {
        let [title, meaning, advice] = match self {
            Self::Starting => ["Starting", "Too early to say.", ""],
            Self::Learning => ["Learning", "The fakes are on their way to the data.", ""],
            Self::Balanced => {
                ["Balanced", "Every mode is covered and D can only guess: this is the goal of the game.", ""]
            }
            Self::ModeCollapse => [
                "Mode collapse",
                "G has found a few spots that fool D and makes little else.",
                "Penalize D's gradient at reals and fakes (R1 + R2), so that empty modes pull on the fakes.",
            ],
            Self::Oscillating => [
                "Oscillating",
                "The fakes run around, D runs after them, and neither gets anywhere.",
                "Lower the learning rates, set Adam's beta 1 to 0, or damp D with R1.",
            ],
            Self::VanishingGradient => [
                "Vanishing gradient",
                "D is sure of every point, so its slope, which is all that G learns from, has gone flat.",
                "Use the non-saturating loss, fewer moves of D, or a gradient penalty.",
            ],
            Self::Diverged => [
                "Diverged",
                "A figure grew beyond all numbers, and the game has stopped.",
                "Lower the learning rates and start again.",
            ],
        };
        Verdict { state: self, title, meaning, advice }
    }
}

const FEWEST: usize = 8;
const RECENT: usize = 4;
const WANDER: usize = 12;

/// What is going on, from checks, oldest first.
pub fn verdict(checks: &[Check]) -> Verdict {
    state(checks).verdict()
}

fn state(checks: &[Check]) -> State {
    if checks.len() < FEWEST {
        return State::Starting;
    }
    let recent = &checks[checks.len() - RECENT..];
    if recent.iter().all(|check| check.accuracy >= 0.97 && check.pull < 0.05) {
        return State::VanishingGradient;
    }
    let spread_real = recent[0].spread_real.max(f64::MIN_POSITIVE);
    let wander = &checks[checks.len().saturating_sub(WANDER + 1)..];
    let distance = |pair: &[Check]| {
        let [a, b] = [pair[0].centre, pair[1].centre];
        (a[0] - b[0]).hypot(a[1] - b[1])
    };
    let moved = wander.windows(2).map(distance).sum::<f64>() / (wander.len() - 1) as f64;
    if moved > 0.2 * spread_real {
        return State::Oscillating;
    }
    let is_collapsed = |check: &Check| match check.n_modes {
        0..4 => check.spread < spread_real / 3.0,
        n_modes => check.n_covered <= n_modes / 2,
    };
    if recent.iter().all(is_collapsed) {
        return State::ModeCollapse;
    }
    let settled = &checks[checks.len() - FEWEST..];
    let mean = |figure: fn(&Check) -> f64| settled.iter().map(figure).sum::<f64>() / settled.len() as f64;
    let is_balanced = settled.iter().all(|check| check.n_covered == check.n_modes)
        && mean(|check| check.kl) < 1.1
        && (0.4..=0.65).contains(&mean(|check| check.accuracy));
    if is_balanced { State::Balanced } else { State::Learning }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Check = Check {
        n_modes: 8,
        n_covered: 8,
        kl: 0.1,
        spread: 0.8,
        spread_real: 0.8,
        centre: [0.0; 2],
        pull: 0.3,
        accuracy: 0.5,
    };

    fn of(check: Check) -> State {
        state(&[check; 12])
    }

    #[test]
    fn every_state_is_told_by_its_own_evidence() {
        assert_eq!(state(&[GOOD; 3]), State::Starting);
        assert_eq!(of(GOOD), State::Balanced);
        assert_eq!(of(Check { n_covered: 6, ..GOOD }), State::Learning);
        assert_eq!(of(Check { accuracy: 0.9, ..GOOD }), State::Learning);
        assert_eq!(of(Check { n_covered: 4, ..GOOD }), State::ModeCollapse);
        assert_eq!(of(Check { n_modes: 0, n_covered: 0, spread: 0.1, ..GOOD }), State::ModeCollapse);
        assert_eq!(of(Check { accuracy: 0.99, pull: 0.01, ..GOOD }), State::VanishingGradient);
        let running: Vec<Check> =
            (0..12).map(|i| Check { centre: [if i % 2 == 0 { 0.0 } else { 0.4 }, 0.0], ..GOOD }).collect();
        assert_eq!(state(&running), State::Oscillating);
    }
}
