"""Progress of a run, for a callback or a bar."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

from ._errors import UsageError


class Progress(NamedTuple):
    """How far a run is.

    Attributes
    ----------
    stage : str
        ``"opening"``, ``"measuring"`` (for a threshold), ``"reading"``, ``"thinning"``, ``"branching"`` or ``"writing"``.
    done, total : int
        Chunks that the stage is done with, and those in all; 0 in all where that is not known.
    rounds : int
        Rounds of exchange between chunks that thinning has taken.
    deletions : int
        Voxels that thinning has deleted.
    """

    stage: str
    done: int
    total: int
    rounds: int
    deletions: int


@contextmanager
def shown(progress: bool | Callable[[Progress], object] | None):
    """The function that the native part calls, or None. With True there is a bar of tqdm until the context is left."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise UsageError("progress=True shows a bar of tqdm: pip install tqdm, or give a function") from error
        with tqdm(unit="chunk") as bar:

            def update(*counters):
                now = Progress(*counters)
                bar.set_description_str(now.stage, refresh=False)
                bar.total = now.total or None
                bar.n = min(now.done, now.total) if now.total else 0
                if now.stage == "thinning" and now.deletions:
                    bar.set_postfix_str(f"{now.deletions:,} voxels deleted", refresh=False)
                bar.refresh()

            yield update
    elif callable(progress):
        yield lambda *counters: progress(Progress(*counters))
    else:
        raise UsageError(f"progress={progress!r} does not fit: give True, or a function of one argument")
