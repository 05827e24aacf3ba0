#!/usr/bin/env bash
# Exported networks of every family, computed by ONNX Runtime: onnx.sh. Installs what it needs into the target folder. Where
# it may not, it says so, or with ONNX_CHECKS=required fails.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath -m "${CARGO_TARGET_DIR:-target}")/onnx

if ! { python3 -m venv "$folder/venv" &&
  "$folder/venv/bin/pip" install -q --disable-pip-version-check onnxruntime==1.32.0 numpy==2.4.6 safetensors==0.8.0; }; then
  echo "skipped: exported networks, which need Python with venv, and the package onnxruntime"
  [ "${ONNX_CHECKS:-}" != required ]
  exit
fi
rm -rf "$folder/networks"
mkdir "$folder/networks"
GANNET_ONNX=$folder/networks cargo test --workspace --test onnx
"$folder/venv/bin/python" reference/onnx.py "$folder/networks"
