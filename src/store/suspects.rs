//! Chunks that cannot be read, perhaps only because they are being written.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::grid::ChunkId;
use crate::store::Mark;

/// Damaged chunks of an input that others write to. A chunk that is cut off or cannot be decoded right after a change
/// is probably being written, and is retried. A chunk that stays unchanged and unreadable for too long counts as
/// damaged. One that the system does not let be read is retried again and again.
#[derive(Clone, Debug)]
pub struct Suspects {
    patience: Duration,
    chunks: BTreeMap<ChunkId, Suspect>,
}

#[derive(Clone, Debug)]
struct Suspect {
    mark: Option<Mark>,
    since: Instant,
    given_up: bool,
}

/// The decision about a chunk that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Report that it is probably being written, and retry: it failed for the first time.
    Suspected,
    /// Retry, after an earlier report.
    Waiting,
    /// Warn that it is damaged, and continue with its earlier values: it has not changed for too long.
    GivenUp,
    /// Continue without it, after an earlier warning.
    Damaged,
}

impl Suspects {
    /// No suspects. A chunk is given up when it has been unreadable and unchanged for `patience`.
    pub fn new(patience: Duration) -> Suspects {
        Suspects { patience, chunks: BTreeMap::new() }
    }

    /// Reports that a chunk with a mark could not be read.
    ///
    /// # Errors
    /// The error itself, if it is neither of kind [`Kind::Data`] nor of reading a chunk: waiting cannot help then.
    pub fn failed(&mut self, chunk: ChunkId, mark: Option<Mark>, error: Error, now: Instant) -> Result<Verdict> {
        let is_damaged = error.kind() == Kind::Data;
        if !is_damaged && !error.is_of_reading() {
            return Err(error);
        }
        let known = self.chunks.get(&chunk);
        let verdict = match known {
            None => Verdict::Suspected,
            Some(suspect) if suspect.mark != mark => {
                // It is being written, or was rewritten with the same result; either way its time starts again.
                if suspect.given_up { Verdict::Suspected } else { Verdict::Waiting }
            }
            Some(suspect) if suspect.given_up => return Ok(Verdict::Damaged),
            Some(suspect) if now.duration_since(suspect.since) >= self.patience => match is_damaged {
                true => Verdict::GivenUp,
                // The disk or the permission may come back, without a change of the file.
                false => Verdict::Waiting,
            },
            Some(_) => return Ok(Verdict::Waiting),
        };
        self.chunks.insert(chunk, Suspect { mark, since: now, given_up: verdict == Verdict::GivenUp });
        Ok(verdict)
    }

    /// Reports that a chunk could be read, or no longer exists.
    pub fn cleared(&mut self, chunk: ChunkId) {
        self.chunks.remove(&chunk);
    }

    /// Chunks to be retried, in raster order: those that have not been given up.
    pub fn waiting(&self) -> impl Iterator<Item = ChunkId> {
        self.chunks.iter().filter(|(_, suspect)| !suspect.given_up).map(|(&chunk, _)| chunk)
    }

    /// Chunks that were given up and have not changed since, in raster order.
    pub fn damaged(&self) -> impl Iterator<Item = ChunkId> {
        self.chunks.iter().filter(|(_, suspect)| suspect.given_up).map(|(&chunk, _)| chunk)
    }

    /// The time at which the first waiting chunk will have been unreadable for too long, if it stays unchanged.
    pub fn due(&self) -> Option<Instant> {
        self.chunks.values().filter(|suspect| !suspect.given_up).map(|suspect| suspect.since + self.patience).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(x: i64) -> ChunkId {
        ChunkId::at([0, 0, x])
    }

    #[test]
    fn a_chunk_that_stays_unreadable_is_given_up_once() {
        let mut suspects = Suspects::new(Duration::from_secs(30));
        let start = Instant::now();
        let mut fails = |mark, seconds| {
            let now = start + Duration::from_secs(seconds);
            suspects.failed(chunk(0), Some(Mark(mark)), Error::data("is cut off"), now).unwrap()
        };
        let verdicts = [(1, 0), (1, 5), (2, 20), (2, 40), (2, 50), (2, 60), (3, 61), (3, 91)];
        let verdicts = verdicts.map(|(mark, seconds)| fails(mark, seconds));
        use Verdict::{Damaged, GivenUp, Suspected, Waiting};
        assert_eq!(verdicts, [Suspected, Waiting, Waiting, Waiting, GivenUp, Damaged, Suspected, GivenUp]);
    }

    #[test]
    fn those_waiting_are_tried_again_until_they_can_be_read() {
        let mut suspects = Suspects::new(Duration::from_secs(30));
        let start = Instant::now();
        for (x, seconds) in [(0, 0), (1, 10), (2, 20)] {
            let now = start + Duration::from_secs(seconds);
            suspects.failed(chunk(x), None, Error::data("is cut off"), now).unwrap();
        }
        assert_eq!(suspects.due(), Some(start + Duration::from_secs(30)));
        let late = start + Duration::from_secs(35);
        assert_eq!(suspects.failed(chunk(0), None, Error::data("is cut off"), late).unwrap(), Verdict::GivenUp);
        suspects.cleared(chunk(1));
        assert_eq!(suspects.waiting().collect::<Vec<_>>(), [chunk(2)]);
        assert_eq!(suspects.damaged().collect::<Vec<_>>(), [chunk(0)]);
        assert_eq!(suspects.due(), Some(start + Duration::from_secs(50)));
        suspects.cleared(chunk(2));
        assert_eq!(suspects.due(), None);
    }

    #[test]
    fn a_chunk_that_the_system_does_not_let_be_read_is_tried_again_and_again() {
        let mut suspects = Suspects::new(Duration::from_secs(30));
        let start = Instant::now();
        let mut fails = |seconds| {
            let (error, now) = (Error::new(Kind::Io, "may not be read"), start + Duration::from_secs(seconds));
            (suspects.failed(chunk(0), None, error.in_reading(chunk(0)), now).unwrap(), suspects.due())
        };
        let due = |seconds| Some(start + Duration::from_secs(seconds));
        use Verdict::{Suspected, Waiting};
        assert_eq!([0, 5, 31].map(&mut fails), [(Suspected, due(30)), (Waiting, due(30)), (Waiting, due(61))]);
    }

    #[test]
    fn errors_that_waiting_does_not_mend_come_back() {
        let mut suspects = Suspects::new(Duration::from_secs(30));
        let error = Error::new(Kind::Io, "cannot be written");
        assert_eq!(suspects.failed(chunk(0), None, error, Instant::now()).unwrap_err().kind(), Kind::Io);
        assert_eq!(suspects.waiting().count(), 0);
    }
}
