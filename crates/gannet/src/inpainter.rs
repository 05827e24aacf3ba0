//! A trained network that fills holes, on its own: one self-describing file, a picture and a mask in, a picture out.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::degrade::Holes;
use crate::image::{self, Fit, Picture, Shape};
use crate::net::{GatedConfig, GatedGenerator};
use crate::nn::state::{self, Tensors};
use crate::nn::{self, Init};
use crate::run::{Config, checkpoint};
use crate::{Error, Result, device};

pub(crate) const KIND: &str = "inpainter";

/// Bytes of each value that a layer puts out: itself and what it was made of.
const BYTES_PER_ACTIVATION: u64 = 8;

/// What the file of such a network says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of gannet that wrote it.
    pub gannet: String,
    /// Shape of the pictures that it was trained on; it fills others too.
    pub shape: Shape,
    /// Its network.
    pub net: GatedConfig,
    /// The holes that it was trained on.
    pub holes: Holes,
    /// Real images shown before it was written.
    pub images_seen: u64,
    /// What it was trained on, in words.
    pub data: String,
    /// The settings of its training.
    pub config: Config,
}

/// A network that fills holes, ready to use.
pub struct Inpainter {
    card: Card,
    network: GatedGenerator,
    device: Device,
}

impl Inpainter {
    /// Reads `generator.safetensors`, or the one in a run's folder, onto the CPU.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = if path.is_dir() { path.join("generator.safetensors") } else { path.to_path_buf() };
        if path.is_dir() && !file.exists() {
            let reason = "no generator.safetensors in this folder; a run writes it at its first snapshot";
            return Err(Error::file(path, reason));
        }
        let (card, tensors) = checkpoint::read::<Card>(&file, KIND)?;
        let refuse = |reason| Error::file(&file, reason);
        check(&card, &tensors).map_err(refuse)?;
        let device = device::open_default()?;
        let network = card.net.init(card.shape.channels, &mut Init::blank(&device));
        let network = state::load(network, "", &tensors).map_err(refuse)?.valid();
        Ok(Self { card, network, device })
    }

    /// A network just trained, described by `card`.
    pub(crate) fn new(card: Card, network: &GatedGenerator, device: &Device) -> Self {
        Self { card, network: network.valid(), device: device.clone().without_autodiff() }
    }

    /// Writes it to `path`, atomically.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        checkpoint::write(path.as_ref(), KIND, &self.card, &self.tensors())
    }

    /// The weights by their names.
    pub(crate) fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        state::save(&self.network, "", &mut tensors);
        tensors
    }

    /// What the file says of itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// `picture` with what belongs where `mask`, of the same size, is white or transparent. All other pixels, and alpha
    /// everywhere, are those of `picture`, bit for bit.
    pub fn fill(&self, picture: &Picture, mask: &Picture) -> Result<Picture> {
        if (picture.width, picture.height) != (mask.width, mask.height) {
            return Err(Error::setting(format!(
                "the mask has {}x{} pixels and the picture {}x{}, accepted: a mask of the picture's size",
                mask.width, mask.height, picture.width, picture.height
            )));
        }
        self.check_memory(picture.shape())?;
        let grey = |picture: &Picture| Shape { channels: 1, ..picture.shape() };
        let shade = image::to_unit(&image::conform(mask.clone(), grey(mask), Fit::Stretch));
        let holes: Vec<f32> = shade.iter().map(|shade| if *shade > 0.0 { 1.0 } else { 0.0 }).collect();
        let shape = Shape { channels: self.card.shape.channels, ..picture.shape() };
        let seen = image::to_unit(&image::conform(picture.clone(), shape, Fit::Stretch));
        let output = image::from_unit(&self.values(&seen, &holes, shape), shape);
        Ok(image::replaced(picture, output, |pixel| holes[pixel] == 1.0))
    }

    /// What belongs into `picture` `[C, H, W]` in [-1, 1], where `holes` `[H, W]` are 1, as a whole picture.
    pub(crate) fn values(&self, picture: &[f32], holes: &[f32], Shape { channels, height, width }: Shape) -> Vec<f32> {
        let tensor = |values: &[f32], n: usize| {
            Tensor::from_data(TensorData::new(values.to_vec(), [1, n, height, width]), &self.device)
        };
        let [picture, holes] = [tensor(picture, channels), tensor(holes, 1)];
        let output = nn::in_use(|| self.network.forward(picture, holes));
        output.into_data().iter::<f32>().collect()
    }

    fn check_memory(&self, shape: Shape) -> Result<()> {
        let needed = self.card.net.plan(shape).n_activations().saturating_mul(BYTES_PER_ACTIVATION);
        let available = device::free_memory();
        if needed <= available {
            return Ok(());
        }
        let (needed_mb, available_mb) = (needed / 1_000_000, available / 1_000_000);
        let advice = format!("give a smaller picture than {}x{}, or a part of it", shape.width, shape.height);
        Err(Error::Memory { needed_mb, available_mb, advice })
    }
}

