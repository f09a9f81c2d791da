"""Moves a batch off the kinks of a network.

Where a ReLU's input is within rounding of zero, or the two largest values under a max pool within rounding
of each other, the gradient of an fp32 computation is a matter of luck, and the error of one such place is far
above 1e-4 of a parameter's gradient. Among millions of places some are always that near. So the images get a
little of each of some random directions, in amounts that move all those places away: a few rounds of Newton's
method.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import formula

DIRECTIONS = 1024
# In units of fp32's noise at a layer: nearer places are moved, and to where.
NEAR, CLEAR = 4.0, 5.0


def move_off_kinks(models, images_of, name):
    """The amounts of the directions; `models` are the network in float64 and in float32, in training mode."""
    tweak = np.zeros(DIRECTIONS)
    directions = None
    for round in range(40):
        images = images_of(tweak)
        margins = near_kinks(models, images.requires_grad_())
        print(f"  round {round}: {len(margins)} near a kink, {np.abs(tweak).max():.1e} moved", flush=True)
        if not margins:
            return tweak if tweak.any() else np.zeros(0)
        if directions is None:
            signs = formula.signs(f"{name}/tweak", images.numel(), DIRECTIONS)
            directions = torch.from_numpy(np.stack([s.astype(np.float32) for s in signs]))
        slopes = []
        for margin in margins:
            (gradient,) = torch.autograd.grad(margin, images, retain_graph=True)
            slopes.append((directions @ gradient.flatten().float()).double().numpy())
        wanted = [(CLEAR if margin > 0 else -CLEAR) - margin.item() for margin in margins]
        tweak = tweak + np.linalg.lstsq(np.stack(slopes), np.array(wanted), rcond=1e-3)[0]
    raise RuntimeError("some places stay near their kinks")


def near_kinks(models, images):
    """Signed distances from kinks, in units of noise, of the places that are near; differentiable."""
    exact_model, single_model = models
    with torch.no_grad():
        singles = kink_inputs(single_model, images.detach().float())
    margins = []
    for (module, exact), (_, single) in zip(kink_inputs(exact_model, images), singles):
        # Of each channel: where a batch varies little, BatchNorm magnifies its noise with it.
        rest = [d for d in range(exact.dim()) if d != 1]
        noise = (single - exact).detach().square().mean(rest, keepdim=True).sqrt().expand_as(exact)
        if module is F.relu:
            near = exact.detach().abs() < NEAR * noise
            distances = exact[near]
        else:
            noise = 2**0.5 * noise[:, :, :1, :1]
            p, k, s = module.padding, module.kernel_size, module.stride
            end = p + (s - 1 if module.ceil_mode else 0)
            windows = F.pad(exact, (p, end) * 2, value=-1.0).unfold(2, k, s).unfold(3, k, s).flatten(4)
            values, places = windows.detach().topk(2)
            gap = values[..., 0] - values[..., 1]
            # Equal values are ReLU's zeros: their gradient ends there whichever is taken.
            near = (gap > 0) & (gap < NEAR * noise)
            largest = windows[near].gather(1, places[near])
            distances = largest[:, 0] - largest[:, 1]
        margins += list(distances / noise.expand_as(near)[near])
    return margins


def kink_inputs(model, images):
    """The inputs of every ReLU and max pool, before they are changed in place."""
    found = []
    pools = [module for module in model.modules() if isinstance(module, nn.MaxPool2d)]
    hooks = [
        pool.register_forward_pre_hook(lambda module, inputs: found.append((module, inputs[0].clone())))
        for pool in pools
    ]
    relu = F.relu  # which nn.ReLU calls too

    def noted_relu(x, inplace=False):
        found.append((relu, x.clone()))
        return relu(x, inplace)

    F.relu = noted_relu
    try:
        model(images)
    finally:
        F.relu = relu
        for hook in hooks:
            hook.remove()
    return found
