//! Seeds and grids as users write them.

use anyhow::{Context, bail};

/// More seeds than this are taken for a typing error.
const MAX_SEEDS: u64 = 1_000_000;

/// Columns and rows from "8x4".
pub(crate) fn parse_grid(text: &str) -> anyhow::Result<[usize; 2]> {
    let sides = text.split_once('x').and_then(|(columns, rows)| Some([columns.parse().ok()?, rows.parse().ok()?]));
    let is_fit = |sides: &[usize; 2]| sides.iter().all(|side| (1..=256).contains(side));
    sides
        .filter(is_fit)
        .with_context(|| format!("--grid is `{text}`, accepted: columns x rows such as 8x8, up to 256x256"))
}

/// Seeds from "0-63" or "1,5,9-12".
pub(crate) fn parse_seeds(text: &str) -> anyhow::Result<Vec<u64>> {
    let wrong =
        || format!("--seeds is `{text}`, accepted: numbers and ranges such as 0-63 or 1,5,9-12, at most {MAX_SEEDS}");
    let mut seeds = vec![];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) =
            (first.trim().parse().with_context(wrong)?, last.trim().parse().with_context(wrong)?);
        if first > last || last - first >= MAX_SEEDS || seeds.len() as u64 + (last - first) >= MAX_SEEDS {
            bail!(wrong());
        }
        seeds.extend(first..=last);
    }
    Ok(seeds)
}

/// Seeds as they are noted in a file: the first and the last of many.
pub(crate) fn list_of(seeds: &[u64]) -> String {
    let is_range = seeds.windows(2).all(|pair| pair[1] == pair[0] + 1);
    match seeds {
        [first, .., last] if is_range => format!("{first}-{last}"),
        _ => seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_and_ranges() {
        assert_eq!(parse_seeds("1,5,9-11").unwrap(), [1, 5, 9, 10, 11]);
        for wrong in ["", "a", "3-1", "1-", "0-99999999999"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_grid_has_columns_and_rows() {
        assert_eq!(parse_grid("8x4").unwrap(), [8, 4]);
        for wrong in ["8", "0x4", "8x", "1000x1"] {
            assert!(parse_grid(wrong).is_err(), "{wrong}");
        }
    }
}
