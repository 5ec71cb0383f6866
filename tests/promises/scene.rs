//! A stored image that changes, and the runs that follow it.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::image::{Image, zarr_json};
use crate::support::{Outcome, Running, anabranch, assert_adds_up, invariant_bytes, kill_once, succeed, wait_until};

/// Files are made to look as old as this, so that their times are trusted, and each a second younger than the one before.
const AGE: Duration = Duration::from_secs(1 << 20);

/// A Zarr array whose chunks come, change and go, in a folder with outputs, state and changes of runs on it.
#[derive(Debug)]
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    /// What is stored now; places that are not hold zero.
    pub(crate) image: Image,
    pub(crate) chunk: [usize; 3],
    codecs: &'static str,
    /// The values of the chunks that are stored, by place. Those at the end of an array that became smaller reach beyond it.
    stored: BTreeMap<[usize; 3], Vec<f64>>,
    written: u64,
}

impl Scene {
    /// An array without chunks.
    pub(crate) fn new(axes: &[usize], chunk: &[usize], dtype: &str, codecs: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let in_three = |numbers: &[usize]| {
            let mut all = [1; 3];
            all[3 - numbers.len()..].copy_from_slice(numbers);
            all
        };
        let shape = in_three(axes);
        let values = vec![0.0; shape.iter().product()];
        let image = Image { shape, dimensions: axes.len(), values, dtype: dtype.into() };
        let scene = Scene { folder, image, chunk: in_three(chunk), codecs, stored: BTreeMap::new(), written: 0 };
        scene.describe();
        scene
    }

