"""Runs anabranch over a matrix of inputs, chunk shapes and workers, and compares it with scikit-image, skan and SciPy.

    python scripts/verify.py --reference PATH/reference.py [--images DIR] [--labels FILE] [--airways FILE] [--quick] [--only WORD]

For every input the answer is computed once, on the whole volume in memory, by the functions of reference.py (read,
mask_of, table_of, compare); the first run is compared with it, and all runs with each other: tables,
summary.json and every file of skeleton.zarr must have the same bytes. Ends with exit code 1 where anything differs.
Needs the packages of reference.py; --images names a folder of 2-D TIFF images to try by both of scikit-image's methods,
--labels a segmentation of a dense tissue (.npy.ckl.gz, by crackle-codec), --airways a mask (.nii.gz, by nibabel).
Skeletons by the homotopic method are compared with those of homotopic.py; radii, with SciPy's distance_transform_edt of the
mask, and what follows from them at branches and nodes with network_tables.py.
"""

import argparse
import hashlib
import importlib.util
import itertools
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import zarr
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_li, threshold_triangle

import homotopic
import network_tables

# Of the radii's spacings: none, that of a CT of airways, and thick slices.
SPACINGS = [(1.0, 1.0, 1.0), (0.5, 0.684, 0.684), (5.0, 1.0, 1.0)]


METHODS = {"triangle": threshold_triangle, "li": threshold_li}


class Case:
    """An input, made when its turn comes, with the options of a run and of the reference."""

    def __init__(self, name, make, *, sigma=None, threshold=None, below=None, method=None, spacing=None, rounds="some"):
        self.name, self.make = name, make
        self.sigma, self.threshold, self.below, self.method, self.spacing = sigma, threshold, below, method, spacing
        self.rounds = rounds

    def options(self):
        options = []
        for name in ("sigma", "threshold", "below", "method"):
            if getattr(self, name) is not None:
                options += [f"--{name}", ",".join(map(str, np.atleast_1d(getattr(self, name))))]
        if self.spacing:
            options += ["--spacing", ",".join(map(str, self.spacing))]
        return options


def stored(array, how="zarr", chunk=None):
    """A function that stores an array in a folder, as .npy or Zarr, and returns the path."""

    def make(folder):
        if how == "npy":
            path = folder / "input.npy"
            np.save(path, array)
            return path
        path = folder / "input.zarr"
        chunks = chunk or tuple(min(n, 37 - 4 * axis) for axis, n in enumerate(array.shape))
        target = zarr.create_array(str(path), shape=array.shape, chunks=chunks, dtype=array.dtype)
        target[:] = array
        return path

    return make


def phantom(program, shape, seed, *more):
    """A function that has the program write a phantom in a folder, and returns the path."""

    def make(folder):
        path = folder / "phantom.zarr"
        call = [program, "phantom", path, "--shape", ",".join(map(str, shape)), "--seed", str(seed), *more]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return path

    return make


def woven(mask):
    """A mask with values of their own in its foreground, as u16."""
    grid = np.indices(mask.shape, dtype=np.int64)
    ramp = 1 + sum(w * g for w, g in zip((29, 13, 7), grid[::-1])) % 1009
    return (mask * ramp).astype(np.uint16)


def noise(shape, density, seed):
    return np.random.default_rng(seed).random(shape) < density


def blobs(shape, fraction, seed, sigma=2.0):
    values = gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    return values > np.quantile(values, 1 - fraction)


