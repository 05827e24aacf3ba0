"""What a critic sees through augmentation, and the gradient with respect to the images.

Papers: Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training"
(arXiv 2006.10738), section 4; Karras et al. 2020, "Training generative adversarial
networks with limited data" (arXiv 2006.06676), appendix B, with bilinear samples in
place of its wavelet filters and reflection about the middle of the outermost pixels.
Every transform is applied on its own, one after another, as a matrix of its own; those
of ADA that move pixels end in one warp. Angles turn clockwise as seen, y points down.

Cases: square (3 x 8 x 8), wide (3 x 7 x 12), alpha (4 x 10 x 8), grey (1 x 9 x 9),
four images each. Image 0 is left alone.

    {case}.images, {case}.loss_weights [4, C, H, W]    loss = sum(output * loss_weights)
    {case}.ada.parameters [4, 15]          flip, quarter turns, shift x, y (pixels),
                                           scale, rotation, stretch, rotation,
                                           shift x, y (of the size), brightness,
                                           contrast, luma flip, hue, saturation
    {case}.diffaug.parameters [4, 7]       brightness, saturation, contrast,
                                           shift x, y, left and top of the hole
    {case}.{ada,diffaug}.output, .grad [4, C, H, W]
"""

from math import pi, sqrt

import torch
from torch.nn.functional import grid_sample

from fixture import as_float32, randn, save

N = 4
CASES = {"square": (3, 8, 8), "wide": (3, 7, 12), "alpha": (4, 10, 8), "grey": (1, 9, 9)}
ADA_NOTHING = torch.tensor([0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1], dtype=torch.float64)


def affine(rows):
    return torch.tensor(rows + [[0, 0, 1]], dtype=torch.float64)


def scale(x, y):
    return affine([[x, 0, 0], [0, y, 0]])


def translate(x, y):
    return affine([[1, 0, x], [0, 1, y]])


def rotate(angle):
    angle = torch.as_tensor(angle, dtype=torch.float64)
    return affine([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0]])


def moves(parameters, height, width):
    """The map of an image's points, in pixels from its middle, to where they go."""
    flip, turns, left, top, size, before, stretch, after, x, y = parameters[:10].tolist()
    steps = [scale(1 - 2 * flip, 1), rotate(turns * pi / 2), translate(left, top)]
    steps += [scale(size, size), rotate(before), scale(stretch, 1 / stretch), rotate(after)]
    steps += [translate(x * width, y * height)]
    total = torch.eye(3, dtype=torch.float64)
    for step in steps:
        total = step @ total
    return total


def warp(image, total):
    """One image [C, H, W], its points moved by `total`."""
    _, height, width = image.shape
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    points = torch.stack([columns, rows], -1).double() - middle
    source = points @ total.inverse()[:2, :2].T + total.inverse()[:2, 2]
    options = {"mode": "bilinear", "padding_mode": "reflection", "align_corners": True}
    return grid_sample(image[None], (source / middle)[None], **options)[0]


def recolour(image, parameters):
    """One RGB image [3, H, W] after the five colour matrices."""
    brightness, contrast, flip, hue, saturation = parameters[10:].tolist()
    one = torch.eye(3, dtype=torch.float64)
    grey = torch.full((3,), 1 / sqrt(3), dtype=torch.float64)
    along = torch.outer(grey, grey)
    cross = torch.linalg.cross(grey.expand(3, 3), one, dim=1).T  # its columns are v x e
    rotation = torch.linalg.matrix_exp(hue * cross)
    pixels = image.reshape(3, -1) + brightness
    pixels = (one - 2 * flip * along) @ (contrast * pixels)
    pixels = (along + saturation * (one - along)) @ (rotation @ pixels)
    return pixels.reshape(image.shape)


def on_colours(image, change):
    """`change` of the colours of one image; a grey image has three equal ones."""
    if image.shape[0] == 1:
        return change(image.expand(3, -1, -1)).mean(0, keepdim=True)
    return torch.cat([change(image[:3]), image[3:]])


def ada(image, parameters):
    moved = warp(image, moves(parameters, *image.shape[1:]))
    return on_colours(moved, lambda colours: recolour(colours, parameters))


def diffaug(image, parameters):
    _, height, width = image.shape
    brightness, saturation, contrast, *places = parameters.tolist()
    x, y, left, top = (int(place) for place in places)

    def colour(x):
        x = x + brightness
        x = x.mean(0, keepdim=True) + saturation * (x - x.mean(0, keepdim=True))
        return x.mean() + contrast * (x - x.mean())

    padded = torch.nn.functional.pad(on_colours(image, colour), [width, width, height, height])
    moved = padded[:, height - y : 2 * height - y, width - x : 2 * width - x]
    hole = torch.ones(height, width, dtype=torch.float64)
    hole[max(top, 0) : top + (height + 1) // 2, max(left, 0) : left + (width + 1) // 2] = 0
    return moved * hole


def uniform(low, high, *shape):
    return as_float32(low + (high - low) * torch.rand(*shape, dtype=torch.float64))


def integers(low, high, *shape):
    return torch.randint(low, high + 1, shape).double()


def ada_parameters(is_square):
    flip, luma_flip = integers(0, 1, N, 1), integers(0, 1, N, 1)
    turns = integers(0, 3, N, 1) * is_square
    sizes = [as_float32((0.3 * randn(N, 1)).exp()) for _ in range(4)]
    angles = [uniform(-pi, pi, N, 1) for _ in range(3)]
    blit = [flip, turns, integers(-2, 2, N, 2)]
    geometry = [sizes[0], angles[0], sizes[1], angles[1], as_float32(0.2 * randn(N, 2))]
    colour = [as_float32(0.2 * randn(N, 1)), sizes[2], luma_flip, angles[2], sizes[3]]
    parameters = torch.cat(blit + geometry + colour, 1)
    parameters[0] = ADA_NOTHING
    return parameters


def diffaug_parameters(height, width):
    colour = [uniform(-0.5, 0.5, N, 1), uniform(0, 2, N, 1), uniform(0.5, 1.5, N, 1)]
    shift = [integers(-(width // 8), width // 8, N, 1), integers(-(height // 8), height // 8, N, 1)]
    hole = [integers(-2, width - 2, N, 1), integers(-2, height - 2, N, 1)]
    parameters = torch.cat(colour + shift + hole, 1)
    # A hole that lies outside is none.
    parameters[0] = torch.tensor([0, 1, 1, 0, 0, width, height], dtype=torch.float64)
    return parameters


if __name__ == "__main__":
    torch.manual_seed(4)
    out = {}
    for case, (channels, height, width) in CASES.items():
        shape = (N, channels, height, width)
        images, loss_weights = as_float32(randn(*shape).tanh()).requires_grad_(), randn(*shape)
        out |= {f"{case}.images": images, f"{case}.loss_weights": loss_weights}
        drawn = {ada: ada_parameters(height == width), diffaug: diffaug_parameters(height, width)}
        for augment, parameters in drawn.items():
            output = torch.stack([augment(*pair) for pair in zip(images, parameters)])
            (grad,) = torch.autograd.grad((output * loss_weights).sum(), images)
            values = {"parameters": parameters, "output": output, "grad": grad}
            out |= {f"{case}.{augment.__name__}.{name}": value for name, value in values.items()}
    save(__file__, out)
