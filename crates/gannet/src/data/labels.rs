//! Class labels of pictures: from a `dataset.json`, or from the sub-folders they lie in.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

/// More classes than this are taken for a misunderstanding: identifiers instead of labels.
const MAX_CLASSES: u32 = 65_536;

/// The classes of a set, and the label of each picture; both empty where there are none.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Labels {
    pub(super) classes: Vec<String>,
    pub(super) labels: Vec<u32>,
}

/// StyleGAN's listing: `{"labels": [["path.png", 3], ...]}`, where `labels` may be null.
#[derive(Deserialize)]
struct Listing {
    labels: Option<Vec<(String, u32)>>,
}

/// Labels for the pictures called `names` from the text of a `dataset.json`, which must then name each of them.
/// "labels": null says that there are none, whatever folders the pictures lie in.
pub(super) fn from_listing(json: &[u8], names: &[&str]) -> Result<Labels, String> {
    let listing: Listing = serde_json::from_slice(json)
        .map_err(|e| format!("{e}; expected {{\"labels\": [[\"path.png\", 3], ...]}} with labels from 0, or null"))?;
    let Some(listed) = listing.labels else { return Ok(Labels::default()) };
    let n_classes = listed.iter().map(|(_, label)| label.saturating_add(1)).max().unwrap_or(0);
    if n_classes > MAX_CLASSES {
        return Err(format!("label {} is too large; accepted: 0 to {}", n_classes - 1, MAX_CLASSES - 1));
    }
    let by_name: HashMap<&str, u32> = listed.iter().map(|(name, label)| (name.as_str(), *label)).collect();
    let unlisted: Vec<_> = names.iter().filter(|name| !by_name.contains_key(*name)).collect();
    if let Some(first) = unlisted.first() {
        return Err(format!("gives no label for {} of {} images, `{first}` first", unlisted.len(), names.len()));
    }
    let classes = (0..n_classes).map(|class| class.to_string()).collect();
    Ok(Labels { classes, labels: names.iter().map(|name| by_name[name]).collect() })
}

/// The first-level folder of each picture is its class, if all lie in one and there are at least two of them.
pub(super) fn from_folders(names: &[&str]) -> Labels {
    let folders: Option<Vec<&str>> = names.iter().map(|name| Some(name.split_once('/')?.0)).collect();
    let Some(folders) = folders else { return Labels::default() };
    let classes: Vec<&str> = folders.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if classes.len() < 2 {
        return Labels::default();
    }
    // Every folder is among the classes, so the search always finds it.
    let labels = folders.iter().map(|folder| classes.partition_point(|class| class < folder) as u32).collect();
    Labels { classes: classes.into_iter().map(String::from).collect(), labels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_folders_are_classes_when_every_picture_lies_in_one() {
        let labels = from_folders(&["cat/1.png", "dog/1.png", "cat/more/2.png"]);
        assert_eq!(labels, Labels { classes: vec!["cat".into(), "dog".into()], labels: vec![0, 1, 0] });
        assert_eq!(from_folders(&["cat/1.png", "2.png"]), Labels::default());
        assert_eq!(from_folders(&["cat/1.png", "cat/2.png"]), Labels::default());
    }

    #[test]
    fn a_listing_labels_by_name() {
        let json = br#"{"labels": [["a.png", 2], ["x/b.png", 0], ["unused.png", 1]]}"#;
        let labels = from_listing(json, &["x/b.png", "a.png"]).unwrap();
        assert_eq!((labels.classes.len(), labels.labels), (3, vec![0, 2]));
        assert_eq!(from_listing(br#"{"labels": null}"#, &["cat/1.png", "dog/1.png"]).unwrap(), Labels::default());
    }

    #[test]
    fn a_bad_listing_says_what_is_wrong() {
        let problem = |json: &str| from_listing(json.as_bytes(), &["a.png"]).unwrap_err();
        assert!(problem("{}x").contains("expected {\"labels\""));
        assert!(problem(r#"{"labels": [["b.png", 0]]}"#).contains("1 of 1 images, `a.png`"));
        assert!(problem(r#"{"labels": [["a.png", 4000000000]]}"#).contains("too large"));
        assert!(problem(r#"{"labels": [["a.png", [0.5, 1]]]}"#).contains("labels from 0"));
    }
}
