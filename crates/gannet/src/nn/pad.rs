//! Padding by reflection: the picture goes on behind its edge as in a mirror, without repeating the edge itself.

use burn::tensor::Tensor;

use super::Dual;

/// `[N, C, H, W]` to `[N, C, H + 2 n, W + 2 n]`; both sides are longer than `n`.
pub fn reflect(x: impl Into<Dual<4>>, n: usize) -> Dual<4> {
    x.into().linear(|x| reflect_along(reflect_along(x, n, 2), n, 3))
}

fn reflect_along(x: Tensor<4>, n: usize, dim: usize) -> Tensor<4> {
    let size = x.dims()[dim];
    assert!(size > n, "{size} pixels cannot be reflected over {n}");
    let before = x.clone().narrow(dim, 1, n).flip([dim]);
    let after = x.clone().narrow(dim, size - 1 - n, n).flip([dim]);
    Tensor::cat(vec![before, x, after], dim)
}
