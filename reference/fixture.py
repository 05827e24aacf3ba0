"""The one way every script here writes its golden values.

Random draws are float32, because that is what the Rust side reads; the arithmetic
after them is float64, so a fixture holds the true value rounded once and does not
change with thread counts or vector widths.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as arrays_to_bytes
from safetensors.torch import save as to_bytes

GOLDEN = Path(__file__).resolve().parents[1] / "crates" / "gannet" / "tests" / "golden"


def randn(*shape):
    """Standard normals that float32 represents exactly, as float64."""
    return torch.randn(*shape, dtype=torch.float32).double()


def as_float32(tensor):
    """Round to float32 and back, so that what is computed with is what is saved."""
    return tensor.float().double()


def save(script, tensors):
    """Write `tensors` to the golden file named after `script`; scalars become [1]."""
    stem = Path(script).stem
    stored = {name: t.detach().float().reshape(t.shape or (1,)).contiguous().clone() for name, t in tensors.items()}
    write(stem, to_bytes(stored, metadata={"script": f"reference/{stem}.py", "torch": torch.__version__}))


def save_as_is(script, arrays, **versions):
    """Write NumPy `arrays` in the types they have; `versions` name what computed them."""
    stem = Path(script).stem
    stored = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write(stem, arrays_to_bytes(stored, metadata={"script": f"reference/{stem}.py"} | versions))


def write(stem, blob):
    path = GOLDEN / f"{stem}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(with_sorted_header(blob))
    print(f"{path.name}: {path.stat().st_size} bytes")


def with_sorted_header(blob):
    """The library orders metadata at random; sorted, equal values are equal files."""
    end = 8 + int.from_bytes(blob[:8], "little")
    header = json.dumps(json.loads(blob[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # data stays aligned to 8 bytes
    return len(header).to_bytes(8, "little") + header + blob[end:]
