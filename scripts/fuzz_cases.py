"""The kinds of cases of fuzz.py: each takes something valid, spoils it, and says how the program is called then."""
import os
import shutil
import signal
import subprocess

from fuzz_bytes import change_file, changed, replace_file, files_of
from fuzz_options import EXTREMES, OPTIONS, TILES, plain, some
from mutation_seeds import SEEDS
from seed_images import volume


class Case:
    """How the program is called, one call after the other, and what is special about it."""

    def __init__(self, label, *calls, interrupt=None, codes=(), same=None):
        names = {str(part).split("=")[0] for call in calls for part in call}
        # Other processes that are asked for may not come in time.
        codes = set(codes) | ({69} if names & {"--hosts", "--processes"} else set())
        self.label, self.calls, self.interrupt, self.codes, self.same = label, calls, interrupt, codes, same


class Material:
    """Valid images, tables, states and outputs, made once in a folder; each case gets copies."""

    def __init__(self, program, folder):
        self.program, self.folder, self.images = program, folder, {}
        for seed in SEEDS:
            place = folder / seed.name
            place.mkdir(parents=True)
            self.images[seed.name] = (place, seed.write(place).name, seed)
        self.make_table(folder / "tables")
        self.make_stated(folder / "stated")
        self.others = [data for path in sorted(folder.rglob("*")) if path.is_file() and len(data := path.read_bytes()) < 100_000]

    def call(self, folder, *arguments):
        subprocess.run([self.program, *arguments, "--quiet"], cwd=folder, check=True)

    def make_table(self, folder):
        """Tiles, and everything else that options can name."""
        import numpy
        import tifffile
        next(seed for seed in SEEDS if seed.name == "table").write(self.made(folder))
        tifffile.imwrite(folder / "plain.tif", volume("uint16", (1, 12, 12))[0] % 5 + 1)
        names = [f"tile_{y}_{x}.tif" for y in (0, 8) for x in (0, 9, 18)]
        (folder / "gains.csv").write_text("path,channel,gain\n" + "".join(f"{name},0,1.0{n}\n" for n, name in enumerate(names)))
        (folder / "TileConfiguration.txt").write_text("dim = 2\n" + "".join(f"{n}; ; ({n.split('_')[2][:-4]}.0, {n.split('_')[1]}.0)\n" for n in names))
        (folder / "global-positions-0.txt").write_text("".join(
            f"file: {n}; corr: 0.9; position: ({n.split('_')[2][:-4]}, {n.split('_')[1]}); grid: (0, 0);\n" for n in names))
        (folder / "export.txt").write_text(EXPORT, encoding="utf-8")
        for n in range(3):
            shutil.copy(folder / "tile_0_0.tif", folder / f"Well1_Seq0001_1_{n:04}.tif")
        (folder / "changes.csv").write_text("epoch,diff,branch_distance\n")
        (folder / "secret.txt").write_text("known to nobody but these")
        numpy.save(folder / "volume.npy", volume())
        self.call(folder, "phantom", "tree.zarr", "--shape", "12,12,12", "--chunk", "6", "--radius", "2")

    def make_stated(self, folder):
        """An image with a state, its outputs and its changes."""
        self.made(folder)
        self.call(folder, "phantom", "image.zarr", "--shape", "16,16,16", "--chunk", "8", "--gray", "--radius", "3")
        self.call(folder, "run", "image.zarr", *STATED, "--changes", "changes.csv")
        for path in files_of(folder / "image.zarr"):
            # So old that their times are enough to tell that they have not changed.
            os.utime(path, (1_700_000_000, 1_700_000_000))

    @staticmethod
    def made(folder):
        folder.mkdir(parents=True)
        return folder

    def copy(self, name, cwd):
        """Copies material, with the times of its files, into the empty folder of a case."""
        shutil.copytree(self.folder / name, cwd, dirs_exist_ok=True, symlinks=True)


# Where a stage was, as Nikon's program writes it.
EXPORT = ("Metadata:\r\nDimensions: XY(3)\r\nCalibration (\u00b5m/px): 0,64\r\n\r\nPoint Name\tX Pos [\u00b5m]\tY Pos [\u00b5m]\tZ Pos [\u00b5m]\r\n"
          "#1_0000\t-12396,6\t11719,3\t1686,65\t\r\n#1_0001\t-12390,2\t11719\t1686,63\r\n#1_0002\t-12383,5\t11719,25\t1686\r\n")
STATED = ["--out", "out", "--state", "state", "--threshold", "otsu"]


def call_of(command, name, options):
    """Arguments of a call on an image."""
    outs = {"run": ["--out", "out"], "fuse": ["--out", "out.zarr"], "watch": ["--out", "out", "--state", "state"], "info": []}
    return [command, name, *outs[command], *options]


