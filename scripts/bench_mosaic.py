"""Measures `anabranch fuse` against a Dask workflow for mosaics, in turn, on the same tiles and in one run.

    python scripts/bench_mosaic.py [--grid 24x25] [--tile 2048] [--order 1] [--runs 3] [--workers 2] [--venv DIR]

The tiles are u16 TIFF files with 10 % overlap, jittered by up to 5 pixels and turned by up to 0.2 degrees, cut from one
texture. The peer works as DaskFusion (Volker Hilsenstein, 2021) does: `dask.array.map_blocks` over chunks of 4096 x 4096,
each with `scipy.ndimage.affine_transform` of every tile that meets it and NumPy's maximum, into a Zarr array; with the
general composition of maps, `shift @ tile`. `--run` also measures `anabranch run` from tiles to the table, in one pass.

Every contender is a process of its own: wall-clock seconds of the whole process, and the peak of its resident memory. A
peer's compute time leaves out imports. Exit code 1 where two canvases differ by more than one grey level.
"""

import argparse
import csv
import json
import pathlib
import statistics
import sys
import tempfile
import time

from bench_peers import Contender, enter, in_turn, machine, versions

CHUNK = 4096


def make_tiles(folder, rows, columns, size):
    """Writes the tiles and their table; gives their maps from tile to canvas."""
    import numpy as np
    import tifffile
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(7)
    side = 4 * size
    texture = gaussian_filter(rng.standard_normal((side, side), dtype=np.float32), 3, mode="wrap")
    texture = (np.clip(texture / texture.std() * 8000 + 20000, 0, 65535)).astype(np.uint16)
    texture = np.pad(texture, (0, size), mode="wrap")
    step = round(size * 0.9)
    maps = []
    with open(folder / "tiles.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "m00", "m01", "m02", "m10", "m11", "m12"])
        for number in range(rows * columns):
            y, x = (step * n + rng.uniform(-5, 5) for n in divmod(number, columns))
            angle = np.deg2rad(rng.uniform(-0.2, 0.2))
            turn = [[np.cos(angle), -np.sin(angle), y], [np.sin(angle), np.cos(angle), x]]
            at = [int(value) % side for value in (y, x)]
            name = f"tile_{number:04}.tif"
            tifffile.imwrite(folder / name, texture[at[0] : at[0] + size, at[1] : at[1] + size])
            table.writerow([name, *(repr(float(value)) for row in turn for value in row)])
            maps.append((name, np.array([*turn, [0.0, 0.0, 1.0]])))
    return maps


def read_table(path):
    import numpy as np

    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            numbers = [[float(row[f"m{i}{j}"]) for j in range(3)] for i in range(2)]
            yield path.parent / row["path"], np.array([*numbers, [0.0, 0.0, 1.0]])


def peer_dask(table, out, order):
    """The mosaic by map_blocks, chunk by chunk, with every tile that meets a chunk."""
    import dask.array as da
    import numpy as np
    import tifffile
    from scipy.ndimage import affine_transform

    start = time.perf_counter()
    tiles = list(read_table(pathlib.Path(table)))
    height, width = tifffile.imread(tiles[0][0]).shape
    corners = np.array([[0, 0, 1], [0, width - 1, 1], [height - 1, 0, 1], [height - 1, width - 1, 1]], float).T
    boxes = [(placed.min(axis=1), placed.max(axis=1)) for placed in ((tile @ corners)[:2] for _, tile in tiles)]
    first = np.floor(np.min([low for low, _ in boxes], axis=0) + 1e-6).astype(int)
    shape = np.ceil(np.max([high for _, high in boxes], axis=0) - 1e-6).astype(int) + 1 - first

    def fuse(block_info=None):
        (y0, y1), (x0, x1) = block_info[None]["array-location"]
        fused = np.zeros((y1 - y0, x1 - x0), np.uint16)
        shift = np.eye(3)
        shift[:2, 2] = -(first + (y0, x0))
        for (path, tile), (low, high) in zip(tiles, boxes):
            low, high = low - first, high - first
            if high[0] < y0 or low[0] >= y1 or high[1] < x0 or low[1] >= x1:
                continue
            image = tifffile.imread(path)
            matrix = np.linalg.inv(shift @ tile)
            fused = np.maximum(fused, affine_transform(image, matrix, output_shape=fused.shape, order=order, cval=0))
        return fused

    chunks = tuple(tuple(min(CHUNK, n - at) for at in range(0, n, CHUNK)) for n in map(int, shape))
    da.map_blocks(fuse, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0), np.uint16)).to_zarr(out)
    return {"compute": time.perf_counter() - start}


