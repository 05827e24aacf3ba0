//! Packed weights that are kept while a network stays as it is: for few samples, packing takes longer than multiplying. In
//! training, whose weights move at every step, keeping them costs more fresh memory than it saves.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::flex::FlexTensor;

use crate::buffer;
use crate::convolution::Packed;
use crate::geometry::{Axis, Convolution};
use crate::path::Path;

/// Which of the two products that read weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A convolution.
    Forth,
    /// Its input gradient.
    Back,
}

/// How weights are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// For one of the products, of images of some size.
    Taps(Way),
    /// For convolutions by [rows](crate::winograd), of any size.
    Rows,
    /// For one of the products by [tiles](crate::tiles).
    Tiles(Way),
}

/// Weights in memory, and what they were packed to. That they are held here keeps their memory from being changed or used
/// again, so that the same memory is the same weights.
struct Pack {
    weight: FlexTensor,
    kind: (Layout, Path, Convolution),
    packed: Arc<Packed>,
}

/// Values of all that is kept, 268 MB, beside the weights themselves: a little more than what the largest network here, a U-Net for
/// pictures of 256 pixels, is packed to for one picture. What is packed to more is packed anew each time.
const MAX_VALUES: usize = 64 << 20;

/// What is kept of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    Nothing,
    /// Of all, for convolutions that compute every column by itself.
    Taps,
    /// Of all, for whatever convolutions are the fastest: by rows and by tiles too.
    Any,
}

thread_local! {
    static KEEPING: Cell<Keeping> = const { Cell::new(Keeping::Nothing) };
}

impl Keeping {
    /// Does `work`, whose convolutions keep this of their weights for the next time.
    pub(crate) fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        let before = KEEPING.replace(self);
        let result = work();
        KEEPING.set(before);
        result
    }

    /// That of the scope this thread is in.
    pub(crate) fn current() -> Self {
        KEEPING.get()
    }
}

static KEPT: Mutex<VecDeque<Pack>> = Mutex::new(VecDeque::new());

/// `weight`, which is contiguous, packed for `convolution` of one image or of any other number.
pub(crate) fn packed(layout: Layout, path: Path, convolution: &Convolution, weight: &FlexTensor) -> Arc<Packed> {
    let values = weight.as_slice::<f32>().unwrap_or_default();
    let pack = || match layout {
        Layout::Rows => Packed::by_rows(path, convolution, values),
        Layout::Tiles(way) => Packed::by_tiles(way, path, convolution, values),
        Layout::Taps(Way::Forth) => Packed::forward(path, convolution, values),
        Layout::Taps(Way::Back) => Packed::input_gradient(path, convolution, values),
    };
    if Keeping::current() == Keeping::Nothing {
        return Arc::new(pack());
    }
    let any_size = |axis: Axis| Axis { input: 0, output: 0, padding: 0, ..axis };
    // Blocks for one image may be narrower than those for several.
    let (batch, axes) = match layout {
        Layout::Rows => (0, convolution.axes.map(any_size)),
        Layout::Taps(_) | Layout::Tiles(_) => (convolution.batch.min(2), convolution.axes),
    };
    let kind = (layout, path, Convolution { batch, axes, ..*convolution });
    let is_same = |pack: &Pack| {
        let kept = pack.weight.as_slice::<f32>().unwrap_or_default();
        pack.kind == kind && kept.as_ptr_range() == values.as_ptr_range()
    };
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pack) = kept().iter().find(|pack| is_same(pack)) {
        return Arc::clone(&pack.packed);
    }
    let packed = Arc::new(buffer::lasting(pack));
    let mut kept = kept();
    kept.push_back(Pack { weight: weight.clone(), kind, packed: Arc::clone(&packed) });
    while kept.iter().map(|pack| pack.packed.n_values).sum::<usize>() > MAX_VALUES {
        kept.pop_front();
    }
    packed
}