def image(material, cwd, rng, spoil):
    name, (_, file, seed) = rng.choice(sorted(material.images.items()))
    material.copy(name, cwd)
    file, label = spoil(cwd / file, seed)
    command = rng.choice(["info"] * 5 + ["run"] * 5 + ["fuse"] * 2)
    options = list(seed.options) if rng.random() < 0.9 else []
    return Case(f"{name}, {label}", call_of(command, file, options + plain(command, rng)))


def some_bytes(material, cwd, rng):
    """An image with changed bytes."""
    def spoil(path, seed):
        beside = [p for p in path.parent.iterdir() if p != path]
        target = rng.choice([path, path, *beside[:1]])
        return path.name, change_file(target, rng, material.others)
    return image(material, cwd, rng, spoil)


def one_value(material, cwd, rng):
    """An image with one value of its header changed, as in mutate_inputs.py."""
    return image(material, cwd, rng, lambda path, seed: (path.name, seed.mutate(path, rng)))


def other_files(material, cwd, rng):
    """An image in which other things stand for files: folders, pipes, links to themselves, nothing."""
    def spoil(path, seed):
        whole = rng.random() < 0.4
        target = path if whole or path.is_file() else rng.choice(sorted(p for p in path.rglob("*")))
        to, label = replace_file(target, rng)
        if not whole and path.is_dir() and rng.random() < 0.3 and files_of(path):
            label += "; " + replace_file(rng.choice(files_of(path)), rng)[1]
        return (to.name if target == path and rng.random() < 0.9 else path.name), label
    return image(material, cwd, rng, spoil)


def tables(material, cwd, rng):
    """Tables of tiles, gains, images of the background and of changes, spoiled."""
    material.copy("tables", cwd)
    table = rng.choice(["tiles.csv"] * 3 + ["TileConfiguration.txt", "global-positions-0.txt", "export.txt"])
    options = []
    if rng.random() < 0.3:
        options += ["--gains", "gains.csv"]
    if rng.random() < 0.3:
        options += [rng.choice(["--background", "--flat-field"]), "plain.tif"]
    options += some("info", rng, 2, 0.2) if rng.random() < 0.3 else []
    target = rng.choice([table] * 4 + ["gains.csv", "plain.tif", "tile_0_0.tif", "tile_8_18.tif"])
    label = f"{table}, " + (change_file(cwd / target, rng, material.others) if rng.random() < 0.9 else replace_file(cwd / target, rng)[1])
    command = rng.choice(["info", "info", "run", "run", "fuse", "tiles"])
    if command == "tiles" or table == "export.txt":
        return Case(label, ["tiles", table, "--out", "out.csv"])
    if command != "info":
        options = [o for o in options if o not in ("--json", "--checksum")]
    return Case(label, call_of(command, table, options))


def states(material, cwd, rng):
    """Damaged records, manifests and lists of a state: results are those of a run without it."""
    # The state is one of an image at this path.
    material.copy("stated/image.zarr", cwd / "image.zarr")
    material.call(cwd, "run", "image.zarr", *STATED, "--changes", "changes.csv")
    labels = []
    for _ in range(rng.choice([1, 1, 2, 6])):
        files = files_of(cwd / "state")
        if files:
            file = rng.choice(files)
            labels.append(change_file(file, rng, material.others) if rng.random() < 0.8 else replace_file(file, rng)[1])
    if rng.random() < 0.3:
        shutil.rmtree(cwd / "out")
    if rng.random() < 0.3:
        file = rng.choice(files_of(cwd / "image.zarr"))
        file.touch()
    call = ["run", "image.zarr", *STATED, "--quiet"]
    if rng.random() < 0.2:
        call.append("--verify")
    if rng.random() < 0.2:
        call += ["--changes", "changes.csv"]
    same = {name: (material.folder / "stated" / "out" / name).read_bytes() for name in ("branches.csv", "nodes.csv", "skeletons.csv", "summary.json")}
    return Case("; ".join(labels), call, call, same=same)


def earlier_outputs(material, cwd, rng):
    """Damaged outputs of an earlier run, and files of changes: read as inputs, replaced, appended to."""
    material.copy("stated/image.zarr", cwd / "image.zarr")
    material.call(cwd, "run", "image.zarr", *STATED, "--changes", "changes.csv")
    target = rng.choice(["out/run.json"] * 3 + ["out/summary.json", "out/branches.csv", "out/nodes.csv", "out/skeleton.zarr", "changes.csv", "changes.csv"])
    label = f"{target}: " + (change_file(cwd / target, rng, material.others) if rng.random() < 0.8 else replace_file(cwd / target, rng)[1])
    call = rng.choice([
        ["run", "image.zarr", "--out", "out", "--overwrite"], ["run", "image.zarr", "--out", "out"], ["run", "image.zarr", *STATED, "--changes", "changes.csv"],
        ["run", "image.zarr", "--out", "out", "--overwrite", "--changes", "changes.csv"], ["run", "image.zarr", "--out", "new", "--changes", "changes.csv"],
        ["info", "out/skeleton.zarr"], ["run", "out/skeleton.zarr", "--out", "new"], ["fuse", "image.zarr", "--out", "out/skeleton.zarr", "--overwrite"],
    ])
    return Case(label, call)


