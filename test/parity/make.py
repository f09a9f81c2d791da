"""Makes fixtures/: what PyTorch computes for the networks, in float64, from the formula's weights.

    python test/parity/make.py            (needs torch, torchvision and numpy; some minutes)

Each case is one safetensors file: logits and losses, and of each gradient and running statistic after a step
its norm and its sketch (formula.py). Float64 is the better reference: PyTorch's own fp32 is as far from it as
ours may be.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import formula
from kinks import move_off_kinks
import paper_model
import seed_model
import torchvision_model
from tensor_file import header_of, write

FIXTURES = Path(__file__).parent / "fixtures"
HEADS = ["logits", "aux1", "aux2"]
HEAD_WEIGHTS = [1.0, 0.3, 0.3]
SGD = dict(lr=2e-4, momentum=0.9, weight_decay=0.2)
STEPS = 10


def case(reduction4d, batch, size, classes, aux=True, steps=False):
    name = f"w{reduction4d}-b{batch}-s{size}-c{classes}" + ("" if aux else "-noaux")
    return dict(
        name=name, reduction4d=reduction4d, batch=batch, imageSize=size, classes=classes, aux=aux, steps=steps
    )


def variant_case(variant, batch, size, classes, steps=False, scale=1, lr=SGD["lr"]):
    """Of a variant with its own width in 4d. `scale` of the images: so large that LRN has something to do."""
    name = f"{variant}-b{batch}-s{size}-c{classes}"
    return dict(
        name=name,
        variant=variant,
        reduction4d=144,
        batch=batch,
        imageSize=size,
        classes=classes,
        aux=True,
        steps=steps,
        scale=scale,
        sgd={**SGD, "lr": lr},
    )


# Sizes and batches whose last maps have enough places for BatchNorm: of eight values and fewer, PyTorch's own
# fp32 has its gradients no nearer than 1e-3.
CASES = [
    case(114, 7, 64, 1000, steps=True),
    case(144, 7, 64, 10, steps=True),
    case(114, 2, 96, 10, aux=False),
    case(144, 1, 128, 10),
    case(114, 2, 128, 1000),
    case(144, 7, 96, 2),
    case(114, 1, 224, 1000),
    case(144, 2, 224, 2, steps=True),
    variant_case("paper", 1, 224, 10, scale=16),
    variant_case("paper", 2, 97, 7, steps=True, scale=16),
    variant_case("torchvision", 1, 224, 10),
    variant_case("torchvision", 3, 97, 7, steps=True, lr=1e-4),
]


def make_model(case, dtype):
    """The network of a case with the formula's values."""
    variant = case.get("variant", "seed")
    if variant == "seed":
        model = seed_model.GoogLeNet(
            image_size=case["imageSize"],
            num_classes=case["classes"],
            reduction4d=case["reduction4d"],
            aux=case["aux"],
            aux_dropout=0.0,
        )
    else:
        model = {"paper": paper_model, "torchvision": torchvision_model}[variant].GoogLeNet(case["classes"])
    state = model.state_dict()
    for name, value in state.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.from_numpy(formula.parameter(name_in_file(case, name), tuple(value.shape)))
    model.load_state_dict(state, strict=True)
    return model.to(dtype)


def name_in_file(case, name):
    return paper_model.file_name(name) if case.get("variant") == "paper" else name


def batch_of(case, step, tweak, dtype):
    """Images and labels of a step; the first step's images carry the tweak."""
    name = f"{case['name']}/{step}"
    shape = (case["batch"], 3, case["imageSize"], case["imageSize"])
    images = formula.images(name, shape, tweak if step == 0 else ())
    labels = formula.labels(name, case["batch"], case["classes"])
    return case.get("scale", 1) * torch.from_numpy(images).to(dtype), torch.from_numpy(labels)


def loss_of(heads, labels):
    losses = [F.cross_entropy(head, labels) for head in heads]
    return sum(w * loss for w, loss in zip(HEAD_WEIGHTS, losses)), losses


