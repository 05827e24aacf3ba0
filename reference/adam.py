"""Six steps of Adam and, separately, of RMSprop from the same start and gradients.

Papers: Kingma and Ba 2015, "Adam: a method for stochastic optimization" (arXiv
1412.6980); the values beta_1 = 0.5, lr = 2e-4 are DCGAN's (arXiv 1511.06434, section 4)
and RMSprop's lr = 5e-5 is WGAN's (arXiv 1701.07875, algorithm 1). No weight decay,
no momentum, not centred; both add eps = 1e-8 outside the square root.

    init.{a,b}                 a [7], b [3, 4]
    grad.{step}.{a,b}          step 0..5; each element of `a` keeps its own magnitude,
                               1e-4 to 10; elements of `b` change theirs at every step
    adam.{step}.{a,b}          parameters after that step: lr 2e-4, betas (0.5, 0.999)
    rmsprop.{step}.{a,b}       likewise: lr 5e-5, alpha 0.99
"""

import torch

from fixture import as_float32, randn, save

N_STEPS = 6


def steps(make_optimizer, init, grads):
    """The parameters after each step."""
    parameters = {name: t.clone().requires_grad_() for name, t in init.items()}
    optimizer = make_optimizer(list(parameters.values()))
    for grad in grads:
        for name, p in parameters.items():
            p.grad = grad[name].clone()
        optimizer.step()
        yield {name: p.detach().clone() for name, p in parameters.items()}


if __name__ == "__main__":
    torch.manual_seed(2)
    # Small parameters keep float32 rounding well below one update.
    init = {"a": as_float32(0.1 * randn(7)), "b": as_float32(0.1 * randn(3, 4))}
    grads = []
    for _ in range(N_STEPS):
        a = torch.logspace(-4, 1, 7, dtype=torch.float64) * randn(7)
        b = 10 ** (-4 + 5 * torch.rand(3, 4).double()) * randn(3, 4).sign()
        grads.append({"a": as_float32(a), "b": as_float32(b)})
    runs = {
        "adam": steps(lambda p: torch.optim.Adam(p, lr=2e-4, betas=(0.5, 0.999), eps=1e-8), init, grads),
        "rmsprop": steps(lambda p: torch.optim.RMSprop(p, lr=5e-5, alpha=0.99, eps=1e-8), init, grads),
    }
    out = {f"init.{name}": t for name, t in init.items()}
    for prefix, run in {"grad": grads, **runs}.items():
        out |= {f"{prefix}.{i}.{name}": t for i, values in enumerate(run) for name, t in values.items()}
    save(__file__, out)
