"""Results as `skan.Skeleton`."""

from __future__ import annotations

import numpy as np

from ._errors import UsageError


def to_skan(results):
    """A `skan.Skeleton` with skan's own attributes, from what is known already: see `Results.to_skan`."""
    try:
        import skan
        from scipy import sparse
        from skan.csr import csr_to_nbgraph
    except ImportError as error:
        raise UsageError("to_skan() needs skan: pip install 'anabranch[skan]'") from error
    dimensions = len(results.shape)
    spacing = np.array(results.spacing)
    places, values = results._native.voxels()
    places = places[:, 3 - dimensions:]
    offsets, _, ranks = results._native.paths()
    count = len(places)
    # Skeletons of no voxels or branches are beyond skan's own functions, and not of its class.
    skeleton = skan.Skeleton.__new__(skan.Skeleton)
    steps = np.ones(max(len(ranks) - 1, 0), bool)
    # There is no step from the end of a path to the beginning of the next.
    steps[offsets[1:-1] - 1] = False
    before, after = ranks[:-1][steps], ranks[1:][steps]
    # Squares are added axis by axis, as lengths of branches are.
    squares = ((places[after] - places[before]) * spacing) ** 2
    distances = np.sqrt(sum(squares.T, np.zeros(len(before))))
    graph = sparse.coo_array(
        (np.tile(distances, 2), (np.concatenate([before, after]), np.concatenate([after, before]))), shape=(count, count)
    ).tocsr()
    skeleton.graph = graph
    skeleton.pixel_values = values
    skeleton.nbgraph = csr_to_nbgraph(graph, values)
    skeleton.coordinates = places
    indices = ranks.astype(graph.indices.dtype)
    skeleton.paths = sparse.csr_array(
        (values[ranks], indices, offsets.astype(indices.dtype)), shape=(len(offsets) - 1, count)
    )
    skeleton.n_paths = len(offsets) - 1
    skeleton.distances = results.branches["branch_distance"].to_numpy(copy=True)
    skeleton._distances_initialized = True
    back = np.argsort(results._turned)
    skeleton.skeleton_image = results.skeleton.transpose(back)
    skeleton.skeleton_shape = skeleton.skeleton_image.shape
    skeleton.skeleton_dtype = skeleton.skeleton_image.dtype
    skeleton.source_image = None
    skeleton.keep_images = True
    skeleton.degrees = np.diff(graph.indptr)
    skeleton.spacing = spacing
    return skeleton
