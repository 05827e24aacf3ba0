//! Pictures of two sides as a data set of sources and targets.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::folder::Folder;
use super::labels::Labels;
use super::pictures::{self, Blobs, PictureSet, Scan, View, nothing_readable, scan};
use super::sides::{Found, find};
use super::{DataConfig, Dataset, Layout, Sample, Sides, installed};
use crate::error::{Error, Result};
use crate::image::{Fit, Half, Header, Shape};

/// How far the proportions of a pair may differ: a pixel in a hundred, for files that were resized and rounded.
const PROPORTION_TOLERANCE: f64 = 0.01;

/// The pairs called `name`, which the script `data/NAME.sh` fetches.
pub(super) fn open_installed(name: &str, config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let folders: Vec<_> = installed::folders(name).into_iter().filter(|folder| folder.ends_with(name)).collect();
    let Some(folder) = folders.iter().find(|folder| folder.join("trainA").is_dir()) else {
        let places: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let places = places.join(", ");
        let reason =
            format!("the pairs of {name} are in none of these folders: {places}; `bash data/{name}.sh` fetches them");
        return Err(Error::setting(reason));
    };
    let layout = if config.sides.layout == Layout::Auto { Layout::Paired } else { config.sides.layout };
    let blobs: Box<dyn Blobs> = Box::new(Folder::list(folder)?);
    match find(blobs.as_ref(), layout)? {
        Some(found) => open(blobs, found, config),
        None => pictures::open(blobs, config),
    }
}

/// Opens the two sides that were `found`.
pub(super) fn open(blobs: Box<dyn Blobs>, found: Found, config: &DataConfig) -> Result<Arc<dyn Dataset>> {
    let Scan { views, n_skipped } = scan(blobs.as_ref())?;
    let headers: BTreeMap<usize, Header> = views.into_iter().map(|view| (view.index, view.header)).collect();
    let mut all: Vec<View> = vec![];
    let Found { train, held_out, is_paired, are_halves } = found;
    let mut sets = [train, held_out].map(|sides| match is_paired {
        // A pair is as readable as both of it.
        true => {
            let pairs =
                sides[0].iter().zip(&sides[1]).filter(|(a, b)| [a, b].iter().all(|at| headers.contains_key(at)));
            let (a, b) = pairs.map(|(&a, &b)| (a, b)).unzip();
            [a, b]
        }
        false => sides.map(|side| side.into_iter().filter(|at| headers.contains_key(at)).collect::<Vec<_>>()),
    });
    check(blobs.as_ref(), &sets, &headers, (is_paired, are_halves), config.fit)?;
    for (side, half) in sets.iter_mut().flat_map(|sides| sides.iter_mut().zip([Half::Left, Half::Right])) {
        for place in side {
            let mut header = headers[place];
            if are_halves {
                header.width /= 2;
            }
            all.push(View { index: *place, half: are_halves.then_some(half), header });
            *place = all.len() - 1;
        }
    }
    let [train, held_out] = sets.map(|sides| config.sides.direction.order(sides));
    let opening = match is_paired {
        true => format!("{} pairs of images from {}", train[0].len(), blobs.title()),
        false => {
            let [n_sources, n_targets] = [train[0].len(), train[1].len()];
            format!("{n_sources} images to become like {n_targets} others, unpaired, from {}", blobs.title())
        }
    };
    let set = PictureSet::new(blobs, Scan { views: all, n_skipped }, Labels::default(), config, &opening);
    let holds_out = !held_out.iter().any(Vec::is_empty);
    let shown = if holds_out { held_out } else { train.clone() };
    Ok(Arc::new(TwoSided { set, train, shown, is_paired, holds_out }))
}

/// Refuses sides without pictures, halves of odd widths and pairs of different proportions.
fn check(
    blobs: &dyn Blobs,
    sets: &[[Vec<usize>; 2]; 2],
    headers: &BTreeMap<usize, Header>,
    (is_paired, are_halves): (bool, bool),
    fit: Fit,
) -> Result<()> {
    if sets[0].iter().any(Vec::is_empty) {
        return Err(nothing_readable(blobs, None));
    }
    if fit == Fit::Part {
        return Err(Error::setting("data.fit is part, accepted for data of two sides: crop, pad, stretch"));
    }
    let name = |place: usize| format!("`{}`", blobs.names()[place]);
    let size = |place: usize| format!("{}x{}", headers[&place].width, headers[&place].height);
    for (&a, &b) in sets.iter().flat_map(|[a, b]| a.iter().zip(b)) {
        if are_halves && headers[&a].width % 2 == 1 {
            let reason = format!("{} is {}, accepted for two halves: an even width", name(a), size(a));
            return Err(Error::file(blobs.path(), reason));
        }
        let proportion = |place: usize| headers[&place].width as f64 / headers[&place].height as f64;
        if is_paired && (proportion(a) / proportion(b) - 1.0).abs() > PROPORTION_TOLERANCE {
            let reason = format!(
                "{} is {} and {} is {}, accepted for a pair: equal proportions",
                name(a),
                size(a),
                name(b),
                size(b)
            );
            return Err(Error::file(blobs.path(), reason));
        }
    }
    Ok(())
}

