"""Train DCGAN on IDX images (Fashion-MNIST): a peer to compare speed and samples with.

Paper: Radford, Metz and Chintala 2016 (arXiv 1511.06434), section 4: Adam with lr 2e-4
and beta_1 = 0.5, weights from N(0, 0.02), norm weights from N(1, 0.02), images in
[-1, 1]. The networks are those of `dcgan.py`; the losses are non-saturating. Added to
the paper: an exponential moving average of the generator, which draws the samples.

Writes one JSON object a line: kimg, seconds of training (samples and loading left out),
images_per_second since the last line, the losses, and the share of real and fake scores
on the right side of zero. Ends with a PNG grid drawn by the average in eval mode.

    python train_dcgan.py train-images-idx3-ubyte.gz --kimg 600 --grid grid.png
"""

import argparse
import copy
import gzip
import json
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate, softplus

from dcgan import Critic, Generator


def read_idx(path, size):
    """IDX images, gzipped or not, as [N, 1, size, size] in [-1, 1]."""
    raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    magic, n, h, w = struct.unpack(">4I", raw[:16])
    if magic != 2051:
        raise SystemExit(f"{path}: not IDX images (magic {magic}, expected 2051)")
    images = torch.from_numpy(np.frombuffer(raw, np.uint8, offset=16).reshape(n, 1, h, w).copy()).float()
    if (h, w) != (size, size):
        images = interpolate(images, (size, size), mode="bilinear", antialias=True)
    return images / 127.5 - 1


def write_grid(path, images, n_columns):
    """[N, 1, H, W] in [-1, 1] as one greyscale PNG, row by row."""
    n, _, h, w = images.shape
    pixels = ((images.cpu() + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    grid = pixels.reshape(n // n_columns, n_columns, h, w).transpose(0, 2, 1, 3).reshape(-1, n_columns * w)
    rows = np.pad(grid, ((0, 0), (1, 0)))  # every PNG row starts with its filter, 0 for none

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">2I5B", grid.shape[1], grid.shape[0], 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def initialise(module):
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


@torch.no_grad()
def update_average(average, network, decay):
    """Parameters and running statistics alike; the batch counters are left alone."""
    for kept, now in zip(average.state_dict().values(), network.state_dict().values()):
        if kept.is_floating_point():
            kept.lerp_(now, 1 - decay)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("images", type=Path, help="IDX file of images, gzipped or not")
    p.add_argument("--size", type=int, default=28, help="side in pixels; other than the file's, images are resized")
    p.add_argument("--width", type=int, default=64, help="channels of the widest-resolution layer")
    p.add_argument("--n-latents", type=int, default=100)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--kimg", type=float, default=600, help="thousands of real images to train on")
    p.add_argument("--lr", type=float, default=2e-4)
    p.add_argument("--ema-half-life-images", type=float, default=10_000)
    p.add_argument("--log-steps", type=int, default=100, help="steps between lines")
    p.add_argument("--grid", type=Path, default=Path("grid.png"))
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a = p.parse_args()

    torch.manual_seed(a.seed)
    images = read_idx(a.images, a.size).to(a.device)
    generator = Generator(1, a.size, a.size, a.width, a.n_latents).apply(initialise).to(a.device)
    critic = Critic(1, a.size, a.size, a.width).apply(initialise).to(a.device)
    average = copy.deepcopy(generator)
    g_adam = torch.optim.Adam(generator.parameters(), lr=a.lr, betas=(0.5, 0.999))
    d_adam = torch.optim.Adam(critic.parameters(), lr=a.lr, betas=(0.5, 0.999))
    decay = 0.5 ** (a.batch / a.ema_half_life_images)

    start, last = time.perf_counter(), (0.0, 0)  # last: seconds and images at the last line
    n_steps, per_epoch = max(1, round(a.kimg * 1000 / a.batch)), len(images) // a.batch
    for step in range(n_steps):
        at = step % per_epoch * a.batch
        if at == 0:
            order = torch.randperm(len(images), device=a.device)
        real = images[order[at : at + a.batch]]
        fake = generator(torch.randn(a.batch, a.n_latents, device=a.device))

        score_real, score_fake = critic(real), critic(fake.detach())
        d_loss = softplus(-score_real).mean() + softplus(score_fake).mean()
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()

        g_loss = softplus(-critic(fake)).mean()  # the updated critic, the same fakes
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()
        update_average(average, generator, decay)

        if (step + 1) % a.log_steps == 0 or step + 1 == n_steps:
            line = {"d_loss": d_loss.item(), "g_loss": g_loss.item()}  # waits for the device
            line["d_accuracy_real"] = (score_real > 0).float().mean().item()
            line["d_accuracy_fake"] = (score_fake < 0).float().mean().item()
            seconds, shown = time.perf_counter() - start, (step + 1) * a.batch
            speed = (shown - last[1]) / (seconds - last[0])
            last = (seconds, shown)
            print(json.dumps({"kimg": shown / 1000, "seconds": seconds, "images_per_second": speed, **line}), flush=True)

    with torch.no_grad():
        write_grid(a.grid, average.eval()(torch.randn(64, a.n_latents, device=a.device)), 8)


if __name__ == "__main__":
    main()
