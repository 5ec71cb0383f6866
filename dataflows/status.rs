//! `--status FILE`: the state of the program in a file, for monitors. It is replaced as a whole, and in the end says how the
//! program ended.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anabranch::error::{Error, Kind, Result};
use anabranch::progress::ProgressState;
use anabranch::store::replace;
use anabranch::text::sentence;
use serde::Serialize;

use crate::terminal::pace::{Pace, share};
use crate::terminal::{log, print_warning};

/// How often the file is looked after, and how often it is replaced at least, as a sign of life.
const EVERY: Duration = Duration::from_secs(1);
const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// What the file holds.
#[derive(Clone, Debug, Serialize)]
struct Status {
    program: String,
    command: String,
    process_id: u32,
    started: String,
    updated: String,
    /// `running`, `done`, `failed` or `interrupted`.
    state: &'static str,
    /// The stage of the run; `waiting` between two epochs, `analysing` while a batch analyses its images.
    phase: &'static str,
    /// Chunks of the phase that are done, and in all, if that is known; images of a batch.
    done: u64,
    total: Option<u64>,
    /// The share of the phase that is done, if it can be estimated.
    share: Option<f64>,
    /// Since the program started.
    seconds: f64,
    seconds_left_of_phase: Option<u64>,
    /// The number of the last epoch.
    epoch: Option<u64>,
    /// The folder of the results, once they are there.
    results: Option<String>,
    error: Option<String>,
    exit_code: Option<u8>,
}

/// The file, and what is known for it.
struct Kept {
    path: PathBuf,
    since: Instant,
    status: Status,
    progress: Option<Arc<ProgressState>>,
    pace: Pace,
    /// What was written last, but for times; and when.
    written: (String, Instant),
    /// Whether the last attempt failed.
    fails: bool,
}

/// That of this process, if it keeps one.
static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

fn kept() -> MutexGuard<'static, Option<Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to keep the file.
///
/// # Errors
/// `Output` if something else than a status lies there, or it cannot be written.
pub(crate) fn begin(path: &Path, command: &str) -> Result<()> {
    refuse_others(path)?;
    let status = Status {
        program: format!("anabranch {}", env!("CARGO_PKG_VERSION")),
        command: command.to_owned(),
        process_id: std::process::id(),
        started: log::now(),
        updated: String::new(),
        state: "running",
        phase: "opening",
        done: 0,
        total: None,
        share: None,
        seconds: 0.0,
        seconds_left_of_phase: None,
        epoch: None,
        results: None,
        error: None,
        exit_code: None,
    };
    let now = Instant::now();
    let (written, pace) = ((String::new(), now), Pace::new());
    let mut begun = Kept { path: path.to_owned(), since: now, status, progress: None, pace, written, fails: false };
    begun.write()?;
    *kept() = Some(begun);
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(EVERY);
            let mut kept = kept();
            let Some(kept) = &mut *kept else { return };
            kept.update();
        }
    });
    Ok(())
}

/// Refuses a path at which something else than a status lies.
fn refuse_others(path: &Path) -> Result<()> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    let is_ours = |bytes: Vec<u8>| {
        let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let program = value.as_ref().and_then(|value| value["program"].as_str());
        bytes.is_empty() || program.is_some_and(|program| program.starts_with("anabranch "))
    };
    // A status is short.
    if metadata.is_file() && metadata.len() < 1 << 20 && std::fs::read(path).is_ok_and(is_ours) {
        return Ok(());
    }
    let message = "exists, and is no status of this program; give --status another path";
    Err(Error::new(Kind::Output, message).at(path))
}

/// Follows the counters of a run until the next call.
pub(crate) fn follow(progress: &Arc<ProgressState>) {
    if let Some(kept) = &mut *kept() {
        (kept.progress, kept.pace) = (Some(Arc::clone(progress)), Pace::new());
    }
}

/// The program waits for something to come.
pub(crate) fn waiting() {
    if let Some(kept) = &mut *kept() {
        kept.progress = None;
        (kept.status.phase, kept.status.done) = ("waiting", 0);
        (kept.status.total, kept.status.share, kept.status.seconds_left_of_phase) = (None, None, None);
        kept.update();
    }
}

/// The program is done with some of the images of a batch, in a phase that no counters of a run tell of.
pub(crate) fn images(phase: &'static str, done: usize, total: usize) {
    if let Some(kept) = &mut *kept() {
        // Images that are done at once may be told of in any order.
        let before = if kept.status.phase == phase { kept.status.done } else { 0 };
        kept.progress = None;
        (kept.status.phase, kept.status.done, kept.status.total) = (phase, before.max(done as u64), Some(total as u64));
        kept.status.share = (total > 0).then(|| kept.status.done as f64 / total as f64);
        kept.update();
    }
}