/// Refuses a description that the file's own tensors do not bear out, before any memory is taken for it.
fn check(card: &Card, tensors: &Tensors) -> std::result::Result<(), String> {
    if !matches!(card.shape.channels, 1 | 3) {
        return Err(format!("fills pictures of {} channels, accepted: 1 or 3", card.shape.channels));
    }
    let problems = card.net.problems();
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let planned = card.net.plan(card.shape).n_parameters();
    let held: u64 = tensors.values().map(|data| data.num_elements() as u64).sum();
    if planned == held {
        return Ok(());
    }
    Err(format!("describes a network of {planned} weights and holds {held}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Samples;
    use crate::random::Purpose;

    fn inpainter(channels: usize) -> Inpainter {
        let shape = Shape { channels, height: 32, width: 32 };
        let device = device::open_default().unwrap();
        let net = GatedConfig { width: 2, blocks: 1 };
        let network = net.init(channels, &mut Init::new(0, Purpose::GeneratorWeights, &device));
        let (gannet, data) = (String::new(), String::new());
        let config = Config { data: Default::default(), method: toml::Table::new(), train: Default::default() };
        let card = Card { gannet, shape, net, holes: Holes::Both, images_seen: 0, data, config };
        Inpainter::new(card, &network, &device)
    }

    #[test]
    fn known_pixels_stay_bit_for_bit_in_pictures_of_any_kind() {
        for (channels, is_deep, n_net) in [(1, false, 3), (3, true, 3), (4, false, 3), (4, true, 1), (3, false, 1)] {
            let (height, width) = (9, 13);
            let n = channels * height * width;
            let samples = match is_deep {
                true => Samples::U16((0..n).map(|i| (i * 9973 % 65536) as u16).collect()),
                false => Samples::U8((0..n).map(|i| (i * 37 % 256) as u8).collect()),
            };
            let picture = Picture { width, height, channels, samples };
            let is_hole = |pixel: usize| (20..60).contains(&pixel);
            let mask = (0..height * width).map(|pixel| if is_hole(pixel) { 255 } else { 0 }).collect();
            let mask = Picture::from_u8(Shape { channels: 1, height, width }, mask);
            let filled = inpainter(n_net).fill(&picture, &mask).unwrap();
            assert_eq!(filled.shape(), picture.shape());
            let values = |picture: &Picture| match &picture.samples {
                Samples::U8(samples) => samples.iter().map(|v| u16::from(*v)).collect::<Vec<_>>(),
                Samples::U16(samples) => samples.clone(),
            };
            let (before, after) = (values(&picture), values(&filled));
            for i in 0..n {
                let is_alpha = channels == 4 && i % 4 == 3;
                assert!(is_hole(i / channels) && !is_alpha || before[i] == after[i], "{channels} channels, sample {i}");
            }
            assert_ne!(before, after);
        }
    }

    #[test]
    fn what_is_in_a_hole_does_not_matter() {
        let shape = Shape { channels: 3, height: 16, width: 16 };
        let mask = (0..256).map(|i| if i < 100 { 255 } else { 0 }).collect();
        let mask = Picture::from_u8(Shape { channels: 1, ..shape }, mask);
        let with = |value: u8| {
            let samples = (0..768).map(|i| if i < 300 { value } else { (i % 251) as u8 }).collect();
            inpainter(3).fill(&Picture::from_u8(shape, samples), &mask).unwrap()
        };
        assert_eq!(with(0), with(200));
    }

    #[test]
    fn a_mask_of_another_size_is_refused() {
        let picture = |width| Picture::from_u8(Shape { channels: 1, height: 4, width }, vec![0; 4 * width]);
        let error = inpainter(1).fill(&picture(5), &picture(4)).err().unwrap().to_string();
        assert_eq!(error, "the mask has 4x4 pixels and the picture 5x4, accepted: a mask of the picture's size");
    }
}
