//! The metric `nearest`: which real pictures come closest to samples, and whether samples come too close.

use super::features::compared;
use super::measurement::{Figures, Measurement, Row};
use super::trial::{Side, Trial};
use crate::Result;
use crate::image::{Filter, Fit, Shape, conform, grid, resize};
use crate::metric::median;
use crate::metric::neighbours::nearest;

/// Samples of the picture, a row each.
const N_ROWS: usize = 8;

/// Real pictures in each row.
const N_NEAREST: usize = 5;

pub(super) fn take(trial: &Trial) -> Result<Measurement> {
    let (real, fake) = (&trial.seen(Side::Real)?.features, &trial.seen(Side::Fake)?.features);
    let k = N_NEAREST.min(real.n_samples());
    let neighbours = nearest(fake, real, k)?;
    let of_fakes = median(neighbours.iter().map(|row| row[0].distance).collect());
    // The nearest real picture of a real picture is itself.
    let of_reals = nearest(real, real, 2)?;
    let of_reals =
        median(of_reals.iter().enumerate().map(|(i, row)| row[usize::from(row[0].index == i)].distance).collect());
    let rows: Vec<Row> = neighbours
        .into_iter()
        .take(N_ROWS)
        .enumerate()
        .map(|(sample, neighbours)| Row { sample, neighbours })
        .collect();

    let mut shape: Option<Shape> = None;
    let mut cells = vec![];
    for Row { sample, neighbours } in &rows {
        let reals = neighbours.iter().map(|neighbour| trial.picture(Side::Real, neighbour.index));
        for picture in std::iter::once(trial.picture(Side::Fake, *sample)).chain(reals) {
            let picture = picture?;
            let Shape { channels, height, width } = *shape.get_or_insert(picture.shape());
            let same = Shape { channels, ..picture.shape() };
            cells.push(resize(conform(picture, same, Fit::Stretch), height, width, Filter::Bicubic));
        }
    }
    let figures = Figures::Nearest { of_fakes, of_reals, rows };
    let words = format!("Euclidean distance of features, {k} nearest");
    let measurement = compared(trial, "nearest", ["nearest"; 2], ("", &words), figures)?;
    Ok(measurement.with_picture(grid(&cells, k + 1)))
}
