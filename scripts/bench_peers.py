"""Measures anabranch against the Python peers, in turn, on the same inputs and in one run.

    python scripts/bench_peers.py [--size 512] [--runs 5] [--peer-runs 1] [--workers 2] [--venv DIR]
                                  [--gray] [--dense] [--plane 16384] [--growth 128,256,512,1024]

Work: a vessel phantom's mask to its branch table, against scikit-image and skan on the whole volume, and against one
worker. More of it where it is asked for:

- `--gray`: raw u16 values to the table (smoothing, threshold), against SciPy, scikit-image and skan on the whole volume,
  and against a Dask pipeline with an overlap of 16 that stops at the skeleton's edges, in chunks as they are stored and
  in larger ones;
- `--dense`: a mask with 27 % foreground, of thick cells that touch: smoothed noise above a quantile of it;
- `--plane N`: 2-D masks of N x N pixels: noise smoothed with sigma 2, above its median and above its 95th percentile;
- `--growth SIZES`: anabranch alone, on phantoms of several sizes, and on one of the last size that is nearly empty.

Every contender is a process of its own: wall-clock seconds of the whole process (reading, starting up and writing
included) and the peak of its resident memory. A peer's compute time leaves out imports and compilation. Ends with a table
in Markdown; exit code 1 where the skeletons or tables of anabranch and of the whole-volume peers differ. --venv makes an
environment with the peers in DIR, if it is not there, and measures with it.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

PEERS = [
    "numpy==2.4.6",
    "scipy==1.17.1",
    "scikit-image==0.26.0",
    "skan==0.13.1",
    "numba==0.68.1",
    "pandas==3.1.1",
    "zarr==3.1.6",
    "dask[array]==2026.8.0",
]

SIGMA = 1.0

# The table of skan is what the peers make: without radii, nodes and skeletons.
TABLE = ["--columns", "skan"]


# The peers: each runs in a process of its own.


def peer_whole_volume(path, out, threshold):
    """scipy, scikit-image and skan on the whole volume; with a threshold on smoothed values, else on a mask."""
    import numpy as np
    import skan
    import zarr
    from scipy.ndimage import gaussian_filter
    from skimage.morphology import skeletonize

    skan.summarize(skan.Skeleton(np.eye(5, dtype=bool)), separator="_")  # compiles its kernels
    start = time.perf_counter()
    image = np.asarray(zarr.open(path, mode="r")[:])
    mask = image != 0
    if threshold is not None:
        mask = gaussian_filter(image.astype(np.float32), SIGMA, mode="reflect", truncate=4.0) > threshold
    skeleton = skeletonize(mask)
    thinned = time.perf_counter()
    graph = skan.Skeleton(skeleton, spacing=[1.0] * image.ndim)
    where = graph.coordinates[graph.paths.indices].astype(int)
    graph.paths.data = image[tuple(where.T)].astype(np.float64)
    table = skan.summarize(graph, separator="_")
    done = time.perf_counter()
    np.save(out / "skeleton.npy", skeleton)
    table.to_csv(out / "branches.csv", index=False)
    return {"skeleton": thinned - start, "compute": done - start}


def peer_dask(path, out, threshold, chunk=None):
    """A Dask pipeline in chunks: Gaussian, threshold and skeletonize under map_overlap, then the skeleton's edges.

    In chunks as they are stored, or put together to a size that is chosen with the overlap in mind.
    """
    import dask.array as da
    import numpy as np
    from scipy.ndimage import gaussian_filter
    from skimage.morphology import skeletonize

    start = time.perf_counter()
    stored = da.from_zarr(path)
    image = (stored.rechunk(chunk) if chunk else stored).astype(np.float32)
    smooth = image.map_overlap(lambda part: gaussian_filter(part, SIGMA), depth=int(4 * SIGMA + 0.5), boundary="reflect")
    mask = smooth > np.float32(threshold)
    thin = mask.map_overlap(lambda part: skeletonize(part).astype(bool), depth=16, boundary=False, dtype=bool)
    skeleton = thin.persist()
    height, width = skeleton.shape[1:]
    steps = [(n // 9 - 1, n // 3 % 3 - 1, n % 3 - 1) for n in range(14, 27)]

    def edges(part, block_info=None):
        """Pairs of raster indices of neighbours, for edges whose first voxel lies inside the chunk."""
        origin = np.array([first for first, _ in block_info[0]["array-location"]])
        # The chunk with one voxel of its neighbours on each side: its own voxels begin at 1.
        found = np.argwhere(part[1:-1, 1:-1, 1:-1]) + 1
        origin = origin - 2 * np.array(block_info[0]["chunk-location"]) - 1
        pairs = []
        for step in steps:
            other = found + step
            both = part[tuple(other.T)]
            pair = [(p[both] + origin) @ np.array([height * width, width, 1]) for p in (found, other)]
            pairs.append(np.stack(pair, axis=1))
        result = np.empty((1, 1, 1), object)
        result[0, 0, 0] = np.concatenate(pairs)
        return result

    padded = da.overlap.overlap(skeleton, depth=1, boundary=False)
    parts = padded.map_blocks(edges, dtype=object, chunks=(1, 1, 1), meta=np.empty((0, 0, 0), object)).compute()
    found = np.concatenate(list(parts.ravel()))
    done = time.perf_counter()
    np.save(out / "skeleton.npy", skeleton.compute())
    np.save(out / "edges.npy", found)
    return {"compute": done - start}


def peer_dask_rechunked(path, out, threshold):
    return peer_dask(path, out, threshold, chunk=128)


PEER_FUNCTIONS = {"whole": peer_whole_volume, "dask-stored": peer_dask, "dask-rechunked": peer_dask_rechunked}


# Measuring.


def measured(call):
    """Runs a process: wall-clock seconds, peak resident MiB (Linux: of the process itself), standard output."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen([str(part) for part in call], stdout=printed)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        printed.seek(0)
        text = printed.read().decode()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, call))}: exit code {process.returncode}")
    return seconds, usage.ru_maxrss / 1024, text


