//! Follows a stored image that other programs write to: which chunks to read again, and when.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::marks::Marks;
use crate::store::suspects::{Suspects, Verdict};
use crate::store::{OpenOptions, Source, is_table, open};

use super::Stop;
use super::monitor::{FileMonitor, Pace, Wake};
use super::seen_atlas::{AtlasLook, SeenAtlas};

/// How long a file may be unreadable and unchanged before it counts as damaged rather than as being written.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Minimum time before files that are being written are looked at again.
const SHORTEST: Duration = Duration::from_millis(10);

/// What to do next.
#[non_exhaustive]
pub enum FollowStep {
    /// The image as it is now, opened again and perhaps with other bounds, and its chunks to be read again, in raster
    /// order: none of them where only its atlas has changed. Chunks at old bounds, whose boxes have grown with the image, need
    /// not be among them.
    Changed(Arc<dyn Source>, Vec<ChunkId>),
    /// The program has been asked to end.
    Interrupted,
}

/// Follows one image.
pub struct Follower {
    path: PathBuf,
    options: OpenOptions,
    monitor: FileMonitor,
    marks: Marks,
    suspects: Suspects,
    settle: Duration,
    /// Pause before files that are being written are looked at again: twice as long each time.
    pause: Duration,
    /// The longest of such pauses.
    longest_pause: Duration,
    /// How often tiles, a mask or an atlas are looked at that are outside of what is watched.
    poll: Option<Duration>,
    patience: Duration,
    /// The atlas of the image at the last look.
    atlas: SeenAtlas,
    /// Whether the first look, which waits for nothing, is over.
    begun: bool,
    /// Whether the last look has found chunks that had not settled.
    unsettled: bool,
    /// When the image as a whole became unreadable, and whether that was reported.
    closed: Option<(Instant, bool)>,
    tell: Box<dyn FnMut(&str)>,
}

