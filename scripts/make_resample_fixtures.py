"""Writes tests/fixtures/voxels/resample.txt: what SciPy and NumPy make of small tiles put down on a canvas.

    python scripts/make_resample_fixtures.py [FILE CASES]

With a file and a number, as many cases drawn at random (see ANABRANCH_RESAMPLE in src/kernel/mosaic/resample/tests.rs). Made
with numpy 2.4.6 and scipy 1.17.1. One case a line, fields between semicolons:

    dtype; order; blend; least position z,y,x of the canvas; its shape; expected values; a field for each tile

and in a tile's, between slashes: shape z,y,x; gain; the map from the canvas to the tile, three rows of three and the
offset; a seed for its values, see `draw` here and `drawn` in the tests.
"""

import pathlib
import sys

import numpy as np
from scipy.ndimage import affine_transform

rng = np.random.default_rng(20261)
LEAST = {"uint8": 0, "uint16": 0, "uint32": 0, "int16": -3000, "int32": -(2**30), "float32": -2.0, "float64": -2e-3, "bool": 0}
MOST = {"uint8": 256, "uint16": 65536, "uint32": 2**32, "int16": 3000, "int32": 2**30, "float32": 5.0, "float64": 5e-3, "bool": 2}


def number(v):
    return f"{v:.7g}" if isinstance(v, float) else str(int(v))


def text(values):
    return " ".join(number(v) for v in values.ravel().tolist())


def exact(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def draw(dtype, shape, seed):
    v = (seed + 1 + np.arange(np.prod(shape), dtype=np.uint64)) * 2654435761 % 2**32
    v = (v ^ v >> 16) * 73244475 % 2**32
    v = LEAST[dtype] + (MOST[dtype] - LEAST[dtype]) * (v / 2**32)
    return (v if np.dtype(dtype).kind == "f" else np.floor(v)).astype(dtype).reshape(shape)


def turn(degrees, shape, scale=1.0):
    """Rotation by small or large angles in the last two axes, in three dimensions a little about another one too."""
    a = np.radians(degrees)
    m = np.eye(3)
    m[1:, 1:] = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) * scale
    if shape[0] > 1:
        b = np.radians(degrees / 3)
        m = m @ np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    return m


def shear(shape, amount):
    m = np.eye(3)
    m[1, 2] = amount
    m[2, 1] = -amount / 3
    if shape[0] > 1:
        m[0, 2] = amount / 2
    return m


def rounded(values, dtype):
    if dtype.kind == "f":
        return values.astype(dtype)
    if dtype == bool:
        return values >= 0.5
    info = np.iinfo(dtype)
    return np.clip(np.trunc(values + np.copysign(0.5, values)), info.min, info.max).astype(dtype)


def feather(tile, matrix, offset, least, shape):
    places = np.indices(shape).reshape(3, -1) + np.array(least)[:, None]
    places = (matrix @ places + np.array(offset)[:, None]).reshape(3, *shape)
    axes = [min_of(places[a], n) for a, n in enumerate(tile.shape) if n > 1]
    return 1 + np.min(axes, axis=0) if axes else np.ones(shape)


def min_of(c, n):
    return np.minimum(c, n - 1 - c)


def case(dtype, order, blend, least, shape, tiles):
    """Tiles: shape, gain, matrix and offset from the canvas to the tile."""
    tiles = [(draw(dtype, tile[0], seed), seed, *tile[1:]) for tile in tiles for seed in [int(rng.integers(2**31))]]
    results, weights, whole = [], [], []
    for values, seed, gain, matrix, offset in tiles:
        # SciPy's own coordinates begin at zero.
        start = matrix @ np.array(least, float) + offset
        flat = values.shape[0] == shape[0] == 1 and least[0] == offset[0] == 0
        part = (lambda m: m[1:, 1:]) if flat else (lambda m: m)
        options = dict(offset=start[1:] if flat else start, output_shape=shape[1:] if flat else shape)
        options |= dict(mode="constant", output=np.float64)
        image = (values[0] if flat else values).astype(np.float64)
        result = affine_transform(image, part(matrix), order=order, **options)
        inside = affine_transform(np.ones(image.shape), part(matrix), order=0, cval=np.nan, **options)
        results.append(np.where(np.isnan(inside), np.nan, result * gain).reshape(shape))
        typed = options | dict(output=values.dtype)
        whole.append(affine_transform(image.astype(values.dtype), part(matrix), order=order, **typed).reshape(shape))
        weights.append(feather(values, matrix, offset, least, shape) if blend == "feather" else np.ones(shape))
    results, weights = np.array(results), np.array(weights)
    covered = ~np.isnan(results)
    anywhere = covered.any(axis=0)
    if blend == "max":
        blended = np.where(covered, results, -np.inf).max(axis=0)
    elif blend == "first":
        blended = np.take_along_axis(results, covered.argmax(axis=0)[None], axis=0)[0]
    else:
        weights = np.where(covered, weights, 0)
        total = np.where(anywhere, weights.sum(axis=0), 1)
        blended = (np.where(covered, results, 0) * weights).sum(axis=0) / total
    expected = rounded(np.where(anywhere, blended, 0.0), np.dtype(dtype))
    if blend == "max" and dtype.startswith("uint") and all(tile[2] == 1 for tile in tiles):
        expected = np.maximum.reduce(whole)
    fields = [dtype, order, blend, ",".join(map(str, least)), ",".join(map(str, shape)), text(expected)]
    for values, seed, gain, matrix, offset in tiles:
        at = f"{exact(matrix)} {exact(offset)}"
        fields.append("/".join([",".join(map(str, values.shape)), repr(float(gain)), at, str(seed)]))
    return ";".join(map(str, fields))


