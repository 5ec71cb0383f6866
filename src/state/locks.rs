//! The locks of a state, which one run at a time uses, with all its processes.
//!
//! The first process of a run holds `lock`, the others hold `members` together. So a process that outlives its run
//! keeps the next run out, whose records it would replace. A process that starts after its run has ended finds another
//! run's number in `run`. Neither lock is ever written or removed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::store::disk;
use crate::store::file::{self, read_failed, replace};
use crate::store::lock::{Refused, lock_within, nonce, share};

pub(super) const LOCK: &str = "lock";
pub(super) const MEMBERS: &str = "members";
/// The file with the number of the run that uses the state.
pub(super) const RUN: &str = "run";

/// How long a run waits for the processes of a killed run, which end after some seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// A lock on a state, held until it is dropped.
#[derive(Debug)]
pub(super) struct Locks {
    run: String,
    _held: File,
}

impl Locks {
    /// Locks for the first or only process of a run. Creates the folder if it is missing.
    pub(super) fn of_first(path: &Path) -> Result<Self> {
        let held = take(path, LOCK, Duration::ZERO)?;
        let members = take(path, MEMBERS, PATIENCE)?;
        let run = nonce();
        replace(&path.join(RUN), run.as_bytes())?;
        // Released for the members of this run.
        drop(members);
        Ok(Locks { run, _held: held })
    }

    /// Locks for another process of the run with this number; `None` if that run does not hold the state.
    pub(super) fn of_member(path: &Path, run: &str) -> Result<Option<Self>> {
        let held = match share(&path.join(MEMBERS)) {
            Ok(held) => held,
            Err(Refused::Failed(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(unwritable(&error).at(path));
            }
            Err(_) => return Ok(None),
        };
        let place = path.join(RUN);
        let found = disk::read_if_there(&place).map_err(|error| read_failed(&error).at(&place))?;
        Ok((found.as_deref() == Some(run.as_bytes())).then(|| Locks { run: run.to_owned(), _held: held }))
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }
}

fn take(path: &Path, name: &str, patience: Duration) -> Result<File> {
    let place = path.join(name);
    lock_within(patience, &place, || std::fs::create_dir_all(path)).map_err(|why| match why {
        Refused::Busy => Error::new(
            Kind::Output,
            match name {
                LOCK => "is the state of another run that is going on; wait for it, or give another folder",
                _ => "is the state of a run of which a process is still there; wait for it or end it, or give another folder",
            },
        ),
        Refused::NoFile => Error::new(Kind::Output, "is no file that a run has made; remove it").at(&place),
        Refused::Failed(error) => unwritable(&error),
    })
}

/// The error for a folder that cannot be created or written.
pub(super) fn unwritable(error: &io::Error) -> Error {
    file::unwritable(error, "the state")
}