impl std::fmt::Debug for FollowStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FollowStep::Changed(source, chunks) => {
                f.debug_tuple("Changed").field(&source.description().name).field(chunks).finish()
            }
            FollowStep::Interrupted => f.write_str("Interrupted"),
        }
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Follower {
    /// Follows the image at a path, from the state of `marks` on: chunks that these know have not changed. Files
    /// written at `own` are no changes of the image. `tell` is called with what users should know.
    pub fn new(
        (path, options): (&Path, OpenOptions),
        own: &[PathBuf],
        marks: Marks,
        pace: Pace,
        patience: Duration,
        stop: &Stop,
        tell: impl FnMut(&str) + 'static,
    ) -> Follower {
        let lies_elsewhere = is_table(path) || options.mask.is_some() || options.atlas.is_some();
        let atlas = SeenAtlas::new(path, &options);
        Follower {
            path: path.to_owned(),
            options,
            monitor: FileMonitor::new(path, own, pace, stop),
            marks,
            suspects: Suspects::new(patience),
            settle: pace.settle.max(SHORTEST),
            pause: pace.settle.max(SHORTEST),
            longest_pause: pace.settle.max(SHORTEST).max(pace.poll),
            poll: lies_elsewhere.then_some(pace.poll),
            patience,
            atlas,
            begun: false,
            unsettled: false,
            closed: None,
            tell: Box::new(tell),
        }
    }

    /// Waits until there is something to do; the first time, only if nothing has changed yet.
    ///
    /// # Errors
    /// If the files cannot be looked at, or the options do not fit the image any more. Waits if the image is damaged or
    /// missing.
    pub fn wait(&mut self) -> Result<FollowStep> {
        loop {
            let at_most = if self.begun { self.at_most() } else { Some(Duration::ZERO) };
            let wake = self.monitor.wait(at_most);
            if wake == Wake::Interrupted {
                return Ok(FollowStep::Interrupted);
            }
            self.begun = true;
            // Files that go on being written, or stay unreadable, are looked at less and less often.
            self.pause = if wake == Wake::Changed { self.settle } else { (2 * self.pause).min(self.longest_pause) };
            if let Some(step) = self.look(wake)? {
                return Ok(step);
            }
        }
    }

    /// Reports a chunk that could not be read again, which is to be left as it was. It is tried again when it changes,
    /// when something else does, and once more when it has been unreadable for too long.
    ///
    /// # Errors
    /// The error itself, if it is not about a chunk that is damaged or cannot be read.
    pub fn failed(&mut self, error: Error) -> Result<ChunkId> {
        let Some(chunk) = error.chunk() else { return Err(error) };
        let (text, mark, is_damaged) = (error.to_string(), self.marks.of(chunk), error.kind() == Kind::Data);
        match self.suspects.failed(chunk, mark, error, Instant::now())? {
            Verdict::Suspected if is_damaged => {
                (self.tell)(&format!("{text}; it may be being written, and is tried again"));
            }
            Verdict::Suspected => {
                (self.tell)(&format!("{text}; it is tried again, and what was there before stays until then"))
            }
            Verdict::GivenUp => {
                let seconds = self.patience.as_secs_f64();
                (self.tell)(&format!("{text}; it has not changed for {seconds} s, so what was there before stays"));
            }
            Verdict::Waiting | Verdict::Damaged => {}
        }
        Ok(chunk)
    }

    /// Reports a chunk that was read again.
    pub fn succeeded(&mut self, chunk: ChunkId) {
        self.suspects.cleared(chunk);
    }

    /// Whether changes are noticed at once; if not, they are noticed from time to time.
    pub fn has_events(&self) -> bool {
        self.monitor.has_events()
    }

    /// How long nothing needs to be looked at unless it changes. Tiles of a table may lie outside of what is watched.
    fn at_most(&self) -> Option<Duration> {
        let again = (self.unsettled || self.closed.is_some()).then_some(self.pause);
        let due = self.suspects.due().map(|due| due.saturating_duration_since(Instant::now()).max(self.settle));
        again.into_iter().chain(due).chain(self.poll).min()
    }

    fn look(&mut self, wake: Wake) -> Result<Option<FollowStep>> {
        // A source may keep what it has read, such as blocks, indexes of shards and offsets of strips, so it is opened
        // again.
        let source: Arc<dyn Source> = match open(&self.path, &self.options) {
            Ok(source) => Arc::from(source),
            Err(error) if matches!(error.kind(), Kind::Data | Kind::Missing | Kind::Io) => {
                self.wait_for(&error);
                return Ok(None);
            }
            Err(error) => Arc::from(self.first_of_several().ok_or(error)?),
        };
        let (known, bounds) = (self.marks.grid(), Region::of_shape(source.description().shape));
        if known.bounds() != bounds {
            self.marks.resize(Grid::new(bounds, known.chunk_shape()));
        }
        let looked = self.marks.look(&*source, SystemTime::now());
        let (look, atlas) = match looked.and_then(|look| Ok((look, self.atlas.look(&*source, self.settle)?))) {
            Ok(found) => found,
            Err(error) if error.kind() == Kind::Io => {
                self.wait_for(&error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if let Some((_, true)) = self.closed.take() {
            (self.tell)(&format!("{}: can be read again", self.path.display()));
        }
        self.unsettled = !look.unsettled.is_empty() || atlas == AtlasLook::Unsettled;
        let mut chunks: BTreeSet<ChunkId> = look.changed.iter().map(|(chunk, _)| *chunk).collect();
        if wake == Wake::Changed || self.suspects.due().is_some_and(|due| due <= Instant::now()) {
            // A file that is being written right now will have changed when that is done.
            chunks.extend(self.suspects.waiting().filter(|chunk| look.unsettled.binary_search(chunk).is_err()));
        }
        let news = !chunks.is_empty() || known.bounds() != bounds || atlas == AtlasLook::Changed;
        Ok(news.then(|| FollowStep::Changed(source, chunks.into_iter().collect())))
    }

    /// Notes that the image as a whole cannot be opened.
    fn wait_for(&mut self, error: &Error) {
        let (since, told) = self.closed.unwrap_or((Instant::now(), false));
        // A damaged image may be being written; one that is missing or that the system does not let be read is not.
        let worth = error.kind() != Kind::Data || since.elapsed() >= self.patience;
        if worth && !told {
            (self.tell)(&format!("{error}; what was there before stays, until it can be read again"));
        }
        self.closed = Some((since, worth || told));
    }

    /// Picks the first time point or channel of an image that had one so far, and has several now.
    fn first_of_several(&mut self) -> Option<Box<dyn Source>> {
        let OpenOptions { time, channel, .. } = self.options;
        let first = [(time.or(Some(0)), channel), (time, channel.or(Some(0))), (time.or(Some(0)), channel.or(Some(0)))];
        let first = first.into_iter().map(|(time, channel)| OpenOptions { time, channel, ..self.options.clone() });
        let (source, options) =
            first.into_iter().find_map(|options| Some((open(&self.path, &options).ok()?, options)))?;
        let path = self.path.display();
        (self.tell)(&format!(
            "{path}: holds several time points or channels now, of which the first is followed; start again with --time or \
             --channel for another"
        ));
        self.options = options;
        Some(source)
    }

    /// Begins again with nothing known, on another grid, since the image has become another one.
    pub fn begin_again(&mut self, marks: Marks) {
        self.marks = marks;
        self.suspects = Suspects::new(self.patience);
        self.begun = false;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use super::*;

    const SETTLE: Duration = Duration::from_millis(50);
    /// Longer than any machine is busy.
    const LONG: Duration = Duration::from_secs(60);

    /// A follower of a Zarr array with chunks of one plane, after its first look, with what it tells.
    struct Scene {
        root: tempfile::TempDir,
        source: Arc<dyn Source>,
        follower: Follower,
        told: Arc<Mutex<Vec<String>>>,
        stop: Stop,
    }

    fn metadata(planes: usize) -> String {
        format!(
            r#"{{"zarr_format":3,"node_type":"array","shape":[{planes},2,2],"data_type":"uint8","fill_value":0,
            "chunk_grid":{{"name":"regular","configuration":{{"chunk_shape":[1,2,2]}}}},"attributes":{{}},
            "chunk_key_encoding":{{"name":"default","configuration":{{"separator":"/"}}}},
            "codecs":[{{"name":"bytes"}}]}}"#
        )
    }

    impl Scene {
        fn new(patience: Duration) -> Scene {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join("zarr.json"), metadata(4)).unwrap();
            let source: Arc<dyn Source> = Arc::from(open(root.path(), &OpenOptions::default()).unwrap());
            let grid = Grid::new(Region::of_shape(source.description().shape), [1, 2, 2]);
            let pace = Pace { settle: SETTLE, longest: LONG, poll: SETTLE };
            let told: Arc<Mutex<Vec<String>>> = Arc::default();
            let (tell, stop) = (Arc::clone(&told), Stop::default());
            let follower = Follower::new(
                (root.path(), OpenOptions::default()),
                &[],
                Marks::new(grid, [0; 3], SETTLE),
                pace,
                patience,
                &stop,
                move |text| tell.lock().unwrap().push(text.to_owned()),
            );
            let mut scene = Scene { root, source, follower, told, stop };
            assert_eq!(scene.changed(), [0, 1, 2, 3]);
            scene
        }

        fn file(&self, plane: i64) -> PathBuf {
            self.root.path().join(format!("c/{plane}/0/0"))
        }

        fn write(&self, plane: i64, bytes: &[u8]) {
            fs::create_dir_all(self.file(plane).parent().unwrap()).unwrap();
            fs::write(self.file(plane), bytes).unwrap();
        }

        /// The planes to be read again.
        fn changed(&mut self) -> Vec<i64> {
            let FollowStep::Changed(source, chunks) = self.follower.wait().unwrap() else {
                panic!("it was not interrupted")
            };
            self.source = source;
            chunks.iter().map(|chunk| chunk.place()[0]).collect()
        }

        /// Whether a plane can be read, as a session would try it.
        fn read(&mut self, plane: i64) -> bool {
            let chunk = ChunkId::at([plane, 0, 0]);
            match self.source.read(&Region::new([plane, 0, 0], [plane + 1, 2, 2])) {
                Ok(_) => self.follower.succeeded(chunk),
                Err(error) => assert_eq!(self.follower.failed(error.in_chunk(chunk)).unwrap(), chunk),
            }
            self.follower.suspects.waiting().chain(self.follower.suspects.damaged()).all(|other| other != chunk)
        }

        fn told(&self) -> Vec<String> {
            std::mem::take(&mut *self.told.lock().unwrap())
        }
    }

    #[test]
    fn chunks_that_come_change_and_go_are_named() {
        let mut scene = Scene::new(LONG);
        scene.write(2, &[1, 2, 3, 4]);
        assert_eq!(scene.changed(), [2]);
        assert!(scene.read(2));
        scene.write(2, &[4, 3, 2, 1]);
        assert_eq!(scene.changed(), [2]);
        fs::remove_file(scene.file(2)).unwrap();
        assert_eq!(scene.changed(), [2]);
        assert_eq!(scene.source.read(&Region::new([2, 0, 0], [3, 2, 2])).unwrap(), None);
        assert!(scene.told().is_empty());
        scene.stop.raise();
        assert!(matches!(scene.follower.wait().unwrap(), FollowStep::Interrupted));
    }

    #[test]
    fn a_half_written_chunk_is_said_once_and_tried_again() {
        let mut scene = Scene::new(LONG);
        scene.write(1, &[1, 2]);
        assert_eq!(scene.changed(), [1]);
        assert!(!scene.read(1));
        let told = scene.told();
        assert!(told.len() == 1 && told[0].contains("c/1/0/0") && told[0].contains("may be being written"), "{told:?}");
        // Something else changes: it is tried again, and fails as before.
        scene.write(3, &[5; 4]);
        while !scene.changed().contains(&3) {}
        assert!(!scene.read(1));
        scene.write(1, &[1, 2, 3, 4]);
        while !scene.read(1) {
            scene.changed();
        }
        assert!(scene.told().is_empty());
    }

    #[test]
    fn a_chunk_that_stays_damaged_is_warned_of_and_left() {
        let mut scene = Scene::new(4 * SETTLE);
        scene.write(1, &[1, 2]);
        while scene.follower.suspects.damaged().next().is_none() {
            assert_eq!(scene.changed(), [1]);
            assert!(!scene.read(1));
        }
        let told = scene.told();
        assert!(told.len() == 2 && told[1].contains("what was there before stays"), "{told:?}");
        // It is not tried again until it changes.
        scene.write(3, &[5; 4]);
        assert_eq!(scene.changed(), [3]);
        scene.write(1, &[1, 2, 3, 4]);
        assert_eq!(scene.changed(), [1]);
        assert!(scene.read(1) && scene.told().is_empty());
    }

    #[test]
    fn an_image_that_grows_is_told_once_it_can_be_opened() {
        let mut scene = Scene::new(2 * SETTLE);
        let path = scene.root.path().join("zarr.json");
        fs::write(&path, &metadata(6)[..40]).unwrap();
        // Until it has lasted too long.
        while scene.told.lock().unwrap().is_empty() {
            assert!(scene.follower.look(Wake::Elapsed).unwrap().is_none());
            std::thread::sleep(SETTLE);
        }
        let told = scene.told();
        assert!(told.len() == 1 && told[0].contains("stays, until it can be read again"), "{told:?}");
        fs::write(&path, metadata(6)).unwrap();
        // The new planes are those that were never looked at.
        assert_eq!(scene.changed(), [4, 5]);
        let told = scene.told();
        assert!(told.len() == 1 && told[0].ends_with("can be read again"), "{told:?}");
        assert_eq!(scene.source.description().shape, [6, 2, 2]);
        // One that is cut off again needs no chunk to be read.
        fs::write(&path, metadata(3)).unwrap();
        assert!(scene.changed().is_empty());
        assert_eq!(scene.source.description().shape, [3, 2, 2]);
    }

    #[test]
    fn an_image_that_goes_and_returns_is_told_of_at_once() {
        let mut scene = Scene::new(LONG);
        let path = scene.root.path().join("zarr.json");
        fs::rename(&path, scene.root.path().join("gone")).unwrap();
        for _ in 0..2 {
            assert!(scene.follower.look(Wake::Changed).unwrap().is_none());
        }
        // A folder without metadata may be one that is being made.
        fs::rename(scene.root.path(), scene.root.path().with_extension("away")).unwrap();
        for _ in 0..2 {
            assert!(scene.follower.look(Wake::Changed).unwrap().is_none());
        }
        let told = scene.told();
        assert!(told.len() == 1 && told[0].contains("stays, until it can be read again"), "{told:?}");
        fs::rename(scene.root.path().with_extension("away"), scene.root.path()).unwrap();
        fs::rename(scene.root.path().join("gone"), &path).unwrap();
        scene.write(0, &[1; 4]);
        assert_eq!(scene.changed(), [0]);
        assert!(scene.told()[0].ends_with("can be read again"));
    }

    #[test]
    fn of_an_image_that_gets_a_second_time_point_the_first_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let of_times = |times: usize| {
            let axes = r#""dimension_names":["t","z","y","x"],"shape""#;
            let text = metadata(7).replace("\"shape\"", axes).replace("[1,2,2]", "[1,2,2,2]");
            text.replace("[7,2,2]", &format!("[{times},2,2,2]"))
        };
        let path = root.path().join("zarr.json");
        fs::write(&path, of_times(1)).unwrap();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let tell = Arc::clone(&told);
        let marks = Marks::new(Grid::new(Region::of_shape([2; 3]), [2; 3]), [0; 3], SETTLE);
        let place = (root.path(), OpenOptions::default());
        let tell = move |text: &str| tell.lock().unwrap().push(text.to_owned());
        let mut follower = Follower::new(place, &[], marks, Pace::default(), LONG, &Stop::default(), tell);
        assert!(matches!(follower.wait().unwrap(), FollowStep::Changed(..)));
        fs::write(&path, of_times(2)).unwrap();
        for _ in 0..2 {
            follower.look(Wake::Changed).unwrap();
        }
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.len() == 1 && told[0].contains("the first is followed; start again with --time"), "{told:?}");
    }

    #[test]
    fn what_is_remembered_is_not_read_again() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("zarr.json"), metadata(2)).unwrap();
        let source = open(root.path(), &OpenOptions::default()).unwrap();
        let grid = Grid::new(Region::of_shape([2, 2, 2]), [1, 2, 2]);
        let mut marks = Marks::new(grid, [0; 3], SETTLE);
        let known = ChunkId::at([0; 3]);
        marks.remember(known, source.mark(&marks.region(known)).unwrap().unwrap());
        let place = (root.path(), OpenOptions::default());
        let mut follower = Follower::new(place, &[], marks, Pace::default(), LONG, &Stop::default(), |_| {});
        let FollowStep::Changed(_, chunks) = follower.wait().unwrap() else { panic!("one is not remembered") };
        assert_eq!(chunks, [ChunkId::at([1, 0, 0])]);
    }
}
