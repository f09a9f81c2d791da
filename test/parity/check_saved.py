"""Loads what `save` wrote into the source's model, strictly, and prints its logits for the formula's images: the
listing's for `seed`, torchvision's own for `torchvision`.

    python test/parity/check_saved.py FILE STREAM N C H W
"""

import json
import sys

import torch

import formula
import seed_model
import torchvision_model
from tensor_file import read

path, stream, *shape = sys.argv[1:]
tensors, metadata = read(path)
options = json.loads(metadata["googlenet"])["options"]
if options["variant"] == "torchvision":
    model = torchvision_model.GoogLeNet(options["classes"])
else:
    model = seed_model.GoogLeNet(
        image_size=options["imageSize"],
        num_channels=options["channels"],
        num_classes=options["classes"],
        reduction4d=options["reduction4d"],
        aux=options["aux"],
    )
model.eval()
model.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=True)
images = torch.from_numpy(formula.images(stream, tuple(map(int, shape))))
with torch.no_grad():
    logits = model.double()(images.double())[0]
counts = [value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")]
batches = counts[0].item()
print(json.dumps({"batches": batches, "logits": logits.flatten().tolist()}))
