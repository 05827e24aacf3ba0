//! Networks of ncnn: a `.param` file that lists layers line by line, and a `.bin` file with their weights in that order.
//!
//! The first line of the list is a magic number, the second the numbers of layers and of blobs. A layer's line holds its
//! kind, its name, how many blobs it reads and writes, these, and settings `key=value`, of which `-233xx=n,a,b` is a list
//! of n values for key xx. A convolution's weights begin with a tag that says how they are stored; its bias and the slopes
//! of a PReLU are plain f32. All is little-endian.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{TensorData, f16};
use sha2::{Digest, Sha256};

use super::hex;
use crate::{Error, Result};

const MAGIC: &str = "7767517";
/// Weights of 16 bits, padded to 4 bytes.
const TAG_F16: u32 = 0x0130_6B47;
/// Weights of 32 bits.
const TAG_F32: u32 = 0;
/// Lists begin here: key k is written as -23300 - k.
const FIRST_LIST: i64 = -23300;
/// The largest number of channels, pixels or weights.
const MAX_SETTING: f64 = 1e9;
/// The longest list of layers, in bytes.
const MAX_PARAM_BYTES: u64 = 16 << 20;

/// A network as ncnn stores it.
#[derive(Debug)]
pub struct Ncnn {
    /// In the order of their computation.
    pub layers: Vec<Layer>,
    /// SHA-256 of the list and the weights, one behind the other.
    pub sha256: String,
}

/// One line of the list, with its weights.
#[derive(Debug, Default)]
pub struct Layer {
    /// As `Convolution`.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// Blobs it reads.
    pub inputs: Vec<String>,
    /// Blobs it writes.
    pub outputs: Vec<String>,
    /// Settings by key; a single value is a list of one.
    pub settings: BTreeMap<i64, Vec<f64>>,
    /// `[out, in, kernel, kernel]` of a convolution, `[C]` of a PReLU.
    pub weight: Option<TensorData>,
    /// `[out]`.
    pub bias: Option<TensorData>,
}

impl Layer {
    /// The first value of setting `key`, or `default`.
    pub fn setting(&self, key: i64, default: f64) -> f64 {
        self.settings.get(&key).and_then(|values| values.first()).copied().unwrap_or(default)
    }

    fn size(&self, key: i64, default: usize) -> Result<usize, String> {
        let value = self.setting(key, default as f64);
        let is_size = (0.0..=MAX_SETTING).contains(&value) && value.fract() == 0.0;
        is_size.then_some(value as usize).ok_or_else(|| format!("layer `{}`: setting {key} is {value}", self.name))
    }
}

/// Whether `path` names a file of ncnn.
pub fn is_one(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "param" || extension == "bin")
}

/// Reads the network whose list or weights are at `path`; the other file lies beside it under the same name.
pub fn read(path: &Path) -> Result<Ncnn> {
    let [list_path, bin_path] = ["param", "bin"].map(|extension| path.with_extension(extension));
    let found = |path: &PathBuf, limit: u64| {
        let metadata = std::fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_file() || metadata.len() > limit {
            return Err(Error::file(path, format!("not a file of up to {} MB", limit >> 20)));
        }
        std::fs::read(path).map_err(Error::io("read", path))
    };
    let list = found(&list_path, MAX_PARAM_BYTES)?;
    let bin = found(&bin_path, u64::MAX)?;
    let text = std::str::from_utf8(&list).map_err(|_| Error::file(&list_path, no_list()))?;
    let mut layers = parse_list(text).map_err(|reason| Error::file(&list_path, reason))?;
    let mut weights = Bin { bytes: &bin, at: 0 };
    layers.iter_mut().try_for_each(|layer| weights.fill(layer)).map_err(|reason| Error::file(&bin_path, reason))?;
    if weights.at != bin.len() {
        let reason = format!("{} bytes, the layers of {} take {}", bin.len(), list_path.display(), weights.at);
        return Err(Error::file(&bin_path, reason));
    }
    Ok(Ncnn { layers, sha256: hex(&Sha256::new().chain_update(&list).chain_update(&bin).finalize()) })
}

fn no_list() -> String {
    format!("not a list of ncnn's layers in text; accepted: a .param file that begins with {MAGIC}")
}

