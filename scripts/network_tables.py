"""What the tables of nodes and of skeletons are, and the columns of branches after skan's, by plain NumPy, SciPy and skan: a
definition to read and to test against.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 skan==0.13.1 pandas==3.1.1

`nodes_of` and `skeletons_of` return what `nodes.csv` and `skeletons.csv` hold, from a mask and its skeleton; `measures_of`
the columns of `branches.csv` after skan's; `summary_of` what `summary.json` says of the network.
"""

import warnings

import numpy as np
import pandas as pd
import skan
from scipy.ndimage import distance_transform_edt, label
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import shortest_path

warnings.filterwarnings("ignore")

# Skeletons with loops and more nodes than this have no longest path.
MOST_NODES = 5000


def labels_of(mask):
    """The connected components, numbered from 0 by their first voxels; -1 outside."""
    labels, _ = label(mask, np.ones((3,) * mask.ndim))
    _, first = np.unique(labels[mask], return_index=True)
    number = np.full(labels.max() + 1, -1)
    number[labels[mask][np.sort(first)]] = np.arange(len(first))
    return number[labels]


def branches_of(skeleton, spacing):
    """The branches as lists of voxels, each in skan's order, and skan's length of each."""
    if skeleton.sum() < 2:
        return [], []
    try:
        graph = skan.Skeleton(skeleton, spacing=spacing)
    except ValueError:  # no branches at all
        return [], []
    paths = [graph.path_coordinates(number).astype(int) for number in range(graph.n_paths)]
    return paths, graph.path_lengths()


def radii_of(mask, spacing):
    """The distance of every voxel from the background; infinite where there is none."""
    if mask.all():
        return np.full(mask.shape, np.inf)
    return distance_transform_edt(mask, sampling=spacing)


def borders_of(mask, radii, spacing):
    """Which voxels lie in the outermost layer of the image, or nearer to its bounds than their radius."""
    touches = np.zeros(mask.shape, bool)
    for axis, (place, length) in enumerate(zip(np.indices(mask.shape), mask.shape)):
        if length > 1:
            between = np.minimum(place, length - 1 - place)
            touches |= (between == 0) | ((between + 1) * spacing[axis] < radii)
    return touches


def degrees_of(skeleton, spacing):
    """How many branches end at each node: voxels where branches end, and skeletons of one voxel."""
    degrees = {}
    paths, _ = branches_of(skeleton, spacing)
    for path in paths:
        for end in (tuple(path[0]), tuple(path[-1])):
            degrees[end] = degrees.get(end, 0) + 1
    sizes = np.bincount(labels_of(skeleton)[skeleton]) if skeleton.any() else []
    for voxel in np.argwhere(skeleton):
        if sizes[labels_of(skeleton)[tuple(voxel)]] == 1:
            degrees[tuple(voxel)] = 0
    return dict(sorted(degrees.items()))


def junctions_of(skeleton, degrees):
    """Nodes of degree 3 and more, neighbours as one junction: numbers from 0, -1 elsewhere."""
    nodes = np.zeros(skeleton.shape, bool)
    for voxel, degree in degrees.items():
        nodes[voxel] = degree >= 3
    return labels_of(nodes)


def finite(number):
    return number if np.isfinite(number) else None


def by_axis(name, values):
    return {f"{name}_{axis}": value for axis, value in enumerate(values)}


def nodes_of(mask, skeleton, spacing):
    """The table of nodes."""
    ranks = np.cumsum(skeleton.ravel()).reshape(skeleton.shape) - 1
    skeletons, degrees = labels_of(skeleton), degrees_of(skeleton, spacing)
    junctions, radii = junctions_of(skeleton, degrees), radii_of(mask, spacing)
    touches = borders_of(mask, radii, spacing)
    rows = [
        {
            "node_id": ranks[voxel],
            "skeleton_id": skeletons[voxel],
            "junction_id": junctions[voxel] if degree >= 3 else None,
            "degree": degree,
            **by_axis("image_coord", voxel),
            **by_axis("coord", np.multiply(voxel, spacing)),
            "radius": finite(radii[voxel]),
            "touches_border": touches[voxel],
        }
        for voxel, degree in degrees.items()
    ]
    columns = ["node_id", "skeleton_id", "junction_id", "degree"]
    columns += [f"{name}_{axis}" for name in ("image_coord", "coord") for axis in range(mask.ndim)]
    table = pd.DataFrame(rows, columns=columns + ["radius", "touches_border"])
    return table.astype({"junction_id": "Int64", "touches_border": bool})


def longest_path_of(edges):
    """The longest shortest path between two nodes of a skeleton, given as (node, node, length); None where there is one node,
    and where there are loops and more than MOST_NODES nodes."""
    nodes = sorted({node for edge in edges for node in edge[:2]})
    if len(nodes) < 2 or (len(edges) >= len(nodes) > MOST_NODES):
        return None
    shortest = {}
    for a, b, length in edges:
        pair = (nodes.index(min(a, b)), nodes.index(max(a, b)))
        shortest[pair] = min(length, shortest.get(pair, np.inf))
    rows, columns = zip(*shortest)
    graph = coo_matrix((list(shortest.values()), (rows, columns)), (len(nodes),) * 2).tocsr()
    return shortest_path(graph, directed=False).max()


