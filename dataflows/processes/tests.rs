//! Panics, in processes that run this binary's tests in place of its `main`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anabranch::chunk::Chunk;
use anabranch::error::Result;
use anabranch::space::Region;
use anabranch::store::{Description, Source};
use clap::Parser;

use super::Seat;
use crate::arguments::{self, Program};

/// Variables that tell a process of the test below its number, the one that panics, and their folder.
const MEMBER: &str = "ANABRANCH_TEST_MEMBER";
const PANICKING: &str = "ANABRANCH_TEST_PANICKING";
const FOLDER: &str = "ANABRANCH_TEST_FOLDER";
const NAME: &str = "processes::tests::a_panic_of_a_worker_ends_all_processes";
const PROCESSES: usize = 3;

/// An image at whose third part a worker panics.
struct Defect {
    image: Arc<dyn Source>,
    reads: AtomicUsize,
}

impl Source for Defect {
    fn description(&self) -> &Description {
        self.image.description()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        assert!(self.reads.fetch_add(1, Ordering::Relaxed) != 2, "a defect that was put in");
        self.image.read(region)
    }
}

/// What `main` does, for one of the processes.
fn take_part(member: &str, panicking: &str, folder: &Path) -> ! {
    crate::panics::end_program();
    let [input, out, hosts] = ["image.zarr", "out", "hosts.txt"].map(|name| folder.join(name).display().to_string());
    let call = ["anabranch", "run", &input, "--out", &out, "--chunk", "10", "--hosts", &hosts, "--process", member];
    let arguments::Command::Run(options) =
        Program::parse_from([&call[..], &["--workers", "2", "--quiet"]].concat()).command
    else {
        unreachable!("a run")
    };
    let seat = Seat::of(&options).expect("a list of hosts");
    let mut analysis = crate::analysis::open(&options, &seat).expect("an analysis");
    if member == panicking {
        analysis.source = Arc::new(Defect { image: analysis.source, reads: AtomicUsize::new(0) });
    }
    let result = crate::run::carry_out(&options, &seat, &analysis, Instant::now());
    std::process::exit(i32::from(crate::end(&result)));
}

#[test]
fn a_panic_of_a_worker_ends_all_processes() {
    if let [Ok(member), Ok(panicking), Ok(folder)] = [MEMBER, PANICKING, FOLDER].map(std::env::var) {
        take_part(&member, &panicking, Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.zarr").display().to_string();
    let call = ["anabranch", "phantom", &image, "--shape", "40,40,40", "--seed", "1", "--chunk", "10", "--quiet"];
    let arguments::Command::Phantom(options) = Program::parse_from(call).command else { panic!("a phantom") };
    crate::phantom::phantom(&options).unwrap();
    for panicking in 0..PROCESSES {
        // None of those that the system gives to whoever connects.
        let ports = (10_000 + std::process::id() % 20_000..).map(|port| TcpListener::bind(format!("127.0.0.1:{port}")));
        let listeners: Vec<TcpListener> = ports.flatten().take(PROCESSES).collect();
        let hosts: Vec<String> = listeners.iter().map(|it| it.local_addr().unwrap().to_string()).collect();
        drop(listeners);
        std::fs::write(folder.path().join("hosts.txt"), hosts.join("\n")).unwrap();
        let start = |member: usize| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", NAME, "--nocapture", "--test-threads", "1"]);
            command.envs([(MEMBER, member.to_string()), (PANICKING, panicking.to_string())]);
            command.env(FOLDER, folder.path()).env("ANABRANCH_SECRET", "known to this test only");
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let (members, started) = ([0, 1, 2].map(start), Instant::now());
        for (member, child) in members.into_iter().enumerate() {
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(70), "process {member} of {panicking}: {said}");
            if member == panicking {
                assert!(said.contains("internal error") && said.contains("a defect that was put in"), "{said}");
            } else {
                let named = format!("process {panicking} ({}) has stopped at an internal error", hosts[panicking]);
                assert!(said.contains(&named) && said.lines().count() == 1, "{said}");
            }
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert!(!folder.path().join("out").exists(), "nothing is left");
    }
}
