//! One worker's stages in a sweep.

mod kept;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::kept::{LoadParts, SaveParts};

use super::bench::Bench;
use super::gate::Gate;
use super::stage::Stage;
use super::{DIRECTIONS, PackedPlane, Plane, PlaneLayout, SeamWriter};
use crate::kernel::shelf::Shelf;
use crate::kernel::thin::lee::Retest;

/// Planes that may be on their way between two workers, beside those that their stages hold.
const ON_THE_WAY: usize = 16;
/// Number of planes whose bytes are kept for others that come from other processes.
const SPARE: usize = 16;

/// A plane on its way to a stage. The worker of the stage is its number modulo the number of workers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Passage {
    /// The number of the stage in the chain.
    pub stage: usize,
    /// The plane.
    pub plane: Plane,
}

/// A plane on its way to a stage in another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PackedPassage {
    stage: usize,
    plane: PackedPlane,
}

/// One worker's stages in a sweep: of `n` workers the first has the stages `0`, `n`, `2n` and so on.
#[derive(Debug)]
pub struct Sweep {
    bench: Bench,
    /// Sub-iterations of each worker's stages.
    steps: Vec<usize>,
    index: usize,
    /// Own stages that have come into being, but for those that are over.
    stages: VecDeque<Stage>,
    /// Number of own stages that are over.
    over: usize,
    /// Number of planes that have come to the first stage, and to the first worker's second one.
    around: [usize; 2],
    /// For each worker, the planes that wait at the gate of its first stage while that is closed, as far as this one knows.
    parked: Vec<usize>,
    /// Number of voxels deleted in stages that are over, and the last of their sub-iterations with deletions.
    deleted: u64,
    last: Option<usize>,
    /// Number of planes that were woken in stages that are over.
    woken: u64,
    /// Bytes of planes that this worker may hold, and how often one was put aside.
    most: Option<usize>,
    aside: u64,
    /// Number of planes that have come to any stage.
    received: usize,
}

impl Sweep {
    /// The stages of worker `index`, without planes. The stages of each worker do as many sub-iterations as
    /// [`PlaneLayout::steps`] says. `retest` selects the method.
    pub fn new(layout: PlaneLayout, steps: Vec<usize>, index: usize, retest: Retest) -> Sweep {
        Sweep {
            bench: Bench::new(layout, retest),
            parked: vec![0; steps.len()],
            steps,
            index,
            stages: VecDeque::new(),
            over: 0,
            around: [0; 2],
            deleted: 0,
            last: None,
            woken: 0,
            most: None,
            aside: 0,
            received: 0,
        }
    }

    /// Adds a shelf for planes that sleep; and for others, where those that this worker holds take more than `most` bytes. Such
    /// planes come back for the work in their stage, and take the time of packing and unpacking each time.
    #[must_use]
    pub fn with_shelf(mut self, shelf: Arc<dyn Shelf>, most: Option<usize>) -> Sweep {
        (self.bench.shelf, self.most) = (Some(shelf), most);
        self
    }

    /// Adds a writer of seam logs.
    #[must_use]
    pub fn with_seams(mut self, writer: SeamWriter) -> Sweep {
        self.bench.writer = Some(writer);
        self
    }

    /// Takes out the writer with the seam logs, when the sweep is over; later deletions are not logged.
    pub fn take_seams(&mut self) -> Option<SeamWriter> {
        self.bench.writer.take()
    }

    /// Whether the first worker should take further planes of the volume: it has nothing better to do, and the others have
    /// not fallen behind.
    pub fn wants_planes(&self) -> bool {
        let held: usize = self.steps.iter().map(|steps| steps + 2 + ON_THE_WAY).sum();
        let ([come, returned], parked) = (self.around, self.parked.iter().sum::<usize>());
        come < self.bench.layout.depth()
            && self.choose().is_none_or(|stage| stage == 0)
            && self.stages.front().is_none_or(|stage| self.over > 0 || stage.ready() < stage.batch())
            && (self.steps.len() == 1 || come <= returned + parked + held)
    }

    /// Number of planes that wait at the gate of this worker's first stage because nothing is to do there yet. The first
    /// worker must be told of it by [`Sweep::note_parked`]: it would wait for them, and they for planes that it has not taken.
    pub fn parked(&self) -> usize {
        let first = self.stages.front().filter(|_| self.over == 0);
        first.map_or(0, Stage::parked)
    }

    /// Notes how many planes wait at the gate of another worker's first stage.
    pub fn note_parked(&mut self, worker: usize, planes: usize) {
        self.parked[worker] = planes;
    }

    /// Takes a plane, the next one to its stage. Planes of the volume come to stage 0 of the first worker, from top to
    /// bottom; all others come from [`Sweep::work`] of some worker.
    pub fn receive(&mut self, Passage { stage, plane }: Passage, pass: &mut impl FnMut(Passage)) {
        let (at, workers) = (stage / self.steps.len() - self.over, self.steps.len());
        debug_assert_eq!(stage % workers, self.index);
        if let Some(count) = self.around.get_mut(stage / workers).filter(|_| self.index == 0) {
            *count += 1;
        }
        while self.stages.len() <= at {
            let round = self.over + self.stages.len();
            let first = round * self.steps.iter().sum::<usize>() + self.steps[..self.index].iter().sum::<usize>();
            let mut stage = Stage::new(first, self.steps[self.index], round == 0);
            stage.gate.set_shelf(self.bench.shelf.as_ref(), &self.bench.layout);
            self.stages.push_back(stage);
        }
        self.stages[at].arrive(plane, |plane| pass(Passage { stage: stage + 1, plane }));
        // Of a stage that does not work, others may find out too late.
        self.received += 1;
        if self.received.is_multiple_of(ON_THE_WAY) {
            self.keep_within();
        }
    }

