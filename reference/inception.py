"""Inception v3 as FID uses it, on weights from a formula: the output of every stage.

Papers: Szegedy et al. 2016, "Rethinking the Inception architecture" (arXiv 1512.00567);
Heusel et al. 2017 (arXiv 1706.08500) for the network of December 2015, which counts no
zeros in the mean at a border, pools the last block by maximum and has 1008 classes.

    shape:{conv}:{norm} [4]    the shape of each convolution's weight; norms follow
    stage.{name} [50]          48 values of the [1, C, H, W] output, from index 0 on, C H W // 48
                               apart; then its mean and its mean square
    features [2048], scores [1008]    the mean over pixels; features times fc.weight, no bias

Weights and image, [1, 3, 299, 299], are those of `formula.py`.
"""

import torch
from torch.nn.functional import avg_pool2d, max_pool2d

from fixture import save
from formula import Weights, summary, tensor

weights = Weights()


def conv(x, name, n_out, kernel=1, stride=1, padding=None):
    """Keeps the size where nothing else is said; a 3x3 at stride 2 is not padded."""
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    if padding is None:
        padding = tuple(k // 2 for k in kernel) if stride == 1 else 0
    return weights.conv(x, f"{name}.conv", f"{name}.bn", n_out, kernel, stride, padding).relu()


def mean(x):
    return avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def grid_35(x, name, n_pool):
    one = conv(x, f"{name}.branch1x1", 64)
    five = conv(conv(x, f"{name}.branch5x5_1", 48), f"{name}.branch5x5_2", 64, 5)
    double = conv(conv(x, f"{name}.branch3x3dbl_1", 64), f"{name}.branch3x3dbl_2", 96, 3)
    double = conv(double, f"{name}.branch3x3dbl_3", 96, 3)
    return torch.cat([one, five, double, conv(mean(x), f"{name}.branch_pool", n_pool)], 1)


def to_grid_17(x, name):
    three = conv(x, f"{name}.branch3x3", 384, 3, 2)
    double = conv(conv(x, f"{name}.branch3x3dbl_1", 64), f"{name}.branch3x3dbl_2", 96, 3)
    double = conv(double, f"{name}.branch3x3dbl_3", 96, 3, 2)
    return torch.cat([three, double, max_pool2d(x, 3, 2)], 1)


def grid_17(x, name, n):
    one = conv(x, f"{name}.branch1x1", 192)
    seven = conv(conv(x, f"{name}.branch7x7_1", n), f"{name}.branch7x7_2", n, (1, 7))
    seven = conv(seven, f"{name}.branch7x7_3", 192, (7, 1))
    double = conv(x, f"{name}.branch7x7dbl_1", n)
    for i, (n_out, kernel) in enumerate([(n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7))], 2):
        double = conv(double, f"{name}.branch7x7dbl_{i}", n_out, kernel)
    return torch.cat([one, seven, double, conv(mean(x), f"{name}.branch_pool", 192)], 1)


def to_grid_8(x, name):
    three = conv(conv(x, f"{name}.branch3x3_1", 192), f"{name}.branch3x3_2", 320, 3, 2)
    seven = conv(conv(x, f"{name}.branch7x7x3_1", 192), f"{name}.branch7x7x3_2", 192, (1, 7))
    seven = conv(conv(seven, f"{name}.branch7x7x3_3", 192, (7, 1)), f"{name}.branch7x7x3_4", 192, 3, 2)
    return torch.cat([three, seven, max_pool2d(x, 3, 2)], 1)


def grid_8(x, name, pool):
    def fork(x, name, letters):
        return [conv(x, f"{name}{letters[0]}", 384, (1, 3)), conv(x, f"{name}{letters[1]}", 384, (3, 1))]

    one = conv(x, f"{name}.branch1x1", 320)
    three = fork(conv(x, f"{name}.branch3x3_1", 384), f"{name}.branch3x3_2", "ab")
    double = conv(conv(x, f"{name}.branch3x3dbl_1", 448), f"{name}.branch3x3dbl_2", 384, 3)
    double = fork(double, f"{name}.branch3x3dbl_3", "ab")
    return torch.cat([one, *three, *double, conv(pool(x), f"{name}.branch_pool", 192)], 1)


STAGES = {
    "Conv2d_1a_3x3": lambda x, name: conv(x, name, 32, 3, 2),
    "Conv2d_2a_3x3": lambda x, name: conv(x, name, 32, 3, padding=0),
    "Conv2d_2b_3x3": lambda x, name: conv(x, name, 64, 3),
    "pool_1": lambda x, name: max_pool2d(x, 3, 2),
    "Conv2d_3b_1x1": lambda x, name: conv(x, name, 80),
    "Conv2d_4a_3x3": lambda x, name: conv(x, name, 192, 3, padding=0),
    "pool_2": lambda x, name: max_pool2d(x, 3, 2),
    "Mixed_5b": lambda x, name: grid_35(x, name, 32),
    "Mixed_5c": lambda x, name: grid_35(x, name, 64),
    "Mixed_5d": lambda x, name: grid_35(x, name, 64),
    "Mixed_6a": to_grid_17,
    "Mixed_6b": lambda x, name: grid_17(x, name, 128),
    "Mixed_6c": lambda x, name: grid_17(x, name, 160),
    "Mixed_6d": lambda x, name: grid_17(x, name, 160),
    "Mixed_6e": lambda x, name: grid_17(x, name, 192),
    "Mixed_7a": to_grid_8,
    "Mixed_7b": lambda x, name: grid_8(x, name, mean),
    "Mixed_7c": lambda x, name: grid_8(x, name, lambda x: max_pool2d(x, 3, 1, 1)),
}

if __name__ == "__main__":
    x = tensor("input", 1, 3, 299, 299)
    out = {}
    for name, stage in STAGES.items():
        x = stage(x, name)
        out[f"stage.{name}"] = summary(x)
        print(name, tuple(x.shape), f"{x.square().mean().sqrt():.3f}")
    features = x.mean((2, 3))
    scores = features @ tensor("fc.weight", 1008, 2048).T
    save(__file__, weights.shapes | out | {"features": features[0], "scores": scores[0]})