fn parse_list(text: &str) -> Result<Vec<Layer>, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    if lines.next().map(|(_, line)| line.trim()) != Some(MAGIC) {
        return Err(no_list());
    }
    let counts = lines.next().map(|(_, line)| line.split_whitespace().map(str::parse::<usize>).collect::<Vec<_>>());
    let Some([Ok(n_layers), Ok(_)]) = counts.as_deref() else {
        return Err("its second line is not two numbers, of layers and of blobs".to_owned());
    };
    let layers = lines.map(|(i, line)| parse_layer(line).map_err(|reason| format!("line {}: {reason}", i + 1)));
    let layers = layers.collect::<Result<Vec<_>, String>>()?;
    if layers.len() != *n_layers {
        return Err(format!("{} layers, its second line says {n_layers}", layers.len()));
    }
    Ok(layers)
}

fn parse_layer(line: &str) -> Result<Layer, String> {
    let mut words = line.split_whitespace();
    let mut next = |what: &str| words.next().map(str::to_owned).ok_or_else(|| format!("it ends before {what}"));
    let (kind, name) = (next("its kind")?, next("its name")?);
    let mut number = |what: &str| next(what)?.parse::<usize>().map_err(|_| format!("{what} is no number"));
    let (n_inputs, n_outputs) = (number("the number of inputs")?, number("the number of outputs")?);
    let blobs = (0..n_inputs.saturating_add(n_outputs)).map(|_| next("its last blob"));
    let mut inputs = blobs.collect::<Result<Vec<_>, _>>()?;
    let outputs = inputs.split_off(n_inputs);
    let mut settings = BTreeMap::new();
    for word in words {
        let unclear = || format!("setting `{word}` is not KEY=VALUE");
        let (key, values) = word.split_once('=').ok_or_else(unclear)?;
        let key: i64 = key.parse().map_err(|_| unclear())?;
        let mut values = values.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>().map_err(|_| unclear())?;
        // A list is preceded by its length.
        let key = if key <= FIRST_LIST {
            values.remove(0);
            FIRST_LIST - key
        } else {
            key
        };
        settings.insert(key, values);
    }
    Ok(Layer { kind, name, inputs, outputs, settings, ..Layer::default() })
}

