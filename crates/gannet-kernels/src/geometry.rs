//! What a convolution is: sizes, strides, paddings.

/// One direction of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Pixels of the input.
    pub input: usize,
    /// Pixels of the output.
    pub output: usize,
    /// Taps of the kernel.
    pub kernel: usize,
    /// Pixels of the input from one output to the next.
    pub stride: usize,
    /// Zeros before the input. Those behind it follow from `output`.
    pub padding: usize,
    /// Pixels of the input from one tap to the next.
    pub dilation: usize,
}

impl Axis {
    /// An axis whose padding is `[before, behind]`. None where the padded input is shorter than the kernel.
    pub fn new(input: usize, kernel: usize, stride: usize, padding: [usize; 2], dilation: usize) -> Option<Self> {
        let span = dilation * (kernel - 1) + 1;
        let room = (padding[0] + input + padding[1]).checked_sub(span)?;
        Some(Self { input, output: room / stride + 1, kernel, stride, padding: padding[0], dilation })
    }

    /// Which of the interleaved parts of the padded input the tap reads, and how far on in it.
    pub(crate) fn tap(&self, tap: usize) -> [usize; 2] {
        [tap * self.dilation % self.stride, tap * self.dilation / self.stride]
    }

    /// The largest second value of [`tap`](Self::tap).
    pub(crate) fn reach(&self) -> usize {
        (self.kernel - 1) * self.dilation / self.stride
    }
}

/// A convolution of `[N, in, H, W]` with weights `[out, in / groups, kernel, kernel]` to `[N, out, H', W']`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Images.
    pub batch: usize,
    /// Channels of the input and of the output.
    pub channels: [usize; 2],
    /// Groups that the channels fall into, each convolved on its own.
    pub groups: usize,
    /// Height and width.
    pub axes: [Axis; 2],
}

impl Convolution {
    /// Values of one channel of an input image.
    pub fn input_pixels(&self) -> usize {
        self.axes[0].input * self.axes[1].input
    }

    /// Values of one channel of an output image.
    pub fn output_pixels(&self) -> usize {
        self.axes[0].output * self.axes[1].output
    }

    /// Values of the input.
    pub fn n_input(&self) -> usize {
        self.batch * self.channels[0] * self.input_pixels()
    }

    /// Values of the output.
    pub fn n_output(&self) -> usize {
        self.batch * self.channels[1] * self.output_pixels()
    }

    /// Taps of a kernel.
    pub fn taps(&self) -> usize {
        self.axes[0].kernel * self.axes[1].kernel
    }

    /// Input and output channels of a group.
    ///
    /// # Panics
    /// If the channels do not fall into the groups.
    pub fn group_channels(&self) -> [usize; 2] {
        self.channels.map(|channels| {
            assert!(
                channels.is_multiple_of(self.groups),
                "{channels} channels do not fall into {} groups",
                self.groups
            );
            channels / self.groups
        })
    }

    /// Values of the weights.
    pub fn n_weights(&self) -> usize {
        self.channels[1] * self.group_channels()[0] * self.taps()
    }

    /// Multiplications and additions of one pass.
    pub fn flops(&self) -> u64 {
        2 * (self.n_output() * self.group_channels()[0] * self.taps()) as u64
    }
}
