"""Images to try things out with."""

from __future__ import annotations

import numpy as np

from . import _native


def phantom(shape=(128, 128, 128), seed: int = 0, roots: int | None = None, radius: float | None = None) -> np.ndarray:
    """A synthetic vessel tree of branching tubes and loops, the same on every machine: what ``anabranch phantom`` makes.

    Parameters
    ----------
    shape : sequence of int
        Voxels along (z, y, x) or (y, x).
    seed : int
        Seed of the random tree.
    roots : int, optional
        Number of trees that grow into the volume. By default by its size.
    radius : float, optional
        Radius of the thickest tube, in voxels.

    Returns
    -------
    ndarray of bool

    Examples
    --------
    >>> import anabranch
    >>> anabranch.phantom((64, 64, 64), seed=1).shape
    (64, 64, 64)
    """
    return _native.phantom([int(length) for length in shape], seed, roots, radius).view(bool)
