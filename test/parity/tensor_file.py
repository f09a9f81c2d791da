"""safetensors, written and read (https://github.com/huggingface/safetensors#format)."""

import json
import math
import struct

import numpy as np

TYPES = {"float64": "F64", "float32": "F32", "int64": "I64"}


def header_of(tensors, metadata=None):
    """The first bytes of the file: the header's length and the header, padded to 8 bytes."""
    header = {}
    if metadata is not None:
        header["__metadata__"] = {"fixture": json.dumps(metadata)}
    offset = 0
    for name, value in tensors.items():
        end = offset + value.nbytes
        header[name] = {
            "dtype": TYPES[str(value.dtype)],
            "shape": list(value.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write(path, tensors, metadata=None):
    with open(path, "wb") as file:
        file.write(header_of(tensors, metadata))
        for value in tensors.values():
            file.write(value.tobytes())


def read(path):
    """Tensors by name, and the metadata."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    types = {short: long for long, short in TYPES.items()}
    tensors = {}
    for name, entry in header.items():
        count = math.prod(entry["shape"])
        values = np.frombuffer(data, types[entry["dtype"]], count, entry["data_offsets"][0])
        tensors[name] = values.reshape(entry["shape"]).copy()
    return tensors, metadata
