//! Nearest neighbours in the space of features or pixels: what memorisation is seen by.
//!
//! Candidates are found by products of all pairs (see `products`), the distances of those that stay are taken again from
//! differences, so that a copy is at distance 0 and a near copy at its true distance.

use serde::Serialize;

use super::Features;
use super::features::check_widths;
use super::products::map_squared_distances;
use crate::error::{Error, Result};

/// One of the samples nearest to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// Its row.
    pub index: usize,
    /// Euclidean.
    pub distance: f64,
}

/// The `k` rows of `pool` nearest to each row of `queries`, nearest first, of equally near ones the earlier first.
///
/// A generator that copies has fakes nearer to the training set than held-out reals are: ask for both.
pub fn nearest(queries: &Features, pool: &Features, k: usize) -> Result<Vec<Vec<Neighbour>>> {
    check_widths(pool.n_features(), queries.n_features())?;
    let n = pool.n_samples();
    if k == 0 || k > n {
        return Err(Error::features(format!("{k} neighbours among {n} samples, accepted: 1 to {n}")));
    }
    Ok(map_squared_distances(queries, pool, |query, row| {
        let mut order: Vec<usize> = (0..n).collect();
        let nearer = |a: &usize, b: &usize| row[*a].total_cmp(&row[*b]).then(a.cmp(b));
        order.select_nth_unstable_by(k - 1, nearer);
        let exact = |&index: &usize| Neighbour { index, distance: distance(queries.row(query), pool.row(index)) };
        let mut neighbours: Vec<Neighbour> = order[..k].iter().map(exact).collect();
        neighbours.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
        neighbours
    }))
}

/// The Euclidean distance between two samples.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
}

/// The balls around samples that reach to the k-th neighbour among the others: an estimate of where a set lies.
pub(super) struct Manifold<'a> {
    pub(super) centres: &'a Features,
    squared_radii: Vec<f64>,
}

impl<'a> Manifold<'a> {
    /// Balls around `centres`, of which there are more than `k`.
    pub(super) fn new(centres: &'a Features, k: usize) -> Result<Self> {
        let n = centres.n_samples();
        if k == 0 || k >= n {
            return Err(Error::features(format!("neighbour {k} among {n} samples, accepted: 1 to {}", n - 1)));
        }
        let squared_radii = map_squared_distances(centres, centres, |own, row| {
            let mut others: Vec<f64> = [&row[..own], &row[own + 1..]].concat();
            *others.select_nth_unstable_by(k - 1, f64::total_cmp).1
        });
        Ok(Self { centres, squared_radii })
    }

    /// Whether the ball around sample `centre` holds what is at `squared_distance` from it. Balls are closed, with room
    /// for what rounding does to a distance that is computed twice.
    pub(super) fn holds(&self, centre: usize, squared_distance: f64) -> bool {
        squared_distance <= self.squared_radii[centre] * (1.0 + 1e-9)
    }

    /// The share of `samples` that lie in any ball.
    pub(super) fn share_inside(&self, samples: &Features) -> f64 {
        let is_inside = map_squared_distances(samples, self.centres, |_, row| {
            row.iter().enumerate().any(|(centre, distance)| self.holds(centre, *distance))
        });
        is_inside.iter().filter(|inside| **inside).count() as f64 / samples.n_samples() as f64
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::random::{self, Purpose};

    /// 600 samples of `n_modes` Gaussians, far apart, in turn.
    pub(in crate::metric) fn modes(seed: u64, n_modes: usize, scale: f32) -> Features {
        let noise = random::normal(&mut random::stream(seed, Purpose::Synthetic, 0), 600 * 4);
        let place = |i: usize| if i.is_multiple_of(4) { 50.0 * ((i / 4) % n_modes) as f32 } else { 0.0 };
        Features::new(noise.into_iter().enumerate().map(|(i, v)| scale * v + place(i)).collect(), 4).unwrap()
    }

    #[test]
    fn neighbours_are_those_of_a_full_search() {
        let draw = |seed, n: usize| {
            Features::new(random::normal(&mut random::stream(seed, Purpose::Synthetic, 0), n * 6), 6).unwrap()
        };
        let (queries, pool) = (draw(1, 20), draw(2, 150));
        for (query, found) in queries.rows().zip(nearest(&queries, &pool, 4).unwrap()) {
            let mut all: Vec<(f64, usize)> = pool.rows().map(|row| distance(query, row)).zip(0..).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let expected: Vec<Neighbour> = all.iter().map(|&(distance, index)| Neighbour { index, distance }).collect();
            assert_eq!(found, expected[..4]);
        }
    }

    #[test]
    fn copies_are_at_distance_zero_and_near_copies_at_theirs() {
        let pool = Features::new(vec![100.0, 100.0, 100.0, 100.001, 0.0, 0.0, 100.0, 100.0], 2).unwrap();
        let found = nearest(&pool.select(&[3]), &pool, 3).unwrap().remove(0);
        assert_eq!(found.iter().map(|neighbour| neighbour.index).collect::<Vec<_>>(), [0, 3, 1]);
        assert_eq!([found[0].distance, found[1].distance], [0.0, 0.0]);
        assert!((found[2].distance - f64::from(100.001f32 - 100.0)).abs() < 1e-12);
    }

    #[test]
    fn more_neighbours_than_samples_are_refused() {
        let pool = Features::new(vec![0.0, 1.0], 1).unwrap();
        let problem = nearest(&pool, &pool, 3).unwrap_err().to_string();
        assert_eq!(problem, "3 neighbours among 2 samples, accepted: 1 to 2");
        let problem = Manifold::new(&pool, 2).err().unwrap().to_string();
        assert_eq!(problem, "neighbour 2 among 2 samples, accepted: 1 to 1");
    }
}
