"""Networks under the names that others give their tensors, and what they make.

    dcgan.state.*, dcgan.latents, dcgan.output   the generator of PyTorch's DCGAN tutorial: `main`
        counts transposed convolutions (kernel 4), batch norms and ReLUs, tanh at the end. Small:
        latents [4, 5, 1, 1], width 2, 3x32x32. Evaluated by running statistics (eps 1e-5).
    CASE.shape:NAME, CASE.output   translators of `translators.py` under the names that their weights
        have there, in evaluation: the weights and the input [1, 3, height, width] follow from
        `formula.py`, but for a 64th of the last kernel of the residual ones, which tanh would clip;
        the output is its summary. `unet_128`, `unet_256` (that many pixels, width 2)
        and `resnet_6`, `resnet_9` (40x36, width 2), with instance and with batch norm; `drops` has
        dropout in its blocks, idle here, which moves the numbers of the modules after it.
"""

import torch
from torch import nn

import formula
from fixture import as_float32, randn, save
from translators import Resnet, Unet


def dcgan(latent, width, channels):
    outputs = [4 * width, 2 * width, width]
    layers = [nn.ConvTranspose2d(latent, outputs[0], 4, 1, 0, bias=False)]
    for n_in, n_out in zip(outputs, [*outputs[1:], channels]):
        layers += [nn.BatchNorm2d(n_in), nn.ReLU(True), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False)]
    return nn.ModuleDict({"main": nn.Sequential(*layers, nn.Tanh())}).double().eval()


@torch.no_grad()
def translated(network, height, width):
    network = network.double().eval()
    state = {name: w for name, w in network.state_dict().items() if w.is_floating_point()}
    for name, w in state.items():
        w.copy_(formula.tensor(name, *w.shape))
    if isinstance(network, Resnet):
        network.model[-2].weight /= 64
    output = network(formula.tensor("input", 1, 3, height, width))
    return {f"shape:{name}": torch.tensor(w.shape) for name, w in state.items()} | {"output": formula.summary(output)}


if __name__ == "__main__":
    torch.manual_seed(9)
    network = dcgan(5, 2, 3)
    for name, w in network.state_dict().items():
        if w.is_floating_point():
            w.copy_(as_float32(1 + 0.2 * randn(*w.shape).abs() if w.ndim == 1 else 0.3 * randn(*w.shape)))
    latents = as_float32(randn(4, 5, 1, 1))
    tensors = {"latents": latents, "output": network["main"](latents)}
    tensors |= {f"state.{name}": w for name, w in network.state_dict().items()}
    cases = {"dcgan": tensors}
    for norm in ("instance", "batch"):
        for side, n_steps in ((128, 7), (256, 8)):
            cases[f"unet_{side}.{norm}"] = translated(Unet(norm, 2, n_steps), side, side)
        for n_blocks in (6, 9):
            cases[f"resnet_{n_blocks}.{norm}"] = translated(Resnet(norm, 2, n_blocks), 40, 36)
    cases["resnet_6.drops"] = translated(Resnet("batch", 2, 6, drops=True), 40, 36)
    save(__file__, {f"{case}.{name}": t for case, tensors in cases.items() for name, t in tensors.items()})
