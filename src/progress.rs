//! The progress of a run: counters that operators raise and a display reads, from any threads.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What a run is busy with, in order. Stages overlap in a dataflow: the last one that has begun counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Stage {
    /// Opening the input.
    Opening,
    /// Counting the image's values, for its threshold.
    Measuring,
    /// Reading chunks and making their masks.
    Reading,
    /// Thinning, in rounds of exchange between chunks.
    Thinning,
    /// Extracting branches and joining them across seams.
    Branching,
    /// Writing the outputs.
    Writing,
}

/// All stages, in order.
const STAGES: [Stage; 6] =
    [Stage::Opening, Stage::Measuring, Stage::Reading, Stage::Thinning, Stage::Branching, Stage::Writing];

impl Stage {
    /// The stage as a word for a progress line.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Opening => "opening",
            Stage::Measuring => "measuring",
            Stage::Reading => "reading",
            Stage::Thinning => "thinning",
            Stage::Branching => "branching",
            Stage::Writing => "writing",
        }
    }
}

/// Counters of a run. Raising one costs an atomic addition; nothing waits.
#[derive(Debug, Default)]
pub struct ProgressState {
    stage: AtomicU8,
    /// Chunks done and expected, for each stage.
    chunks: [Chunks; STAGES.len()],
    rounds: AtomicU64,
    deletions: AtomicU64,
    foreground: AtomicU64,
}

#[derive(Debug, Default)]
struct Chunks {
    done: AtomicU64,
    total: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// The last stage that has begun.
    pub stage: Stage,
    /// Chunks that this stage is done with.
    pub done: u64,
    /// Chunks of this stage in all; 0 if that is not known.
    pub total: u64,
    /// Rounds of exchange that thinning has taken.
    pub rounds: u64,
    /// Voxels that thinning has deleted.
    pub deletions: u64,
    /// Foreground voxels that have been read, as far as they are counted on the way: thinning deletes most of them.
    pub foreground: u64,
}

impl ProgressState {
    /// A run that has not begun.
    pub fn new() -> ProgressState {
        Self::default()
    }

    /// Begins a stage, or another pass of it, with this many chunks in all; every worker passes the same. A stage
    /// before the current one changes the counts only.
    pub fn begin(&self, stage: Stage, chunks: u64) {
        self.chunks[stage as usize].total.store(chunks, Ordering::Relaxed);
        self.stage.fetch_max(stage as u8, Ordering::Relaxed);
    }

    /// Counts a chunk that a stage is done with.
    pub fn chunk_done(&self, stage: Stage) {
        self.chunks[stage as usize].done.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes the round of thinning, counted from 1; workers that lag behind change nothing.
    pub fn reach_round(&self, round: u64) {
        self.rounds.fetch_max(round, Ordering::Relaxed);
    }

    /// Adds voxels that thinning has deleted.
    pub fn add_deletions(&self, voxels: u64) {
        self.deletions.fetch_add(voxels, Ordering::Relaxed);
    }

    /// Adds voxels that were read and are foreground.
    pub fn add_foreground(&self, voxels: u64) {
        self.foreground.fetch_add(voxels, Ordering::Relaxed);
    }

    /// Begins again, as for another epoch: nothing has been counted.
    pub fn restart(&self) {
        let counts = [&self.rounds, &self.deletions, &self.foreground];
        let chunks = self.chunks.iter().flat_map(|chunks| [&chunks.done, &chunks.total]);
        counts.into_iter().chain(chunks).for_each(|count| count.store(0, Ordering::Relaxed));
        self.stage.store(Stage::Opening as u8, Ordering::Relaxed);
    }

    /// The counters now. They are read one by one: each is right, but they may be a moment apart.
    pub fn snapshot(&self) -> Counters {
        let stage = STAGES[usize::from(self.stage.load(Ordering::Relaxed)).min(STAGES.len() - 1)];
        let chunks = &self.chunks[stage as usize];
        Counters {
            stage,
            done: chunks.done.load(Ordering::Relaxed),
            total: chunks.total.load(Ordering::Relaxed),
            rounds: self.rounds.load(Ordering::Relaxed),
            deletions: self.deletions.load(Ordering::Relaxed),
            foreground: self.foreground.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_tells_of_the_last_stage_that_has_begun() {
        let state = ProgressState::new();
        assert_eq!(state.snapshot().stage, Stage::Opening);
        state.begin(Stage::Reading, 8);
        state.begin(Stage::Thinning, 5);
        state.begin(Stage::Reading, 8);
        state.chunk_done(Stage::Reading);
        for _ in 0..2 {
            state.chunk_done(Stage::Thinning);
        }
        state.reach_round(3);
        state.reach_round(2);
        state.add_deletions(7);
        state.add_foreground(9);
        let stage = Stage::Thinning;
        assert_eq!(state.snapshot(), Counters { stage, done: 2, total: 5, rounds: 3, deletions: 7, foreground: 9 });
        state.restart();
        assert_eq!(state.snapshot(), ProgressState::new().snapshot());
    }

    #[test]
    fn stages_are_numbered_in_their_order() {
        for (i, stage) in STAGES.into_iter().enumerate() {
            assert_eq!(stage as usize, i);
        }
    }

    #[test]
    fn many_threads_lose_no_count() {
        let state = ProgressState::new();
        state.begin(Stage::Reading, 400);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| state.chunk_done(Stage::Reading)));
            }
        });
        assert_eq!(state.snapshot().done, 400);
    }
}
