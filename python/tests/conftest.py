"""Images for the tests, and what they are compared with."""

import numpy as np
import pytest


def blobs(shape, seed, share=0.5, sigma=1.5):
    """A random mask with loops, tips and several components."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    return noise > np.quantile(noise, 1 - share)


def optional(name):
    """A package that a test needs; without it, the test is skipped with a sentence."""
    return pytest.importorskip(name, reason=f"{name} is not installed: pip install './python[test]'")


def skeleton_of(mask):
    """scikit-image's skeleton."""
    return optional("skimage.morphology").skeletonize(mask)


def table_of(skeleton, values=None, spacing=1):
    """skan's table of a skeleton, with pixel values at it."""
    skan = optional("skan")
    values = np.ones(skeleton.shape) if values is None else values
    # skan drops voxels whose value is 0: all are raised, and means lowered again.
    lift = 1 - min(0, float(np.min(values)))
    image = np.where(skeleton, values + lift, 0.0)
    table = skan.summarize(skan.Skeleton(image, spacing=spacing), separator="_")
    table["mean_pixel_value"] -= lift
    return table


def assert_same_table(ours, theirs):
    """Same rows, same order: whole numbers equal, others to 1e-9."""
    assert len(ours) == len(theirs)
    assert list(ours.columns[: len(theirs.columns)]) == list(theirs.columns)
    for name in theirs.columns:
        expected = theirs[name].to_numpy()
        if name == "stdev_pixel_value":
            np.testing.assert_allclose(ours[name], expected, rtol=1e-6, atol=1e-3 * max(1.0, np.abs(theirs["mean_pixel_value"]).max()))
        elif expected.dtype.kind == "f":
            np.testing.assert_allclose(ours[name], expected, rtol=1e-9, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(ours[name], expected, err_msg=name)
