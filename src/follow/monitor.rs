//! Waiting for a file or folder to change.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::store::{is_table, resolved};

use super::Stop;

/// Times between looks, and how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Changes are gathered until there was none for this long.
    pub settle: Duration,
    /// Changes are gathered for at most this long, so that a busy scan is followed too.
    pub longest: Duration,
    /// All files are looked at again at these intervals, but never so often that it takes more than a hundredth of the
    /// time: network file systems give no events, and queues of events overflow.
    pub poll: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { settle: Duration::from_secs(1), longest: Duration::from_secs(10), poll: Duration::from_secs(5) }
    }
}

/// Looks at all files take at most one part in this many of the time.
const POLL_SHARE: u32 = 100;

/// Why a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wake {
    /// Something may have changed.
    Changed,
    /// The time to wait has passed without a known change.
    Elapsed,
    /// The program has been asked to end.
    Interrupted,
}

/// Watches a file, or a folder and everything below it; for a table of tiles, the folder that it is in. Changes between
/// two waits are not lost.
pub struct FileMonitor {
    path: PathBuf,
    /// Files and folders that this program writes, which do not count as changes.
    own: Vec<PathBuf>,
    pace: Pace,
    stop: Stop,
    signals: Receiver<()>,
    signal: SyncSender<()>,
    /// `None` if files are only looked at from time to time.
    watcher: Option<RecommendedWatcher>,
    /// The number of the last look.
    state: u64,
    next_look: Instant,
}

impl std::fmt::Debug for FileMonitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("path", &self.path).finish_non_exhaustive()
    }
}

impl FileMonitor {
    /// A monitor that uses events of the operating system, if it has them, and looks at all files from time to time.
    /// Files at `own`, or below, do not count as changes.
    pub fn new(path: &Path, own: &[PathBuf], pace: Pace, stop: &Stop) -> FileMonitor {
        let mut monitor = FileMonitor::without_events(path, own, pace, stop);
        monitor.follow();
        monitor
    }

    /// A monitor that only looks at all files from time to time.
    fn without_events(path: &Path, own: &[PathBuf], pace: Pace, stop: &Stop) -> FileMonitor {
        let own = own.iter().map(|path| resolved(path)).collect();
        let path = watched(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        // One signal is enough: it is time to look.
        let (signal, signals) = sync_channel(1);
        stop.wake(signal.clone());
        let next_look = Instant::now();
        let stop = stop.clone();
        let mut monitor = FileMonitor { path, own, pace, stop, signals, signal, watcher: None, state: 0, next_look };
        monitor.look();
        monitor
    }

    /// Whether the operating system reports changes; if not, they are noticed within the time between two looks.
    pub fn has_events(&self) -> bool {
        self.watcher.is_some()
    }

    /// Waits until something has changed and then nothing for the settle time, for at most a given time, or until the
    /// program is asked to end. Takes no processor time while nothing happens, except for the looks.
    pub fn wait(&mut self, at_most: Option<Duration>) -> Wake {
        let end = at_most.map(|longest| Instant::now() + longest);
        loop {
            if self.stop.happened() {
                return Wake::Interrupted;
            }
            let until = end.map_or(self.next_look, |end| end.min(self.next_look));
            if self.signals.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {
                // It may be a stop; else something has changed.
                if !self.stop.happened() {
                    return self.gather();
                }
            } else if Instant::now() >= self.next_look && self.look() {
                // There was no event: the folder may have been replaced since events were asked for.
                if self.watcher.is_some() {
                    self.follow();
                }
                return self.gather();
            } else if end.is_some_and(|end| Instant::now() >= end) {
                return Wake::Elapsed;
            }
        }
    }

    /// Waits for changes to end.
    fn gather(&mut self) -> Wake {
        let end = Instant::now() + self.pace.longest;
        loop {
            if self.stop.happened() {
                return Wake::Interrupted;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.signals.recv_timeout(left.min(self.pace.settle)).is_err() {
                break;
            }
        }
        // A change after this look makes another signal, or is found by the next look.
        self.look();
        Wake::Changed
    }

    /// Asks the operating system for events.
    fn follow(&mut self) {
        // Events name files by where they are, whatever links lead there.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        // The folder of a file is watched, since another file may take its place.
        let (watched, mode) = match path.parent() {
            Some(folder) if !path.is_dir() => (folder.to_owned(), RecursiveMode::NonRecursive),
            _ => (path.clone(), RecursiveMode::Recursive),
        };
        let (signal, own) = (self.signal.clone(), self.own.clone());
        let tell = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !concerns(&event, &path, &own)) {
                return;
            }
            // A signal that waits already says the same.
            let _ = signal.try_send(());
        };
        self.watcher = notify::recommended_watcher(tell)
            .and_then(|mut watcher| watcher.watch(&watched, mode).map(|()| watcher))
            .ok();
    }

