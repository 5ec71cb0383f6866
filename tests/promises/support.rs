//! Running the program, and reading its outputs.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zarrs::array::Array;
use zarrs::filesystem::FilesystemStore;

use crate::sequential::Mask;

/// What a call of the program came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// No call in these tests takes longer; one that hangs fails its test.
const LONGEST: Duration = Duration::from_secs(60);

/// The program while it runs; it is killed where its test ends without it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Read while it runs: a full pipe would stop it.
    told: Option<[JoinHandle<String>; 2]>,
}

impl Running {
    /// Starts a command.
    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stdout = gather(child.stdout.take().expect("a pipe"));
        let stderr = gather(child.stderr.take().expect("a pipe"));
        Running { child, told: Some([stdout, stderr]) }
    }

    /// Starts the program.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Running::of(Command::new(env!("CARGO_BIN_EXE_anabranch")).args(arguments))
    }

    /// Starts the program so that it outlives its terminal, as `nohup` does.
    #[cfg(unix)]
    pub(crate) fn start_to_outlive_its_terminal(arguments: &[String]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_anabranch")]).args(arguments);
        Running::of(&mut shell)
    }

    /// What the system knows it by.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) -> Outcome {
        self.child.kill().expect("a child");
        self.end()
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(self) -> Outcome {
        let process = self.child.id();
        self.interrupt_process(process)
    }

    /// The processes that it has started, where the operating system tells: on Linux.
    pub(crate) fn children(&self) -> Vec<u32> {
        let own = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).expect("Linux");
        children.split_whitespace().map(|process| process.parse().expect("a number")).collect()
    }

    /// Asks one of its processes to end, as Ctrl-C does, and waits for its own end.
    pub(crate) fn interrupt_process(self, process: u32) -> Outcome {
        let status = Command::new("kill").args(["-INT", &process.to_string()]).status();
        assert!(status.expect("a command to send signals").success());
        self.end()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it has not ended after a minute.
    pub(crate) fn end(mut self) -> Outcome {
        let started = Instant::now();
        while !self.has_ended() {
            assert!(started.elapsed() < LONGEST, "it has not ended after {LONGEST:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = self.child.wait().expect("a child");
        let told = self.told.take().expect("ends once");
        let [stdout, stderr] = told.map(|text| text.join().expect("text"));
        Outcome { code: status.code().unwrap_or(-1), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, but for tests that fail.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Waits until something has come about.
///
/// # Panics
/// Where it has not after a minute.
pub(crate) fn wait_until(what: &str, mut come_about: impl FnMut() -> bool) {
    let started = Instant::now();
    while !come_about() {
        assert!(started.elapsed() < LONGEST, "{what}: not after {LONGEST:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command to its end.
fn finish(command: &mut Command) -> Outcome {
    Running::of(command).end()
}

fn gather(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Runs the program to its end.
pub(crate) fn anabranch<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Outcome {
    finish(Command::new(env!("CARGO_BIN_EXE_anabranch")).args(arguments))
}

/// Runs the program with no file allowed to grow over `kib` KiB: writes fail as they do on a full disk.
///
/// `ulimit -f` with the signal ignored, so that `write` returns an error (EFBIG) in place of ending the process; what
/// the shell ignores stays ignored in the program.
pub(crate) fn anabranch_with_little_disk(kib: u32, arguments: &[&str]) -> Outcome {
    // In bash a unit is 1 KiB; in POSIX shells it is 512 bytes.
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_anabranch");
    finish(Command::new("bash").args(["-c", &script, program]).args(arguments))
}

/// Runs the program with limits, as options of `ulimit`.
pub(crate) fn anabranch_with_limits(limits: &str, arguments: &[&str]) -> Outcome {
    let script = format!("ulimit -c 0; ulimit {limits}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_anabranch");
    finish(Command::new("bash").args(["-c", &script, program]).args(arguments))
}

/// Runs the program with a standard output that takes nothing, as on a full disk; `None` where the system has no such device.
pub(crate) fn anabranch_into_full_device(arguments: &[&str]) -> Option<Outcome> {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").ok()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
    let output = command.args(arguments).stdin(Stdio::null()).stdout(full).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(Outcome { code: output.status.code().unwrap_or(-1), stdout: String::new(), stderr })
}

/// Runs the program with a standard output that nobody reads.
pub(crate) fn anabranch_into_closed_pipe(arguments: &[&str]) -> Outcome {
    // Standard output of the first command is the pipe; its exit code takes the way of standard error.
    let script = "{ \"$0\" \"$@\"; echo \"exit $?\" >&2; } | true";
    let mut outcome =
        finish(Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_anabranch")]).args(arguments));
    let end = outcome.stderr.rfind("exit ").expect("an exit code");
    outcome.code = outcome.stderr[end + 5..].trim().parse().expect("an exit code");
    outcome.stderr.truncate(end);
    outcome
}

/// Starts the program, and kills it as soon as something has come about.
pub(crate) fn kill_once<S: AsRef<std::ffi::OsStr>>(arguments: &[S], come_about: impl Fn() -> bool) {
    let mut running = Running::start(arguments);
    while !come_about() && !running.has_ended() {
        std::thread::sleep(Duration::from_micros(500));
    }
    running.kill();
}

/// Runs the program and expects it to succeed.
pub(crate) fn succeed<S: AsRef<std::ffi::OsStr> + std::fmt::Debug>(arguments: &[S]) -> Outcome {
    let outcome = anabranch(arguments);
    assert_eq!(outcome.code, 0, "{arguments:?} failed: {}", outcome.stderr);
    outcome
}

/// A branch table: its columns, and a number for each in every row.
#[derive(Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<f64>>,
}

/// Reads `branches.csv` of an output folder; `True` is 1, and what is empty is NaN.
pub(crate) fn read_table(out: &Path) -> Table {
    read_named_table(out, "branches.csv")
}

/// Reads a table of an output folder, likewise.
pub(crate) fn read_named_table(out: &Path, name: &str) -> Table {
    let text = std::fs::read_to_string(out.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    parse_table(&text)
}

/// A table as it is written, likewise.
pub(crate) fn parse_table(text: &str) -> Table {
    let mut lines = text.lines();
    let columns = lines.next().expect("a header").split(',').map(String::from).collect();
    let number = |n: &str| match n {
        "" => f64::NAN,
        "True" => 1.0,
        "False" => 0.0,
        n => n.parse().unwrap_or_else(|_| panic!("{n:?} is not a number")),
    };
    Table { columns, rows: lines.map(|row| row.split(',').map(number).collect()).collect() }
}

/// Reads `skeleton.zarr` of an output folder: the shape as stored, and the mask (one plane for an image).
pub(crate) fn read_skeleton(out: &Path) -> (Vec<usize>, Mask) {
    let store = FilesystemStore::new(out.join("skeleton.zarr/0")).expect("a store");
    let array = Array::open(Arc::new(store), "/").expect("an array");
    let values: Vec<u8> = array.retrieve_array_subset(&array.subset_all()).expect("readable chunks");
    let axes: Vec<usize> = array.shape().iter().map(|&n| usize::try_from(n).expect("an extent")).collect();
    let mut shape = [1; 3];
    shape[3 - axes.len()..].copy_from_slice(&axes);
    let mask = Mask::new(shape, values.iter().map(|&v| v != 0).collect());
    (axes, mask)
}

/// Every file under a folder, by path relative to it.
pub(crate) fn files_under(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let relative = |path: PathBuf| path.strip_prefix(folder).expect("under the folder").to_path_buf();
    everything_under(folder).into_iter().filter_map(|(path, bytes)| Some((relative(path), bytes?))).collect()
}

/// The outputs that no chunking and no number of workers may change: tables, summary.json and every file of
/// skeleton.zarr.
pub(crate) fn invariant_bytes(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files_under(out);
    for name in ["branches.csv", "summary.json", "skeleton.zarr/zarr.json"] {
        assert!(files.contains_key(Path::new(name)), "{name} is missing in {}", out.display());
    }
    let tables = [
        "branches.csv",
        "nodes.csv",
        "objects.csv",
        "skeletons.csv",
        "atlas.csv",
        "atlas_branches.csv",
        "summary.json",
    ];
    let invariant = tables.map(Path::new);
    files.retain(|name, _| {
        name.starts_with("skeleton.zarr") || name.starts_with("objects.zarr") || invariant.contains(&&**name)
    });
    files
}

/// The same bytes, without which part of what is stored was analysed and where it lies, and how tiles were put together: of
/// an image and of what was made of it before.
pub(crate) fn bytes_of_any_part(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = invariant_bytes(out);
    let summary = files.get_mut(Path::new("summary.json")).expect("a summary");
    let mut json: serde_json::Value = serde_json::from_slice(summary).expect("JSON");
    let parameters = json["parameters"].as_object_mut().expect("parameters");
    for name in ["channel", "time", "region", "axes", "tiles"] {
        parameters.remove(name);
    }
    *summary = json.to_string().into_bytes();
    // A part lies elsewhere.
    for name in ["skeleton.zarr/zarr.json", "objects.zarr/zarr.json"] {
        let Some(group) = files.get_mut(Path::new(name)) else { continue };
        let mut json: serde_json::Value = serde_json::from_slice(group).expect("JSON");
        for dataset in json["attributes"]["ome"]["multiscales"][0]["datasets"].as_array_mut().expect("datasets") {
            let steps = dataset["coordinateTransformations"].as_array_mut().expect("transformations");
            steps.retain(|step| step["type"] != "translation");
        }
        *group = json.to_string().into_bytes();
    }
    files
}

/// Files and folders under a folder: the bytes of the former, nothing of the latter.
pub(crate) fn everything_under(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            let bytes = path.is_file().then(|| std::fs::read(&path).expect("a readable file"));
            if bytes.is_none() {
                open.push(path.clone());
            }
            all.insert(path, bytes);
        }
    }
    all
}

/// Whether a run has begun something in its staging folder, at a path in the folder that is its own.
pub(crate) fn has_staged(staging: &Path, path: &str) -> bool {
    let runs = std::fs::read_dir(staging).into_iter().flatten().flatten();
    runs.filter(|run| run.file_name().to_string_lossy().starts_with("new-")).any(|run| run.path().join(path).exists())
}

/// Reads one of the outputs that are JSON.
pub(crate) fn read_json(out: &Path, name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(out.join(name)).expect("an output")).expect("JSON")
}

/// The lines of a table, without the columns whose values are ranks.
fn without_ranks(table: &str) -> impl Iterator<Item = String> {
    let header = table.lines().next().expect("a header");
    let ranks = ["skeleton_id", "node_id_src", "node_id_dst", "branch_id", "node_id", "junction_id", "label"];
    let kept: Vec<bool> = header.split(',').map(|name| !ranks.contains(&name)).collect();
    table.lines().map(move |line| {
        let values = line.split(',').zip(&kept).filter(|(_, kept)| **kept).map(|(value, _)| value);
        values.collect::<Vec<_>>().join(",")
    })
}

/// The lines of a file of changes after its header, as epoch, difference and row.
///
/// # Panics
/// Where the header does not fit the columns of the table in `out`.
pub(crate) fn read_changes(changes: &Path, out: &Path) -> Vec<(u64, i64, String)> {
    read_named_changes(changes, &out.join("branches.csv"))
}

/// The same of any table.
pub(crate) fn read_named_changes(changes: &Path, table: &Path) -> Vec<(u64, i64, String)> {
    let [text, table] = [changes, table].map(|path| std::fs::read_to_string(path).expect("a table"));
    let columns = without_ranks(&table).next().expect("a header");
    assert_eq!(text.lines().next(), Some(format!("epoch,diff,{columns}").as_str()));
    let line = |line: &str| {
        let mut parts = line.splitn(3, ',');
        let mut next = || parts.next().expect("a part");
        (next().parse().expect("an epoch"), next().parse().expect("a difference"), next().to_owned())
    };
    text.lines().skip(1).map(line).collect()
}

/// The files of changes of branches, nodes and skeletons, with the names of their tables.
pub(crate) fn files_of_changes(changes: &Path) -> [(&'static str, PathBuf); 3] {
    let beside = |table: &str| changes.with_extension(format!("{table}.csv"));
    [("branches.csv", changes.to_owned()), ("nodes.csv", beside("nodes")), ("skeletons.csv", beside("skeletons"))]
}

/// Holds the lines of the files of changes to the tables in `out`.
pub(crate) fn assert_adds_up(changes: &Path, out: &Path) {
    for (table, changes) in files_of_changes(changes) {
        assert_file_adds_up(&changes, &out.join(table));
    }
    let objects = out.join("objects.csv");
    if objects.exists() {
        assert_file_adds_up(&changes.with_extension("objects.csv"), &objects);
    }
}

fn assert_file_adds_up(changes: &Path, table: &Path) {
    let mut rows: BTreeMap<String, i64> = BTreeMap::new();
    for (_, diff, row) in read_named_changes(changes, table) {
        *rows.entry(row).or_default() += diff;
    }
    rows.retain(|_, count| *count != 0);
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    let text = std::fs::read_to_string(table).expect("a table");
    for row in without_ranks(&text).skip(1) {
        *expected.entry(row).or_default() += 1;
    }
    assert_eq!(rows, expected, "{}", table.display());
}
