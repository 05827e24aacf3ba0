"""Gradient penalties on seven critics, with their gradients by double backward.

Papers: Mescheder et al. 2018, "Which training methods for GANs do actually converge?"
(arXiv 1801.04406), section 4.1 (r1, r2); Gulrajani et al. 2017, "Improved training of
Wasserstein GANs" (arXiv 1704.00028), eq. 3 (wgan_gp); Kodali et al. 2017, "On
convergence and stability of GANs" (arXiv 1705.07215) (dragan). With g_i the gradient of
the sum of the scores by sample i, flattened, and means over the batch:

    r1       mean |g_i|^2 / 2      at real
    r2       mean |g_i|^2 / 2      at fake
    wgan_gp  mean (|g_i| - 1)^2    at share real + (1 - share) fake
    dragan   mean (|g_i| - 1)^2    at perturbed = real + 0.5 deviation noise, with one
                                   biased standard deviation of the whole batch of reals;
                                   noise is standard normal

Every name starts with a critic, all but the first two on [N, C, H, W] = [2, 3, 16, 16]:

    mlp           [4, 2, 1, 1]; trunk.layers.{0,1,2} Linear 2 -> 16 -> 16 -> 16, each with
                  LeakyReLU 0.2
    layer         the same with layer norm (Ba et al. 2016, arXiv 1607.06450) before each
                  LeakyReLU: trunk.norms.{0,1,2}.{weight,bias} [16]
    dcgan         Radford et al. 2016 (arXiv 1511.06434) without norm: trunk.layers.{0,1}
                  .conv.weight, kernel 4, stride 2, padding 1, LeakyReLU 0.2, 3 -> 4 -> 8
    instance      dcgan with instance norm (Ulyanov et al. 2016, arXiv 1607.08022) after
                  every convolution but the first: trunk.layers.1.norm.{weight,bias} [8]
    dcgan_layer   dcgan with layer norm there, over channels and pixels: the same names
    resnet        Miyato et al. 2018 (arXiv 1802.05957), table 4, and Zhang et al. 2019
                  (arXiv 1805.08318): trunk.blocks.{0,1,2}.{conv1,conv2,shortcut} with
                  biases, 3 -> 4 -> 8 -> 8, the first two halve, the last has no shortcut;
                  trunk.attention.{query,key,value,output}.weight and .gamma after block 0;
                  relu, then the sum over pixels
    r3gan         Huang et al. 2024 (arXiv 2501.05441): trunk.input.weight; trunk.stages
                  .{0,1,2}.blocks.0.{expand,grouped,project} at 16, 8 and 4 pixels with
                  4, 8 and 8 channels; trunk.stages.{0,1}.transition.weight after the
                  fixed filter; trunk.basis.weight [8, 1, 4, 4]

Features are flattened as [C, H, W] and scored by head.score.{weight [1, features],
bias [1]}. In resnet every weight of a convolution, and the head's, is divided by its
spectral norm sigma = u^T W v, W as [out, rest]: {layer}.scale [out] in the state is u, to
be brought to unit length; v = W^T u brought to unit length. u and v are constants here,
near the singular vectors, and no power iteration happens; gradients are by the raw W.

    {critic}.state.*                       parameters, and resnet's scales
    {critic}.{real,fake,noise,perturbed}   [N, C, H, W]
    {critic}.share                         [N], in [0, 1]
    {critic}.score_real                    [N]
    {critic}.{penalty}.value               [1]
    {critic}.{penalty}.grad.*              for every parameter; zero where none flows, as
                                           to the biases of critics that are piecewise linear
"""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, leaky_relu, linear, normalize, relu

from fixture import as_float32, randn, save
from layers import SelfAttention, downsample

VECTORS, IMAGES = (4, 2, 1, 1), (2, 3, 16, 16)  # few images, for a small file


