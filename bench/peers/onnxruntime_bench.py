"""ONNX Runtime at the inference work of `npm run bench`: the same network, exported by PyTorch, fp32."""

import pathlib
import sys
import tempfile
import warnings

import numpy
import onnxruntime
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test" / "parity"))
from protocol import serve  # noqa: E402
from seed_model import GoogLeNet  # noqa: E402

SIZE = 224


class MainHead(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = GoogLeNet(aux=False)

    def forward(self, images):
        return self.network(images)[0]


def export(path, batch):
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(MainHead().eval(), (torch.randn(batch, 3, SIZE, SIZE),), path, dynamo=False)


def prepare(case):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/googlenet.onnx"
        export(path, case["batch"])
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    images = numpy.random.randn(case["batch"], 3, SIZE, SIZE).astype(numpy.float32)

    def work():
        session.run(None, {name: images})
        return len(images)

    work()
    return work


if __name__ == "__main__":
    serve(prepare, {"ONNX Runtime": onnxruntime.__version__})
