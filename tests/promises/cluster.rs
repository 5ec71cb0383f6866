//! Promise: several processes give the bytes of one, and when one of them fails all end soon, with a reason.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::image::Image;
use crate::sequential::Mask;
use crate::support::{anabranch, files_under, has_staged, invariant_bytes, succeed};

/// A run whose other process is gone ends within this time.
pub(crate) const SOON: Duration = Duration::from_secs(15);

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A free port of this machine: another one every time, and none that the system gives to whoever connects.
fn free_port() -> TcpListener {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let mut ports = std::iter::repeat_with(|| {
        // Other runs of these tests begin elsewhere.
        10_000 + std::process::id().wrapping_mul(97).wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % 20_000
    });
    ports.find_map(|port| TcpListener::bind(format!("127.0.0.1:{port}")).ok()).expect("a port")
}

/// A list of hosts on free ports of this machine.
pub(crate) fn write_hosts(folder: &Path, count: usize) -> (PathBuf, Vec<String>) {
    let listeners: Vec<TcpListener> = (0..count).map(|_| free_port()).collect();
    let addresses: Vec<String> = listeners.iter().map(|it| it.local_addr().expect("a port").to_string()).collect();
    let path = folder.join("hosts.txt");
    fs::write(&path, format!("# host:port\n{}\n", addresses.join("\n"))).expect("a file");
    (path, addresses)
}

/// The secret of the processes in these tests.
pub(crate) const SECRET: &str = "known to the processes of these tests only";

/// A process of a cluster, killed when it is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    pub(crate) fn start(call: &[&str], hosts: &Path, process: usize) -> Process {
        Process::start_with(call, hosts, process, Some(SECRET))
    }

    /// The same with another secret, or none.
    pub(crate) fn start_with(call: &[&str], hosts: &Path, process: usize, secret: Option<&str>) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
        command.args(call).args(["--hosts", text(hosts), "--process", &process.to_string(), "--workers", "1"]);
        command.env_remove("ANABRANCH_SECRET").envs(secret.map(|secret| ("ANABRANCH_SECRET", secret)));
        Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts"))
    }

    /// The exit code and what was said, once it has ended; none of these processes says more than a pipe holds.
    pub(crate) fn end(mut self, deadline: Instant) -> (i32, String) {
        let status = loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "a process has not ended in time");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        self.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (status.code().unwrap_or(-1), said)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_none()
    }
}

/// Noise in lumps, with foreground in every chunk.
fn dense() -> Mask {
    let noise = |p: [i64; 3]| {
        let mut hash = (p[0] * 1_000_003 + p[1] * 7919 + p[2] + 1) as u64;
        for _ in 0..3 {
            hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        hash >> 40 & 0xff
    };
    Mask::from_fn([30, 34, 44], |p| noise(p.map(|n| n / 2)) < 140)
}

/// Writes a phantom; gives its path.
pub(crate) fn phantom(folder: &Path, shape: &str, gray: bool) -> PathBuf {
    let path = folder.join("phantom.zarr");
    let mut call = vec!["phantom", text(&path), "--shape", shape, "--seed", "3", "--chunk", "32", "--quiet"];
    call.extend(gray.then_some("--gray"));
    succeed(&call);
    path
}

/// Fails where a number of processes or workers changes a byte.
fn compare(input: &Path, options: &[&str], folder: &Path) {
    fs::create_dir_all(folder).expect("a writable folder");
    let mut alone = None;
    for (run, (processes, workers)) in [("1", "2"), ("2", "1"), ("2", "2"), ("4", "1")].into_iter().enumerate() {
        let out = folder.join(format!("out-{run}"));
        let call = ["run", text(input), "--out", text(&out), "--processes", processes, "--workers", workers, "--quiet"];
        let outcome = succeed(&[&call, options].concat());
        // Warnings come once, from the first process.
        assert!(outcome.stderr.lines().count() <= 1 && outcome.stdout.is_empty(), "{outcome:?}");
        assert!(outcome.stderr.is_empty() || outcome.stderr.starts_with("warning: "), "{outcome:?}");
        let bytes = invariant_bytes(&out);
        let log = fs::read_to_string(out.join("run.json")).expect("run.json");
        let log: serde_json::Value = serde_json::from_str(&log).expect("JSON");
        assert_eq!(log["processes"].to_string(), processes);
        assert_eq!(log["bytes_between_processes"] == 0, processes == "1", "{log}");
        assert!(bytes == *alone.get_or_insert_with(|| bytes.clone()), "{processes} processes of {workers} workers");
        assert_eq!(fs::read_dir(&out).expect("a folder").count(), 8, "nothing but outputs");
    }
}

#[test]
fn processes_give_the_bytes_of_one_on_a_phantom() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "72,64,80", false);
    compare(&input, &["--chunk", "16"], folder.path());
}

#[test]
fn processes_give_the_bytes_of_one_on_a_dense_mask() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("dense.npy");
    Image::woven(&dense(), "uint8").write_npy(&input);
    for method in ["lee", "homotopic"] {
        compare(&input, &["--chunk", "9,8,11", "--method", method], &folder.path().join(method));
    }
}

