//! Promise: an image on a server gives the bytes of a local copy, and a server that does not give it a reason.

#[allow(dead_code, reason = "the promises use the rest of it")]
#[path = "../promises/image.rs"]
mod image;
#[allow(dead_code, reason = "the promises use the rest of it")]
#[path = "../promises/sequential/mod.rs"]
mod sequential;
mod secrets;
mod server;
mod strange;
#[allow(dead_code, reason = "the promises use the rest of it")]
#[path = "../promises/support.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::image::{CHECKED, Image, PLAIN};
use crate::sequential::Mask;
use crate::server::{Reply, Request, Server};
use crate::support::{Outcome, invariant_bytes, read_json};

/// What the environment may hold that decides about servers.
const FORGOTTEN: [&str; 16] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SKIP_SIGNATURE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Credentials of nobody.
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret+example")];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Calls the program in an environment of its own.
fn call(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
    for name in FORGOTTEN {
        command.env_remove(name);
    }
    let output = command.args(arguments).envs(environment.iter().copied()).output().expect("the program starts");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code().unwrap_or(-1), stdout: said(&output.stdout), stderr: said(&output.stderr) }
}

/// Runs the program on an image.
fn run(input: &str, out: &Path, more: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let arguments = [&["run", input, "--out", text(out), "--quiet"], more].concat();
    call(&arguments, environment)
}

/// The same, and expects it to succeed.
fn succeed(input: &str, out: &Path, more: &[&str], environment: &[(&str, &str)]) {
    let outcome = run(input, out, more, environment);
    // Of the image itself there may be warnings.
    let errors = outcome.stderr.lines().filter(|line| !line.starts_with("warning: ")).count();
    assert_eq!((outcome.code, errors), (0, 0), "{input}, {more:?}: {outcome:?}");
}

/// A folder with one image in chunks and in shards, each with some that are missing, and as an OME-Zarr image.
fn images() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let noise = |p: [i64; 3]| {
        let mut hash = (p[0] * 1_000_003 + p[1] * 7919 + p[2] + 1) as u64;
        for _ in 0..3 {
            hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        hash >> 40 & 0xff
    };
    // Nothing in a corner, so that chunks are missing.
    let is_inside = |p: [i64; 3]| p.iter().any(|&n| n >= 10);
    let mask = Mask::from_fn([17, 19, 23], |p| is_inside(p) && noise(p.map(|n| n / 2)) < 110);
    let image = Image::woven(&mask, "uint16");
    let sharded = format!(
        r#"[{{"name": "sharding_indexed", "configuration": {{"chunk_shape": [5, 5, 5], "codecs": {CHECKED},
            "index_codecs": {CHECKED}, "index_location": "end"}}}}]"#
    );
    let gzip = PLAIN.replace(']', r#", {"name": "gzip", "configuration": {"level": 1}}]"#);
    image.write_zarr(&at("chunks.zarr"), &[6, 7, 8], &gzip);
    image.write_zarr(&at("shards.zarr"), &[10, 10, 10], &sharded);
    image.write_zarr(&at("shards-by-start.zarr"), &[10, 10, 10], &sharded.replace("\"end\"", "\"start\""));
    image.write_zarr(&at("ome.zarr/0"), &[9, 10, 12], &gzip);
    let group = r#"{"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", "multiscales": [{
        "axes": [{"name": "z", "unit": "micrometer"}, {"name": "y", "unit": "micrometer"},
                 {"name": "x", "unit": "micrometer"}],
        "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [2, 0.5, 0.5]}]}]}]}}}"#;
    fs::write(at("ome.zarr/zarr.json"), group).expect("a file");
    folder
}

/// The chunk of `chunks.zarr` that the tests of faults are about.
const CHUNK: &str = "c/1/1/1";

fn is_chunk(request: &Request) -> bool {
    request.path.ends_with(CHUNK)
}

