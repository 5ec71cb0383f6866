"""Arrays of any library as images that the native part reads box by box."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from . import _native
from ._errors import DataError, UsageError

#: The type in which values of a type are read, where it is another one.
_READ_AS = {"bool": np.uint8, "int8": np.int16, "float16": np.float32, "uint64": np.int64}
_SUPPORTED = "bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32 or float64"


class Opened(NamedTuple):
    """An image for the native part."""

    #: A path, or a native array.
    native: object
    #: The axes z, y and x in the order of the input.
    order: str
    #: The array itself, if it is one.
    array: object


def opened(image, axes=None, channel=None, time=None, what: str = "image") -> Opened:
    """An image: a path stays one, anything else is taken for an array."""
    if isinstance(image, (str, os.PathLike)):
        return Opened(os.fspath(image), "zyx", None)
    array = _as_array(image, what)
    names = _names(axes, array.shape, what)
    fixed = {}
    for name, picked, option in [("c", channel, "channel"), ("t", time, "time")]:
        if name in names:
            fixed[names.index(name)] = _picked(picked, array.shape[names.index(name)], option)
        elif picked is not None:
            raise UsageError(f"{option}={picked} picks from an axis that the array does not have: leave it out, or name the "
                             f"array's axes, as in axes={name + 'zyx'!r}")
    order = "".join(name for name in names if name in "zyx")
    own = "zyx" if len(order) == 3 else "yx"
    stored = _stored_type(array.dtype)
    reads = _reader(array, names, own, order, fixed, stored)
    lengths = [array.shape[names.index(name)] for name in own]
    missing = [1] * (3 - len(own))
    chunk = _chunk(array, [names.index(name) for name in own])
    name = "array" if what == "image" else f"array of {what}="
    form = f"{type(array).__module__.partition('.')[0]} array"
    native = _native.Array(reads, name, form, missing + lengths, len(own), stored, chunk and missing + chunk)
    return Opened(native, order, array)


def _as_array(image, what: str):
    """The image itself if it can be read box by box, else as a NumPy array."""
    is_lazy = hasattr(image, "shape") and hasattr(image, "__getitem__") and isinstance(getattr(image, "dtype", None), np.dtype)
    if is_lazy:
        return image
    try:
        return np.asarray(image)
    except Exception as error:
        raise UsageError(f"{what}= must be a path or an array, and {type(image).__name__} is neither") from error


def _names(axes, shape, what: str) -> str:
    """The names of the axes, slowest first."""
    if axes is None:
        if len(shape) not in (2, 3):
            raise UsageError(f"the array of {what}= has {len(shape)} axes, of lengths {' x '.join(map(str, shape)) or 'none'}: give "
                             "an array of 2 axes (y, x) or 3 axes (z, y, x), or name its axes, as in axes='czyx'")
        return "zyx"[-len(shape):]
    names = "".join(str(name) for name in axes).replace(",", "").replace(" ", "").lower()
    if len(names) != len(shape):
        raise UsageError(f"axes={axes!r} names {len(names)} axes, and the array of {what}= has {len(shape)}")
    if len(set(names)) != len(names) or not set(names) <= set("tczyx") or not set(names) >= set("yx"):
        raise UsageError(f"axes={axes!r} does not fit: name each axis once, among t, c, z, y and x, y and x always")
    return names


def _picked(index, length: int, option: str) -> int:
    if index is None:
        if length == 1:
            return 0
        raise UsageError(f"the array has {length} of them to choose from: give {option}= as 0 to {length - 1}")
    if not 0 <= index < length:
        raise UsageError(f"{option}={index} does not exist: give 0 to {length - 1}")
    return int(index)


def _stored_type(dtype) -> str:
    name = np.dtype(dtype).newbyteorder("=").name
    if name not in _READ_AS and name not in ("uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"):
        raise DataError(f"the array has values of type {np.dtype(dtype).name}: convert them to {_SUPPORTED}")
    return name


def _chunk(array, order):
    """The shape of the parts in which an array is stored, along some of its axes; None if it has none."""
    shape = getattr(array, "chunksize", None) or getattr(array, "shards", None) or getattr(array, "chunks", None)
    if not isinstance(shape, tuple) or not all(isinstance(length, (int, np.integer)) for length in shape):
        return None
    return [max(1, min(int(shape[axis]), int(array.shape[axis]))) for axis in order]


def converted(part, stored: str):
    """Values in the type in which they are read, in the machine's byte order and aligned."""
    if stored == "bool":
        part = part.view(np.uint8) if part.dtype == bool else part.astype(bool).view(np.uint8)
    elif stored == "uint64":
        part = part.astype(np.uint64, copy=False).view(np.int64)
    target = np.dtype(_READ_AS.get(stored, stored))
    return part if part.dtype == target and part.flags.aligned else part.astype(target)


def _reader(array, names: str, own: str, order: str, fixed: dict, stored: str):
    """The function that reads a box. Whoever holds it holds the array."""
    places = [names.index(name) for name in own]
    turned = [order.index(name) for name in own]

    def read(z0, z1, y0, y1, x0, x1):
        index = [fixed.get(axis) for axis in range(len(names))]
        bounds = [(z0, z1), (y0, y1), (x0, x1)][-len(own):]
        for place, (start, stop) in zip(places, bounds):
            index[place] = slice(start, stop)
        part = np.asarray(array[tuple(index)])
        if np.ma.isMaskedArray(part):
            raise DataError("the array is masked: fill it first, as by numpy.ma.filled")
        wanted = tuple(stop - start for start, stop in bounds)
        part = part.transpose(turned) if part.ndim == len(turned) else part
        if part.shape != wanted:
            raise DataError(f"the array gave values of shape {part.shape} for a part of shape {wanted}")
        part = converted(part, stored)
        return part if part.ndim == 3 else part[np.newaxis]

    return read
