"""What a run costs: measured at several sizes, fitted with few terms, and predicted for larger volumes and many nodes.

    cargo build --release
    python scripts/fit_costs.py [--sizes 128,192,256,384,512] [--checks 1024:gray:64:1:2,...] [--keep DIR]

Makes phantoms of one density at several sizes, as masks and gray, and some with other radii; runs the program on them
with several numbers of processes, workers and chunk sizes; fits CPU time, traffic and memory; predicts the runs
of `--checks`, which the fit has not seen; and prints tables for 10^10 to 10^13 voxels on 1 to 64 nodes. `docs/costs.md`
tells what the terms stand for. With `--keep` phantoms and measurements stay in DIR, and what is there is not measured
again.

Processes are started by themselves (`--hosts`, on loopback), so that the system tells the CPU time of each. Other work
on the machine makes all times longer: of several runs the least counts. Needs Python 3 on Linux, and numpy.
"""

import argparse
import itertools
import json
import math
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from cost_model import RADIUS, Case, Model, Place
from large_images import link

# The volume for each tree of a phantom: so all are as dense.
VOXELS_OF_A_ROOT = 256**3 / 6
# Edge of the largest phantom that grows as one, in voxels; larger ones are whole multiples of it.
TILE = 1024
NODES, VOXELS = [1, 4, 16, 64], [10**10, 10**11, 10**12, 10**13]


