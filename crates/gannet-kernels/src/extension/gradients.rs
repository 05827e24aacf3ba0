//! The gradients of the kernels' operations.

use burn::backend::Backend;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::tensor::FloatTensor;

use super::KernelOps;
use crate::Precision;
use crate::geometry::Convolution;
use crate::packs::Way;
use crate::step::AdamStep;

/// Each way is the other's adjoint in its first operand.
impl Way {
    fn apply<B: KernelOps>(
        self,
        from: FloatTensor<B>,
        weight: FloatTensor<B>,
        convolution: Convolution,
        precision: Precision,
    ) -> FloatTensor<B> {
        match self {
            Self::Forth => B::correlate(from, weight, convolution, precision),
            Self::Back => B::correlate_back(from, weight, convolution, precision),
        }
    }

    fn track<B: KernelOps, C: CheckpointStrategy>(
        self,
        from: FloatTensor<Autodiff<B, C>>,
        weight: FloatTensor<Autodiff<B, C>>,
        convolution: Convolution,
        precision: Precision,
    ) -> FloatTensor<Autodiff<B, C>> {
        match self.prepare::<C>([from.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&from), prep.checkpoint(&weight)];
                let to = self.apply::<B>(from.into_primitive(), weight.into_primitive(), convolution, precision);
                prep.finish((state, convolution, precision), to)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(self.apply::<B>(from.into_primitive(), weight.into_primitive(), convolution, precision))
            }
        }
    }
}

impl<B: KernelOps> Backward<B, 2> for Way {
    type State = ([NodeId; 2], Convolution, Precision);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let ([from, weight], convolution, precision) = ops.state;
        let [node_from, node_weight] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let from = checkpointer.retrieve_node_output::<FloatTensor<B>>(from);
        let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(weight);
        let (adjoint, [x, y]) = match self {
            Self::Forth => (Self::Back, [from, grad.clone()]),
            Self::Back => (Self::Forth, [grad.clone(), from]),
        };
        if let Some(node) = node_from {
            grads.register::<B>(node.id, adjoint.apply::<B>(grad, weight, convolution, precision));
        }
        if let Some(node) = node_weight {
            grads.register::<B>(node.id, B::correlate_both(x, y, convolution, precision));
        }
    }
}

/// The gradients of input and weight of `x Wᵀ`, or of `x W` on the way back, as far as they are asked for.
fn register_linear<B: Backend + KernelOps>(
    way: Way,
    [node_x, node_weight]: [Option<NodeId>; 2],
    grad: FloatTensor<B>,
    [x, weight]: [FloatTensor<B>; 2],
    grads: &mut Gradients,
) {
    if let Some(node) = node_x {
        let adjoint = match way {
            Way::Forth => B::linear_back(grad.clone(), weight),
            Way::Back => B::linear_forth(grad.clone(), weight),
        };
        grads.register::<B>(node, adjoint);
    }
    if let Some(node) = node_weight {
        let [rows, columns] = match way {
            Way::Forth => [grad, x],
            Way::Back => [x, grad],
        };
        grads.register::<B>(node, B::linear_both(rows, columns));
    }
}

