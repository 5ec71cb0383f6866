"""Sessions: chunks that come, change and go while a program runs, and tables that follow."""

from __future__ import annotations

import json
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from . import _native
from ._arrays import converted
from ._errors import UsageError
from ._parameters import lengths, memory_of, parameters
from ._results import Results


class Epoch(NamedTuple):
    """What an epoch has changed.

    Attributes
    ----------
    number : int
        Its number, from 0.
    changed : int
        Chunks that have other values now, or none.
    remade : bool
        Whether a threshold that follows from the image has moved, so that all masks were made again.
    changes : pandas.DataFrame
        The rows of branches that have come (``diff`` 1) and gone (-1). They have no ranks (`skeleton_id`, `node_id_src`,
        `node_id_dst`, `branch_id`), which depend on other branches.
    """

    number: int
    changed: int
    remade: bool
    changes: pd.DataFrame


class Session:
    """An analysis that goes on while chunks are inserted, replaced and retracted, from any threads.

    After any history the results are, byte for byte, those of one run on what is there; work is in proportion to what has
    changed. Chunks that have not arrived are background.

    Parameters
    ----------
    shape : sequence of int
        Shape of the image, (z, y, x) or (y, x).
    chunk : int or sequence of int
        Shape of a chunk.
    dtype : dtype
        Type of the values.
    spacing : float, sequence or str, optional
        Size of a voxel.
    hold_values : bool
        Hold the values of all chunks in memory, compressed: needed for `sigma`, for thresholds that the image decides, and for
        `fill_holes`.
    track_arrival : bool
        Mark branches near chunks that have not arrived: the column `provisional`.
    workers : int
        Threads.
    memory : int or str, optional
        Values that may be in flight: `insert` waits while there are more.
    **options
        As for `run`: threshold, below, sigma, method, prune, prune_ratio, keep_border, remove_smaller, keep_largest, fill_holes,
        connectivity, objects, longest_path, columns.

    Examples
    --------
    >>> import numpy as np, anabranch
    >>> with anabranch.Session((16, 16, 32), 16, bool) as session:
    ...     rod = np.zeros((16, 16, 16), bool)
    ...     rod[8, 8] = True
    ...     session.insert((0, 0, 0), rod)
    ...     epoch = session.advance()
    ...     epoch.changes["diff"].tolist()
    [1]
    """

    def __init__(
        self,
        shape,
        chunk,
        dtype,
        *,
        spacing=1.0,
        hold_values=False,
        track_arrival=False,
        workers=1,
        memory=None,
        **options,
    ):
        self.shape = tuple(int(length) for length in shape)
        dimensions = len(self.shape)
        if dimensions not in (2, 3):
            raise UsageError(f"shape={shape!r} does not fit: give 2 numbers (y, x) or 3 numbers (z, y, x)")
        self.dtype = np.dtype(dtype).newbyteorder("=")
        missing = [1] * (3 - dimensions)
        self._missing = len(missing)
        chunk = [int(chunk)] * dimensions if np.isscalar(chunk) else [int(length) for length in chunk]
        sizes, unit = lengths(spacing, "spacing")
        sizes = sizes * dimensions if len(sizes) == 1 else sizes
        if len(chunk) != dimensions or len(sizes) != dimensions:
            raise UsageError(f"chunk= and spacing= need one number, or {dimensions} as shape= has")
        self.spacing, self.unit, self.chunk = tuple(sizes), unit, tuple(chunk)
        allowed = {
            "threshold", "below", "sigma", "method", "prune", "prune_ratio", "keep_border", "remove_smaller", "keep_largest",
            "fill_holes", "connectivity", "objects", "longest_path", "columns",
        }  # fmt: skip
        if unknown := set(options) - allowed:
            raise UsageError(f"a session has no argument {', '.join(sorted(unknown))}: give some of {', '.join(sorted(allowed))}")
        self._native = _native.Session(
            missing + list(self.shape),
            missing + chunk,
            self.dtype.name,
            parameters(**options),
            planar=dimensions == 2,
            spacing=[1.0] * self._missing + sizes,
            hold_values=hold_values,
            track_arrival=track_arrival,
            workers=workers,
            memory=memory_of(memory),
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _at(self, chunk) -> list[int]:
        at = [int(number) for number in chunk]
        if len(at) != len(self.shape):
            raise UsageError(f"a chunk of this session is named by {len(self.shape)} numbers, and {chunk!r} has {len(at)}")
        return [0] * self._missing + at

    def _values(self, values):
        values = np.asarray(values)
        if values.dtype.newbyteorder("=") != self.dtype:
            raise UsageError(f"the session has values of type {self.dtype}, and the chunk of type {values.dtype}: convert them")
        return converted(values.reshape((1,) * self._missing + values.shape), self.dtype.name)

    def insert(self, chunk, values) -> None:
        """Insert a chunk, for the next epoch. Waits while more values are in flight than the session's memory allows.

        Parameters
        ----------
        chunk : sequence of int
            Its place on the grid of chunks, (z, y, x) or (y, x).
        values : array
            Its values, in the shape of the chunk; smaller at the end of the image.

        Raises
        ------
        UsageError
            If it exists already, or lies outside.
        DataError
            If its values do not fit, or are not numbers. The session stays as it was.
        """
        self._native.set(self._at(chunk), self._values(values), False)

    def replace(self, chunk, values) -> None:
        """Replace the values of a chunk, which must exist: as `insert`."""
        self._native.set(self._at(chunk), self._values(values), True)

    def retract(self, chunk) -> None:
        """Retract a chunk, which must exist."""
        self._native.retract(self._at(chunk))

    def resize(self, shape) -> None:
        """Change the shape of the image, from the next epoch on."""
        self._native.resize(self._at(shape) if not self._missing else [1, *map(int, shape)])
        self.shape = tuple(int(length) for length in shape)

    def advance(self) -> Epoch:
        """Close the epoch, wait until its results are known, and return what has changed.

        Other threads may insert for the next epoch meanwhile. Ctrl-C ends the waiting; the epoch goes on.
        """
        number, changed, remade, changes = self._native.advance()
        return Epoch(number, changed, remade, pd.DataFrame(changes, copy=False))

    def results(self) -> Snapshot:
        """The results of the last epoch, at once, also while an epoch runs. They stay as they are."""
        return Snapshot(self._native.results(), self.shape)

    def close(self) -> None:
        """End the session and its threads."""
        self._native.close()


class Snapshot:
    """The results of a session after an epoch: they never change, whatever the session does."""

    branches = Results.branches
    nodes = Results.nodes
    skeletons = Results.skeletons
    objects = Results.objects
    summary = Results.summary
    _table = Results._table

    def __init__(self, native, shape):
        self._native, self.shape = native, shape

    @cached_property
    def _tables(self):
        tables, summary = self._native.tables()
        return {name: pd.DataFrame(columns, copy=False) for name, columns in tables.items()}, json.loads(summary)

    @cached_property
    def skeleton(self) -> np.ndarray:
        """The skeleton: bool, of `shape`."""
        image = np.zeros(self.shape, np.uint8)
        self._native.draw_skeleton(image.reshape((1,) * (3 - image.ndim) + image.shape))
        return image.view(bool)
