"""What contrastive translation compares: features of a residual generator, and the loss that finds patches again.

Paper: Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation" (arXiv 2007.15651),
section 3 and the appendix on training. Features are the pixels, the outputs of both halving convolutions, of the first
residual block and of the last one of the first half; a head for each is two affine maps with ReLU between
them, whose output is divided by its length. Places of the output ask, those of the source answer, and a
place's own answer is the right one. The loss is a mean over layers, pictures and places; answers take no
gradient.

One case, 3x16x20 with three blocks (NAME being a weight's, in the layout of `translators.py` for the
generator and `heads.LAYER.NUMBER` for heads):

    input, output
    features.LAYER               of the input
    positions.LAYER              along rows
    loss
    state.NAME, grad.NAME        grad is that of the loss; weights behind the output's last layer have one too
"""

import torch
from torch import nn
from torch.nn import functional as F

from fixture import as_float32, randn, save
from translators import Resnet, randomise

N_BLOCKS = 3
TAPPED = (4, 7, 10, 11)  # numbers of the layers in Resnet.model
LENGTH = 6
TEMPERATURE = 0.07


def features(network, x):
    taken = [x]
    for number, layer in enumerate(network.model[: TAPPED[-1] + 1]):
        x = layer(x)
        if number in TAPPED:
            taken.append(x)
    return taken


def vectors(heads, features, positions):
    for head, x, places in zip(heads, features, positions):
        patches = x.flatten(2)[:, :, places].transpose(1, 2)
        yield F.normalize(head(patches), dim=2)


def patch_nce(queries, keys):
    for q, k in zip(queries, keys):
        similarities = q @ k.detach().transpose(1, 2) / TEMPERATURE
        n, s, _ = similarities.shape
        right = torch.arange(s).repeat(n)
        yield F.cross_entropy(similarities.flatten(0, 1), right)


if __name__ == "__main__":
    torch.manual_seed(29)
    network = Resnet("instance", 2, N_BLOCKS).double()
    x = as_float32(torch.tanh(randn(2, 3, 16, 20)))
    heads = nn.ModuleList(
        nn.Sequential(nn.Linear(f.shape[1], LENGTH), nn.ReLU(), nn.Linear(LENGTH, LENGTH)) for f in features(network, x)
    ).double()
    for module in (network, heads):
        randomise(module)
    of_input = features(network, x)
    positions = [torch.randperm(f.shape[2] * f.shape[3])[:12] for f in of_input]
    y = network(x)
    answers = vectors(heads, of_input, positions)
    loss = torch.stack(list(patch_nce(vectors(heads, features(network, y), positions), answers))).mean()
    loss.backward()
    out = {"input": x, "output": y, "loss": loss}
    out |= {f"features.{i}": f for i, f in enumerate(of_input)}
    out |= {f"positions.{i}": p.double() for i, p in enumerate(positions)}
    named = [*network.named_parameters(), *((f"heads.{name}", p) for name, p in heads.named_parameters())]
    out |= {f"state.{name}": p for name, p in named} | {f"grad.{name}": p.grad for name, p in named}
    save(__file__, out)
