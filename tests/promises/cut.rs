//! Promise: processes whose network is cut in the middle of a run all end soon.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cluster::{SECRET, phantom, text};
use crate::support::{invariant_bytes, succeed};

/// Silence of five seconds, two for the farewell, and what a busy machine needs.
const SOON: Duration = Duration::from_secs(15);

/// How to get a network namespace of one's own: as root, or with user namespaces.
const NAMESPACES: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
/// What has to be possible there.
const PROBE: &str = "ip link add here type veth peer name there && unshare --net true && nsenter --version > /dev/null";

/// Ends with this.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What makes a network namespace here, or why there can be none.
fn namespace() -> Result<&'static [&'static str], String> {
    let mut reasons = Vec::new();
    for options in NAMESPACES {
        match Command::new("unshare").args(options).args(["sh", "-c", PROBE]).output() {
            Ok(output) if output.status.success() => return Ok(options),
            Ok(output) => reasons.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => reasons.push(format!("unshare: {error}")),
        }
    }
    Err(reasons.join("; "))
}

#[test]
fn a_network_that_is_cut_ends_both_processes_soon() {
    let options = match namespace() {
        Ok(options) => options,
        Err(reason) => {
            // Past the harness, which keeps what tests print to itself.
            let said = writeln!(std::io::stderr(), "SKIPPED: this system gives no network namespaces ({reason})");
            return said.expect("standard error");
        }
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = phantom(folder.path(), "96,96,96", true);
    let [out, alone, hosts] = ["out", "alone", "hosts.txt"].map(|name| folder.path().join(name));
    fs::write(&hosts, "10.93.0.1:7700\n10.93.0.2:7700\n").expect("a file");
    // Many small chunks with wide halos, so that it lasts.
    let run = ["run", text(&input), "--quiet", "--chunk", "6", "--sigma", "2", "--threshold", "otsu", "--workers", "1"];
    let mut command = Command::new("unshare");
    command.args(options).args(["sh", "-c", include_str!("cut.sh"), "cut.sh", text(folder.path())]);
    command.arg(out.join(".anabranch-partial/new-*/skeleton.zarr/zarr.json")).arg(env!("CARGO_BIN_EXE_anabranch"));
    command.args(run).args(["--out", text(&out), "--hosts", text(&hosts)]).env("ANABRANCH_SECRET", SECRET);
    let mut script = Script(command.stdout(Stdio::piped()).spawn().expect("unshare"));
    let mut lines = BufReader::new(script.0.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().unwrap_or_else(|| panic!("the script has ended")).expect("text");
    assert_eq!(next(), "cut");
    let cut = Instant::now();
    let codes = [next(), next()];
    let took = cut.elapsed();
    assert_eq!(codes, ["0 69", "1 69"]);
    assert!(took < SOON, "{took:?}");
    for process in [0, 1] {
        let said = fs::read_to_string(folder.path().join(format!("said-{process}"))).expect("a file");
        let other = 1 - process;
        let named = format!("process {other} (10.93.0.{}:7700) was not heard of for 5 seconds", other + 1);
        assert!(said.contains(&named) && said.lines().count() == 1, "{said}");
    }
    assert!(!out.exists(), "nothing is left");
    assert_eq!([next(), next(), next()], ["mended", "0 0", "1 0"]);
    succeed(&[&run[..], &["--out", text(&alone)]].concat());
    assert!(invariant_bytes(&out) == invariant_bytes(&alone));
}
