//! The locks of a checkpoint, which one run at a time uses, with all its processes.
//!
//! The first process of a run holds `lock`, the others hold `members` together. So a process that outlives its run for some
//! moments keeps the next run out, to whose files it would write.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::{LOCK, MEMBERS};
use crate::error::{Error, Kind, Result};
use crate::store::file::unwritable;
use crate::store::lock::{Refused, lock_within, share};

/// How long a run waits for the processes of a killed run, which end after some seconds.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(15) };

/// Locks the folder for the first or only process of a run. Makes the folder if it is missing.
pub(super) fn of_first(path: &Path) -> Result<File> {
    take(path, LOCK, Duration::ZERO)
}

/// Waits until no process of an earlier run is there any more. For the first process, which has locked the folder.
pub(super) fn wait_for_members(path: &Path) -> Result<()> {
    // Released for the members of this run.
    take(path, MEMBERS, PATIENCE).map(drop)
}

/// Locks the folder for another process; `None` if no first process holds it.
pub(super) fn of_member(path: &Path) -> Result<Option<File>> {
    let failed = |error| unwritable(&error, "the checkpoint").at(path);
    match share(&path.join(LOCK)) {
        Err(Refused::Busy) => {}
        Err(Refused::Failed(error)) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => return Ok(None),
    }
    match share(&path.join(MEMBERS)) {
        Ok(held) => Ok(Some(held)),
        Err(Refused::Failed(error)) => Err(failed(error)),
        Err(_) => Ok(None),
    }
}

fn take(path: &Path, name: &str, patience: Duration) -> Result<File> {
    let refused = |message| Error::new(Kind::Output, message).at(path);
    lock_within(patience, &path.join(name), || std::fs::create_dir_all(path)).map_err(|why| match why {
        Refused::Busy => refused(match name {
            LOCK => "is the checkpoint of a run that is going on; wait for it, or give another folder",
            _ => "is the checkpoint of a run of which a process is still there; wait for it or end it, or give another folder",
        }),
        Refused::NoFile => refused("holds a lock that no run has made; give another folder for the checkpoint"),
        Refused::Failed(error) => unwritable(&error, "the checkpoint").at(path),
    })
}
