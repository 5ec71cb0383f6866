"""Arguments as the library's parameters."""

from __future__ import annotations

import json
import math
import os
import re
from numbers import Real

from . import _native
from ._errors import UsageError

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*\Z", re.DOTALL)
_METHODS = {"lee": "Lee", "zhang": "Zhang", "homotopic": "Homotopic"}
_CONNECTIVITY = {6: "Faces", 18: "Edges", 26: "Corners"}
_FOUND = ("otsu", "triangle", "li")


def lengths(value, option: str) -> tuple[list[float], str | None]:
    """Numbers along axes and their unit: of a number, a sequence, or a text such as ``"2,0.5,0.5um"``."""
    if isinstance(value, str):
        numbers, units = [], set()
        for part in value.split(","):
            found = _NUMBER.match(part)
            if not found:
                raise UsageError(f"{option}={value!r} does not fit: give numbers separated by commas, with or without a unit")
            numbers.append(float(found[1]))
            if found[2]:
                units.add(unit(found[2], option))
        if len(units) > 1:
            raise UsageError(f"{option}={value!r} has several units: give all numbers in one")
        return numbers, next(iter(units), None)
    if isinstance(value, Real):
        return [float(value)], None
    try:
        return [float(number) for number in value], None
    except (TypeError, ValueError) as error:
        raise UsageError(f"{option}={value!r} does not fit: give one number, or one for each axis") from error


def unit(text: str, option: str) -> str:
    """A unit that is known."""
    symbol = _native.unit_symbol(text)
    if symbol is None:
        raise UsageError(f"{option}= has the unit {text}, which is no unit of length that is known, such as um, nm or mm")
    return symbol


def _threshold(threshold, below):
    if threshold is not None and below is not None:
        raise UsageError("threshold= and below= contradict each other: leave one of them out")
    option, value = ("below", below) if threshold is None else ("threshold", threshold)
    if value is None:
        return None
    if isinstance(value, str) and value.startswith("hysteresis:"):
        value = tuple(lengths(value.removeprefix("hysteresis:"), option)[0])
    if isinstance(value, str) and value in _FOUND:
        return {"at_most" if option == "below" else "above": value}
    if isinstance(value, (tuple, list)) and option == "threshold":
        low, high = (value[1:] if value and value[0] == "hysteresis" else value) if len(value) in (2, 3) else (math.nan, 0)
        if not low <= high:
            raise UsageError("threshold= with hysteresis is (low, high), the lower number first")
        return {"value": {"Hysteresis": {"low": float(low), "high": float(high)}}}
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{option}={value!r} is none: give a number, or one of {', '.join(_FOUND)}")
    return {"value": {"AtMost" if option == "below" else "Above": number}}


def _of(table: dict, value, option: str):
    if value not in table:
        raise UsageError(f"{option}={value!r} does not fit: give one of {', '.join(map(str, table))}")
    return table[value]


def region_of(region, dimensions_hint: str = "z0:z1,y0:y1,x0:x1"):
    """Ranges along (z, y, x) or (y, x): of slices, of pairs, or of a text such as ``"0:10,5:20,0:30"``."""
    if region is None:
        return None
    parts = region.split(",") if isinstance(region, str) else region
    ranges = []
    try:
        for part in parts:
            if isinstance(part, slice):
                if part.step not in (None, 1) or part.start is None or part.stop is None:
                    raise ValueError
                start, stop = part.start, part.stop
            else:
                start, stop = part.split(":") if isinstance(part, str) else part
            ranges.append({"start": int(start), "end": int(stop)})
    except (TypeError, ValueError) as error:
        raise UsageError(f"region={region!r} does not fit: give {dimensions_hint}, or a slice with two ends for each axis") from error
    if any(not 0 <= one["start"] < one["end"] for one in ranges):
        raise UsageError(f"region={region!r} does not fit: no range may be empty or begin before 0")
    return ranges


