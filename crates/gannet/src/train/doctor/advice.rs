//! One change to the settings for each failure, within bounds.

use toml::{Table, Value};

use super::Kind;
use crate::run::Config;

/// Learning rates are proposed within these bounds.
const LEARNING_RATES: [f64; 2] = [1e-6, 1e-2];
/// Weights of gradient penalties are proposed up to this.
const MOST_GAMMA: f64 = 100.0;

/// What to change under `config`, as `key=value` for `--set`, and why. Nothing where no setting helps within the bounds.
pub fn advice(kind: Kind, config: &Config) -> (Vec<String>, &'static str) {
    let settings = Settings(&config.method);
    let reason = reason(kind);
    let change = match kind {
        Kind::Divergence | Kind::Oscillation => {
            let rates = ["generator", "critic"].map(|player| settings.learning_rate(player, 0.5));
            rates.into_iter().flatten().collect()
        }
        Kind::FullCollapse | Kind::PartialCollapse => {
            settings.penalty().or_else(|| settings.learning_rate("generator", 0.5)).into_iter().collect()
        }
        Kind::Overpowering => settings.learning_rate("critic", 0.5).into_iter().collect(),
        Kind::VanishingGradient if settings.is("loss", "minimax") => vec!["method.loss=non-saturating".to_owned()],
        Kind::VanishingGradient => settings.learning_rate("critic", 0.5).into_iter().collect(),
        Kind::Memorisation if settings.at("augment", "kind") == Some("noaug") => {
            vec!["method.augment.kind=diffaug".to_owned()]
        }
        Kind::Memorisation => vec![],
        Kind::AugmentationLeak => settings.less_augmentation().into_iter().collect(),
        Kind::Stalled => settings.learning_rate("generator", 2.0).into_iter().collect(),
    };
    (change, reason)
}

fn reason(kind: Kind) -> &'static str {
    match kind {
        Kind::Divergence => "smaller steps keep the players within reach of each other",
        Kind::FullCollapse | Kind::PartialCollapse => {
            "a gradient penalty or smaller steps keep the generator from chasing one spot that passes"
        }
        Kind::Overpowering => "a critic that learns more slowly leaves the generator something to learn",
        Kind::VanishingGradient => {
            "the generator needs a loss that still slopes where the critic is sure, or a slower critic"
        }
        Kind::Oscillation => "smaller steps dampen the circles in which the players move",
        Kind::Memorisation => "few data are learnt by heart: augmentation, more data or an earlier end help",
        Kind::AugmentationLeak => {
            "with a smaller probability of each transform the data can be told from their augmentations"
        }
        Kind::Stalled => "the generator hardly moves: larger steps, or a critic that has something to teach",
    }
}

struct Settings<'a>(&'a Table);

impl Settings<'_> {
    fn is(&self, key: &str, value: &str) -> bool {
        self.0.get(key).and_then(Value::as_str) == Some(value)
    }

    fn at(&self, section: &str, key: &str) -> Option<&str> {
        self.0.get(section)?.get(key)?.as_str()
    }

    /// The learning rate of `player` times `factor`, within bounds.
    fn learning_rate(&self, player: &str, factor: f64) -> Option<String> {
        let now = self.0.get(player)?.get("learning_rate")?.as_float()?;
        let [least, most] = LEARNING_RATES;
        let wanted = (now * factor).clamp(least, most);
        // Not where the bound would turn the change around.
        let is_better = (wanted < now) == (factor < 1.0) && wanted != now;
        is_better.then(|| format!("method.{player}.learning_rate={wanted:e}"))
    }

    /// A gradient penalty where there is none and the critic can bear it, else one twice as strong.
    fn penalty(&self) -> Option<String> {
        let (kind, gamma) = (self.0.get("penalty")?.as_str()?, self.0.get("gamma")?.as_float()?);
        if kind == "none" {
            let is_refused = matches!(self.at("net", "critic_norm"), Some("batch"));
            return (!is_refused).then(|| "method.penalty=r1".to_owned());
        }
        (gamma > 0.0 && 2.0 * gamma <= MOST_GAMMA).then(|| format!("method.gamma={}", 2.0 * gamma))
    }

    fn less_augmentation(&self) -> Option<String> {
        let augment = self.0.get("augment")?;
        match augment.get("kind")?.as_str()? {
            "fixed" => Some(format!("method.augment.p={}", augment.get("p")?.as_float()? / 2.0)),
            "ada" => Some(format!("method.augment.target={}", (augment.get("target")?.as_float()? + 1.0) / 2.0)),
            "diffaug" => Some("method.augment.policy=color".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::session::Session;

    fn change(kind: Kind, settings: &[&str]) -> Vec<String> {
        let mut table = Table::new();
        settings.iter().for_each(|setting| crate::run::assign(&mut table, setting).unwrap());
        let session = Session::prepare(&table).unwrap();
        let (change, _) = advice(kind, session.config());
        change.iter().for_each(|setting| crate::run::assign(&mut table, setting).unwrap());
        Session::prepare(&table).expect("what is proposed is accepted");
        change
    }

    #[test]
    fn what_is_proposed_fits_the_settings() {
        assert_eq!(change(Kind::Overpowering, &[]), ["method.critic.learning_rate=1e-4"]);
        assert_eq!(change(Kind::FullCollapse, &[]), ["method.generator.learning_rate=1e-4"]); // its critic has batch norm
        let points = ["data.source=ring"];
        assert_eq!(change(Kind::FullCollapse, &points), ["method.penalty=r1"]);
        let minimax = ["data.source=ring", "method.loss=minimax"];
        assert_eq!(change(Kind::VanishingGradient, &minimax), ["method.loss=non-saturating"]);
        assert_eq!(change(Kind::Memorisation, &[]), ["method.augment.kind=diffaug"]);
    }

    #[test]
    fn nothing_is_proposed_beyond_the_bounds() {
        assert!(change(Kind::Overpowering, &["method.critic.learning_rate=1e-6"]).is_empty());
    }
}
