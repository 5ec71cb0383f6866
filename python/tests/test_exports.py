"""Results in skan, NetworkX, napari and matplotlib."""

import numpy as np
import pytest

import anabranch
from conftest import assert_same_table, blobs, optional, table_of


@pytest.fixture(scope="module")
def results():
    mask = blobs((24, 26, 28), seed=11)
    # A cycle that nothing touches, and an isolated voxel.
    mask[:7, :7] = False
    mask[2, 2:6, [2, 5]] = mask[2, [2, 5], 2:6] = True
    mask[2, 2:6, 2] = mask[2, 2:6, 5] = mask[2, 2, 2:6] = mask[2, 5, 2:6] = True
    mask[2, 2, 12] = True
    values = np.random.default_rng(1).integers(1, 200, mask.shape).astype("u1")
    return anabranch.run(mask * values, spacing=(2, 0.5, 0.75), unit="um")


def test_skan_summarizes_what_it_is_given_to_the_same_table(results):
    skan = optional("skan")
    ours = results.to_skan()
    values = np.zeros(results.shape)
    places, of_voxels = results._native.voxels()
    values[tuple(places.T)] = of_voxels
    theirs = skan.Skeleton(values, spacing=results.spacing)
    np.testing.assert_array_equal(ours.coordinates, theirs.coordinates)
    np.testing.assert_array_equal(ours.degrees, theirs.degrees)
    np.testing.assert_array_equal(ours.pixel_values, theirs.pixel_values)
    assert ours.graph.shape == theirs.graph.shape and (ours.graph != theirs.graph).nnz == 0
    # The columns of skan's own paths go on behind the last voxel.
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(ours.paths, part), getattr(theirs.paths, part))
    np.testing.assert_array_equal(ours.path_label_image(), results.labels)
    np.testing.assert_array_equal(ours.path_lengths(), results.branches["branch_distance"])
    assert set(vars(ours)) == set(vars(theirs))
    assert_same_table(skan.summarize(ours, separator="_"), skan.summarize(theirs, separator="_"))
    assert_same_table(results.branches, skan.summarize(ours, separator="_"))


def test_a_plane_goes_to_skan_too():
    skan = optional("skan")
    results = anabranch.run(blobs((60, 70), seed=12))
    assert_same_table(skan.summarize(results.to_skan(), separator="_"), table_of(results.skeleton))


def test_the_graph_has_the_nodes_and_branches_of_the_tables(results):
    networkx = optional("networkx")
    graph = results.to_networkx()
    assert graph.number_of_edges() == len(results.branches) and graph.number_of_nodes() == len(results.nodes)
    assert networkx.number_connected_components(graph) == results.summary["skeletons"]
    degrees = dict(graph.degree())
    # A cycle that nothing touches has the degree of its first voxel.
    assert [degrees[node] for node in results.nodes["node_id"]] == results.nodes["degree"].tolist()
    lengths = networkx.get_edge_attributes(graph, "branch_distance")
    assert sum(lengths.values()) == pytest.approx(results.summary["total_length"])


def test_layers_have_the_scale_and_a_vector_for_each_step(results):
    (skeleton, of_skeleton, labels), (vectors, of_vectors, kind) = results.to_napari(color="mean_radius")
    assert (labels, kind) == ("labels", "vectors")
    assert of_skeleton["scale"] == of_vectors["scale"] == results.spacing
    assert len(vectors) == sum(len(path) - 1 for path in results.paths) == len(of_vectors["features"])
    lengths = np.linalg.norm(vectors[:, 1] * results.spacing, axis=1)
    of_branches = np.bincount(of_vectors["features"]["branch_id"], lengths)
    np.testing.assert_allclose(of_branches, results.branches["branch_distance"])
    assert skeleton[tuple(vectors[:, 0].astype(int).T)].all()
    with pytest.raises(anabranch.UsageError, match="mean_radius"):
        results.to_napari(color="colour")


def test_layers_are_taken_by_napari(results):
    napari = pytest.importorskip("napari.layers", reason="napari is not installed: pip install napari")
    for layer in results.to_napari():
        napari.Layer.create(*layer)


def test_layers_of_a_region_lie_where_it_lies():
    mask = blobs((24, 26, 28), seed=13)
    results = anabranch.run(mask, region="3:20,4:24,5:26", spacing=(2, 1, 0.5))
    assert results.to_napari()[0][1]["translate"] == (6.0, 4.0, 2.5)
    turned = anabranch.run(mask.T, axes="xyz", region="3:20,4:24,5:26", spacing=(2, 1, 0.5))
    assert turned.to_napari()[1][1]["translate"] == (2.5, 4.0, 6.0)


def test_the_plugin_runs_on_a_layer_and_reads_folders(results, tmp_path):
    optional("zarr")
    from anabranch import _napari

    class Layer:
        data, scale, name, multiscale = blobs((16, 17, 18), seed=14).astype("u1") * 9, (2.0, 1.0, 1.0), "vessels", False

    layers = _napari.run_on_layer(Layer(), threshold="otsu")
    np.testing.assert_array_equal(layers[0][0], anabranch.run(Layer.data).skeleton)
    assert layers[0][1]["scale"] == Layer.scale and layers[1][1]["name"] == "vessels: branches"
    results.write(tmp_path / "out")
    reader = _napari.get_reader(str(tmp_path / "out"))
    (skeleton, attributes, _), (vectors, _, _) = reader(str(tmp_path / "out"))
    np.testing.assert_array_equal(skeleton > 0, results.skeleton)
    assert attributes["scale"] == results.spacing and len(vectors) == len(results.branches)
    assert _napari.get_reader(str(tmp_path)) is None
    # A part of an image lies where it does in the image.
    part = anabranch.run(blobs((16, 17, 18), seed=14), region="3:15,4:16,5:18", spacing=(2, 1, 0.5))
    part.write(tmp_path / "part")
    layers = _napari.read_folder(tmp_path / "part")
    assert [attributes["translate"] for _, attributes, _ in layers] == [(6.0, 4.0, 2.5)] * 2


def test_a_picture_has_a_line_for_each_step(results):
    matplotlib = optional("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    for axis in (0, "y"):
        figure, ax = pyplot.subplots()
        results.plot("mean_radius", axis=axis, ax=ax)
        assert len(ax.collections[0].get_segments()) == sum(len(path) - 1 for path in results.paths)
        figure.canvas.draw()
        pyplot.close(figure)
