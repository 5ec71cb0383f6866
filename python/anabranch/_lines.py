"""The steps of branches as line segments, for pictures."""

from __future__ import annotations

import numpy as np

from ._errors import UsageError


def segments(results) -> tuple[np.ndarray, np.ndarray]:
    """The steps of all branches, in voxels along the axes of the image, and the branch of each.

    Returns
    -------
    steps : float array of shape (n, 2, ndim)
        The two voxels of each step.
    branch : int array of shape (n,)
        The `branch_id` of each.
    """
    offsets, places, _ = results._paths
    counts = np.diff(offsets)
    branch = np.repeat(np.arange(len(counts)), counts)
    inside = branch[1:] == branch[:-1]
    steps = np.stack([places[:-1][inside], places[1:][inside]], axis=1).astype(float)
    return steps, branch[1:][inside]


def column(results, name: str) -> np.ndarray:
    """A column of the branch table that has numbers."""
    if name not in results.branches or results.branches[name].dtype.kind not in "iufb":
        fit = ", ".join(column for column in results.branches if results.branches[column].dtype.kind in "iufb")
        raise UsageError(f"there is no column of numbers {name!r}: give one of {fit}")
    return results.branches[name].to_numpy(dtype=float)
