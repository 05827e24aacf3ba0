"""EfficientNet-Lite0 on weights from a formula: the output of every block.

Paper: Tan and Le 2019, "EfficientNet" (arXiv 1905.11946), table 1 at width and depth 1; the
Lite variant has ReLU6 in the place of swish and no squeeze-and-excitation. Padding is
TensorFlow's SAME; bytes b are seen as (b - 127) / 128, and an image in [-1, 1] is b / 127.5 - 1.

    shape:{conv}:{norm} [4], stage.{name} [50], features [1280], scores [1000]

as in `inception.py`; weights and image, [1, 3, 224, 224], are those of `formula.py`. With
the path of a state dict and pictures as arguments, it writes nothing and prints the five
likeliest classes of each picture, scaled to 224 x 224 by Pillow's bicubic filter, and the
first features.
"""

import sys

import torch
from torch.nn.functional import pad

import formula
from fixture import save
from formula import Weights, summary

STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)]
STAGES += [(3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]

weights = Weights()


def conv(x, name, norm, n_out, kernel=1, stride=1, groups=1):
    def same(size):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2

    x = pad(x, (*same(x.shape[3]), *same(x.shape[2])))
    return weights.conv(x, name, norm, n_out, (kernel, kernel), stride, 0, groups)


def relu6(x):
    return x.clamp(0, 6)


def network(image):
    """[N, 3, 224, 224] in [-1, 1] to stages by name, features and scores."""
    x = relu6(conv(((image + 1) * 127.5 - 127) / 128, "_conv_stem", "_bn0", 32, 3, 2))
    stages = {"stem": x}
    block = 0
    for repeats, kernel, first_stride, widening, n_out in STAGES:
        for i in range(repeats):
            path, y, stride = f"_blocks.{block}", x, first_stride if i == 0 else 1
            if widening > 1:
                y = relu6(conv(y, f"{path}._expand_conv", f"{path}._bn0", widening * x.shape[1]))
            y = relu6(conv(y, f"{path}._depthwise_conv", f"{path}._bn1", y.shape[1], kernel, stride, y.shape[1]))
            y = conv(y, f"{path}._project_conv", f"{path}._bn2", n_out)
            x = x + y if stride == 1 and y.shape == x.shape else y
            stages[path] = x
            block += 1
    x = stages["head"] = relu6(conv(x, "_conv_head", "_bn1", 1280))
    features = x.mean((2, 3))
    return stages, features, features @ formula.tensor("_fc.weight", 1000, 1280).T + formula.tensor("_fc.bias", 1000)


def show(state, paths):
    import numpy as np
    from PIL import Image

    formula.tensor = lambda name, *shape: state[name].double().reshape(shape)
    for path in paths:
        picture = Image.open(path).convert("RGB").resize((224, 224), Image.BICUBIC)
        image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].double() / 127.5 - 1
        _, features, scores = network(image)
        top = scores.softmax(1)[0].topk(5)
        print(path, [(int(i), round(float(p), 4)) for i, p in zip(top.indices, top.values)])
        print("  ", features[0, :6].tolist())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        show(torch.load(sys.argv[1], weights_only=True), sys.argv[2:])
    else:
        stages, features, scores = network(formula.tensor("input", 1, 3, 224, 224))
        for name, x in stages.items():
            print(name, tuple(x.shape), f"{x.square().mean().sqrt():.3f}")
        out = {f"stage.{name}": summary(x) for name, x in stages.items()}
        save(__file__, weights.shapes | out | {"features": features[0], "scores": scores[0]})
