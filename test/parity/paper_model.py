"""The variant `paper` in PyTorch, written layer by layer after BVLC Caffe's bvlc_googlenet (train_val.prototxt), under
its layers' names."""

import torch
import torch.nn as nn
import torch.nn.functional as F

# 1x1, 3x3 reduction, 3x3, 5x5 reduction, 5x5, pool projection
MODULES = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):
    def __init__(self, num_classes, aux=True):
        super().__init__()
        self.aux = aux
        self.conv("conv1/7x7_s2", 3, 64, 7, stride=2, padding=3)
        self.conv("conv2/3x3_reduce", 64, 64, 1)
        self.conv("conv2/3x3", 64, 192, 3, padding=1)
        for name, (inputs, n1, r3, n3, r5, n5, pool) in MODULES.items():
            self.conv(f"inception_{name}/1x1", inputs, n1, 1)
            self.conv(f"inception_{name}/3x3_reduce", inputs, r3, 1)
            self.conv(f"inception_{name}/3x3", r3, n3, 3, padding=1)
            self.conv(f"inception_{name}/5x5_reduce", inputs, r5, 1)
            self.conv(f"inception_{name}/5x5", r5, n5, 5, padding=2)
            self.conv(f"inception_{name}/pool_proj", inputs, pool, 1)
        for head, inputs in [("loss1", 512), ("loss2", 528)] if aux else []:
            self.conv(f"{head}/conv", inputs, 128, 1)
            self.add_module(f"{head}/fc", nn.Linear(2048, 1024))
            self.add_module(f"{head}/classifier", nn.Linear(1024, num_classes))
        self.add_module("loss3/classifier", nn.Linear(1024, num_classes))
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)  # as all of Caffe's pools round
        self.pool_inside = nn.MaxPool2d(3, 1, 1)
        self.norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)

    def conv(self, name, inputs, outputs, kernel, **window):
        self.add_module(name, nn.Conv2d(inputs, outputs, kernel, **window))

    def relu(self, name, x):
        return F.relu(getattr(self, name)(x))

    def inception(self, name, x):
        name = f"inception_{name}"
        return torch.cat(
            [
                self.relu(f"{name}/1x1", x),
                self.relu(f"{name}/3x3", self.relu(f"{name}/3x3_reduce", x)),
                self.relu(f"{name}/5x5", self.relu(f"{name}/5x5_reduce", x)),
                self.relu(f"{name}/pool_proj", self.pool_inside(x)),
            ],
            dim=1,
        )

    def head(self, name, x):
        # 5x5 with stride 3 of Caffe's 14x14, generalised so that 4x4 come out at any size.
        stride = x.shape[2] // 4
        x = F.avg_pool2d(x, x.shape[2] - 3 * stride, stride)
        x = self.relu(f"{name}/conv", x).flatten(1)
        return getattr(self, f"{name}/classifier")(self.relu(f"{name}/fc", x))

    def forward(self, x):
        """[main] or [main, aux1, aux2]; nothing is dropped."""
        x = self.norm(self.pool(self.relu("conv1/7x7_s2", x)))
        x = self.norm(self.relu("conv2/3x3", self.relu("conv2/3x3_reduce", x)))
        x = self.pool(x)
        x = self.pool(self.inception("3b", self.inception("3a", x)))
        out4a = self.inception("4a", x)
        out4d = self.inception("4d", self.inception("4c", self.inception("4b", out4a)))
        x = self.pool(self.inception("4e", out4d))
        x = self.inception("5b", self.inception("5a", x))
        main = getattr(self, "loss3/classifier")(x.mean((2, 3)))
        return [main, self.head("loss1", out4a), self.head("loss2", out4d)] if self.aux else [main]


def file_name(name):
    """A parameter's name in a file of the ONNX model zoo's googlenet."""
    return name.replace(".weight", "_w_0").replace(".bias", "_b_0")
