//! A graph of ONNX in the making: every node's output is a name for the nodes after it.

use burn::tensor::TensorData;
use prost::Message;

use super::proto::{Attribute, Dim, Entry, Graph, Kind, Model, Node, OperatorSet, Shape, Tensor, TensorKind, Value};

/// Version of the operators that are used.
pub const OPSET: i64 = 17;
/// Version of the file format that belongs to it.
const IR_VERSION: i64 = 8;
/// Codes of element types.
const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A dimension of an input or output: a number, or a name where it is free.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Fixed(usize),
    Free(&'static str),
}

/// A setting of a node.
pub(super) enum Setting<'a> {
    Float(&'a str, f32),
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
    Text(&'a str, &'a str),
}

#[derive(Default)]
pub(super) struct Builder {
    graph: Graph,
}

impl Builder {
    /// An input, whose name is returned.
    pub(super) fn input(&mut self, name: &str, sides: &[Side]) -> String {
        self.graph.inputs.push(value(name, sides));
        name.to_owned()
    }

    /// A tensor of the file.
    pub(super) fn weight(&mut self, name: &str, data: &TensorData) -> String {
        let dims = data.shape().iter().map(|side| *side as i64).collect();
        let raw = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
        self.initializer(Tensor { dims, element: FLOAT, name: name.to_owned(), raw })
    }

    /// A list of whole numbers.
    pub(super) fn numbers(&mut self, values: &[i64]) -> String {
        let name = format!("numbers.{}", self.graph.initializers.len());
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(Tensor { dims: vec![values.len() as i64], element: INT64, name, raw })
    }

    /// A number, or a few.
    pub(super) fn floats(&mut self, values: &[f32]) -> String {
        let name = format!("numbers.{}", self.graph.initializers.len());
        self.weight(&name, &TensorData::new(values.to_vec(), [values.len()]))
    }

    fn initializer(&mut self, tensor: Tensor) -> String {
        let name = tensor.name.clone();
        // A weight may be used twice.
        if !self.graph.initializers.iter().any(|known| known.name == name) {
            self.graph.initializers.push(tensor);
        }
        name
    }

    /// The output of a new node; an empty name among the inputs leaves that one out.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], settings: &[Setting]) -> String {
        let output = format!("{}.{}", op.to_lowercase(), self.graph.nodes.len());
        self.graph.nodes.push(Node {
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            outputs: vec![output.clone()],
            name: output.clone(),
            op: op.to_owned(),
            attributes: settings.iter().map(attribute).collect(),
        });
        output
    }

    /// The file, whose output `name` is what `from` is.
    pub(super) fn finish(mut self, from: &str, name: &str, sides: &[Side], metadata: &[(&str, String)]) -> Vec<u8> {
        self.graph.nodes.push(Node {
            inputs: vec![from.to_owned()],
            outputs: vec![name.to_owned()],
            name: name.to_owned(),
            op: "Identity".to_owned(),
            attributes: vec![],
        });
        self.graph.outputs.push(value(name, sides));
        self.graph.name = "network".to_owned();
        let entry = |(key, value): &(&str, String)| Entry { key: (*key).to_owned(), value: value.clone() };
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "gannet".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
            metadata: metadata.iter().map(entry).collect(),
        };
        model.encode_to_vec()
    }
}

fn value(name: &str, sides: &[Side]) -> Value {
    let dim = |side: &Side| match side {
        Side::Fixed(n) => Dim { value: Some(*n as i64), name: None },
        Side::Free(name) => Dim { value: None, name: Some((*name).to_owned()) },
    };
    let shape = Shape { dims: sides.iter().map(dim).collect() };
    let tensor = TensorKind { element: FLOAT, shape: Some(shape) };
    Value { name: name.to_owned(), kind: Some(Kind { tensor: Some(tensor) }) }
}

fn attribute(setting: &Setting) -> Attribute {
    // The last number says which of the fields holds it.
    match setting {
        Setting::Float(name, value) => {
            Attribute { name: (*name).to_owned(), float: Some(*value), kind: 1, ..Attribute::default() }
        }
        Setting::Int(name, value) => {
            Attribute { name: (*name).to_owned(), int: Some(*value), kind: 2, ..Attribute::default() }
        }
        Setting::Text(name, value) => Attribute {
            name: (*name).to_owned(),
            text: Some(value.as_bytes().to_vec()),
            kind: 3,
            ..Attribute::default()
        },
        Setting::Ints(name, values) => {
            Attribute { name: (*name).to_owned(), ints: values.to_vec(), kind: 7, ..Attribute::default() }
        }
    }
}
