"""Writes tests/fixtures/network/: the tables of nodes and skeletons of the volumes in tests/fixtures/reference/, and what
summaries say of them.

    python scripts/make_network_fixtures.py [--reference tests/fixtures/reference] [--out tests/fixtures/network]

The definitions are those of network_tables.py. A fixture has the name of the volume, and three sections: `nodes` and
`skeletons`, each a table as CSV, and `summary`, a line of JSON.
"""

import argparse
import json
import pathlib

import numpy as np
from network_tables import nodes_of, skeletons_of, summary_of


def unpack(lines, shape):
    bits = np.unpackbits(np.frombuffer(bytes.fromhex("".join(lines)), np.uint8))
    return bits[: np.prod(shape)].reshape(shape).astype(bool)


def read(path):
    """Mask, skeleton and spacing of a fixture that make_reference_fixtures.py has written."""
    lines = path.read_text().splitlines()
    names = {"base", "mask", "skeleton", "branches"}
    begin = next(at for at, line in enumerate(lines) if line in names)
    options = dict(line.split(" ", 1) for line in lines[:begin])
    sections, name = {}, None
    for line in lines[begin:]:
        if line in names:
            name = line
            sections[name] = []
        else:
            sections[name].append(line)
    shape = tuple(int(n) for n in options["shape"].split(","))
    mask = unpack(sections.get("mask", sections["base"]), shape)
    skeleton = np.zeros(np.prod(shape), bool)
    skeleton[[int(index) for line in sections["skeleton"] for index in line.split()]] = True
    return mask, skeleton.reshape(shape), [float(size) for size in options["spacing"].split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reference", type=pathlib.Path, default=pathlib.Path("tests/fixtures/reference"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/fixtures/network"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(arguments.reference.glob("*.txt")):
        mask, skeleton, spacing = read(path)
        tables = {"nodes": nodes_of(mask, skeleton, spacing), "skeletons": skeletons_of(mask, skeleton, spacing)}
        text = "".join(f"{name}\n{table.to_csv(index=False)}" for name, table in tables.items())
        text += f"summary\n{json.dumps(summary_of(mask, skeleton, spacing))}\n"
        (arguments.out / path.name).write_text(text)
        print(f"{path.stem}: {len(tables['nodes'])} nodes, {len(tables['skeletons'])} skeletons")


if __name__ == "__main__":
    main()
