"""PyTorch at the work of `npm run bench`: the network as the parity tests list it, channels_last, eager.

bf16 runs either under autocast or with the whole model in bfloat16 (the case's `how`); the benchmark takes the faster.
"""

import contextlib
import pathlib
import sys

import torch
import torch.nn.functional as functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test" / "parity"))
from protocol import serve  # noqa: E402
from seed_model import GoogLeNet  # noqa: E402

SIZE = 224
CLASSES = 1000
AUX_WEIGHT = 0.3


def prepare(case):
    training = case["task"] == "training"
    torch.manual_seed(1)
    whole = case["how"] == "bfloat16"
    dtype = torch.bfloat16 if whole else torch.float32
    model = GoogLeNet(aux=training).to(memory_format=torch.channels_last, dtype=dtype).train(training)
    images = torch.randn(case["batch"], 3, SIZE, SIZE).to(memory_format=torch.channels_last, dtype=dtype)

    def precision():
        autocast = case["how"] == "autocast"
        return torch.autocast("cpu", dtype=torch.bfloat16) if autocast else contextlib.nullcontext()

    return trainer(model, images, precision) if training else classifier(model, images, precision)


def classifier(model, images, precision):
    def work():
        with torch.inference_mode(), precision():
            model(images)
        return len(images)

    work()
    return work


def trainer(model, images, precision):
    labels = torch.randint(CLASSES, (len(images),))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4)

    def work():
        optimizer.zero_grad()
        with precision():
            main, aux1, aux2 = (functional.cross_entropy(head.float(), labels) for head in model(images))
            loss = main + AUX_WEIGHT * (aux1 + aux2)
        loss.backward()
        optimizer.step()
        loss.item()
        return len(images)

    work()
    return work


if __name__ == "__main__":
    serve(prepare, {"PyTorch": torch.__version__, "threads": torch.get_num_threads()})
