//! A run's settings: what a recipe, `--set` and the flags say, merged over a method's defaults, complete once resolved.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::data::DataConfig;
use crate::{Error, Result, device, extractor};

/// All settings of a run, as `config.toml` holds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is learnt from.
    pub data: DataConfig,
    /// The method's name and its own settings.
    pub method: Table,
    /// How long, how fast, how often.
    pub train: TrainConfig,
}

/// The settings that do not depend on the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Real images shown to the critic in all, in thousands.
    pub kimg: f64,
    /// Images per batch.
    pub batch: usize,
    /// Seed of weights, latents and data order.
    pub seed: u64,
    /// Where the arithmetic happens; see `gannet list devices`.
    pub device: String,
    /// Length of a tick, in thousands of images.
    pub tick_kimg: f64,
    /// Ticks between snapshots.
    pub snap: u64,
    /// Full checkpoints kept beside the newest healthy one; older ones are removed.
    pub keep: usize,
    /// What convolutions multiply while training.
    pub precision: Precision,
    /// Metrics taken of the averaged generator at snapshots; by the first of them the best one is delivered. None: the
    /// last one is.
    pub metrics: Vec<String>,
    /// Samples of each side that they look at. Figures of fewer than 2048 say little.
    pub metric_samples: usize,
    /// The extractor that they see through; `auto` is the built-in one for grey or colour.
    pub extractor: String,
    /// Whether the doctor watches the run (`train::doctor`).
    pub doctor: bool,
    /// How often the run was rolled back. Each time, it goes on with other random numbers.
    pub rollbacks: u64,
}

/// What convolutions multiply while training; all else, and every sum, has 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Numbers of 32 bits.
    #[default]
    F32,
    /// Numbers rounded to bf16, on processors that multiply these faster.
    Bf16,
}

impl Precision {
    /// Does `work`, a training step, with this precision.
    pub fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        gannet_kernels::Precision::from(self).scope(work)
    }

    /// An error, which says what is accepted, where `device` has no products of these numbers.
    pub fn check(self, device: &str) -> std::result::Result<(), &'static str> {
        let is_available =
            self == Self::F32 || device.starts_with("flex") && gannet_kernels::Precision::from(self).is_available();
        is_available.then_some(()).ok_or(
            "bf16, which needs the device flex and a processor with products of bf16 (AVX-512 or AMX); accepted here: f32",
        )
    }
}

impl From<Precision> for gannet_kernels::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
        }
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            kimg: 200.0,
            batch: 64,
            seed: 0,
            device: device::default_name().into(),
            tick_kimg: 4.0,
            snap: 5,
            keep: 3,
            precision: Precision::F32,
            metrics: vec![],
            metric_samples: 2048,
            extractor: extractor::AUTO.into(),
            doctor: true,
            rollbacks: 0,
        }
    }
}

impl TrainConfig {
    /// What is wrong with these settings.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        for (name, value) in [("batch", self.batch as u64), ("snap", self.snap), ("keep", self.keep as u64)] {
            if value == 0 {
                problems.push(format!("train.{name} is 0, accepted: 1 or more"));
            }
        }
        for (name, value) in [("kimg", self.kimg), ("tick_kimg", self.tick_kimg)] {
            if !(0.001..=1e9).contains(&value) {
                problems.push(format!("train.{name} is {value}, accepted: 0.001 to 1e9"));
            }
        }
        if let Err(problem) = self.precision.check(&self.device) {
            problems.push(format!("train.precision is {problem}"));
        }
        if self.seed > i64::MAX as u64 {
            problems.push(format!("train.seed is {}, accepted: 0 to {}", self.seed, i64::MAX));
        }
        problems
    }
}

impl Config {
    /// Real images of the whole run.
    pub fn images_total(&self) -> u64 {
        images(self.train.kimg)
    }

    /// Images of a tick.
    pub fn tick_images(&self) -> u64 {
        images(self.train.tick_kimg)
    }

    /// Images between snapshots.
    pub fn snapshot_images(&self) -> u64 {
        self.tick_images().saturating_mul(self.train.snap)
    }

