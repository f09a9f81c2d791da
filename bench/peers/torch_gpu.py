"""PyTorch at the work of `npm run bench:gpu`: the network as the parity tests list it, channels_last.

A case's `how`: `eager`; `graph`, eager recorded once as a CUDA graph and replayed; `compiled`, torch.compile in the
case's `mode`: `max-autotune` and `reduce-overhead` use CUDA graphs too. Its `type`: `autocast`, or `whole` for the model itself in that type. Its
`source`: `device`, images that lie on the card in the right type, or `host`, bytes in pinned memory that are copied
and normalised each time.
"""

import collections
import contextlib
import gc
import os
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
WARM_UP = 3
# The CPU is there to try the benchmark itself.
DEVICE = torch.device(os.environ.get("GOOGLENET_PEER_DEVICE", "cuda"))
if DEVICE.index is not None:
    torch.cuda.set_device(DEVICE)
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "tf32": torch.float32, "fp32": torch.float32}


def synchronize():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def prepare(case):
    training = case["task"] == "training"
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = case["precision"] != "fp32"
    dtype = TYPES[case["precision"]]
    whole = dtype if case["type"] == "whole" else torch.float32
    model = GoogLeNet(aux=training).to(DEVICE, dtype=whole, memory_format=torch.channels_last).train(training)
    if case["how"] == "compiled":
        # `prepare` in one process meets several shapes; each is to have code of its own.
        torch._dynamo.reset()
        model = torch.compile(model, mode=case["mode"], dynamic=False)
    images = source(case, dtype)

    def precision():
        autocast = dtype != torch.float32 and whole == torch.float32
        return torch.autocast(DEVICE.type, dtype=dtype) if autocast else contextlib.nullcontext()

    work = trainer(model, images, precision, case) if training else classifier(model, images, precision)
    for _ in range(WARM_UP):
        work()
    synchronize()
    if case["how"] == "graph":
        work = recorded(work)

    # Ours begins as many before the first has ended. Of a single image the answer is waited for: a latency.
    return paced(work, case["batch"], 1 if not training and case["batch"] == 1 else 2)


def paced(work, images, in_flight):
    """The work, with at most as many begun before the first has ended."""
    begun = collections.deque()

    def counted():
        work()
        if DEVICE.type == "cuda":
            begun.append(torch.cuda.Event())
            begun[-1].record()
            if len(begun) == in_flight:
                begun.popleft().synchronize()
        return images

    return counted


def forget():
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()  # CUDA graphs keep their memory until then.
    gc.collect()
    if DEVICE.type == "cuda":
        torch.cuda.empty_cache()


def source(case, dtype):
    """A function that gives a batch on the device."""
    shape = (case["batch"], 3, SIZE, SIZE)
    if case["source"] == "device":
        images = torch.randn(shape, device=DEVICE).to(dtype=dtype, memory_format=torch.channels_last)
        return lambda: images
    pixels = torch.randint(256, shape, dtype=torch.uint8).to(memory_format=torch.channels_last)
    if DEVICE.type == "cuda":
        pixels = pixels.pin_memory()
    mean = torch.tensor([0.485, 0.456, 0.406], device=DEVICE).view(1, 3, 1, 1) * 255
    std = torch.tensor([0.229, 0.224, 0.225], device=DEVICE).view(1, 3, 1, 1) * 255
    return lambda: ((pixels.to(DEVICE, non_blocking=True).float() - mean) / std).to(dtype)


def classifier(model, images, precision):
    def work():
        with torch.inference_mode(), precision():
            model(images())

    return work


def trainer(model, images, precision, case):
    labels = torch.randint(CLASSES, (case["batch"],), device=DEVICE)
    # Fused: one kernel for all parameters, and with a scaler no waiting for whether a gradient overflowed.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4, fused=True)
    scaler = torch.amp.GradScaler(DEVICE.type, enabled=case["precision"] == "fp16")

    def work():
        optimizer.zero_grad(set_to_none=True)
        with precision():
            main, aux1, aux2 = (functional.cross_entropy(head.float(), labels) for head in model(images()))
            loss = main + AUX_WEIGHT * (aux1 + aux2)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return work


def recorded(work):
    """The work as one CUDA graph; as PyTorch's documentation has it, warmed up on a stream of its own."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


if __name__ == "__main__":
    versions = {"PyTorch": torch.__version__}
    if DEVICE.type == "cuda":
        versions |= {"cuDNN of PyTorch": torch.backends.cudnn.version(), "CUDA of PyTorch": torch.version.cuda}
    serve(prepare, versions, synchronize, forget)
