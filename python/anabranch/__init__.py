"""Exact branch networks of image volumes larger than memory: vessels, airways, neurites, roots.

The skeleton is scikit-image's, voxel for voxel, and the table skan's, row for row, for every chunking of the image.

>>> import numpy as np
>>> import anabranch
>>> mask = np.zeros((9, 9, 40), bool)
>>> mask[3:6, 3:6, 2:38] = True
>>> len(anabranch.run(mask).branches)
1
"""

from ._errors import (
    DataError,
    Error,
    ImageWarning,
    InputOutputError,
    InternalError,
    MissingError,
    OutputError,
    PeerError,
    UsageError,
)
from ._native import __version__
from ._phantom import phantom
from ._progress import Progress
from ._results import Results
from ._run import run
from ._session import Epoch, Session, Snapshot

__all__ = [
    "DataError",
    "Epoch",
    "Error",
    "ImageWarning",
    "InputOutputError",
    "InternalError",
    "MissingError",
    "OutputError",
    "PeerError",
    "Progress",
    "Results",
    "Session",
    "Snapshot",
    "UsageError",
    "__version__",
    "phantom",
    "run",
]
