"""Files as torch.save writes them, for the reader of weights, and the values they hold.

Beside `import.safetensors`, whose float32 values are those of every tensor below, this
writes into the golden folder `import/`

    zipped.pth      a state dict in the format of PyTorch 1.6 and later
    legacy.pth      the same in the format before
    nested.pth      a checkpoint: epoch, optimizer, `params`, and the state dict, its names
                    under `module.`, as `params_ema`
    module.pth      torch.nn.Sequential(Conv2d(2, 3, 2), BatchNorm2d(3)).state_dict(), legacy;
                    values under `module.`
    system.pth, system_legacy.pth    a dict whose unpickling would run os.system
    list.pth        a list of tensors, which is no state dict

and the state dict holds

    float [3, 4]; transposed [4, 3], a view of it; columns [2, 2], another, from [1, 1] on,
    every second column; half, bfloat, double [5]; byte, char, short, int, long, bool [4];
    scalar []; empty [0, 3]; expanded [2, 3], a view that repeats a row; parameter [2, 2]

Legacy files name storages by their addresses and lie in that order, so that theirs are the
only bytes which change from run to run.
"""

import os
from collections import OrderedDict

import torch
from torch import nn

from fixture import GOLDEN, randn, save

FOLDER = GOLDEN / "import"


def state_dict():
    base = randn(3, 4).float()
    whole = torch.tensor([0, 1, 100, 127])
    return OrderedDict(
        float=base,
        transposed=base.t(),
        columns=base[1:, 1::2],
        half=randn(5).half(),
        bfloat=randn(5).bfloat16(),
        double=randn(5),
        byte=(whole + 128).to(torch.uint8),
        char=(-whole).to(torch.int8),
        short=(-whole * 256).to(torch.int16),
        int=(whole * 65536).to(torch.int32),
        long=-whole * 65536,
        bool=whole > 50,
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        expanded=randn(3).float().expand(2, 3),
        parameter=nn.Parameter(randn(2, 2).float()),
    )


class System:
    """Pickles as a call of os.system."""

    def __reduce__(self):
        return os.system, ("echo this must never run",)


def write(name, value, zipped):
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.save(value, FOLDER / name, _use_new_zipfile_serialization=zipped)
    print(f"import/{name}: {(FOLDER / name).stat().st_size} bytes")


if __name__ == "__main__":
    torch.manual_seed(8)
    state = state_dict()
    write("zipped.pth", state, True)
    write("legacy.pth", state, False)
    other = {"params": {"float": torch.zeros(1)}, "epoch": 3, "optimizer": {"state": {0: torch.zeros(2)}, "lr": 0.1}}
    write("nested.pth", other | {"params_ema": {f"module.{name}": t for name, t in state.items()}}, True)
    network = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3))
    write("module.pth", network.state_dict(), False)
    write("system.pth", {"weight": torch.ones(2), "then": System()}, True)
    write("system_legacy.pth", {"weight": torch.ones(2), "then": System()}, False)
    write("list.pth", [torch.ones(2)], True)
    write("whole.pth", nn.PReLU(2), True)
    save(__file__, state | {f"module.{name}": t for name, t in network.state_dict().items()})
