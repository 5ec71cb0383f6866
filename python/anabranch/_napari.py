"""Results as layers of napari, and the plugin: a widget and a reader."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ._lines import column, segments

if TYPE_CHECKING:
    import napari.layers
    import napari.types


def to_napari(results, color: str = "branch_distance", name: str = "anabranch") -> list[tuple]:
    """Layers as tuples of data, attributes and kind: see `Results.to_napari`."""
    column(results, color)
    scale = tuple(results.spacing["zyx"[-len(results.shape):].index(axis)] for axis in results.axes)
    translate = tuple(corner * size for corner, size in zip(results.origin, scale))
    common = {"scale": scale, "translate": translate, "metadata": {"unit": results.unit}}
    steps, branch = segments(results)
    # A vector is where it begins and how far it goes.
    steps[:, 1] -= steps[:, 0]
    features = results.branches.take(branch).reset_index(drop=True)
    vectors = {
        "name": f"{name}: branches",
        "features": features,
        "edge_color": color,
        "edge_colormap": "viridis",
        "edge_width": 0.5,
        "vector_style": "line",
        **common,
    }
    if not len(branch):
        del vectors["edge_color"], vectors["edge_colormap"]
    return [
        (results.skeleton.astype(np.uint8), {"name": f"{name}: skeleton", **common}, "labels"),
        (steps, vectors, "vectors"),
    ]


def run_on_layer(
    layer: napari.layers.Image,
    threshold: str = "otsu",
    sigma: float = 0.0,
    prune: float = 0.0,
    color: str = "branch_distance",
) -> list[napari.types.LayerDataTuple]:
    """Analyse a layer, and add its skeleton and its branches as layers.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer; its scale is the size of a voxel. Of a pyramid the full resolution is taken.
    threshold : str
        ``otsu``, ``triangle``, ``li`` or a number; empty: what is not 0.
    sigma, prune : float
        Smoothing in voxels, and the length of side branches to remove; 0 for none.
    color : str
        The column by which branches are coloured.
    """
    from ._run import run

    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    is_mask = np.dtype(data.dtype) == bool
    results = run(
        data,
        spacing=tuple(float(size) for size in layer.scale[-data.ndim:]),
        threshold=None if is_mask or not threshold else threshold,
        sigma=sigma if sigma and threshold and not is_mask else None,
        prune=prune or None,
    )
    return to_napari(results, color, layer.name)


def get_reader(path):
    """napari's hook: the reader, if a path is a folder that `anabranch run` or `Results.write` has written."""
    if isinstance(path, (str, os.PathLike)) and os.path.isfile(os.path.join(path, "branches.csv")):
        if os.path.isdir(os.path.join(path, "skeleton.zarr")):
            return read_folder
    return None


def _place(group, dimensions: int) -> tuple[float, ...]:
    """Where the first voxel of an OME-Zarr image lies, in its unit."""
    steps = group.attrs["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    places = [tuple(step["translation"]) for step in steps if step["type"] == "translation"]
    return places[0] if places else (0.0,) * dimensions


def read_folder(path) -> list[tuple]:
    """The skeleton of a folder of results as labels, and its branches as vectors from end to end."""
    import json

    import pandas as pd
    import zarr

    with open(os.path.join(path, "summary.json"), encoding="utf-8") as file:
        told = json.load(file)["parameters"]
    stored = zarr.open(os.path.join(path, "skeleton.zarr"), mode="r")
    skeleton = stored["0"]
    branches = pd.read_csv(os.path.join(path, "branches.csv"))
    dimensions = skeleton.ndim
    scale = tuple(told["spacing"]) if len(told.get("spacing") or ()) == dimensions else (1.0,) * dimensions
    ends = [branches[[f"image_coord_{end}_{axis}" for axis in range(dimensions)]].to_numpy(float) for end in ("src", "dst")]
    vectors = np.stack([ends[0], ends[1] - ends[0]], axis=1)
    common = {"scale": scale, "translate": _place(stored, dimensions), "metadata": {"unit": told.get("unit")}}
    name = os.path.basename(os.path.abspath(path))
    attributes = {"name": f"{name}: branches", "features": branches, "vector_style": "line", "edge_width": 0.5, **common}
    if len(branches):
        attributes |= {"edge_color": "branch_distance", "edge_colormap": "viridis"}
    return [(np.asarray(skeleton), {"name": f"{name}: skeleton", **common}, "labels"), (vectors, attributes, "vectors")]
