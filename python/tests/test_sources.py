"""Arrays of Dask and Zarr, companions of images, and memory."""

import json
import subprocess
import sys

import numpy as np
import pytest

import anabranch
from conftest import blobs, optional, skeleton_of


def test_dask_arrays_larger_than_the_budget_are_read_chunk_by_chunk():
    array = optional("dask.array")
    mask = np.zeros((64, 512, 512), np.uint8)
    mask[:, :60, :70] = blobs((64, 60, 70), seed=1)
    most = 0

    def watched(block):
        nonlocal most
        most = max(most, block.size)
        return block

    lazy = array.from_array(mask, chunks=(64, 64, 64)).map_blocks(watched, dtype=np.uint8, meta=np.zeros((0, 0, 0), np.uint8))
    results = anabranch.run(lazy, memory="12M", workers=2)
    assert mask.nbytes > 12 << 20
    assert 0 < most <= 64**3
    np.testing.assert_array_equal(results.skeleton, skeleton_of(mask > 0))


def test_zarr_arrays_are_read_chunk_by_chunk():
    zarr = optional("zarr")
    mask = blobs((30, 40, 50), seed=2)
    array = zarr.create_array({}, shape=mask.shape, chunks=(10, 16, 20), dtype="uint8")
    array[:] = mask
    np.testing.assert_array_equal(anabranch.run(array).skeleton, skeleton_of(mask))


def test_a_file_has_the_results_of_its_array(tmp_path):
    mask = blobs((20, 30, 40), seed=3)
    path = tmp_path / "mask.npy"
    np.save(path, mask)
    of_path, of_array = anabranch.run(path, spacing=2), anabranch.run(mask, spacing=2)
    assert of_path.branches.equals(of_array.branches)
    np.testing.assert_array_equal(of_path.skeleton, of_array.skeleton)


def test_what_may_mislead_is_said(tmp_path):
    image = np.zeros((12, 13, 14), np.uint8)
    image[2:4, 2:4, 2:4], image[8, 8, 2:12] = 1, 7
    with pytest.warns(anabranch.ImageWarning, match="left no skeleton") as said:
        results = anabranch.run(image)
        assert any("method='homotopic'" in warning for warning in results.warnings)
    assert len(said) == len(results.warnings)
    assert all(warning.filename == __file__ for warning in said)


def test_a_file_is_known_by_its_path(tmp_path):
    mask = blobs((20, 30, 40), seed=3)
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "inside.npy", np.ones_like(mask))
    results = anabranch.run(tmp_path / "mask.npy", mask=tmp_path / "inside.npy")
    assert results.summary["parameters"]["mask"].endswith("inside.npy")
    results.write(tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["image"]["path"] == str(tmp_path / "mask.npy")


def test_what_is_written_is_what_the_tables_hold(tmp_path):
    pandas = pytest.importorskip("pandas")
    results = anabranch.run(blobs((20, 30, 40), seed=4), spacing="0.5um", objects=True)
    results.write(tmp_path / "out")
    for name in ["branches", "nodes", "skeletons", "objects"]:
        written = pandas.read_csv(tmp_path / "out" / f"{name}.csv")
        # Whole floats are read as whole numbers, and some releases of pandas read the last digit of others as it comes.
        pandas.testing.assert_frame_equal(written, getattr(results, name), check_dtype=False, rtol=1e-14, atol=0)
    assert results.branches.attrs["units"]["branch_distance"] == "length"
    with pytest.raises(anabranch.OutputError, match="overwrite="):
        results.write(tmp_path / "out")
    results.write(tmp_path / "out", overwrite=True)


def test_a_region_of_interest_and_intensities_may_be_arrays_or_paths(tmp_path):
    mask = blobs((20, 30, 40), seed=5)
    inside = np.zeros(mask.shape, bool)
    inside[:, 5:20] = True
    values = np.random.default_rng(0).random(mask.shape).astype("f4")
    np.save(tmp_path / "values.npy", values)
    expected = anabranch.run(mask & inside)
    for intensity in [values, tmp_path / "values.npy"]:
        results = anabranch.run(mask, mask=inside, intensity=intensity)
        np.testing.assert_array_equal(results.skeleton, expected.skeleton)
        first = results.paths[0]
        mean = np.mean(values[tuple(first.T)].astype(float))
        assert results.branches["mean_pixel_value"][0] == pytest.approx(mean, rel=1e-12)
    turned = anabranch.run(mask.T, axes="xyz", mask=inside.T)
    np.testing.assert_array_equal(turned.skeleton.T, expected.skeleton)


def test_labels_have_a_skeleton_each():
    mask = blobs((20, 30, 40), seed=6)
    labels = np.where(mask, np.where(np.arange(40) < 20, 7, 2**63 + 5), 0).astype(np.uint64)
    results = anabranch.run(labels, labels=True)
    union = skeleton_of(labels == 7) | skeleton_of(labels > 7)
    np.testing.assert_array_equal(results.skeleton, union)
    assert set(results.branches["label"]) == {7, 2**63 + 5} and results.branches["label"].dtype == np.uint64


def test_an_atlas_gives_regions():
    mask = blobs((20, 30, 40), seed=7)
    atlas = np.broadcast_to(np.arange(40) // 20 + 1, mask.shape)
    results = anabranch.run(mask, atlas=atlas)
    assert list(results.regions["region"]) == [1, 2]
    assert results.branches["region"].isin([1, 2]).all()


def test_a_region_is_a_part():
    mask = blobs((20, 30, 40), seed=8)
    part = np.s_[2:18, 3:25, 10:33]
    results = anabranch.run(mask, region=part)
    np.testing.assert_array_equal(results.skeleton, skeleton_of(mask[part]))
    assert anabranch.run(mask, region="2:18,3:25,10:33").branches.equals(results.branches)


MEMORY = """
import resource, sys
import anabranch
anabranch.run(sys.argv[2], workers=1, memory="32M")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
results = anabranch.run(sys.argv[1], workers=1, memory="32M")
assert results.summary["branches"] > 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured in the unit of Linux")
def test_a_run_on_a_path_holds_no_copy_of_it(tmp_path):
    small = blobs((40, 64, 64), seed=9).astype(np.uint8)
    np.save(tmp_path / "small.npy", small)
    large = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.uint8, (200, 1024, 1024))
    large[100:140, 500:564, 300:364] = small
    del large
    command = [sys.executable, "-c", MEMORY, tmp_path / "large.npy", tmp_path / "small.npy"]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < 100 << 10, f"{grown >> 10} MiB more for an image of 200 MiB"
