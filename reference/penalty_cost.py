"""What a gradient penalty costs in PyTorch: a peer of `gannet bench penalty`.

The networks are its `dcgan` (Radford, Metz and Chintala 2016; batch norm in the generator only) and its `mlp`, the same
for all variants; the loss is non-saturating; Adam with lr 2e-4 and betas 0.5 and 0.999. One step is one move of the
critic and one of the generator. R1 is Mescheder et al. 2018, eq. 9; WGAN-GP's term is Gulrajani et al. 2017, eq. 3;
both are differentiated twice (`create_graph`). The variants take turns, as in `gannet bench`.

Writes one JSON object a line: network, penalty, median_s, ratio to the plain step.

    python penalty_cost.py --size 32 --batch 32 --steps 7
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn.functional import softplus

from dcgan import Critic, Generator

PENALTIES = ["none", "r1", "one-centred"]


def conv_critic(size):
    critic = Critic(3, size, size, 64)
    for layer in critic.trunk["layers"]:
        layer.norm = nn.Identity()
    return critic


def mlp(n_in, n_out, width=128):
    sizes = [n_in, width, width, width]
    hidden = [layer for i, o in zip(sizes, sizes[1:]) for layer in (nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True))]
    return nn.Sequential(*hidden, nn.Linear(width, n_out))


class Game:
    """Two players, and how the critic is penalized."""

    def __init__(self, network, penalty, size, batch):
        torch.manual_seed(0)
        n_values = 3 * size * size
        if network == "dcgan":
            self.latent, self.critic = 100, conv_critic(size)
            self.generator = Generator(3, size, size, 64, self.latent)
        else:
            self.latent, self.critic = 64, nn.Sequential(nn.Flatten(), mlp(n_values, 1))
            self.generator = nn.Sequential(mlp(64, n_values), nn.Tanh(), nn.Unflatten(1, (3, size, size)))
        self.penalty = penalty
        self.real = torch.rand(batch, 3, size, size) * 2 - 1
        self.moves = [
            torch.optim.Adam(player.parameters(), 2e-4, betas=(0.5, 0.999)) for player in (self.generator, self.critic)
        ]

    def step(self):
        move_generator, move_critic = self.moves
        n = len(self.real)
        fake = self.generator(torch.randn(n, self.latent))
        real = self.real.requires_grad_(self.penalty == "r1")
        score_real, score_fake = self.critic(real), self.critic(fake.detach())
        loss = softplus(-score_real).mean() + softplus(score_fake).mean()
        if self.penalty == "r1":
            (slope,) = torch.autograd.grad(score_real.sum(), real, create_graph=True)
            loss = loss + slope.flatten(1).square().sum(1).mean() / 2
        elif self.penalty == "one-centred":
            share = torch.rand(n, 1, 1, 1)
            between = (share * real + (1 - share) * fake.detach()).requires_grad_(True)
            (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
            loss = loss + (slope.flatten(1).norm(dim=1) - 1).square().mean()
        move_critic.zero_grad(set_to_none=True)
        loss.backward()
        move_critic.step()

        self.critic.requires_grad_(False)
        answer = softplus(-self.critic(fake)).mean()
        move_generator.zero_grad(set_to_none=True)
        answer.backward()
        move_generator.step()
        self.critic.requires_grad_(True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", type=int, default=32, help="side in pixels, a power of two")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--steps", type=int, default=7)
    args = p.parse_args()
    for network in ["mlp", "dcgan"]:
        games = {penalty: Game(network, penalty, args.size, args.batch) for penalty in PENALTIES}
        times = {penalty: [] for penalty in PENALTIES}
        for i in range(args.steps + 1):
            for penalty, game in games.items():
                started = time.perf_counter()
                game.step()
                if i > 0:  # the first step fills caches
                    times[penalty].append(time.perf_counter() - started)
        medians = {penalty: statistics.median(seconds) for penalty, seconds in times.items()}
        for penalty, seconds in medians.items():
            row = {"network": network, "penalty": penalty, "median_s": seconds, "ratio": seconds / medians["none"]}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
