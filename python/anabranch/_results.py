"""The results of a run."""

from __future__ import annotations

import json
import os
from functools import cached_property

import numpy as np
import pandas as pd

from ._errors import UsageError, spoken, warn


class Results:
    """The results of a run: tables as data frames, and the skeleton as arrays.

    Everything is made when it is first asked for, and kept. Tables are along (z, y, x), whatever the axes of the image; arrays
    and paths are in the order of its axes, if it was an array.

    Attributes
    ----------
    shape : tuple of int
        Shape of the image along z, y and x, in the order of its axes; of the region, if one was analysed.
    spacing : tuple of float
        Size of a voxel along (z, y, x) or (y, x).
    unit : str or None
        The unit of the spacing.
    origin : tuple of int
        The first voxel in the whole image, if a region was analysed, in the order of its axes; else zeros.
    axes : str
        The order of the axes of arrays and paths: ``"zyx"``, ``"yx"``, or as an array has them.
    """

    def __init__(self, native, order: str):
        self._native = native
        dimensions = len(native.shape)
        self.axes = order if len(order) == dimensions else "zyx"[-dimensions:]
        own = "zyx"[-dimensions:]
        self._turned = [own.index(name) for name in self.axes]
        self.shape = tuple(native.shape[place] for place in self._turned)
        self.spacing = tuple(native.spacing)
        self.unit = native.unit
        self.origin = tuple(native.origin[place] for place in self._turned)

    def __repr__(self) -> str:
        return f"<anabranch.Results of {self._native.headline}>"

    @cached_property
    def _tables(self):
        tables, units, summary = self._native.tables()
        frames = {name: _frame(columns, units[name]) for name, columns in tables.items()}
        summary = json.loads(summary)
        # Those of the image itself come first, and were said by the run.
        for warning in summary["warnings"][len(self._native.warnings):]:
            warn(warning)
        return frames, summary

    def _table(self, name: str, advice: str) -> pd.DataFrame:
        frames, _ = self._tables
        if name not in frames:
            raise UsageError(f"there is no table of {name}: {advice}")
        return frames[name]

    @property
    def branches(self) -> pd.DataFrame:
        """The branches: skan's columns, and after them radii, volume and more. ``attrs["units"]`` says what each is in."""
        return self._table("branches", "")

    @property
    def nodes(self) -> pd.DataFrame:
        """The nodes: tips, voxels of junctions, isolated voxels, and the first voxel of each isolated cycle."""
        return self._table("nodes", "run with columns='all'")

    @property
    def skeletons(self) -> pd.DataFrame:
        """The skeletons: the connected components, with what they add up to."""
        return self._table("skeletons", "run with columns='all'")

    @property
    def objects(self) -> pd.DataFrame:
        """The objects of the mask, with the names of scikit-image's `regionprops_table`."""
        return self._table("objects", "run with objects=True")

    @property
    def regions(self) -> pd.DataFrame:
        """The regions of the atlas."""
        return self._table("regions", "run with atlas=")

    @property
    def summary(self) -> dict:
        """The summary: totals, densities, and the distribution of each measure; what ``summary.json`` holds."""
        return self._tables[1]

    @property
    def warnings(self) -> list[str]:
        """What may mislead, a sentence each. Each is an `ImageWarning` too, as soon as it is known."""
        return [spoken(warning) for warning in self.summary["warnings"]]

    def _drawn(self, dtype, draw) -> np.ndarray:
        image = np.zeros(self.shape, dtype)
        back = np.argsort(self._turned)
        view = image.transpose(back)
        draw(view if view.ndim == 3 else view[np.newaxis])
        return image

    @cached_property
    def skeleton(self) -> np.ndarray:
        """The skeleton: bool, of `shape`."""
        return self._drawn(np.uint8, self._native.draw_skeleton).view(bool)

    @cached_property
    def labels(self) -> np.ndarray:
        """The branch at each voxel: int32, of `shape`; ``branch_id + 1``, and 0 where there is no branch.

        Where branches meet, the one with the largest number counts, as in `skan.Skeleton.path_label_image`. A skeleton of one
        voxel has no branch.
        """
        return self._drawn(np.int32, self._native.draw_branches)

    @cached_property
    def _paths(self):
        offsets, places, ranks = self._native.paths()
        return offsets, self._in_order(places), ranks

    def _in_order(self, places: np.ndarray) -> np.ndarray:
        """Places along (z, y, x) along the axes of the image."""
        own = places[:, 3 - len(self.axes):]
        return own if self._turned == sorted(self._turned) else np.ascontiguousarray(own[:, self._turned])

    @cached_property
    def paths(self) -> list[np.ndarray]:
        """The voxels of each branch from its start to its end, in the order of `branches`: int64, of shape (n, ndim).

        ``skeleton[tuple(paths[i].T)]`` is all True. A cycle ends with the voxel that it begins with.
        """
        offsets, places, _ = self._paths
        return np.split(places, offsets[1:-1]) if len(offsets) > 1 else []

    def to_skan(self):
        """The results as a `skan.Skeleton`, with skan's own attributes, without computing anything again.

        ``skan.summarize(results.to_skan(), separator="_")`` is the table that skan makes of the skeleton. Pixel values are those
        of the image, or of ``intensity=``. Axes are (z, y, x).

        Returns
        -------
        skan.Skeleton

        Raises
        ------
        UsageError
            If skan is not installed.
        """
        from ._skan import to_skan

        return to_skan(self)

    def to_networkx(self):
        """The results as a `networkx.MultiGraph`: nodes by `node_id`, branches as edges with the key `branch_id`.

        Nodes and edges have the columns of their tables as attributes; an isolated cycle is a loop at its first voxel.

        Returns
        -------
        networkx.MultiGraph

        Raises
        ------
        UsageError
            If NetworkX is not installed.
        """
        from ._graphs import to_networkx

        return to_networkx(self)

    def to_napari(self, color: str = "branch_distance", name: str = "anabranch") -> list[tuple]:
        """Layers for napari: the skeleton as labels, and the steps of all branches as vectors, at the right scale.

        ``for layer in results.to_napari(): viewer._add_layer_from_data(*layer)``, or
        ``viewer.add_layer(napari.layers.Layer.create(*layer))``.

        Parameters
        ----------
        color : str
            The column of `branches` by which they are coloured. All columns are features of the layer.
        name : str
            What names of layers begin with.

        Returns
        -------
        list of (data, attributes, kind)
        """
        from ._napari import to_napari

        return to_napari(self, color, name)

    def plot(self, color: str | None = "branch_distance", axis=0, ax=None, **lines):
        """Draw a projection of the branches with matplotlib.

        Parameters
        ----------
        color : str or None
            The column of `branches` by which they are coloured; None for one colour.
        axis : int or str
            The axis to look along, in 3-D: its number, or its name.
        ax : matplotlib.axes.Axes, optional
            By default the current one.
        **lines
            For `matplotlib.collections.LineCollection`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ._plots import plot

        return plot(self, color, axis, ax, **lines)

    def write(self, folder: str | os.PathLike, overwrite: bool = False) -> None:
        """Write what ``anabranch run`` writes: tables, summary, ``skeleton.zarr`` and a picture.

        Parameters
        ----------
        folder : path
            Must not exist, or be empty.
        overwrite : bool
            Replace the outputs of an earlier run.

        Raises
        ------
        OutputError
            If the folder holds other things, or cannot be written.
        """
        self._native.write(os.fspath(folder), overwrite)


def _frame(columns: dict, units) -> pd.DataFrame:
    frame = pd.DataFrame(columns, copy=False)
    frame.attrs["units"] = dict(units)
    return frame
