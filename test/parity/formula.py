"""Weights, images and labels that Python and TypeScript (formula.ts) compute alike, to the bit."""

import math
import zlib

import numpy as np


def mix(x):
    """A 32-bit integer hash, "lowbias32" (Wellons, "Prospecting for Hash Functions", 2018)."""
    x = np.asarray(x, dtype=np.uint32)
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def bits(name, count):
    """32 random bits for each of `count` elements of the stream `name`."""
    key = np.uint32(zlib.crc32(name.encode()))
    with np.errstate(over="ignore"):
        return mix(mix(np.arange(count, dtype=np.uint32)) + key)


def uniform(name, count):
    """[0, 1) in steps of 2^-24, float64."""
    return (bits(name, count) >> np.uint32(8)) * 2.0**-24


def signs(name, count, directions):
    """For each direction its sign at each of `count` elements; 32 of them are the bits of one number."""
    for k in range(directions):
        if k % 32 == 0:
            random = bits(f"{name} {k // 32}", count)
        yield 1.0 - 2.0 * ((random >> np.uint32(k % 32)) & np.uint32(1))


def parameter(name, shape):
    """A parameter by its name in the state dict. Biases and beta lie around 1, so that fewer ReLUs stand near
    their kink; linear weights are small, so that the softmax does not saturate."""
    count = math.prod(shape)
    u = uniform(name, count)
    if len(shape) > 1:
        values = (2 * u - 1) * math.sqrt((3 if len(shape) == 4 else 0.3) / (count // shape[0]))
    elif name.endswith("running_var"):
        values = 0.5 + u
    elif name.endswith("running_mean"):
        values = 0.2 * (2 * u - 1)
    elif name.endswith("weight"):
        values = 0.8 + 0.4 * u
    else:
        values = 0.5 + u
    return values.astype(np.float32).reshape(shape)


def images(name, shape, tweak=()):
    """Noise at two scales, blocks of 8 pixels and single ones, and a little of each of some directions."""
    n, c, h, w = shape
    rows, columns = -(-h // 8), -(-w // 8)
    blocks = uniform(f"{name}/blocks", n * c * rows * columns).reshape(n, c, rows, columns)
    blocks = blocks.repeat(8, axis=2).repeat(8, axis=3)[:, :, :h, :w].reshape(-1)
    pixels = uniform(f"{name}/pixels", n * c * h * w)
    values = 1.5 * (2 * blocks - 1) + 0.5 * (2 * pixels - 1)
    for amount, sign in zip(tweak, signs(f"{name}/tweak", values.size, len(tweak))):
        values += amount * sign
    return values.astype(np.float32).reshape(shape)


def labels(name, count, classes):
    return (bits(f"{name}/labels", count) % np.uint32(classes)).astype(np.int64)


SKETCH = 16


def sketch(name, values):
    """Inner products with 16 random vectors of signs: E[(r . x)^2] = |x|^2, so that the sketch of a
    difference estimates its norm over every element (Johnson, Lindenstrauss; Achlioptas 2003)."""
    values = np.asarray(values, dtype=np.float64).ravel()
    return np.array([np.dot(s, values) for s in signs(f"{name}/sketch", values.size, SKETCH)])
