"""Progress, interruptions, threads and exceptions."""

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import anabranch
from conftest import blobs


class Slow:
    """An array that takes its time to be read."""

    def __init__(self, array, seconds):
        self.array, self.seconds = array, seconds
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return self.array[index]


def test_the_lock_of_the_interpreter_is_released():
    over, count = threading.Event(), 0

    def counting():
        nonlocal count
        while not over.is_set():
            count += 1
            time.sleep(0.001)

    thread = threading.Thread(target=counting)
    thread.start()
    anabranch.run(Slow(blobs((32, 32, 32), seed=0), 0.02), chunk=16, workers=1)
    over.set()
    thread.join()
    assert count > 20


def test_progress_is_told_and_its_exceptions_end_the_run():
    told = []
    anabranch.run(Slow(blobs((32, 32, 32), seed=1), 0.1), chunk=16, workers=1, progress=told.append)
    assert told and all(isinstance(now, anabranch.Progress) for now in told)
    assert any(now.stage == "reading" and now.total == 8 for now in told)

    def stop(now):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        anabranch.run(Slow(blobs((64, 64, 64), seed=1), 0.05), chunk=8, workers=1, progress=stop)


def test_progress_may_be_a_bar(capsys):
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    anabranch.run(blobs((16, 16, 16), seed=2), progress=True)
    with pytest.raises(anabranch.UsageError, match="progress="):
        anabranch.run(blobs((16, 16, 16), seed=2), progress=3)


INTERRUPTED = """
import signal
import time
import numpy as np
import anabranch

# It is ignored where tests run in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Slow:
    shape, dtype = (64, 64, 64), np.dtype(bool)
    def __getitem__(self, index):
        time.sleep(0.05)
        return np.ones(self.shape, bool)[index]

print("begun", flush=True)
began = time.monotonic()
try:
    anabranch.run(Slow(), chunk=4, workers=1)
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - began)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")
def test_ctrl_c_ends_a_run():
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    word, seconds = out.split()
    # All chunks would take more than three minutes.
    assert word == "interrupted" and float(seconds) < 30


def test_errors_are_exceptions_by_kind(tmp_path):
    mask = blobs((16, 16, 16), seed=3)
    with pytest.raises(anabranch.UsageError, match="sigma= smooths the image before a threshold") as raised:
        anabranch.run(mask, sigma=1)
    assert isinstance(raised.value, ValueError) and raised.value.exit_code == 2
    with pytest.raises(anabranch.MissingError) as raised:
        anabranch.run(tmp_path / "none.npy")
    assert isinstance(raised.value, FileNotFoundError) and raised.value.path.endswith("none.npy")
    image = mask.astype(float)
    image[3, 4, 5] = np.nan
    with pytest.raises(anabranch.DataError, match=r"\(3, 4, 5\) is NaN"):
        anabranch.run(image)
    (tmp_path / "broken.npy").write_bytes(b"no array")
    with pytest.raises(anabranch.DataError, match="broken.npy"):
        anabranch.run(tmp_path / "broken.npy")
    assert issubclass(anabranch.OutputError, OSError) and issubclass(anabranch.DataError, anabranch.Error)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"spacing": 0}, "positive"),
        ({"spacing": (1, 2)}, "spacing= as 3 numbers"),
        ({"spacing": "2,0.5,0.5parsec"}, "parsec"),
        ({"threshold": "otzu"}, "otsu, triangle, li"),
        ({"threshold": 1, "below": 2}, "contradict"),
        ({"threshold": (5, 2)}, "lower number first"),
        ({"method": "zhang"}, "2-D"),
        ({"method": "thin"}, "lee, zhang, homotopic"),
        ({"connectivity": 8}, "6, 18, 26"),
        ({"region": "0:5,3"}, "region="),
        ({"memory": "much"}, "500M"),
        ({"axes": "zy"}, "axes"),
        ({"axes": "zyz"}, "each axis once"),
        ({"channel": 1}, "leave it out"),
        ({"workers": 0}, "workers="),
        ({"remove_smaller": -1}, "does not fit"),
        ({"columns": "few"}, "does not fit"),
        ({"chunk": "small"}, "chunk="),
        ({"fill_holes": "some"}, "fill_holes="),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_what_to_do(arguments, says):
    with pytest.raises(anabranch.UsageError) as raised:
        anabranch.run(blobs((16, 16, 16), seed=4).astype("u1"), **arguments)
    assert says in str(raised.value), raised.value


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((3, 4, 5), complex), "complex128"),
        (np.zeros((3, 4, 5), object), "object"),
        (np.zeros(5), "1 axes"),
        (np.zeros((2, 3, 4, 5)), "axes='czyx'"),
        (np.zeros((0, 4, 5)), "no voxels"),
        ("", "give the path of an image"),
    ],
)
def test_arrays_that_are_no_image_are_refused(image, says):
    with pytest.raises(anabranch.Error) as raised:
        anabranch.run(image)
    assert says in str(raised.value), raised.value


def test_what_an_array_raises_is_the_cause():
    class Broken:
        shape, dtype = (8, 8, 8), np.dtype("u1")

        def __getitem__(self, index):
            raise LookupError("the disk is gone")

    with pytest.raises(anabranch.DataError, match="the disk is gone") as raised:
        anabranch.run(Broken())
    assert isinstance(raised.value.__cause__, LookupError)


def test_runs_go_on_beside_each_other():
    masks = [blobs((24, 25, 26), seed) for seed in range(4)]
    expected = [anabranch.run(mask).branches for mask in masks]
    found = [None] * len(masks)

    def one(number):
        found[number] = anabranch.run(masks[number]).branches

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(masks))]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(ours.equals(theirs) for ours, theirs in zip(found, expected))