#[test]
fn processes_give_the_bytes_of_one_on_a_smoothed_image_with_a_threshold_of_otsu() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "48,64,56", true);
    // A radius of more than a chunk, so that halos come from several.
    compare(&input, &["--chunk", "12", "--sigma", "3.2", "--threshold", "otsu"], folder.path());
}

#[test]
fn processes_without_chunks_do_no_harm() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("dense.npy");
    Image::woven(&dense(), "float32").write_npy(&input);
    compare(&input, &["--chunk", "40,20,50", "--threshold", "3"], folder.path());
}

#[test]
fn the_least_memory_locks_nothing_up_and_changes_no_byte() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "56,48,44", true);
    // Chunks that stay whole, and some that are cut into tiers where memory is scarce.
    for (chunk, sigma) in [("7", "2.5"), ("48,16,24", "1"), ("32,20,20", "1.5,1,0")] {
        let call = [
            &["run", text(&input), "--quiet", "--chunk", chunk, "--sigma", sigma][..],
            &["--threshold", "otsu", "--workers", "1", "--overwrite"],
        ];
        let run = |out: &Path, more: &[&str]| anabranch([&call.concat()[..], &["--out", text(out)], more].concat());
        let [roomy, out] = ["roomy", "out"].map(|name| folder.path().join(name));
        let refused = run(&roomy, &["--memory", "1K"]).stderr;
        let least = refused.split(" need ").nth(1).and_then(|rest| rest.split(' ').next()).expect("the least budget");
        let outcome = run(&roomy, &[]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        for processes in ["1", "5"] {
            let outcome = run(&out, &["--memory", least, "--processes", processes]);
            assert_eq!(outcome.code, 0, "{outcome:?}");
            assert!(invariant_bytes(&out) == invariant_bytes(&roomy), "{chunk}, {processes} processes");
        }
    }
}

#[test]
fn a_process_that_does_not_come_is_named_at_the_deadline() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("dense.npy");
    Image::of_mask(&dense()).write_npy(&input);
    let (hosts, addresses) = write_hosts(folder.path(), 2);
    let out = folder.path().join("out");
    let started = Instant::now();
    let call = ["run", text(&input), "--out", text(&out), "--connect-timeout", "1", "--quiet"];
    let (code, said) = Process::start(&call, &hosts, 0).end(started + SOON);
    assert_eq!((code, said.lines().count()), (69, 1), "{said}");
    assert!(said.contains(&format!("process 1 ({})", addresses[1])) && said.contains("--connect-timeout"), "{said}");
    assert!(!out.exists());
}

#[test]
fn processes_with_other_parameters_do_not_run_together() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("dense.npy");
    Image::woven(&dense(), "uint8").write_npy(&input);
    let (hosts, _) = write_hosts(folder.path(), 2);
    let out = folder.path().join("out");
    let call = |threshold| ["run", text(&input), "--out", text(&out), "--quiet", "--threshold", threshold];
    let processes = [(0, "3"), (1, "4")].map(|(process, value)| Process::start(&call(value), &hosts, process));
    for process in processes {
        let (code, said) = process.end(Instant::now() + SOON);
        assert_eq!((code, said.lines().count()), (69, 1), "{said}");
        assert!(said.contains("--threshold") && said.contains("\"3\"") && said.contains("\"4\""), "{said}");
    }
    assert!(!out.exists());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("dense.npy");
    Image::of_mask(&dense()).write_npy(&input);
    let (hosts, addresses) = write_hosts(folder.path(), 2);
    let _taken = TcpListener::bind(&addresses[1]).expect("a free port");
    let out = folder.path().join("out");
    let call = ["run", text(&input), "--out", text(&out), "--quiet", "--connect-timeout", "1"];
    let (code, said) = Process::start(&call, &hosts, 1).end(Instant::now() + SOON);
    assert_eq!((code, said.lines().count()), (69, 1), "{said}");
    assert!(said.contains(&format!("cannot listen at {}", addresses[1])), "{said}");
}

/// Passes on what comes, but changes one byte of the first slab that it sees whole.
fn pass_on(mut from: TcpStream, mut to: TcpStream, damaged: &AtomicBool) {
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let slab = buffer[..count].windows(8).position(|bytes| bytes == b"piece   ").map(|at| at + 200);
        if let Some(at) = slab.filter(|&at| at < count)
            && !damaged.swap(true, Ordering::AcqRel)
        {
            buffer[at] ^= 4;
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other end may be gone already.
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn a_slab_that_is_damaged_on_its_way_ends_all_with_that_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "48,64,56", true);
    let (hosts, addresses) = write_hosts(folder.path(), 2);
    // The second process reaches the first one through here.
    let between = TcpListener::bind("127.0.0.1:0").expect("a port");
    let theirs = folder.path().join("other-hosts.txt");
    fs::write(&theirs, format!("{}\n{}\n", between.local_addr().expect("a port"), addresses[1])).expect("a file");
    let damaged = Arc::new(AtomicBool::new(false));
    let (first, noted) = (addresses[0].clone(), Arc::clone(&damaged));
    std::thread::spawn(move || {
        while let Ok((here, _)) = between.accept() {
            let Ok(there) = TcpStream::connect(&first) else { continue };
            let pairs = [(&here, &there), (&there, &here)].map(|(from, to)| (from.try_clone(), to.try_clone()));
            for (from, to) in pairs {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || pass_on(from.expect("a socket"), to.expect("a socket"), &noted));
            }
        }
    });
    let out = folder.path().join("out");
    let call =
        ["run", text(&input), "--out", text(&out), "--quiet", "--chunk", "16", "--sigma", "2", "--threshold", "9"];
    let processes = [(0, &hosts), (1, &theirs)].map(|(process, hosts)| Process::start(&call, hosts, process));
    for process in processes {
        let (code, said) = process.end(Instant::now() + SOON);
        assert_eq!((code, said.lines().count()), (69, 1), "{said}");
        assert!(said.contains("a message of another process is damaged"), "{said}");
    }
    assert!(damaged.load(Ordering::Acquire) && !out.exists());
}