def single(dtype, order, shape, matrix, offset):
    flat = shape[0] == 1
    canvas = (1 if flat else 2, shape[1] + 1, shape[2] + 1)
    least = (0 if flat else 1, -1 if shape[1] > 1 else 0, -1)
    return case(dtype, order, "max", least, canvas, [(shape, 1.0, matrix, np.array(offset, float))])


def random_case():
    dtype = rng.choice(list(LEAST))
    flat = rng.random() < 0.6
    order = int(rng.choice([0, 1, 3]))
    blend = str(rng.choice(["max", "mean", "first", "feather"]))
    canvas = (1 if flat else int(rng.integers(1, 9)), int(rng.integers(1, 30)), int(rng.integers(1, 60)))
    least = (0 if flat else int(rng.integers(-50, 50)), *rng.integers(-100000, 100000, size=2).tolist())
    if rng.random() < 0.5:
        least = (0, 0, 0)
    tiles = []
    for _ in range(rng.integers(1, 5)):
        shape = (1 if flat else int(rng.integers(1, 9)), int(rng.integers(1, 30)), int(rng.integers(1, 60)))
        kind = rng.integers(5)
        matrix = np.eye(3)
        if kind == 1:
            matrix = turn(rng.uniform(-3, 3), shape)
        elif kind == 2:
            matrix = turn(rng.choice([rng.uniform(-180, 180), 90, 180, -90]), shape, rng.choice([1, rng.uniform(0.4, 2)]))
        elif kind == 3:
            matrix = shear(shape, rng.uniform(-1, 1))
        elif kind == 4:
            matrix = np.diag([1, rng.choice([-1, 1, 0.5]), rng.choice([-1, 2, 0.37])])
        middle = np.array(least) + (np.array(canvas) - 1) / 2
        offset = (np.array(shape) - 1) / 2 - matrix @ middle + rng.uniform(-0.4, 0.4, size=3) * np.array(shape)
        how = rng.integers(3)
        # Turned and far away, places at the edges are rounded in another way where coordinates begin elsewhere.
        near = least == (0, 0, 0) or kind not in (2, 4)
        if how == 0 and near:
            offset = np.round(offset)
        elif how == 1 and near and dtype.startswith("f"):
            offset = np.round(2 * offset) / 2
        if flat:
            offset[0] = 0
        tiles.append((shape, rng.choice([1.0, 1.0, 0.7]) if order else 1.0, matrix, offset))
    return case(str(dtype), order, blend, least, canvas, tiles)


def chosen():
    flat, deep = (1, 7, 21), (4, 5, 20)
    whole, part = [0, 1, -2], [0, 0.3, -0.62]
    deep_part = [0.25, -0.4, 0.7]
    for order in (0, 1, 3):
        yield single("uint16", order, flat, np.eye(3), whole)
        yield single("uint16", order, flat, np.eye(3), part)
        yield single("uint8", order, flat, turn(2, flat), [0, 0.21, -0.13])
        yield single("float32", order, flat, turn(35, flat), [0, -3.3, 4.1])
        yield single("int16", order, flat, shear(flat, 0.35), [0, -2.21, 0.43])
        yield single("uint16", order, deep, np.eye(3), deep_part)
        yield single("float64", order, deep, turn(4, deep), [0.4, 0.1, 0.2])
        yield single("uint8", order, deep, shear(deep, -0.2), [1.41, 1.13, 0.22])
    yield single("int32", 1, flat, np.eye(3), part)
    yield single("uint32", 3, flat, np.eye(3), part)
    yield single("bool", 0, flat, turn(3, flat), part)
    yield single("uint16", 1, (1, 1, 20), np.eye(3), [0, 0, 0.5])
    yield single("uint16", 3, (1, 20, 1), np.eye(3), [0, 0.5, 0])
    yield single("uint16", 1, flat, np.diag([1.0, -1.0, 1.0]), [0, 6, 0])
    for dtype in ("uint16", "float32"):
        for blend in ("max", "mean", "first", "feather"):
            tiles = []
            for place, angle in (((0, 0, 0), 0), ((0, 0.4, 7.3), 1.5), ((0, 3, 4), 0), ((0, 2.5, 8.25), -2)):
                matrix = turn(angle, flat)
                tiles.append((flat, 1.0, matrix, -matrix @ np.array(place)))
            yield case(dtype, 1, blend, (0, -1, -2), (1, 11, 32), tiles)
    yield case("uint8", 1, "max", (0, 0, 0), flat, [(flat, 1.5, np.eye(3), np.array(part))])


if __name__ == "__main__":
    if len(sys.argv) == 3:
        pathlib.Path(sys.argv[1]).write_text("\n".join(random_case() for _ in range(int(sys.argv[2]))) + "\n")
    else:
        folder = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "voxels"
        (folder / "resample.txt").write_text("\n".join(chosen()) + "\n")
