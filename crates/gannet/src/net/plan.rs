//! What a network will be: layers, parameters and memory, computed from its settings alone.

/// One layer: what it is called, what it puts out for one sample, and how many weights it trains.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPlan {
    /// Kind and size: "conv 4x4 / 2" ...
    pub name: String,
    /// Channels, height and width of its output; features are `[n, 1, 1]`.
    pub output: [usize; 3],
    /// Trained values.
    pub n_parameters: usize,
}

/// A network as the list of its layers.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPlan {
    /// "generator" or "critic".
    pub role: &'static str,
    /// From input to output.
    pub layers: Vec<LayerPlan>,
}

impl NetworkPlan {
    /// Trained values of all layers.
    pub fn n_parameters(&self) -> u64 {
        self.layers.iter().map(|layer| layer.n_parameters as u64).sum()
    }

    /// Values that the layers put out for one sample, which training keeps for the backward pass.
    pub fn n_activations(&self) -> u64 {
        self.layers.iter().map(|layer| layer.output.iter().map(|&n| n as u64).product::<u64>()).sum()
    }
}
