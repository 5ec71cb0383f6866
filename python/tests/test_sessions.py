"""Sessions have the results of a run, after any history."""

import threading

import numpy as np
import pytest

import anabranch
from conftest import blobs


def parts(mask, chunk):
    """The chunks of an image by their places."""
    counts = [-(-length // side) for length, side in zip(mask.shape, chunk)]
    for place in np.ndindex(*counts):
        yield place, mask[tuple(slice(at * side, (at + 1) * side) for at, side in zip(place, chunk))]


def assert_is_run(session, image, **options):
    snapshot, expected = session.results(), anabranch.run(image, **options)
    assert snapshot.branches.equals(expected.branches)
    assert snapshot.nodes.equals(expected.nodes) and snapshot.skeletons.equals(expected.skeletons)
    np.testing.assert_array_equal(snapshot.skeleton, expected.skeleton)
    assert snapshot.summary["total_length"] == expected.summary["total_length"]


@pytest.mark.parametrize("shape", [(24, 26, 28), (60, 70)])
def test_edits_add_up_to_a_run_on_what_is_there(shape):
    chunk = (9, 10, 11)[: len(shape)] if len(shape) == 3 else (16, 20)
    image = blobs(shape, seed=20)
    rows = 0
    with anabranch.Session(shape, chunk, bool, spacing=0.5) as session:
        for place, values in parts(image, chunk):
            session.insert(place, values)
        rows += session.advance().changes["diff"].sum()
        assert_is_run(session, image, spacing=0.5)
        before = session.results()
        (gone, lost), (other, values) = list(parts(image, chunk))[1:3]
        session.retract(gone)
        session.replace(other, ~values)
        values[...] = ~values
        lost[...] = False
        epoch = session.advance()
        rows += epoch.changes["diff"].sum()
        assert epoch.number == 1 and set(epoch.changes["diff"]) <= {1, -1}
        assert_is_run(session, image, spacing=0.5)
        assert rows == len(session.results().branches)
        assert len(before.branches) != 0 and not before.branches.equals(session.results().branches)


def test_a_session_is_fed_from_threads():
    image, chunk = blobs((32, 33, 34), seed=21).astype(np.uint16) * 7, (8, 9, 10)
    chunks = list(parts(image, chunk))
    with anabranch.Session(image.shape, chunk, np.uint16, threshold=3, workers=2, memory="1M") as session:

        def feed(own):
            for place, values in own:
                session.insert(place, values)

        threads = [threading.Thread(target=feed, args=(chunks[n::3],)) for n in range(3)]
        [thread.start() for thread in threads]
        session.advance()
        [thread.join() for thread in threads]
        session.advance()
        assert_is_run(session, image, threshold=3)


def test_values_that_are_held_may_be_smoothed_and_decide_the_threshold():
    image, chunk = (np.random.default_rng(3).random((20, 21, 22)) * 200).astype(np.uint8), (8, 8, 8)
    options = {"sigma": 1, "threshold": "otsu"}
    with anabranch.Session(image.shape, chunk, np.uint8, hold_values=True, **options) as session:
        for place, values in parts(image, chunk):
            session.insert(place, values)
        session.advance()
        assert_is_run(session, image, **options)


def test_what_makes_no_sense_is_refused_and_changes_nothing():
    rod = np.zeros((8, 8, 8), bool)
    rod[4, 4] = True
    session = anabranch.Session((8, 8, 16), 8, bool)
    session.insert((0, 0, 0), rod)
    for act, says in [
        (lambda: session.insert((0, 0, 0), rod), "is there already: replace it"),
        (lambda: session.replace((0, 0, 1), rod), "chunk 0.0.1"),
        (lambda: session.insert((0, 0), rod), "named by 3 numbers"),
        (lambda: session.insert((0, 0, 1), rod.astype("u1")), "type bool"),
        (lambda: session.insert((0, 0, 9), rod), ""),
        (lambda: session.insert((0, 0, 1), rod[:4]), ""),
        (lambda: anabranch.Session((8, 8, 16), 8, "f2"), "wider"),
        (lambda: anabranch.Session((8, 8, 16), 8, bool, colour=1), "colour"),
        (lambda: anabranch.Session((8, 8, 16), 8, "u1", sigma=1, threshold=2), "hold the values"),
    ]:
        with pytest.raises(anabranch.Error) as raised:
            act()
        assert says in str(raised.value), raised.value
    assert session.advance().changes["diff"].tolist() == [1]
    session.close()
    session.close()
    with pytest.raises(anabranch.UsageError, match="closed"):
        session.advance()
