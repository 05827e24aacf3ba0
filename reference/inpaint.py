"""What fills holes: a generator of gated convolutions and a critic that judges every place (Yu et al.
2019, "Free-Form Image Inpainting with Gated Convolution", arXiv 1806.03589, eq. 3 and section 3.4).

Case `generator` (3x13x10, so that sizes are halved to odd ones), case `critic`:

    state.NAME, pictures, holes, output
    grad.pictures, grad.NAME     of sum(output * loss_weights)

The critic's weights are divided by u W v, where u is `state.layers.N.scale`, v = W u of length 1, and
both are constants for the gradient, as in one step of the power iteration (Miyato et al. 2018,
"Spectral Normalization for Generative Adversarial Networks", algorithm 1).
"""

import torch
from torch import nn
from torch.nn import functional as F

from fixture import as_float32, randn, save


class Gated(nn.Module):
    def __init__(self, n_in, n_out, kernel, stride):
        super().__init__()
        self.conv = nn.Conv2d(n_in, 2 * n_out, kernel, stride, kernel // 2)

    def forward(self, x):
        features, gates = self.conv(x).chunk(2, 1)
        return F.leaky_relu(features, 0.2) * torch.sigmoid(gates)


class Generator(nn.Module):
    def __init__(self, width, blocks, channels=3):
        super().__init__()
        c = [width, 2 * width, 4 * width, 4 * width]
        first = [Gated(channels + 1, c[0], 5, 1)]
        self.inwards = nn.ModuleList(first + [Gated(c[i], c[i + 1], 3, 2) for i in range(3)])
        self.middle = nn.ModuleList(Gated(c[3], c[3], 3, 1) for _ in range(blocks))
        self.back = nn.ModuleList(Gated(c[i + 1] + c[i], c[i], 3, 1) for i in (2, 1, 0))
        self.last = nn.Conv2d(width, channels, 3, 1, 1)

    def forward(self, pictures, holes):
        x = torch.cat([pictures * (1 - holes), holes], 1)
        across = []
        for layer in self.inwards:
            x = layer(x)
            across.append(x)
        across.pop()
        for layer in self.middle:
            x = layer(x)
        for layer in self.back:
            skip = across.pop()
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, : skip.shape[2], : skip.shape[3]]
            x = layer(torch.cat([x, skip], 1))
        return torch.tanh(self.last(x))


class Spectral(nn.Conv2d):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out, 5, 2, 2)
        u = randn(n_out)
        self.register_buffer("scale", as_float32(u / u.norm()))

    def forward(self, x):
        u = self.scale / self.scale.norm()
        matrix = self.weight.flatten(1)
        v = F.normalize(matrix.detach().T @ u, dim=0)
        return F.conv2d(x, self.weight / (u @ matrix @ v), self.bias, 2, 2)


class Critic(nn.Module):
    def __init__(self, width, layers, channels=3):
        super().__init__()
        c = [channels + 1, *(width * min(2**i, 4) for i in range(layers))]
        self.layers = nn.ModuleList(Spectral(c[i], c[i + 1]) for i in range(layers))

    def forward(self, pictures, holes):
        x = torch.cat([pictures, holes], 1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return x


@torch.no_grad()
def randomise(network):
    for p in network.parameters():
        std = 0.2 if p.ndim == 1 else (2.0 / p[0].numel()) ** 0.5
        p.copy_(as_float32(std * randn(*p.shape)))


def case(network):
    network = network.double()
    randomise(network)
    pictures = as_float32(torch.tanh(randn(2, 3, 13, 10))).requires_grad_()
    holes = torch.zeros(2, 1, 13, 10).double()
    holes[0, :, 3:8, 2:6], holes[1, :, 6:, 5:] = 1, 1
    output = network(pictures, holes)
    weights = as_float32(randn(*output.shape))
    (output * weights).sum().backward()
    out = {"pictures": pictures, "holes": holes, "output": output, "loss_weights": weights}
    out |= {f"state.{name}": w.clone() for name, w in network.state_dict().items()}
    out |= {f"grad.{name}": p.grad for name, p in network.named_parameters()}
    return out | {"grad.pictures": pictures.grad}


if __name__ == "__main__":
    torch.manual_seed(29)
    cases = {"generator": case(Generator(3, 2)), "critic": case(Critic(3, 3))}
    save(__file__, {f"{name}.{key}": t for name, tensors in cases.items() for key, t in tensors.items()})
