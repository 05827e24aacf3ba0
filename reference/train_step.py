"""Training steps in PyTorch: the peer of `gannet bench`, which runs this script with --peer.

The networks, the batch and the rules are those of gannet's workloads: DCGAN (Radford, Metz and Chintala 2016) of width 64
on 3x64x64 and of width 128 on 1x28x28, and fully connected networks of three layers of 128 on points and on 3x64x64. One
step is one move of the critic, on reals and fakes, and one of the generator through the moved critic, whose weights take
no gradient. Adam with lr 2e-4 and betas 0.5 and 0.999. R1 is Mescheder et al. 2018, eq. 9; WGAN-GP's term is Gulrajani et
al. 2017, eq. 3; both are differentiated twice (`create_graph`). The workloads of samples run DCGAN's generator alone.

Writes one JSON object: the seconds of each step that counts, and PyTorch's version.

    python train_step.py dcgan64 --batch 64 --steps 5 --layout nhwc
"""

import argparse
import json
import math
import time

import torch
from torch import nn
from torch.nn.functional import softplus

WORKLOADS = ["ring", "mlp64", "mlp64-gp", "mlp64-r1", "dcgan28", "dcgan64", "plain64", "wgangp64", "r1-64"]
SAMPLES = {"sample1": 1, "sample64": 64}


def conv_networks(channels, size, width, is_normalized):
    """Generator and critic; sizes halve to 4x4 or 7x7, channels double up to eight times the width."""
    n = round(math.log2(size / (7 if size == 28 else 4)))
    base = size >> n
    chain = [min(width << i, 8 * width) for i in range(n)]
    critic, n_in = [], channels
    for i, n_out in enumerate(chain):
        critic += [nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False)]
        critic += [nn.BatchNorm2d(n_out)] if is_normalized and i > 0 else []
        critic += [nn.LeakyReLU(0.2, inplace=True)]
        n_in = n_out
    critic += [nn.Flatten(), nn.Linear(n_in * base * base, 1)]
    generator = [nn.ConvTranspose2d(100, chain[-1], base, bias=False)]
    for n_in, n_out in zip(chain[::-1], chain[-2::-1] + [channels]):
        generator += [nn.BatchNorm2d(n_in), nn.ReLU(True), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False)]
    return nn.Sequential(*generator, nn.Tanh()), nn.Sequential(*critic), (100, 1, 1)


def mlp(n_in, n_out, width=128):
    sizes = [n_in, width, width, width]
    hidden = [layer for i, o in zip(sizes, sizes[1:]) for layer in (nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True))]
    return nn.Sequential(*hidden, nn.Linear(width, n_out))


def networks(workload):
    """Generator, critic, shape of a latent and of a sample."""
    if workload == "ring":
        return mlp(64, 2), mlp(2, 1), (64,), (2,)
    if workload.startswith("mlp64"):
        shape = (3, 64, 64)
        generator = nn.Sequential(mlp(64, math.prod(shape)), nn.Tanh(), nn.Unflatten(1, shape))
        return generator, nn.Sequential(nn.Flatten(), mlp(math.prod(shape), 1)), (64,), shape
    if workload == "dcgan28":
        return *conv_networks(1, 28, 128, True), (1, 28, 28)
    return *conv_networks(3, 64, 64, workload not in ("plain64", "wgangp64", "r1-64")), (3, 64, 64)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("workload", choices=[*WORKLOADS, *SAMPLES])
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--steps", type=int, default=5, help="steps that count; two more come first")
    p.add_argument("--layout", choices=["nchw", "nhwc"], default="nchw")
    p.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    args = p.parse_args()
    torch.manual_seed(0)
    torch.set_default_device(args.device)
    generator, critic, latent, sample = networks(args.workload)
    real = torch.rand(args.batch, *sample) * 2 - 1
    if args.layout == "nhwc" and len(sample) == 3:
        generator, critic = (player.to(memory_format=torch.channels_last) for player in (generator, critic))
        real = real.contiguous(memory_format=torch.channels_last)
    moves = [torch.optim.Adam(player.parameters(), 2e-4, betas=(0.5, 0.999)) for player in (generator, critic)]
    has_r1, has_gp = "r1" in args.workload, "gp" in args.workload
    is_wasserstein = args.workload.startswith("wgan")
    share_shape = (args.batch,) + (1,) * len(sample)

    def step():
        fake = generator(torch.randn(args.batch, *latent))
        x = real.detach().requires_grad_(has_r1)
        score_real, score_fake = critic(x), critic(fake.detach())
        if is_wasserstein:
            loss = score_fake.mean() - score_real.mean()
        else:
            loss = softplus(-score_real).mean() + softplus(score_fake).mean()
        if has_r1:
            (slope,) = torch.autograd.grad(score_real.sum(), x, create_graph=True)
            loss = loss + 5 * slope.flatten(1).square().sum(1).mean()
        if has_gp:
            share = torch.rand(share_shape)
            between = (share * real + (1 - share) * fake.detach()).requires_grad_(True)
            (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            loss = loss + 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        moves[1].zero_grad(set_to_none=True)
        loss.backward()
        moves[1].step()

        critic.requires_grad_(False)
        score = critic(fake)
        answer = -score.mean() if is_wasserstein else softplus(-score).mean()
        moves[0].zero_grad(set_to_none=True)
        answer.backward()
        moves[0].step()
        critic.requires_grad_(True)

    def samples():
        with torch.inference_mode():
            generator(torch.randn(SAMPLES[args.workload], *latent))

    work = step
    if args.workload in SAMPLES:
        generator.eval()
        work = samples
    seconds = []
    for _ in range(args.steps + 2):
        started = time.perf_counter()
        work()
        if args.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds[2:], "version": torch.__version__}))


if __name__ == "__main__":
    main()