/// Fails where an image on a server gives other bytes than its local copy, with any number of workers and processes.
fn compare(folder: &Path, address: impl Fn(&str) -> String, environment: &[(&str, &str)]) {
    for name in ["chunks.zarr", "shards.zarr", "shards-by-start.zarr", "ome.zarr"] {
        let [local, out] = ["local", "out"].map(|it| folder.join(format!("{it}-{name}")));
        succeed(text(&folder.join(name)), &local, &["--workers", "2"], &[]);
        let expected = invariant_bytes(&local);
        for more in [&["--workers", "1"][..], &["--workers", "2"], &["--workers", "1", "--processes", "2"]] {
            succeed(&address(name), &out, &[more, &["--overwrite"]].concat(), environment);
            assert!(invariant_bytes(&out) == expected, "{name} with {more:?}");
        }
    }
}

#[test]
fn an_image_on_a_web_server_gives_the_bytes_of_a_local_copy() {
    let folder = images();
    let server = Server::of(folder.path());
    compare(folder.path(), |name| server.url(name), &[]);
    let requests = server.requests();
    // Shards are read in part: their indexes at either end, and inner chunks.
    let of_shards = requests.iter().filter(|it| it.path.contains("shards") && it.path.contains("/c/"));
    assert!(of_shards.clone().count() > 0 && of_shards.clone().all(|it| it.range.is_some()), "{requests:?}");
    assert!(requests.iter().all(|it| it.method == "GET" && it.query.is_empty()), "{requests:?}");
}

#[test]
fn an_image_in_a_bucket_gives_the_bytes_of_a_local_copy() {
    let root = images();
    let bucket = root.path().join("bucket");
    fs::create_dir(&bucket).expect("a folder");
    std::os::unix::fs::symlink(root.path(), bucket.join("lab")).expect("a link");
    let server = Server::of(root.path());
    let endpoint = server.url("");
    let environment = [&KEYS[..], &[("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_REGION", "eu-west-1")]].concat();
    compare(root.path(), |name| format!("s3://bucket/lab/{name}"), &environment);
    let requests = server.requests();
    for part in ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "%2Feu-west-1%2Fs3%2Faws4_request", "X-Amz-Signature="] {
        assert!(requests.iter().all(|it| it.path.starts_with("/bucket/lab/") && it.query.contains(part)), "{part}");
    }

    // A bucket that anybody may read.
    let server = Server::of(root.path());
    let endpoint = server.url("");
    let environment = [("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_SKIP_SIGNATURE", "true")];
    let out = root.path().join("open");
    succeed("s3://bucket/lab/chunks.zarr", &out, &[], &environment);
    assert!(invariant_bytes(&out) == invariant_bytes(&root.path().join("local-chunks.zarr")));
    assert!(server.requests().iter().all(|it| it.query.is_empty()));
}

#[test]
fn servers_that_give_no_parts_of_files_give_the_same_bytes() {
    let folder = images();
    let server = Server::with(folder.path(), |_, _| Reply::Whole);
    let [local, out] = ["local", "out"].map(|it| folder.path().join(it));
    for name in ["shards.zarr", "shards-by-start.zarr"] {
        succeed(text(&folder.path().join(name)), &local, &["--overwrite"], &[]);
        succeed(&server.url(name), &out, &["--overwrite"], &[]);
        assert!(invariant_bytes(&out) == invariant_bytes(&local), "{name}");
    }
}

#[test]
fn chunks_that_a_server_does_not_have_hold_the_fill_value() {
    let folder = images();
    let server = Server::of(folder.path());
    let [local, out] = ["local", "out"].map(|it| folder.path().join(it));
    for (name, file) in [("chunks.zarr", CHUNK), ("shards.zarr", "c/1/0/1")] {
        fs::remove_file(folder.path().join(name).join(file)).expect("a chunk");
        // Which are missing can be asked for as well.
        let more = ["--overwrite", "--provisional"];
        succeed(text(&folder.path().join(name)), &local, &more, &[]);
        succeed(&server.url(name), &out, &more, &[]);
        assert!(invariant_bytes(&out) == invariant_bytes(&local), "{name}");
        assert!(read_json(&out, "summary.json")["missing"].as_u64() > Some(0), "{name}");
    }
}

