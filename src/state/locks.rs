//! The locks of a state: one run at a time has it, with all its processes.
//!
//! The first process of a run holds `lock`, the others hold `members` together. So a process that outlives its run keeps
//! the next one out, whose records it would replace. One that comes late, after its run, finds another run's number in
//! `run`. Neither lock is ever written or removed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::store::disk;
use crate::store::file::{self, read_failed, replace};
use crate::store::lock::{Refused, lock, nonce, share};

pub(super) const LOCK: &str = "lock";
pub(super) const MEMBERS: &str = "members";
/// What tells the run that has the state from others.
pub(super) const RUN: &str = "run";

/// For how long a run waits for the processes of one that was killed: they notice that after some seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks for them.
const PAUSE: Duration = Duration::from_millis(20);

/// What keeps other runs out of a state.
#[derive(Debug)]
pub(super) struct Locks {
    run: String,
    _held: File,
}

impl Locks {
    /// Those of the first process of a run, or the only one, in a folder that is made where it is missing.
    pub(super) fn of_first(path: &Path) -> Result<Self> {
        let held = take(path, LOCK, Duration::ZERO)?;
        let members = take(path, MEMBERS, PATIENCE)?;
        let run = nonce();
        replace(&path.join(RUN), run.as_bytes())?;
        // From here on for the members of this run.
        drop(members);
        Ok(Locks { run, _held: held })
    }

    /// Those of another process of the run with a number; nothing where that run does not have the state.
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
    let deadline = Instant::now() + patience;
    let place = path.join(name);
    loop {
        match lock(&place, || std::fs::create_dir_all(path)) {
            Ok(held) => return Ok(held),
            Err(Refused::Busy) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(Refused::Busy) => {
                let message = match name {
                    LOCK => "is the state of another run that is going on; wait for it, or give another folder",
                    _ => {
                        "is the state of a run of which a process is still there; wait for it or end it, or give another \
                         folder"
                    }
                };
                return Err(Error::new(Kind::Output, message));
            }
            Err(Refused::NoFile) => {
                return Err(Error::new(Kind::Output, "is no file that a run has made; remove it").at(&place));
            }
            Err(Refused::Failed(error)) => return Err(unwritable(&error)),
        }
    }
}

/// The error of a folder that cannot be made or written.
pub(super) fn unwritable(error: &io::Error) -> Error {
    file::unwritable(error, "the state")
}
