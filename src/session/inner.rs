//! The part of a session that the conductor owns: it directs the workers through an epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commands::{Answer, unexpected};
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
    /// Foreground voxels of chunks that have some; below, of all chunks.
    pub(super) foregrounds: BTreeMap<ChunkId, u64>,
    pub(super) foreground: u64,
    pub(super) results: EpochResults,
    pub(super) published: Published,
    pub(super) kept: Option<KeptState>,
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
        let mut sampled = Ok(());
        for answer in self.workforce.ask(Order::Thin(batch.number, self.grid.bounds()))? {
            let Answer::Thinned(counts, foregrounds, result) = answer else { return Err(unexpected()) };
            self.coming.changed += foregrounds.len();
            self.coming.thinning.add(&counts);
            sampled = sampled.and(result);
            for (chunk, count) in foregrounds {
                self.foreground += count;
                self.foreground -= self.foregrounds.insert(chunk, count).unwrap_or(0);
                if count == 0 {
                    self.foregrounds.remove(&chunk);
                }
            }
        }
        sampled?;
        self.keep()?;
        let differences = self.publish()?;
        self.coming.bytes_between_processes += self.workforce.sent() - sent;
        let number = self.coming.number;
        let epoch = std::mem::replace(&mut self.coming, Epoch { number: number + 1, ..Epoch::default() });
        let changes = self.results.apply(differences, self.foreground);
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