def grey_levels_apart(ours, theirs):
    """The largest difference of two canvases, and the share of pixels that differ."""
    import numpy as np
    import zarr

    a, b = zarr.open(str(ours / "0"), mode="r"), zarr.open(str(theirs), mode="r")
    if a.shape != b.shape:
        sys.exit(f"canvases of shapes {a.shape} and {b.shape}")
    most, differing = 0, 0
    for y in range(0, a.shape[0], CHUNK):
        rows = [np.asarray(array[y : y + CHUNK]).astype(np.int32) for array in (a, b)]
        apart = np.abs(rows[0] - rows[1])
        most, differing = max(most, int(apart.max())), differing + int((apart > 0).sum())
    return most, differing / (a.shape[0] * a.shape[1])


class Fuse(Contender):
    """A contender that says what memory it took at the end of its line."""

    def run(self):
        super().run()
        said = [line for line in self.text.splitlines() if "peak memory" in line]
        if said:
            self.peaks[-1] = float(said[-1].split("peak memory ")[1].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/anabranch")
    parser.add_argument("--grid", default="24x25")
    parser.add_argument("--tile", type=int, default=2048)
    parser.add_argument("--order", type=int, default=1, choices=[0, 1, 3])
    parser.add_argument("--runs", type=int, default=3, help="of anabranch; the median counts")
    parser.add_argument("--peer-runs", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--run", action="store_true", help="measure the way from tiles to the table, too")
    parser.add_argument("--folder", type=pathlib.Path, help="for tiles and canvases; by default a temporary one")
    parser.add_argument("--venv", type=pathlib.Path)
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        table, out, order = options.peer
        print(json.dumps(peer_dask(table, out, int(order))))
        return
    if options.venv:
        enter(options.venv)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        folder = pathlib.Path(folder)
        rows, columns = map(int, options.grid.split("x"))
        make_tiles(folder, rows, columns, options.tile)
        table, order = folder / "tiles.csv", ["--order", options.order]
        fused, dask = folder / "fused.zarr", folder / "dask.zarr"
        call = [options.program, "fuse", table, "--out", fused, "--overwrite", "--workers", options.workers, *order]
        ours = Fuse(f"anabranch fuse, {options.workers} workers", call, fused, options.runs)
        peer = [sys.executable, __file__, "--peer", table, dask, options.order]
        contenders = [ours, Fuse("Dask, SciPy", peer, dask, options.peer_runs)]
        if options.run:
            call = [options.program, "run", table, "--out", folder / "out", "--quiet", "--overwrite", *order]
            call += ["--workers", options.workers, "--sigma", 2, "--threshold", 30000, "--method", "zhang"]
            contenders.append(Fuse("anabranch run, tiles to table", call, folder / "out", options.runs))
        in_turn(contenders)
        most, share = grey_levels_apart(fused, dask)
    print("| tool | seconds, whole process | seconds, compute | against anabranch fuse | peak MiB |")
    print("|---|---:|---:|---:|---:|")
    for contender in contenders:
        total, compute = statistics.median(contender.seconds), statistics.median(contender.compute)
        ratio = f"{compute / statistics.median(ours.seconds):.1f}x"
        print(f"| {contender.name} | {total:.1f} | {compute:.1f} | {ratio} | {max(contender.peaks):.0f} |")
    print(f"\n{rows * columns} tiles of {options.tile}² u16, order {options.order}; the canvases differ by {most} grey levels")
    print(f"at most, in {share:.2%} of the pixels. Machine: {machine()}.")
    print(f"Versions: {versions(options.program)}.")
    print(f"Command: `python {' '.join(sys.argv)}`")
    sys.exit(1 if most > 1 else 0)


if __name__ == "__main__":
    main()