    /// Looks at all files. Returns whether they have changed since the last look.
    fn look(&mut self) -> bool {
        let started = Instant::now();
        let state = state(&self.path, &self.own);
        self.next_look = started + self.pace.poll.max(started.elapsed() * POLL_SHARE);
        std::mem::replace(&mut self.state, state) != state
    }
}

/// The path to watch for an image: for a table of tiles its folder, since tiles usually lie beside or below it.
fn watched(path: PathBuf) -> PathBuf {
    match path.parent() {
        Some(folder) if is_table(&path) => folder.to_owned(),
        _ => path,
    }
}

/// Whether an event may be about a change at or below a path, other than at `own`. Reading files makes events too.
fn concerns(event: &Event, path: &Path, own: &[PathBuf]) -> bool {
    let is_own = |changed: &PathBuf| own.iter().any(|own| changed.starts_with(own));
    let reading = matches!(event.kind, EventKind::Access(kind) if !is_end_of_write(kind));
    event.need_rescan()
        || (!reading
            && (event.paths.is_empty()
                || event.paths.iter().any(|changed| changed.starts_with(path) && !is_own(changed))))
}

fn is_end_of_write(kind: notify::event::AccessKind) -> bool {
    kind == notify::event::AccessKind::Close(notify::event::AccessMode::Write)
}

