"""Metrics of sets of samples, written out from the papers in NumPy and SciPy.

Papers: Heusel et al. 2017 (arXiv 1706.08500), eq. 6 (Frechet distance); Chong and
Forsyth 2020 (arXiv 1911.07023), section 3 (its line in 1/N); Binkowski et al. 2018
(arXiv 1801.01401), section 4 (kernel distance); Salimans et al. 2016 (arXiv 1606.03498),
section 4 (inception score); Kynkaanniemi et al. 2019 (arXiv 1904.06991), section 2
(precision, recall); Naeem et al. 2020 (arXiv 2002.09797), eqs. 2 and 3 (density,
coverage); Karras et al. 2018 (arXiv 1710.10196), section 5 (sliced Wasserstein);
Wang et al. 2003, "Multiscale structural similarity", eq. 7; Wang et al. 2004, "Image quality
assessment: from error visibility to structural similarity", eq. 13 and section III-C (structural
similarity); Zhang et al. 2018 (arXiv 1801.03924), eq. 1 with w = 1 (perceptual distance).

Features and pictures are float32; everything after is float64 and, but for pyramids,
saved as such.

    {case}.real, {case}.fake     [N, D], [M, D]; `full` has more samples than features,
                                 `thin` fewer, `skewed` scales from 1e-3 to 1e3
    {case}.frechet               by the singular values of X Y' for centred X and Y, which
                                 are those of C^1/2 C'^1/2 and need no root of a matrix
    {case}.frechet_sqrtm         by the Schur method of scipy.linalg.sqrtm; `full` only
    {case}.mmd                   all pairs
    {case}.subsets.real, .fake   int64 [K, m], rows of each subset
    {case}.mmd_of_subsets        [K]
    {case}.precision_recall      [2], k = 3
    {case}.density_coverage      [2], k = 5
    {case}.directions            [L, D]
    {case}.sliced_wasserstein    of as many rows of both as the smaller set has
    logits                       [N, classes]
    inception_score.{splits}     [2], mean and deviation
    photo                        [3, H, W] in [-1, 1]
    pyramid.{level}              finest first
    ms_ssim.a, .b                [3, H, W] in [-1, 1]; ms_ssim.{H}x{W}.value of their
                                 first rows and columns, ssim.{H}x{W}.value likewise
    psnr.value                   of the same pictures, in dB
    perceptual.a, .b             [C, H, W], maps of a layer; perceptual.value
"""

import numpy as np
from scipy.linalg import sqrtm, svdvals
from scipy.ndimage import convolve1d
from scipy.signal import convolve2d
from scipy.spatial.distance import cdist
from scipy.special import rel_entr, softmax
from scipy.stats import wasserstein_distance

import scipy

from fixture import save_as_is


def centred(x):
    return (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)


def frechet(x, y):
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    x, y = centred(x), centred(y)
    return shift + np.square(x).sum() + np.square(y).sum() - 2 * svdvals(x @ y.T).sum()


def frechet_sqrtm(x, y):
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    c, d = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return shift + np.trace(c + d - 2 * sqrtm(c @ d).real)


