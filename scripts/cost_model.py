"""What a run is made of: how chunks are dealt, and the sums of terms that `fit_costs.py` fits to measured runs.

Every term is a number that a volume and a way to run it give, times a coefficient that is fitted; `docs/costs.md` tells
why each is there. Needs Python 3 and numpy.
"""

import itertools
import math
from dataclasses import dataclass

import numpy

# Largest radius of the phantoms that all sizes have, in voxels.
RADIUS = 7.0
# Bytes that a process takes in any case, about.
BASE = 20e6
# Bytes of a skeleton voxel, and of a branch with its measures, as they go to the first process, about.
VOXEL_SENT, BRANCH_SENT = 8, 170
# Bytes that a skeleton voxel takes at the first process, with radius, steps of its branch and rank: as allocated. Too little to
# be told apart in volumes that are measured.
VOXEL_GATHERED = 10
# How far the Gaussian of sigma 1 reaches, in voxels.
DEPTH = 4
# Bytes that the program may hold for values in flight and for foreground values, unless told.
IN_FLIGHT, KEPT = 256 << 20, 128 << 20


@dataclass(frozen=True)
class Case:
    """A volume and how it is run."""

    size: int
    radius: float
    gray: bool
    chunk: int
    processes: int
    workers: int

    @property
    def name(self) -> str:
        form = "gray" if self.gray else "mask"
        return f"{self.size}-{self.radius:g}-{form}-{self.chunk}-{self.processes}x{self.workers}"

    @property
    def peers(self) -> int:
        return self.processes * self.workers

    @property
    def image(self) -> str:
        return f"{self.size}-{self.radius:g}-{'gray' if self.gray else 'mask'}.zarr"

# ---- How chunks are dealt: as src/grid.rs has it.


