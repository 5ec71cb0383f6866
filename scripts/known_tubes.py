"""How far radii, volumes and surfaces are from those of objects that are known: straight tubes, and whole phantoms.

    python scripts/known_tubes.py [--program target/release/anabranch]

Straight tubes with flat ends, of some radii, in some directions, at some offsets from the voxels' centres; a voxel belongs to
a tube if its centre does. Lee's thinning leaves nothing of some, and of others a part: the homotopic method is tried, too.
Prints for each radius the measured radius (the median of the branches' mean radii, weighted by length) less the true one: the
median over the tubes, and the extremes. A radius is exact at its voxel; it is too small where thinning leaves a line beside
the middle, and too large by what the nearest background voxel's centre lies outside of the tube. Then the sums of volume and
surface area over those of the mask: voxels, and marching cubes of it. The same ratios follow for phantoms of branching tubes,
and for thick cells.
Needs numpy, scipy, pandas, scikit-image and zarr. Ends with exit code 1 where the median over tubes is off by more than 0.6
voxels.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import zarr
from scipy.ndimage import gaussian_filter
from skimage.measure import marching_cubes, mesh_surface_area

RADII = (2, 3, 4.5, 6, 9, 12)
DIRECTIONS = [(0, 0, 1), (1, 0, 0), (0, 1, 1), (1, 1, 1), (1, 2, 5), (3, 1, -2)]
# In radii, but 90 voxels at least.
LENGTH = 25
# How far the median over the tubes of a radius may be from it, in voxels.
ALLOWED = 0.6


def tube(radius, direction, offset):
    """A straight tube through the middle of a volume, moved by an offset from the voxels' centres."""
    unit, length = np.array(direction) / np.linalg.norm(direction), max(90, LENGTH * radius)
    half = np.ceil(np.abs(unit) * length / 2 + radius + 4).astype(int)
    places = np.indices(2 * half + 1).reshape(3, -1).T - half - offset
    along = places @ unit
    across = np.linalg.norm(places - along[:, None] * unit, axis=1)
    return ((across <= radius) & (abs(along) <= length / 2)).reshape(2 * half + 1)


def cells(edge, sigma, share):
    """Thick cells that touch: smoothed noise above a quantile of it."""
    values = gaussian_filter(np.random.default_rng(1).standard_normal((edge,) * 3), sigma)
    return values > np.quantile(values, 1 - share)


def surface_of(mask):
    """The surface by marching cubes, without that at the bounds."""
    vertices, faces, _, _ = marching_cubes(gaussian_filter(mask.astype(np.float32), 0.7), 0.5)
    return mesh_surface_area(vertices, faces)


def measured(program, mask, method, folder):
    """The branches of a mask."""
    np.save(folder / "mask.npy", mask)
    call = [program, "run", folder / "mask.npy", "--out", folder / "out", "--overwrite", "--quiet", "--method", method]
    subprocess.run([str(part) for part in call], check=True, stderr=subprocess.DEVNULL)
    return pd.read_csv(folder / "out" / "branches.csv")


def median_by_length(rows):
    """The median of mean radii, where each counts as much as its branch is long."""
    rows = rows.sort_values("mean_radius")
    half = rows.branch_distance.cumsum() >= rows.branch_distance.sum() / 2
    return rows.mean_radius[half].iloc[0]


def tubes(program, folder):
    """Prints a line for each method and radius; returns how far the medians over tubes are from the true radii, at most."""
    print("| method | radius | tubes with branches | radius less the true one | volume | surface |")
    print("|---|---:|---:|---:|---:|---:|")
    draw, worst = np.random.default_rng(3), 0.0
    masks = [(r, tube(r, d, draw.uniform(-0.5, 0.5, 3) * shift)) for r in RADII for d in DIRECTIONS for shift in (0, 1, 1)]
    for method in ("lee", "homotopic"):
        for radius in RADII:
            off, volumes, surfaces, count = [], [], [], 0
            for _, mask in (pair for pair in masks if pair[0] == radius):
                rows, count = measured(program, mask, method, folder), count + 1
                if len(rows):
                    off.append(median_by_length(rows) - radius)
                    volumes.append(rows.volume.sum() / mask.sum())
                    surfaces.append(rows.surface_area.sum() / surface_of(mask))
            worst = max(worst, abs(np.median(off)))
            spread = [f"{np.median(v):.2f} ({min(v):.2f} to {max(v):.2f})" for v in (off, volumes, surfaces)]
            print(f"| {method} | {radius} | {len(off)} of {count} | {' | '.join(spread)} |", flush=True)
    return worst


def phantoms(program, folder):
    """Prints how the sums are to those of masks of branching tubes, and of cells."""
    print("\n| mask | method | foreground | volume | surface |\n|---|---|---:|---:|---:|")
    made = []
    for seed, radius in ((1, 6), (2, 10), (3, 14)):
        path = folder / f"phantom-{seed}.zarr"
        call = [program, "phantom", path, "--shape", "200,200,200", "--seed", seed, "--radius", radius]
        subprocess.run([str(part) for part in call], check=True, stdout=subprocess.DEVNULL)
        made.append((f"phantom {seed}, radius {radius}", zarr.open(path, mode="r")[:] != 0))
    for sigma, share in ((3, 0.1), (3, 0.27), (6, 0.27)):
        made.append((f"cells, {share:.0%}, sigma {sigma}", cells(160, sigma, share)))
    for name, mask in made:
        for method in ("lee", "homotopic"):
            rows = measured(program, mask, method, folder)
            volume, surface = rows.volume.sum() / mask.sum(), rows.surface_area.sum() / surface_of(mask)
            print(f"| {name} | {method} | {mask.mean():.1%} | {volume:.2f} | {surface:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/anabranch")
    program = parser.parse_args().program
    with tempfile.TemporaryDirectory() as folder:
        worst = tubes(program, pathlib.Path(folder))
        phantoms(program, pathlib.Path(folder))
    print(f"\nMedians over tubes are up to {worst:.2f} voxels from the true radius; {ALLOWED} are allowed.")
    sys.exit(int(worst > ALLOWED))


if __name__ == "__main__":
    main()