class Contender:
    def __init__(self, name, call, out, runs):
        self.name, self.call, self.out, self.runs = name, call, out, runs
        self.seconds, self.peaks, self.compute, self.text = [], [], [], ""

    def run(self):
        seconds, peak, text = measured(self.call)
        self.text = text
        log = self.out / "run.json"
        if log.exists():
            # A child's ru_maxrss begins with what its parent held; the program tells its own VmHWM.
            peak = json.loads(log.read_text())["peak_memory_bytes"] / 2**20
        self.seconds.append(seconds)
        self.peaks.append(peak)
        lines = [line for line in text.splitlines() if line.startswith("{")]
        self.compute.append(json.loads(lines[-1])["compute"] if lines else seconds)
        print(f"  {self.name}: {seconds:.2f} s, {peak:.0f} MiB", file=sys.stderr, flush=True)


def in_turn(contenders):
    """Runs all contenders in turn, each as often as it wants."""
    for turn in range(max(c.runs for c in contenders)):
        for contender in contenders:
            if turn < contender.runs:
                contender.run()


def differences(ours, theirs):
    """How anabranch's outputs differ from a whole-volume peer's."""
    import numpy as np
    import pandas as pd
    import zarr

    faults = []
    skeleton = np.asarray(zarr.open(str(ours / "skeleton.zarr/0"), mode="r")[:]) != 0
    wrong = int((skeleton != np.load(theirs / "skeleton.npy")).sum())
    if wrong:
        faults.append(f"{wrong} skeleton voxels differ")
    have, want = pd.read_csv(ours / "branches.csv"), pd.read_csv(theirs / "branches.csv")
    if len(have) != len(want):
        return faults + [f"{len(have)} rows instead of {len(want)}"]
    for column in want.columns:
        a, b = have[column].to_numpy(float), want[column].to_numpy(float)
        # skan's standard deviation is a difference of large numbers.
        loose = column == "stdev_pixel_value"
        near = np.isclose(a, b, rtol=1e-6 if loose else 1e-9, atol=1e-4 * max(1.0, abs(b).max()) if loose else 1e-9)
        if not near.all():
            faults.append(f"{column}: {int((~near).sum())} rows differ")
    return faults


