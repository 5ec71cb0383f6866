"""Exports results in all formats, opens each file with a program that it is for, and compares what that holds with the tables.

    python scripts/verify_exports.py [RESULTS ...] [--program target/release/anabranch]

Without RESULTS it makes some: a phantom with an anisotropic spacing, thousands of small objects with rings and single voxels
among them, a segmentation, an image in the plane without a unit, and skan's columns alone. Checks whose packages are missing
are skipped and named. Ends with exit code 1 where anything differs.

It needs numpy, pandas and zarr; the checks besides cloud-volume, tensorstore, navis, networkx, igraph, pyvista, pyarrow,
polars, duckdb, ome-zarr-models, skan and tifffile.
"""

import argparse
import importlib
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd
import zarr

from export_results import made

warnings.filterwarnings("ignore")

NANOMETERS = {"micrometer": 1e3, "nanometer": 1.0, "millimeter": 1e6}
CHECKS = []
# What is compared where there are many.
MOST = 400


class Different(Exception):
    """A number in a file that is not that of the table."""


def check(format, package):
    """Registers a check of a format by a package."""

    def register(function):
        CHECKS.append((format, package, function))
        return function

    return register


def same(what, found, expected, tolerance=1e-9):
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise Different(f"{what}: {found.shape} values, {expected.shape} in the table")
    if found.dtype.kind in "OUS" or expected.dtype.kind in "OUS":
        equal = found.astype(str) == expected.astype(str)
    else:
        found, expected = found.astype(float), expected.astype(float)
        equal = np.isclose(found, expected, rtol=tolerance, atol=1e-12, equal_nan=True)
    if not equal.all():
        at = np.argwhere(~equal)[0]
        raise Different(f"{what}: {found[tuple(at)]} at {at}, {expected[tuple(at)]} in the table")


class Results:
    """The tables of a folder of results, and its exports."""

    def __init__(self, folder, exported):
        self.export = exported
        self.branches = pd.read_csv(folder / "branches.csv")
        self.nodes = pd.read_csv(folder / "nodes.csv") if (folder / "nodes.csv").exists() else None
        self.skeletons = pd.read_csv(folder / "skeletons.csv") if (folder / "skeletons.csv").exists() else None
        self.skeleton = zarr.open_array(str(folder / "skeleton.zarr/0"), mode="r")[:]
        self.voxels = np.argwhere(self.skeleton != 0)
        self.radius, self.value = np.load(folder / "voxels.npy").reshape(-1, 2).T
        image = zarr.open_group(str(folder / "skeleton.zarr"), mode="r").attrs["ome"]["multiscales"][0]
        transformations = {t["type"]: t[t["type"]] for t in image["datasets"][0]["coordinateTransformations"]}
        self.spacing = np.array(transformations["scale"])
        self.translation = np.array(transformations.get("translation", [0.0] * len(self.spacing)))
        self.unit = image["axes"][0].get("unit")

    def positions(self, node_ids):
        """Positions in the unit, along the array's axes."""
        return self.voxels[np.asarray(node_ids, dtype=int)] * self.spacing

    def xyz(self, node_ids):
        positions = self.positions(node_ids)[:, ::-1]
        return np.pad(positions, ((0, 0), (0, 3 - positions.shape[1])))

    def isolated(self):
        return 0 if self.nodes is None else int((self.nodes.degree == 0).sum())

    def expected_skeletons(self):
        """Skeletons that files can hold: single voxels are in nodes.csv alone."""
        return self.branches.skeleton_id.nunique() + self.isolated()


@check("paths", "pandas")
def paths_by_pandas(results):
    paths = pd.read_csv(results.export / "paths.csv")
    coordinates = [name for name in paths if name.startswith("coord_")]
    same("positions", paths[coordinates], results.positions(paths.node_id))
    same("radius", paths.radius, results.radius[paths.node_id])
    steps = np.sqrt((np.diff(paths[coordinates], axis=0) ** 2).sum(axis=1))
    within = np.diff(paths.branch_id) == 0
    lengths = np.bincount(paths.branch_id[1:][within], steps[within], minlength=len(results.branches))
    same("lengths", lengths, results.branches.branch_distance)
    return f"{len(paths)} voxels of {len(lengths)} branches"


