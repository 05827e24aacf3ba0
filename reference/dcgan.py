"""DCGAN networks for any image size, with one step of losses and gradients.

Paper: Radford, Metz and Chintala 2016, "Unsupervised representation learning with deep
convolutional generative adversarial networks" (arXiv 1511.06434). The paper fixes
64x64; the size rule below extends it to any height and width of at least 8.

Sizes: k = floor(log2(min(H, W) / 4)) stages, s_k = (H, W), s_i = ceil(s_{i+1} / 2).
A dimension is doubled or halved by a kernel of 4 if its larger size is even, else 3.

Every name starts with a case: `even.` (1x16x16, k = 2), `odd.` (3x13x18, k = 1, so its
critic has no norm) or `mixed.` (3x19x26, k = 2, parity differs by stage and dimension).

    generator.layers.{i}.conv.weight           ConvTranspose2d [I, O, kh, kw]
    critic.trunk.layers.{i}.conv.weight        Conv2d [O, I, kh, kw]
    critic.head.score.{weight,bias}            Linear on the flattened features
    {stack}.{i}.norm.{weight,bias,running_mean,running_var}, with {stack} being
        generator.layers or critic.trunk.layers, but for the generator's last layer
        and the critic's first
    latents [5, 6], real [5, C, H, W]          inputs
    fake [5, C, H, W], score_real, score_fake [5], d_loss, g_loss [1]
    grad.critic.*                              of d_loss, for every critic parameter
    grad.generator.*                           of g_loss, for every generator parameter
    after.{stack}.{i}.norm.{running_mean,running_var}
    fake_eval [5, C, H, W]                     generator in eval mode, using after.*

Forward passes, all in train mode and with the initial weights throughout:
    1. generator(latents)     -> fake
    2. critic(real)           -> score_real
    3. critic(fake, detached) -> score_fake; d_loss and grad.critic follow
    4. critic(fake)           -> g_loss; grad.generator follows
So the generator's running statistics move once and the critic's three times. Batch
statistics do not depend on running ones, so passes 3 and 4 give the same scores.
"""

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from fixture import as_float32, randn, save

CASES = {"even": (1, 16, 16), "odd": (3, 13, 18), "mixed": (3, 19, 26)}
WIDTH, N_LATENTS, BATCH = 4, 6, 5


def sizes(height, width):
    """The (height, width) of every stage, from the base to the full image."""
    k = math.floor(math.log2(min(height, width) / 4))
    chain = [(height, width)]
    for _ in range(k):
        chain.insert(0, tuple(math.ceil(s / 2) for s in chain[0]))
    return chain


def kernel(size):
    """The kernel between `size` and half of it, at stride 2 and padding 1."""
    return tuple(4 if s % 2 == 0 else 3 for s in size)


class Layer(nn.Module):
    def __init__(self, conv, norm, activation):
        super().__init__()
        self.conv, self.norm, self.activation = conv, norm, activation

    def forward(self, x):
        return self.activation(self.norm(self.conv(x)))


class Generator(nn.Module):
    """[N, n_latents] -> [N, C, H, W] in (-1, 1)."""

    def __init__(self, channels, height, width_px, width, n_latents):
        super().__init__()
        chain = sizes(height, width_px)
        k = len(chain) - 1
        c = [width * min(2 ** (k - 1 - i), 8) for i in range(k)] + [channels]
        up = nn.ConvTranspose2d
        layers = [Layer(up(n_latents, c[0], chain[0], bias=False), nn.BatchNorm2d(c[0]), nn.ReLU())]
        for i in range(k):
            conv = up(c[i], c[i + 1], kernel(chain[i + 1]), stride=2, padding=1, bias=False)
            last = i == k - 1
            norm, activation = (nn.Identity(), nn.Tanh()) if last else (nn.BatchNorm2d(c[i + 1]), nn.ReLU())
            layers.append(Layer(conv, norm, activation))
        self.layers = nn.ModuleList(layers)

    def forward(self, latents):
        x = latents[:, :, None, None]  # [N, Z, 1, 1]
        for layer in self.layers:
            x = layer(x)
        return x


class Critic(nn.Module):
    """[N, C, H, W] -> scores [N], the raw output before any sigmoid."""

    def __init__(self, channels, height, width_px, width):
        super().__init__()
        chain = sizes(height, width_px)
        k = len(chain) - 1
        c = [channels] + [width * min(2**i, 8) for i in range(k)]
        layers = []
        for i in range(k):
            conv = nn.Conv2d(c[i], c[i + 1], kernel(chain[k - i]), stride=2, padding=1, bias=False)
            norm = nn.Identity() if i == 0 else nn.BatchNorm2d(c[i + 1])
            layers.append(Layer(conv, norm, nn.LeakyReLU(0.2)))
        h, w = chain[0]
        self.trunk = nn.ModuleDict({"layers": nn.ModuleList(layers)})
        self.head = nn.ModuleDict({"score": nn.Linear(c[k] * h * w, 1)})

    def forward(self, x):
        for layer in self.trunk["layers"]:
            x = layer(x)
        return self.head["score"](x.flatten(1)).flatten()  # [N, C, h, w] -> [N]


def state(prefix, network):
    """Weights and running statistics by name; PyTorch's batch counter is left out."""
    items = network.state_dict().items()
    return {f"{prefix}.{name}": t.clone() for name, t in items if not name.endswith("num_batches_tracked")}


@torch.no_grad()
def randomise(network):
    """Larger than the paper's N(0, 0.02), so that every gradient is informative."""
    for name, tensor in network.state_dict().items():
        if name.endswith(("conv.weight", "score.weight")):
            tensor.copy_(0.2 * randn(*tensor.shape))
        elif name.endswith((".bias", "running_mean")):
            tensor.copy_(0.1 * randn(*tensor.shape))
        elif name.endswith(("norm.weight", "running_var")):
            tensor.copy_(1 + 0.1 * randn(*tensor.shape))
        if tensor.is_floating_point():
            tensor.copy_(as_float32(tensor))


def case(channels, height, width_px):
    generator = Generator(channels, height, width_px, WIDTH, N_LATENTS).double()
    critic = Critic(channels, height, width_px, WIDTH).double()
    randomise(generator)
    randomise(critic)
    latents = randn(BATCH, N_LATENTS)
    real = as_float32(torch.tanh(randn(BATCH, channels, height, width_px)))
    out = {**state("generator", generator), **state("critic", critic), "latents": latents, "real": real}

    fake = generator(latents)
    score_real = critic(real)
    score_fake = critic(fake.detach())
    d_loss = softplus(-score_real).mean() + softplus(score_fake).mean()
    d_loss.backward()
    out |= {f"grad.critic.{name}": p.grad.clone() for name, p in critic.named_parameters()}

    g_loss = softplus(-critic(fake)).mean()
    g_loss.backward()
    out |= {f"grad.generator.{name}": p.grad.clone() for name, p in generator.named_parameters()}

    for prefix, network in (("after.generator", generator), ("after.critic", critic)):
        out |= {name: t for name, t in state(prefix, network).items() if "running_" in name}
    fake_eval = generator.eval()(latents)
    out |= {"fake": fake, "score_real": score_real, "score_fake": score_fake}
    return out | {"d_loss": d_loss, "g_loss": g_loss, "fake_eval": fake_eval}


if __name__ == "__main__":
    torch.manual_seed(1)
    save(__file__, {f"{name}.{key}": t for name, shape in CASES.items() for key, t in case(*shape).items()})
