//! Lines of JSON that a run appends while it is trained, read at any moment.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value};

/// One line.
pub(crate) type Line = Map<String, Value>;

/// Most bytes taken of a file at once: what lies before them is left out.
const MOST: u64 = 64 << 20;

/// Whole lines of the file at `path` from byte `from` on, and where the next ones will begin. The last line of a file
/// being written may be half there; it is left for later. A line that cannot be read is passed over.
pub(crate) fn read(path: &Path, from: u64) -> (Vec<Line>, u64) {
    read_up_to(path, from, u64::MAX)
}

/// The same of what lies before byte `to`.
pub(crate) fn read_up_to(path: &Path, from: u64, to: u64) -> (Vec<Line>, u64) {
    let text = || {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len().min(to);
        let start = from.max(end.saturating_sub(MOST));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![];
        file.take(MOST.min(end.saturating_sub(start))).read_to_end(&mut bytes)?;
        std::io::Result::Ok((start, bytes))
    };
    let Ok((start, bytes)) = text() else { return (vec![], from) };
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let lines = bytes[..whole].split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    (lines.collect(), start + whole as u64)
}

/// At most `n` of `lines`, evenly chosen, the last one among them.
pub(crate) fn thinned<T>(lines: Vec<T>, n: usize) -> Vec<T> {
    let every = lines.len().div_ceil(n.max(1)).max(1);
    let last = lines.len().saturating_sub(1);
    lines.into_iter().enumerate().filter(|(i, _)| (last - i).is_multiple_of(every)).map(|(_, line)| line).collect()
}

/// The last `n` lines of the text file at `path`, of at most 256 kB.
pub(crate) fn tail(path: &Path, n: usize) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(end.saturating_sub(256 << 10)))?;
        let mut bytes = vec![];
        file.take(256 << 10).read_to_end(&mut bytes)?;
        std::io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(n)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_waits_and_a_broken_one_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.jsonl");
        std::fs::write(&path, "{\"kimg\":1}\nnot json\n{\"kimg\":2}\n{\"kim").unwrap();
        let (lines, next) = read(&path, 0);
        assert_eq!(lines.len(), 2);
        std::fs::write(&path, "{\"kimg\":1}\nnot json\n{\"kimg\":2}\n{\"kimg\":3}\n").unwrap();
        assert_eq!(read(&path, next).0[0]["kimg"], 3);
        assert_eq!(read(&folder.path().join("absent"), 7).1, 7);
    }

    #[test]
    fn thinning_keeps_the_last() {
        assert_eq!(thinned((0..10).collect(), 4), [0, 3, 6, 9]);
        assert_eq!(thinned(vec![1, 2], 4), [1, 2]);
        assert!(thinned(Vec::<u8>::new(), 4).is_empty());
    }
}