def compare_tables(found, results):
    for name, table in [("branches", results.branches), ("nodes", results.nodes), ("skeletons", results.skeletons)]:
        if table is None:
            continue
        for column in table.columns:
            same(f"{column} of {name}", found(name)[column], table[column])
    paths = found("paths")
    lengths = [len(path) for path in paths["coord_0"]]
    starts = np.cumsum([0] + lengths[:-1])
    places = np.stack([np.concatenate(list(paths[f"coord_{axis}"])) for axis in range(len(results.spacing))], axis=1)
    same("starts", places[starts], results.positions(results.branches.node_id_src))
    steps = np.append(np.sqrt((np.diff(places, axis=0) ** 2).sum(axis=1)), 0.0)
    steps[starts[1:] - 1] = 0.0
    same("lengths", np.add.reduceat(steps, starts), results.branches.branch_distance)
    return f"{len(results.branches)} branches, {len(places)} voxels of paths"


@check("parquet", "pyarrow")
def parquet_by_pandas(results):
    return compare_tables(lambda name: pd.read_parquet(results.export / f"{name}.parquet"), results)


@check("parquet", "polars")
def parquet_by_polars(results):
    import polars

    def frame(name):
        table = polars.read_parquet(results.export / f"{name}.parquet")
        return {column: table[column].to_list() for column in table.columns} | fill(table)

    def fill(table):
        numbers = [column for column in table.columns if table[column].dtype == polars.Float64]
        return {column: table[column].fill_null(math.nan).to_list() for column in numbers}

    return compare_tables(frame, results)


@check("parquet", "duckdb")
def parquet_by_duckdb(results):
    import duckdb

    query = f"SELECT count(*), sum(branch_distance) FROM '{results.export / 'branches.parquet'}'"
    [(count, length)] = duckdb.sql(query).fetchall()
    same("rows", count, len(results.branches))
    same("length", length, results.branches.branch_distance.sum())
    return f"{count} branches, length {length:.3f}"


def expected_labels(results):
    """The image of branches: the last branch in the table has voxels where several meet."""
    paths = pd.read_csv(results.export / "paths.csv")
    labels = np.zeros(results.skeleton.shape, dtype=np.int64)
    np.maximum.at(labels, tuple(results.voxels[paths.node_id].T), np.asarray(paths.branch_id + 1))
    return labels


@check("branch-labels", "zarr")
def labels_by_zarr(results):
    image = zarr.open_group(str(results.export / "branch_labels.zarr"), mode="r")
    ome = image.attrs["ome"]
    same("labels", image["0"][:], expected_labels(results))
    for transformation in ome["multiscales"][0]["datasets"][0]["coordinateTransformations"]:
        told = {"scale": results.spacing, "translation": results.translation}[transformation["type"]]
        same(transformation["type"], transformation[transformation["type"]], told)
    properties = ome["image-label"].get("properties", [])
    same("numbers", [entry["label-value"] for entry in properties], np.arange(1, len(results.branches) + 1))
    same("lengths", [entry["branch_distance"] for entry in properties], results.branches.branch_distance)
    return f"{len(properties)} labels"


@check("branch-labels", "ome_zarr_models")
def labels_by_ome_zarr_models(results):
    import ome_zarr_models

    group = ome_zarr_models.open_ome_zarr(zarr.open_group(str(results.export / "branch_labels.zarr"), mode="r"))
    return f"valid as {type(group).__module__.split('.')[1]} {type(group).__name__}"


def edges_of(results):
    from scipy import sparse

    edges = pd.read_csv(results.export / "edges.csv")
    n = len(results.voxels)
    return sparse.coo_matrix((edges.distance, (edges.row, edges.column)), shape=(n, n)).tocsr()


@check("edges", "scipy")
def edges_by_scipy(results):
    from scipy.spatial import cKDTree

    pairs = np.array(sorted(cKDTree(results.voxels).query_pairs(1.5, p=np.inf))).reshape(-1, 2)
    values = results.skeleton[tuple(results.voxels.T)]
    pairs = pairs[values[pairs[:, 0]] == values[pairs[:, 1]]]
    ours = edges_of(results).tocoo()
    order = np.lexsort([ours.col, ours.row])
    same("pairs", np.stack([ours.row, ours.col], axis=1)[order], pairs)
    steps = (results.voxels[pairs[:, 0]] - results.voxels[pairs[:, 1]]) * results.spacing
    same("distances", ours.data[order], np.sqrt((steps**2).sum(axis=1)))
    return f"{len(pairs)} edges of {len(results.voxels)} voxels"