/// Results are in place.
pub(crate) fn results(folder: &Path, epoch: Option<u64>) {
    if let Some(kept) = &mut *kept() {
        (kept.status.results, kept.status.epoch) = (Some(folder.display().to_string()), epoch);
    }
}

/// The program ends. The first call counts.
pub(crate) fn end(result: &Result<()>) {
    let error = result.as_ref().err().map(|error| (error.to_string(), error.kind().exit_code()));
    write_end(kept().take(), error);
}

/// The program ends in the middle of something, perhaps of writing the status: it is written if it can be.
pub(crate) fn end_at_once(error: &str, exit_code: u8) {
    if let Ok(mut kept) = KEPT.try_lock() {
        write_end(kept.take(), Some((error.to_owned(), exit_code)));
    }
}

fn write_end(kept: Option<Kept>, error: Option<(String, u8)>) {
    let Some(mut kept) = kept else { return };
    kept.count();
    let interrupted = Kind::Interrupted.exit_code();
    kept.status.state = match error {
        None => "done",
        Some((_, code)) if code == interrupted => "interrupted",
        Some(_) => "failed",
    };
    kept.status.exit_code = Some(error.as_ref().map_or(0, |(_, code)| *code));
    kept.status.error = error.map(|(text, _)| sentence(&text));
    kept.status.seconds_left_of_phase = None;
    // The program ends for another reason.
    let _ = kept.write();
}

impl Kept {
    /// Writes what has changed, or a sign of life.
    fn update(&mut self) {
        self.count();
        let is_due = self.written.1.elapsed() >= ALIVE_EVERY || self.unchanging() != self.written.0;
        if !is_due {
            return;
        }
        let result = self.write();
        if let (Err(error), false) = (&result, self.fails) {
            print_warning(&format!("{error}; the status is not up to date"));
        }
        self.fails = result.is_err();
    }

    /// Takes over the counters of the run.
    fn count(&mut self) {
        let Some(progress) = &self.progress else { return };
        let now = progress.snapshot();
        let left = self.pace.left(&now);
        (self.status.phase, self.status.done) = (now.stage.name(), now.done);
        (self.status.total, self.status.share) = ((now.total > 0).then_some(now.total), share(&now));
        self.status.seconds_left_of_phase = left.map(|left| left.as_secs());
    }

    /// The status without times.
    fn unchanging(&self) -> String {
        let status = &self.status;
        let counts = (status.phase, status.done, status.total, status.share.map(f64::to_bits));
        format!("{:?}", (status.state, counts, status.epoch, &status.results))
    }

    fn write(&mut self) -> Result<()> {
        self.written = (self.unchanging(), Instant::now());
        self.status.seconds = (self.since.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        self.status.updated = log::now();
        let text = serde_json::to_string_pretty(&self.status)
            .map_err(|error| Error::internal("the status cannot be written as JSON").because(error))?;
        replace(&self.path, (text + "\n").as_bytes()).map_err(|error| elsewhere(error, &self.path))
    }
}

/// The error of a status that cannot be written, with advice for its option. What is wrong with the disk stays as it is.
fn elsewhere(error: Error, path: &Path) -> Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let message = match (folder.is_dir(), error.kind(), &cause) {
        (false, ..) => "cannot be written; give --status a file in a folder that is there",
        (true, Kind::Output, _) => "may not be written; give --status another path",
        (true, _, Some(_)) => "cannot be written; give --status another path",
        (true, _, None) => return error,
    };
    let refused = Error::new(Kind::Output, message).at(path);
    cause.into_iter().fold(refused, Error::because)
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use anabranch::store::write_failed;

    use super::*;

    #[test]
    fn a_status_that_cannot_be_written_is_to_be_put_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let [here, nowhere] = ["status.json", "none/status.json"].map(|name| folder.path().join(name));
        for (kind, path, said, is_output) in [
            (ErrorKind::PermissionDenied, &here, "may not be written; give --status another path", true),
            (ErrorKind::ReadOnlyFilesystem, &here, "may not be written; give --status another path", true),
            (ErrorKind::InvalidFilename, &here, "cannot be written; give --status another path (", true),
            (ErrorKind::NotFound, &nowhere, "give --status a file in a folder that is there (", true),
            (ErrorKind::StorageFull, &here, "the disk is full; free some space", false),
        ] {
            let error = elsewhere(write_failed(&io::Error::from(kind)).at(path), path);
            assert_eq!(error.kind() == Kind::Output, is_output, "{error}");
            assert!(error.to_string().contains(said) && error.path() == path.to_str(), "{error}");
        }
    }
}
