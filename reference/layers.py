"""Layers beyond convolution and batch norm: their outputs and their gradients.

Every name starts with a layer. Each holds

    {layer}.input, {layer}.output, {layer}.loss_weights     loss = sum(output * loss_weights)
    {layer}.grad.input                                      of that loss
    {layer}.state.*, {layer}.grad.*                         weights and their gradients

and the layers are

    minibatch_deviation        [4, 3, 5, 4] -> [4, 4, 5, 4], the statistic as last channel.
        Karras et al. 2018, "Progressive growing of GANs" (arXiv 1710.10196), section 3.
        One group, the whole batch: sqrt(biased variance over the batch + 1e-8), averaged
        over channels and pixels. At pixel (0, 0) the batch varies so little that eps shows
        in the gradient.
    minibatch_discrimination   [5, 6] -> [5, 4]; state.weight [6, 12], 12 = 4 kernels x 3.
        Salimans et al. 2016, "Improved techniques for training GANs" (arXiv 1606.03498),
        section 3.2. M_i = x_i T as [4, 3]; o_ib = sum over j != i of
        exp(-|M_ib - M_jb|_1), without the paper's constant term j = i. The output is o
        alone, before it is appended to x.
    self_attention             [2, 16, 3, 4] -> the same.
        Zhang et al. 2019, "Self-attention generative adversarial networks" (arXiv
        1805.08318), section 3; no pooling of keys and values. Pixel i takes
        sum over j of softmax_j(query_i . key_j) value_j, unscaled; then
        x + gamma output(.). state.{query,key}.weight [2, 16, 1, 1],
        state.value.weight [8, 16, 1, 1], state.output.weight [16, 8, 1, 1],
        state.gamma [1]; no biases.
    pixel_norm                 [3, 6, 4, 5] -> the same, x / sqrt(mean over C of x^2 + 1e-8).
        Karras et al. 2018, section 4.2. Pixel (0, 0) of sample 0 is so small that eps
        shows; its loss weights are as small, or its gradient would dwarf all others.
    conditional_batch_norm     [6, 3, 5, 4] -> the same; condition [6, 5], grad.condition.
        De Vries et al. 2017, "Modulating early visual processing by language" (arXiv
        1707.00683), section 3, with linear maps: (1 + condition Wg^T) x + condition Wb^T
        after batch norm without weights, in train mode, biased variance, eps = 1e-5.
        state.{gain,shift}.weight [3, 5].
    upsample                   [2, 3, 4, 5] -> [2, 3, 8, 10]: zeros between pixels, then
        the filter [1, 3, 3, 1] in both directions, 4 in sum. Zero padding.
    downsample                 [2, 3, 8, 6] -> [2, 3, 4, 3]: the same filter, 1 in sum, at
        stride 2. Zhang 2019, "Making convolutional networks shift-invariant again"
        (arXiv 1904.11486), section 3.2.
"""

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d

from fixture import as_float32, randn, save

EPS = 1e-8


def minibatch_deviation(x):
    """[N, C, H, W] -> [N, C + 1, H, W]."""
    deviation = (x.var(0, correction=0) + EPS).sqrt().mean()
    return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], 1)


class MinibatchDiscrimination(nn.Module):
    """[N, A] -> [N, B]: how close every other sample is, by each of B kernels."""

    def __init__(self, n_features, n_kernels, n_dims):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_features, n_kernels * n_dims))
        self.shape = (n_kernels, n_dims)

    def forward(self, x):
        m = (x @ self.weight).unflatten(1, self.shape)  # [N, B, C]
        distance = (m[:, None] - m[None]).abs().sum(3)  # [N, N, B]
        others = 1 - torch.eye(len(x), dtype=x.dtype)[:, :, None]
        return ((-distance).exp() * others).sum(1)