INPUTS = ["tiles.csv", "tiles.csv", "tree.zarr", "tree.zarr", "tree.zarr", "volume.npy", "volume.npy", "plain.tif", "TileConfiguration.txt", "global-positions-0.txt"]


def options(material, cwd, rng):
    """Valid inputs of every subcommand with random options."""
    material.copy("tables", cwd)
    port = rng.randrange(20000, 60000)
    lines = [f"127.0.0.1:{port}", f"localhost:{port + 1}"]
    hosts = "\n".join(lines).encode()
    (cwd / "hosts.txt").write_bytes(hosts if rng.random() < 0.5 else changed(hosts, rng, b"1:2\n")[0])
    command = rng.choice(["run"] * 6 + ["info"] * 3 + ["fuse"] * 3 + ["tiles"] * 2 + ["phantom"] * 2 + ["demo"])
    name = rng.choice(INPUTS)
    arguments = some(command, rng, leave_out=() if name.endswith(("csv", "txt")) or rng.random() < 0.1 else TILES)
    given = lambda name: any(str(a).split("=")[0] == name for a in arguments)
    if given("--hosts"):
        arguments = [a for n, a in enumerate(arguments) if not str(a).startswith("--connect-timeout") and "--connect-timeout" not in map(str, arguments[n - 1:n])]
        arguments += ["--connect-timeout", "0.3"]
    if command in ("phantom", "demo") and not given("--shape") and not given("--tile-shape"):
        arguments += ["--shape", "16,16,16"]
    if command in ("run", "fuse", "tiles") and rng.random() < 0.97:
        names = {"run": ["out"] * 6 + [".", "..", "tree.zarr", "plain.tif", "tree.zarr/out", "nowhere/out"],
                 "fuse": ["out.zarr"] * 6 + ["out", ".", "tree.zarr", "plain.tif", "tree.zarr/c"], "tiles": ["out.csv"] * 5 + ["tiles.csv", "tree.zarr", "."]}
        arguments += ["--out", rng.choice(names[command])]
    name = {"phantom": "out.zarr", "tiles": rng.choice(["TileConfiguration.txt", "global-positions-0.txt", "export.txt", ".", "tiles.csv", "tile_0_0.tif"])}.get(command, name)
    if rng.random() < 0.04 and command != "phantom":
        name = rng.choice(EXTREMES)
    arguments = [command, *arguments, name] if rng.random() < 0.5 else [command, name, *arguments]
    if command == "demo":
        arguments.remove(name)
    if rng.random() < 0.02:
        arguments.remove(name) if name in arguments else None
    calls = [arguments] * (2 if command == "run" and given("--state") else 1)
    return Case(command, *calls)


def watched(material, cwd, rng):
    """`watch` with spoiled inputs and random options, ended by a signal."""
    ending = (rng.choice([signal.SIGTERM, signal.SIGINT]), rng.uniform(0.05, 1.2))
    quick = ["--settle", "0.1", "--poll", "0.2"]
    if rng.random() < 0.5:
        case = rng.choice([some_bytes, other_files, one_value])(material, cwd, rng)
        _, name, *_ = case.calls[0]
        return Case(case.label, call_of("watch", name, quick), interrupt=ending)
    material.copy("tables", cwd)
    arguments = some("watch", rng, 3)
    return Case("options", call_of("watch", rng.choice(INPUTS), arguments + ([] if "--settle" in arguments else quick)), interrupt=ending)


def interrupted(material, cwd, rng):
    """Runs of every subcommand that writes, ended by a signal at any moment."""
    material.copy("tables", cwd)
    call = rng.choice([["run", "tree.zarr", "--out", "out"], ["fuse", "tiles.csv", "--out", "out.zarr"], ["phantom", "out.zarr", "--shape", "40,40,40"],
                       ["run", "tiles.csv", "--out", "out", "--state", "state"], ["run", "tree.zarr", "--out", "out", "--processes", "2", "--workers", "1"]])
    return Case("", call, interrupt=(rng.choice([signal.SIGTERM, signal.SIGINT]), rng.uniform(0, 0.1)))


# Each kind and how often it comes.
KINDS = {some_bytes: 40, one_value: 8, other_files: 10, tables: 12, states: 7, earlier_outputs: 4, options: 16, watched: 1, interrupted: 2}
assert set(OPTIONS) >= {"run", "info", "fuse", "tiles", "phantom", "watch"}