def mmd(x, y):
    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def off_diagonal(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    return off_diagonal(kernel(x, x)) + off_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean()


def radii(x, k):
    # Column 0 of the sorted distances is the sample itself.
    return np.sort(cdist(x, x), axis=1)[:, k]


def precision_recall(real, fake, k=3):
    distances = cdist(real, fake)
    precision = (distances <= radii(real, k)[:, None]).any(axis=0).mean()
    recall = (distances <= radii(fake, k)[None, :]).any(axis=1).mean()
    return precision, recall


def density_coverage(real, fake, k=5):
    inside = cdist(real, fake) <= radii(real, k)[:, None]
    return inside.sum() / (k * len(fake)), inside.any(axis=1).mean()


def sliced_wasserstein(x, y, directions):
    return np.mean([wasserstein_distance(x @ d, y @ d) for d in directions])


def inception_score(logits, n_splits):
    p = softmax(logits, axis=1)
    bounds = [i * len(p) // n_splits for i in range(n_splits + 1)]
    parts = [p[a:b] for a, b in zip(bounds, bounds[1:])]
    scores = [np.exp(rel_entr(q, q.mean(axis=0)).sum(axis=1).mean()) for q in parts]
    return np.mean(scores), np.std(scores)


def pyramid(picture, smallest):
    taps = np.array([1, 4, 6, 4, 1]) / 16

    def blur(x, gain):
        for axis in (1, 2):
            x = convolve1d(x, gain * taps, axis=axis, mode="mirror")
        return x

    levels = []
    while min((side + 1) // 2 for side in picture.shape[1:]) >= smallest:
        coarse = blur(picture, 1)[:, ::2, ::2]
        spread = np.zeros_like(picture)
        spread[:, ::2, ::2] = coarse
        levels.append(picture - blur(spread, 2))
        picture = coarse
    return [*levels, picture]


def similarity(a, b):
    """Maps of luminance and of contrast times structure of one channel in [0, 1]."""
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2
    c1, c2 = 0.01**2, 0.03**2

    def mean(x):
        return convolve2d(x, window, mode="valid")

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    return (2 * ma * mb + c1) / (ma**2 + mb**2 + c1), (2 * cov + c2) / (va + vb + c2)


def ssim(a, b):
    luminance, structure = similarity(a, b)
    return (luminance * structure).mean()


def ms_ssim(a, b):
    """Of one channel in [0, 1]."""
    exponents = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    exponents = exponents[: sum(min(a.shape) // 2**scale >= 11 for scale in range(5))]
    exponents = exponents / exponents.sum()

    def halve(x):
        h, w = (side // 2 for side in x.shape)
        return x[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean(axis=(1, 3))

    value = 1.0
    for scale, exponent in enumerate(exponents):
        luminance, structure = similarity(a, b)
        last = scale == len(exponents) - 1
        value *= max((luminance * structure if last else structure).mean(), 0) ** exponent
        a, b = halve(a), halve(b)
    return value


def psnr(a, b):
    """Of pictures in [0, 1]."""
    return -10 * np.log10(np.square(a - b).mean())


def perceptual(a, b):
    a, b = (x / np.linalg.norm(x, axis=0) for x in (a, b))
    return np.square(a - b).sum(axis=0).mean()


def cases(rng):
    def draw(n, d, mixing, shift):
        # What a network's last activations look like: correlated, at least 0, some columns all 0.
        return np.maximum(rng.normal(size=(n, d)) @ mixing + shift, 0).astype(np.float32)

    mixing = rng.normal(size=(12, 12)) / 3
    yield "full", draw(180, 12, mixing, 0.3), draw(150, 12, mixing + rng.normal(size=(12, 12)) / 10, 0.4)
    mixing = rng.normal(size=(64, 64)) / 8
    yield "thin", draw(40, 64, mixing, 0.1), draw(36, 64, mixing * 1.1, 0.0)
    mixing = np.diag(np.logspace(-3, 3, 10))
    yield "skewed", draw(120, 10, mixing, 1.0), draw(130, 10, mixing * 1.2, 1.0)


def draw_photo(rng, height, width):
    """Smooth, with an edge and grain, so that every scale holds something."""
    y, x = np.mgrid[:height, :width] / 20
    channels = [np.sin(x * a + b) * np.cos(y * b - a) for a, b in rng.uniform(0.5, 2, size=(3, 2))]
    photo = 0.5 * np.stack(channels) + 0.3 * (x > y) + 0.05 * rng.normal(size=(3, height, width))
    return np.clip(photo, -1, 1).astype(np.float32)


if __name__ == "__main__":
    rng = np.random.default_rng(1)
    out = {}
    for name, real32, fake32 in cases(rng):
        real, fake = real32.astype(np.float64), fake32.astype(np.float64)
        n_least = min(len(real), len(fake))
        subsets = [np.stack([rng.permutation(len(x))[:20] for _ in range(4)]) for x in (real, fake)]
        directions = rng.normal(size=(8, real.shape[1]))
        directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
        values = {
            "real": real32,
            "fake": fake32,
            "frechet": frechet(real, fake),
            "mmd": mmd(real, fake),
            "subsets.real": subsets[0],
            "subsets.fake": subsets[1],
            "mmd_of_subsets": [mmd(real[a], fake[b]) for a, b in zip(*subsets)],
            "precision_recall": precision_recall(real, fake),
            "density_coverage": density_coverage(real, fake),
            "directions": directions,
            "sliced_wasserstein": sliced_wasserstein(real[:n_least], fake[:n_least], directions.astype(np.float64)),
        }
        if name == "full":
            values["frechet_sqrtm"] = frechet_sqrtm(real, fake)
        out |= {f"{name}.{key}": value for key, value in values.items()}

    logits = (3 * rng.normal(size=(103, 7))).astype(np.float32)
    out["logits"] = logits
    for n_splits in (1, 10):
        out[f"inception_score.{n_splits}"] = inception_score(logits.astype(np.float64), n_splits)

    photo = draw_photo(rng, 37, 50)
    out["photo"] = photo
    out |= {f"pyramid.{i}": level.astype(np.float32) for i, level in enumerate(pyramid(photo.astype(np.float64), 8))}

    a = draw_photo(rng, 48, 51)
    b = np.clip(a + 0.1 * rng.normal(size=a.shape), -1, 1).astype(np.float32)
    out |= {"ms_ssim.a": a, "ms_ssim.b": b}
    for height, width in [(48, 51), (28, 28), (11, 40)]:
        pairs = [((x[:height, :width] + 1) / 2).astype(np.float64) for x in (*a, *b)]
        for metric in (ms_ssim, ssim):
            values = [metric(x, y) for x, y in zip(pairs[:3], pairs[3:])]
            out[f"{metric.__name__}.{height}x{width}.value"] = np.mean(values)
    out["psnr.value"] = psnr(*((x.astype(np.float64) + 1) / 2 for x in (a, b)))
    maps = [np.maximum(rng.normal(size=(5, 3, 4)) + 1, 0).astype(np.float32) for _ in range(2)]
    out |= {"perceptual.a": maps[0], "perceptual.b": maps[1]}
    out["perceptual.value"] = perceptual(*(x.astype(np.float64) for x in maps))
    save_as_is(__file__, {k: np.atleast_1d(v) for k, v in out.items()}, numpy=np.__version__, scipy=scipy.__version__)