/// Weights not yet read.
struct Bin<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bin<'_> {
    /// Reads what belongs to `layer`.
    fn fill(&mut self, layer: &mut Layer) -> Result<(), String> {
        match layer.kind.as_str() {
            "Convolution" => {
                let (n_out, kernel, n) = (layer.size(0, 0)?, layer.size(1, 0)?, layer.size(6, 0)?);
                let kernel_height = layer.size(11, kernel)?;
                let per_input = n_out.checked_mul(kernel).and_then(|n| n.checked_mul(kernel_height));
                let n_in = per_input.and_then(|per_input| n.checked_div(per_input)).unwrap_or(0);
                let shape = [n_out, n_in, kernel_height, kernel];
                if n_in == 0 || shape.iter().product::<usize>() != n {
                    return Err(format!("layer `{}`: {n} weights do not make {shape:?}", layer.name));
                }
                let values = self.tagged(n, &layer.name)?;
                layer.weight = Some(TensorData::new(values, shape));
                if layer.size(5, 0)? == 1 {
                    layer.bias = Some(TensorData::new(self.plain(n_out, &layer.name)?, [n_out]));
                }
            }
            "PReLU" => {
                let n = layer.size(0, 0)?;
                layer.weight = Some(TensorData::new(self.plain(n, &layer.name)?, [n]));
            }
            // What other layers keep in the file, if anything, is not known: they must be known to keep nothing.
            "Input" | "Split" | "Concat" | "Eltwise" | "BinaryOp" | "Interp" | "PixelShuffle" | "ReLU" => {}
            other => {
                return Err(format!(
                    "layer `{}` is a {other}; accepted: Convolution, PReLU, ReLU, Input, Split, Concat, Eltwise, BinaryOp, Interp, PixelShuffle",
                    layer.name
                ));
            }
        }
        Ok(())
    }

    fn tagged(&mut self, n: usize, layer: &str) -> Result<Vec<f32>, String> {
        let tag = self.take(4, layer)?;
        match u32::from_le_bytes([tag[0], tag[1], tag[2], tag[3]]) {
            TAG_F32 => self.plain(n, layer),
            TAG_F16 => {
                let (values, _) = self.take((2 * n).next_multiple_of(4), layer)?.as_chunks::<2>();
                Ok(values[..n].iter().map(|value| f16::from_le_bytes(*value).to_f32()).collect())
            }
            tag => Err(format!(
                "layer `{layer}`: its weights at byte {} begin with {tag:#010X}, accepted: {TAG_F16:#010X} (16 bits) or 0 (32 bits)",
                self.at - 4
            )),
        }
    }

    fn plain(&mut self, n: usize, layer: &str) -> Result<Vec<f32>, String> {
        let (values, _) = self.take(4 * n, layer)?.as_chunks::<4>();
        Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }

    fn take(&mut self, n: usize, layer: &str) -> Result<&[u8], String> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..n)).ok_or_else(|| {
            let n_bytes = self.bytes.len();
            format!(
                "the file ends too early: layer `{layer}` needs bytes {} to {}, it has {n_bytes}",
                self.at,
                self.at + n
            )
        })?;
        self.at += n;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "7767517\n3 3\nInput in 0 1 data\nConvolution c 1 1 data a 0=2 1=1 5=1 6=6 -23310=2,2e-1,1\nPReLU p 1 1 a b 0=2\n";

    /// Three of 16 bits would need padding: 1, 2 ... 6, the biases 7 and 8, the slopes 9 and 10.
    fn bin() -> Vec<u8> {
        let mut bytes = TAG_F16.to_le_bytes().to_vec();
        bytes.extend((1u8..=6).flat_map(|i| f16::from_f32(i.into()).to_le_bytes()));
        bytes.extend((7u8..=10).flat_map(|i| f32::from(i).to_le_bytes()));
        bytes
    }

    fn read_pair(list: &str, bin: &[u8]) -> Result<Ncnn> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.param"), list).unwrap();
        std::fs::write(folder.path().join("a.bin"), bin).unwrap();
        read(&folder.path().join("a.bin"))
    }

    #[test]
    fn layers_and_weights_are_read() {
        let network = read_pair(LIST, &bin()).unwrap();
        let [_, conv, prelu] = &network.layers[..] else { panic!() };
        let values = |data: &Option<TensorData>| data.as_ref().unwrap().iter::<f32>().collect::<Vec<_>>();
        assert_eq!(values(&conv.weight), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(conv.weight.as_ref().unwrap().shape().as_slice(), [2, 3, 1, 1]);
        assert_eq!((values(&conv.bias), values(&prelu.weight)), (vec![7.0, 8.0], vec![9.0, 10.0]));
        assert_eq!(conv.settings[&10], [0.2, 1.0]);
        assert_eq!(prelu.inputs, conv.outputs);
    }

    #[test]
    fn a_file_cut_anywhere_or_with_more_is_refused() {
        let bin = bin();
        for length in 0..bin.len() {
            let reason = read_pair(LIST, &bin[..length]).unwrap_err().to_string();
            assert!(reason.contains("a.bin: the file ends too early: layer `"), "{length}: {reason}");
        }
        let reason = read_pair(LIST, &[bin.as_slice(), &[0]].concat()).unwrap_err().to_string();
        assert!(reason.contains("a.bin: 33 bytes, the layers of ") && reason.ends_with("a.param take 32"), "{reason}");
    }

    #[test]
    fn other_lists_tags_and_layers_are_refused_by_name() {
        let refuse = |list: &str, bin: &[u8]| read_pair(list, bin).unwrap_err().to_string();
        assert!(refuse("hello", &bin()).contains("a.param: not a list of ncnn's layers"));
        assert!(refuse(&LIST.replace("7767517", "7767518"), &bin()).contains("begins with 7767517"));
        assert!(refuse(&LIST.replace("3 3", "4 3"), &bin()).contains("3 layers, its second line says 4"));
        assert!(refuse(&LIST.replace("0=2 1=1", "0:2 1=1"), &bin()).contains("line 4: setting `0:2`"));
        assert!(refuse(&LIST.replace("6=6", "6=7"), &bin()).contains("7 weights do not make"));
        assert!(
            refuse(&LIST.replace("PReLU p", "LSTM p"), &bin()).contains("layer `p` is a LSTM; accepted: Convolution")
        );
        let mut tagged = bin();
        tagged[0] = 1;
        assert!(refuse(LIST, &tagged).contains("begin with 0x01306B01, accepted: 0x01306B47"));
    }
}