def memory_of(memory) -> int | None:
    """Bytes: of a number, or of a text such as ``"2G"``, in powers of 1024."""
    if memory is None or isinstance(memory, int):
        return memory
    found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)I?B?\s*", str(memory).upper())
    if not found:
        raise UsageError(f"memory={memory!r} is not a size such as '500M' or '2G'")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2] or " "))


def chunk_of(chunk) -> list[int] | None:
    """Voxels of a chunk along each axis."""
    if chunk is None:
        return None
    try:
        return [int(chunk)] if isinstance(chunk, Real) else [int(length) for length in chunk]
    except (TypeError, ValueError) as error:
        raise UsageError(f"chunk={chunk!r} does not fit: give one whole number, or one for each axis") from error


def parameters(
    *,
    spacing=None,
    unit_name=None,
    axes=None,
    channel=None,
    time=None,
    region=None,
    threshold=None,
    below=None,
    sigma=None,
    method=None,
    prune=None,
    prune_ratio=None,
    keep_border=False,
    remove_smaller=None,
    keep_largest=None,
    fill_holes=None,
    connectivity=26,
    objects=False,
    labels=False,
    longest_path=False,
    columns="all",
    provisional=False,
    mask=None,
    intensity=None,
    atlas=None,
    atlas_names=None,
) -> str:
    """The parameters as JSON. `mask`, `intensity`, `atlas` are names for the summary."""
    image: dict = {"labels": bool(labels)}
    if unit_name is not None:
        image["unit"] = unit(unit_name, "unit")
    if spacing is not None:
        image["spacing"], of_spacing = lengths(spacing, "spacing")
        if any(not number > 0 for number in image["spacing"]):
            raise UsageError(f"spacing={spacing!r} does not fit: give positive numbers")
        if of_spacing and image.get("unit", of_spacing) != of_spacing:
            raise UsageError(f"spacing= is in {of_spacing}, but unit= is {unit_name}: give the unit once")
        image["unit"] = of_spacing or image.get("unit")
    image |= {"channel": channel, "time": time, "region": region_of(region)}
    if axes is not None:
        image["axes"] = list("".join(str(name) for name in axes).replace(",", "").replace(" ", "").lower())
    image |= {"mask": mask, "intensity": intensity, "atlas": atlas}
    image["atlas_names"] = None if atlas_names is None else os.fspath(atlas_names)
    prune_length, prune_unit = (None, None) if prune is None else lengths(prune, "prune")
    if prune_length is not None and (len(prune_length) != 1 or not prune_length[0] > 0):
        raise UsageError(f"prune={prune!r} does not fit: give one length above zero, with or without a unit")
    wanted: dict = {
        "image": image,
        "method": None if method is None else _of(_METHODS, method, "method"),
        "filters": {
            "fill_holes": _holes(fill_holes),
            "remove_smaller": remove_smaller,
            "keep_largest": keep_largest,
        },
        "prune": {
            "length": prune_length and prune_length[0],
            "unit": prune_unit,
            "ratio": prune_ratio,
            "keep_border": bool(keep_border),
        },
        "objects": bool(objects),
        "longest_path": bool(longest_path),
        "columns": columns,
        "provisional": bool(provisional),
        "connectivity": _of(_CONNECTIVITY, connectivity, "connectivity"),
    }
    if sigma is not None:
        numbers, of_sigma = lengths(sigma, "sigma")
        wanted["sigma"] = {"values": numbers, "unit": of_sigma}
    rule = _threshold(threshold, below)
    if rule is not None:
        wanted["threshold"] = rule
    return json.dumps(wanted)


def _holes(fill_holes):
    """Which holes are filled."""
    if fill_holes is None or fill_holes is False:
        return None
    if fill_holes is True or fill_holes == "all":
        return "any"
    try:
        return {"below": int(fill_holes)}
    except (TypeError, ValueError) as error:
        raise UsageError(f"fill_holes={fill_holes!r} does not fit: give True, or a number of voxels") from error
