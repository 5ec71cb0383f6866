//! The part of a session that the conductor owns: it directs the workers through an epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changed_rows::ChangedLists;
use super::commands::{Answer, Computed, unexpected};
use super::epoch::Epoch;
use super::following::Following;
use super::kept::KeptState;
use super::orders::Order;
use super::queue::{Edit, EditBatch};
use super::results::{EpochResults, Published};
use super::workforce::Workforce;
use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::store::held::HeldChunks;

pub(super) struct Inner {
    pub(super) workforce: Workforce,
    /// The chunks inside the bounds.
    pub(super) grid: Grid,
    pub(super) following: Option<Following>,
    /// The values of chunks, if they are held.
    pub(super) held: Option<Arc<HeldChunks>>,
    /// Foreground voxels of chunks that have some.
    pub(super) foregrounds: BTreeMap<ChunkId, u64>,
    /// Results without any chunk.
    pub(super) blank: EpochResults,
    /// The results as the workers have them, also those of an epoch that has failed.
    pub(super) results: EpochResults,
    /// Those of the last epoch that ended well.
    pub(super) published: Published,
    /// The rows that changed since then.
    pub(super) changed: ChangedLists,
    pub(super) kept: Option<KeptState>,
    /// What the digest of the state depends on besides records, if there can be one.
    pub(super) digested: Option<String>,
    /// Whether results and records are those of the last epoch, and not of one that has failed.
    pub(super) is_settled: bool,
    /// The outcome of the next epoch, as far as it is known.
    pub(super) coming: Epoch,
}

impl Inner {
    /// The image that the session follows.
    pub(super) fn following(&mut self) -> Result<&mut Following> {
        self.workforce.broken().check()?;
        self.following.as_mut().ok_or_else(|| Error::internal("the session has no source"))
    }

    /// Makes the listed edits.
    fn edit(&mut self, edits: Vec<Edit>) {
        for edit in edits {
            let changed = match edit {
                Edit::Resize(grid) => {
                    if let Some(following) = &mut self.following {
                        following.resize(grid.bounds());
                    }
                    self.grid = grid;
                    continue;
                }
                Edit::Hold(chunk, region, packed) => {
                    if let Some(held) = &self.held {
                        held.set(chunk, region, packed);
                    }
                    chunk
                }
                Edit::LetGo(chunk) => {
                    if let Some(held) = &self.held {
                        held.remove(chunk);
                    }
                    chunk
                }
            };
            if let Some(following) = &mut self.following {
                following.refresh(changed);
            }
        }
    }

    pub(super) fn advance(&mut self, batch: EditBatch) -> Result<Epoch> {
        self.edit(batch.edits);
        let sent = self.workforce.sent();
        self.is_settled = false;
        if let Some(kept) = &mut self.kept {
            kept.digest = None;
        }
        let outcome = self.run(batch.number);
        if self.kept.as_ref().is_some_and(KeptState::has_failed) {
            self.start_over()?;
            self.run(batch.number)?;
            self.changed = self.results.changed_since(&self.published.get());
        } else {
            outcome?;
        }
        self.is_settled = true;
        self.coming.bytes_between_processes += self.workforce.sent() - sent;
        let number = self.coming.number;
        let epoch = std::mem::replace(&mut self.coming, Epoch { number: number + 1, ..Epoch::default() });
        let changes = std::mem::take(&mut self.changed).rows(self.results.frame());
        self.results.present = batch.present;
        self.publish_results();
        let (thinning, rows) = (&epoch.thinning, changes.len());
        tracing::info!(
            epoch = number,
            chunks_read = epoch.read,
            chunks_changed = epoch.changed,
            chunks_thinned = thinning.thinned,
            sub_iterations = thinning.sub_iterations,
            rounds = thinning.rounds,
            voxels_deleted = thinning.deleted,
            rows_changed = rows,
            "an epoch is closed"
        );
        Ok(Epoch { changes, ..epoch })
    }

    /// Reads what has changed, computes what follows up to the edits of a batch, and makes it part of the state.
    fn run(&mut self, batch: u64) -> Result<()> {
        if let Some(following) = &mut self.following {
            let read = following.read(&mut self.workforce, &mut self.kept, self.coming.number + 1);
            let read = read.inspect_err(|error| {
                if error.kind() == Kind::Internal {
                    self.workforce.give_up(error);
                }
            })?;
            self.coming.read += read.chunks;
            self.coming.remade |= read.remade;
        }
        if let Some(following) = &mut self.following {
            self.results.confined = following.confined_volume(self.workforce.workers())?;
        }
        self.compute(batch)?;
        if let Some(kept) = &mut self.kept {
            kept.check_recalls(&self.grid)?;
        }
        self.keep()
    }

    /// Lets the workers compute all that follows from the edits up to those of a batch.
    fn compute(&mut self, batch: u64) -> Result<()> {
        let order = Order::Compute { batch, bounds: self.grid.bounds(), epoch: self.coming.number + 1 };
        let mut outcome = Ok(());
        for answer in self.workforce.ask(order)? {
            let Answer::Computed(computed) = answer else { return Err(unexpected()) };
            let Computed { thinning, foregrounds, differences, outcome: of_worker } = *computed;
            self.coming.changed += foregrounds.len();
            self.coming.thinning.add(&thinning);
            for (chunk, count) in foregrounds {
                self.results.foreground += count;
                self.results.foreground -= self.foregrounds.insert(chunk, count).unwrap_or(0);
                if count == 0 {
                    self.foregrounds.remove(&chunk);
                }
            }
            self.results.apply(differences, Some(&mut self.changed));
            outcome = outcome.and(of_worker);
        }
        outcome
    }

    /// Publishes the results for all threads.
    pub(super) fn publish_results(&mut self) {
        self.results.next = self.coming.number;
        self.results.grid = self.grid;
        if let Some(following) = &self.following {
            self.results.threshold = following.threshold();
        }
        self.published.set(&self.results);
    }
}
