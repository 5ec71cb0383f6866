//! One worker's part in the thinning by planes of the first masks of a volume that is thinned by chunks later.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::content;
use super::crew::{Crew, Outcome};
use super::errand::Errand;
use super::part::{Letter, Part, Post};
use super::suited::suits;
use crate::checkpoint::KeptSweep;
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::packed::PackedMask;
use crate::kernel::thin::change::{Change, Thinned};
use crate::kernel::thin::lee::Retest;
use crate::operators::failure::Failure;
use crate::operators::thin::WatchThinning;
use crate::space::{Position, Region};

/// A message of a worker to another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Content {
    Survey(Survey),
    Planes(content::Content),
}

/// A summary of the chunks of a worker, or of several, at a time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Survey {
    /// Number of workers.
    workers: usize,
    /// Whether all chunks are masks, or have gone.
    are_masks: bool,
    /// Number of chunks that have not gone.
    chunks: usize,
    /// A box around these chunks.
    bounds: Region,
    /// A hash of the masks, if the sweep is kept.
    masks: u64,
}

impl Survey {
    fn of_none() -> Survey {
        Survey { workers: 0, are_masks: true, chunks: 0, bounds: Region::new([0; 3], [0; 3]), masks: 0 }
    }

    fn of_worker(grid: &Grid, changes: &[(ChunkId, Change)], is_kept: bool) -> Survey {
        let mut survey = Survey { workers: 1, ..Survey::of_none() };
        for (id, change) in changes.iter().filter(|(_, change)| !matches!(change, Change::Gone)) {
            let (are_masks, bounds) = (change.is_mask(), grid.region(*id));
            let masks = if is_kept { hash_of(*id, change) } else { 0 };
            survey.add(&Survey { workers: 0, are_masks, chunks: 1, bounds, masks });
        }
        survey
    }

    /// A hash of what the sweep follows from.
    fn hash(&self, grid: &Grid, retest: Retest) -> u64 {
        let mut hash = XxHash3_64::new();
        let text = format!("{} {:?} {retest:?} {self:?}", env!("CARGO_PKG_VERSION"), grid.chunk_shape());
        text.hash(&mut hash);
        hash.finish()
    }

    fn add(&mut self, other: &Survey) {
        self.workers += other.workers;
        self.are_masks &= other.are_masks;
        // In any order.
        self.masks = self.masks.wrapping_add(other.masks);
        if self.chunks == 0 {
            self.bounds = other.bounds;
        } else if other.chunks > 0 {
            let [a, b] = [self.bounds, other.bounds];
            let around = |a: Position, b: Position, of: fn(i64, i64) -> i64| [0, 1, 2].map(|axis| of(a[axis], b[axis]));
            self.bounds = Region::new(around(a.min, b.min, i64::min), around(a.max, b.max, i64::max));
        }
        self.chunks += other.chunks;
    }
}

/// A hash of a chunk's mask.
fn hash_of(id: ChunkId, change: &Change) -> u64 {
    let mut hash = XxHash3_64::new();
    id.hash(&mut hash);
    change.mask().map(|mask| mask.cut(&mask.layout().own)).hash(&mut hash);
    hash.finish()
}

/// One worker's part, time after time.
pub(super) struct First {
    grid: Grid,
    errand: Errand,
    /// Where the sweep is kept, and where errors of that go.
    kept: Option<(KeptSweep, Failure)>,
    /// Whether no chunk has come to any worker at earlier times.
    is_first: bool,
    changes: Vec<(ChunkId, Change)>,
    is_complete: bool,
    survey: Survey,
    crew: Option<Crew>,
    /// Messages of others that came before this worker knew that planes are thinned.
    early: Vec<content::Content>,
}

impl First {
    pub(super) fn new(grid: Grid, errand: Errand, kept: Option<(KeptSweep, Failure)>) -> First {
        let (changes, survey, early) = (Vec::new(), Survey::of_none(), Vec::new());
        First { grid, errand, kept, is_first: true, changes, is_complete: false, survey, crew: None, early }
    }

