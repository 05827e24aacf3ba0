"""Has ONNX Runtime compute exported networks and compares with what gannet computed.

    reference/onnx.sh      does what follows, with an environment of its own
    GANNET_ONNX=/tmp/onnx cargo test -p gannet --test onnx     with that folder made before
    python reference/onnx.py /tmp/onnx

Beside each NAME.onnx lies NAME.safetensors with its inputs and its output. The error is relative
to the output's largest magnitude; more than 1e-5 fails. Each network is also given a batch twice
as large, whose halves must be equal. Needs onnxruntime beside the other requirements.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

worst = 0
for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tensors = load_file(path.with_suffix(".safetensors"))
    inputs = {value.name: tensors[value.name] for value in session.get_inputs()}
    (output,) = (value.name for value in session.get_outputs())
    (ours,) = session.run([output], inputs)
    (twice,) = session.run([output], {name: np.concatenate([x, x]) for name, x in inputs.items()})
    expected = tensors[output]
    assert ours.shape == expected.shape, (path.name, ours.shape, expected.shape)
    error = np.abs(ours - expected).max() / np.abs(expected).max()
    halves = np.abs(twice[: len(ours)] - twice[len(ours) :]).max()
    print(f"{path.stem:10} {str(ours.shape):22} error {error:.1e}, halves differ by {halves:.1e}")
    worst = max(worst, error, halves)
sys.exit(int(worst > 1e-5))