#[test]
fn what_passes_is_tried_again() {
    let folder = images();
    let [local, out] = ["local", "out"].map(|it| folder.path().join(it));
    succeed(text(&folder.path().join("chunks.zarr")), &local, &[], &[]);
    for (fault, file) in [
        (Reply::Status(503), CHUNK),
        (Reply::Status(429), CHUNK),
        (Reply::Half, CHUNK),
        (Reply::Status(500), "zarr.json"),
    ] {
        let fails = move |request: &Request, before| request.path.ends_with(file) && before == 0;
        let server = Server::with(folder.path(), move |it, before| if fails(it, before) { fault } else { Reply::File });
        succeed(&server.url("chunks.zarr"), &out, &["--overwrite"], &[]);
        assert!(invariant_bytes(&out) == invariant_bytes(&local), "{fault:?}");
        let asked = server.requests().iter().filter(|it| it.path.ends_with(file)).count();
        assert!(asked >= 2, "{fault:?}: {asked}");
    }
}

/// Fails where a run of an image does not end with this code and one sentence that names the address and has all of some
/// parts, or where it leaves anything.
fn refused(input: &str, named: &str, code: i32, parts: &[&str], environment: &[(&str, &str)]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let started = Instant::now();
    for processes in ["1", "2"] {
        let more = ["--server-timeout", "1", "--workers", "1", "--processes", processes];
        let outcome = run(input, &folder.path().join("out"), &more, environment);
        assert_eq!(outcome.code, code, "{input}: {outcome:?}");
        let line = outcome.stderr.trim_end();
        assert!(processes == "2" || line.lines().count() == 1, "{outcome:?}");
        assert!(line.contains(named), "{outcome:?} names {named}");
        assert!(parts.iter().all(|part| line.contains(part)), "{outcome:?} has {parts:?}");
        assert!(!line.contains("secret") && !line.contains("Signature"), "{outcome:?}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "something is left of {input}");
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{input}");
}

#[test]
fn what_a_server_refuses_or_fails_to_give_is_an_error_and_no_fill_value() {
    let folder = images();
    for (fault, parts) in [
        (Reply::Status(403), ["may not be read; check the address and ask for the permission", "403, Planned"]),
        (Reply::Status(401), ["may not be read", "401, Planned"]),
        (Reply::Status(500), ["its server is busy or has failed; try again later", "500, Planned"]),
        (Reply::Status(418), ["cannot be read from its server; check the address", "418, Planned"]),
        (Reply::Half, ["broke off while it was read; check the network and the server, and try again", ""]),
        (Reply::Silence, ["its server does not answer; check the address and the network", "timeout"]),
        (Reply::Death, ["its server does not answer; check the address and the network", "refused"]),
    ] {
        let faulty =
            || Server::with(folder.path(), move |request, _| if is_chunk(request) { fault } else { Reply::File });
        let server = faulty();
        let url = server.url("chunks.zarr");
        if fault == Reply::Death {
            // It dies once.
            let out = folder.path().join("dead");
            let outcome = run(&url, &out, &["--server-timeout", "1"], &[]);
            assert_eq!(outcome.code, 74, "{outcome:?}");
            assert!(parts.iter().all(|part| outcome.stderr.contains(part)), "{outcome:?}");
            assert!(!out.exists());
            continue;
        }
        refused(&url, &format!("{url}/{CHUNK}: chunk "), 74, &parts, &[]);
    }
}

#[test]
fn answers_without_end_are_given_up() {
    let folder = images();
    for (fault, of_metadata, code, parts) in [
        (Reply::Endless, false, 65, "bytes that it can have; copy it again"),
        (Reply::Endless, true, 65, "has more than the 67108864 bytes that it can have"),
        (Reply::Trickle, false, 74, "comes too slowly to be read"),
        (Reply::Trickle, true, 74, "comes too slowly to be read"),
        (Reply::TricklingHeaders, false, 74, "its server does not answer; check the address"),
        (Reply::TricklingHeaders, true, 74, "its server does not answer; check the address"),
        (Reply::Circle, true, 74, "leads from one address to another without end; check the address"),
        (Reply::TricklingTrailers, false, 74, "broke off while it was read"),
        (Reply::TricklingLength, false, 74, "broke off while it was read; check the network"),
    ] {
        let is_meant =
            move |it: &Request| if of_metadata { it.path.ends_with("zarr.json") } else { it.path.contains("/c/") };
        for name in ["chunks.zarr", "shards.zarr"] {
            let server = Server::with(folder.path(), move |it, _| if is_meant(it) { fault } else { Reply::File });
            let out = folder.path().join("out");
            let url = server.url(name);
            let outcome = run(&url, &out, &["--server-timeout", "0.3", "--workers", "2"], &[]);
            assert_eq!(outcome.code, code, "{fault:?} for {name}: {outcome:?}");
            assert!(outcome.stderr.contains(parts) && outcome.stderr.lines().count() == 1, "{fault:?}: {outcome:?}");
            assert!(!out.exists());
        }
    }
}

#[test]
fn what_a_server_says_is_one_line_of_a_length() {
    let folder = images();
    for status in [403, 418] {
        let server = Server::with(folder.path(), move |_, _| Reply::Hostile(status));
        let outcome = run(&server.url("chunks.zarr"), &folder.path().join("out"), &[], &[]);
        assert_eq!(outcome.code, 74, "{outcome:?}");
        let line = outcome.stderr.trim_end_matches('\n');
        assert!(!line.contains(char::is_control) && line.len() < 1000, "{outcome:?}");
    }
}

#[test]
fn a_redirect_is_followed_whatever_comes_with_it() {
    let folder = images();
    let [local, out] = ["local", "out"].map(|it| folder.path().join(it));
    succeed(text(&folder.path().join("shards.zarr")), &local, &[], &[]);
    let is_first = |it: &Request| it.query != "again";
    let server = Server::with(folder.path(), move |it, _| if is_first(it) { Reply::Redirect } else { Reply::File });
    succeed(&server.url("shards.zarr"), &out, &[], &[]);
    assert!(invariant_bytes(&out) == invariant_bytes(&local));
}

#[test]
fn a_file_that_is_gone_for_good_is_no_fill_value() {
    let folder = images();
    let server = Server::with(folder.path(), |it, _| if is_chunk(it) { Reply::Status(410) } else { Reply::File });
    let url = server.url("chunks.zarr");
    refused(&url, &format!("{url}/{CHUNK}: chunk "), 74, &["is gone from its server for good (410)"], &[]);
}

#[test]
fn secrets_of_an_address_are_in_no_output() {
    let folder = images();
    let secrets = ["name-of-user", "pass-word", "sig-nature"];
    let server = Server::of(folder.path());
    let address = |server: &Server, name: &str| {
        server.url(name).replace("http://", "http://name-of-user:pass-word@") + "?token=sig-nature"
    };
    let hidden = |outcome: &Outcome| {
        let shown = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{outcome:?}");
    };
    let [out, state, fused] = ["out", "state", "fused.zarr"].map(|it| folder.path().join(it));
    let url = address(&server, "ome.zarr");
    let calls = [
        &["run", &url, "--out", text(&out), "--state", text(&state)][..],
        &["run", &url, "--out", text(&out), "--overwrite", "--processes", "2"],
        &["fuse", &url, "--out", text(&fused)],
        &["info", &url],
        &["info", &url, "--json"],
    ];
    for arguments in calls {
        let outcome = call(arguments, &[]);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        hidden(&outcome);
    }
    assert!(server.requests().iter().all(|it| it.query == "token=sig-nature"), "the server is asked with it");
    let host = server.url("").replace("http://", "http://***@");
    let log = read_json(&out, "run.json");
    assert_eq!(log["input"], format!("{host}ome.zarr?***"));
    assert_eq!(log["arguments"][1], format!("{host}ome.zarr?***"));
    for place in [&out, &state, &fused] {
        for (name, bytes) in crate::support::files_under(place) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{}", name.display());
        }
    }
    // Whatever goes wrong.
    for fault in [Reply::Status(403), Reply::Status(500), Reply::Half, Reply::Silence, Reply::Endless] {
        let server = Server::with(folder.path(), move |it, _| if is_chunk(it) { fault } else { Reply::File });
        let outcome =
            run(&address(&server, "chunks.zarr"), &folder.path().join("faulty"), &["--server-timeout", "1"], &[]);
        assert!(outcome.code != 0 && outcome.stderr.contains("/chunks.zarr/c/1/1/1: "), "{outcome:?}");
        hidden(&outcome);
    }
    let none = address(&server, "none.zarr");
    let gs = "gs://name-of-user:pass-word@bucket/a?sig-nature";
    let broken = "http://name-of-user:pass-word@host:port/a?sig-nature";
    let flat = format!("--flat-field={url}");
    let endpoint = [("AWS_ENDPOINT_URL", "name-of-user:pass-word@host"), ("AWS_SKIP_SIGNATURE", "1")];
    for (arguments, environment) in [
        (&["run", &none, "--out", "x"][..], &[][..]),
        (&["run", &url, "--out", "x", "--region", "0:1"], &[]),
        (&["run", &url, "--out", "x", "--threshold", "1", &flat], &[]),
        (&["run", &url, "--out", "x", &none], &[]),
        (&["run", &url, &flat, "--oout", "x"], &[]),
        (&["run", gs, "--out", "x"], &[]),
        (&["run", broken, "--out", "x"], &[]),
        (&["info", broken], &[]),
        (&["info", &none, "--json"], &[]),
        (&["watch", &url, "--out", "x", "--state", "y"], &[]),
        (&["run", "s3://bucket/a", "--out", "x"], &endpoint),
        (&["run", "s3://name-of-user:pass-word@/a?sig-nature", "--out", "x"], &[]),
    ] {
        let outcome = call(arguments, environment);
        assert!(outcome.code > 0, "{arguments:?}: {outcome:?}");
        hidden(&outcome);
    }
}

#[test]
fn metadata_that_cannot_be_had_are_an_error() {
    let folder = images();
    let server = Server::of(folder.path());
    refused(&server.url("none.zarr"), &server.url("none.zarr"), 66, &["holds no Zarr array, or nothing at all"], &[]);
    let server = Server::with(folder.path(), |_, _| Reply::Status(403));
    let url = server.url("chunks.zarr");
    refused(&url, &format!("{url}/zarr.json"), 74, &["may not be read"], &[]);

    // In a bucket that may not be listed whatever is missing looks forbidden.
    let endpoint = server.url("");
    let environment = [&KEYS[..], &[("AWS_ENDPOINT_URL", endpoint.as_str())]].concat();
    let parts = ["is missing in a bucket that may not be listed; check the credentials", "403, Planned"];
    refused("s3://bucket/chunks.zarr", "s3://bucket/chunks.zarr/zarr.json", 74, &parts, &environment);
    let server = Server::with(folder.path(), |_, _| Reply::Elsewhere);
    let endpoint = server.url("");
    let environment = [&KEYS[..], &[("AWS_ENDPOINT_URL", endpoint.as_str())]].concat();
    let parts = ["is in a bucket of another region; set AWS_REGION to eu-north-1", "301"];
    refused("s3://bucket/chunks.zarr", "s3://bucket/chunks.zarr/zarr.json", 74, &parts, &environment);
}

#[test]
fn what_follows_a_question_mark_goes_with_every_request() {
    let folder = images();
    let server = Server::of(folder.path());
    let out = folder.path().join("out");
    succeed(&format!("{}?token=a%2Fb", server.url("ome.zarr/")), &out, &[], &[]);
    let requests = server.requests();
    assert!(requests.len() > 2 && requests.iter().all(|it| it.query == "token=a%2Fb"), "{requests:?}");
    assert!(requests.iter().any(|it| it.path == "/ome.zarr/0/c/0/0/0"), "{requests:?}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // Where nobody listens who is not the system itself.
    let address = "127.0.0.1:1";
    let url = format!("http://{address}/chunks.zarr");
    let parts = ["its server does not answer; check the address and the network", "refused"];
    refused(&url, &url, 74, &parts, &[]);
    let endpoint = format!("http://{address}");
    let environment = [&KEYS[..], &[("AWS_ENDPOINT_URL", endpoint.as_str())]].concat();
    refused("s3://bucket/chunks.zarr", "s3://bucket/chunks.zarr", 74, &parts, &environment);
    // No host has such a name.
    refused("http://host.invalid/chunks.zarr", "http://host.invalid/chunks.zarr", 74, &parts[..1], &[]);
}

#[test]
fn a_server_without_security_is_not_taken_for_one_with_it() {
    let folder = images();
    let server = Server::of(folder.path());
    let url = server.url("chunks.zarr").replace("http://", "https://");
    refused(&url, &url, 74, &["cannot be reached securely; check that the server speaks https"], &[]);
}

#[test]
fn a_damaged_chunk_on_a_server_is_named() {
    let folder = images();
    for (name, file) in [("chunks.zarr", CHUNK), ("shards.zarr", "c/1/0/1")] {
        let path = folder.path().join(name).join(file);
        let bytes = fs::read(&path).expect("a chunk");
        for kept in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..kept]).expect("a chunk");
            let server = Server::of(folder.path());
            let place = format!("{}/{file}: chunk ", server.url(name));
            refused(&server.url(name), &place, 65, &["is damaged or cut off; copy it again"], &[]);
        }
    }
}

