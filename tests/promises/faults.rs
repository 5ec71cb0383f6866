//! Promise: whatever befalls one of several processes, and whenever, all end soon, and the next run gives the bytes of one
//! process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::cluster::{Process, SOON, phantom, text, write_hosts};
use crate::crash::random;
use crate::scene::set_time;
use crate::support::{files_under, invariant_bytes, read_json, succeed};

/// Options of a run with many small chunks and wide halos, so that it lasts.
const LASTING: [&str; 7] = ["--quiet", "--chunk", "8", "--sigma", "2", "--threshold", "otsu"];

#[test]
fn an_error_before_the_connection_is_the_error_of_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "16,16,16", false);
    let missing = folder.path().join("missing.zarr");
    let out = folder.path().join("out");
    for failing in 0..3 {
        let (hosts, addresses) = write_hosts(folder.path(), 3);
        let processes = [0, 1, 2].map(|process| {
            let input = if process == failing { &missing } else { &input };
            Process::start(&["run", text(input), "--out", text(&out), "--quiet"], &hosts, process)
        });
        for (process, ended) in processes.map(|process| process.end(Instant::now() + SOON)).into_iter().enumerate() {
            let (code, said) = ended;
            assert_eq!((code, said.lines().count()), (66, 1), "{said}");
            let place = format!("anabranch: process {failing} ({}): {}", addresses[failing], text(&missing));
            assert!(said.contains("missing.zarr") && said.starts_with(&place) == (process != failing), "{said}");
        }
        assert!(!out.exists());
    }
}

#[test]
fn options_that_do_not_fit_in_one_process_end_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "16,16,16", false);
    let (hosts, _) = write_hosts(folder.path(), 2);
    let out = folder.path().join("out");
    let call = ["run", text(&input), "--out", text(&out), "--quiet"];
    let processes =
        [Process::start(&call, &hosts, 0), Process::start(&[&call[..], &["--sigma", "2"]].concat(), &hosts, 1)];
    for process in processes {
        let (code, said) = process.end(Instant::now() + SOON);
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains("--sigma smooths the image before a threshold"), "{said}");
    }
}

#[test]
fn a_process_that_cannot_listen_ends_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "16,16,16", false);
    let (hosts, addresses) = write_hosts(folder.path(), 2);
    let _taken = TcpListener::bind(&addresses[1]).expect("a free port");
    let out = folder.path().join("out");
    let call = ["run", text(&input), "--out", text(&out), "--quiet"];
    let processes = [0, 1].map(|process| Process::start(&call, &hosts, process));
    for process in processes {
        let (code, said) = process.end(Instant::now() + SOON);
        assert_eq!((code, said.lines().count()), (69, 1), "{said}");
        assert!(said.contains(&format!("cannot listen at {}", addresses[1])), "{said}");
    }
}

#[test]
fn an_error_before_the_connection_is_said_at_once_whoever_else_is_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (hosts, _) = write_hosts(folder.path(), 2);
    let [missing, out] = ["missing.zarr", "out"].map(|name| folder.path().join(name));
    let call = ["run", text(&missing), "--out", text(&out), "--quiet"];
    let mut process = Process::start(&call, &hosts, 0);
    let mut said = BufReader::new(process.0.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("text");
    assert!(line.contains("missing.zarr"), "{line}");
    assert!(process.is_running(), "it still tries to tell the other one");
    process.0.stderr = Some(said.into_inner());
    assert_eq!(process.end(Instant::now() + SOON), (66, String::new()));
}

/// Runs processes of a worker each, kills one after a time, and gives what the others end with; nothing where it had
/// ended before.
fn kill_one(call: &[&str], folder: &Path, count: usize, victim: usize, after: Duration) -> Option<Vec<(i32, String)>> {
    let (hosts, _) = write_hosts(folder, count);
    // The moment may be one before they are connected.
    let call = [call, &["--connect-timeout", "3"]].concat();
    let mut processes: Vec<Process> = (0..count).map(|process| Process::start(&call, &hosts, process)).collect();
    std::thread::sleep(after);
    let mut killed = processes.remove(victim);
    let running = killed.is_running();
    drop(killed);
    let deadline = Instant::now() + SOON;
    let ends = processes.into_iter().map(|process| process.end(deadline)).collect();
    running.then_some(ends)
}

/// Holds the ends of the other processes to what they should be. Gives whether the outputs are there: where the one that
/// was killed had done its part, the others are not concerned.
fn assert_ended(ends: &Option<Vec<(i32, String)>>, out: &Path, moment: &str) -> bool {
    let whole = out.join("run.json").exists();
    for (code, said) in ends.iter().flatten() {
        let lines = said.lines().count();
        assert!((*code, lines) == (69, 1) || whole && (*code, lines) == (0, 0), "{moment}: {code} {said}");
        assert!(*code == 0 || said.contains("start all processes"), "{moment}: {said}");
    }
    whole
}

