"""A ReLU layer's derivatives with respect to all weights before it, for one image: matnet beside JAX and PyTorch.

`python scripts/benchmarks/benchmark_layer_weights.py [--repeat N]` with jax and torch installed. The network is
fixtures/digits.mat: 11,520 outputs, 560 weights. JAX and PyTorch differentiate the same convolution, batch
normalization and ReLU in double precision; JAX forward and compiled, PyTorch backward over all outputs, in blocks.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import matnet
from conditions import conditions, timings

PROJECT = Path(__file__).parents[2]


def numbers(net: matnet.Network, x: Any) -> dict[str, Any]:
    """The weights of the layers as the other libraries want them, and the centred image."""
    conv, norm = net.structure.layers[1:3]
    (filters,), (scaling,) = conv.weights, norm.weights
    return {
        "image": net.layer_outputs(x)[0].reshape(1, 1, 28, 28, order="F").copy(),
        "w": filters.value.reshape(5, 5, 1, 20, order="F").transpose(3, 2, 0, 1).copy(),
        "b": np.array(conv.bias),
        "offset": np.array(norm.bias),
        "scale": scaling.value[:, 0].copy(),
        "mean": scaling.settings["TrainedMean"].copy(),
        "deviation": np.sqrt(scaling.settings["TrainedVariance"] + scaling.settings["Epsilon"]),
    }


def jax_call(given: dict[str, Any]) -> Callable[[], Any]:
    """jax.jit(jax.jacfwd) over the four kinds of parameters."""
    import jax

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    fixed = {name: jax.numpy.asarray(value) for name, value in given.items()}

    def relu(w: Any, b: Any, offset: Any, scale: Any) -> Any:
        z = jax.lax.conv(fixed["image"], w, (1, 1), "VALID")[0] + b[:, None, None]
        q = (z - fixed["mean"][:, None, None]) / fixed["deviation"][:, None, None]
        return jax.nn.relu(scale[:, None, None] * q + offset[:, None, None])

    jacobian = jax.jit(jax.jacfwd(relu, argnums=(0, 1, 2, 3)))
    arguments = [fixed[name] for name in ("w", "b", "offset", "scale")]
    return lambda: jax.block_until_ready(jacobian(*arguments))  # type: ignore[no-untyped-call]


def torch_call(given: dict[str, Any], block: int = 576) -> Callable[[], Any]:
    """torch.func.jacrev over the same parameters, `block` outputs at a time."""
    import torch

    fixed = {name: torch.as_tensor(value) for name, value in given.items()}

    def relu(w: Any, b: Any, offset: Any, scale: Any) -> Any:
        z = torch.nn.functional.conv2d(fixed["image"], w, b)[0]
        q = (z - fixed["mean"][:, None, None]) / fixed["deviation"][:, None, None]
        return torch.relu(scale[:, None, None] * q + offset[:, None, None])

    jacobian = torch.func.jacrev(relu, argnums=(0, 1, 2, 3), chunk_size=block)
    arguments = [fixed[name] for name in ("w", "b", "offset", "scale")]
    return lambda: jacobian(*arguments)


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=10)
    repeat = parser.parse_args().repeat
    net = matnet.load(PROJECT / "fixtures" / "digits.mat")
    x = np.random.default_rng(0).uniform(0.0, 255.0, (28, 28, 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(conditions())
    ours = {
        "matnet, sparse": lambda: net.parameter_jacobian(x, of="relu_1", sparse=True),
        "matnet, full": lambda: net.parameter_jacobian(x, of="relu_1"),
    }
    rows = dict(zip(ours, timings(list(ours.values()), repeat), strict=True))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    given = numbers(net, x)
    (rows["jax.jit(jax.jacfwd)"],) = timings([jax_call(given)], repeat)
    (rows["torch.func.jacrev"],) = timings([torch_call(given)], max(1, repeat // 5))
    for name, spent in rows.items():
        line = f"{name:22}{1000 * spent.median:10.2f} ms {spent.percent:>5}"
        if not name.startswith("matnet"):
            sparse, full = (spent.median / rows[f"matnet, {form}"].median for form in ("sparse", "full"))
            line += f"  {sparse:8.1f} × sparse {full:8.1f} × full"
        print(line)
    print(f"matnet's own memory at most {memory:.0f} MB; the full result has {11520 * 560 * 8 / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
