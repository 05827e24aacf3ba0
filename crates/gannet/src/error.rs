//! The one error type of the library: every message names the offending value and what would be accepted.

use std::path::{Path, PathBuf};

/// What can go wrong because of a user's input, a disk or a device.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was being done: "read", "write", "create" ...
        action: &'static str,
        /// The file or folder concerned.
        path: PathBuf,
        /// The operating system's answer.
        cause: std::io::Error,
    },
    /// A file was read but does not hold what its user thinks it holds.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or folder concerned.
        path: PathBuf,
        /// What is wrong with it and what would be accepted.
        reason: String,
    },
    /// A name that no registry knows.
    #[error("unknown {kind} `{name}`; {suggestion}")]
    Unknown {
        /// What was named: "method", "setting", "device" ...
        kind: &'static str,
        /// The name as given.
        name: String,
        /// The nearest known name, or all of them.
        suggestion: String,
    },
    /// Settings that cannot be used; every problem found is listed.
    #[error("{}", .0.join("\n"))]
    Settings(Vec<String>),
    /// Features or pixels that cannot be measured: which, and what would be accepted.
    #[error("{0}")]
    Features(String),
    /// A figure of the training is no longer a number.
    #[error("training diverged at kimg {kimg:.1}: {figure}; a lower learning rate or another seed may help")]
    Diverged {
        /// Thousands of images seen.
        kimg: f64,
        /// Which figure, and its value.
        figure: String,
    },
    /// A failure that a rollback may mend; only trainings that are to be healed end with it.
    #[error("{} at kimg {kimg:.1}", failure.name())]
    Unhealthy {
        /// Thousands of images seen.
        kimg: f64,
        /// What was found.
        failure: crate::train::doctor::Kind,
    },
    /// The run would not fit into memory.
    #[error("this would need about {needed_mb} MB of memory, {available_mb} MB are available; {advice}")]
    Memory {
        /// Estimate, in megabytes.
        needed_mb: u64,
        /// Free memory, in megabytes.
        available_mb: u64,
        /// Which settings make it smaller.
        advice: String,
    },
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Wraps an operating-system error with what was being done to which path.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |cause| Self::Io { action, path, cause }
    }

    /// A file whose content cannot be used, and why.
    pub fn file(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// One unusable setting.
    pub fn setting(problem: impl Into<String>) -> Self {
        Self::Settings(vec![problem.into()])
    }

    /// Features or pixels that cannot be measured.
    pub fn features(problem: impl Into<String>) -> Self {
        Self::Features(problem.into())
    }

    /// A name that is in none of `known`, with the nearest one or, failing that, all of them.
    pub fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let nearest = known
            .iter()
            .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
            .min()
            .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 2);
        let suggestion = match nearest {
            Some((_, candidate)) => format!("did you mean `{candidate}`?"),
            None => format!("accepted: {}", known.join(", ")),
        };
        Self::Unknown { kind, name: name.to_owned(), suggestion }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let error = Error::unknown("method", "dcgna", ["vanilla", "dcgan", "wgan"]);
        assert_eq!(error.to_string(), "unknown method `dcgna`; did you mean `dcgan`?");
    }

    #[test]
    fn a_name_far_from_all_lists_them() {
        let error = Error::unknown("method", "transformer", ["vanilla", "dcgan"]);
        assert_eq!(error.to_string(), "unknown method `transformer`; accepted: vanilla, dcgan");
    }
}
