"""Results of several kinds, which verify_exports.py exports."""

import math
import subprocess

import numpy as np


def rings_and_dots(shape, size):
    """Small objects in cells of so many voxels: rings, rods and single voxels."""
    image = np.zeros(shape, dtype=np.uint8)
    angle = np.linspace(0, 2 * math.pi, 60)
    ring = np.unique(np.rint(np.stack([3.4 * np.sin(angle), 3.4 * np.cos(angle)], axis=1)).astype(int) + size // 2, axis=0)
    for number, cell in enumerate(np.ndindex(*(n // size for n in shape))):
        z, y, x = (size * place for place in cell)
        if number % 3 == 0:
            image[z + 2, y + ring[:, 0], x + ring[:, 1]] = 1
        elif number % 3 == 1:
            image[z + 1 : z + size - 1, y + 3, x + 4] = 1
        else:
            image[z + 3, y + 3, x + 3] = 1
    return image


def plane(size):
    random = np.random.default_rng(0)
    image = np.zeros((size, size), dtype=np.uint8)
    for _ in range(12):
        start, end = random.integers(5, size - 5, (2, 2))
        line = np.rint(np.linspace(start, end, 2 * size)).astype(int)
        image[line[:, 0], line[:, 1]] = 1
        image[line[:, 0] + 1, line[:, 1]] = 1
    return image


def made(folder, program):
    """Results to export, by names."""

    def run(name, source, *options):
        call = [program, "run", source, "--out", folder / name, "--quiet", *options]
        subprocess.run([str(word) for word in call], check=True, stderr=subprocess.DEVNULL)
        return folder / name

    phantom = folder / "phantom.zarr"
    subprocess.run([str(program), "phantom", "--shape", "128,128,128", "--quiet", str(phantom)], check=True)
    np.save(folder / "small.npy", rings_and_dots((96, 180, 270), 9))
    np.save(folder / "plane.npy", plane(200))
    yield run("phantom", phantom, "--spacing", "2,0.5,0.25um")
    yield run("region", phantom, "--spacing", "0.3um", "--region", "20:100,10:110,30:128")
    yield run("small", folder / "small.npy", "--spacing", "30,4,4nm")
    labels = np.load(folder / "small.npy").astype(np.uint16)
    labels *= 1 + np.arange(labels.shape[2], dtype=np.uint16) // 9
    np.save(folder / "labels.npy", labels[:36, :36])
    yield run("labels", folder / "labels.npy", "--labels")
    yield run("plane", folder / "plane.npy")
    yield run("skan", phantom, "--spacing", "0.5um", "--columns", "skan")