class Critic(nn.Module):
    """[N, C, H, W] -> scores [N]."""

    def __init__(self, trunk, score):
        super().__init__()
        self.trunk = trunk
        self.head = nn.ModuleDict({"score": score})

    def forward(self, x):
        return self.head["score"](self.trunk(x).flatten(1)).flatten()


class MlpTrunk(nn.Module):
    def __init__(self, n_inputs, width, norm):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(n, width) for n in (n_inputs, width, width))
        self.norms = nn.ModuleList(norm(width) for _ in range(3))

    def forward(self, x):
        x = x.flatten(1)
        for layer, norm in zip(self.layers, self.norms):
            x = leaky_relu(norm(layer(x)), 0.2)
        return x


class DcganTrunk(nn.Module):
    def __init__(self, channels, norm):
        super().__init__()
        self.layers = nn.ModuleList()
        for i, (c_in, c_out) in enumerate(zip(channels, channels[1:])):
            conv = nn.Conv2d(c_in, c_out, 4, stride=2, padding=1, bias=False)
            self.layers.append(nn.ModuleDict({"conv": conv, "norm": nn.Identity() if i == 0 else norm(c_out)}))

    def forward(self, x):
        for layer in self.layers:
            x = leaky_relu(layer["norm"](layer["conv"](x)), 0.2)
        return x


def over_spectral_norm(weight, scale):
    """`weight` [out, ...] over u^T W v; the two vectors are constants."""
    matrix = weight.flatten(1)
    u = normalize(scale, dim=0)
    v = normalize(matrix.detach().T @ u, dim=0)
    return weight / (u @ matrix @ v)


class SpectralConv(nn.Conv2d):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("scale", torch.ones(self.out_channels))

    def forward(self, x):
        return conv2d(x, over_spectral_norm(self.weight, self.scale), self.bias, padding=self.padding)


class SpectralLinear(nn.Linear):
    def __init__(self, *args):
        super().__init__(*args)
        self.register_buffer("scale", torch.ones(self.out_features))

    def forward(self, x):
        return linear(x, over_spectral_norm(self.weight, self.scale), self.bias)


class ResidualBlock(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv1 = SpectralConv(c_in, c_out, 3, padding=1)
        self.conv2 = SpectralConv(c_out, c_out, 3, padding=1)
        self.shortcut = nn.Identity() if c_in == c_out else SpectralConv(c_in, c_out, 1)

    def branch(self, x):
        return self.conv2(relu(self.conv1(x)))


class ResnetTrunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([ResidualBlock(3, 4), ResidualBlock(4, 8), ResidualBlock(8, 8)])
        self.attention = SelfAttention(4, SpectralConv)

    def forward(self, x):
        first, down, last = self.blocks
        x = avg_pool2d(first.branch(x), 2) + first.shortcut(avg_pool2d(x, 2))  # the image itself is not rectified
        x = self.attention(x)
        x = avg_pool2d(down.branch(relu(x)), 2) + avg_pool2d(down.shortcut(x), 2)
        x = last.branch(relu(x)) + last.shortcut(x)
        return relu(x).sum((2, 3))


class R3ganBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.expand = nn.Conv2d(c, 2 * c, 1)
        self.grouped = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2)
        self.project = nn.Conv2d(2 * c, c, 1, bias=False)

    def forward(self, x):
        inner = leaky_relu(self.expand(x), 0.2)
        return x + self.project(leaky_relu(self.grouped(inner), 0.2))


class R3ganStage(nn.Module):
    """One block and, unless it is the last stage, half the size and the next width."""

    def __init__(self, c, c_next):
        super().__init__()
        self.blocks = nn.ModuleList([R3ganBlock(c)])
        self.transition = nn.Conv2d(c, c_next, 1, bias=False) if c_next else None

    def forward(self, x):
        x = self.blocks[0](x)
        return self.transition(downsample(x)) if self.transition else x


