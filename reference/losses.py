"""Adversarial losses and their gradients with respect to the scores.

Papers: Goodfellow et al. 2014, "Generative adversarial nets" (arXiv 1406.2661), eq. 1
(minimax) and section 3 (non-saturating); Arjovsky et al. 2017, "Wasserstein GAN"
(arXiv 1701.07875), eq. 2. Scores are raw, before any sigmoid; every mean is over the
batch; both players minimise. With r = score_real, f = score_fake:

    minimax         d = mean(-log sigmoid(r)) + mean(-log(1 - sigmoid(f)))
                    g = mean(log(1 - sigmoid(f)))
    non_saturating  d as minimax
                    g = mean(-log sigmoid(f))
    wasserstein     d = mean(f) - mean(r)
                    g = -mean(f)

    score_real, score_fake [9]            both span -8 to 8
    {loss}.d, {loss}.g [1]                the two losses
    {loss}.grad_real, {loss}.grad_fake    [9], of d, by score_real and by score_fake
    {loss}.grad_g                         [9], of g, by score_fake
"""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from fixture import save


def cross_entropy(score, target):
    return binary_cross_entropy_with_logits(score, torch.full_like(score, target))


def minimax(real, fake):
    return cross_entropy(real, 1.0) + cross_entropy(fake, 0.0), -cross_entropy(fake, 0.0)


def non_saturating(real, fake):
    return cross_entropy(real, 1.0) + cross_entropy(fake, 0.0), cross_entropy(fake, 1.0)


def wasserstein(real, fake):
    return fake.mean() - real.mean(), -fake.mean()


if __name__ == "__main__":
    real = torch.tensor([-8, -5.5, -3, -1.25, 0, 0.75, 2.5, 5, 8], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([3.5, -8, 0.25, -2, 8, -0.5, 6, 1.5, -4.5], dtype=torch.float64, requires_grad=True)
    out = {"score_real": real, "score_fake": fake}
    for loss in (minimax, non_saturating, wasserstein):
        d, g = loss(real, fake)
        grad_real, grad_fake = torch.autograd.grad(d, (real, fake))
        (grad_g,) = torch.autograd.grad(g, fake)
        values = {"d": d, "g": g, "grad_real": grad_real, "grad_fake": grad_fake, "grad_g": grad_g}
        out |= {f"{loss.__name__}.{name}": t for name, t in values.items()}
    save(__file__, out)
