"""Pictures of results with matplotlib."""

from __future__ import annotations

import numpy as np

from ._errors import UsageError
from ._lines import column, segments


def plot(results, color: str | None = "branch_distance", axis=0, ax=None, **lines):
    """A projection of the branches: see `Results.plot`."""
    try:
        from matplotlib import pyplot
        from matplotlib.collections import LineCollection
    except ImportError as error:
        raise UsageError("plot() needs matplotlib: pip install matplotlib") from error
    dimensions = len(results.shape)
    own = "zyx"[-dimensions:]
    sizes = np.array([results.spacing[own.index(name)] for name in results.axes])
    steps, branch = segments(results)
    shown = list(range(dimensions))
    if dimensions == 3:
        if isinstance(axis, str) and axis in results.axes:
            axis = results.axes.index(axis)
        if axis not in (0, 1, 2):
            raise UsageError(f"axis={axis!r} does not fit: give the axis to look along, as one of {', '.join(results.axes)}")
        shown.remove(axis)
    ax = ax or pyplot.gca()
    # Rows run down and columns to the right, as images are shown.
    of_lines = (steps * sizes)[:, :, shown[::-1]]
    lines = {"linewidths": 1.0, **lines}
    collection = LineCollection(of_lines, array=None if color is None else column(results, color)[branch], **lines)
    ax.add_collection(collection)
    if color is not None and len(branch):
        ax.figure.colorbar(collection, ax=ax, label=color)
    down, right = (results.shape[place] * sizes[place] for place in shown)
    ax.set(xlim=(0, right), ylim=(down, 0), aspect="equal")
    unit = f" ({results.unit})" if results.unit else ""
    ax.set(xlabel=results.axes[shown[1]] + unit, ylabel=results.axes[shown[0]] + unit)
    return ax