def compute(case, tweak, dtype):
    """Everything that the fixture is made of, computed in `dtype`."""
    out = {}
    model = make_model(case, dtype)
    images, labels = batch_of(case, 0, tweak, dtype)
    with torch.no_grad():
        for name, head in zip(HEADS, model.eval()(images)):
            out["eval." + name] = head
    heads = model.train()(images)
    loss, losses = loss_of(heads, labels)
    loss.backward()
    for name, head in zip(HEADS, heads):
        out["train." + name] = head.detach()
    out["losses"] = torch.stack([loss, *losses]).detach()
    for name, p in model.named_parameters():
        out["gradient." + name_in_file(case, name)] = p.grad
    for name, b in model.named_buffers():
        if not name.endswith("num_batches_tracked"):
            out["running." + name] = b
    if case["steps"]:
        out["steps"] = torch.tensor(train(case, tweak, dtype), dtype=torch.float64)
    return {name: value.to(torch.float64).numpy() for name, value in out.items()}


def train(case, tweak, dtype):
    """The losses of ten steps of SGD, each on a batch of its own."""
    model = make_model(case, dtype).train()
    optimizer = torch.optim.SGD(model.parameters(), **case.get("sgd", SGD))
    losses = []
    for step in range(STEPS):
        images, labels = batch_of(case, step, tweak, dtype)
        loss, _ = loss_of(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def check(case, tweak, exact):
    """Refuses a case on which fp32 as such, PyTorch's, would fail the tests' tolerances."""
    single = compute(case, tweak, torch.float32)
    largest = max(np.linalg.norm(v) for name, v in exact.items() if name.startswith("gradient."))
    worst = {}
    for name, value in exact.items():
        kind = name.split(".")[0]
        if kind == "gradient" and np.linalg.norm(value) < 1e-9 * largest:
            continue
        if kind == "steps":
            error = np.abs(single[name] / value - 1).max()
        else:
            error = np.linalg.norm(single[name] - value) / np.linalg.norm(value)
        worst[kind] = max(worst.get(kind, 0), error)
    print("  PyTorch's fp32:", {kind: f"{error:.1e}" for kind, error in worst.items()}, flush=True)
    limits = dict(eval=1e-5, train=1e-5, losses=1e-5, gradient=1e-4, running=1e-5, steps=1e-4)
    if any(error > limits[kind] / 2 for kind, error in worst.items()):
        raise RuntimeError(f"{case['name']} is ill-conditioned")


def fixture(exact):
    """The tensors to store: gradients and running statistics as norm and sketch, in the order of `names`."""
    tensors = {name: v for name, v in exact.items() if name.split(".")[0] not in ("gradient", "running")}
    names = {}
    for kind in ["gradient", "running"]:
        names[kind] = [name.split(".", 1)[1] for name in exact if name.startswith(kind + ".")]
        values = [(name, exact[f"{kind}.{name}"]) for name in names[kind]]
        tensors[kind + ".norms"] = np.array([np.linalg.norm(v) for _, v in values])
        sketches = [formula.sketch(name, v) for name, v in values]
        tensors[kind + ".sketches"] = np.array(sketches).reshape(len(values), formula.SKETCH)
    small = {name: v.astype(np.float64 if v.size < 100 else np.float32) for name, v in tensors.items()}
    return small, names


def make_state_dict_fixture():
    """The head of the safetensors file of a PyTorch state dict, and the checksum of all of it: the test
    computes the values by the formula, and so has the file itself without storing it."""
    model = make_model(CASES[1], torch.float32)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    head = header_of(state)
    digest = hashlib.sha256(head)
    for value in state.values():
        digest.update(value.tobytes())
    (FIXTURES / "state-dict.head").write_bytes(head)
    content = {"case": CASES[1]["name"], "sha256": digest.hexdigest()}
    (FIXTURES / "state-dict.json").write_text(json.dumps(content))


def main():
    FIXTURES.mkdir(exist_ok=True)
    make_state_dict_fixture()
    wanted = sys.argv[1:] or [case["name"] for case in CASES]
    for case in CASES:
        if case["name"] not in wanted:
            continue
        print(case["name"], flush=True)
        models = [make_model(case, dtype).train() for dtype in (torch.float64, torch.float32)]
        images = lambda tweak: batch_of(case, 0, tweak, torch.float64)[0]
        tweak = move_off_kinks(models, images, f"{case['name']}/0")
        exact = compute(case, tweak, torch.float64)
        check(case, tweak, exact)
        tensors, names = fixture(exact)
        metadata = {"sgd": SGD, **case, "tweak": list(tweak), "names": names}
        write(FIXTURES / f"{case['name']}.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