def blocks(shape: list[int], processes: int) -> list[int]:
    """Into how many blocks along each axis a grid is dealt: `blocks` of src/grid.rs."""
    long = next((a for a in range(3) if shape[a] > 1), 0)
    most, chunks = processes * 8, math.prod(shape)
    best, best_score = [1, 1, 1], (math.inf, 0, math.inf)
    for along in range(1, min(shape[long], most) + 1):
        for second in range(1, (min(shape[1], most // along) if long < 1 else 1) + 1):
            for third in range(1, (min(shape[2], most // along // second) if long < 2 else 1) + 1):
                ways = [1, second, third]
                ways[long] = along
                largest = math.prod(-(-n // b) for n, b in zip(shape, ways))
                count = along * second * third
                uneven = max(largest * -(-count // processes) * processes / chunks, 1.25)
                roomy = all(b == 1 or n // b >= 4 for n, b in zip(shape, ways))
                each = min(count // processes, 4) if roomy else 0
                score = (uneven, -each, sum((b - 1) / n for n, b in zip(shape, ways)))
                if score < best_score:
                    best, best_score = ways, score
        if best_score[0] <= 1.25:
            break
    return best


class Deal:
    """Which process owns which chunks of a cube of voxels, by blocks of chunks."""

    def __init__(self, size: int, chunk: int, processes: int) -> None:
        self.size, self.chunk, self.processes = size, min(chunk, size), processes
        self.shape = [-(-size // self.chunk)] * 3
        self.blocks = blocks(self.shape, processes)
        # The block of every chunk along each axis.
        self.block = [numpy.arange(n) * b // n for n, b in zip(self.shape, self.blocks)]
        z, y, x = numpy.indices(self.blocks)
        y = numpy.where(z % 2 == 1, self.blocks[1] - 1 - y, y)
        row = z * self.blocks[1] + y
        x = numpy.where(row % 2 == 1, self.blocks[2] - 1 - x, x)
        self.owner = (row * self.blocks[2] + x) % processes

    def owners(self, workers: int) -> numpy.ndarray:
        """The worker of every chunk."""
        cubes = math.prod(-(-n // 2) for n in self.shape)
        edge = 1 if cubes // 8 < self.processes * workers else 2
        z, y, x = (numpy.arange(n, dtype=numpy.int32) // edge for n in self.shape)
        here = (z[:, None, None] + y[:, None] + x) % workers
        processes = self.owner[self.block[0]][:, self.block[1]][:, :, self.block[2]]
        return (processes * workers + here).astype(numpy.int32)

    def lent(self) -> int:
        """Chunks beside one of another process, counted for each such process: it asks for their masks, for radii."""
        owner = self.owner[self.block[0]][:, self.block[1]][:, :, self.block[2]]
        wide = numpy.pad(owner, 1, constant_values=-1)
        count = 0
        for process in range(self.processes):
            near = wide == process
            for axis in range(3):
                middle, before, after = (
                    tuple(slice(*ends) if a == axis else slice(None) for a in range(3))
                    for ends in [(1, -1), (0, -2), (2, None)])
                near = near[middle] | near[before] | near[after]
            count += int((near & (owner != process)).sum())
        return count

    def crossing(self, depth: int) -> tuple[int, int]:
        """Slabs of a depth that chunks of one process show to chunks of others, and their voxels; both exact."""
        pairs = voxels = 0
        lengths = [numpy.minimum(self.chunk, self.size - self.chunk * numpy.arange(n)) for n in self.shape]
        for direction in itertools.product([-1, 0, 1], repeat=3):
            # Along each axis: from which block to which, how many chunks, and their voxels.
            ways = []
            for a, step in enumerate(direction):
                moves: dict[tuple[int, int], list[int]] = {}
                for i, length in enumerate(lengths[a]):
                    if 0 <= i + step < self.shape[a]:
                        move = moves.setdefault((int(self.block[a][i]), int(self.block[a][i + step])), [0, 0])
                        move[0] += 1
                        move[1] += int(length) if step == 0 else min(depth, int(length))
                ways.append(moves.items())
            for way in itertools.product(*ways):
                if self.owner[tuple(b[0] for b, _ in way)] != self.owner[tuple(b[1] for b, _ in way)]:
                    pairs += math.prod(move[0] for _, move in way)
                    voxels += math.prod(move[1] for _, move in way)
        return pairs, voxels


# ---- The model: each quantity is a sum of terms, a number that the case gives times a coefficient that is fitted.

# What follows from the program without a fit.
KNOWN = "counted"


@dataclass(frozen=True)
class Place:
    """Where a run takes place, besides its nodes and workers: bytes a second between a node and the others, bytes a
    second that a node reads, cores in all, and how much longer workers need than even shares of the CPU time, since they
    wait for planes."""

    network: float = math.inf
    storage: float = math.inf
    cores: float = math.inf
    waiting: float = 1.0


@dataclass(frozen=True)
class Work:
    """What a volume asks for: counts of voxels, and what thinning and the table make of them."""

    foreground: float
    deleted: float
    skeleton: float
    branches: float
    chunks_with_foreground: float
    sub_iterations: float


def work_of(result: dict) -> Work:
    names = ["foreground", "deleted_voxels", "skeleton_voxels", "branches", "chunks_with_foreground", "sub_iterations"]
    return Work(*(float(result[name]) for name in names))


def padded(case: Case) -> float:
    """Voxels that are smoothed: those of all chunks with the halo that the Gaussian reaches."""
    shape, chunk = -(-case.size // case.chunk), min(case.chunk, case.size)
    return float(sum(min(chunk, case.size - chunk * i) + 2 * DEPTH for i in range(shape)) ** 3)


def pixels(case: Case) -> int:
    """Pixels of the three panels of the overview."""
    return 3 * (case.size // -(-case.size // 1024)) ** 2


def overview_bytes(case: Case) -> float:
    """Bytes of the pictures that processes send to the first one: as many as a value has for each pixel of a panel that a
    process's chunks cover."""
    owners = Deal(case.size, case.chunk, case.processes).owners(1)
    shares = ((owners == process).any(axis=axis).mean() for process in range(1, case.processes) for axis in range(3))
    return pixels(case) / 3 * (2.0 if case.gray else 1.0) * float(sum(shares))


def cpu_terms(case: Case, work: Work, sent: float) -> dict[str, float]:
    """CPU seconds of all processes together."""
    return {
        "process": case.processes,
        "worker": case.peers,
        "voxel read, mask": float(case.size) ** 3 if case.radius and not case.gray else 0.0,
        "voxel read and smoothed, gray": padded(case) if case.gray else 0.0,
        "voxel deleted": work.deleted,
        "skeleton voxel": work.skeleton,
        "plane, for each other worker": float(case.size * (case.peers - 1)),
        "pixel of an overview": float(case.processes * pixels(case)),
        "byte of records sent": sent,
    }


def traffic_terms(case: Case, work: Work) -> dict[str, float]:
    """Bytes that processes send each other, together."""
    deal, chunk = Deal(case.size, case.chunk, case.processes), min(case.chunk, case.size)
    full = work.chunks_with_foreground / math.prod(deal.shape)
    others, far = case.peers * (case.peers - case.workers), (case.processes - 1) / case.processes
    return {
        KNOWN: 2.0 * deal.crossing(DEPTH)[1] if case.gray else 0.0,
        "byte of masks for radii": deal.lent() * full * chunk**3 / 8,
        "foreground voxel, to the first process": work.foreground * far,
        "run of 64 voxels, around the processes": float(case.size) ** 3 / 64 * case.processes,
        "foreground voxel, around the processes": work.foreground * case.processes,
        "skeleton voxel moved": work.skeleton * far,
        "pair of workers": float(others),
    }


def memory_terms(case: Case, work: Work) -> dict[str, float]:
    """Peak bytes of a process that thins masks and finds branches."""
    # Nine bits for eight voxels: a layer of chunks or two, and two planes for each sub-iteration.
    plane = float(case.size) ** 2 * 9 / 64
    awake = min(2.0 * work.sub_iterations, case.size) * plane
    return {
        KNOWN: awake / case.processes,
        "process": 1.0,
        "process of several": float(case.processes > 1),
        "worker": case.workers,
        "pixel of an overview": float(pixels(case)),
        "skeleton voxel of its own": work.skeleton / case.processes,
        "byte of layers that come": 2.0 * min(case.chunk, case.size) * plane,
    }


def gathering_terms(case: Case, work: Work, start: dict[str, float]) -> dict[str, float]:
    """Peak bytes of the first process at the end, when planes are gone, skeleton, branches and pictures come in from
    all, and the outputs are written."""
    constant = {name: term for name, term in memory_terms(case, work).items() if name in ["process", "worker"]}
    return {
        KNOWN: sum(start[name] * term for name, term in constant.items()) + VOXEL_GATHERED * work.skeleton,
        "pixel of an overview, put together": float(pixels(case)),
        "byte of overviews that come in": overview_bytes(case),
    }


def tier(case: Case, plane: float, rows: float) -> int:
    """Planes of a tier: `Window::tiers` of src/operators/window.rs."""
    chunk = min(case.chunk, case.size)
    best = chunk
    for count in range(1, max(chunk // max(16, 2 * DEPTH), 1) + 1):
        if chunk % count == 0:
            best = chunk // count
            of_tier, whole = (2.0 * (planes + 2 * DEPTH) * (chunk + 2 * DEPTH) ** 2 for planes in [best, chunk])
            if case.workers * 7 * of_tier + (plane - rows) * of_tier + rows * whole <= IN_FLIGHT:
                break
    return best


def smoothing_terms(case: Case, work: Work, thinning: float) -> dict[str, float]:
    """Peak bytes of a process that smooths as well. A chunk waits for those of the next plane, with its last tier;
    workers that are ahead of others read on until the budget is spent, which is at least a plane of the whole grid."""
    shape, chunk = -(-case.size // case.chunk), min(case.chunk, case.size)
    rows = shape + 1 + case.workers
    plane, own = min(shape**3, shape**2 + rows), shape**3 / case.processes
    waiting = 2.0 * (tier(case, plane, rows) + 2 * DEPTH) * (chunk + 2 * DEPTH) ** 2
    whole = 2.0 * (chunk + 2 * DEPTH) ** 3
    held = ((plane - rows) * waiting + rows * whole) / case.processes
    ahead = min(max(IN_FLIGHT - held, 0.0), max(own * whole - held, 0.0))
    return {
        KNOWN: thinning + min(KEPT, 2 * work.foreground / case.processes),
        "byte of a plane of chunks": held,
        "byte that may be read ahead": ahead if case.peers > 1 else 0.0,
        "byte of the chunks that are worked on": case.workers * 7 * waiting,
    }


def tail_terms(case: Case, work: Work) -> dict[str, float]:
    """Seconds from the branches to the end, in which the first process is alone: the table, the summary and the
    picture."""
    return {"run": 1.0, "skeleton voxel": work.skeleton, "pixel of an overview": float(pixels(case))}


def fit(rows: list[dict[str, float]], measured: list[float], base: float = 0.0) -> dict[str, float]:
    """Coefficients, none of them negative, with the least sum of squares of errors relative to what is measured beyond
    a base (Lawson and Hanson)."""
    names = [name for name in rows[0] if name != KNOWN]
    weights = 1.0 / (numpy.array(measured) - base)
    matrix = numpy.array([[row[name] for name in names] for row in rows]) * weights[:, None]
    scale = numpy.maximum(numpy.sqrt((matrix**2).sum(axis=0)), 1e-300)
    wanted = weights * (numpy.array(measured) - numpy.array([row.get(KNOWN, 0.0) for row in rows]))
    matrix /= scale
    solution, used = numpy.zeros(len(names)), numpy.zeros(len(names), dtype=bool)
    for _ in range(10 * len(names)):
        gradient = numpy.where(used, -numpy.inf, matrix.T @ (wanted - matrix @ solution))
        if gradient.max() < 1e-9:
            break
        used[gradient.argmax()] = True
        while True:
            trial = numpy.zeros(len(names))
            trial[used] = numpy.linalg.lstsq(matrix[:, used], wanted, rcond=None)[0]
            if (trial[used] > 0).all():
                break
            over = used & (trial <= 0)
            step = (solution[over] / numpy.maximum(solution[over] - trial[over], 1e-300)).min()
            solution += step * (trial - solution)
            used &= solution > 1e-12
        solution = trial
    return dict(zip(names, (float(value) for value in solution / scale)))


def total(coefficients: dict[str, float], terms: dict[str, float]) -> float:
    return terms.get(KNOWN, 0.0) + sum(value * terms[name] for name, value in coefficients.items())


def residuals(rows: list[dict[str, float]], measured: list[float], coefficients: dict[str, float]) -> str:
    off = sorted(abs(total(coefficients, row) / value - 1) for row, value in zip(rows, measured))
    return f"{len(off)} measurements, off by {off[len(off) // 2]:.0%} (median), {off[-len(off) // 10]:.0%} (90 of 100)"


def fitted(
    title: str, unit: str, rows: list[dict[str, float]], measured: list[float], base: float = 0.0
) -> dict[str, float]:
    """Fits, and prints what comes out."""
    coefficients = fit(rows, measured, base)
    print(f"\n{title}: {residuals(rows, measured, coefficients)}")
    for name, value in coefficients.items():
        print(f"  {value:12.4g} {unit} a {name}" + ("" if value else " (not told apart from the others)"))
    return coefficients


class Model:
    """Everything that is fitted, and what follows for other volumes."""

    def __init__(self, results: list[dict]) -> None:
        cases, works = [case_of(one) for one in results], [work_of(one) for one in results]
        both = list(zip(cases, works, results))
        # The densities of the largest volumes count for the predictions.
        self.densest = {gray: max((two for two in both if two[0].gray == gray and two[0].radius == RADIUS),
                                  key=lambda two: (two[0].size, two[0].chunk)) for gray in [False, True]}

        self.turns = fitted("Sub-iterations", "1", *zip(*(
            ({"thinning": 1.0, "voxel of the largest radius": case.radius}, work.sub_iterations)
            for case, work, _ in both if case.radius)))
        self.cpu = fitted("CPU time, all processes", "s", *zip(*(
            (cpu_terms(case, work, one["bytes_between_processes"]), sum(one["cpu"])) for case, work, one in both)))
        self.traffic = fitted("Traffic, all processes", "B", *zip(*(
            (traffic_terms(case, work), one["bytes_between_processes"])
            for case, work, one in both if case.processes > 1)))
        # Small volumes tell little but what a process takes by itself.
        large = [one for one in both if one[0].size >= sorted(case.size for case in cases)[len(cases) // 2]]
        peaks = [(case, work, first, one["memory"][0] if first else max(one["memory"][1:]))
                 for case, work, one in large for first in [True, False] if first or case.processes > 1]
        masks = [one for one in peaks if not one[0].gray and one[0].radius]
        self.memory = fitted("Peak memory of a process", "B", *zip(*(
            (memory_terms(case, work), peak) for case, work, first, peak in masks
            if case.processes <= 2 or not first)), BASE)
        self.gathering = fitted("Peak memory of the first process at the end, where that is more", "B", *zip(*(
            (gathering_terms(case, work, self.memory), peak) for case, work, first, peak in masks
            if first and peak > 1.1 * total(self.memory, memory_terms(case, work)))), BASE)
        self.smoothing = fitted("Peak memory of a process that smooths", "B", *zip(*(
            (smoothing_terms(case, work, self.thinning(case, work, first)), peak)
            for case, work, first, peak in peaks if case.gray)))
        self.tail = fitted("Serial: table, summary and picture, by the first process", "s", *zip(*(
            (tail_terms(case, work), one["tail"]) for case, work, one in both)))
        # How much longer than an even share of the CPU time it takes: more where the machine has other work.
        largest = max(case.size for case in cases if case.radius and case.peers == 1)
        alone, two = (float(numpy.median([
            (one["seconds"] - one["tail"]) / (sum(one["cpu"]) - one["tail"]) * peers
            for case, work, one in both if case.size == largest and case.radius and case.peers == peers]))
            for peers in [1, 2])
        print(f"\nTime until the branches over an even share of the CPU time: {alone:.2f} for one worker (1 on a quiet "
              f"machine), {two:.2f} for two")

    def work(self, case: Case) -> Work:
        """What a volume of the density of the largest measured asks for."""
        known, work, _ = self.densest[case.gray]
        more = (case.size / known.size) ** 3
        full = work.chunks_with_foreground / math.ceil(known.size / known.chunk) ** 3
        turns = total(self.turns, {"thinning": 1.0, "voxel of the largest radius": case.radius})
        return Work(work.foreground * more, work.deleted * more, work.skeleton * more, work.branches * more,
                    full * math.ceil(case.size / case.chunk) ** 3, turns)

    def predict(self, case: Case, place: Place) -> dict[str, float]:
        """Seconds and bytes of a run, with a process on each node."""
        work = self.work(case)
        sent = total(self.traffic, traffic_terms(case, work)) if case.processes > 1 else 0.0
        cpu = total(self.cpu, cpu_terms(case, work, sent))
        tail = total(self.tail, tail_terms(case, work))
        # What the first process receives alone: its workers take it in while the others wait.
        far = (case.processes - 1) / case.processes
        gathered = far * (VOXEL_SENT * work.skeleton * (2 if case.gray else 1) + BRANCH_SENT * work.branches)
        serial = tail + gathered * self.cpu["byte of records sent"]
        parallel = max(cpu - serial, 0.0) / min(case.peers, place.cores) * (place.waiting if case.peers > 1 else 1.0)
        read = float(case.size) ** 3 * (2 if case.gray else 1) / case.processes
        moving = max(sent / case.processes, gathered) / place.network + read / place.storage
        other, first = (self.peak(case, work, first) for first in [False, True])
        return {"seconds": parallel + serial + moving, "cpu": cpu, "serial": serial,
                "sent": sent, "first": first, "other": other, "skeleton": work.skeleton, "branches": work.branches}

    def thinning(self, case: Case, work: Work, first: bool) -> float:
        """The same of a process that smooths nothing."""
        return max(total(self.memory, memory_terms(case, work)),
                   total(self.gathering, gathering_terms(case, work, self.memory)) if first else 0.0)

    def peak(self, case: Case, work: Work, first: bool) -> float:
        """Peak bytes of the first process, or of another one."""
        known = self.thinning(case, work, first)
        return total(self.smoothing, smoothing_terms(case, work, known)) if case.gray else known


def case_of(result: dict) -> Case:
    return Case(*(result[name] for name in Case.__dataclass_fields__))