class SelfAttention(nn.Module):
    """[N, C, H, W] -> the same; `conv` makes the four 1x1 convolutions."""

    def __init__(self, c, conv=nn.Conv2d):
        super().__init__()
        self.query = conv(c, max(c // 8, 1), 1, bias=False)
        self.key = conv(c, max(c // 8, 1), 1, bias=False)
        self.value = conv(c, max(c // 2, 1), 1, bias=False)
        self.output = conv(max(c // 2, 1), c, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))  # [N, c, HW]
        attention = (query.transpose(1, 2) @ key).softmax(2)  # [N, HW (query), HW (key)]
        taken = (value @ attention.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.output(taken)


def pixel_norm(x):
    return x / (x.square().mean(1, keepdim=True) + EPS).sqrt()


class ConditionalBatchNorm(nn.Module):
    """[N, C, H, W] and condition [N, K] -> [N, C, H, W]."""

    def __init__(self, channels, n_condition):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=1e-5, affine=False, track_running_stats=False)
        self.gain = nn.Linear(n_condition, channels, bias=False)
        self.shift = nn.Linear(n_condition, channels, bias=False)

    def forward(self, x, condition):
        gain, shift = self.gain(condition)[:, :, None, None], self.shift(condition)[:, :, None, None]
        return (1 + gain) * self.norm(x) + shift


def filter_4x4(like, total):
    """[1, 3, 3, 1] in both directions, for each channel of `like` [N, C, H, W]."""
    line = torch.tensor([1, 3, 3, 1]).to(like)
    return (line.outer(line) * total / 64).expand(like.shape[1], 1, 4, 4)


def upsample(x):
    """[N, C, H, W] -> [N, C, 2H, 2W]."""
    return conv_transpose2d(x, filter_4x4(x, 4), stride=2, padding=1, groups=x.shape[1])


def downsample(x):
    """[N, C, H, W] -> [N, C, H / 2, W / 2], for even H and W."""
    return conv2d(x, filter_4x4(x, 1), stride=2, padding=1, groups=x.shape[1])


def measure(layer, loss_scale=1.0, **inputs):
    """Values and gradients of one layer, whose weights are drawn here."""
    weights = dict(layer.named_parameters()) if isinstance(layer, nn.Module) else {}
    for w in weights.values():
        w.data = as_float32(0.4 * randn(*w.shape))
    inputs = {name: as_float32(t).requires_grad_() for name, t in inputs.items()}
    output = layer(*inputs.values())
    loss_weights = as_float32(loss_scale * randn(*output.shape))
    (output * loss_weights).sum().backward()
    out = {**inputs, "output": output, "loss_weights": loss_weights}
    out |= {f"state.{name}": w for name, w in weights.items()}
    return out | {f"grad.{name}": t.grad for name, t in (inputs | weights).items()}


def all_layers():
    small = torch.ones(4, 1, 5, 4).double()
    small[:, :, 0, 0] = 1e-4
    yield "minibatch_deviation", measure(minibatch_deviation, input=small * randn(4, 3, 5, 4))
    yield "minibatch_discrimination", measure(MinibatchDiscrimination(6, 4, 3), input=randn(5, 6))
    yield "self_attention", measure(SelfAttention(16), input=randn(2, 16, 3, 4))
    small = torch.ones(3, 1, 4, 5).double()
    small[0, :, 0, 0] = 1e-4
    yield "pixel_norm", measure(pixel_norm, small, input=small * randn(3, 6, 4, 5))
    inputs = {"input": 2 * randn(6, 3, 5, 4) + randn(1, 3, 1, 1), "condition": randn(6, 5)}
    yield "conditional_batch_norm", measure(ConditionalBatchNorm(3, 5), **inputs)
    yield "upsample", measure(upsample, input=randn(2, 3, 4, 5))
    yield "downsample", measure(downsample, input=randn(2, 3, 8, 6))


if __name__ == "__main__":
    torch.manual_seed(4)
    save(__file__, {f"{layer}.{name}": t for layer, tensors in all_layers() for name, t in tensors.items()})