    /// Whether all changes have come, and the summaries of all workers if those are needed.
    fn is_surveyed(&self) -> bool {
        self.is_complete && (!self.is_first || self.survey.workers == self.errand.peers)
    }

    /// Begins, when the summaries of all workers have come.
    fn begin(&mut self, post: &mut Post<impl FnMut(Letter<Content>)>) {
        let Survey { are_masks, chunks, bounds, .. } = self.survey;
        let grid = self.grid.with_bounds(bounds);
        if !(chunks > 0 && are_masks && suits(&grid, chunks, self.errand.peers)) {
            return;
        }
        let hash = self.survey.hash(&self.grid, self.errand.retest);
        let kept = self.kept.take().and_then(|(sweep, failure)| Some((sweep.of_masks(hash)?, failure)));
        let mut crew = Crew::new(grid, self.errand, None, kept, None);
        let mut post = planes(post);
        for record in self.changes.extract_if(.., |(_, change)| change.is_mask()) {
            crew.take(record, &mut post);
        }
        crew.end(&mut post);
        std::mem::take(&mut self.early).into_iter().for_each(|content| crew.open(content, &mut post));
        self.crew = Some(crew);
    }
}

/// Sends letters about planes.
fn planes(post: &mut Post<impl FnMut(Letter<Content>)>) -> Post<impl FnMut(Letter<content::Content>)> {
    let send = &mut post.send;
    let wrapped = |Letter { to, time, content }| send(Letter { to, time, content: content.map(Content::Planes) });
    Post { time: post.time, send: wrapped }
}

impl Part for First {
    type Record = (ChunkId, Change);
    type Content = Content;
    type Result = (ChunkId, Change);

    fn take(&mut self, record: (ChunkId, Change), _: &mut Post<impl FnMut(Letter<Content>)>) {
        let Errand { index, peers, .. } = self.errand;
        debug_assert_eq!(self.grid.owner(record.0, peers), index, "chunks come to their owners");
        self.changes.push(record);
    }

    fn end(&mut self, post: &mut Post<impl FnMut(Letter<Content>)>) {
        if !std::mem::replace(&mut self.is_complete, true) && self.is_first {
            let survey = Survey::of_worker(&self.grid, &self.changes, self.kept.is_some());
            (0..self.errand.peers).for_each(|to| post.send(to, Content::Survey(survey)));
        }
    }

    fn open(&mut self, content: Content, post: &mut Post<impl FnMut(Letter<Content>)>) {
        match (content, &mut self.crew) {
            (Content::Survey(survey), _) => {
                self.survey.add(&survey);
                if self.survey.workers == self.errand.peers {
                    self.begin(post);
                }
            }
            (Content::Planes(content), Some(crew)) => crew.open(content, &mut planes(post)),
            (Content::Planes(content), None) => self.early.push(content),
        }
    }

    fn work(&mut self, post: &mut Post<impl FnMut(Letter<Content>)>, watch: &mut impl WatchThinning) -> bool {
        self.crew.as_mut().is_some_and(|crew| crew.work(&mut planes(post), watch))
    }

    fn results(&mut self) -> Vec<(ChunkId, Change)> {
        if !self.is_surveyed() {
            return Vec::new();
        }
        let thinned = |Outcome { id, mask, kept }: Outcome| {
            let (initial, log) = kept.expect("masks are kept");
            (id, Change::Thinned(Box::new(Thinned { initial, log, mask: PackedMask::always(&mask) })))
        };
        let outcomes = self.crew.as_mut().map(Crew::outcomes).unwrap_or_default();
        std::mem::take(&mut self.changes).into_iter().chain(outcomes.into_iter().map(thinned)).collect()
    }

    fn is_over(&mut self) -> bool {
        let is_over = self.is_surveyed() && self.crew.as_ref().is_none_or(Crew::has_finished);
        if is_over {
            let is_first = self.is_first && self.survey.chunks == 0;
            *self = First { is_first, ..First::new(self.grid, self.errand, self.kept.take()) };
        }
        is_over
    }
}
