//! Pictures enlarged by a trained network: one file in, large pictures out, in memory that does not grow with them.
//!
//! A picture goes through the network in strips of rows, and where even a few of its rows are too many in bands of
//! columns as well. Both change nothing: the result equals that of the whole picture at once, bit for bit. Strips cost
//! nothing ([`Strips`]); bands overlap by twice as much as a pixel sees.

mod channels;
mod plan;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::ops::Range;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::degrade::Degradation;
use crate::image::{Picture, Samples, Shape, interleave, plane};
use crate::net::upscaler::{self, Graph, Strips, UpscalerConfig};
use crate::nn::Init;
use crate::nn::state::{self, Tensors};
use crate::run::{Config, checkpoint};
use crate::{Error, Result, device};

pub use plan::Plan;

use channels::Channels;

/// What files of these networks are called within.
pub(crate) const KIND: &str = "upscaler";

/// What such a file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of gannet that wrote it.
    pub gannet: String,
    /// Its network.
    pub net: UpscalerConfig,
    /// The file that its weights were read from, or what it was trained by and on.
    pub source: String,
    /// SHA-256 of that file; none where it was trained here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Its training; none where its weights came from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
}

/// How such a network was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Real images shown before it was written.
    pub images_seen: u64,
    /// What it was trained on, in words.
    pub data: String,
    /// How the pictures that it was shown were made.
    pub degrade: Degradation,
    /// The settings of its training.
    pub config: Config,
}

/// A network that enlarges, ready for use.
pub struct Upscaler {
    card: Card,
    network: upscaler::Upscaler,
    graph: Graph,
    device: Device,
}

impl Upscaler {
    /// The network of `card` with its weights from `tensors`, or what is missing.
    pub fn new(card: Card, tensors: &Tensors, device: &Device) -> Result<Self, String> {
        if UpscalerConfig::of(tensors).as_ref() != Some(&card.net) {
            return Err(format!("describes another network than its tensors make: {:?}", card.net));
        }
        let device = device.clone().without_autodiff();
        let network = card.net.init(&mut Init::blank(&device));
        let network = state::load(network, "", tensors)?.valid();
        Ok(Self { card, graph: network.graph(), network, device })
    }

    /// A `network` just trained, which `card` describes.
    pub(crate) fn of_network(card: Card, network: upscaler::Upscaler, device: &Device) -> Self {
        let network = network.valid();
        Self { card, graph: network.graph(), network, device: device.clone().without_autodiff() }
    }

    /// One image of `shape`, `[C, H, W]` in [-1, 1], enlarged as a whole, in [-1, 1] but for what the network overshoots. Its
    /// channels are the network's, its sides [multiples](UpscalerConfig::multiple).
    pub fn values(&self, image: &[f32], shape: Shape) -> Vec<f32> {
        let data = TensorData::new(image.to_vec(), [1, shape.channels, shape.height, shape.width]);
        let image = Tensor::from_data(data, &self.device);
        let large = self.card.net.enlarge(image, |image| {
            let mut strips = Strips::new(&self.graph, shape.height, true);
            let mut rows: Vec<Tensor<4>> = strips.push(image).into_iter().collect();
            while !strips.is_done() {
                rows.extend(strips.flush());
            }
            Tensor::cat(rows, 2)
        });
        large.into_data().iter::<f32>().collect()
    }

