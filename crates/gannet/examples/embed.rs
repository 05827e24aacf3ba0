//! A trained generator inside another program: load the file, ask for pictures, use their pixels.
//!
//! `cargo run --release --example embed -p gannet -- runs/00000-fashion-mnist-dcgan`

use gannet::Generator;
use gannet::image::encode_png;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: embed RUN|generator.safetensors")?;
    let generator = Generator::load(path)?;
    for (seed, picture) in generator.sample(&[1, 2, 3])?.iter().enumerate() {
        eprintln!("{} x {} pixels, {} channels", picture.width, picture.height, picture.channels);
        std::fs::write(format!("fake{seed}.png"), encode_png(picture, &[])?)?;
    }
    Ok(())
}
