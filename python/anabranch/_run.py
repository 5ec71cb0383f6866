"""From an image to its results."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from . import _native
from ._arrays import opened
from ._errors import warn
from ._parameters import chunk_of, memory_of, parameters
from ._progress import Progress, shown
from ._results import Results


def run(
    image: Any,
    *,
    axes: str | Sequence[str] | None = None,
    spacing: float | Sequence[float] | str | None = None,
    unit: str | None = None,
    channel: int | None = None,
    time: int | None = None,
    region: str | Sequence[slice | tuple[int, int]] | None = None,
    threshold: float | str | tuple[float, float] | None = None,
    below: float | str | None = None,
    sigma: float | Sequence[float] | str | None = None,
    method: str | None = None,
    prune: float | str | None = None,
    prune_ratio: float | None = None,
    keep_border: bool = False,
    remove_smaller: int | None = None,
    keep_largest: int | None = None,
    fill_holes: bool | int | None = None,
    connectivity: int = 26,
    objects: bool = False,
    labels: bool = False,
    intensity: Any = None,
    mask: Any = None,
    atlas: Any = None,
    atlas_names: str | os.PathLike[str] | None = None,
    longest_path: bool = False,
    columns: str = "all",
    provisional: bool = False,
    chunk: int | Sequence[int] | None = None,
    workers: int | None = None,
    memory: int | str | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
) -> Results:
    """Analyse an image: its skeleton, its branches, nodes and skeletons, and a summary.

    The skeleton is that of `skimage.morphology.skeletonize`, voxel for voxel, and the table that of `skan.summarize`, row for
    row. The image is read chunk by chunk and never copied as a whole. The interpreter's lock is released meanwhile, and
    Ctrl-C ends the run.

    Parameters
    ----------
    image : path, array
        What ``anabranch run`` takes at a path (Zarr, OME-Zarr, TIFF, folders of slices, NIfTI, NRRD, MetaImage, ``.npy``,
        ``.npz``, tables of tiles), or an array of 2 axes (y, x) or 3 axes (z, y, x): of NumPy in any order of memory, of Dask,
        of Zarr, or of anything else that has ``shape``, ``dtype`` and ``array[slices]``. Values are bool, whole numbers of
        8 to 64 bits or floats of 16 to 64 bits, of any byte order.
    axes : str, optional
        Names of the axes, slowest first, where they are not (z, y, x) or (y, x): ``"xyz"``, ``"czyx"``, ``"tcyx"``. Arrays and
        paths that come back have z, y and x in the order of an array's own axes. Tables, and all arguments with a number for
        each axis, are along (z, y, x) in any case.
    spacing : float, sequence or str, optional
        Size of a voxel along (z, y, x), or one number for all axes, with or without a unit: ``"2,0.5,0.5um"``. By default what
        a file says, else 1.
    unit : str, optional
        Unit of lengths.
    channel, time : int, optional
        Channel and time point, from 0, of an image that has several.
    region : str or sequence of slices, optional
        Analyse only this part: ``"0:10,5:20,0:30"`` or ``np.s_[0:10, 5:20, 0:30]``, along (z, y, x).
    threshold : float, str or (low, high), optional
        Foreground is what is above this value, which ``"otsu"``, ``"triangle"`` and ``"li"`` find; two numbers are a hysteresis.
        By default what is not 0.
    below : float or str, optional
        Foreground is this value and what is below it, for dark objects.
    sigma : float, sequence or str, optional
        Gaussian smoothing before the threshold: its standard deviation in voxels, or as a length with a unit (``"2um"``).
    method : {"lee", "zhang", "homotopic"}, optional
        Thinning. By default Zhang's in 2-D and Lee's in 3-D; ``"homotopic"`` loses no object.
    prune : float or str, optional
        Remove side branches shorter than this, in the unit of the spacing or with a unit.
    prune_ratio : float, optional
        Remove side branches shorter than this many times the radius where they branch off.
    keep_border : bool
        Prune no branch that touches the border of the image.
    remove_smaller : int, optional
        Remove objects of fewer voxels from the mask.
    keep_largest : int, optional
        Keep only this many of the largest objects.
    fill_holes : bool or int, optional
        Fill holes of the mask: all, or those of fewer voxels.
    connectivity : {26, 18, 6}
        How many neighbours a voxel of an object has.
    objects : bool
        Measure the objects of the mask too: `Results.objects`.
    labels : bool
        The image is a segmentation: each value but 0 has its own skeleton, whether it touches others or not.
    intensity, mask, atlas : path or array, optional
        Images of the same shape and the same order of axes: the one whose values are measured along branches in place of the
        image's own; a region of interest, outside of which everything counts as background; labels of regions.
    atlas_names : path, optional
        CSV file with the columns ``label`` and ``name``.
    longest_path : bool
        Add the longest shortest path of each skeleton to `Results.skeletons`.
    columns : {"all", "skan"}
        All that is measured, or skan's columns and no other tables, which is faster.
    provisional : bool
        Mark branches near parts of a stored image that have not arrived.
    chunk : int or sequence of int, optional
        Voxels of a processing chunk along (z, y, x). Results do not depend on it.
    workers : int, optional
        Threads. By default all cores, and fewer for small images. Results do not depend on it.
    memory : int or str, optional
        Budget for chunks in flight, not for all that an analysis takes: bytes, or a size such as ``"2G"``.
    progress : bool or callable, optional
        True shows a bar of tqdm; a function is called with a `Progress` some times a second.

    Returns
    -------
    Results

    Raises
    ------
    UsageError
        If arguments contradict each other or the image.
    DataError
        If the image is damaged, or has values without a meaning, such as NaN; or if an array raises: then its own exception is
        the cause.
    MissingError, InputOutputError
        If the image does not exist, or cannot be read.
    KeyboardInterrupt
        At Ctrl-C.

    Warns
    -----
    ImageWarning
        About what may mislead: see `Results.warnings`.

    Examples
    --------
    >>> import numpy as np, anabranch
    >>> mask = np.zeros((9, 9, 40), bool)
    >>> mask[3:6, 3:6, 2:38] = True
    >>> results = anabranch.run(mask, spacing=(2, 0.5, 0.5), unit="um")
    >>> float(results.branches["branch_distance"].sum())
    16.5
    """
    main = opened(image, axes, channel, time)
    names = None if main.array is None else main.order
    others = {}
    for name, other in [("mask", mask), ("intensity", intensity), ("atlas", atlas)]:
        others[name] = None if other is None else opened(other, names, what=name)
    # Of an array, axes, channel and time are settled.
    of_path = {} if main.array is not None else {"axes": axes, "channel": channel, "time": time}
    text = parameters(
        spacing=spacing,
        unit_name=unit,
        region=region,
        threshold=threshold,
        below=below,
        sigma=sigma,
        method=method,
        prune=prune,
        prune_ratio=prune_ratio,
        keep_border=keep_border,
        remove_smaller=remove_smaller,
        keep_largest=keep_largest,
        fill_holes=fill_holes,
        connectivity=connectivity,
        objects=objects,
        labels=labels,
        longest_path=longest_path,
        columns=columns,
        provisional=provisional,
        **of_path,
        **{name: other and (os.fspath(other.native) if other.array is None else "an array") for name, other in others.items()},
    )
    with shown(progress) as report:
        native = _native.run(
            main.native,
            text,
            **{name: other and other.native for name, other in others.items()},
            atlas_names=atlas_names,
            chunk=chunk_of(chunk),
            workers=workers,
            memory=memory_of(memory),
            progress=report,
        )
    for warning in native.warnings:
        warn(warning)
    return Results(native, main.order)
