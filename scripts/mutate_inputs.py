"""Single-value mutations of valid images of every format: no panic, no hang, no wrong volume in silence.

    python scripts/mutate_inputs.py --program target/release/anabranch --count 10000

Every case takes a small valid image, changes one value of its header (a tag, a JSON value, an XML attribute, a field, a
cell of a table), and calls `anabranch info --json --checksum`. It must end within 10 seconds, with exit code 0, 2, 65, 66
or 74 and with one sentence where it is not 0. Where it is 0, the values must be those that the format's own library reads
in Python, or the mutation must be harmless: the values are those of the valid image. Where the library reads others, or
nothing, harmless mutations are listed as IGNORED, to be looked at: a statement may have been passed over. Kinds in which
the library itself does not go by the file are in JUDGED, each with its reason.
Every 25th case is given to `anabranch run` too, which must agree. Case number N of a seed is the same every time:
`--only N` repeats one and keeps its file.

Needs numpy, tifffile, imagecodecs, zarr 3, nibabel, pynrrd, SimpleITK and Pillow.
"""
import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from mutation_seeds import SEEDS  # noqa: E402

LONGEST = 10
CODES = {0, 2, 65, 66, 74}
MEMORY = 3 << 30


def call(program, *arguments):
    """(exit code or what went wrong, standard output, standard error)"""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, errors="replace",
                              timeout=LONGEST, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return "hang", "", ""
    return done.returncode, done.stdout, done.stderr


