"""Batch normalisation over three training batches, its gradients, and eval mode.

Paper: Ioffe and Szegedy 2015, "Batch normalization" (arXiv 1502.03167), algorithms 1
and 2. Statistics are per channel over batch and pixels; eps = 1e-5. The batch is
normalised by its biased variance, while running_var takes the unbiased one:
running = 0.9 running + 0.1 batch. Channel 1 has so little variance that eps shows.

    weight, bias, running_mean, running_var [3]     before the first batch
    input.{i}, output.{i} [6, 3, 5, 4]              i = 0, 1, 2, in train mode
    running_mean.{i}, running_var.{i} [3]           after batch i
    loss_weights [6, 3, 5, 4]                       loss = sum(output.2 * loss_weights)
    grad.input [6, 3, 5, 4], grad.weight, grad.bias [3]   of that loss; input is input.2
    output.eval [6, 3, 5, 4]                        eval mode on input.0, after all three
"""

import torch
from torch import nn

from fixture import as_float32, randn, save

SHAPE = (6, 3, 5, 4)

if __name__ == "__main__":
    torch.manual_seed(3)
    norm = nn.BatchNorm2d(3, eps=1e-5, momentum=0.1).double()
    with torch.no_grad():
        norm.weight.copy_(as_float32(1 + 0.3 * randn(3)))
        norm.bias.copy_(as_float32(0.3 * randn(3)))
    scale = torch.tensor([1.0, 0.03, 4.0]).double().view(1, 3, 1, 1)
    inputs = [as_float32(scale * (randn(*SHAPE) + randn(1, 3, 1, 1))).requires_grad_() for _ in range(3)]
    loss_weights = randn(*SHAPE)

    names = ("weight", "bias", "running_mean", "running_var")
    out = {name: getattr(norm, name).detach().clone() for name in names}
    for i, x in enumerate(inputs):
        y = norm(x)
        out |= {f"input.{i}": x, f"output.{i}": y}
        out |= {f"{name}.{i}": getattr(norm, name).clone() for name in ("running_mean", "running_var")}
    (y * loss_weights).sum().backward()
    out |= {"loss_weights": loss_weights, "grad.input": inputs[2].grad}
    out |= {"grad.weight": norm.weight.grad, "grad.bias": norm.bias.grad}
    out["output.eval"] = norm.eval()(inputs[0])
    save(__file__, out)