#[test]
fn an_error_in_one_process_is_the_error_of_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "64,64,64", false);
    let chunks = files_under(&input).into_keys().filter(|name| !name.ends_with("zarr.json"));
    for chunk in chunks.collect::<Vec<_>>() {
        fs::write(input.join(chunk), b"damaged").expect("a chunk");
    }
    let (hosts, _) = write_hosts(folder.path(), 3);
    let out = folder.path().join("out");
    let call = ["run", text(&input), "--out", text(&out), "--quiet"];
    let processes = [0, 1, 2].map(|process| Process::start(&call, &hosts, process));
    let ends = processes.map(|process| process.end(Instant::now() + SOON));
    for (code, said) in &ends {
        assert_eq!((*code, said.lines().count()), (65, 1), "{said}");
        assert!(said.contains("phantom.zarr") && said.contains("chunk"), "{said}");
    }
    assert!(!out.exists());
    // Of the processes of one machine the first speaks for all.
    let outcome = anabranch([&call[..], &["--processes", "3"]].concat());
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (65, 1), "{outcome:?}");
    assert!(!out.exists());
}

#[test]
fn what_several_processes_cannot_do_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("dense.npy");
    Image::of_mask(&dense()).write_npy(&input);
    let out = folder.path().join("out");
    let call = ["run", text(&input), "--out", text(&out), "--quiet"];
    let missing = folder.path().join("no-hosts.txt");
    let wrong = folder.path().join("wrong-hosts.txt");
    fs::write(&wrong, "localhost\n").expect("a file");
    for (options, code, named) in [
        (&["--processes", "0"][..], 2, "--processes is 0"),
        (&["--processes", "65"], 2, "at most 64"),
        (&["--processes", "16", "--workers", "17"], 2, "at most 256 workers"),
        (&["--workers", "257"], 2, "at most 256"),
        (&["--hosts", text(&missing), "--process", "0"], 66, "no-hosts.txt"),
        (&["--hosts", text(&wrong), "--process", "0"], 2, "localhost is no host:port"),
        (&["--process", "0"], 2, "--hosts"),
    ] {
        let outcome = anabranch([&call[..], options].concat());
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.stderr.contains(named), "{outcome:?}");
        assert!(!out.exists(), "{options:?}");
    }
}

/// What befalls one of three processes in the middle of a run.
fn fault(victim: usize, signal: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "96,96,96", true);
    let (hosts, addresses) = write_hosts(folder.path(), 3);
    let out = folder.path().join("out");
    // Many small chunks with wide halos, so that it lasts.
    let call =
        ["run", text(&input), "--out", text(&out), "--quiet", "--chunk", "6", "--sigma", "2", "--threshold", "otsu"];
    let mut processes: Vec<Process> = (0..3).map(|process| Process::start(&call, &hosts, process)).collect();
    let staging = out.join(".anabranch-partial");
    let deadline = Instant::now() + SOON;
    while !has_staged(&staging, "skeleton.zarr/zarr.json") {
        assert!(Instant::now() < deadline, "the run does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(300));
    let mut struck = processes.remove(victim);
    assert!(struck.is_running(), "the run is over too soon for this test");
    let sent = Command::new("kill").args([signal, &struck.0.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let deadline = Instant::now() + SOON;
    for process in processes {
        let (code, said) = process.end(deadline);
        assert_eq!((code, said.lines().count()), (69, 1), "{said}");
        assert!(said.contains(&format!("process {victim} ({})", addresses[victim])), "{said}");
    }
    drop(struck);
    let left: Vec<_> = out.read_dir().into_iter().flatten().map(|entry| entry.expect("a file").file_name()).collect();
    if victim == 0 {
        // It had no time to clear away what it had begun; the next run does.
        assert_eq!(left, [".anabranch-partial"]);
    } else {
        assert!(!out.exists(), "{left:?}");
    }
}

#[test]
fn a_process_that_is_killed_ends_all_soon() {
    fault(1, "-KILL");
}

#[test]
fn the_first_process_killed_ends_all_soon() {
    fault(0, "-KILL");
}

#[test]
fn a_process_that_is_stopped_ends_all_soon() {
    fault(2, "-STOP");
}
