//! The grid of a sweep: which settings take which values, and the cells that this makes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One setting and the values it takes, as a user wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// A dotted key such as `method.net.width`.
    pub key: String,
    /// At least one.
    pub values: Vec<String>,
}

impl Axis {
    /// An axis from `key=value,value,...`.
    pub fn parse(text: &str) -> Result<Self> {
        let form = "key=value,value,... as in method.net.width=32,64";
        let Some((key, values)) = text.split_once('=') else {
            return Err(Error::setting(format!("the grid `{text}` is not of the form {form}")));
        };
        let axis = Self {
            key: key.trim().to_owned(),
            values: values.split(',').map(|value| value.trim().to_owned()).collect(),
        };
        if axis.key.is_empty() || axis.values.iter().any(String::is_empty) {
            return Err(Error::setting(format!("the grid `{text}` lacks a key or a value; accepted: {form}")));
        }
        let distinct: BTreeSet<&String> = axis.values.iter().collect();
        if distinct.len() < axis.values.len() {
            return Err(Error::setting(format!("the grid `{text}` holds a value twice")));
        }
        Ok(axis)
    }
}

/// Every combination of one value from each axis, the last axis changing fastest. No axis gives one empty combination.
pub(super) fn combinations(grid: &[Axis]) -> Vec<Vec<String>> {
    grid.iter().fold(vec![vec![]], |combinations, axis| {
        let extended = |combination: &Vec<String>| {
            let extend = |value: &String| [combination.clone(), vec![value.clone()]].concat();
            axis.values.iter().map(extend).collect::<Vec<_>>()
        };
        combinations.iter().flat_map(extended).collect()
    })
}

/// For each axis the shortest end of its key that no other axis shares: `gamma`, or `generator.learning_rate` beside
/// `critic.learning_rate`.
pub(super) fn short_names(grid: &[Axis]) -> Vec<String> {
    let end = |key: &str, n: usize| {
        let parts: Vec<&str> = key.split('.').collect();
        parts[parts.len().saturating_sub(n)..].join(".")
    };
    let shortest = |axis: &Axis| {
        let n_parts = axis.key.split('.').count();
        let is_unique = |n: &usize| grid.iter().filter(|other| end(&other.key, *n) == end(&axis.key, *n)).count() == 1;
        end(&axis.key, (1..n_parts).find(is_unique).unwrap_or(n_parts))
    };
    grid.iter().map(shortest).collect()
}

/// `gamma=0.1-seed=0`: the folder of a run. What a file name cannot hold everywhere becomes `_`.
pub(super) fn cell_name(names: &[String], values: &[String], seed: u64) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || ".+-_".contains(c);
    let plain = |text: &str| text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect::<String>();
    let setting = |(name, value): (&String, &String)| format!("{}={}-", plain(name), plain(value));
    let settings: String = names.iter().zip(values).map(setting).collect();
    format!("{settings}seed={seed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(texts: &[&str]) -> Vec<Axis> {
        texts.iter().map(|text| Axis::parse(text).unwrap()).collect()
    }

    #[test]
    fn the_last_axis_changes_fastest() {
        let grid = axes(&["method.gamma=0.1,1", "method.net.width=32,64"]);
        assert_eq!(combinations(&grid), [["0.1", "32"], ["0.1", "64"], ["1", "32"], ["1", "64"]]);
        assert_eq!(combinations(&[]), [Vec::<String>::new()]);
    }

    #[test]
    fn names_are_as_short_as_they_can_be_and_differ() {
        let grid = axes(&["method.generator.learning_rate=1", "method.critic.learning_rate=1", "method.net.width=8"]);
        assert_eq!(short_names(&grid), ["generator.learning_rate", "critic.learning_rate", "width"]);
        assert_eq!(short_names(&axes(&["a.b=1", "x.a.b=1"])), ["a.b", "x.a.b"]);
    }

    #[test]
    fn a_cell_s_name_shows_its_setting_and_is_a_file_name() {
        let names = ["gamma", "source"].map(str::to_owned);
        let values = ["1e-3", "my/own: photos"].map(str::to_owned);
        assert_eq!(cell_name(&names, &values, 2), "gamma=1e-3-source=my_own__photos-seed=2");
    }

    #[test]
    fn what_is_no_axis_is_refused_with_the_form() {
        for (text, problem) in [
            ("method.gamma", "key=value,value,..."),
            ("method.gamma=", "lacks a key or a value"),
            ("method.gamma=1,,2", "lacks a key or a value"),
            ("method.gamma=1,2,1", "holds a value twice"),
        ] {
            let error = Axis::parse(text).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains(problem), "{error}");
        }
    }
}