struct TwoSided {
    set: PictureSet,
    /// Sources and targets, as indices of the set.
    train: [Vec<usize>; 2],
    shown: [Vec<usize>; 2],
    is_paired: bool,
    holds_out: bool,
}

impl TwoSided {
    /// The source and the target at `indices` of `sides`, or what stands in for them.
    fn read_of(&self, [sources, targets]: &[Vec<usize>; 2], [source, target]: [usize; 2]) -> Result<[Vec<f32>; 2]> {
        if self.is_paired {
            return self.first_readable([sources, targets], source);
        }
        let [first] = self.first_readable([sources], source)?;
        let [second] = self.first_readable([targets], target)?;
        Ok([first, second])
    }

    /// What `lists` hold at `index`, or at the next place where all of them can be read.
    fn first_readable<const N: usize>(&self, lists: [&Vec<usize>; N], index: usize) -> Result<[Vec<f32>; N]> {
        let n = lists[0].len();
        let mut problem = None;
        for place in (index..n).chain(0..index) {
            let mut found = Vec::with_capacity(N);
            for list in lists {
                match self.set.attempt(list[place]) {
                    Ok(values) => found.push(values),
                    Err(reason) => {
                        let consequence = if N == 2 { "the next pair stands in" } else { "the next image stands in" };
                        self.set.report(list[place], &reason, consequence);
                        problem = Some(reason);
                    }
                }
            }
            if let Ok(found) = found.try_into() {
                return Ok(found);
            }
        }
        let reason = problem.unwrap_or_default();
        Err(Error::setting(format!("{}: none of its pictures can be decoded ({reason})", self.set.name())))
    }
}

impl Dataset for TwoSided {
    fn name(&self) -> &str {
        self.set.name()
    }

    fn len(&self) -> usize {
        self.train[0].len()
    }

    fn shape(&self) -> Shape {
        self.set.shape()
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn description(&self) -> &str {
        self.set.description()
    }

    fn read(&self, index: usize) -> Result<Sample> {
        let [values] = self.first_readable([&self.train[0]], index)?;
        Ok(Sample { values, label: None })
    }

    fn sides(&self) -> Option<&dyn Sides> {
        Some(self)
    }
}

impl Sides for TwoSided {
    fn lens(&self) -> [usize; 2] {
        [self.train[0].len(), self.train[1].len()]
    }

    fn is_paired(&self) -> bool {
        self.is_paired
    }

    fn read(&self, indices: [usize; 2]) -> Result<[Vec<f32>; 2]> {
        self.read_of(&self.train, indices)
    }

    fn holds_out(&self) -> bool {
        self.holds_out
    }

    fn shown(&self, n: usize) -> Result<Vec<[Vec<f32>; 2]>> {
        let lens = [0, 1].map(|side| self.shown[side].len());
        let n = n.min(lens[0]).min(lens[1]);
        (0..n).map(|i| self.read_of(&self.shown, lens.map(|len| i * len / n))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Direction, SidesConfig, open};
    use crate::image::{Picture, encode_png};

    /// A grey picture of `width` x 8 pixels, its left half of one value and its right half of another.
    fn write(folder: &std::path::Path, name: &str, width: usize, [left, right]: [u8; 2]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let values = (0..width * 8).map(|i| if i % width < width / 2 { left } else { right }).collect();
        let picture = Picture::from_u8(Shape { channels: 1, height: 8, width }, values);
        std::fs::write(path, encode_png(&picture, &[]).unwrap()).unwrap();
    }

    fn from(folder: &std::path::Path, layout: Layout, direction: Direction) -> Result<Arc<dyn Dataset>> {
        let sides = SidesConfig { layout, direction };
        let source = folder.to_str().unwrap().to_owned();
        open(&DataConfig { source, sides, ..DataConfig::default() }, 0).map(|opened| opened.dataset)
    }

    fn firsts(both: [Vec<f32>; 2]) -> [u8; 2] {
        both.map(|values| ((values[0] + 1.0) * 127.5).round() as u8)
    }

    #[test]
    fn equal_names_make_pairs_whatever_their_formats_and_the_direction_turns_them() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..3 {
            write(folder.path(), &format!("wrap/trainA/{i}.png"), 8, [i, i]);
            write(folder.path(), &format!("wrap/trainB/{i}.PNG"), 8, [100 + i, 100 + i]);
            write(folder.path(), &format!("wrap/testA/{i}.png"), 8, [50 + i, 50 + i]);
            write(folder.path(), &format!("wrap/testB/{i}.png"), 8, [150 + i, 150 + i]);
        }
        let set = from(folder.path(), Layout::Auto, Direction::AtoB).unwrap();
        assert_eq!(set.yields(), ["source", "target", "pair"]);
        assert_eq!(set.len(), 3);
        let sides = set.sides().unwrap();
        assert_eq!(firsts(sides.read([2, 2]).unwrap()), [2, 102]);
        assert_eq!(sides.shown(2).unwrap().into_iter().map(firsts).collect::<Vec<_>>(), [[50, 150], [51, 151]]);
        let turned = from(folder.path(), Layout::Auto, Direction::BtoA).unwrap();
        assert_eq!(firsts(turned.sides().unwrap().read([2, 2]).unwrap()), [102, 2]);
        let hidden = from(folder.path(), Layout::Unpaired, Direction::AtoB).unwrap();
        assert_eq!(hidden.yields(), ["source", "target"]);
        assert_eq!(firsts(hidden.sides().unwrap().read([0, 1]).unwrap()), [0, 101]);
        assert!(from(folder.path(), Layout::None, Direction::AtoB).unwrap().sides().is_none());
    }

