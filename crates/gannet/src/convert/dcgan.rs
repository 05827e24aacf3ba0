//! The generator of PyTorch's DCGAN tutorial: `main` counts transposed convolution, batch norm and ReLU, layer by layer.

use super::{Model, Source, config};
use crate::generator::{Card, Generator};
use crate::image::Shape;
use crate::method;
use crate::net::{DcganConfig, NetConfig};
use crate::nn::state::Tensors;

/// Modules of `main` for each layer.
const STEP: usize = 3;
/// Side of the first layer's output.
const BASE: usize = 4;

/// The generator whose tensors these are, if they are one's.
pub(super) fn generator(source: &Source) -> Option<Result<Model, String>> {
    let kernel = |layer: usize| -> Option<[usize; 4]> {
        source.tensors.get(&format!("main.{}.weight", STEP * layer))?.shape().as_slice().try_into().ok()
    };
    let [latent, _, BASE, BASE] = kernel(0)? else { return None };
    let n_layers = (0..16).take_while(|layer| kernel(*layer).is_some()).count();
    let [width, channels, ..] = kernel(n_layers - 1)?;
    (n_layers > 1).then(|| {
        let side = BASE << (n_layers - 1);
        let shape = Shape { channels, height: side, width: side };
        let net = NetConfig::Dcgan(DcganConfig { latent, width, ..DcganConfig::default() });
        named(source.tensors, n_layers).and_then(|tensors| {
            let card = card(source, shape, net)?;
            Generator::of_tensors(card, &tensors).map(Model::Generator)
        })
    })
}

/// Under the names that a generator's file has.
fn named(tensors: &Tensors, n_layers: usize) -> Result<Tensors, String> {
    let mut named = Tensors::new();
    for (name, data) in tensors {
        let parts: Vec<&str> = name.split('.').collect();
        let place = match parts[..] {
            ["main", place, part] => place.parse::<usize>().ok().map(|place| (place / STEP, place % STEP, part)),
            _ => None,
        };
        match place {
            Some((layer, 0, "weight")) if layer < n_layers => {
                named.insert(format!("generator.layers.{layer}.conv.weight"), data.clone());
            }
            // How many batches were seen says nothing.
            Some((_, 1, "num_batches_tracked")) => {}
            Some((layer, 1, part @ ("weight" | "bias" | "running_mean" | "running_var"))) if layer < n_layers => {
                named.insert(format!("generator.layers.{layer}.norm.{part}"), data.clone());
            }
            _ => return Err(format!("it also holds `{name}`, which that layout has not")),
        }
    }
    Ok(named)
}

fn card(source: &Source, shape: Shape, net: NetConfig) -> Result<Card, String> {
    let config = config(source, method::suited(shape).name, &net)?;
    Ok(Card {
        gannet: env!("CARGO_PKG_VERSION").to_owned(),
        shape,
        classes: vec![],
        n_classes: 0,
        n_codes: 0,
        net,
        images_seen: 0,
        data: source.describe(),
        score: None,
        config,
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn modules_are_named_by_their_layers() {
        let tensor = || TensorData::new(vec![0f32; 1], [1]);
        let from = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), tensor())).collect::<Tensors>();
        let all =
            named(&from(&["main.0.weight", "main.1.running_var", "main.1.num_batches_tracked", "main.3.weight"]), 2);
        let names: Vec<String> = all.unwrap().into_keys().collect();
        let expected = ["layers.0.conv.weight", "layers.0.norm.running_var", "layers.1.conv.weight"];
        assert_eq!(names, expected.map(|name| format!("generator.{name}")));
        assert!(named(&from(&["main.0.bias"]), 2).unwrap_err().contains("`main.0.bias`"));
    }
}