/// The number of records of thinning that are in place in a state.
fn count_records(state: &Path) -> usize {
    let thinned = state.join("thinned");
    let files = if thinned.exists() { files_under(&thinned) } else { BTreeMap::new() };
    files.keys().filter(|file| file.extension().is_none_or(|extension| extension != "staged")).count()
}

/// Runs some processes to their end, which is a good one. Returns the lines that they print.
fn run_together(call: &[&str], folder: &Path, count: usize) -> Vec<String> {
    let (hosts, _) = write_hosts(folder, count);
    let processes: Vec<_> = (0..count).map(|process| Process::start(call, &hosts, process)).collect();
    let mut lines = Vec::new();
    for process in processes {
        let (code, said) = process.end(Instant::now() + 4 * SOON);
        assert_eq!(code, 0, "{count} processes: {said}");
        lines.extend(said.lines().map(String::from));
    }
    lines
}

#[test]
fn processes_killed_at_any_moment_leave_nothing_half_done() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "64,64,64", true);
    let alone = folder.path().join("alone");
    succeed(&[&["run", text(&input), "--out", text(&alone)], &LASTING[..]].concat());
    let expected = invariant_bytes(&alone);
    let around = || fs::read_dir(folder.path()).expect("a folder").count();
    for count in [3, 2] {
        let out = folder.path().join(format!("out-{count}"));
        let call = [&["run", text(&input), "--out", text(&out), "--overwrite"], &LASTING[..]];
        let call = call.concat();
        let run = || {
            let started = Instant::now();
            assert!(run_together(&call, folder.path(), count).is_empty());
            assert!(invariant_bytes(&out) == expected);
            assert_eq!(fs::read_dir(&out).expect("a folder").count(), 8, "nothing but outputs");
            started.elapsed()
        };
        let lasts = run();
        let entries = around();
        // The first one last: what it leaves behind is for the next run to clear away.
        for victim in (0..count).rev() {
            if out.exists() {
                fs::remove_dir_all(&out).expect("outputs");
            }
            let after = lasts.mul_f64(random());
            let moment = format!("process {victim} of {count} after {after:?} of {lasts:?}");
            let ends = kill_one(&call, folder.path(), count, victim, after);
            let whole = assert_ended(&ends, &out, &moment);
            if whole {
                assert!(invariant_bytes(&out) == expected, "{moment}");
            } else if victim != 0 {
                assert!(!out.exists(), "{moment}: {:?}", files_under(&out).keys());
            }
            assert!(around() <= entries, "{moment}: nothing beside the outputs");
        }
        run();
    }
}

#[test]
fn processes_with_a_state_that_are_killed_at_any_moment_go_on_from_it_in_any_number() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "64,64,64", true);
    // Times of files that are younger than a second are not trusted.
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    files_under(&input).keys().for_each(|file| set_time(&input.join(file), long_ago));
    let [alone, out, state] = ["alone", "out", "state"].map(|name| folder.path().join(name));
    succeed(&[&["run", text(&input), "--out", text(&alone)], &LASTING[..]].concat());
    let expected = invariant_bytes(&alone);
    let call = ["run", text(&input), "--out", text(&out), "--state", text(&state), "--overwrite"];
    let call = [&call[..], &LASTING].concat();
    let run = |count: usize| {
        let started = Instant::now();
        let said = run_together(&call, folder.path(), count);
        assert!(invariant_bytes(&out) == expected);
        (started.elapsed(), said)
    };
    let (lasts, said) = run(2);
    assert!(said.is_empty(), "{said:?}");
    for (count, next) in [(3, 2), (2, 1), (2, 3)] {
        fs::remove_dir_all(&state).expect("a state");
        fs::remove_dir_all(&out).expect("outputs");
        for victim in [count - 1, 0] {
            let after = lasts.mul_f64(random());
            let moment = format!("process {victim} of {count} after {after:?} of {lasts:?}");
            let ends = kill_one(&call, folder.path(), count, victim, after);
            let whole = assert_ended(&ends, &out, &moment);
            assert!(!whole || invariant_bytes(&out) == expected, "{moment}");
        }
        // A kill while records were put in place leaves some of them: those contradict neighbours that have none.
        let placed = count_records(&state);
        let (_, said) = run(next);
        let of_records =
            |line: &String| line.contains("contradicts that of a neighbour") || line.ends_with("more such records");
        assert!(said.iter().all(of_records), "{said:?}");
        assert!(said.is_empty() || (1..count_records(&state)).contains(&placed), "{placed} records: {said:?}");
        let (_, said) = run(count);
        assert!(said.is_empty(), "{said:?}");
        let log = read_json(&out, "run.json");
        assert!(log["chunks_read"] == 0 && log["chunks_activated"] == 0, "{log}");
    }
}