def in_child(function, *arguments):
    """What a function returns in a process of its own, which may hang, take all memory or crash; else None and why."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY, 2 * MEMORY))
            signal.alarm(2 * LONGEST)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1), os.dup2(null, 2)
            try:
                text = json.dumps({"found": function(*arguments)})
            except BaseException as error:
                text = json.dumps({"error": f"{type(error).__name__}: {error}"[:200]})
            with os.fdopen(write, "w") as pipe:
                pipe.write(text)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    try:
        result = json.loads(text)
    except ValueError:
        return None, "the library crashed or hung"
    return result.get("found"), result.get("error")


# Where the library is no judge: seeds and labels, and why.
JUDGED = [
    (r"tiff-(?!slices).*", r"tag (273|279|259|317|258|278|322|323) .*",
     "tifffile reads all pages by the tags of the first, or from its first strip on where pages follow each other; the "
     "program goes by the tags of each page"),
    (r"tiff-packbits", r"tag (273|279) .*", "a strip that begins elsewhere is other valid PackBits"),
    (r"tiff-.*", r"tag 270 (kind|value '[^']*(UUID|xmlns|schemaLocation|Creator).*)",
     "tifffile finds OME-XML by its root's exact text"),
]


def judged(name, label):
    """Why a difference is none, if it is."""
    return next((why for seed, place, why in JUDGED if re.fullmatch(seed, name) and re.match(place, label)), None)


# What values are read as, where the program has no such type.
WIDENED = {"int8": "int16", "uint64": "int64", "float16": "float32"}


def signature(array):
    """Shape, type and CRC-32 as the program prints them."""
    array = np.asarray(array)
    name = array.dtype.name
    array = np.ascontiguousarray(array.astype(WIDENED.get(name, name)).astype(array.dtype.newbyteorder("<")
                                 if name not in WIDENED else WIDENED[name]))
    return [list(array.shape), array.dtype.name, f"{zlib.crc32(array.tobytes()):08x}"]


def read_by_library(seed, path):
    array, spacing = seed.read(path)
    return signature(array), None if spacing is None else [float(s) for s in spacing]


def judge(program, seed, path, original, extra):
    """(class, what is worth saying) of one mutated file."""
    code, out, err = call(program, "info", "--json", "--checksum", path, *seed.options)
    if code not in CODES:
        return "FAULT", f"exit code {code}: {err.strip()[:300]}"
    sentence = [line for line in err.splitlines() if line.startswith("anabranch: ")]
    if "panicked" in err:
        return "FAULT", err.strip()[:300]
    if code != 0 and len(sentence) != 1:
        return "FAULT", f"exit code {code} with {len(sentence)} sentences: {err.strip()[:300]}"
    if extra:
        folder = pathlib.Path(tempfile.mkdtemp())
        again, _, said = call(program, "run", path, "--out", folder / "out", "--workers", 1, *seed.options)
        left = (folder / "out").exists()
        shutil.rmtree(folder)
        choice = code == 0 and again == 2
        if again != code and not choice:
            return "FAULT", f"info ends with {code}, run with {again}: {(said or err).strip()[:300]}"
        if again != 0 and left:
            return "FAULT", f"run ends with {again} and leaves its folder: {said.strip()[:300]}"
    if code != 0:
        return "refused", sentence[0]
    known = json.loads(out)
    found = [known["shape"], known["dtype"], known["checksum"]]
    said = "; ".join(known["warnings"]) + (f" [choice: {known['choice']}]" if known["choice"] else "")
    expected, error = in_child(read_by_library, seed, path)
    if known["choice"]:
        return "choice", said
    if expected is None:
        if found == original["signature"]:
            return "harmless", f"the library says {error}"
        return "DIFFERS", f"{found} where the library says {error}; {said}"
    if found != expected[0] and found == original["signature"]:
        return "IGNORED", f"{found} as before, where the library reads {expected[0]}; {said}"
    if found != expected[0]:
        return "DIFFERS", f"{found} where the library reads {expected[0]}; {said}"
    if expected[1] is not None and not np.allclose(known["spacing"], expected[1], rtol=1e-6):
        return "warned" if "size of a voxel" in said or "pixdim" in said else "SPACING", f"{known['spacing']} where the library reads {expected[1]}; {said}"
    return "equal", said


def work(number, options, seeds, originals, results):
    folder = pathlib.Path(options.work) / f"worker-{number}"
    for case in range(number, options.count, options.jobs):
        if options.only is not None and case != options.only:
            continue
        rng = random.Random(f"{options.seed} {case}")
        seed = seeds[case % len(seeds)]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = folder / originals[seed.name]["path"].name
        source = originals[seed.name]["path"]
        if source.parent.name == seed.name + "-with":
            shutil.rmtree(folder)
            shutil.copytree(source.parent, folder)
        elif source.is_dir():
            shutil.copytree(source, path)
        else:
            shutil.copy(source, path)
        try:
            label = seed.mutate(path, rng)
            result = judge(options.program, seed, path, originals[seed.name], case % 25 == 0)
            if result[0] in ("DIFFERS", "IGNORED") and judged(seed.name, label):
                result = "judged", judged(seed.name, label)
        except Exception as error:  # The harness itself: said, and not fatal.
            label, result = "harness", ("HARNESS", f"{type(error).__name__}: {error}")
        results.put((case, seed.name, label, *result))
    results.put(None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.environ.get("ANABRANCH", "target/release/anabranch"))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--formats", default="", help="names of seeds, or their beginnings, separated by commas")
    parser.add_argument("--work", default=None)
    parser.add_argument("--only", type=int)
    parser.add_argument("--log", default=None, help="a file for every case, one JSON list a line")
    options = parser.parse_args()
    options.work = options.work or tempfile.mkdtemp(prefix="mutate-")
    options.program = str(pathlib.Path(options.program).resolve())
    wanted = [name for name in options.formats.split(",") if name]
    seeds = [s for s in SEEDS if not wanted or any(s.name.startswith(w) for w in wanted)]
    originals, usable = {}, []
    for seed in seeds:
        folder = pathlib.Path(options.work) / "seeds" / seed.name
        folder.mkdir(parents=True, exist_ok=True)
        path = seed.write(folder)
        code, out, err = call(options.program, "info", "--json", "--checksum", path, *seed.options)
        expected, error = in_child(read_by_library, seed, path)
        if code != 0 or expected is None:
            print(f"{seed.name}: not used, exit code {code}: {err.strip()[:200]} {error or ''}")
            continue
        known = json.loads(out)
        found = [known["shape"], known["dtype"], known["checksum"]]
        spaced = expected[1] is None or np.allclose(known["spacing"], expected[1])
        if found != expected[0] or not spaced:
            print(f"{seed.name}: the valid image is read as {found} {known['spacing']}, by its library as {expected}")
        if path.is_file() and any(True for other in folder.iterdir() if other != path):
            beside = folder.rename(folder.with_name(seed.name + "-with"))
            path = beside / path.name
        originals[seed.name] = {"path": path, "signature": found}
        usable.append(seed)
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(n, options, usable, originals, results))
               for n in range(options.jobs)]
    started = time.time()
    for worker in workers:
        worker.start()
    counts, kinds, log = collections.Counter(), {}, open(options.log, "w") if options.log else None
    ended = 0
    while ended < len(workers):
        result = results.get()
        if result is None:
            ended += 1
            continue
        case, name, label, verdict, text = result
        counts[verdict] += 1
        if log:
            print(json.dumps(result), file=log, flush=True)
        if verdict.isupper():
            kinds.setdefault((verdict, name, label.split("=")[0]), []).append((case, label, text))
    for (verdict, name, label), cases in sorted(kinds.items()):
        case, full, text = cases[0]
        print(f"{verdict} {name}: {label} ({len(cases)}, such as number {case}: {full})\n      {text}")
    print(dict(counts), f"{time.time() - started:.0f} s")
    if options.only is not None:
        print("kept in", options.work)
    else:
        shutil.rmtree(options.work, ignore_errors=True)
    sys.exit(1 if any(verdict.isupper() and verdict != "IGNORED" for verdict in counts) else 0)


if __name__ == "__main__":
    main()
