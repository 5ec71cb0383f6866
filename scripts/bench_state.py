"""What it costs to follow a change with `anabranch run --state`, as whole processes.

    cargo build --release
    python scripts/bench_state.py [--size 512] [--chunk 64] [--edits 20] [--gray]

Writes a phantom as an unsharded Zarr array, runs the program on it with a fresh state a few times, then takes stored
chunks away and puts them back, one at a time, and runs again each time. Prints the wall time of both, and checks at the
end that the outputs are those of a run without a state. Needs nothing but Python's standard library.
"""

import argparse
import filecmp
import json
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("target/release/anabranch"))
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--chunk", type=int, default=64)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--gray", action="store_true", help="a gray u16 volume, smoothed with sigma 1")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    program, image = str(arguments.program.resolve()), folder / "image.zarr"
    shape = ",".join([str(arguments.size)] * 3)
    phantom = [program, "phantom", str(image), "--shape", shape, "--chunk", str(arguments.chunk), "--seed", "1", "--quiet"]
    subprocess.run(phantom + (["--gray"] if arguments.gray else []), check=True)
    options = ["--workers", str(arguments.workers), "--quiet"]
    options += ["--sigma", "1", "--threshold", "10000"] if arguments.gray else []

    def run(out: Path, *further: str) -> float:
        begin = time.perf_counter()
        subprocess.run([program, "run", str(image), "--out", str(out), *options, *further], check=True)
        return time.perf_counter() - begin

    # Files that are younger than a second are not trusted to show their next change.
    time.sleep(1.5)
    out, state = folder / "out", folder / "state"
    full = []
    for _ in range(3):
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(state, ignore_errors=True)
        full.append(run(out, "--state", str(state)))
    unchanged = [run(out, "--state", str(state)) for _ in range(3)]
    plain = [run(folder / "plain", "--overwrite") for _ in range(3)]

    files = sorted(path for path in (image / "c").rglob("*") if path.is_file())
    random.Random(3).shuffle(files)
    edits, thinned = [], []
    for file in files[: arguments.edits]:
        kept = folder / "kept"
        for there, here in [(file, kept), (kept, file)]:
            there.rename(here)
            edits.append(run(out, "--state", str(state)))
            thinned.append(json.loads((out / "run.json").read_text())["chunks_activated"])
    run(folder / "plain", "--overwrite")
    for name in ["branches.csv", "nodes.csv", "skeletons.csv", "summary.json", "overview.png"]:
        assert filecmp.cmp(out / name, folder / "plain" / name, shallow=False), name
    size = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())

    whole, edit = statistics.median(full), statistics.median(edits)
    print(f"without a state       {statistics.median(plain):.3f} s")
    print(f"first run with state  {whole:.3f} s, {size / 2**20:.1f} MiB of state")
    print(f"nothing changed       {statistics.median(unchanged):.3f} s")
    print(f"one chunk changed     {edit:.3f} s (worst {max(edits):.3f} s): {edit / whole:.1%} of the first run")
    print(f"chunks thinned again  {statistics.median(thinned)} (most {max(thinned)}) of {len(files)} stored")


if __name__ == "__main__":
    main()
