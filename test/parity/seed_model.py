"""The PyTorch listing that the variant `seed` follows, with the options that the tests need."""

import math

import torch
import torch.nn as nn


def conv_bn_relu(in_channels, out_channels, kernel_size, stride=1, padding=0):
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]


class InceptionModule(nn.Module):
    def __init__(self, in_channels, out_channels_list):
        super().__init__()
        c = out_channels_list
        self.branch1 = nn.Sequential(*conv_bn_relu(in_channels, c[0], 1))
        self.branch2 = nn.Sequential(*conv_bn_relu(in_channels, c[1], 1), *conv_bn_relu(c[1], c[2], 3, 1, 1))
        self.branch3 = nn.Sequential(*conv_bn_relu(in_channels, c[3], 1), *conv_bn_relu(c[3], c[4], 5, 1, 2))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), *conv_bn_relu(in_channels, c[5], 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class InceptionAux(nn.Module):
    def __init__(self, in_channels, num_classes, side, dropout):
        super().__init__()
        # AvgPool2d(5, 3) of the listing's 14x14, generalised so that 4x4 come out at any size.
        stride = side // 4
        self.conv = nn.Sequential(
            nn.AvgPool2d(kernel_size=side - 3 * stride, stride=stride), *conv_bn_relu(in_channels, 128, 1)
        )
        self.fc = nn.Sequential(
            nn.Linear(2048, 1024), nn.ReLU(), nn.Dropout(dropout), nn.Linear(1024, num_classes)
        )

    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.flatten(1))


class GoogLeNet(nn.Module):
    def __init__(
        self, image_size=224, num_channels=3, num_classes=1000, reduction4d=114, aux=True, aux_dropout=0.5
    ):
        super().__init__()
        self.stem_conv = nn.Sequential(
            *conv_bn_relu(num_channels, 64, 7, 2, 3),
            nn.MaxPool2d(3, 2, 1),
            *conv_bn_relu(64, 192, 3, 1, 1),
            nn.MaxPool2d(3, 2, 1),
        )
        self.inception_branch_a3 = InceptionModule(192, [64, 96, 128, 16, 32, 32])
        self.inception_branch_b3 = InceptionModule(256, [128, 128, 192, 32, 96, 64])
        self.maxpool3 = nn.MaxPool2d(3, 2, 1)
        self.inception_branch_a4 = InceptionModule(480, [192, 96, 208, 16, 48, 64])
        self.inception_branch_b4 = InceptionModule(512, [160, 112, 224, 24, 64, 64])
        self.inception_branch_c4 = InceptionModule(512, [128, 128, 256, 24, 64, 64])
        self.inception_branch_d4 = InceptionModule(512, [112, reduction4d, 288, 32, 64, 64])
        self.inception_branch_e4 = InceptionModule(528, [256, 160, 320, 32, 128, 128])
        self.maxpool4 = nn.MaxPool2d(3, 2, 1)
        self.inception_branch_a5 = InceptionModule(832, [256, 160, 320, 32, 128, 128])
        self.inception_branch_b5 = InceptionModule(832, [384, 192, 384, 48, 128, 128])
        self.avgpool5 = nn.AvgPool2d(math.ceil(image_size / 32), 1)  # 7 at 224
        self.fc = nn.Linear(1024, num_classes)
        self.aux = aux
        if aux:
            side = math.ceil(image_size / 16)
            self.aux_fc1 = InceptionAux(512, num_classes, side, aux_dropout)
            self.aux_fc2 = InceptionAux(528, num_classes, side, aux_dropout)

    def forward(self, x):
        """[main] or [main, aux1, aux2]."""
        out3 = self.inception_branch_a3(self.stem_conv(x))
        out3 = self.maxpool3(self.inception_branch_b3(out3))
        out4 = self.inception_branch_a4(out3)
        aux_out1 = self.aux_fc1(out4) if self.aux else None
        out4 = self.inception_branch_d4(self.inception_branch_c4(self.inception_branch_b4(out4)))
        aux_out2 = self.aux_fc2(out4) if self.aux else None
        out5 = self.maxpool4(self.inception_branch_e4(out4))
        out5 = self.avgpool5(self.inception_branch_b5(self.inception_branch_a5(out5)))
        out5 = self.fc(out5.view(out5.shape[0], -1))
        return [out5, aux_out1, aux_out2] if self.aux else [out5]
