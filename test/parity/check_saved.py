"""Loads what `save` wrote into the listing's model, strictly, and prints its logits for the formula's images.

    python test/parity/check_saved.py FILE STREAM N C H W
"""

import json
import sys

import torch

import formula
from seed_model import GoogLeNet
from tensor_file import read

path, stream, *shape = sys.argv[1:]
tensors, metadata = read(path)
options = json.loads(metadata["googlenet"])["options"]
model = GoogLeNet(
    image_size=options["imageSize"],
    num_channels=options["channels"],
    num_classes=options["classes"],
    reduction4d=options["reduction4d"],
    aux=options["aux"],
).eval()
model.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=True)
images = torch.from_numpy(formula.images(stream, tuple(map(int, shape))))
with torch.no_grad():
    logits = model.double()(images.double())[0]
batches = model.state_dict()["stem_conv.1.num_batches_tracked"].item()
print(json.dumps({"batches": batches, "logits": logits.flatten().tolist()}))
