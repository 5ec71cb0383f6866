//! Promise: people read what was understood, how far it is and where the results are; programs read the same as JSON, and the
//! state in a file.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::draw::tangle;
use crate::image::{Image, PLAIN};
use crate::scene::{Scene, at};
use crate::support::{Running, anabranch, read_json, read_table, succeed, wait_until};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The JSON objects of a log, one a line.
fn objects(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn of_event<'a>(objects: &'a [Value], event: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["event"] == event).collect()
}

#[test]
fn the_first_line_says_what_was_understood_and_the_last_where_the_results_are() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("mask.npy"), folder.path().join("my results"));
    Image::of_mask(&tangle([12, 14, 16])).write_npy(&input);
    let told = succeed(&["run", text(&input), "-o", text(&out), "--spacing", "2,0.5,0.5um"]).stdout;
    let first = told.lines().next().expect("a line");
    assert!(
        first.starts_with(text(&input)) && first.contains("12 x 14 x 16") && first.contains("2 x 0.5 x 0.5 µm"),
        "{first}"
    );
    let last = told.lines().last().expect("a line");
    let said = format!("Results are in {}", out.display());
    let next = format!("{said}; to look at them: anabranch report '{}'", out.display());
    let can_report = anabranch(["report", "--help"]).code == 0;
    assert_eq!(last, if can_report { next } else { said });
}

#[test]
fn a_log_of_json_has_one_object_a_line_and_nothing_else_is_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("image.npy"), folder.path().join("out"));
    Image::woven(&tangle([12, 14, 16]), "uint16").write_npy(&input);
    // Options of all subcommands may come first.
    let call = ["--log-format", "json", "run", text(&input), "-o", text(&out), "--processes", "2"];
    let outcome = succeed(&call);
    assert_eq!(outcome.stdout, "");
    let log = objects(&outcome.stderr);
    for object in &log {
        assert!(["time", "level", "event", "message"].iter().all(|name| object[name].is_string()), "{object}");
    }
    assert_eq!(of_event(&log, "image")[0]["image"]["shape"], serde_json::json!([12, 14, 16]));
    assert_eq!(of_event(&log, "warning")[0]["level"], "warning", "many values and no threshold");
    let summary = of_event(&log, "summary");
    assert_eq!(summary[0]["branches"], read_table(&out).rows.len());
    assert_eq!(log.last().expect("an object")["results"], text(&out));

    let quiet = succeed(&[&call[..], &["--overwrite", "--quiet"]].concat());
    assert!(objects(&quiet.stderr).iter().all(|object| object["level"] == "warning") && quiet.stdout.is_empty());
    let failed = anabranch(["run", "missing.tif", "-o", text(&out), "--log-format", "json"]);
    let error = &objects(&failed.stderr)[0];
    assert_eq!((failed.code, &error["level"], &error["exit_code"]), (66, &Value::from("error"), &Value::from(66)));
    // What was asked for stays on standard output.
    let info = succeed(&["info", text(&input), "--json", "--log-format", "json"]).stdout;
    assert!(serde_json::from_str::<Value>(&info).is_ok(), "{info}");
}

