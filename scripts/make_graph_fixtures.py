"""Fixtures for the graph and the table: skeleton voxels with values, and skan's table of them.

    python scripts/make_graph_fixtures.py OUT.txt [--random N] [--seed S]

Made with skan 0.13.1 and scikit-image 0.26. Without --random: the cases by name that are committed as
tests/fixtures/graph/cases.txt, and a few random ones. Each case is

    case NAME DIMENSIONS SPACING_Z SPACING_Y SPACING_X integers|floats
    voxels Z,Y,X,VALUE ...
    rows N
    one line a row: skan's columns, comma-separated
"""

import argparse
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def table_of(skeleton, image, spacing):
    """skan's table, with pixel statistics of `image` along each branch; None where skan has nothing to say."""
    import skan

    if skeleton.sum() < 2:
        return None
    try:
        graph = skan.Skeleton(skeleton, spacing=spacing)
    except ValueError:  # no branches at all: skan raises
        return None
    where = graph.coordinates[graph.paths.indices].astype(int)
    graph.paths.data = image[tuple(where.T)].astype(np.float64)
    return skan.summarize(graph, separator="_")


def write(out, name, skeleton, image, spacing):
    table = table_of(skeleton, image, spacing)
    if table is None:
        from scipy.ndimage import label

        _, components = label(skeleton, np.ones((3,) * skeleton.ndim))
        if components < skeleton.sum():  # skan raises: its buffers are too small for a triangle alone
            return
    dimensions = skeleton.ndim
    wide = [1.0] * (3 - dimensions) + list(spacing)
    kind = "floats" if image.dtype.kind == "f" else "integers"
    print("case", name, dimensions, *wide, kind, file=out)
    places = np.argwhere(skeleton)
    values = image[skeleton].tolist()
    voxels = [",".join(str(v) for v in [0] * (3 - dimensions) + place) for place in places.tolist()]
    print("voxels", *[f"{v},{value!r}" for v, value in zip(voxels, values)], file=out)
    print("rows", 0 if table is None else len(table), file=out)
    if table is not None:
        table.to_csv(out, index=False, header=False, float_format="%.17g")


def line(skeleton, *points):
    """Sets the voxels from point to point, in steps of one voxel."""
    skeleton[points[0]] = True
    for start, end in zip(points, points[1:]):
        start, end = np.array(start), np.array(end)
        count = int(np.abs(end - start).max())
        for i in range(count + 1):
            skeleton[tuple(np.round(start + (end - start) * i / max(count, 1)).astype(int))] = True


def named():
    """Shapes whose table can be told by eye."""

    def case(shape, *paths):
        skeleton = np.zeros(shape, bool)
        for path in paths:
            line(skeleton, *path)
        return skeleton

    ring = [(2, 4), (4, 2), (8, 2), (10, 4), (10, 8), (8, 10), (4, 10), (2, 8), (2, 4)]
    ring3 = [(2, *p) for p in ring]
    yield "empty", np.zeros((3, 4, 5), bool)
    yield "one-voxel", case((3, 4, 5), [(1, 2, 3)])
    yield "isolated-voxels-and-a-line", case((3, 9, 9), [(0, 0, 0)], [(1, 4, 1), (1, 4, 7)], [(2, 8, 8)])
    yield "line-2d", case((5, 9), [(2, 1), (2, 7)])
    yield "diagonal-2d", case((9, 9), [(1, 1), (7, 7)])
    yield "cross-2d", case((9, 9), [(4, 0), (4, 8)], [(0, 4), (8, 4)])
    yield "cycle-2d", case((13, 13), ring)
    yield "cycle-3d", case((5, 13, 13), ring3)
    yield "two-cycles", case((5, 13, 26), ring3, [(z, y, x + 13) for z, y, x in ring3])
    yield "tilted-cycle", case((9, 9, 9), [(1, 4, 1), (4, 1, 4), (7, 4, 7), (4, 7, 4), (1, 4, 1)])
    yield "lollipop", case((5, 13, 20), ring3, [(2, 6, 10), (2, 6, 18)])
    yield "lollipop-2d", case((13, 20), ring, [(6, 10), (6, 18)])
    yield "figure-of-eight", case((13, 24), ring, [(y, 20 - x) for y, x in ring])
    yield "theta", case((13, 13), ring, [(2, 6), (10, 6)])
    lattice = np.zeros((7, 7, 7), bool)
    lattice[::3, ::3, :] = lattice[::3, :, ::3] = lattice[:, ::3, ::3] = True
    yield "lattice", lattice
    yield "block", np.ones((4, 4, 4), bool)
    yield "sheet", np.ones((1, 6, 7), bool)
    yield "triangle-and-a-line", case((1, 4, 9), [(0, 1, 1)], [(0, 1, 2)], [(0, 2, 1)], [(0, 1, 5), (0, 1, 7)])


def random_mask(rng):
    """A mask of one of several kinds: noise of any density, thinned noise, smooth blobs thinned, random walks."""
    from skimage.morphology import skeletonize

    dimensions = int(rng.integers(2, 4))
    shape = tuple(rng.integers(1, 12, dimensions) if rng.random() < 0.7 else rng.integers(8, 24, dimensions))
    kind = rng.integers(0, 4)
    mask = rng.random(shape) < rng.uniform(0.02, 0.9)
    if kind == 1:
        mask = skeletonize(mask)
    elif kind == 2:
        from scipy.ndimage import gaussian_filter

        noise = gaussian_filter(rng.random(shape), rng.uniform(0.5, 2.0))
        mask = skeletonize(noise > np.quantile(noise, rng.uniform(0.3, 0.8)))
    elif kind == 3:
        mask = np.zeros(shape, bool)
        for _ in range(int(rng.integers(1, 4))):
            at = np.array([rng.integers(0, n) for n in shape])
            for _ in range(int(rng.integers(1, 80))):
                mask[tuple(at)] = True
                at = np.clip(at + rng.integers(-1, 2, dimensions), 0, np.array(shape) - 1)
    return mask.astype(bool)


def image_of(rng, shape):
    """An image of one of several types."""
    kind = rng.integers(0, 4)
    if kind == 0:
        return np.ones(shape, np.uint8)
    if kind == 1:
        return rng.integers(0, 65536, shape).astype(np.uint16)
    if kind == 2:
        return rng.integers(-1000, 1000, shape).astype(np.int32)
    return rng.normal(size=shape)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--random", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    spacings = [[1.0, 1.0, 1.0], [3.0, 1.0, 1.0], [0.5, 0.7, 1.3], [2.0, 2.0, 0.25]]
    with open(options.out, "w") as out:
        if options.random is None:
            for name, mask in named():
                for spacing in spacings[::2]:
                    image = rng.integers(0, 200, mask.shape).astype(np.uint8)
                    write(out, name, mask, image, spacing[3 - mask.ndim :])
        for number in range(60 if options.random is None else options.random):
            mask = random_mask(rng)
            while options.random is None and mask.sum() > 120:
                mask = random_mask(rng)
            spacing = spacings[rng.integers(0, len(spacings))][3 - mask.ndim :]
            write(out, f"random-{number}", mask, image_of(rng, mask.shape), spacing)


if __name__ == "__main__":
    main()
