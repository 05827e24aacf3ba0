#!/usr/bin/env bash
# Builds the static playground into site/dist: the studio's own modules and the engine as WebAssembly.
#
# Needs a Rust with the target wasm32-unknown-unknown: `rustup target add wasm32-unknown-unknown`. Where that is not to be
# had, Debian's rustc-web, cargo-web, rust-web-src and rust-web-llvm do: call with DEBIAN_RUST=1.
set -euo pipefail
cd "$(dirname "$0")"

target=wasm32-unknown-unknown
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS='-C target-feature=+simd128'
if [ -n "${DEBIAN_RUST:-}" ]; then
  linker=$(echo "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-lld)
  export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker
  (cd engine && RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo build --release --target $target -Z build-std=std,panic_abort)
else
  (cd engine && cargo build --release --target $target)
fi

ui=../crates/gannet-studio/ui
rm -rf dist
mkdir -p dist/style dist/engine
cp -r $ui/playground $ui/dom.js $ui/chart.js $ui/icon.svg dist/
cp $ui/style/base.css $ui/style/playground.css dist/style/
cp index.html page.js dist/
cp worker.js dist/engine/
rustc --edition 2024 shrink.rs -o engine/target/shrink
engine/target/shrink "engine/target/$target/release/gannet_engine.wasm" dist/engine/gannet_engine.wasm room ask answer
ls -l dist/engine/gannet_engine.wasm
gzip -9 -c dist/engine/gannet_engine.wasm | wc -c