    #[test]
    fn a_picture_without_a_partner_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["A/1.png", "A/2.png", "B/1.png"] {
            write(folder.path(), name, 8, [1, 1]);
        }
        let error = from(folder.path(), Layout::Auto, Direction::AtoB).err().unwrap().to_string();
        assert!(error.contains("B holds no partner for `A/2`"), "{error}");
        assert!(error.contains("unpaired"), "{error}");
        assert!(!from(folder.path(), Layout::Unpaired, Direction::AtoB).unwrap().sides().unwrap().is_paired());
        // Other names in A and B are what they always were: classes.
        let folder = tempfile::tempdir().unwrap();
        for name in ["A/1.png", "B/2.png"] {
            write(folder.path(), name, 8, [1, 1]);
        }
        assert_eq!(from(folder.path(), Layout::Auto, Direction::AtoB).unwrap().classes(), ["A", "B"]);
    }

    #[test]
    fn pairs_of_other_proportions_and_missing_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "A/1.png", 8, [1, 1]);
        let error = from(folder.path(), Layout::Paired, Direction::AtoB).err().unwrap().to_string();
        assert!(error.contains("needs folders trainA and trainB, or A and B") && error.ends_with("it holds: A"));
        write(folder.path(), "B/1.png", 16, [1, 1]);
        let error = from(folder.path(), Layout::Paired, Direction::AtoB).err().unwrap().to_string();
        assert!(error.contains("`A/1.png` is 8x8 and `B/1.png` is 16x8"), "{error}");
    }

    #[test]
    fn halves_of_a_picture_are_a_pair() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..3 {
            write(folder.path(), &format!("train/{i}.png"), 16, [i, 100 + i]);
            write(folder.path(), &format!("val/{i}.png"), 16, [50 + i, 150 + i]);
        }
        let set = from(folder.path(), Layout::SideBySide, Direction::AtoB).unwrap();
        assert_eq!((set.len(), set.shape()), (3, Shape { channels: 1, height: 8, width: 8 }));
        assert_eq!(firsts(set.sides().unwrap().read([1, 1]).unwrap()), [1, 101]);
        assert_eq!(firsts(set.sides().unwrap().shown(1).unwrap().remove(0)), [50, 150]);
        write(folder.path(), "train/odd.png", 7, [0, 0]);
        let error = from(folder.path(), Layout::SideBySide, Direction::AtoB).err().unwrap().to_string();
        assert!(error.contains("`train/odd.png` is 7x8"), "{error}");
    }

    #[test]
    fn a_pair_that_cannot_be_decoded_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..3 {
            write(folder.path(), &format!("A/{i}.png"), 8, [i, i]);
            write(folder.path(), &format!("B/{i}.png"), 8, [100 + i, 100 + i]);
        }
        // The header stays whole, the pixels do not.
        let path = folder.path().join("B/1.png");
        let mut bytes = std::fs::read(&path).unwrap();
        let data = bytes.windows(4).position(|window| window == b"IDAT").unwrap();
        bytes[data + 6..data + 12].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let set = from(folder.path(), Layout::Auto, Direction::AtoB).unwrap();
        assert_eq!(firsts(set.sides().unwrap().read([1, 1]).unwrap()), [2, 102]);
    }
}
