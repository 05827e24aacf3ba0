//! Where in a pickle the state dict is: the dict that maps names to tensors.

use super::pickle::{Pickle, Tensor, Value};

/// Keys under which projects keep the state dict that is meant to be used, the preferred first: averages before the
/// weights they are averages of.
const KEYS: [&str; 9] =
    ["params_ema", "g_ema", "ema", "state_dict", "model_state_dict", "model", "params", "net", "weights"];

/// How deep it may lie.
const MAX_DEPTH: usize = 4;

/// A state dict.
pub(super) struct StateDict<'a> {
    pub(super) tensors: Vec<(String, &'a Tensor)>,
    /// The keys that led there.
    pub(super) under: Vec<String>,
}

/// The state dict of `pickle`.
pub(super) fn find(pickle: &Pickle) -> Result<StateDict<'_>, String> {
    let distances = distances(pickle);
    let mut under = vec![];
    let mut value = &pickle.root;
    loop {
        let &Value::Dict(place) = value else {
            return Err(format!("holds {}, accepted: a dict of names and tensors", kind(value)));
        };
        let pairs = named(pickle, place);
        let tensors: Vec<(String, &Tensor)> = pairs
            .iter()
            .filter_map(|(name, value)| match value {
                Value::Tensor(tensor) => Some(((*name).to_owned(), &pickle.tensors[*tensor])),
                _ => None,
            })
            .collect();
        if !tensors.is_empty() {
            return Ok(StateDict { tensors, under });
        }
        let leads = |value: &Value| match value {
            Value::Dict(place) => under.len() + distances[*place] < MAX_DEPTH,
            _ => false,
        };
        let (name, next) = next(&pairs, leads)?;
        under.push(name.to_owned());
        value = next;
    }
}

/// The entry of a dict without tensors of its own that leads to some.
fn next<'a>(pairs: &[(&'a str, &'a Value)], leads: impl Fn(&Value) -> bool) -> Result<(&'a str, &'a Value), String> {
    let leading: Vec<_> = pairs.iter().filter(|(_, value)| leads(value)).copied().collect();
    let preferred = KEYS.iter().find_map(|key| leading.iter().find(|(name, _)| name == key));
    match (preferred, leading.as_slice()) {
        (Some(entry), _) => Ok(*entry),
        (None, [only]) => Ok(*only),
        _ => {
            let found = if leading.is_empty() { pairs } else { &leading };
            let names: Vec<String> =
                found.iter().take(8).map(|(name, _)| format!("`{}`", name.escape_debug())).collect();
            let what = if leading.is_empty() { "no state dict" } else { "several state dicts" };
            Err(format!(
                "holds {what} under its keys {}; accepted: one, under any key, or one under {}",
                if names.is_empty() { "(none)".to_owned() } else { names.join(", ") },
                KEYS.join(", ")
            ))
        }
    }
}

/// How many dicts further down from each dict the nearest tensor lies; [`MAX_DEPTH`] where it is too far.
fn distances(pickle: &Pickle) -> Vec<usize> {
    let mut distances = vec![MAX_DEPTH; pickle.dicts.len()];
    // Dicts may contain each other in any way, so that distances spread step by step.
    for _ in 0..MAX_DEPTH {
        for place in 0..distances.len() {
            let distance = |(_, value): (&str, &Value)| match value {
                Value::Tensor(_) => 0,
                Value::Dict(inner) => distances[*inner].saturating_add(1).min(MAX_DEPTH),
                _ => MAX_DEPTH,
            };
            distances[place] = named(pickle, place).into_iter().map(distance).min().unwrap_or(MAX_DEPTH);
        }
    }
    distances
}

/// The entries whose key is text.
fn named(pickle: &Pickle, place: usize) -> Vec<(&str, &Value)> {
    let mut entries = vec![];
    for (key, value) in &pickle.dicts[place] {
        if let Value::Text(key) = key {
            entries.push((key.as_ref(), value));
        }
    }
    entries
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Tensor(_) => "a single tensor",
        Value::Sequence(_) => "a list",
        Value::Dict(_) => "a dict",
        _ => "no tensors",
    }
}
