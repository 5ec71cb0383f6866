"""Skeletons are scikit-image's and tables skan's, whatever an array's type, order and strides."""

import numpy as np
import pytest

import anabranch
from conftest import assert_same_table, blobs, skeleton_of, table_of

TYPES = ["bool", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">u4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]


def in_c(array):
    return np.ascontiguousarray(array)


def in_fortran(array):
    return np.asfortranarray(array)


def every_second(array):
    wide = np.zeros([2 * length for length in array.shape], array.dtype)
    wide[::2, ::2, ::2] = array
    return wide[::2, ::2, ::2]


def backwards(array):
    return np.ascontiguousarray(array[::-1, :, ::-1])[::-1, :, ::-1]


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    return raw


@pytest.mark.parametrize("layout", [in_c, in_fortran, every_second, backwards, unaligned])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_and_layout_has_the_same_skeleton_and_table(dtype, layout):
    mask = blobs((14, 17, 19), seed=len(dtype))
    values = np.random.default_rng(7).integers(1, 100, mask.shape)
    image = layout((mask * values).astype(dtype))
    results = anabranch.run(image, spacing=(2, 0.5, 0.75), workers=2, chunk=(5, 6, 7))
    expected = skeleton_of(mask)
    np.testing.assert_array_equal(results.skeleton, expected)
    assert results.skeleton.dtype == bool
    assert_same_table(results.branches, table_of(expected, image.astype(float), (2, 0.5, 0.75)))


@pytest.mark.parametrize("seed", range(8))
def test_random_volumes_are_the_same_for_every_chunking_and_number_of_workers(seed):
    generator = np.random.default_rng(seed)
    mask = blobs(generator.integers(5, 40, 3), seed, share=generator.uniform(0.2, 0.7))
    expected = anabranch.run(mask, workers=1)
    np.testing.assert_array_equal(expected.skeleton, skeleton_of(mask))
    for workers in (1, 3):
        other = anabranch.run(mask, workers=workers, chunk=[int(length) for length in generator.integers(3, 30, 3)])
        assert other.branches.equals(expected.branches)
        assert other.nodes.equals(expected.nodes)
        assert other.skeletons.equals(expected.skeletons)
        assert other.summary == expected.summary
        np.testing.assert_array_equal(other.labels, expected.labels)


@pytest.mark.parametrize("order", ["zyx", "zxy", "yzx", "yxz", "xzy", "xyz"])
def test_every_order_of_axes_in_memory_is_the_same_image(order):
    mask = blobs((9, 20, 150), seed=2)
    places = ["zyx".index(name) for name in order]
    laid_out = np.ascontiguousarray(mask.transpose(places)).transpose(np.argsort(places))
    assert anabranch.run(laid_out).branches.equals(anabranch.run(mask).branches)


def test_planes_are_thinned_as_planes():
    mask = blobs((80, 90), seed=3)
    results = anabranch.run(mask, spacing=(0.5, 0.25))
    np.testing.assert_array_equal(results.skeleton, skeleton_of(mask))
    assert results.shape == mask.shape and results.axes == "yx"
    assert_same_table(results.branches, table_of(results.skeleton, spacing=(0.5, 0.25)))


def test_axes_in_any_order_are_turned_there_and_back():
    mask = blobs((14, 17, 19), seed=5)
    expected = anabranch.run(mask)
    for axes in ["xyz", "yxz", "zxy", "y,z,x"]:
        order = axes.replace(",", "")
        turned = mask.transpose(["zyx".index(name) for name in order])
        results = anabranch.run(turned, axes=axes)
        back = [order.index(name) for name in "zyx"]
        np.testing.assert_array_equal(results.skeleton.transpose(back), expected.skeleton)
        np.testing.assert_array_equal(results.labels.transpose(back), expected.labels)
        assert results.branches.equals(expected.branches)
        assert all(results.skeleton[tuple(path.T)].all() for path in results.paths)


def test_a_channel_and_a_time_are_picked():
    mask = blobs((14, 17, 19), seed=6)
    image = np.zeros((2, 14, 17, 19, 3), np.uint8)
    image[1, ..., 2] = mask
    results = anabranch.run(image, axes="tzyxc", time=1, channel=2)
    np.testing.assert_array_equal(results.skeleton, skeleton_of(mask))
    with pytest.raises(anabranch.UsageError, match="channel= as 0 to 2"):
        anabranch.run(image, axes="tzyxc", time=1)


def test_labels_are_the_numbers_of_branches_as_in_skan():
    skan = pytest.importorskip("skan", reason="skan is not installed")
    results = anabranch.run(blobs((20, 21, 22), seed=8))
    np.testing.assert_array_equal(results.labels, skan.Skeleton(results.skeleton).path_label_image())


def test_paths_are_the_voxels_of_branches_as_in_skan():
    skan = pytest.importorskip("skan", reason="skan is not installed")
    results = anabranch.run(blobs((20, 21, 22), seed=9))
    theirs = skan.Skeleton(results.skeleton)
    assert len(results.paths) == theirs.n_paths
    for number, path in enumerate(results.paths):
        np.testing.assert_array_equal(path, theirs.path_coordinates(number))


def test_filters_of_the_mask_are_those_of_scipy_and_scikit_image():
    from scipy import ndimage

    mask = blobs((24, 25, 26), seed=10, share=0.75)
    filled = ndimage.binary_fill_holes(mask)
    np.testing.assert_array_equal(anabranch.run(mask, fill_holes=True).skeleton, skeleton_of(filled))
    assert anabranch.run(mask, fill_holes=1).branches.equals(anabranch.run(mask).branches)
    parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
    largest = parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1
    np.testing.assert_array_equal(anabranch.run(mask, keep_largest=1).skeleton, skeleton_of(largest))


def test_nothing_leaves_tables_without_rows():
    results = anabranch.run(np.zeros((5, 6, 7), bool))
    assert len(results.branches) == 0 and results.paths == [] and not results.skeleton.any()
    assert results.branches["branch_distance"].dtype == float