fn track_linear<B: Backend + KernelOps, C: CheckpointStrategy>(
    way: Way,
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct Linear(Way);

    impl<B: Backend + KernelOps> Backward<B, 2> for Linear {
        /// Input and weight.
        type State = [FloatTensor<B>; 2];

        fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
            let grad = grads.consume::<B>(&ops.node);
            register_linear::<B>(self.0, ops.parents.map(|node| Some(node?.id)), grad, ops.state, grads);
        }
    }

    let nodes = [x.node(), weight.node()];
    let [x, weight] = [x.into_primitive(), weight.into_primitive()];
    let y = match way {
        Way::Forth => B::linear_forth(x.clone(), weight.clone()),
        Way::Back => B::linear_back(x.clone(), weight.clone()),
    };
    match Linear(way).prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish([x, weight], y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// Why an operation without a gradient was called where one is asked for.
const NO_GRADIENT: &str = "this operation has no gradient: call it without automatic differentiation";

impl<B: Backend + KernelOps, C: CheckpointStrategy> KernelOps for Autodiff<B, C> {
    fn correlate(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        convolution: Convolution,
        precision: Precision,
    ) -> FloatTensor<Self> {
        Way::Forth.track::<B, C>(x, weight, convolution, precision)
    }

    fn correlate_back(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        convolution: Convolution,
        precision: Precision,
    ) -> FloatTensor<Self> {
        Way::Back.track::<B, C>(y, weight, convolution, precision)
    }

    fn correlate_both(_: FloatTensor<Self>, _: FloatTensor<Self>, _: Convolution, _: Precision) -> FloatTensor<Self> {
        panic!("{NO_GRADIENT}")
    }

    fn affine(x: FloatTensor<Self>, weight: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Affine;

        impl<B: Backend + KernelOps> Backward<B, 3> for Affine {
            /// Input and weight.
            type State = [FloatTensor<B>; 2];

            fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
                let [node_x, node_weight, node_bias] = ops.parents;
                let grad = grads.consume::<B>(&ops.node);
                if let Some(node) = node_bias {
                    grads.register::<B>(node.id, B::sums_of_columns(grad.clone()));
                }
                let nodes = [node_x, node_weight].map(|node| Some(node?.id));
                register_linear::<B>(Way::Forth, nodes, grad, ops.state, grads);
            }
        }

        let nodes = [x.node(), weight.node(), bias.node()];
        let [x, weight] = [x.into_primitive(), weight.into_primitive()];
        let y = B::affine(x.clone(), weight.clone(), bias.into_primitive());
        match Affine.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([x, weight], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn linear_forth(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        track_linear::<B, C>(Way::Forth, x, weight)
    }

    fn linear_back(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        track_linear::<B, C>(Way::Back, x, weight)
    }

    fn linear_both(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("{NO_GRADIENT}")
    }

    fn sums_of_columns(_: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("{NO_GRADIENT}")
    }

    fn leaky(x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Leaky;

        impl<B: Backend + KernelOps> Backward<B, 1> for Leaky {
            /// The output, which is positive where the input is, and which the next layer keeps anyway.
            type State = (FloatTensor<B>, f32);

            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let (y, slope) = ops.state;
                unary::<B, _>(ops.parents, ops.node, grads, |grad| B::leaky_back(grad, y, slope));
            }
        }

        let node = x.node();
        let y = B::leaky(x.into_primitive(), slope);
        match Leaky.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((y.clone(), slope), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn tanh(x: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Tanh;

        impl<B: Backend + KernelOps> Backward<B, 1> for Tanh {
            /// The output.
            type State = FloatTensor<B>;

            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let y = ops.state;
                unary::<B, _>(ops.parents, ops.node, grads, |grad| B::tanh_back(grad, y));
            }
        }

        let node = x.node();
        let y = B::tanh(x.into_primitive());
        match Tanh.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(y.clone(), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn tanh_back(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        panic!("{NO_GRADIENT}")
    }

    fn leaky_back(dy: FloatTensor<Self>, x: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct LeakyBack;

        impl<B: Backend + KernelOps> Backward<B, 1> for LeakyBack {
            type State = (FloatTensor<B>, f32);

            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let (x, slope) = ops.state;
                unary::<B, _>(ops.parents, ops.node, grads, |grad| B::leaky_back(grad, x, slope));
            }
        }

        let (node, x) = (dy.node(), x.into_primitive());
        let dx = B::leaky_back(dy.into_primitive(), x.clone(), slope);
        match LeakyBack.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, slope), dx),
            OpsKind::UnTracked(prep) => prep.finish(dx),
        }
    }

    fn normalize(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
        slope: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        #[derive(Debug)]
        struct Normalize;

        impl<B: Backend + KernelOps> Backward<B, 3> for Normalize {
            type State = ([NodeId; 3], [FloatTensor<B>; 2], f32, f32);

            fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
                let (parents, [means, variances], epsilon, slope) = ops.state;
                let grad = grads.consume::<B>(&ops.node);
                let [x, weight, bias] = parents.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
                let (x, weight, bias) = B::normalize_back(grad, x, weight, bias, means, variances, epsilon, slope);
                for (node, grad) in ops.parents.into_iter().zip([x, weight, bias]) {
                    if let Some(node) = node {
                        grads.register::<B>(node.id, grad);
                    }
                }
            }
        }

        let kind = Normalize.prepare::<C>([x.node(), weight.node(), bias.node()]).compute_bound().stateful();
        let (y, moments) = match kind {
            OpsKind::Tracked(mut prep) => {
                let state = [&x, &weight, &bias].map(|parent| prep.checkpoint(parent));
                let (y, means, variances) =
                    B::normalize(x.into_primitive(), weight.into_primitive(), bias.into_primitive(), epsilon, slope);
                let moments = [means, variances];
                (prep.finish((state, moments.clone(), epsilon, slope), y), moments)
            }
            OpsKind::UnTracked(prep) => {
                let (y, means, variances) =
                    B::normalize(x.into_primitive(), weight.into_primitive(), bias.into_primitive(), epsilon, slope);
                (prep.finish(y), [means, variances])
            }
        };
        let [means, variances] = moments.map(FloatTensor::<Self>::new);
        (y, means, variances)
    }

    fn normalize_back(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f32,
        _: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        panic!("{NO_GRADIENT}")
    }

    fn normalize_by(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f32,
        _: f32,
    ) -> FloatTensor<Self> {
        panic!("{NO_GRADIENT}")
    }

    fn adam(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        panic!("{NO_GRADIENT}")
    }

    fn blend(_: FloatTensor<Self>, _: FloatTensor<Self>, _: f32) -> FloatTensor<Self> {
        panic!("{NO_GRADIENT}")
    }
}
