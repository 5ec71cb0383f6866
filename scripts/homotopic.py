"""Homotopic thinning in plain NumPy: the definition of `--method homotopic`, which no other package has.

A pass has six sub-iterations, in the order of scikit-image's Lee: background is looked for on the side y-, y+, x+, x-,
z+, z-; an image, or a volume of one plane, has the first four only. A sub-iteration lists the voxels that have background
on its side and may be deleted; then it goes through them in raster order, and deletes each that may still be deleted, in
the state that the ones before it have left. Passes are repeated until one of them deletes nothing. A voxel may be
deleted if it

- has other than one foreground neighbour among 26: it is no end point;
- changes no Euler characteristic of the union of closed cubes, which an isolated voxel would;
- has foreground neighbours that form one 26-connected component (with the condition before: it is (26,6)-simple);
- when its turn comes, each neighbour that was deleted in the same sub-iteration has a neighbour among those that are left:
  so an arm recedes by no more than a voxel in a sub-iteration, which else could be eaten along raster order.

`thin` takes about a second for 100,000 voxels.

    python scripts/homotopic.py     checks the promise on random masks: components, cavities and Euler number stay
"""

import functools

import numpy as np

DIRECTIONS = ((0, -1, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0))
CENTRE = 13
CELLS = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=1)
ADJACENT = [sum(1 << int(m) for m in np.flatnonzero(abs(CELLS - CELLS[n]).max(axis=1) <= 1)) for n in range(27)]


def euler_number(mask):
    """Vertices - edges + faces - cubes of the union of closed cubes: components - loops + cavities."""
    mask = np.asarray(mask, bool).reshape((1,) * (3 - np.ndim(mask)) + np.shape(mask))
    union = np.zeros([2 * n + 1 for n in mask.shape], bool)
    for shift in np.ndindex(3, 3, 3):
        union[tuple(slice(s, s + 2 * n - 1, 2) for s, n in zip(shift, mask.shape))] |= mask
    # A cell has a dimension for each of its odd coordinates.
    sign = 1 - 2 * (np.indices(union.shape).sum(axis=0) % 2)
    return int(sign[union].sum())


def is_connected(neighbours):
    """Whether the cells of a set, a bit each, form one 26-connected component."""
    reached = neighbours & -neighbours
    while True:
        near = 0
        for n in range(27):
            if reached >> n & 1:
                near |= ADJACENT[n]
        if near & neighbours == reached:
            return reached == neighbours
        reached = near & neighbours


@functools.lru_cache(maxsize=None)
def may_be_deleted(code):
    """Of the 27 cells around a foreground voxel, bit 9 dz + 3 dy + dx from the first corner on."""
    neighbours = code & ~(1 << CENTRE)
    if neighbours.bit_count() == 1 or not is_connected(neighbours):
        return False
    cells = (code >> np.arange(27) & 1).astype(bool).reshape(3, 3, 3)
    without = cells.copy()
    without[1, 1, 1] = False
    return euler_number(cells) == euler_number(without)


def lies_apart(deleted, now):
    """Whether a neighbour that was deleted touches none of those that are left."""
    left = now & ~(1 << CENTRE)
    return any(deleted >> n & 1 and not ADJACENT[n] & left for n in range(27))


def code_at(volume, place):
    """The 27 cells around a place of a volume with a border of background."""
    z, y, x = place
    around = volume[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].ravel()
    return int(around.astype(np.int64) @ (1 << np.arange(27)))


def thin(mask):
    """The skeleton of a mask of two or three axes, as bools of its shape."""
    mask = np.asarray(mask, bool)
    volume = np.pad(mask.reshape((1,) * (3 - mask.ndim) + mask.shape), 1)
    directions = DIRECTIONS[:4] if volume.shape[0] == 3 else DIRECTIONS
    while True:
        deleted = 0
        for direction in directions:
            # What lies on the side of each voxel.
            side = np.roll(volume, [-d for d in direction], axis=(0, 1, 2))
            border = np.argwhere(volume & ~side)
            codes = [(place, code_at(volume, place)) for place in border]
            for place, old in [(place, code) for place, code in codes if may_be_deleted(code)]:
                now = code_at(volume, place)
                if may_be_deleted(now) and not lies_apart(old & ~now, now):
                    volume[tuple(place)] = False
                    deleted += 1
        if not deleted:
            return volume[1:-1, 1:-1, 1:-1].reshape(mask.shape)


def main():
    from scipy.ndimage import gaussian_filter, generate_binary_structure, label

    def numbers(mask):
        """Components of foreground and of background, and Euler number."""
        full, faces = generate_binary_structure(mask.ndim, mask.ndim), generate_binary_structure(mask.ndim, 1)
        return label(mask, full)[1], label(~np.pad(mask, 1), faces)[1], euler_number(mask)

    rng = np.random.default_rng(16)
    for number in range(300):
        shape = rng.integers(1, 15, size=2 + number % 2)
        noise = gaussian_filter(rng.random(shape), rng.choice([0, 0.7, 1.5]))
        mask = noise > np.quantile(noise, rng.uniform(0.1, 0.9))
        skeleton = thin(mask)
        assert not (skeleton & ~mask).any() and numbers(skeleton) == numbers(mask), (number, shape)
        assert np.array_equal(thin(skeleton), skeleton), (number, shape)
    print("300 masks keep components, cavities and Euler number")


if __name__ == "__main__":
    main()
