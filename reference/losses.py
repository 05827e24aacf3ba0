"""Adversarial losses and their gradients with respect to the scores.

Papers: Goodfellow et al. 2014, "Generative adversarial nets" (arXiv 1406.2661), eq. 1
(minimax) and section 3 (non-saturating); Arjovsky et al. 2017, "Wasserstein GAN"
(arXiv 1701.07875), eq. 2; Mao et al. 2017, "Least squares generative adversarial
networks" (arXiv 1611.04076), eq. 2 with a = 0, b = c = 1; Lim and Ye 2017, "Geometric
GAN" (arXiv 1705.02894) and Miyato et al. 2018, "Spectral normalization" (arXiv
1802.05957), eqs. 16 and 17 (hinge); Jolicoeur-Martineau 2018, "The relativistic
discriminator" (arXiv 1807.00734), the logistic RpGAN and RaGAN of section 4. Scores are
raw, before any sigmoid; every mean is over the batch; both players minimise. With
r = score_real, f = score_fake:

    minimax         d = mean(-log sigmoid(r)) + mean(-log(1 - sigmoid(f)))
                    g = mean(log(1 - sigmoid(f)))
    non_saturating  d as minimax
                    g = mean(-log sigmoid(f))
    wasserstein     d = mean(f) - mean(r)
                    g = -mean(f)
    least_squares   d = mean((r - 1)^2) / 2 + mean(f^2) / 2
                    g = mean((f - 1)^2) / 2
    hinge           d = mean(relu(1 - r)) + mean(relu(1 + f))
                    g = -mean(f)
    relativistic    d = mean(softplus(-(r - f))), real and fake paired by index
                    g = mean(softplus(-(f - r)))
    relativistic_average
                    d = mean(softplus(-(r - mean(f)))) + mean(softplus(f - mean(r)))
                    g = mean(softplus(-(f - mean(r)))) + mean(softplus(r - mean(f)))

    score_real, score_fake [9]            both span -8 to 8; none lies on a hinge
    {loss}.d, {loss}.g [1]                the two losses
    {loss}.grad_real, {loss}.grad_fake    [9], of d, by score_real and by score_fake
    {loss}.grad_g                         [9], of g, by score_fake
    {loss}.grad_g_real                    [9], of g, by score_real; zero unless relativistic
"""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss, relu, softplus

from fixture import save


def cross_entropy(score, target):
    return binary_cross_entropy_with_logits(score, torch.full_like(score, target))


def half_squares(score, target):
    return mse_loss(score, torch.full_like(score, target)) / 2


def minimax(real, fake):
    return cross_entropy(real, 1.0) + cross_entropy(fake, 0.0), -cross_entropy(fake, 0.0)


def non_saturating(real, fake):
    return cross_entropy(real, 1.0) + cross_entropy(fake, 0.0), cross_entropy(fake, 1.0)


def wasserstein(real, fake):
    return fake.mean() - real.mean(), -fake.mean()


def least_squares(real, fake):
    return half_squares(real, 1.0) + half_squares(fake, 0.0), half_squares(fake, 1.0)


def hinge(real, fake):
    return relu(1 - real).mean() + relu(1 + fake).mean(), -fake.mean()


def relativistic(real, fake):
    return softplus(-(real - fake)).mean(), softplus(-(fake - real)).mean()


def relativistic_average(real, fake):
    real_over_fake, fake_over_real = real - fake.mean(), fake - real.mean()
    d = softplus(-real_over_fake).mean() + softplus(fake_over_real).mean()
    return d, softplus(-fake_over_real).mean() + softplus(real_over_fake).mean()


LOSSES = (minimax, non_saturating, wasserstein, least_squares, hinge, relativistic, relativistic_average)

if __name__ == "__main__":
    real = torch.tensor([-8, -5.5, -3, -1.25, 0, 0.75, 2.5, 5, 8], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([3.5, -8, 0.25, -2, 8, -0.5, 6, 1.5, -4.5], dtype=torch.float64, requires_grad=True)
    out = {"score_real": real, "score_fake": fake}
    for loss in LOSSES:
        d, g = loss(real, fake)
        grads_d = torch.autograd.grad(d, (real, fake), retain_graph=True)  # g may share its graph
        grads_g = torch.autograd.grad(g, (real, fake), materialize_grads=True)
        values = {"d": d, "g": g, "grad_real": grads_d[0], "grad_fake": grads_d[1]}
        values |= {"grad_g": grads_g[1], "grad_g_real": grads_g[0]}
        out |= {f"{loss.__name__}.{name}": t for name, t in values.items()}
    save(__file__, out)
