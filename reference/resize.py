"""Pictures resized by Pillow, filter by filter.

Pillow's resampling is a convolution in two passes, rows first, with the filter widened
when shrinking and 8 bits between the passes; alpha is multiplied in before and divided
out after. Its values are a fact to agree with, because metrics moved by whole points
when another library resized (Parmar et al. 2022, "On aliased resizing and surprising
subtleties in GAN evaluation", arXiv 2104.11222).

Sources, uint8 [H, W, C]: `photo`, a cat from photo.png (by Stefan van der Walt, CC0,
cropped and shrunk); `cutout`, the same behind a soft round alpha; `ink`, its luma with
that alpha; `shoe` and `bag`, two of the test images of Fashion-MNIST.

    {source}                     the picture
    {source}.{filter}.{H}x{W}    resized, filter one of box, bilinear, bicubic, lanczos3
    {source}.fit.{H}x{W}         its middle, resized by lanczos3 (ImageOps.fit)
"""

import gzip
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps
from PIL.Image import Resampling

from fixture import save_as_is

HERE = Path(__file__).resolve().parent
FASHION = HERE.parent / "crates" / "gannet" / "assets" / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
FILTERS = {
    "box": Resampling.BOX,
    "bilinear": Resampling.BILINEAR,
    "bicubic": Resampling.BICUBIC,
    "lanczos3": Resampling.LANCZOS,
}
# Both ways, one side only, and one side up while the other goes down.
SIZES = {
    "photo": [(17, 23), (60, 70), (48, 31), (9, 64)],
    "cutout": [(17, 23), (50, 33)],
    "ink": [(19, 21), (51, 40)],
    "shoe": [(11, 11), (64, 64)],
    "bag": [(16, 9), (37, 20)],
}


def sources():
    photo = np.array(Image.open(HERE / "photo.png"))
    height, width, _ = photo.shape
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((y - height / 2) / height, (x - width / 2) / width)
    alpha = np.clip((0.55 - distance) * 900, 0, 255).astype(np.uint8)
    luma = np.array(Image.fromarray(photo).convert("L"))
    fashion = np.frombuffer(gzip.decompress(FASHION.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)
    return {
        "photo": photo,
        "cutout": np.dstack([photo, alpha]),
        "ink": np.dstack([luma, alpha]),
        "shoe": fashion[0],
        "bag": fashion[18],
    }


if __name__ == "__main__":
    out = {}
    for name, source in sources().items():
        height, width = source.shape[:2]
        channels_last = (height, width, -1)
        out[name] = source.reshape(channels_last)
        for height, width in SIZES[name]:
            for filter, resampling in FILTERS.items():
                small = np.array(Image.fromarray(source).resize((width, height), resampling))
                out[f"{name}.{filter}.{height}x{width}"] = small.reshape(height, width, -1)
            fitted = np.array(ImageOps.fit(Image.fromarray(source), (width, height), Resampling.LANCZOS))
            out[f"{name}.fit.{height}x{width}"] = fitted.reshape(height, width, -1)
    save_as_is(__file__, out, pillow=PIL.__version__)
