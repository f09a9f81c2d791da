"""torchvision at the loader's work: read, decode_jpeg, RandomResizedCrop(224) with antialias, flip; one core a thread.

With one thread the pictures are decoded where they are asked for; with more by a DataLoader with as many workers.
"""

import sys

import torch
import torchvision
from protocol import serve
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

BATCH = 64

torch.set_num_threads(1)
augment = v2.Compose([v2.RandomResizedCrop(224, scale=(0.08, 1), antialias=True), v2.RandomHorizontalFlip()])


class Pictures(torch.utils.data.Dataset):
    def __init__(self, files, length):
        self.files = files
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        picture = decode_jpeg(read_file(self.files[index % len(self.files)]), mode=ImageReadMode.RGB)
        return augment(picture)


def prepare(case):
    pictures = Pictures(case["files"], 1 << 30)
    if case["threads"] == 1:

        def work():
            torch.stack([pictures[i] for i in range(BATCH)])
            return BATCH

    else:
        batches = iter(torch.utils.data.DataLoader(pictures, BATCH, num_workers=case["threads"]))

        def work():
            next(batches)
            return BATCH

    work()
    return work


serve(prepare, {"torch": torch.__version__, "torchvision": torchvision.__version__, "python": sys.version.split()[0]})
