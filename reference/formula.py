"""Weights that both sides compute instead of carrying them: millions of values from one line.

Value i of the tensor called `name` is made of

    u = (z(fnv(name) + (i + 1) 0x9E3779B97F4A7C15) >> 40) / 2^23 - 1          in [-1, 1)

where fnv is the 64-bit FNV-1a hash of the name's bytes and z the mixing function of
SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
From it, rounded to float32,

    kernels [out, in, h, w]     u sqrt(6 / (in h w)), the variance of He et al. 2015
    matrices [out, in]          u sqrt(3 / in)
    NAME.running_var            1 + u / 2
    NAME.weight of a norm       1 + u / 4
    all other vectors           u / 4
    the image "input"           u
"""

import numpy as np
import torch


def fnv(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def uniform(name, n):
    z = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(fnv(name))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def tensor(name, *shape):
    """The float32 values as float64."""
    u = uniform(name, int(np.prod(shape)))
    if name == "input":
        values = u
    elif len(shape) == 4:
        values = u * np.sqrt(6 / np.prod(shape[1:]))
    elif len(shape) == 2:
        values = u * np.sqrt(3 / shape[1])
    elif name.endswith("running_var"):
        values = 1 + u / 2
    elif name.endswith("weight"):
        values = 1 + u / 4
    else:
        values = u / 4
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


class Weights:
    """Makes tensors as a network asks for them and remembers its convolutions."""

    def __init__(self):
        self.shapes = {}

    def conv(self, x, conv, norm, n_out, kernel, stride=1, padding=0, groups=1):
        """Convolution without bias, then batch norm by running statistics, eps = 1e-3."""
        shape = (n_out, x.shape[1] // groups, *kernel)
        self.shapes[f"shape:{conv}:{norm}"] = torch.tensor(shape)
        y = torch.nn.functional.conv2d(x, tensor(f"{conv}.weight", *shape), None, stride, padding, 1, groups)
        parts = ("running_mean", "running_var", "weight", "bias")
        return torch.nn.functional.batch_norm(y, *(tensor(f"{norm}.{part}", n_out) for part in parts), eps=1e-3)


def summary(x, n=48):
    """`n` values spread over `x`, its mean and its mean square."""
    flat = x.flatten()
    return torch.cat([flat[:: max(len(flat) // n, 1)][:n], flat.mean()[None], flat.square().mean()[None]])
