"""Spoiled inputs and random options of every kind: no panic, no hang, no crowd of bytes, and nothing left behind.

    python scripts/fuzz.py --program target/release/anabranch --count 30000

A case takes something valid (an image of any format, a table of tiles, a state, the outputs of an earlier run), changes
its bytes, values or files, or calls a subcommand with random options; see fuzz_cases.py for the kinds. The program must
end within 20 seconds and 1 GB with exit code 0, 2, 65, 66, 73 or 74 (69 where other processes are asked for, 130 where it
was interrupted); say one sentence where that is not 0, without control characters and without anything of a panic; leave
all inputs as they were, no outputs where it ends with an error, nothing else in its folder or the one for temporary
files, and no process. Outputs of a run with a damaged state must be those of a run without one.

Case N is the same for every seed and program: `--only N` repeats it, keeps its folder and prints what it said. Prints a
line a kind of case, and each kind of fault with the first case that has it; the exit code is 1 where there are faults.
Linux only. Needs numpy, tifffile, imagecodecs, zarr 3, nibabel, pynrrd, SimpleITK and Pillow.
"""
import argparse
import collections
import multiprocessing
import os
import pathlib
import random
import shlex
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fuzz_cases import KINDS, Material  # noqa: E402
from fuzz_judge import Ended, left_behind, prepare, snapshot, written  # noqa: E402


def run_case(number, options, material, folder):
    """Makes and judges a case. Returns its kind, label, calls and what is found of each call."""
    rng = random.Random(f"{options.seed} {number}")
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("cwd", "tmp", "heard"):
        (folder / part).mkdir(parents=True)
    kinds = [kind for kind in KINDS if not options.kinds or kind.__name__ in options.kinds.split(",")]
    kind = rng.choices(kinds, [KINDS[kind] for kind in kinds])[0]
    case = kind(material, folder / "cwd", rng)
    found = []
    for arguments in case.calls:
        before = snapshot(folder)
        # An argument ends at a zero byte.
        arguments = [argument.replace("\0", "") if isinstance(argument, str) else argument for argument in arguments]
        ended = Ended([options.program, *arguments], folder, case.interrupt)
        faults = ended.faults(case.codes)
        faults += left_behind(before, snapshot(folder), ended, arguments[0], written(arguments[0], arguments[1:], folder))
        for name, expected in (case.same or {}).items():
            path = folder / "cwd" / "out" / name
            if ended.code == 0 and path.is_file() and path.read_bytes() != expected:
                faults.append(f"writes another {name}")
        found.append((arguments, ended.code, ended.seconds, ended.memory, faults, ended.err))
    return kind.__name__, case.label, found


def work(first, options, material, results):
    prepare()
    folder = pathlib.Path(options.work) / f"case-{first}"
    deadline = time.monotonic() + options.budget
    for number in range(options.first + first, options.first + options.count, options.jobs):
        if options.only is not None and number != options.only:
            continue
        if time.monotonic() > deadline:
            break
        try:
            results.put((number, *run_case(number, options, material, folder)))
        except Exception as error:  # The harness itself: said, and counted as a fault.
            fault = f"the harness: {type(error).__name__}: {error}"
            results.put((number, "harness", "", [([], None, 0, 0, [fault], "")]))
        if options.only is None:
            shutil.rmtree(folder, ignore_errors=True)
    results.put(None)


def kind_of(fault):
    """A fault without what differs from case to case."""
    for word in ("leaves or changes", "changes or leaves", "takes", "leaves", "without"):
        at = fault.find(word)
        if at >= 0:
            return fault[:at + len(word)]
    return fault


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.environ.get("ANABRANCH", "target/release/anabranch"))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which no case begins")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--kinds", default="", help=f"kinds of cases, separated by commas: {', '.join(kind.__name__ for kind in KINDS)}")
    parser.add_argument("--only", type=int)
    parser.add_argument("--work", help="folder for the cases")
    parser.add_argument("--all", action="store_true", help="print every case with a fault")
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())
    # Where memory is a disk: many thousands of small files are brought to it.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    options.work = options.work or tempfile.mkdtemp(prefix="fuzz-", dir=place)
    if options.only is not None:
        options.first, options.count, options.jobs = options.only, 1, 1
    material = Material(options.program, pathlib.Path(options.work) / "seeds")
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(n, options, material, results)) for n in range(options.jobs)]
    started, ended = time.monotonic(), 0
    for worker in workers:
        worker.start()
    kinds, faults = collections.defaultdict(lambda: {"cases": 0, "codes": collections.Counter(), "seconds": (0, 0), "memory": (0, 0), "faults": 0}), {}
    while ended < len(workers):
        result = results.get()
        if result is None:
            ended += 1
            continue
        number, kind, label, found = result
        row = kinds[kind]
        row["cases"] += 1
        for arguments, code, seconds, memory, wrong, err in found:
            row["codes"][code] += 1
            row["seconds"], row["memory"] = max(row["seconds"], (seconds, number)), max(row["memory"], (memory, number))
            call = " ".join(shlex.quote(os.fsdecode(argument)) for argument in arguments)
            what = f"number {number}: {label[:300]}\n    {call[:600]!r}\n    {'; '.join(wrong)}\n    {err[:800]!r}"
            if wrong and options.all:
                print(what, flush=True)
            row["faults"] += bool(wrong)
            for fault in wrong:
                faults.setdefault((kind, kind_of(fault)), []).append((number, what))
            if options.only is not None:
                print(f"{call}\n  exit code {code}, {seconds:.2f} s, {memory >> 20} MB\n  {err}")
    for (kind, fault), cases in sorted(faults.items()):
        print(f"FAULT {kind}: {fault} ({len(cases)} times: {', '.join(str(number) for number, _ in cases[:12])})\n  {cases[0][1]}")
    print(f"{'kind':<16}{'cases':>7}{'faults':>8}{'worst s (case)':>17}{'worst MB (case)':>17}  exit codes")
    for kind, row in sorted(kinds.items()):
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(row["codes"].items(), key=str))
        (seconds, slow), (memory, large) = row["seconds"], row["memory"]
        print(f"{kind:<16}{row['cases']:>7}{row['faults']:>8}{f'{seconds:.1f} ({slow})':>17}{f'{memory >> 20} ({large})':>17}  {codes}")
    print(f"{sum(row['cases'] for row in kinds.values())} cases in {time.monotonic() - started:.0f} s")
    if options.only is not None:
        print("kept in", options.work)
    else:
        shutil.rmtree(options.work, ignore_errors=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