/// A number for the names, sizes and times of change of a file, or of a folder and all files below it, except for those
/// at `own`. What cannot be looked at counts as absent.
fn state(path: &Path, own: &[PathBuf]) -> u64 {
    fn hash(name: &OsStr, within: u64, metadata: &Metadata) -> u64 {
        let mut hasher = DefaultHasher::new();
        let length = (!metadata.is_dir()).then_some(metadata.len());
        (name, within, length, metadata.modified().ok()).hash(&mut hasher);
        hasher.finish()
    }
    let Ok(metadata) = std::fs::metadata(path) else { return 0 };
    // A folder changes when this program writes into it, so only its files are looked at.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let holds_own = |folder: &Path| own.iter().any(|own| own.parent() == Some(folder));
    let first = if holds_own(&place) { 1 } else { hash(path.as_os_str(), 0, &metadata) };
    let mut sum = first;
    let mut folders = if metadata.is_dir() { vec![(place, first)] } else { Vec::new() };
    while let Some((folder, within)) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if own.iter().any(|own| path.starts_with(own)) {
                continue;
            }
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let number = if holds_own(&path) { within } else { hash(&name, within, &metadata) };
            // In any order: folders are not listed in order.
            sum = sum.wrapping_add(number);
            // Links to folders may lead in circles.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push((path, number));
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Longer than any machine is busy.
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(30);

    fn by_events() -> Pace {
        Pace { settle: SHORT, longest: LONG, poll: LONG * 60 }
    }

    fn by_looks() -> Pace {
        Pace { settle: SHORT, longest: LONG, poll: SHORT }
    }

    /// A monitor with events alone, where there are any, or with looks alone.
    fn monitor(path: &Path, events: bool) -> Option<FileMonitor> {
        if events {
            // Some file systems have none.
            Some(FileMonitor::new(path, &[], by_events(), &Stop::default())).filter(FileMonitor::has_events)
        } else {
            Some(FileMonitor::without_events(path, &[], by_looks(), &Stop::default()))
        }
    }

    #[test]
    fn every_kind_of_change_ends_the_wait() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("image.zarr");
        let changes: [&dyn Fn(); 5] = [
            &|| fs::write(folder.join("c/0/1"), "new").unwrap(),
            &|| fs::write(folder.join("c/0/0"), "longer").unwrap(),
            &|| fs::create_dir(folder.join("c/1")).unwrap(),
            &|| fs::write(folder.join("c/1/0"), "in a new folder").unwrap(),
            &|| fs::remove_file(folder.join("c/0/0")).unwrap(),
        ];
        for events in [false, true] {
            fs::create_dir_all(folder.join("c/0")).unwrap();
            fs::write(folder.join("c/0/0"), "old").unwrap();
            if let Some(mut monitor) = monitor(&folder, events) {
                for change in changes {
                    change();
                    assert_eq!(monitor.wait(Some(LONG)), Wake::Changed);
                }
            }
            fs::remove_dir_all(&folder).unwrap();
        }
    }

    #[test]
    fn a_file_that_another_is_put_in_place_of_has_changed() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("image.npy");
        fs::write(&file, "old").unwrap();
        for mut monitor in [false, true].into_iter().filter_map(|events| monitor(&file, events)) {
            for content in ["new one", "another new one"] {
                fs::write(root.path().join("other"), content).unwrap();
                fs::rename(root.path().join("other"), &file).unwrap();
                assert_eq!(monitor.wait(Some(LONG)), Wake::Changed);
            }
        }
    }

    #[cfg(feature = "mosaic")]
    #[test]
    fn tiles_that_come_beside_their_table_are_changes() {
        let root = tempfile::tempdir().unwrap();
        let table = root.path().join("tiles.csv");
        fs::write(&table, "path,y,x").unwrap();
        fs::create_dir(root.path().join("tiles")).unwrap();
        for mut monitor in [false, true].into_iter().filter_map(|events| monitor(&table, events)) {
            for tile in ["1.tif", "tiles/1.tif", "tiles.csv"] {
                fs::write(root.path().join(tile), format!("new {}", monitor.has_events())).unwrap();
                assert_eq!(monitor.wait(Some(LONG)), Wake::Changed);
            }
        }
    }

    #[test]
    fn reading_and_neighbours_are_no_changes() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("image.npy");
        fs::write(&file, "old").unwrap();
        for mut monitor in [false, true].into_iter().filter_map(|events| monitor(&file, events)) {
            // What was done before may still be told of.
            while monitor.wait(Some(10 * SHORT)) == Wake::Changed {}
            assert_eq!(fs::read_to_string(&file).unwrap(), "old");
            fs::write(root.path().join("other"), "other").unwrap();
            assert_eq!(monitor.wait(Some(10 * SHORT)), Wake::Elapsed);
        }
    }

    #[test]
    fn what_the_program_writes_itself_is_no_change() {
        let root = tempfile::tempdir().unwrap();
        let own = ["out", "state", "changes.csv"].map(|name| root.path().join(name));
        for pace in [by_events(), by_looks()] {
            let mut monitor = match pace == by_events() {
                true => FileMonitor::new(root.path(), &own, pace, &Stop::default()),
                false => FileMonitor::without_events(root.path(), &own, pace, &Stop::default()),
            };
            fs::create_dir_all(own[0].join("skeleton.zarr/c")).unwrap();
            fs::create_dir_all(&own[1]).unwrap();
            fs::write(own[0].join("branches.csv"), format!("{pace:?}")).unwrap();
            fs::write(own[1].join("manifest"), format!("{pace:?}")).unwrap();
            fs::write(&own[2], format!("{pace:?}")).unwrap();
            assert_eq!(monitor.wait(Some(10 * SHORT)), Wake::Elapsed);
            fs::write(root.path().join("outer.tif"), format!("{pace:?}")).unwrap();
            if pace == by_looks() || monitor.has_events() {
                assert_eq!(monitor.wait(Some(LONG)), Wake::Changed);
            }
        }
    }

    #[test]
    fn a_folder_that_is_made_anew_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("image.zarr");
        fs::create_dir(&folder).unwrap();
        let pace = Pace { poll: SHORT, ..by_events() };
        let mut monitor = FileMonitor::new(&folder, &[], pace, &Stop::default());
        fs::remove_dir(&folder).unwrap();
        assert_eq!(monitor.wait(Some(LONG)), Wake::Changed);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("0"), "new").unwrap();
        assert_eq!(monitor.wait(Some(LONG)), Wake::Changed);
    }

    #[test]
    fn changes_that_do_not_end_are_told_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        let pace = Pace { settle: LONG, longest: 10 * SHORT, poll: SHORT };
        let mut monitor = FileMonitor::new(root.path(), &[], pace, &Stop::default());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let numbers = (0..).take_while(|_| !done.load(Ordering::Acquire));
                for number in numbers {
                    fs::write(root.path().join("busy"), number.to_string()).unwrap();
                    std::thread::sleep(SHORT / 10);
                }
            });
            let started = Instant::now();
            let wakes = [monitor.wait(Some(LONG)), monitor.wait(Some(LONG))];
            done.store(true, Ordering::Release);
            assert_eq!(wakes, [Wake::Changed; 2]);
            assert!(started.elapsed() < LONG);
        });
    }

    #[test]
    fn an_interrupt_ends_every_wait_at_once() {
        let root = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        let mut monitor = FileMonitor::new(root.path(), &[], by_events(), &stop);
        let started = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(SHORT);
                stop.raise();
            });
            assert_eq!(monitor.wait(None), Wake::Interrupted);
        });
        fs::write(root.path().join("late"), "").unwrap();
        assert_eq!(monitor.wait(None), Wake::Interrupted);
        assert!(started.elapsed() < LONG);
    }
}