#[test]
fn addresses_that_do_not_fit_are_refused() {
    let parts = ["needs credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"];
    refused("s3://bucket/chunks.zarr", "s3://bucket/chunks.zarr", 2, &parts, &[]);
    refused("gs://bucket/chunks.zarr", "gs://bucket/chunks.zarr", 2, &["give https://, http:// or s3://"], &[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [out, state] = ["out", "state"].map(|name| folder.path().join(name));
    let arguments = ["watch", "http://host/a.zarr", "--out", text(&out), "--state", text(&state)];
    let outcome = call(&arguments, &[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("http://host/a.zarr: is on a server, which watch cannot follow"), "{outcome:?}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_state_of_an_image_on_a_server_follows_its_values() {
    let folder = images();
    let server = Server::of(folder.path());
    let [state, out, plain] = ["state", "out", "plain"].map(|it| folder.path().join(it));
    let url = server.url("chunks.zarr");
    let more = ["--state", text(&state), "--chunk", "8"];
    let run = || {
        succeed(&url, &out, &more, &[]);
        succeed(text(&folder.path().join("chunks.zarr")), &plain, &["--overwrite"], &[]);
        assert!(invariant_bytes(&out) == invariant_bytes(&plain));
        let log = read_json(&out, "run.json");
        ["chunks_read", "chunks_activated"].map(|name| log[name].as_u64().expect("a number"))
    };
    let [all, thinned] = run();
    assert!(all > 0 && thinned > 0);
    // Without marks everything is read, and nothing is thinned that is as it was.
    assert_eq!(run(), [all, 0]);
    fs::remove_file(folder.path().join("chunks.zarr").join(CHUNK)).expect("a chunk");
    let [read, again] = run();
    assert!(read == all && again > 0 && again < thinned, "{read} read, {again} of {thinned} thinned again");
}
