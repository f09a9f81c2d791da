"""Makes fixtures/ here and ../models/fixtures/: what PyTorch and the reference safetensors library say.

    python test/weights/make.py           (needs torch and safetensors)
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "parity"))
from seed_model import GoogLeNet  # noqa: E402


def state_dict_shapes():
    """Every entry of the listing's state dict, in order, with its shape: one a line."""
    path = HERE.parent / "models" / "fixtures" / "state-dict.txt"
    path.parent.mkdir(exist_ok=True)
    state = GoogLeNet().state_dict()
    path.write_text("".join(" ".join([name, *map(str, value.shape)]) + "\n" for name, value in state.items()))


def dtypes():
    """The same values in each precision, and, as `<name>.expected`, what they are in fp32."""
    values = torch.tensor([0.0, -0.0, 1.0, -1.5, 3.14159, 65504.0, 1e-3, 6e-8, -5.96e-8, float("inf"), -float("inf")])
    values = torch.cat([values, torch.linspace(-3, 3, 13)]).reshape(2, 3, 4)
    tensors = {"count": torch.tensor(2**40 + 1)}
    for name, dtype in dict(f64=torch.float64, f32=torch.float32, f16=torch.float16, bf16=torch.bfloat16).items():
        tensors[name] = values.double().add(1e-12 if name == "f64" else 0).to(dtype)
        tensors[f"{name}.expected"] = tensors[name].float().clone()
    save_file(tensors, HERE / "fixtures" / "dtypes.safetensors", metadata={"made by": "PyTorch ✓"})


state_dict_shapes()
dtypes()