    /// An array with all its chunks.
    pub(crate) fn of(image: &Image, chunk: &[usize], codecs: &'static str) -> Self {
        let mut scene = Scene::new(image.axes(), chunk, &image.dtype, codecs);
        for place in scene.places() {
            scene.put(place, |p| at(image, p));
        }
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Writes the array's metadata.
    fn describe(&self) {
        let axes = 3 - self.image.dimensions;
        let (dtype, fill) = (&self.image.dtype, if self.image.dtype == "bool" { "false" } else { "0" });
        let text = zarr_json(self.image.axes(), &self.chunk[axes..], dtype, fill, self.codecs);
        fs::create_dir_all(self.path("image.zarr")).expect("a writable folder");
        fs::write(self.path("image.zarr/zarr.json"), text).expect("a writable folder");
    }

    /// The places of all chunks, in raster order.
    pub(crate) fn places(&self) -> Vec<[usize; 3]> {
        let [depth, height, width] = std::array::from_fn(|a| self.image.shape[a].div_ceil(self.chunk[a]));
        let plane = |z| (0..height).flat_map(move |y| (0..width).map(move |x| [z, y, x]));
        (0..depth).flat_map(plane).collect()
    }

    /// The file of a chunk.
    pub(crate) fn file(&self, place: [usize; 3]) -> PathBuf {
        let path = self.path("image.zarr/c");
        place[3 - self.image.dimensions..].iter().fold(path, |path, n| path.join(n.to_string()))
    }

    /// Stores a chunk with values by their places in the image; places beyond its bounds are left zero.
    pub(crate) fn put(&mut self, place: [usize; 3], value: impl Fn([usize; 3]) -> f64) {
        let bytes = self.encode(place, value);
        self.write(place, &bytes);
    }

    /// The bytes of a chunk with other values, which are taken for what is stored.
    pub(crate) fn encode(&mut self, place: [usize; 3], value: impl Fn([usize; 3]) -> f64) -> Vec<u8> {
        let [_, height, width] = self.image.shape;
        let mut values = Vec::new();
        for z in 0..self.chunk[0] {
            for y in 0..self.chunk[1] {
                for x in 0..self.chunk[2] {
                    let inside = [z, y, x];
                    let p: [usize; 3] = std::array::from_fn(|a| place[a] * self.chunk[a] + inside[a]);
                    let known = (0..3).all(|a| p[a] < self.image.shape[a]);
                    let value = if known { value(p) } else { 0.0 };
                    if known {
                        self.image.values[(p[0] * height + p[1]) * width + p[2]] = value;
                    }
                    values.push(value);
                }
            }
        }
        self.stored.insert(place, values.clone());
        let mut bytes = Image { shape: self.chunk, values, ..self.image.clone() }.bytes();
        if self.codecs.contains("crc32c") {
            bytes.extend(crc32c(&bytes).to_le_bytes());
        }
        bytes
    }

    /// Writes the file of a chunk, with a time that is trusted and that no other file has had.
    pub(crate) fn write(&mut self, place: [usize; 3], bytes: &[u8]) {
        self.written += 1;
        let file = self.file(place);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        fs::write(&file, bytes).expect("a writable folder");
        set_time(&file, SystemTime::now() - AGE + Duration::from_secs(self.written));
    }

    /// Removes a chunk, if it is stored.
    pub(crate) fn remove(&mut self, place: [usize; 3]) {
        self.encode(place, |_| 0.0);
        self.stored.remove(&place);
        // It may not be there.
        let _ = fs::remove_file(self.file(place));
    }

    /// Changes the shape of the array, and no chunk: values that are stored beyond smaller bounds return with larger ones.
    pub(crate) fn resize(&mut self, axes: &[usize]) {
        let mut shape = [1; 3];
        shape[3 - axes.len()..].copy_from_slice(axes);
        self.image = Image { shape, values: vec![0.0; shape.iter().product()], ..self.image.clone() };
        for (place, values) in &self.stored {
            for (at, value) in values.iter().enumerate() {
                let [_, height, width] = self.chunk;
                let inside = [at / (height * width), at / width % height, at % width];
                let p: [usize; 3] = std::array::from_fn(|a| place[a] * self.chunk[a] + inside[a]);
                if (0..3).all(|a| p[a] < shape[a]) {
                    self.image.values[(p[0] * shape[1] + p[1]) * shape[2] + p[2]] = *value;
                }
            }
        }
        self.describe();
    }

    /// A call of `run` or `watch` with the state and the changes; the outputs go to `out`.
    pub(crate) fn call(&self, command: &str, options: &[&str]) -> Vec<String> {
        let [image, out, state, changes] = ["image.zarr", "out", "state", "changes.csv"].map(|name| self.text(name));
        let call = [command, &image, "--out", &out, "--state", &state, "--changes", &changes];
        let mut call: Vec<String> = call.iter().chain(options).map(|part| String::from(*part)).collect();
        if !options.contains(&"--chunk") {
            // Small ones are put together otherwise.
            let chunk = self.chunk[3 - self.image.dimensions..].iter().map(usize::to_string);
            call.extend([String::from("--chunk"), chunk.collect::<Vec<_>>().join(",")]);
        }
        call
    }

    /// Runs with the state.
    pub(crate) fn try_run(&self, options: &[&str]) -> Outcome {
        anabranch(self.call("run", options))
    }

    /// Runs with the state, and expects that to succeed.
    pub(crate) fn run(&self, options: &[&str]) -> Outcome {
        succeed(&self.call("run", options))
    }

    /// Runs with the state, and gives how many chunks were read and how many were thinned.
    pub(crate) fn work(&self, options: &[&str]) -> (u64, u64) {
        self.run(options);
        self.log()
    }

    /// How many chunks were read and thinned, by `run.json`.
    pub(crate) fn log(&self) -> (u64, u64) {
        self.log_if_there().expect("run.json")
    }

    /// The same; `None` while outputs are exchanged for others, or if there are none.
    pub(crate) fn log_if_there(&self) -> Option<(u64, u64)> {
        let log = fs::read(self.path("out/run.json")).ok()?;
        let log: serde_json::Value = serde_json::from_slice(&log).expect("JSON");
        let number = |key: &str| log[key].as_u64().expect("a number of chunks");
        Some((number("chunks_read"), number("chunks_activated")))
    }

    /// Runs until something has come about, and kills the program.
    pub(crate) fn kill_once(&self, command: &str, options: &[&str], come_about: impl Fn() -> bool) {
        kill_once(&self.call(command, options), come_about);
    }

    /// Starts `watch` at a pace for tests.
    pub(crate) fn watch(&self, options: &[&str]) -> Running {
        Running::start(self.call("watch", &[&["--settle", "0.1", "--poll", "0.4"], options].concat()))
    }

    /// Runs on what is stored without a state, and puts the outputs into the folder `plain`.
    pub(crate) fn plain(&self, options: &[&str]) -> PathBuf {
        let (image, out) = (self.text("image.npy"), self.text("plain"));
        self.image.write_npy(Path::new(&image));
        succeed(&[&["run", &image, "--out", &out, "--overwrite", "--quiet"], options].concat());
        PathBuf::from(out)
    }

    /// Whether the outputs in `out` are those of a run without a state, which are in `plain`.
    fn differs(&self) -> Option<PathBuf> {
        let [have, want] = ["out", "plain"].map(|name| {
            let mut files = invariant_bytes(&self.path(name));
            // That chunks are not stored is told of an image that is stored in chunks only.
            let summary = files.get_mut(Path::new("summary.json")).expect("a summary");
            let mut json: serde_json::Value = serde_json::from_slice(summary).expect("JSON");
            let warnings = json["warnings"].as_array_mut().expect("warnings");
            warnings.retain(|warning| !warning.to_string().contains("what is not stored of the image holds"));
            *summary = serde_json::to_vec(&json).expect("JSON");
            let picture = fs::read(self.path(name).join("overview.png")).expect("overview.png");
            files.insert("overview.png".into(), picture);
            files
        });
        have.keys().chain(want.keys()).find(|&name| have.get(name) != want.get(name)).cloned()
    }

    /// Holds the outputs and the changes to those of a run without a state.
    pub(crate) fn assert_as_from_scratch(&self, options: &[&str]) {
        self.plain(options);
        let shape = self.image.shape;
        assert_eq!(self.differs(), None, "differs from a run without a state; {options:?}, {shape:?}");
        assert_adds_up(&self.path("changes.csv"), &self.path("out"));
    }

    /// Waits until `watch` has made the outputs those of a run without a state.
    pub(crate) fn wait_as_from_scratch(&self, options: &[&str], watch: &mut Running) {
        let plain = self.plain(options);
        let table = |out: &Path| fs::read(out.join("summary.json")).ok().zip(fs::read(out.join("branches.csv")).ok());
        wait_until("the outputs follow what is stored", || {
            assert!(!watch.has_ended(), "watch has ended");
            // They are put in place one after the other, the log last.
            table(&self.path("out")) == table(&plain)
                && self.path("out/run.json").exists()
                && !self.path("out/.anabranch-partial").exists()
                // Other tables may follow what these do not tell of.
                && self.differs().is_none()
        });
        assert_eq!(self.differs(), None, "differs from a run without a state; {options:?}");
    }

    /// The records of one kind in the state, by chunk.
    pub(crate) fn records(&self, kind: &str) -> Vec<(String, PathBuf)> {
        let list = |folder: &Path| -> Vec<PathBuf> {
            let mut paths: Vec<PathBuf> =
                fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
            paths.sort();
            paths
        };
        let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
        let all = list(&self.path("state").join(kind)).into_iter().flat_map(|plane| {
            let z = name(&plane);
            list(&plane).into_iter().map(move |file| (format!("{z}.{}", name(&file)), file))
        });
        all.filter(|(chunk, _)| chunk.split('.').count() == 3).collect()
    }
}

/// The value of an image at a place.
pub(crate) fn at(image: &Image, [z, y, x]: [usize; 3]) -> f64 {
    image.values[(z * image.shape[1] + y) * image.shape[2] + x]
}

/// Gives a file another time of change.
pub(crate) fn set_time(file: &Path, time: SystemTime) {
    let file = File::options().write(true).open(file).expect("a writable file");
    file.set_times(FileTimes::new().set_modified(time)).expect("a file with times");
}

/// The checksum CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}