    /// Reads a file that [`save`](Self::save) wrote; [`convert::open`](crate::convert::open) reads others' too.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let (card, tensors) = checkpoint::read::<Card>(path, KIND)?;
        Self::new(card, &tensors, device).map_err(|reason| Error::file(path, reason))
    }

    /// Writes it to `path`, atomically.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut tensors = Tensors::new();
        state::save(&self.network, "", &mut tensors);
        checkpoint::write(path.as_ref(), KIND, &self.card, &tensors)
    }

    /// What the file says of itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Its layers.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The network itself.
    pub fn network(&self) -> &upscaler::Upscaler {
        &self.network
    }

    /// Pixels of the result for one of the picture, in each direction.
    pub fn scale(&self) -> usize {
        self.card.net.scale()
    }

    /// How `picture` is cut up: by the memory that is free or, where `band` is given, into bands of so many columns.
    pub fn plan(&self, picture: &Picture, band: Option<usize>) -> Result<Plan> {
        let n_images = Channels::of(picture, self.card.net.channels()).images.len();
        let free = device::free_memory();
        Plan::new(&self.graph, [picture.height, picture.width], self.card.net.multiple(), n_images, band, free)
    }

    /// The enlarged picture, with the channels and bits of `picture`, as it leaves the network: some rows at a time, as
    /// [`interleave`] has them, are given to `emit`. `watch` is told which share is done, and stops the work, whose result
    /// is then false, by answering false.
    pub fn enlarge(
        &self,
        picture: &Picture,
        plan: &Plan,
        emit: &mut dyn FnMut(&[u8]) -> Result<()>,
        watch: &mut dyn FnMut(f64) -> bool,
    ) -> Result<bool> {
        let n_bands = plan.bands.len();
        let mut earlier: Vec<(File, usize)> = vec![];
        for (i, band) in plan.bands.iter().enumerate() {
            let row_bytes = band.len() * self.scale() * picture.n_bytes() / (picture.width * picture.height).max(1);
            let mut watch = |share: f64| watch((i as f64 + share) / n_bands as f64);
            let is_done = if i + 1 < n_bands {
                // Not memory but disk: only the last band meets the others, row by row.
                let mut file = tempfile::tempfile().map_err(Error::io("write", std::env::temp_dir()))?;
                let mut keep = |rows: &[u8]| file.write_all(rows).map_err(Error::io("write", std::env::temp_dir()));
                let is_done = self.band(picture, plan, band, &mut keep, &mut watch)?;
                file.rewind().map_err(Error::io("read", std::env::temp_dir()))?;
                earlier.push((file, row_bytes));
                is_done
            } else {
                let mut join = |rows: &[u8]| emit(&joined(&mut earlier, rows, row_bytes)?);
                self.band(picture, plan, band, &mut join, &mut watch)?
            };
            if !is_done {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The enlarged columns `band`, some rows at a time.
    fn band(
        &self,
        picture: &Picture,
        plan: &Plan,
        band: &Range<usize>,
        emit: &mut dyn FnMut(&[u8]) -> Result<()>,
        watch: &mut dyn FnMut(f64) -> bool,
    ) -> Result<bool> {
        let (net, scale) = (&self.card.net, self.scale());
        let channels = Channels::of(picture, net.channels());
        let is_deep = matches!(picture.samples, Samples::U16(_));
        let columns = plan.columns_around(band);
        let height = plan.height();
        let mut strips = Strips::new(&self.graph, height, plan.by_lines);
        let mut n_emitted = 0;
        for first in (0..height).step_by(plan.rows) {
            let rows = first..(first + plan.rows).min(height);
            let shown = |channel: &usize| plane(picture, *channel, [rows.clone(), columns.clone()], net.range());
            let values: Vec<f32> = channels.images.iter().flatten().flat_map(shown).collect();
            let shape = [channels.images.len(), net.channels(), rows.len(), columns.len()];
            let strip = Tensor::from_data(TensorData::new(values, shape), &self.device);
            let mut large = strips.push(strip);
            // Behind the last strip there are rows that waited for it.
            loop {
                // Rows and columns that only filled up a multiple are cut off.
                let left = picture.height * scale - n_emitted;
                if let Some(large) = large.filter(|_| left > 0) {
                    let n_rows = large.dims()[2].min(left);
                    let width = band.len() * scale;
                    let large = large.narrow(2, 0, n_rows).narrow(3, (band.start - columns.start) * scale, width);
                    let planes = channels.planes(large);
                    let planes: Vec<Option<&[f32]>> = planes.iter().map(|plane| plane.as_deref()).collect();
                    emit(&interleave(&planes, n_rows * width, net.range(), is_deep))?;
                    n_emitted += n_rows;
                }
                if !watch(n_emitted as f64 / (picture.height * scale) as f64) {
                    return Ok(false);
                }
                if rows.end < height || strips.is_done() {
                    break;
                }
                large = strips.flush();
            }
        }
        Ok(true)
    }
}

/// Whole rows, from those of the `last` band and of the bands before it.
fn joined(earlier: &mut [(File, usize)], last: &[u8], row_bytes: usize) -> Result<Vec<u8>> {
    let mut rows = Vec::with_capacity(last.len());
    for last in last.chunks_exact(row_bytes) {
        for (file, row_bytes) in earlier.iter_mut() {
            let start = rows.len();
            rows.resize(start + *row_bytes, 0);
            file.read_exact(&mut rows[start..]).map_err(Error::io("read", std::env::temp_dir()))?;
        }
        rows.extend(last);
    }
    Ok(rows)
}