def voxels_apart(ours, theirs):
    import numpy as np
    import zarr

    skeleton = np.asarray(zarr.open(str(ours / "skeleton.zarr/0"), mode="r")[:]) != 0
    return int((skeleton != np.load(theirs / "skeleton.npy")).sum())


def phantom(options, folder, *more, size=None, name="mask.zarr"):
    path = folder / ("gray.zarr" if more else name)
    shape = ",".join([str(size or options.size)] * 3)
    call = [options.program, "phantom", path, "--shape", shape, "--seed", options.seed, "--radius", options.radius, *more]
    subprocess.run([str(part) for part in call], check=True, stdout=subprocess.DEVNULL)
    return path


def noise_mask(folder, name, shape, sigma, share, chunk):
    """A mask of smoothed noise above a quantile, with a share of foreground, as a Zarr array of u8."""
    import numpy as np
    import zarr
    from scipy.ndimage import gaussian_filter

    values = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    values = gaussian_filter(values, sigma, mode="wrap", output=values)
    mask = values > np.quantile(values[:: max(1, shape[0] // 512)], 1 - share)
    array = zarr.create_array(folder / name, shape=shape, chunks=[chunk] * len(shape), dtype="uint8")
    array[:] = mask.astype(np.uint8)
    return folder / name, float(mask.mean())


def growth(options, folder):
    """Measures anabranch alone on phantoms of several sizes, the last one also nearly empty; returns the table's lines."""
    sizes = [int(size) for size in options.growth.split(",")]
    work = [(f"{size}³ mask", size, []) for size in sizes]
    work.append((f"{sizes[-1]}³ mask, nearly empty", sizes[-1], ["--roots", "1"]))
    lines = ["| work | foreground voxels | seconds | peak MiB |", "|---|---:|---:|---:|"]
    for number, (title, size, more) in enumerate(work):
        path = folder / f"growth-{number}.zarr"
        call = [options.program, "phantom", path, "--shape", f"{size},{size},{size}", "--seed", options.seed, *more]
        radius = 14 * min(1, size / 512) if not more else 4
        subprocess.run([str(part) for part in [*call, "--radius", radius]], check=True, stdout=subprocess.DEVNULL)
        out = folder / f"growth-{number}"
        run = [options.program, "run", path, "--out", out, "--quiet", "--overwrite", *TABLE, "--workers", options.workers]
        contender = Contender(title, run, out, options.runs)
        in_turn([contender])
        inside = round(json.loads((out / "summary.json").read_text())["foreground_fraction"] * size**3)
        lines.append(f"| {title} | {inside} | {statistics.median(contender.seconds):.2f} | {max(contender.peaks):.0f} |")
    return lines


def machine():
    model = platform.processor() or platform.machine()
    try:
        names = [line for line in open("/proc/cpuinfo") if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
        memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) / 2**20
        return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"
    except OSError:
        return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def versions(program):
    import importlib.metadata as metadata

    names = [pin.split("=")[0].split("[")[0] for pin in PEERS]
    ours = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return ", ".join([ours, f"Python {platform.python_version()}", *(f"{n} {metadata.version(n)}" for n in names)])


def bench(options, folder, title, path, run_options, threshold, peers):
    """Measures one piece of work; returns its rows for the table, and faults."""
    out = folder / f"ours-{path.stem}"
    call = [options.program, "run", path, "--out", out, "--quiet", "--overwrite", *TABLE, "--workers", options.workers]
    ours = Contender(f"anabranch, {options.workers} workers", [*call, *run_options], out, options.runs)
    slow = folder / f"slow-{path.stem}"
    alone = [options.program, "run", path, "--out", slow, "--quiet", "--overwrite", *TABLE, "--workers", 1, *run_options]
    contenders = [ours, Contender("anabranch, 1 worker", alone, slow, options.runs)]
    for name, kind in peers:
        target = folder / f"{kind}-{path.stem}"
        target.mkdir()
        peer = [sys.executable, __file__, "--peer", kind, path, target, "none" if threshold is None else threshold]
        contenders.append(Contender(name, peer, target, options.peer_runs))
    print(title, file=sys.stderr)
    in_turn(contenders)
    rows, faults = [], []
    for contender in contenders:
        total, compute = statistics.median(contender.seconds), statistics.median(contender.compute)
        ratio = total / statistics.median(ours.seconds)
        result = ""
        if "whole" in contender.out.name:
            wrong = differences(ours.out, contender.out)
            faults += [f"{title}: {fault}" for fault in wrong]
            result = "equal" if not wrong else "; ".join(wrong)
        elif "dask" in contender.out.name:
            result = f"stops at edges; {voxels_apart(ours.out, contender.out)} skeleton voxels differ"
        peak = max(contender.peaks)
        alone = ["", ""] if contender is ours else [f"{compute:.2f}", f"{ratio:.1f}x"]
        rows.append(f"| {title} | {contender.name} | {total:.2f} | {' | '.join(alone)} | {peak:.0f} | {result} |")
    return rows, faults


def enter(venv):
    """Makes an environment with the peers, if it is not there, and starts this script again in it."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    if pathlib.Path(sys.prefix).resolve() != venv.resolve():
        os.execv(python, [str(python), *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/anabranch")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--radius", type=float, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5, help="of anabranch; the median counts")
    parser.add_argument("--peer-runs", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gray", action="store_true", help="measure raw values with smoothing, too")
    parser.add_argument("--dense", action="store_true", help="measure a mask with 27 percent foreground, too")
    parser.add_argument("--plane", type=int, help="measure masks of so many pixels along each of two axes, too")
    parser.add_argument("--growth", help="measure anabranch on phantoms of these sizes, too")
    parser.add_argument("--venv", type=pathlib.Path)
    parser.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        kind, path, out, threshold = options.peer
        threshold = None if threshold == "none" else float(threshold)
        print(json.dumps(PEER_FUNCTIONS[kind](path, pathlib.Path(out), threshold)))
        return
    if options.venv:
        enter(options.venv)

    import zarr

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        size = f"{options.size}³"
        path = phantom(options, folder)
        inside = float((zarr.open(str(path), mode="r")[:] != 0).mean())
        peers = [("scikit-image, skan", "whole")]
        rows, faults = bench(options, folder, f"{size} mask ({inside:.1%}) to table", path, [], None, peers)
        if options.gray:
            path = phantom(options, folder, "--gray")
            image = zarr.open(str(path), mode="r")[:]
            threshold = int((float(image.min()) + float(image.max())) / 2)
            smoothing = [
                ("SciPy, scikit-image, skan", "whole"),
                ("Dask, overlap 16, chunks as stored (64)", "dask-stored"),
                ("Dask, overlap 16, chunks of 128", "dask-rechunked"),
            ]
            how = ["--sigma", SIGMA, "--threshold", threshold]
            more, wrong = bench(options, folder, f"{size} {image.dtype} to table", path, how, threshold, smoothing)
            rows, faults = rows + more, faults + wrong
        masks = []
        if options.dense:
            masks.append((f"{size} dense mask", "dense.zarr", [options.size] * 3, 6, 0.27, 64))
        if options.plane:
            side = f"{options.plane}²"
            masks.append((f"{side} mask", "plane.zarr", [options.plane] * 2, 2, 0.5, 1024))
            masks.append((f"{side} sparse mask", "sparse.zarr", [options.plane] * 2, 2, 0.05, 1024))
        for title, name, shape, sigma, share, chunk in masks:
            path, inside = noise_mask(folder, name, shape, sigma, share, chunk)
            more, wrong = bench(options, folder, f"{title} ({inside:.1%}) to table", path, [], None, peers)
            rows, faults = rows + more, faults + wrong
        grown = growth(options, folder) if options.growth else []
    print("| work | tool | seconds, whole process | seconds, compute | against anabranch | peak MiB | result |")
    print("|---|---|---:|---:|---:|---:|---|")
    print("\n".join([*rows, "", *grown] if grown else rows))
    print(f"\nMachine: {machine()}. Medians of {options.runs} runs of anabranch and {options.peer_runs} of the peers, in turn.")
    print("«Against anabranch» compares whole processes.")
    print(f"Versions: {versions(options.program)}.")
    print(f"Command: `python {' '.join(sys.argv)}`")
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