#[test]
fn the_library_tells_of_its_events_where_the_environment_asks_for_them() {
    let scene = Scene::of(&Image::of_mask(&tangle([8, 16, 16])), &[8; 3], PLAIN);
    let call = |asked: &str, options: &[&str]| {
        let call = scene.call("run", &[options, &["--quiet", "--verify", "--overwrite"]].concat());
        let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
        let output = command.env("RUST_LOG", asked).args(call).output().expect("the program starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    assert_eq!(call("", &[]), (Some(0), String::new()));
    assert!(call("anabranch=info", &[]).1.contains("an epoch is closed"));
    let log = objects(&call("info", &["--log-format", "json"]).1);
    assert!(of_event(&log, "library").iter().any(|event| event["fields"]["epoch"].is_u64()), "{log:?}");
    let (code, said) = call("a=b=c", &[]);
    assert!(code == Some(2) && said.contains("RUST_LOG"), "{said}");
}

#[test]
fn an_epoch_is_one_line_with_what_came_and_what_changed() {
    let image = Image::of_mask(&tangle([8, 16, 16]));
    let watched = |options: &[&str]| {
        let mut scene = Scene::new(image.axes(), &[8; 3], "bool", PLAIN);
        let status = scene.path("status.json");
        let mut watch = scene.watch(&[options, &["--status", text(&status)]].concat());
        for place in scene.places() {
            scene.put(place, |p| at(&image, p));
            scene.wait_as_from_scratch(&[], &mut watch);
        }
        let read = || serde_json::from_slice::<Value>(&fs::read(&status).expect("a status")).expect("JSON");
        // The results are there before the status says so.
        let epoch = read_json(&scene.path("out"), "run.json")["epoch"].clone();
        wait_until("the program waits", || read()["phase"] == "waiting" && read()["epoch"] == epoch);
        assert_eq!(read()["state"], "running");
        let outcome = watch.interrupt();
        // It has done what it was asked for.
        assert_eq!((&read()["state"], &read()["exit_code"]), (&Value::from("done"), &Value::from(0)));
        (outcome, read_table(&scene.path("out")).rows.len(), scene)
    };
    let (outcome, _, scene) = watched(&[]);
    let lines: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("epoch ")).collect();
    assert!(lines.len() >= scene.places().len(), "{outcome:?}");
    assert!(lines[1].contains("1 chunk read, 1 changed; "), "{}", lines[1]);
    assert_eq!(lines[1].split([' ', ',']).nth(3).map(|time| time.matches(':').count()), Some(3), "{}", lines[1]);
    let last = outcome.stdout.lines().last().expect("a line");
    assert!(last.starts_with("Ended; the state is kept. Results are in "), "{last}");

    let (outcome, rows, _) = watched(&["--log-format", "json"]);
    let log = objects(&outcome.stderr);
    let sum = |name: &str| of_event(&log, "epoch").iter().map(|epoch| epoch[name].as_u64().expect(name)).sum::<u64>();
    assert_eq!(sum("branches_added") - sum("branches_removed"), rows as u64, "{log:?}");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn the_status_says_how_the_program_ended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let [input, out, status] = ["gray.zarr", "out", "status.json"].map(at);
    let read = || serde_json::from_slice::<Value>(&fs::read(&status).expect("a status")).expect("JSON");
    let call = ["run", text(&input), "-o", text(&out), "--status", text(&status), "--quiet", "--overwrite"];

    assert_eq!(anabranch(call).code, 66);
    assert_eq!((&read()["state"], &read()["exit_code"]), (&Value::from("failed"), &Value::from(66)));
    assert!(read()["error"].as_str().is_some_and(|error| error.contains("gray.zarr")), "{}", read());

    succeed(&["phantom", text(&input), "--shape", "90,100,110", "--gray", "--quiet"]);
    let options = ["--sigma", "1", "--threshold", "otsu", "--processes", "2", "--workers", "1"];
    let mut running = Running::start([&call[..], &options].concat());
    wait_until("it writes", || running.has_ended() || out.join(".anabranch-partial").is_dir());
    let begun = read();
    assert_eq!((&begun["state"], &begun["command"], &begun["error"]), (&"running".into(), &"run".into(), &Value::Null));
    assert_eq!(running.interrupt().code, 130);
    assert_eq!((&read()["state"], &read()["exit_code"]), (&Value::from("interrupted"), &Value::from(130)));

    succeed(&[&call[..], &options].concat());
    let done = read();
    assert_eq!((&done["state"], &done["exit_code"], &done["error"]), (&"done".into(), &0.into(), &Value::Null));
    assert_eq!((&done["results"], &done["phase"]), (&text(&out).into(), &"writing".into()));
    assert!(done["seconds"].as_f64() > Some(0.0));
    let beside = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(beside, 3, "nothing is left of the statuses before");
}

#[test]
fn a_status_replaces_no_other_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [input, out] = ["mask.npy", "out"].map(|name| folder.path().join(name));
    Image::of_mask(&tangle([8, 8, 8])).write_npy(&input);
    let before = fs::read(&input).expect("an image");
    for path in [&input, folder.path(), Path::new("/dev/null"), &folder.path().join("none/status.json")] {
        let outcome = anabranch(["run", text(&input), "-o", text(&out), "--status", text(path)]);
        assert_eq!(outcome.code, 73, "{outcome:?}");
        assert!(outcome.stderr.contains(text(path)) && outcome.stderr.lines().count() == 1, "{outcome:?}");
        assert!(outcome.stderr.contains("give --status "), "{outcome:?}");
    }
    assert_eq!(fs::read(&input).expect("an image"), before);
    assert!(!out.exists());
}