def solids(n):
    """Sheet-like and solid objects in a cube of edge n."""
    z, y, x = (np.indices((n, n, n)) - (n - 1) / 2) / n
    block = (abs(z) < 0.3) & (abs(y) < 0.34) & (abs(x) < 0.41)
    inner = (abs(z) < 0.21) & (abs(y) < 0.25) & (abs(x) < 0.33)
    tubes = (y**2 + z**2 < 0.02) | (x**2 + (z - 0.26) ** 2 < 0.015) | ((x - 0.2) ** 2 + (y + z) ** 2 < 0.012)
    yield "filled block", block
    yield "hollow box", block & ~inner
    yield "thick plane", abs(z + 0.3 * x - 0.1 * y) < 0.11
    yield "torus", (np.hypot(y, x) - 0.3) ** 2 + z**2 < 0.012
    yield "touching tubes", tubes
    bounds = np.zeros((n, n, n), bool)
    bounds[0, 0, :] = bounds[:, -1, -1] = bounds[-1, :, 0] = True
    bounds[:3, n // 3 : -2, n // 4 : -6] = True
    bounds[n // 3 : -5, 3:-9, -4:] = True
    bounds[-1, -1, -1] = bounds[0, -1, 0] = True
    yield "objects on the bounds", bounds


def tissue(labels, corner, edge):
    """Dense masks of a segmentation: every fourth object of a part of it, and all objects without the voxels next to others."""
    part = labels[tuple(slice(first, first + edge) for first in corner)]
    inner = part > 0
    for axis in range(3):
        both = np.diff(part, axis=axis) == 0
        ends = [(1, 0) if a == axis else (0, 0) for a in range(3)], [(0, 1) if a == axis else (0, 0) for a in range(3)]
        for pad in ends:
            inner &= np.pad(both, pad, constant_values=True)
    yield "tissue, every fourth object", part % 4 == 1
    yield "tissue, all objects", inner


def measured(options):
    """Real volumes whose radii are of interest."""
    if options.labels:
        import gzip

        import crackle

        labels = crackle.decompress(gzip.open(options.labels).read())
        for name, mask in tissue(labels, (64, 200, 120), 70 if options.quick else 130):
            for spacing in SPACINGS:
                rounds = "all" if spacing == SPACINGS[1] else "some"
                yield Case(f"{name}, {spacing[0]:g},{spacing[1]:g}", stored(mask), spacing=spacing, rounds=rounds)
    if options.airways:
        import nibabel

        image = nibabel.load(options.airways)
        # NIfTI has x first.
        mask = np.asanyarray(image.dataobj).transpose(2, 1, 0) != 0
        spacing = tuple(float(np.float64(str(size))) for size in image.header.get_zooms()[::-1])
        yield Case("airways", stored(mask, chunk=(64, 64, 64)), spacing=spacing)


def radius_cases():
    """Radii beyond several chunks, at each of the spacings."""
    for spacing in SPACINGS:
        ends = f"{spacing[0]:g},{spacing[1]:g}"
        hole = np.ones((50, 61, 47), bool)
        hole[3, 55, 8] = hole[40, 2, 44] = False
        yield Case(f"nearly full, {ends}", stored(hole), spacing=spacing, method="homotopic", rounds="all")
        for name, volume in solids(44):
            yield Case(f"{name}, {ends}", stored(volume), spacing=spacing)
    yield Case("image, full but for a pixel", stored(np.arange(90 * 77).reshape(90, 77) != 4000), spacing=(0.7, 2))


def cases(program, options):
    images, quick = options.images, options.quick
    phantoms = [((90, 101, 113), 1), ((64, 150, 70), 2)]
    phantoms += [] if quick else [((129, 127, 131), 3), ((200, 210, 190), 4), ((40, 260, 255), 5)]
    for shape, seed in phantoms:
        yield Case(f"phantom {seed}", phantom(program, shape, seed), rounds="all")
    yield Case("phantom anisotropic", phantom(program, (70, 80, 90), 6), spacing=(2.5, 0.7, 0.31), rounds="all")
    for number, (shape, dtype) in enumerate([((70, 90, 85), None), ((60, 64, 131), None)][: 1 if quick else 2]):
        for sigma, threshold in ((1.0, 14000), (1.0, "otsu"), (2.3, "otsu"), (None, "otsu"), (1.0, "triangle"), (None, "triangle"), (1.0, "li"), (None, "li")):
            make = phantom(program, shape, 10 + number, "--gray")
            yield Case(f"gray {number}, sigma {sigma}, {threshold}", make, sigma=sigma, threshold=threshold, rounds="all")
    for dtype in (np.uint8, np.float32, np.float64, np.int16):
        gray = woven(blobs((40, 45, 50), 0.3, 20)).astype(dtype)
        gray = gray / dtype(7) if np.dtype(dtype).kind == "f" else gray
        name = np.dtype(dtype).name
        yield Case(f"{name}, sigma 0.8, value", stored(gray), sigma=0.8, threshold=20.5)
        yield Case(f"{name}, otsu", stored(gray, "npy"), threshold="otsu")
        yield Case(f"{name}, triangle", stored(gray, "npy"), threshold="triangle")
        yield Case(f"{name}, li", stored(gray, "npy"), threshold="li")
        yield Case(f"{name}, dark, sigma 1.1, li", stored(gray.max() - gray), sigma=1.1, below="li")
        yield Case(f"{name}, dark, sigma 1.1, triangle", stored(gray.max() - gray), sigma=1.1, below="triangle")
        yield Case(f"{name}, dark", stored(gray.max() - gray), below=20.5)
        yield Case(f"{name}, dark, sigma 0.8, otsu", stored(gray.max() - gray), sigma=0.8, below="otsu")
        yield Case(f"{name}, sigma by axis", stored(gray), sigma=(0.5, 2.1, 0.0), threshold="otsu")
    for density in (0.02, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.97)[:: 3 if quick else 1]:
        yield Case(f"random mask {density}", stored(woven(noise((33, 41, 37), density, 30))))
    for fraction in (0.1, 0.3, 0.6, 0.9)[:: 2 if quick else 1]:
        yield Case(f"blobs {fraction}", stored(woven(blobs((60, 66, 71), fraction, 40))))
    yield Case("blobs anisotropic", stored(woven(blobs((40, 66, 71), 0.35, 41))), spacing=(3.0, 0.5, 0.25))
    yield Case("random anisotropic", stored(woven(noise((30, 31, 33), 0.4, 42))), spacing=(0.3, 1.1, 1.7))
    for name, volume in solids(48):
        yield Case(name, stored(volume))
    for axis, name in enumerate("zyx"):
        shape = [61, 67, 71]
        shape[axis] = 1
        yield Case(f"one plane along {name}", stored(woven(blobs(shape, 0.45, 50 + axis))))
        yield Case(f"one noisy plane along {name}", stored(woven(noise(shape, 0.5, 60 + axis)), "npy"))
    yield Case("empty", stored(np.zeros((20, 30, 25), bool)))
    one = np.zeros((20, 30, 25), bool)
    one[11, 17, 16] = True
    yield Case("one voxel", stored(one))
    yield Case("full", stored(np.ones((26, 30, 33), bool)))
    for name, volume in solids(30):
        yield Case(f"{name}, homotopic", stored(volume), method="homotopic")
    for name, mask in (("blobs", blobs((40, 45, 50), 0.3, 80)), ("noise", noise((30, 31, 33), 0.4, 81))):
        yield Case(f"{name}, homotopic", stored(woven(mask)), method="homotopic", rounds="all")
    yield Case("image, homotopic", stored(woven(blobs((150, 170), 0.5, 82))), method="homotopic", spacing=(0.5, 2))
    for method in ("zhang", "lee"):
        yield Case(f"image, blobs, {method}", stored(woven(blobs((150, 170), 0.5, 70))), method=method)
        yield Case(f"image, noise, {method}", stored(woven(noise((90, 85), 0.6, 71)), "npy"), method=method, spacing=(0.5, 2))
        for path in sorted(images.glob("*.tif")) if images else []:
            # The files have a size of a pixel, of which the reference knows nothing.
            how = {"method": method, "spacing": (1.0, 1.0)}
            for sigma, threshold in (((2.5, 0.7), "otsu"), (1.5, "otsu"), (None, "otsu"), (None, "triangle"), (None, "li")):
                name = f"{path.name}, sigma {sigma}, {threshold}, {method}"
                yield Case(name, lambda _, path=path: path, sigma=sigma, threshold=threshold, **how)


def measures_differ(mask, skeleton, spacing, out):
    """How branches and nodes differ from the definition of what follows from radii."""
    radii = network_tables.radii_of(mask, spacing)
    branches, nodes = (pd.read_csv(out / f"{name}.csv") for name in ("branches", "nodes"))
    want = network_tables.measures_of(mask, skeleton, spacing, radii)
    if list(branches.columns[-len(want.columns) :]) != list(want.columns):
        return [f"the columns after skan's are {list(branches.columns)}"]
    places = tuple(nodes[f"image_coord_{axis}"].to_numpy(int) for axis in range(mask.ndim))
    at_nodes = np.where(np.isfinite(radii), radii, np.nan)[places]
    touches = network_tables.borders_of(mask, radii, spacing)[places]
    pairs = [(f"branches: {name}", branches[name], want[name]) for name in want.columns]
    pairs += [("nodes: radius", nodes.radius, at_nodes), ("nodes: touches_border", nodes.touches_border, touches)]
    faults = []
    for name, have, expected in pairs:
        have, expected = (np.asarray(values, float) for values in (have, expected))
        if have.shape != expected.shape:
            faults.append(f"{name}: {len(have)} rows instead of {len(expected)}")
            continue
        # What comes of radii by a sum is as exact as the sum; stdev is of a difference.
        largest = np.nanmax(np.abs(expected), initial=1.0) if name.endswith("stdev_radius") else 0.0
        near = np.isclose(have, expected, rtol=1e-12 if name == "nodes: radius" else 1e-9, atol=1e-9 * largest, equal_nan=True)
        if not near.all():
            first = int(np.flatnonzero(~near)[0])
            values = f"{have[first]} instead of {expected[first]}"
            faults.append(f"{name}: {int((~near).sum())} rows differ, first row {first}: {values}")
    return faults


def runs_of(case, shape, quick):
    """Chunk shapes and workers: chunks from 8 to the whole volume, unequal by axis."""
    small = 8 if np.prod(shape) < 300**3 else 32
    unequal = [max(2, n // k) for n, k in zip(shape, (7, 2, 3)[-len(shape) :])]
    across = [max(1, n // k) for n, k in zip(shape, (1, 5, 2)[-len(shape) :])]
    chunks = [[small] * len(shape), unequal, [19] * len(shape), across, list(shape)]
    if quick or case.rounds == "some":
        return list(zip(chunks, (2, 4, 1, 2, 1)))
    return list(itertools.product(chunks, (1, 2, 4)))


def mask_of(image, case, reference):
    """The foreground, with the thresholds that the functions of reference.py do not know."""
    given = case.threshold if case.below is None else case.below
    if given in METHODS:
        values = image
        if case.sigma is not None:
            values = gaussian_filter(image.astype(np.float32), case.sigma, mode="reflect", truncate=4.0)
        mask = values > METHODS[given](values)
    else:
        mask = reference.mask_of(image, case.sigma, given)
    return mask if case.below is None else ~mask


def digest(out):
    """One hash of all that no chunking may change."""
    total = hashlib.sha256()
    files = [out / name for name in ("branches.csv", "nodes.csv", "skeletons.csv", "summary.json")]
    files += sorted(path for path in (out / "skeleton.zarr").rglob("*") if path.is_file())
    for path in files:
        total.update(str(path.relative_to(out)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def verify(case, program, reference, quick):
    """What is wrong with a case (nothing, hopefully), and a line for the table."""
    faults, digests = [], {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        path = case.make(folder)
        image = reference.read(str(path))
        mask = mask_of(image, case, reference)
        from skimage.morphology import skeletonize

        is_homotopic = case.method == "homotopic"
        skeleton = homotopic.thin(mask) if is_homotopic else skeletonize(mask, method=case.method)
        table = reference.table_of(skeleton, image, list(case.spacing or [1.0] * image.ndim))
        runs = runs_of(case, image.shape, quick)
        start = time.perf_counter()
        for number, (chunk, workers) in enumerate(runs):
            out = folder / f"out-{number}"
            how = f"chunk {','.join(map(str, chunk))}, {workers} workers"
            call = [program, "run", path, "--out", out, "--quiet", "--workers", str(workers)]
            call += ["--chunk", ",".join(map(str, chunk)), *case.options()]
            done = subprocess.run(call, capture_output=True, text=True)
            if done.returncode:
                faults.append(f"{how}: exit code {done.returncode}: {done.stderr.strip()}")
                continue
            if not digests:
                wrong = reference.compare(table, skeleton, out)
                wrong = wrong or measures_differ(mask, skeleton, list(case.spacing or [1.0] * image.ndim), out)
                faults += [f"{how}: {fault}" for fault in wrong]
            digests.setdefault(digest(out), how)
        seconds = time.perf_counter() - start
    if len(digests) > 1:
        faults.append(f"{len(digests)} different outputs: {'; '.join(digests.values())}")
    shape = "x".join(map(str, image.shape))
    rows = 0 if table is None else len(table)
    line = f"{case.name:38} {shape:>12} {mask.mean():7.2%} {int(skeleton.sum()):8} {rows:7} {len(runs):5} {seconds:7.1f}"
    return faults, line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="reference.py")
    parser.add_argument("--images", type=pathlib.Path, help="folder of 2-D TIFF images")
    parser.add_argument("--labels", help="dense segmentation, .npy.ckl.gz")
    parser.add_argument("--airways", help="mask of airways, .nii.gz")
    parser.add_argument("--program", default="target/release/anabranch")
    parser.add_argument("--quick", action="store_true", help="fewer inputs, and fewer runs for each")
    parser.add_argument("--only", default="", help="only inputs whose name contains this")
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("reference", options.reference)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)

    print(f"{'input':38} {'shape':>12} {'inside':>7} {'skeleton':>8} {'rows':>7} {'runs':>5} {'seconds':>7}")
    bad = total = runs = 0
    for case in itertools.chain(cases(options.program, options), radius_cases(), measured(options)):
        if options.only not in case.name:
            continue
        faults, line = verify(case, options.program, reference, options.quick)
        print(line, "DIFFERS" if faults else "equal", flush=True)
        for fault in faults:
            print(f"    {fault}")
        total, bad = total + 1, bad + bool(faults)
    print(f"{total - bad} of {total} inputs equal the reference, with the same bytes from every run")
    sys.exit(1 if bad or not total else 0)


if __name__ == "__main__":
    main()
