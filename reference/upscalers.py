"""Networks that enlarge images: outputs and every gradient.

Every name starts with a network. Each holds

    {net}.input, {net}.output, {net}.loss_weights     loss = sum(output * loss_weights)
    {net}.grad.input, {net}.grad.{weight}             of that loss
    {net}.state.*                                     weights

and the networks are

    rrdb4, rrdb2   [1, 3, 5, 7] -> x4 and [1, 3, 6, 4] -> x2; width 6, growth 3; two blocks and one.
        Wang et al. 2018, "ESRGAN" (arXiv 1809.00219), section 3.1: dense blocks of five
        convolutions with LeakyReLU 0.2, shares of 0.2, nearest-neighbour doubling. For x2
        the input passes PixelUnshuffle(2). Tensor names of BasicSR.
    skip           as rrdb2, plus a convolution of 5x5 of the input and PixelShuffle(2).
    srvgg          [1, 3, 5, 4] -> x3; width 5, two convolutions between first and last,
        PReLU, PixelShuffle, plus the input repeated. Tensor names of BasicSR.
    srresnet       [3, 3, 5, 6] -> x4; width 4, two blocks. Ledig et al. 2017 (arXiv
        1609.04802), figure 4, in train mode (biased batch statistics, eps 1e-5);
        output_eval is what the running statistics after that one pass give, momentum 0.1.
"""

import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle

from fixture import as_float32, randn, save


def conv(n_in, n_out, kernel=3):
    return nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2)


def act(x):
    return leaky_relu(x, 0.2)


class DenseBlock(nn.Module):
    def __init__(self, width, growth):
        super().__init__()
        for i in range(5):
            setattr(self, f"conv{i + 1}", conv(width + i * growth, growth if i < 4 else width))

    def forward(self, x):
        seen = [x]
        for i in range(1, 5):
            seen.append(act(getattr(self, f"conv{i}")(torch.cat(seen, 1))))
        return x + 0.2 * self.conv5(torch.cat(seen, 1))


class Block(nn.Module):
    def __init__(self, width, growth):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class Rrdb(nn.Module):
    def __init__(self, scale=4, width=64, growth=32, blocks=23, skip=False):
        super().__init__()
        self.scale = scale
        self.folding = 4 // scale
        self.conv_first = conv(3 * self.folding**2, width)
        self.body = nn.ModuleList(Block(width, growth) for _ in range(blocks))
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (conv(width, width) for _ in range(4))
        self.conv_last = conv(width, 3)
        self.skip = nn.Conv2d(3, 3 * scale**2, 5, padding=2, bias=False) if skip else None

    def forward(self, x):
        first = self.conv_first(pixel_unshuffle(x, self.folding))
        y = first
        for block in self.body:
            y = block(y)
        y = first + self.conv_body(y)
        y = act(self.conv_up1(interpolate(y, scale_factor=2, mode="nearest")))
        y = act(self.conv_up2(interpolate(y, scale_factor=2, mode="nearest")))
        y = self.conv_last(act(self.conv_hr(y)))
        return y if self.skip is None else y + pixel_shuffle(self.skip(x), self.scale)


class Srvgg(nn.Module):
    def __init__(self, scale=4, width=64, layers=16):
        super().__init__()
        self.scale = scale
        body = [conv(3, width), nn.PReLU(width)]
        for _ in range(layers):
            body += [conv(width, width), nn.PReLU(width)]
        self.body = nn.ModuleList([*body, conv(width, 3 * scale**2)])

    def forward(self, x):
        y = x
        for layer in self.body:
            y = layer(y)
        return pixel_shuffle(y, self.scale) + interpolate(x, scale_factor=self.scale, mode="nearest")


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.norm1, self.prelu = conv(width, width), nn.BatchNorm2d(width), nn.PReLU(width)
        self.conv2, self.norm2 = conv(width, width), nn.BatchNorm2d(width)

    def forward(self, x):
        return x + self.norm2(self.conv2(self.prelu(self.norm1(self.conv1(x)))))


class Doubling(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.prelu = conv(width, 4 * width), nn.PReLU(width)

    def forward(self, x):
        return self.prelu(pixel_shuffle(self.conv(x), 2))


class Srresnet(nn.Module):
    def __init__(self, width, blocks):
        super().__init__()
        self.first, self.prelu = conv(3, width, 9), nn.PReLU(width)
        self.body = nn.ModuleList(Residual(width) for _ in range(blocks))
        self.conv, self.norm = conv(width, width), nn.BatchNorm2d(width)
        self.up = nn.ModuleList(Doubling(width) for _ in range(2))
        self.last = conv(width, 3, 9)

    def forward(self, x):
        first = y = self.prelu(self.first(x))
        for block in self.body:
            y = block(y)
        y = first + self.norm(self.conv(y))
        for layer in self.up:
            y = layer(y)
        return self.last(y)


def measure(network, *shape):
    """Values and gradients of one network, whose weights are drawn here."""
    network = network.double()
    for name, w in network.named_parameters():
        size = 0.25 + 0.1 * randn(*w.shape) if w.ndim == 1 and "norm" not in name else randn(*w.shape)
        if w.ndim == 4:
            size = size * (1.5 / w[0].numel()) ** 0.5
        w.data = as_float32(1 + 0.1 * size if "norm" in name else size)
    state = {name: w.detach().clone() for name, w in network.state_dict().items() if w.is_floating_point()}
    x = as_float32(randn(*shape)).requires_grad_()
    output = network.train()(x)
    loss_weights = as_float32(randn(*output.shape))
    (output * loss_weights).sum().backward()
    out = {"input": x, "output": output, "loss_weights": loss_weights, "grad.input": x.grad}
    out |= {f"state.{name}": w for name, w in state.items()}
    out |= {f"grad.{name}": w.grad for name, w in network.named_parameters()}
    if isinstance(network, Srresnet):
        out["output_eval"] = network.eval()(x)
    return out


def all_networks():
    yield "rrdb4", measure(Rrdb(4, 6, 3, 2), 1, 3, 5, 7)
    yield "rrdb2", measure(Rrdb(2, 6, 3, 1), 1, 3, 6, 4)
    yield "srvgg", measure(Srvgg(3, 5, 2), 1, 3, 5, 4)
    yield "srresnet", measure(Srresnet(4, 2), 3, 3, 5, 6)
    yield "skip", measure(Rrdb(2, 6, 3, 1, skip=True), 1, 3, 6, 4)


if __name__ == "__main__":
    torch.manual_seed(5)
    save(__file__, {f"{net}.{name}": t for net, tensors in all_networks() for name, t in tensors.items()})