def cones_of(path, radii, spacing):
    """Volume and surface of the truncated cones between successive voxels, without their ends."""
    r = radii[tuple(path.T)]
    a, b, h = r[:-1], r[1:], np.linalg.norm(np.diff(path, axis=0) * spacing, axis=1)
    return (np.pi * h * (a**2 + a * b + b**2) / 3).sum(), (np.pi * (a + b) * np.sqrt(h**2 + (a - b) ** 2)).sum()


def measures_of(mask, skeleton, spacing, radii=None):
    """The columns of the table of branches after skan's; `radii` where they are known, as radii_of has them."""
    radii = radii_of(mask, spacing) if radii is None else radii
    touches = borders_of(mask, radii, spacing)
    rows = []
    for number, (path, length) in enumerate(zip(*branches_of(skeleton, spacing))):
        along = radii[tuple(path.T)]
        straight = np.linalg.norm((path[-1] - path[0]) * spacing)
        is_known = np.isfinite(along[0])
        volume, surface = cones_of(path, radii, spacing) if is_known else (None, None)
        rows.append(
            {
                "branch_id": number,
                "tortuosity": length / straight if straight else None,
                "mean_radius": along.mean() if is_known else None,
                "stdev_radius": along.std() if is_known else None,
                "min_radius": along.min() if is_known else None,
                "max_radius": along.max() if is_known else None,
                "volume": volume,
                "surface_area": surface,
                "touches_border": touches[tuple(path.T)].any(),
            }
        )
    columns = ["branch_id", "tortuosity", "mean_radius", "stdev_radius", "min_radius", "max_radius", "volume", "surface_area"]
    return pd.DataFrame(rows, columns=columns + ["touches_border"])


def skeletons_of(mask, skeleton, spacing):
    """The table of skeletons, with longest paths."""
    labels, degrees = labels_of(skeleton), degrees_of(skeleton, spacing)
    junctions, radii = junctions_of(skeleton, degrees), radii_of(mask, spacing)
    touches = borders_of(mask, radii, spacing)
    paths, lengths = branches_of(skeleton, spacing)
    rows = []
    for number in range(labels.max() + 1 if skeleton.any() else 0):
        voxels = np.argwhere(labels == number)
        nodes = [voxel for voxel in degrees if labels[voxel] == number]
        own = [(path, length) for path, length in zip(paths, lengths) if labels[tuple(path[0])] == number]
        length = sum(length for _, length in own)
        weighted = sum(radii[tuple(path.T)].mean() * length for path, length in own)
        edges = [(tuple(path[0]), tuple(path[-1]), length) for path, length in own]
        rows.append(
            {
                "skeleton_id": number,
                **by_axis("first_voxel", voxels[0]),
                "voxels": len(voxels),
                "branches": len(own),
                "tips": sum(degrees[node] == 1 for node in nodes),
                "junctions": len({junctions[node] for node in nodes if degrees[node] >= 3}),
                "loops": len(own) - len(nodes) + 1,
                "total_length": float(length),
                "mean_radius": finite(weighted / length if own else radii[tuple(voxels[0])]),
                "volume": finite(sum(cones_of(path, radii, spacing)[0] for path, _ in own)) if np.isfinite(radii).all() else None,
                **by_axis("bbox_min", voxels.min(axis=0)),
                **by_axis("bbox_max", voxels.max(axis=0) + 1),
                "longest_path": longest_path_of(edges),
                "touches_border": bool(touches[tuple(voxels.T)].any()),
            }
        )
    columns = ["skeleton_id"] + [f"first_voxel_{axis}" for axis in range(mask.ndim)]
    columns += ["voxels", "branches", "tips", "junctions", "loops", "total_length", "mean_radius", "volume"]
    columns += [f"{name}_{axis}" for name in ("bbox_min", "bbox_max") for axis in range(mask.ndim)]
    return pd.DataFrame(rows, columns=columns + ["longest_path", "touches_border"])


def class_of(radius):
    """Where the class of a radius ends: the first of 1, 2, 5, 10, 20, 50 and so on, and 0.5, 0.2, 0.1, that is not smaller."""
    ends = (float(f"{digit}e{power}") for power in range(-30, 31) for digit in (1, 2, 5))
    return next(end for end in ends if radius <= end)


def summary_of(mask, skeleton, spacing):
    """Tips, junctions, loops, densities, and length by class of radius."""
    degrees, (paths, lengths) = degrees_of(skeleton, spacing), branches_of(skeleton, spacing)
    radii = radii_of(mask, spacing)
    volume = float(mask.size * np.prod(spacing))
    classes = {}
    for path, length in zip(paths, lengths):
        mean = radii[tuple(path.T)].mean()
        if np.isfinite(mean):
            classes.setdefault(class_of(mean), []).append(float(length))
    degrees_at = np.array(list(degrees.values()), int)
    junctions = int(junctions_of(skeleton, degrees).max()) + 1
    return {
        "tips": int((degrees_at == 1).sum()),
        "junctions": junctions,
        "junction_voxels": int((degrees_at >= 3).sum()),
        "loops": len(paths) - len(degrees) + int(labels_of(skeleton).max()) + 1,
        "density": {
            "image_volume": volume,
            "length_per_volume": float(sum(lengths)) / volume,
            "branches_per_volume": len(paths) / volume,
            "junctions_per_volume": junctions / volume,
        },
        "length_by_radius": [
            {"to": end, "branches": len(classes[end]), "length": sum(classes[end])} for end in sorted(classes)
        ],
    }