@check("edges", "skan")
def edges_by_skan(results):
    from scipy import sparse
    from skan.csr import skeleton_to_csgraph

    graph, _ = skeleton_to_csgraph(results.skeleton != 0, spacing=results.spacing)
    theirs, ours = sparse.triu(graph).tocoo(), edges_of(results)
    # skan keeps the spanning trees of clusters of junctions only.
    same("distances", np.asarray(ours[theirs.row, theirs.col]).ravel(), theirs.data)
    return f"{theirs.nnz} edges that skan has, of {ours.nnz}"


@check("tiff", "tifffile")
def stacks_by_tifffile(results):
    import tifffile

    with tifffile.TiffFile(results.export / "skeleton.tif") as file:
        same("skeleton", file.asarray().squeeze(), np.where(results.skeleton != 0, 255, 0).squeeze())
        told, page = file.imagej_metadata, file.pages[0]
        sizes = [page.tags[name].value for name in ("YResolution", "XResolution")]
        sizes = [denominator / numerator for numerator, denominator in sizes]
        unit = str(told.get("unit", ""))
    scale = {"micron": 1.0, "µm": 1.0, "um": 1.0, "\\u00B5m": 1.0, "nm": 1e-3}.get(unit, 1.0)
    in_micrometers = NANOMETERS.get(results.unit, 1e3) / 1e3
    same("size of pixels", np.array(sizes) * scale, results.spacing[-2:] * in_micrometers, 1e-6)
    if len(results.spacing) == 3:
        same("spacing", float(told["spacing"]) * scale, results.spacing[0] * in_micrometers, 1e-6)
    same("branches", tifffile.imread(results.export / "branch_labels.tif").squeeze(), expected_labels(results).squeeze())
    return f"{results.skeleton.shape}, unit {unit or 'not known'}"


