//! The part of a session that one thread uses at a time: it has the workers do what an epoch needs.

use std::collections::{BTreeMap, BTreeSet};

use super::following::Following;
use super::keeping::Kept;
use super::orders::Order;
use super::worker::Answer;
use super::workforce::Workforce;
use super::{Epoch, Results};
use crate::chunk::{Dtype, Voxels};
use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::table::arrival::Arrival;

pub(super) struct Inner {
    pub(super) workforce: Workforce,
    /// The chunks inside the bounds.
    pub(super) grid: Grid,
    pub(super) following: Option<Following>,
    pub(super) present: BTreeSet<ChunkId>,
    /// Whether rows tell that chunks near them have not arrived.
    pub(super) tracks_arrival: bool,
    /// Foreground voxels of chunks that have some, and of all.
    pub(super) foregrounds: BTreeMap<ChunkId, u64>,
    pub(super) foreground: u64,
    pub(super) results: Results,
    pub(super) kept: Option<Kept>,
    /// What has come together for the next epoch.
    pub(super) coming: Epoch,
}

impl Inner {
    /// Refuses values from outside where the session reads by itself.
    pub(super) fn is_fed(&self, held: bool) -> Result<()> {
        if self.following.is_some() && !held {
            return Err(Error::usage("the session reads its source by itself: refresh the chunk instead"));
        }
        Ok(())
    }

    pub(super) fn follows(&mut self, held: bool) -> Result<&mut Following> {
        match &mut self.following {
            Some(following) if !held => Ok(following),
            _ => Err(Error::usage("the session has no source: it is fed with chunks")),
        }
    }

    /// Which chunks have arrived, where that is to be told.
    pub(super) fn arrival(&self) -> Option<Arrival> {
        self.tracks_arrival.then(|| Arrival::of(self.grid, &self.present))
    }

    pub(super) fn advance(&mut self) -> Result<Epoch> {
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
        for answer in self.workforce.ask(Order::Thin(self.grid.bounds()))? {
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
}

pub(super) fn unexpected() -> Error {
    Error::internal("a worker answers another question")
}

/// Refuses a chunk that is there already, or one that is not, whichever is expected.
pub(super) fn expect(present: &BTreeSet<ChunkId>, chunk: ChunkId, there: bool) -> Result<()> {
    if present.contains(&chunk) == there {
        return Ok(());
    }
    let advice = if there { "is not there: insert it" } else { "is there already: replace it" };
    Err(Error::usage(advice).in_chunk(chunk))
}

/// Refuses values that do not fit a chunk.
pub(super) fn check(chunk: ChunkId, region: Region, voxels: &Voxels, dtype: Dtype) -> Result<()> {
    if region.is_empty() {
        return Err(Error::usage("lies outside of the session's bounds").in_chunk(chunk));
    }
    if voxels.shape() != region.shape() || voxels.dtype() != dtype {
        return Err(Error::data(format!(
            "has {:?} voxels of type {}, but the session expects {:?} of type {} there",
            voxels.shape(),
            voxels.dtype().name(),
            region.shape(),
            dtype.name()
        ))
        .in_chunk(chunk));
    }
    if !voxels.is_finite() {
        return Err(Error::data("holds NaN or infinity: give finite numbers only").in_chunk(chunk));
    }
    Ok(())
}
