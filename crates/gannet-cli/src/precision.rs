//! What convolutions multiply, as an option.

use gannet::run::Precision;

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Kind {
    F32,
    Bf16,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl From<Kind> for Precision {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::F32 => Self::F32,
            Kind::Bf16 => Self::Bf16,
        }
    }
}
