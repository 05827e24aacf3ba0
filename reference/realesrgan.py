"""Real-ESRGAN x4plus in PyTorch on the weights of a pair of ncnn files: a peer, no fixture.

    python reference/realesrgan.py MODEL.param IN.png OUT.png    the enlarged picture
    python reference/realesrgan.py MODEL.param --time 256        seconds for a square of noise
    python reference/realesrgan.py MODEL.param --save X.pth      a state dict as torch.save writes it

The weights are read in the order of the layers: a tag 0x01306B47, float16 kernels
[out, in, h, w] padded to 4 bytes, float32 biases. The network is that of `upscalers.py`.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from upscalers import Rrdb  # noqa: E402

TAG = 0x01306B47


def load(param):
    """The network of `param`, whose convolutions come in the order of their names here."""
    lines = [line.split() for line in Path(param).read_text().splitlines()[2:]]
    sizes = [dict(word.split("=") for word in line[4:] if "=" in word) for line in lines if line[0] == "Convolution"]
    network = Rrdb(4, int(sizes[0]["0"]), int(sizes[1]["0"]), (len(sizes) - 6) // 15)
    blob, at = Path(param).with_suffix(".bin").read_bytes(), 0
    for (name, module), size in zip((m for m in network.named_modules() if hasattr(m[1], "weight")), sizes, strict=True):
        n, n_out = int(size["6"]), int(size["0"])
        assert int.from_bytes(blob[at : at + 4], "little") == TAG, name
        at += 4
        weight = np.frombuffer(blob, "<f2", n, at).astype(np.float32).reshape(module.weight.shape)
        at += (2 * n + 3) // 4 * 4
        bias = np.frombuffer(blob, "<f4", n_out, at).copy()
        at += 4 * n_out
        module.weight.data, module.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    assert at == len(blob)
    return network.eval()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("param")
    parser.add_argument("pictures", nargs="*")
    parser.add_argument("--time", type=int)
    parser.add_argument("--save")
    args = parser.parse_args()
    network = load(args.param)
    with torch.inference_mode():
        if args.save:
            torch.save({"params_ema": network.state_dict()}, args.save)
        elif args.time:
            x = torch.rand(1, 3, args.time, args.time)
            for _ in range(2):
                started, used = time.perf_counter(), time.process_time()
                network(x)
                seconds, used = time.perf_counter() - started, time.process_time() - used
                print(f"{seconds:.2f} s, {used:.2f} s of processors, {torch.get_num_threads()} threads")
        else:
            source, target = args.pictures
            x = torch.from_numpy(np.asarray(Image.open(source).convert("RGB")).copy()).permute(2, 0, 1)[None] / 255
            y = network(x)[0].permute(1, 2, 0).clamp(0, 1) * 255
            Image.fromarray(y.round().byte().numpy()).save(target)


if __name__ == "__main__":
    main()
