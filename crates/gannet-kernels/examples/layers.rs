use gannet_kernels::{Axis, Convolution, Path, forward, input_gradient, weight_gradient};
use std::time::Instant;
fn main() {
    let path = match std::env::args().nth(1).as_deref() {
        Some("avx2") => Path::Avx2,
        Some("portable") => Path::Portable,
        _ => Path::best(),
    };
    println!("peak {:.0}", gannet_kernels::peak_gflops(path));
    for (ci, co, size) in [(3, 64, 64), (64, 128, 32), (128, 256, 16), (256, 512, 8), (1, 64, 28), (64, 128, 14)] {
        let a = Axis::new(size, 4 - size / 2 % 2, 2, [1, 1], 1).unwrap();
        let a = if size % 4 == 0 { Axis::new(size, 4, 2, [1, 1], 1).unwrap() } else { a };
        let c = Convolution { batch: 64, channels: [ci, co], groups: 1, axes: [a, a] };
        let f = |n: usize| (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>();
        let (x, w, dy) = (f(c.n_input()), f(c.n_weights()), f(c.n_output()));
        let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), w.clone());
        let mut t = [vec![], vec![], vec![]];
        for _ in 0..9 {
            let s = Instant::now();
            forward(path, &c, &x, &w, &mut y);
            t[0].push(s.elapsed().as_secs_f64());
            let s = Instant::now();
            input_gradient(path, &c, &dy, &w, &mut dx);
            t[1].push(s.elapsed().as_secs_f64());
            let s = Instant::now();
            weight_gradient(path, &c, &x, &dy, &mut dw);
            t[2].push(s.elapsed().as_secs_f64());
        }
        let g: Vec<_> = t
            .into_iter()
            .map(|mut t| {
                t.sort_by(f64::total_cmp);
                (t[4] * 1e3, c.flops() as f64 / t[4] / 1e9)
            })
            .collect();
        println!(
            "{ci:>4} {co:>4} {size:>3}  fwd {:.2} ms {:.0}  dx {:.2} ms {:.0}  dw {:.2} ms {:.0} GFLOP/s",
            g[0].0, g[0].1, g[1].0, g[1].1, g[2].0, g[2].1
        );
    }
}
