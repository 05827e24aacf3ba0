//! What a user says about the training data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::image::Fit;

/// A side longer than this, in pixels, is taken for a typing error.
const MAX_SIDE: usize = 4096;

/// Where the data comes from and what shape it is brought to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// The name of a registered set ([`super::SETS`]), or a path: a folder of pictures, a .zip of them, an IDX file.
    pub source: String,
    /// Size of the samples; "auto" keeps the pictures' own size if they share one of at most 128 pixels a side, and
    /// means 64x64 otherwise.
    pub size: Size,
    /// What happens to pictures of other proportions.
    pub fit: Fit,
    /// Channels of the samples; "auto" means 1 if every picture is grey, 4 if every one has alpha, else 3.
    pub channels: Channels,
    /// Whether every image is shown mirrored half of the time.
    pub mirror: bool,
    /// Samples that are not trained on, for the doctor to see whether the critic knows the others by heart. Points have as
    /// many as one likes without.
    pub held_out: usize,
    /// Every image is shown shifted by up to so many pixels in each direction, the gap filled by reflection.
    pub shift: usize,
    /// Pictures of two sides, to be translated into each other.
    pub sides: SidesConfig,
    /// Decoded pictures kept in memory, in megabytes. The default holds 87,000 pictures of 3x64x64.
    pub cache_mb: usize,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            source: "fashion-mnist".into(),
            size: Size::Auto,
            fit: Fit::Crop,
            channels: Channels::Auto,
            mirror: false,
            held_out: 0,
            shift: 0,
            sides: SidesConfig::default(),
            cache_mb: 1024,
        }
    }
}

/// How pictures form two sides, A and B, and which of them is the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SidesConfig {
    /// `auto`, `none`, `side-by-side`, `paired` or `unpaired`.
    pub layout: Layout,
    /// `AtoB` or `BtoA`.
    pub direction: Direction,
}

/// How a folder or archive of pictures forms two sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Folders `trainA` and `trainB` are sides, and so are `A` and `B` where they hold pictures of equal names and nothing
    /// stands beside them. They are paired if all names are equal, unpaired if none is.
    #[default]
    Auto,
    /// Not at all: each picture is a sample.
    None,
    /// Each picture holds A on its left half and B on its right one. Those in folders `test` and `val` are held out, where
    /// there is a folder `train`.
    SideBySide,
    /// Folders `trainA` and `trainB`, or `A` and `B`, hold pictures of equal names. Those in `testA` and `testB` are held
    /// out.
    Paired,
    /// The same folders, with any names.
    Unpaired,
}

/// Which side is translated into which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// A is the source, B the target.
    #[default]
    AtoB,
    /// B is the source, A the target.
    BtoA,
}

impl Direction {
    /// The other one.
    pub fn reversed(self) -> Self {
        match self {
            Self::AtoB => Self::BtoA,
            Self::BtoA => Self::AtoB,
        }
    }

    /// A and B as source and target.
    pub fn order<T>(self, [a, b]: [T; 2]) -> [T; 2] {
        match self {
            Self::AtoB => [a, b],
            Self::BtoA => [b, a],
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtoB => "AtoB",
            Self::BtoA => "BtoA",
        })
    }
}

impl FromStr for Direction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "AtoB" => Ok(Self::AtoB),
            "BtoA" => Ok(Self::BtoA),
            other => Err(format!("direction `{other}` is not usable; accepted: AtoB, BtoA")),
        }
    }
}

/// Size of the samples: "auto", "64" (a square) or "64x48" (width x height).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// Decided by the pictures.
    #[default]
    Auto,
    /// In pixels.
    Fixed {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
    },
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed { width, height } if width == height => write!(f, "{width}"),
            Self::Fixed { width, height } => write!(f, "{width}x{height}"),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let side = |side: &str| side.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
        let (width, height) = text.split_once('x').unwrap_or((text, text));
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Self::Fixed { width, height }),
            _ => Err(format!(
                "size `{text}` is not usable; accepted: auto, a side such as 64, or WIDTHxHEIGHT such as 64x48, \
                 each from 1 to {MAX_SIDE}"
            )),
        }
    }
}

/// Channels of the samples: "auto", 1 (grey), 3 (RGB) or 4 (RGB and alpha).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// Decided by the pictures.
    #[default]
    Auto,
    /// 1, 3 or 4.
    Fixed(usize),
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(channels) => write!(f, "{channels}"),
        }
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "1" => Ok(Self::Fixed(1)),
            "3" => Ok(Self::Fixed(3)),
            "4" => Ok(Self::Fixed(4)),
            other => Err(format!("channels `{other}` is not usable; accepted: auto, 1, 3, 4")),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Word::deserialize(deserializer)?.parse()
    }
}

impl Serialize for Channels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Fixed(channels) => serializer.serialize_u64(*channels as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Channels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Word::deserialize(deserializer)?.parse()
    }
}

/// A setting that may be written as text or as a number: `size = 64` is as good as `size = "64"`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected text or a whole number")]
enum Word {
    Text(String),
    Number(u64),
}

impl Word {
    fn parse<T: FromStr<Err = String>, E: serde::de::Error>(self) -> Result<T, E> {
        match self {
            Self::Text(text) => text.parse(),
            Self::Number(number) => number.to_string().parse(),
        }
        .map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_channels_read_what_they_write() {
        for text in ["auto", "64", "64x48"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("64x64".parse::<Size>().unwrap(), "64".parse().unwrap());
        for text in ["auto", "1", "3", "4"] {
            assert_eq!(text.parse::<Channels>().unwrap().to_string(), text);
        }
        let config = DataConfig {
            size: Size::Fixed { width: 64, height: 48 },
            channels: Channels::Fixed(3),
            ..DataConfig::default()
        };
        let text = toml::to_string(&config).unwrap();
        assert!(text.contains("size = \"64x48\"") && text.contains("channels = 3"), "{text}");
        assert_eq!(toml::from_str::<DataConfig>(&text).unwrap(), config);
    }

    #[test]
    fn a_size_may_be_a_number() {
        let config: DataConfig = toml::from_str("size = 64\nchannels = \"auto\"").unwrap();
        assert_eq!(config.size, Size::Fixed { width: 64, height: 64 });
    }

    #[test]
    fn unusable_settings_name_the_value_and_what_is_accepted() {
        for text in ["0", "64x", "axb", "64x48x3", "-3", "100000"] {
            let problem = text.parse::<Size>().unwrap_err();
            assert!(problem.contains(&format!("`{text}`")) && problem.contains("WIDTHxHEIGHT"), "{problem}");
        }
        assert!(toml::from_str::<DataConfig>("channels = 2").unwrap_err().to_string().contains("accepted: auto, 1"));
        assert!(toml::from_str::<DataConfig>("sise = 2").is_err());
    }
}
