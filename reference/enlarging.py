"""What networks that enlarge are trained by: the critic of SRGAN (Ledig et al. 2017, figure 4) and
the maps of VGG16 (Simonyan and Zisserman 2015, table 1, column D), narrowed.

Case `critic`: two convolutions for each of four widths, the second with stride 2, all but the first
with batch norm, leaky ReLU of slope 0.2, two dense layers. In train mode:

    state.NAME, input, output    scores, one for each picture
    grad.input, grad.NAME        of sum(output * [1, 2, 3])

Case `vgg`: the names of torchvision's vgg16. Input in [-1, 1] becomes [0, 1], less ImageNet's means
and over its deviations.

    state.NAME, input            pictures of 40 x 35, so that poolings round down
    maps.LAYER, grad.LAYER       before their activation; gradient of the input by sum(maps ** 3)
"""

import torch
from torch import nn

from fixture import as_float32, randn, save

MEANS = torch.tensor([0.485, 0.456, 0.406]).double().reshape(1, 3, 1, 1)
DEVIATIONS = torch.tensor([0.229, 0.224, 0.225]).double().reshape(1, 3, 1, 1)
GROUPS = [2, 2, 3, 3, 3]


class Block(nn.Module):
    def __init__(self, n_in, n_out, stride, has_norm):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=not has_norm)
        self.norm = nn.BatchNorm2d(n_out) if has_norm else None

    def forward(self, x):
        x = self.conv(x)
        x = self.norm(x) if self.norm else x
        return nn.functional.leaky_relu(x, 0.2)


class Critic(nn.Module):
    def __init__(self, width, dense, n_features):
        super().__init__()
        widths = [width * 2 ** (i // 2) for i in range(8)]
        ins = [3, *widths]
        self.blocks = nn.ModuleList(Block(ins[i], widths[i], 1 + i % 2, i > 0) for i in range(8))
        self.dense = nn.Linear(n_features, dense)
        self.score = nn.Linear(dense, 1)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.score(nn.functional.leaky_relu(self.dense(x.flatten(1)), 0.2)).flatten()


def vgg(widths):
    layers, n_in, places = [], 3, {}
    for group, (n, width) in enumerate(zip(GROUPS, widths)):
        for i in range(n):
            places[f"conv{group + 1}_{i + 1}"] = len(layers)
            layers += [nn.Conv2d(n_in, width, 3, 1, 1), nn.ReLU()]
            n_in = width
        layers.append(nn.MaxPool2d(2))
    network = nn.Module()
    network.features = nn.Sequential(*layers)
    return network, places


@torch.no_grad()
def randomise(network):
    for name, p in network.named_parameters():
        is_affine = "norm" in name and name.endswith("weight")
        std = 0.1 if p.ndim == 1 else (1.5 / p[0].numel()) ** 0.5
        p.copy_(as_float32(std * randn(*p.shape) + (1 if is_affine else 0)))


def critic_case():
    network = Critic(2, 5, 16 * 2 * 2).double().train()
    randomise(network)
    out = {f"state.{name}": w.clone() for name, w in network.state_dict().items() if w.is_floating_point()}
    x = as_float32(torch.tanh(randn(3, 3, 32, 24))).requires_grad_()
    scores = network(x)
    (scores * torch.tensor([1.0, 2.0, 3.0]).double()).sum().backward()
    out |= {"input": x, "output": scores, "grad.input": x.grad}
    return out | {f"grad.{name}": w.grad for name, w in network.named_parameters()}


def vgg_case():
    network, places = vgg([2, 3, 4, 5, 6])
    network = network.double()
    randomise(network)
    x = as_float32(torch.tanh(randn(2, 3, 40, 35)))
    out = {"input": x} | {f"state.{name}": w for name, w in network.state_dict().items()}
    for layer in ("conv1_1", "conv2_2", "conv5_3"):
        x = x.detach().requires_grad_()
        maps = network.features[: places[layer] + 1](((x + 1) / 2 - MEANS) / DEVIATIONS)
        (maps**3).sum().backward()
        out |= {f"maps.{layer}": maps, f"grad.{layer}": x.grad}
    return out


if __name__ == "__main__":
    torch.manual_seed(23)
    cases = {"critic": critic_case(), "vgg": vgg_case()}
    save(__file__, {f"{case}.{name}": t for case, tensors in cases.items() for name, t in tensors.items()})