    /// The seed of weights, latents and data order: that of the settings, or another one after each rollback, because
    /// equal random numbers would lead to the same failure.
    pub fn stream_seed(&self) -> u64 {
        self.train.seed ^ self.train.rollbacks.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// The method's name.
    pub fn method_name(&self) -> &str {
        self.method.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// The settings as text.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::setting(format!("the settings cannot be written: {error}")))
    }
}

fn images(kimg: f64) -> u64 {
    (kimg * 1000.0).round() as u64
}

/// Puts `over` on top of `base`, table by table.
pub fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Applies one `key=value`, the key a dotted path such as `data.size`. The value is read as TOML where it is TOML and as
/// plain text elsewhere, so that `data.size=64x48` needs no quotes.
pub fn assign(table: &mut Table, assignment: &str) -> Result<()> {
    let Some((path, text)) = assignment.split_once('=') else {
        return Err(Error::setting(format!("`{assignment}` is not of the form key=value, as in data.size=64x64")));
    };
    let (path, text) = (path.trim(), text.trim());
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    let mut value = parsed.unwrap_or_else(|| Value::String(text.to_owned()));
    for key in path.rsplit('.') {
        value = Value::Table(Table::from_iter([(key.to_owned(), value)]));
    }
    if let Value::Table(over) = value {
        merge(table, over);
    }
    Ok(())
}

/// The section `name` of `settings`, completed with defaults; an unknown key is answered with the nearest known one.
pub fn section<T: DeserializeOwned + Serialize + Default>(settings: &Table, name: &str) -> Result<T> {
    let Some(value) = settings.get(name) else { return Ok(T::default()) };
    let table = as_table(name, value)?;
    let known = Table::try_from(T::default()).map_err(|error| unreadable(name, &error))?;
    check(name, table, &known)?;
    table.clone().try_into().map_err(|error| unreadable(name, &error))
}

/// The table that `name` has to be.
pub(crate) fn as_table<'a>(name: &str, value: &'a Value) -> Result<&'a Table> {
    let refuse =
        || Error::setting(format!("`{name}` is {value}, accepted: settings of its own, as in {name}.KEY=VALUE"));
    value.as_table().ok_or_else(refuse)
}

/// Settings under `name` that could not be read.
pub(crate) fn unreadable(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::setting(format!("in the settings under `{name}`: {}", error.to_string().trim()))
}

/// Whether every key of `table`, which stands under `path`, is one of `known`, and numbers are where numbers belong.
pub(crate) fn check(path: &str, table: &Table, known: &Table) -> Result<()> {
    for (key, value) in table {
        let full = format!("{path}.{key}");
        let accepted = match (known.get(key), value) {
            (None, _) => {
                let siblings: Vec<String> = known.keys().map(|key| format!("{path}.{key}")).collect();
                return Err(Error::unknown("setting", &full, siblings.iter().map(String::as_str)));
            }
            (Some(Value::Table(known)), value) => {
                check(&full, as_table(&full, value)?, known)?;
                continue;
            }
            (Some(Value::Integer(_)), Value::Integer(0..)) => continue,
            (Some(Value::Integer(_)), _) => "a whole number, 0 or more",
            (Some(Value::Float(_)), Value::Float(_) | Value::Integer(_)) => continue,
            (Some(Value::Float(_)), _) => "a number",
            (Some(Value::Boolean(_)), Value::Boolean(_)) => continue,
            (Some(Value::Boolean(_)), _) => "true or false",
            _ => continue,
        };
        return Err(Error::setting(format!("{full} is {value}, accepted: {accepted}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_toml_where_they_can_be() {
        let mut table = Table::new();
        for assignment in ["data.size=64x48", "data.mirror=true", "train.kimg = 2.5", "method.net.width=32"] {
            assign(&mut table, assignment).unwrap();
        }
        assert_eq!(table["data"]["size"].as_str(), Some("64x48"));
        assert_eq!(table["data"]["mirror"].as_bool(), Some(true));
        assert_eq!(table["train"]["kimg"].as_float(), Some(2.5));
        assert_eq!(table["method"]["net"]["width"].as_integer(), Some(32));
    }

    #[test]
    fn the_order_of_assignments_to_different_keys_does_not_matter() {
        let assigned = |assignments: [&str; 2]| {
            let mut table = Table::new();
            assignments.iter().for_each(|assignment| assign(&mut table, assignment).unwrap());
            table
        };
        let [family, depth] = ["method.net.family=mlp", "method.net.depth=5"];
        assert_eq!(assigned([family, depth]), assigned([depth, family]));
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        let table: Table = toml::from_str("[train]\nkimgs = 3").unwrap();
        let error = section::<TrainConfig>(&table, "train").unwrap_err();
        assert_eq!(error.to_string(), "unknown setting `train.kimgs`; did you mean `train.kimg`?");
    }

    #[test]
    fn a_value_of_another_kind_is_refused_with_its_full_name() {
        for (text, problem) in [
            ("[train]\nbatch = -4", "train.batch is -4, accepted: a whole number, 0 or more"),
            ("[train]\nkimg = \"long\"", "train.kimg is \"long\", accepted: a number"),
            ("train = 3", "`train` is 3, accepted: settings of its own, as in train.KEY=VALUE"),
        ] {
            let table: Table = toml::from_str(text).unwrap();
            assert_eq!(section::<TrainConfig>(&table, "train").unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn all_problems_are_listed() {
        let config = TrainConfig { batch: 0, kimg: -1.0, ..TrainConfig::default() };
        assert_eq!(config.problems().len(), 2);
    }
}