def sample(ids):
    return list(ids[:: max(1, len(ids) // MOST)])


@check("precomputed", "cloudvolume")
def precomputed_by_cloudvolume(results):
    from cloudvolume import CloudVolume

    scale = NANOMETERS.get(results.unit, 1.0)
    volume = CloudVolume(f"file://{(results.export / 'precomputed').resolve()}", progress=False)
    info = json.loads((results.export / "precomputed/skeletons/info").read_text())
    sharded = "sharding" in info
    ids = np.unique(results.branches.skeleton_id)
    if results.nodes is not None:
        ids = np.unique(np.concatenate([ids, results.nodes.skeleton_id]))
    if sharded:
        same("ids", np.sort(np.array(volume.skeleton.list(), dtype=np.int64)), ids + 1)
    else:
        files = [int(file.name) for file in (results.export / "precomputed/skeletons").iterdir() if file.name.isdigit()]
        same("ids", sorted(files), ids + 1)
    rank = {tuple(voxel): number for number, voxel in enumerate(results.voxels)}
    lengths = results.branches.groupby("skeleton_id").branch_distance.sum()
    chosen = sample(ids)
    for id in chosen:
        skeleton = volume.skeleton.get(int(id) + 1)
        dimensions = len(results.spacing)
        places = skeleton.vertices[:, ::-1][:, 3 - dimensions :] / scale
        exact = (places - results.translation) / results.spacing
        voxels = np.rint(exact).astype(int)
        if np.abs(exact - voxels).max() > 0.01:
            raise Different(f"skeleton {id} does not lie on the centres of voxels: {exact[0]}")
        nodes = np.array([rank[tuple(voxel)] for voxel in voxels])
        if "radius" in [attribute["id"] for attribute in info["vertex_attributes"]]:
            same(f"radius of {id}", skeleton.radius / scale, results.radius[nodes], 1e-6)
        ends = results.voxels[nodes[skeleton.edges]] * results.spacing
        length = np.sqrt(((ends[:, 0] - ends[:, 1]) ** 2).sum(axis=1)).sum()
        same(f"length of {id}", length, lengths.get(id, 0.0))
        same(f"cable length of {id}", skeleton.cable_length(), lengths.get(id, 0.0) * scale, 1e-3)
    properties = json.loads((results.export / "precomputed/skeletons/segment_properties/info").read_text())["inline"]
    same("ids of segments", [int(id) for id in properties["ids"]], ids + 1)
    for entry in properties["properties"]:
        if entry["type"] == "number" and results.skeletons is not None:
            column = results.skeletons[entry["id"]].fillna(-1)
            same(entry["id"], entry["values"], column, 1e-6)
    return f"{len(chosen)} of {len(ids)} skeletons {'in shards' if sharded else 'in files'}"


@check("precomputed", "tensorstore")
def precomputed_by_tensorstore(results):
    import tensorstore

    folder = (results.export / "precomputed/skeletons").resolve()
    info = json.loads((folder / "info").read_text())
    if "sharding" not in info:
        return "no shards"
    spec = {"driver": "neuroglancer_uint64_sharded", "metadata": info["sharding"], "base": f"file://{folder}/"}
    store = tensorstore.KvStore.open(spec).result()
    keys = store.list().result()
    if len(keys) != results.expected_skeletons():
        raise Different(f"{len(keys)} skeletons, {results.expected_skeletons()} in the tables")
    for key in sample(keys):
        vertices, edges = np.frombuffer(store.read(key).result().value[:8], "<u4")
        if len(store.read(key).result().value) < 8 + 12 * vertices + 8 * edges:
            raise Different(f"{key} is cut off")
    return f"{len(keys)} skeletons in shards"


def tree(path):
    rows = np.loadtxt(path, comments="#", ndmin=2)
    return pd.DataFrame(rows, columns=["sample", "type", "x", "y", "z", "radius", "parent"])


@check("swc", "numpy")
def swc_by_rules(results):
    samples = tree(results.export / "skeletons.swc")
    scale = NANOMETERS.get(results.unit, 1e3) / 1e3
    same("numbers", samples["sample"], np.arange(1, len(samples) + 1))
    child = samples[samples.parent > 0]
    if not (child.parent < child["sample"]).all():
        raise Different("a child comes before its parent")
    text = (results.export / "skeletons.swc").read_text().splitlines()
    cuts = [[int(word) for word in line.split() if word.isdigit()] for line in text if line.startswith("# a loop")]
    place = samples[["x", "y", "z"]].to_numpy()
    ends = place[np.array(cuts, dtype=int).reshape(-1, 2) - 1]
    lost = np.sqrt(((ends[:, 0] - ends[:, 1]) ** 2).sum(axis=1)).sum()
    steps = place[child.index] - place[child.parent.astype(int) - 1]
    length = np.sqrt((steps**2).sum(axis=1)).sum()
    same("length", (length + lost) / scale, results.branches.branch_distance.sum())
    same("trees", (samples.parent < 0).sum(), results.expected_skeletons())
    if results.skeletons is not None:
        same("cuts", len(cuts), results.skeletons.loops.sum())
        same("tips", (samples.type == 6).sum(), results.skeletons.tips.sum())
        same("samples of type 5", (samples.type == 5).sum(), (results.nodes.degree >= 3).sum())
    return f"{len(samples)} samples, {(samples.parent < 0).sum()} trees, {len(cuts)} cuts"


@check("swc", "navis")
def swc_by_navis(results):
    import navis

    navis.set_loggers("ERROR")
    neuron = navis.read_swc(str(results.export / "skeletons.swc"), read_meta=True)
    samples = tree(results.export / "skeletons.swc")
    same("nodes", neuron.n_nodes, len(samples))
    same("trees", len(neuron.root), results.expected_skeletons())
    if str(neuron.units) != "1 micrometer":
        raise Different(f"the unit is {neuron.units}")
    place, parent = samples[["x", "y", "z"]].to_numpy(), samples.parent.to_numpy().astype(int)
    steps = place[parent > 0] - place[parent[parent > 0] - 1]
    same("cable length", neuron.cable_length, np.sqrt((steps**2).sum(axis=1)).sum(), 1e-3)
    return f"{neuron.n_nodes} nodes, {neuron.cable_length:.1f} µm"


def rows_of(values, table, column):
    return [values[int(id)] for id in table[column]]


@check("graphml", "networkx")
def graphml_by_networkx(results):
    import networkx

    graph = networkx.read_graphml(results.export / "network.graphml", force_multigraph=True)
    if results.nodes is not None:
        same("nodes", sorted(graph.nodes), sorted(f"n{id}" for id in results.nodes.node_id))
        compare_attributes({node: data for node, data in graph.nodes(data=True)}, results.nodes, "n", "node_id")
    edges = {key: dict(data, ends=(a, b)) for a, b, key, data in graph.edges(keys=True, data=True)}
    branches = results.branches.assign(branch_id=range(len(results.branches)))
    compare_attributes(edges, results.branches, "b", None)
    ends = [sorted(edges[f"b{row}"]["ends"]) for row in branches.branch_id]
    expected = zip(branches.node_id_src, branches.node_id_dst)
    same("ends", ends, [sorted([f"n{a}", f"n{b}"]) for a, b in expected])
    length = [edges[f"b{row}"]["length"] for row in branches.branch_id]
    same("length", length, branches.branch_distance)
    return f"{graph.number_of_nodes()} nodes, {graph.number_of_edges()} edges, {networkx.number_connected_components(graph)} parts"


def compare_attributes(found, table, mark, key):
    ids = table[key] if key else range(len(table))
    for column in table.columns:
        values = [found[f"{mark}{id}"].get(column, math.nan) for id in ids]
        same(column, values, table[column].to_numpy())


@check("graphml", "igraph")
def graphml_by_igraph(results):
    import igraph

    graph = igraph.Graph.Read_GraphML(str(results.export / "network.graphml"))
    same("edges", graph.ecount(), len(results.branches))
    for name, column in [("length", "branch_distance"), ("radius_avg", "mean_radius"), ("volume", "volume")] + [
        ("surface_area", "surface_area"),
        ("tortuosity", "tortuosity"),
    ]:
        if column in results.branches:
            same(name, graph.es[name], results.branches[column])
    ids = np.array(graph.vs["node_id"], dtype=int)
    place = np.array([graph.vs[name] for name in ("X", "Y", "Z") if name in graph.vs.attributes()]).T[:, ::-1]
    same("Z in the plane", place[:, : 3 - len(results.spacing)], np.zeros((len(ids), 3 - len(results.spacing))))
    same("X, Y, Z", place[:, 3 - len(results.spacing) :], results.voxels[ids])
    return f"{graph.vcount()} vertices, {graph.ecount()} edges"


@check("vtp", "pyvista")
def vtp_by_pyvista(results):
    import pyvista

    data = pyvista.read(str(results.export / "network.vtp"))
    same("lines", data.n_lines, len(results.branches))
    for column in results.branches.columns:
        if results.branches[column].dtype.kind not in "OUS" and column != "region_name":
            same(column, data.cell_data[column], results.branches[column])
    nodes = np.asarray(data.point_data["node_id"])
    same("points", data.points, results.xyz(nodes))
    if "radius" in data.point_data:
        same("radius", data.point_data["radius"], results.radius[nodes])
    lengths = np.asarray(data.compute_cell_sizes(length=True, area=False, volume=False)["Length"])
    same("lengths", lengths, results.branches.branch_distance, 1e-6)
    return f"{data.n_points} points, {data.n_lines} lines"


@check("voreen", "pandas")
def voreen_by_pandas(results):
    nodes = pd.read_csv(results.export / "voreen_nodes.csv", sep=";")
    edges = pd.read_csv(results.export / "voreen_edges.csv", sep=";")
    same("positions", nodes[["pos_x", "pos_y", "pos_z"]], results.xyz(nodes.id))
    pairs = {"node1id": "node_id_src", "node2id": "node_id_dst", "length": "branch_distance", "distance": "euclidean_distance"}
    pairs |= {"volume": "volume", "minRadiusAvg": "mean_radius", "minRadiusStd": "stdev_radius"}
    for name, column in pairs.items():
        if column in results.branches:
            same(name, edges[name], results.branches[column].fillna(-1))
    degree = nodes.set_index("id").degree
    same("degrees", edges.node1_degree, degree.loc[edges.node1id])
    return f"{len(nodes)} nodes, {len(edges)} edges"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path, nargs="*")
    parser.add_argument("--program", default="target/release/anabranch", type=pathlib.Path)
    options = parser.parse_args()
    program = options.program.resolve()
    wrong = 0
    formats = list(dict.fromkeys(format for format, _, _ in CHECKS))
    missing = set()
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        print(f"{'results':<12} {'format':<12} {'read by':<12} what was compared with the tables")
        for number, folder in enumerate(options.results or made(temporary, program)):
            exported = temporary / f"export-{number}"
            call = [program, "export", folder, *formats, "--out", exported, "--quiet"]
            subprocess.run([str(word) for word in call], check=True, stderr=subprocess.DEVNULL)
            results = Results(folder, exported)
            for format, package, function in CHECKS:
                try:
                    importlib.import_module(package)
                except ImportError:
                    missing.add(package)
                    continue
                try:
                    told = function(results)
                except Exception as error:  # a file that a program cannot read, too
                    told, wrong = f"DIFFERENT: {type(error).__name__} {error}", wrong + 1
                print(f"{folder.name:<12} {format:<12} {package:<12} {told}", flush=True)
    for package in sorted(missing):
        print(f"{package} is not installed; its checks were skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
