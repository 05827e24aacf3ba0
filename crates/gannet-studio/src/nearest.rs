//! The training pictures nearest to a sample: what memorisation is seen by.
//!
//! Distances are taken between pixels of pictures no larger than [`SIDE`], so that a shifted or noisy copy is still near.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gannet::data::{self, Dataset};
use gannet::image::{self, Filter, Shape};
use gannet::metric::Features;
use gannet::metric::neighbours::nearest;
use serde_json::{Value, json};

use crate::Shared;
use crate::api::find;
use crate::problem::Problem;
use crate::samplers::Sampler;
use crate::sampling::{Wish, places};
use crate::turns::in_turn;

/// Neighbours shown.
const N_NEAREST: usize = 8;
/// Pictures compared with; of larger sets as many, evenly chosen.
const MAX_POOL: usize = 10_000;
/// The longest side of what is compared, in pixels.
const SIDE: usize = 32;

/// The pictures of the run asked about last.
#[derive(Default)]
pub(crate) struct Pools(Mutex<Option<(PathBuf, Arc<Pool>)>>);

struct Pool {
    dataset: Arc<dyn Dataset>,
    /// Which of the data set's pictures are compared with.
    indices: Vec<usize>,
    features: Features,
}

impl Pools {
    fn open(&self, path: &Path, sampler: &Sampler) -> Result<Arc<Pool>, Problem> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = lock().as_ref().filter(|(known, _)| known == path) {
            return Ok(pool.clone());
        }
        let card = sampler.card();
        let dataset = data::open(&card.config.data, card.config.train.seed)?.dataset;
        let n = dataset.len();
        let n_pool = n.min(MAX_POOL);
        let indices: Vec<usize> = (0..n_pool).map(|i| i * n / n_pool).collect();
        let mut values = vec![];
        for &index in &indices {
            values.extend(compared(&dataset.read(index)?.values, card.shape));
        }
        let n_features = values.len() / n_pool.max(1);
        let pool = Arc::new(Pool { features: Features::new(values, n_features)?, indices, dataset });
        *lock() = Some((path.to_path_buf(), pool.clone()));
        Ok(pool)
    }
}

/// The pixels that distances are taken between.
fn compared(values: &[f32], shape: Shape) -> Vec<f32> {
    let picture = image::from_unit(values, shape);
    let longest = shape.height.max(shape.width);
    let [height, width] = [shape.height, shape.width].map(|side| (side * SIDE.min(longest) / longest).max(1));
    let small = image::resize(picture, height, width, Filter::Bilinear);
    image::to_unit(&small)
}

/// `POST /api/nearest`: for the first sample of a wish, the nearest pictures of the run's data with their distance, the
/// root mean squared difference of a pixel's values in [0, 255].
pub(crate) async fn find_nearest(
    State(studio): State<Shared>,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(mut wish) = wish.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    wish.keep_first();
    wish.check()?;
    let path = find(&studio, wish.run()).await?;
    in_turn(&studio, move |studio| {
        let sampler = studio.samplers.open(&path)?;
        if wish.is_moved() {
            sampler.find_directions()?;
        }
        let (places, class, shape) = places(&sampler, &wish)?;
        if shape.is_point() {
            return Err(Problem::bad("this generator makes points, which have no pictures"));
        }
        let pool = studio.pools.open(&path, &sampler)?;
        let values = sampler.values(&places, class)?;
        let query = compared(&values[0], shape);
        let n_features = query.len();
        let k = N_NEAREST.min(pool.indices.len());
        let found = nearest(&Features::new(query, n_features)?, &pool.features, k)?.remove(0);
        let neighbour = |neighbour: gannet::metric::neighbours::Neighbour| {
            let index = pool.indices[neighbour.index];
            let picture = image::from_unit(&pool.dataset.read(index)?.values, shape);
            let png = image::encode_png(&picture, &[])
                .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error))?;
            let distance = 127.5 * neighbour.distance / (n_features as f64).sqrt();
            Ok(json!({ "index": index, "distance": distance, "png": BASE64_STANDARD.encode(png) }))
        };
        let neighbours = found.into_iter().map(neighbour).collect::<Result<Vec<Value>, Problem>>()?;
        Ok(Json(json!({ "neighbours": neighbours, "n_compared": pool.indices.len(), "n_data": pool.dataset.len() })))
    })
    .await
}