class R3ganTrunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.input = nn.Conv2d(3, 4, 1, bias=False)
        self.stages = nn.Sequential(R3ganStage(4, 8), R3ganStage(8, 8), R3ganStage(8, None))
        self.basis = nn.Conv2d(8, 8, 4, groups=8, bias=False)

    def forward(self, x):
        return self.basis(self.stages(self.input(x)))


def identity(_channels):
    return nn.Identity()


def instance_norm(channels):
    return nn.InstanceNorm2d(channels, affine=True)


def layer_norm_of_images(channels):
    return nn.GroupNorm(1, channels)


def critics():
    """Name, critic and the shape of its inputs."""
    yield "mlp", Critic(MlpTrunk(2, 16, identity), nn.Linear(16, 1)), VECTORS
    yield "layer", Critic(MlpTrunk(2, 16, nn.LayerNorm), nn.Linear(16, 1)), VECTORS
    for name, norm in (("dcgan", identity), ("instance", instance_norm), ("dcgan_layer", layer_norm_of_images)):
        yield name, Critic(DcganTrunk((3, 4, 8), norm), nn.Linear(8 * 4 * 4, 1)), IMAGES
    yield "resnet", Critic(ResnetTrunk(), SpectralLinear(8, 1)), IMAGES
    yield "r3gan", Critic(R3ganTrunk(), nn.Linear(8, 1)), IMAGES


@torch.no_grad()
def randomise(critic):
    """Weights that keep signals near 1, gains near 1, and small biases."""
    for name, p in critic.named_parameters():
        if name.endswith("gamma"):
            p.fill_(2.0)
        elif name.endswith("bias"):
            p.copy_(0.3 * randn(*p.shape))
        elif ".norm" in name:
            p.copy_(1 + 0.3 * randn(*p.shape))
        else:
            p.copy_(1.2 * randn(*p.shape) / p[0].numel() ** 0.5)
        p.copy_(as_float32(p))
    for module in critic.modules():
        if hasattr(module, "scale"):
            matrix, u = module.weight.flatten(1), randn(*module.scale.shape)
            for _ in range(3):  # power iterations
                u = normalize(matrix @ normalize(matrix.T @ u, dim=0), dim=0)
            module.scale.copy_(as_float32(u))


def slopes(critic, x):
    """g_i, the gradient of each score by its own sample, [N, C * H * W]."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0].flatten(1)


def half_square(slopes):
    return slopes.square().sum(1).mean() / 2


def distance_from_one(slopes):
    return (slopes.norm(dim=1) - 1).square().mean()


def measure(critic, shape):
    randomise(critic)
    real, fake = (as_float32(torch.tanh(randn(*shape))) for _ in range(2))
    noise, share = randn(*shape), torch.rand(shape[0]).double()
    perturbed = as_float32(real + 0.5 * real.std(correction=0) * noise)
    out = {f"state.{name}": t for name, t in critic.state_dict().items()}
    out |= {"real": real, "fake": fake, "noise": noise, "perturbed": perturbed, "share": share}
    out["score_real"] = critic(real)

    at = share.view(-1, 1, 1, 1)
    penalties = {
        "r1": half_square(slopes(critic, real)),
        "r2": half_square(slopes(critic, fake)),
        "wgan_gp": distance_from_one(slopes(critic, at * real + (1 - at) * fake)),
        "dragan": distance_from_one(slopes(critic, perturbed)),
    }
    names, parameters = zip(*critic.named_parameters())
    for penalty, value in penalties.items():
        grads = torch.autograd.grad(value, parameters, materialize_grads=True)
        out[f"{penalty}.value"] = value
        out |= {f"{penalty}.grad.{name}": grad for name, grad in zip(names, grads)}
    return out


if __name__ == "__main__":
    torch.manual_seed(293)  # no gradient near zero, and no rectifier within 3e-5 of its kink
    out = {}
    for name, critic, shape in critics():
        out |= {f"{name}.{key}": t for key, t in measure(critic.double(), shape).items()}
    save(__file__, out)
