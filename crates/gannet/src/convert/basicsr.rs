//! Networks that enlarge, with the tensor names of BasicSR, which are ours, or of what came before it.

use super::{Model, Source};
use crate::device;
use crate::net::upscaler::UpscalerConfig;
use crate::nn::state::Tensors;
use crate::upscale::{Card, Upscaler};

/// RRDBNet.
pub(super) fn rrdbnet(source: &Source) -> Option<Result<Model, String>> {
    of_family(source, |net| matches!(net, UpscalerConfig::Rrdb(_)))
}

/// SRVGGNetCompact.
pub(super) fn srvgg(source: &Source) -> Option<Result<Model, String>> {
    of_family(source, |net| matches!(net, UpscalerConfig::Srvgg(_)))
}

/// SRResNet.
pub(super) fn srresnet(source: &Source) -> Option<Result<Model, String>> {
    of_family(source, |net| matches!(net, UpscalerConfig::Srresnet(_)))
}

/// RRDBNet with other names: what stands here for what.
const FIRST_NAMES: [(&str, &str); 8] = [
    ("RRDB_trunk.", "body."),
    (".RDB1.", ".rdb1."),
    (".RDB2.", ".rdb2."),
    (".RDB3.", ".rdb3."),
    ("trunk_conv.", "conv_body."),
    ("upconv1.", "conv_up1."),
    ("upconv2.", "conv_up2."),
    ("HRconv.", "conv_hr."),
];

/// RRDBNet as ESRGAN's first files have it.
pub(super) fn first_esrgan(source: &Source) -> Option<Result<Model, String>> {
    if !source.tensors.contains_key("trunk_conv.weight") {
        return None;
    }
    let renamed = |name: &String| FIRST_NAMES.iter().fold(name.clone(), |name, (from, to)| name.replace(from, to));
    let tensors: Tensors = source.tensors.iter().map(|(name, data)| (renamed(name), data.clone())).collect();
    rrdbnet(&Source { tensors: &tensors, file: source.file.clone(), sha256: source.sha256 })
}

fn of_family(source: &Source, is_of_it: fn(&UpscalerConfig) -> bool) -> Option<Result<Model, String>> {
    let net = UpscalerConfig::of(source.tensors).filter(is_of_it)?;
    let card = Card {
        gannet: env!("CARGO_PKG_VERSION").to_owned(),
        net,
        source: source.file.clone(),
        sha256: Some(source.sha256.to_owned()),
        training: None,
    };
    let device = device::open_default().map_err(|error| error.to_string());
    let network = device.and_then(|device| Upscaler::new(card, source.tensors, &device));
    Some(network.map(Model::Upscaler))
}
