//! What an address has of secrets is in nothing that the program writes or says, whichever option names it.

use std::fs;
use std::path::Path;

use crate::server::Server;
use crate::support::{Outcome, files_under, invariant_bytes, read_json};
use crate::{call, images, text};

/// What may be seen nowhere: user name, password, and parts of what follows the question mark.
const SECRETS: [&str; 4] = ["name-of-user", "pass-word", "cre-dential", "sig-nature"];

/// The address of an image, with secrets, among them such as have slashes.
fn address(server: &Server, name: &str) -> String {
    let place = server.url(name).replace("http://", "http://name-of-user:pass-word@");
    place + "?X-Credential=cre-dential/2024/request&X-Signature=sig-nature"
}

/// The same with secrets that have changed since.
fn renewed(address: &str) -> String {
    address.replace("pass-word", "pass-word-2").replace("sig-nature", "sig-nature-2")
}

/// Fails where a call ends with another code, or says a secret.
fn ends_with(code: i32, arguments: &[&str]) -> Outcome {
    let outcome = call(arguments, &[]);
    assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(SECRETS.iter().all(|secret| !said.contains(secret)), "{outcome:?}");
    outcome
}

/// Fails where a file in a folder has a secret, in its name or in its bytes.
fn hides(folder: &Path) {
    let files = files_under(folder);
    assert!(!files.is_empty(), "{}", folder.display());
    for (name, bytes) in files {
        let content = String::from_utf8_lossy(&bytes);
        let has = |secret: &str| content.contains(secret) || name.to_string_lossy().contains(secret);
        assert_eq!(SECRETS.iter().find(|secret| has(secret)), None, "{}", name.display());
    }
}

#[test]
fn samples_of_a_batch_are_named_after_places_without_secrets() {
    let folder = images();
    let server = Server::of(folder.path());
    let out = folder.path().join("batch");
    let [chunks, shards] = ["chunks.zarr", "shards.zarr/"].map(|name| address(&server, name));
    let more = ["--out", text(&out), "--log-format", "json"];
    ends_with(
        0,
        &[&["batch", &chunks, &shards, "--mask", &chunks, "--group", "a=ch*", "--group", "b=shards"], &more[..]]
            .concat(),
    );
    hides(&out);
    let images = read_json(&out, "batch.json")["images"].clone();
    assert_eq!((&images[0]["name"], &images[1]["name"]), (&"chunks".into(), &"shards".into()), "{images}");
    assert!(out.join("chunks/branches.csv").is_file() && out.join("shards/branches.csv").is_file());
    // With other secrets it is the same image, whose results are made again.
    let [chunks, shards] = [renewed(&chunks), renewed(&shards)];
    ends_with(0, &[&["batch", &chunks, &shards, "--mask", &chunks], &more[..]].concat());
    hides(&out);
    // Where there is no path, the host has to do.
    let failing = ends_with(66, &["batch", &address(&server, ""), "--out", text(&out)]);
    assert!(failing.stderr.contains("127.0.0.1: "), "{failing:?}");
    hides(&out);
}

#[test]
fn images_that_options_name_are_written_without_secrets() {
    let folder = images();
    let server = Server::of(folder.path());
    let at = |name: &str| folder.path().join(name);
    let [local, out, state, kept] = ["local", "out", "state", "kept"].map(at);
    let (plain, secret) = (at("chunks.zarr"), address(&server, "chunks.zarr"));
    let all = |image: &'_ str, out: &'_ Path| {
        let options = ["run", image, "--mask", image, "--intensity", image, "--atlas", image, "--out", text(out)];
        options.map(str::to_owned)
    };
    let called = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        ends_with(0, &[&arguments[..], &["--export", "parquet,graphml,vtp", "--log-format", "json"]].concat());
    };
    called(&all(text(&plain), &local));
    called(&all(&secret, &out));
    assert!(invariant_bytes(&out) == invariant_bytes(&local));
    let summary = read_json(&out, "summary.json");
    for name in ["mask", "intensity", "atlas"] {
        assert_eq!(summary["parameters"][name], "chunks.zarr", "{summary}");
    }
    ends_with(0, &["report", text(&out)]);
    hides(&out);
    let with_state = |image: &str| {
        let [out, state] = [text(&kept), text(&state)];
        ends_with(0, &["run", image, "--mask", image, "--out", out, "--state", state]);
        hides(&kept);
        hides(Path::new(state));
    };
    with_state(&secret);
    // The state is that of the same image.
    with_state(&renewed(&secret));
    let local = secret.replace("http://", "file://");
    let refused = ends_with(2, &["run", &local, "--out", text(&kept)]);
    assert!(refused.stderr.contains("is the address of a local file; give its path, "), "{refused:?}");
}

#[test]
fn gains_of_tiles_are_found_with_other_secrets() {
    let folder = images();
    let server = Server::of(folder.path());
    let at = |name: &str| folder.path().join(name);
    let [table, gains, fused, again] = ["tiles.csv", "gains.csv", "fused.zarr", "again.zarr"].map(at);
    let [first, second] = ["chunks.zarr", "shards.zarr"].map(|name| address(&server, name));
    let rows = |first: &str, second: &str| format!("path,z,y,x\n{first},0,0,0\n{second},0,0,15\n");
    fs::write(&table, rows(&first, &second)).expect("a table");
    let fuse = |out: &Path| {
        ends_with(0, &["fuse", text(&table), "--out", text(out), "--gains", text(&gains)]);
        hides(out);
        fs::read_to_string(&gains).expect("a file of gains")
    };
    let solved = fuse(&fused);
    assert!(SECRETS.iter().all(|secret| !solved.contains(secret)), "{solved}");
    assert!(solved.contains(&format!("\n{},,", server.url("chunks.zarr"))), "{solved}");
    fs::write(&table, rows(&renewed(&first), &renewed(&second))).expect("a table");
    assert_eq!(fuse(&again), solved);
    assert!(files_under(&fused) == files_under(&again));
    // Whatever is wrong with a table.
    let none = address(&server, "none of these.zarr");
    for (rows, code) in [
        (rows(&first, &none), 74),
        (rows(&first, &first), 65),
        (rows(&first, &second).replace(",15", ",x"), 65),
        (rows(&first, &renewed(&first)), 65),
    ] {
        fs::write(&table, rows).expect("a table");
        let out = folder.path().join("faulty");
        ends_with(code, &["fuse", text(&table), "--out", text(&out), "--gains", text(&gains)]);
    }
}
