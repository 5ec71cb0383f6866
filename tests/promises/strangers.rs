//! Promise: programs that do not know the secret of a run take no part in it and change nothing of it.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use crate::cluster::{Process, SECRET, SOON, text, write_hosts};
use crate::image::Image;
use crate::sequential::Mask;
use crate::support::{anabranch, invariant_bytes, succeed, wait_until};

/// Writes a mask of bars along x, as many as asked for.
fn write_bars(path: &Path, bars: i64) {
    let mask = Mask::from_fn([20, 24, 28], |p| p[1] % 6 == 3 && p[0] % 5 == 2 && p[1] / 6 < bars);
    Image::of_mask(&mask).write_npy(path);
}

#[test]
fn a_run_waits_for_its_own_processes_whoever_else_comes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, other, out, alone] = ["image.npy", "other.npy", "out", "alone"].map(|name| folder.path().join(name));
    write_bars(&input, 4);
    write_bars(&other, 1);
    let (hosts, addresses) = write_hosts(folder.path(), 2);
    let call = |input, timeout: &'static str| {
        ["run", text(input), "--out", text(&out), "--quiet", "--chunk", "10", "--connect-timeout", timeout]
    };
    let mut first = Process::start(&call(&input, "30"), &hosts, 0);
    let mut held = Vec::new();
    wait_until("the first process listens", || TcpStream::connect(&addresses[0]).map(|it| held.push(it)).is_ok());
    // The program itself with another secret or none, and with another image: it ends without its place, and its place
    // stays free.
    for secret in [Some("some other secret"), None] {
        for input in [&input, &other] {
            let stranger = Process::start_with(&call(input, "0.5"), &hosts, 1, secret);
            let (code, said) = stranger.end(Instant::now() + SOON);
            assert_eq!(code, 69, "{said}");
            assert!(said.contains("did not know the secret of this run was refused"), "{said}");
        }
    }
    // One that ends with an error would tell it to all.
    let missing = folder.path().join("BE-AFRAID.npy");
    let stranger = Process::start_with(&call(&missing, "0.5"), &hosts, 1, Some("some other secret"));
    assert_eq!(stranger.end(Instant::now() + SOON).0, 66);
    // Others that are no such program, or say nothing.
    let greetings: [&[u8]; 5] =
        [b"GET / HTTP/1.1\r\n\r\n", b"anabrmsh", &[0xff; 3000], b"anabranc\x07\0\0\0\0\0\0\0", b""];
    for greeting in greetings.iter().cycle().take(60) {
        let mut stream = TcpStream::connect(&addresses[0]).expect("a connection");
        let _ = stream.write_all(greeting);
        held.push(stream);
    }
    assert!(first.is_running());
    let second = Process::start(&call(&input, "30"), &hosts, 1);
    for process in [first, second] {
        assert_eq!(process.end(Instant::now() + SOON), (0, String::new()));
    }
    succeed(&["run", text(&input), "--out", text(&alone), "--quiet"]);
    assert!(invariant_bytes(&out) == invariant_bytes(&alone));
}

#[test]
fn the_secret_is_in_a_file_or_in_the_environment_and_never_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, file] = ["image.npy", "out", "secret.txt"].map(|name| folder.path().join(name));
    write_bars(&input, 4);
    fs::write(&file, format!("\n {SECRET}\n")).expect("a file");
    let (hosts, _) = write_hosts(folder.path(), 2);
    let call = ["run", text(&input), "--out", text(&out), "--quiet", "--chunk", "10"];
    let first = Process::start_with(&call, &hosts, 0, Some(SECRET));
    // The file counts where both are given.
    let second = [&call[..], &["--secret", text(&file)]].concat();
    let second = Process::start_with(&second, &hosts, 1, Some("some other secret"));
    for process in [first, second] {
        let (code, said) = process.end(Instant::now() + SOON);
        assert_eq!(code, 0, "{said}");
    }
    for (name, bytes) in crate::support::files_under(&out) {
        assert!(!String::from_utf8_lossy(&bytes).contains(SECRET), "{}", name.display());
    }
}

#[test]
fn a_secret_that_will_not_do_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out, short, hosts, open] =
        ["image.npy", "out", "short.txt", "hosts.txt", "open.txt"].map(|name| folder.path().join(name));
    write_bars(&input, 4);
    fs::write(&short, "0123456789abcde\n\n\n").expect("a file");
    fs::write(&hosts, "127.0.0.1:7700\n127.0.0.1:7701\n").expect("a file");
    fs::write(&open, "127.0.0.1:7700\n192.0.2.1:7701\n").expect("a file");
    let missing = folder.path().join("no-secret.txt");
    let base = ["run", text(&input), "--out", text(&out), "--quiet"];
    for (options, code, named) in [
        (&["--hosts", text(&hosts), "--process", "0", "--secret", text(&short)][..], 2, "short.txt: the secret of the"),
        (&["--hosts", text(&hosts), "--process", "0", "--secret", text(&missing)], 66, "no-secret.txt"),
        (&["--hosts", text(&open), "--process", "0"], 2, "192.0.2.1:7701 is not an address of the loopback interface"),
        (&["--secret", text(&short)], 2, "--hosts"),
    ] {
        let outcome = anabranch([&base[..], options].concat());
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.stderr.contains(named), "{outcome:?}");
        assert!(!outcome.stderr.contains("0123456789abcde") && !out.exists(), "{outcome:?}");
    }
}
