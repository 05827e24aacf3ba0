"""Networks under the names that others give their tensors, and what they make.

    dcgan.state.*, dcgan.latents, dcgan.output   the generator of PyTorch's DCGAN tutorial: `main`
        counts transposed convolutions (kernel 4), batch norms and ReLUs, tanh at the end. Small:
        latents [4, 5, 1, 1], width 2, 3x32x32. Evaluated by running statistics (eps 1e-5).
"""

import torch
from torch import nn

from fixture import as_float32, randn, save


def dcgan(latent, width, channels):
    outputs = [4 * width, 2 * width, width]
    layers = [nn.ConvTranspose2d(latent, outputs[0], 4, 1, 0, bias=False)]
    for n_in, n_out in zip(outputs, [*outputs[1:], channels]):
        layers += [nn.BatchNorm2d(n_in), nn.ReLU(True), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False)]
    return nn.ModuleDict({"main": nn.Sequential(*layers, nn.Tanh())}).double().eval()


if __name__ == "__main__":
    torch.manual_seed(9)
    network = dcgan(5, 2, 3)
    for name, w in network.state_dict().items():
        if w.is_floating_point():
            w.copy_(as_float32(1 + 0.2 * randn(*w.shape).abs() if w.ndim == 1 else 0.3 * randn(*w.shape)))
    latents = as_float32(randn(4, 5, 1, 1))
    tensors = {"latents": latents, "output": network["main"](latents)}
    tensors |= {f"state.{name}": w for name, w in network.state_dict().items()}
    save(__file__, {f"dcgan.{name}": t for name, t in tensors.items()})
