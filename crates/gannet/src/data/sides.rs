//! Which pictures are side A and which are side B: by the folders they lie in, or as halves of one picture.

use std::collections::BTreeMap;

use super::Layout;
use super::pictures::Blobs;
use crate::error::{Error, Result};

/// Two sides that were found, as places among the blobs.
pub(super) struct Found {
    /// Of A and of B.
    pub(super) train: [Vec<usize>; 2],
    /// Likewise; empty where nothing is held out.
    pub(super) held_out: [Vec<usize>; 2],
    /// Whether the same place on both sides is a pair.
    pub(super) is_paired: bool,
    /// Whether A and B are the left and right halves of the same pictures.
    pub(super) are_halves: bool,
}

/// The sides of `blobs` under `layout`; `None` where each picture is a sample.
pub(super) fn find(blobs: &dyn Blobs, layout: Layout) -> Result<Option<Found>> {
    match layout {
        Layout::None => Ok(None),
        Layout::SideBySide => Ok(Some(halves(blobs.names()))),
        Layout::Auto | Layout::Paired | Layout::Unpaired => in_folders(blobs, layout),
    }
}

/// Every picture as two halves.
fn halves(names: &[String]) -> Found {
    let inside = |folders: &[&str]| -> Vec<usize> {
        let is_inside = |name: &str| folders.contains(&split(name, wrapper(names)).0);
        (0..names.len()).filter(|&place| is_inside(&names[place])).collect()
    };
    let [mut train, mut held_out] = [inside(&["train"]), inside(&["test", "val"])];
    if train.is_empty() {
        (train, held_out) = ((0..names.len()).collect(), vec![]);
    }
    Found { train: [train.clone(), train], held_out: [held_out.clone(), held_out], is_paired: true, are_halves: true }
}

fn in_folders(blobs: &dyn Blobs, layout: Layout) -> Result<Option<Found>> {
    let names = blobs.names();
    let mut folders: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        let (folder, rest) = split(name, wrapper(names));
        folders.entry(folder).or_default().insert(stem(rest), place);
    }
    let none = BTreeMap::new();
    let side = |name: &str| folders.get(name).unwrap_or(&none);
    let has_both = |names: [&str; 2]| names.iter().all(|name| folders.contains_key(name));
    let plain = ["A", "B"];
    let sides = if has_both(["trainA", "trainB"]) {
        ["trainA", "trainB"]
    } else if has_both(plain) && (layout != Layout::Auto || (folders.len() == 2 && n_shared(plain.map(side)) > 0)) {
        plain
    } else if layout == Layout::Auto {
        return Ok(None);
    } else {
        let held = folders.keys().filter(|name| !name.is_empty()).copied().collect::<Vec<_>>().join(", ");
        let held = if held.is_empty() { "none".to_owned() } else { held };
        return Err(Error::file(
            blobs.path(),
            format!("data.sides.layout needs folders trainA and trainB, or A and B, with pictures; it holds: {held}"),
        ));
    };
    let [a, b] = sides.map(side);
    let unequal = unequal(sides, [a, b]).or_else(|| unequal(["testA", "testB"], ["testA", "testB"].map(side)));
    let is_paired = match (layout, unequal) {
        (Layout::Unpaired, _) => false,
        (_, None) => true,
        (Layout::Auto, Some(_)) if n_shared([a, b]) == 0 => false,
        (_, Some(unequal)) => {
            let accepted = "equal names for pairs, or data.sides.layout = \"unpaired\"";
            return Err(Error::file(blobs.path(), format!("{unequal}; accepted: {accepted}")));
        }
    };
    // In the order of the names, so that the same place on both sides is a pair.
    let places = |side: &BTreeMap<&str, usize>| side.values().copied().collect::<Vec<_>>();
    let held_out = ["testA", "testB"].map(|name| places(side(name)));
    Ok(Some(Found { train: [places(a), places(b)], held_out, is_paired, are_halves: false }))
}

/// The one folder that everything lies in, if there is one, with its slash: archives often have it.
fn wrapper(names: &[String]) -> &str {
    let Some((first, _)) = names.first().and_then(|name| name.split_once('/')) else { return "" };
    let wrapper = &names[0][..=first.len()];
    let is_shared = names.iter().all(|name| name.strip_prefix(wrapper).is_some_and(|rest| rest.contains('/')));
    if is_shared { wrapper } else { "" }
}

/// The first folder of a name below `wrapper`, empty if there is none, and the rest.
fn split<'a>(name: &'a str, wrapper: &str) -> (&'a str, &'a str) {
    let name = name.strip_prefix(wrapper).unwrap_or(name);
    name.split_once('/').unwrap_or(("", name))
}

/// A name without its ending: the sides may differ in their file formats.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn n_shared([a, b]: [&BTreeMap<&str, usize>; 2]) -> usize {
    a.keys().filter(|name| b.contains_key(*name)).count()
}

/// The first picture that has no partner, in words.
fn unequal([a_name, b_name]: [&str; 2], [a, b]: [&BTreeMap<&str, usize>; 2]) -> Option<String> {
    let lonely = |here: &BTreeMap<&str, usize>, there: &BTreeMap<&str, usize>| {
        let lonely: Vec<&str> = here.keys().filter(|name| !there.contains_key(*name)).copied().collect();
        lonely.first().map(|first| ((*first).to_owned(), lonely.len()))
    };
    let say = |(first, n): (String, usize), here: &str, there: &str| {
        let more = if n > 1 { format!(", nor for {} more", n - 1) } else { String::new() };
        format!("{there} holds no partner for `{here}/{first}`{more}")
    };
    let in_a = lonely(a, b).map(|found| say(found, a_name, b_name));
    in_a.or_else(|| lonely(b, a).map(|found| say(found, b_name, a_name)))
}