    /// Packs a plane for a stage in another process.
    pub fn pack(&mut self, Passage { stage, plane }: Passage) -> PackedPassage {
        let (plane, bits) = PackedPlane::new(plane, &self.bench.layout);
        let spare = &mut self.bench.spare_bits;
        spare.extend(bits.filter(|_| spare.len() < SPARE));
        PackedPassage { stage, plane }
    }

    /// The plane that was packed by a sweep of the same volume; `None` if it is of another one.
    pub fn unpack(&mut self, PackedPassage { stage, plane }: PackedPassage) -> Option<Passage> {
        let plane = plane.unpacked(&self.bench.layout, &mut self.bench.spare_bits)?;
        Some(Passage { stage, plane })
    }

    /// Lets some planes enter one of the stages. Calls `pass` with planes that are finished there, each in the order of its
    /// stage. Returns whether there was anything to do.
    pub fn work(&mut self, pass: &mut impl FnMut(Passage)) -> bool {
        let Some(at) = self.choose() else { return false };
        let next = (self.over + at) * self.steps.len() + self.index + 1;
        let stage = &mut self.stages[at];
        for _ in 0..stage.ready().min(stage.batch()) {
            stage.enter(&mut self.bench, &mut |plane| pass(Passage { stage: next, plane }));
        }
        while self.stages.front().is_some_and(|stage| stage.is_over(&self.bench.layout)) {
            let Some(stage) = self.stages.pop_front() else { break };
            (self.deleted, self.last) = (self.deleted + deleted(&stage), last(&stage).or(self.last));
            self.woken += stage.woken();
            self.over += 1;
        }
        self.keep_within();
        true
    }

    /// Puts planes aside that take more memory than there is, those of the stage last that has its turn next.
    fn keep_within(&mut self) {
        let Some(most) = self.most else { return };
        let (next, mut held) = (self.choose(), self.held().1);
        for at in (0..self.stages.len()).filter(|&at| Some(at) != next).chain(next) {
            if held <= most {
                return;
            }
            let stage = &mut self.stages[at];
            let before = stage.memory().1;
            // Of the stage that works next, what is inside and what enters stay.
            let kept = if Some(at) == next {
                stage.batch()
            } else {
                self.aside += stage.put_aside(&mut self.bench);
                0
            };
            self.aside += stage.gate.put_aside(kept, held - most, &mut self.bench.spare_bits);
            held -= before - stage.memory().1;
        }
    }

    /// How often a plane was put aside for want of memory.
    pub fn put_aside(&self) -> u64 {
        self.aside
    }

    /// The own stage to work in: the last one with enough planes, so that few are on their way; or else the first with any.
    fn choose(&self) -> Option<usize> {
        let has_enough = |stage: &Stage| stage.ready() >= stage.batch();
        self.stages.iter().rposition(has_enough).or_else(|| self.stages.iter().position(|stage| stage.ready() > 0))
    }

    /// Whether the sweep is over, and this worker has the thinned planes.
    pub fn has_finished(&self) -> bool {
        self.stages.back().is_some_and(|stage| stage.has_finished(&self.bench.layout))
    }

    /// The thinned planes of the volume, from top to bottom, if the sweep is over and this worker has them. Many sleep.
    pub fn take_finished(&mut self) -> Option<Gate> {
        self.stages.back_mut()?.take_finished(&self.bench.layout)
    }

    /// Number of own stages that have come into being.
    pub fn stages(&self) -> usize {
        self.over + self.stages.len()
    }

    /// Number of voxels that were deleted in own stages.
    pub fn deleted(&self) -> u64 {
        self.deleted + self.stages.iter().map(deleted).sum::<u64>()
    }

    /// Number of sub-iterations up to six that delete nothing, as far as own stages know.
    pub fn sub_iterations(&self) -> usize {
        let last = self.stages.iter().rev().find_map(last).or(self.last);
        last.map_or(0, |last| last + 1) + DIRECTIONS
    }

    /// Number of times that a plane that slept was woken in own stages.
    pub fn woken(&self) -> u64 {
        self.woken + self.stages.iter().map(Stage::woken).sum::<u64>()
    }

    /// Number of planes at this worker that are awake, and bytes of all planes here.
    pub fn held(&self) -> (usize, usize) {
        self.stages.iter().map(Stage::memory).fold((0, 0), |all, stage| (all.0 + stage.0, all.1 + stage.1))
    }
}

/// Number of voxels deleted in a stage.
fn deleted(stage: &Stage) -> u64 {
    stage.deleted().1.iter().sum()
}

/// The last sub-iteration of a stage with deletions.
fn last(stage: &Stage) -> Option<usize> {
    let (first, deleted) = stage.deleted();
    deleted.iter().rposition(|&count| count > 0).map(|step| first + step)
}
