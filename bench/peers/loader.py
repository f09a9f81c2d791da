"""Peers at the loader's work: read a JPEG, take a random crop of 8 to 100 % of its area as 224 x 224, flip; one core
a thread. With one thread the pictures are decoded where they are asked for; with more by a DataLoader with as many
workers.

torchvision: decode_jpeg, RandomResizedCrop with antialias, RandomHorizontalFlip.
opencv: imdecode, the same crops, resize by INTER_AREA (what FFCV does), flip.
torchvision on the card: decode_jpeg of a batch on the GPU, the same crops there.
"""

import sys

import numpy as np
import torch
import torchvision
from protocol import serve
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

try:
    import cv2

    cv2.setNumThreads(1)
except ImportError:
    cv2 = None

BATCH = 64

torch.set_num_threads(1)
crop = v2.RandomResizedCrop(224, scale=(0.08, 1), antialias=True)
augment = v2.Compose([crop, v2.RandomHorizontalFlip()])


def by_torchvision(file):
    return augment(decode_jpeg(read_file(file), mode=ImageReadMode.RGB))


def by_opencv(file):
    with open(file, "rb") as opened:
        bytes = np.frombuffer(opened.read(), np.uint8)
    picture = cv2.imdecode(bytes, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    height, width = picture.shape[:2]
    top, left, rows, columns = crop_of(height, width)
    resized = cv2.resize(picture[top : top + rows, left : left + columns], (224, 224), interpolation=cv2.INTER_AREA)
    if np.random.random() < 0.5:
        resized = cv2.flip(resized, 1)
    return torch.from_numpy(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB))


def crop_of(height, width):
    """As RandomResizedCrop draws it."""
    for _ in range(10):
        area = height * width * np.random.uniform(0.08, 1)
        aspect = np.exp(np.random.uniform(np.log(3 / 4), np.log(4 / 3)))
        rows, columns = round(np.sqrt(area / aspect)), round(np.sqrt(area * aspect))
        if rows <= height and columns <= width:
            return np.random.randint(height - rows + 1), np.random.randint(width - columns + 1), rows, columns
    return 0, 0, height, width


def on_card(files):
    """Batches of the files again and again, decoded by nvJPEG; returns the work of one."""
    encoded = [files[i % len(files)] for i in range(BATCH)]

    def work():
        pictures = decode_jpeg([read_file(file) for file in encoded], mode=ImageReadMode.RGB, device="cuda")
        torch.stack([augment(picture) for picture in pictures])
        torch.cuda.synchronize()
        return BATCH

    return work


peers = {"torchvision": by_torchvision, "opencv": by_opencv}


class Pictures(torch.utils.data.Dataset):
    def __init__(self, read, files, length):
        self.read = read
        self.files = files
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.read(self.files[index % len(self.files)])


def prepare(case):
    if case["peer"] == "torchvision on the card":
        work = on_card(case["files"])
        work()
        return work
    if case["peer"] == "opencv" and cv2 is None:
        raise ImportError("opencv-python is not installed")
    pictures = Pictures(peers[case["peer"]], case["files"], 1 << 30)
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


versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
if cv2 is not None:
    versions["opencv"] = cv2.__version__
serve(prepare, {**versions, "python": sys.version.split()[0]})
