"""Networks that turn pictures into pictures, and the critic of patches, with gradients.

Papers: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks"
(arXiv 1611.07004), appendix 6.1; Zhu et al. 2017, "Unpaired Image-to-Image Translation using
Cycle-Consistent Adversarial Networks" (arXiv 1703.10593), appendix 7.2.

Weights have the names that they have in the layout most PyTorch checkpoints of these papers
share, so that the Rust test also holds our table of names to it: steps of a U-Net nested in
each other (`model.model.1.model.3...`), the others as one numbered list.

Cases: `unet.instance` (3x32x64), `unet.batch` (3x32x32), `resnet.instance`, `resnet.batch` (3x16x20, two
blocks), `patch.70.instance`, `patch.70.batch`, `patch.16.instance`, `patch.1.instance` (3x32x32).
For each, NAME being a weight's:

    state.NAME, grad.NAME        in train mode, without dropout
    input, output                output is that of a network without running statistics
    grad.input
Gradients are those of sum(output * input reversed in all dimensions), cut to output's shape.
"""

import torch
from torch import nn

from fixture import as_float32, randn, save

LEAKY = 0.2


def norm(kind, n):
    return nn.InstanceNorm2d(n) if kind == "instance" else nn.BatchNorm2d(n)


class Step(nn.Module):
    """One size of a U-Net, with all smaller ones inside."""

    def __init__(self, kind, outer, inner, inside, n_in=None):
        super().__init__()
        bias = kind == "instance"
        down = nn.Conv2d(n_in or outer, inner, 4, 2, 1, bias=bias)
        n_back = 2 * inner if inside else inner
        self.is_outermost = n_in is not None
        if self.is_outermost:
            layers = [down, inside, nn.ReLU(), nn.ConvTranspose2d(n_back, outer, 4, 2, 1), nn.Tanh()]
        else:
            up = [nn.ReLU(), nn.ConvTranspose2d(n_back, outer, 4, 2, 1, bias=bias), norm(kind, outer)]
            middle = [norm(kind, inner), inside] if inside else []
            layers = [nn.LeakyReLU(LEAKY), down, *middle, *up]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.is_outermost else torch.cat([x, self.model(x)], 1)


class Unet(nn.Module):
    def __init__(self, kind, width, n_steps, channels=3):
        super().__init__()
        c = [width * min(2**i, 8) for i in range(n_steps)]
        step = None
        for i in reversed(range(1, n_steps)):
            step = Step(kind, c[i - 1], c[i], step)
        self.model = Step(kind, channels, c[0], step, n_in=channels)

    def forward(self, x):
        return self.model(x)


class Block(nn.Module):
    def __init__(self, kind, n, drops=False):
        super().__init__()
        bias = kind == "instance"
        pad = nn.ReflectionPad2d
        self.conv_block = nn.Sequential(
            pad(1), nn.Conv2d(n, n, 3, bias=bias), norm(kind, n), nn.ReLU(), *[nn.Dropout(0.5)] * drops,
            pad(1), nn.Conv2d(n, n, 3, bias=bias), norm(kind, n),
        )  # fmt: skip

    def forward(self, x):
        return x + self.conv_block(x)


class Resnet(nn.Module):
    def __init__(self, kind, width, n_blocks, channels=3, drops=False):
        super().__init__()
        bias = kind == "instance"
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7, bias=bias), norm(kind, width), nn.ReLU()]
        for n in (width, 2 * width):
            layers += [nn.Conv2d(n, 2 * n, 3, 2, 1, bias=bias), norm(kind, 2 * n), nn.ReLU()]
        layers += [Block(kind, 4 * width, drops) for _ in range(n_blocks)]
        for n in (2 * width, width):
            up = nn.ConvTranspose2d(2 * n, n, 3, 2, 1, output_padding=1, bias=bias)
            layers += [up, norm(kind, n), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


def patch_layers(kind, width, n_halvings, channels=3):
    bias = kind == "instance"
    layers = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(LEAKY)]
    for i in range(1, n_halvings + 1):
        n_in, n_out = width * min(2 ** (i - 1), 8), width * min(2**i, 8)
        conv = nn.Conv2d(n_in, n_out, 4, 2 if i < n_halvings else 1, 1, bias=bias)
        layers += [conv, norm(kind, n_out), nn.LeakyReLU(LEAKY)]
    return [*layers, nn.Conv2d(width * min(2**n_halvings, 8), 1, 4, 1, 1)]


class Patch(nn.Module):
    def __init__(self, kind, width, n_halvings):
        super().__init__()
        self.model = nn.Sequential(*patch_layers(kind, width, n_halvings))

    def forward(self, x):
        return self.model(x)


class Pixel(nn.Module):
    def __init__(self, kind, width, channels=3):
        super().__init__()
        bias = kind == "instance"
        self.net = nn.Sequential(
            nn.Conv2d(channels, width, 1), nn.LeakyReLU(LEAKY),
            nn.Conv2d(width, 2 * width, 1, bias=bias), norm(kind, 2 * width), nn.LeakyReLU(LEAKY),
            nn.Conv2d(2 * width, 1, 1, bias=True),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x)


@torch.no_grad()
def randomise(network):
    for name, p in network.named_parameters():
        is_affine = name.endswith("weight") and p.dim() == 1
        std = 0.1 if p.dim() == 1 else (1.0 / p[0].numel()) ** 0.5
        p.copy_(as_float32(std * randn(*p.shape) + (1 if is_affine else 0)))


def case(network, height, width):
    network = network.double().train()
    randomise(network)
    x = as_float32(torch.tanh(randn(2, 3, height, width))).requires_grad_()
    y = network(x)
    weights = x.detach().flip((0, 1, 2, 3))[:, : y.shape[1], : y.shape[2], : y.shape[3]]
    (y * weights).sum().backward()
    out = {"input": x, "output": y, "grad.input": x.grad}
    out |= {f"state.{name}": p.clone() for name, p in network.named_parameters()}
    return out | {f"grad.{name}": p.grad for name, p in network.named_parameters()}


if __name__ == "__main__":
    torch.manual_seed(11)
    cases = {}
    for kind, width in (("instance", 2), ("batch", 1)):
        cases[f"unet.{kind}"] = case(Unet(kind, 1, 5), 32, 64 if kind == "instance" else 32)
        cases[f"resnet.{kind}"] = case(Resnet(kind, width + 1, 2), 16, 20)
        cases[f"patch.70.{kind}"] = case(Patch(kind, width + 1, 3), 32, 32)
    cases["patch.16.instance"] = case(Patch("instance", 3, 1), 32, 32)
    cases["patch.1.instance"] = case(Pixel("instance", 3), 8, 8)
    save(__file__, {f"{name}.{key}": t for name, tensors in cases.items() for key, t in tensors.items()})