def phantom(arguments: argparse.Namespace, folder: Path, case: Case) -> Path:
    """The image of a case, made where it is not there yet; a very large one of links to the chunks of a smaller one,
    side by side; one without tubes of no chunks at all."""
    image = folder / case.image
    if not image.exists() and case.radius == 0:
        filled = phantom(arguments, folder, replace(case, size=128, radius=RADIUS))
        metadata = json.loads((filled / "zarr.json").read_text())
        metadata["shape"] = [case.size] * 3
        image.mkdir()
        (image / "zarr.json").write_text(json.dumps(metadata))
    elif not image.exists() and case.size > TILE:
        tile = phantom(arguments, folder, replace(case, size=TILE))
        link(tile, image, [case.size // TILE] * 3, None)
    elif not image.exists():
        roots = max(1, round(case.size**3 / VOXELS_OF_A_ROOT * (RADIUS / case.radius) ** 3))
        command = [arguments.program, "phantom", image, "--shape", ",".join([str(case.size)] * 3), "--chunk", "64"]
        command += ["--radius", case.radius, "--roots", roots, "--quiet"] + (["--gray"] if case.gray else [])
        subprocess.run([str(word) for word in command], check=True)
    return image


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def peak_memory(process: int) -> int:
    """The largest resident memory of a process so far, in bytes; 0 where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def run(arguments: argparse.Namespace, folder: Path, case: Case) -> dict:
    """One run: what run.json and summary.json say, with CPU seconds and peak bytes of every process."""
    out, hosts = folder / "out", folder / "hosts.txt"
    shutil.rmtree(out, ignore_errors=True)
    command = [str(arguments.program), "run", str(folder / case.image), "--out", str(out), "--quiet"]
    command += ["--workers", str(case.workers), "--chunk", str(case.chunk)]
    command += ["--sigma", "1", "--threshold", "10000"] if case.gray else []
    if case.processes > 1:
        hosts.write_text("".join(f"127.0.0.1:{port}\n" for port in free_ports(case.processes)))
        secret = folder / "secret.txt"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        command += ["--hosts", str(hosts), "--secret", str(secret), "--process"]
        started = [subprocess.Popen([*command, str(n)], stdout=subprocess.DEVNULL) for n in range(case.processes)]
    else:
        started = [subprocess.Popen(command, stdout=subprocess.DEVNULL)]
    cpu, memory = [0.0] * case.processes, [0] * case.processes
    running = set(range(case.processes))
    while running:
        for n in sorted(running):
            memory[n] = max(memory[n], peak_memory(started[n].pid))
            process, status, usage = os.wait4(started[n].pid, os.WNOHANG)
            if process:
                started[n].returncode = os.waitstatus_to_exitcode(status)
                assert started[n].returncode == 0, f"{command} ended with {started[n].returncode}"
                cpu[n] = usage.ru_utime + usage.ru_stime
                running.discard(n)
        time.sleep(0.01)
    log, summary = (json.loads((out / name).read_text()) for name in ["run.json", "summary.json"])
    memory[0] = max(memory[0], log["peak_memory_bytes"])
    assert log["engine"] == "planes" or not log["chunks_with_foreground"], "the model is of thinning by planes"
    keys = ["seconds", "seconds_until_branches", "sub_iterations", "deleted_voxels"]
    keys += ["chunks_with_foreground", "bytes_between_processes"]
    found = {key: log[key] for key in keys} | {key: summary[key] for key in ["branches", "skeleton_voxels"]}
    return found | {"foreground": summary["foreground_fraction"] * case.size**3, "cpu": cpu, "memory": memory}


def least(runs: list[dict]) -> dict:
    """Of runs of one case the times of the fastest; the rest of the last."""
    best = min(runs, key=lambda one: sum(one["cpu"]))
    times = {key: min(one[key] for one in runs) for key in ["seconds", "seconds_until_branches"]}
    tail = min(one["seconds"] - one["seconds_until_branches"] for one in runs)
    return runs[-1] | times | {"cpu": best["cpu"], "tail": tail}


def measure(arguments: argparse.Namespace, folder: Path, cases: list[Case], repeats: int) -> list[dict]:
    """What was measured of each case, in order."""
    results = []
    for case in cases:
        kept = folder / f"{case.name}.json"
        if not kept.exists():
            phantom(arguments, folder, case)
            # Small volumes are the noisiest.
            count = max(1, min(3 * repeats, round(repeats * 256 / case.size)))
            kept.write_text(json.dumps(least([run(arguments, folder, case) for _ in range(count)]) | asdict(case)))
        results.append(json.loads(kept.read_text()))
        done = results[-1]
        print(f"{case.name:28} {done['seconds']:8.2f} s  {sum(done['cpu']):8.2f} s CPU  "
              f"{done['bytes_between_processes'] / 1e6:8.2f} MB sent  {done['memory'][0] / 1e6:7.0f} MB", flush=True)
    return results


def cases_of(sizes: list[int]) -> list[Case]:
    """All that is measured for the fit."""
    ways = [(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2)]
    cases = [Case(size, RADIUS, gray, chunk, *way)
             for size in sizes for gray in [False, True] for chunk in [64, 128] for way in ways
             if chunk <= size // 2 and (size < 512 or way in ways[:5])]
    middle = sorted(sizes)[len(sizes) // 2]
    cases += [Case(middle, radius, False, 64, *way) for radius in [3.5, 14.0, 28.0] for way in ways[:4]]
    # Much and little skeleton for as much foreground, and many processes, which the first one gathers from.
    many = [(1, 1), (4, 1), (8, 1)]
    # Memory of small volumes is that of the program.
    cases += [Case(TILE, RADIUS, gray, 64, *way) for gray in [False, True] for way in [(1, 2), (4, 1)]]
    cases += [Case(max(sizes), radius, False, 128, *way) for radius in [3.5, RADIUS, 14.0] for way in many]
    # Many workers on a small volume, and on an empty one, show what it costs that all tell all.
    crowds = [(1, 8), (1, 16), (2, 8), (4, 4)]
    cases += [Case(min(sizes), RADIUS, False, 32, *way) for way in crowds]
    return list(dict.fromkeys(cases)) + [Case(TILE, 0.0, False, 128, *way) for way in [(1, 1), (2, 1), *crowds]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=Path("target/release/anabranch"))
    parser.add_argument("--sizes", default="128,192,256,384,512", help="edges of the volumes for the fit, in voxels")
    parser.add_argument("--checks", default="1024:mask:128:8:1,2048:mask:64:1:2,2048:mask:128:2:1,2048:gray:64:1:2,"
                                            "4096:mask:128:1:2",
                        help="runs that the fit does not see, as edge:form:chunk:processes:workers")
    parser.add_argument("--repeats", type=int, default=2, help="runs of a case of 256³ voxels; smaller ones have more")
    parser.add_argument("--keep", type=Path, help="folder for phantoms and measurements")
    parser.add_argument("--node-workers", type=int, default=8, help="workers of a node in the predictions")
    parser.add_argument("--chunk", type=int, default=128, help="processing chunk in the predictions")
    parser.add_argument("--network", type=float, default=1e9, help="bytes a second between a node and the others")
    parser.add_argument("--storage", type=float, default=1e9, help="bytes a second that a node reads of the image")
    parser.add_argument("--waiting", type=float, default=1.2,
                        help="how much longer several workers take than even shares of the CPU time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report(arguments, folder)


def short(value: float) -> str:
    """A number with two digits that count."""
    return f"{float(f'{value:.2g}'):,.{max(0, 1 - math.floor(math.log10(max(value, 1e-9))))}f}"


def report(arguments: argparse.Namespace, folder: Path) -> None:
    results = measure(arguments, folder, cases_of([int(n) for n in arguments.sizes.split(",")]), arguments.repeats)
    model = Model(results)
    words = [word.split(":") for word in arguments.checks.split(",") if word]
    checks = [Case(int(size), RADIUS, form == "gray", int(chunk), int(processes), int(workers))
              for size, form, chunk, processes, workers in words]
    print("\nChecks, which the fit has not seen: predicted / measured")
    for case, one in zip(checks, measure(arguments, folder, checks, 1)):
        said = model.predict(case, Place(cores=os.cpu_count() or 1, waiting=arguments.waiting))
        pairs = [("s", said["seconds"], one["seconds"]), ("s CPU", said["cpu"], sum(one["cpu"])),
                 ("MB sent", said["sent"] / 1e6, one["bytes_between_processes"] / 1e6),
                 ("MB in the first", said["first"] / 1e6, one["memory"][0] / 1e6),
                 ("MB in others", said["other"] / 1e6, max(one["memory"][1:], default=0) / 1e6),
                 ("M skeleton voxels", said["skeleton"] / 1e6, one["skeleton_voxels"] / 1e6),
                 ("s after the branches", said["serial"], one["tail"])]
        print(f"  {case.name}: " + ", ".join(f"{a:.3g} / {b:.3g} {unit}" for unit, a, b in pairs if b))
    place = Place(arguments.network, arguments.storage, waiting=arguments.waiting)
    for gray in [False, True]:
        form = "gray u16, sigma 1" if gray else "mask"
        print(f"\n{form}, chunk {arguments.chunk}, {arguments.node_workers} workers a node:\n")
        print("| voxels | nodes | time | first process alone | memory, first process | memory, each other | "
              "sent by a node |")
        print("|---:|---:|---:|---:|---:|---:|---:|")
        for voxels, nodes in itertools.product(VOXELS, NODES):
            case = Case(round(voxels ** (1 / 3)), RADIUS, gray, arguments.chunk, nodes, arguments.node_workers)
            said = model.predict(case, place)
            others = f"{short(said['other'] / 1e9)} GB | {short(said['sent'] / nodes / 1e9)} GB" if nodes > 1 else "|"
            power = round(math.log10(voxels))
            print(f"| 10^{power} | {nodes} | {short(said['seconds'])} s | {short(said['serial'])} s | "
                  f"{short(said['first'] / 1e9)} GB | {others} |", flush=True)
        print(f"At the last size: {said['skeleton']:.2g} skeleton voxels, {said['branches']:.2g} branches.")


if __name__ == "__main__":
    main()
