use super::*;
use crate::store::disk::log;
use crate::store::output::staging::{DONE, OLD, names};

const RUN_TEXT: &str = r#"{"program": "anabranch", "version": "1", "outputs": ["branches.csv", "skeleton.zarr"]}"#;

fn stage(folder: &Path, table: &str) -> OutputFolder {
    let output = OutputFolder::create(folder, false).unwrap();
    output.write("branches.csv", table).unwrap();
    disk::make_folder(&output.path(SKELETON)).unwrap();
    disk::write_below(&output.path(SKELETON), &output.path(SKELETON).join("c/0"), table.as_bytes()).unwrap();
    output.write(RUN, RUN_TEXT).unwrap();
    output
}

fn run(folder: &Path, table: &str) {
    stage(folder, table).commit().unwrap();
}

const ALL: [&str; 3] = ["branches.csv", "run.json", "skeleton.zarr"];

/// The table in place, which is also the content of the skeleton; `None` without outputs.
fn found(folder: &Path) -> Option<String> {
    if !folder.is_dir() || names(folder).is_empty() {
        return None;
    }
    assert_eq!(names(folder), ALL);
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!((text("branches.csv"), text(RUN).as_str()), (text("skeleton.zarr/c/0"), RUN_TEXT));
    Some(text("branches.csv"))
}

#[test]
fn outputs_are_put_in_place_together_and_replace_an_earlier_runs() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a/b");
    run(&folder, "first");
    assert_eq!(found(&folder).unwrap(), "first");
    let output = OutputFolder::create(&folder, false).unwrap();
    assert_eq!(output.written(), [""; 0]);
    output.write("branches.csv", "second").unwrap();
    output.write(RUN, RUN_TEXT).unwrap();
    assert_eq!(output.written(), ["branches.csv", "run.json"]);
    assert_eq!(fs::read_to_string(folder.join("branches.csv")).unwrap(), "first");
    output.commit().unwrap();
    // The earlier run's skeleton is not an output of this one.
    assert_eq!(names(&folder), ["branches.csv", "run.json"]);
    run(&folder, "third");
    assert_eq!(found(&folder).unwrap(), "third");
}

#[test]
fn a_run_that_fails_or_is_given_up_leaves_everything_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("new/out");
    drop(stage(&folder, "half"));
    assert!(!root.path().join("new").exists());
    let output = stage(&folder, "half");
    output.remover().remove();
    assert!(output.remover().is_over() && !root.path().join("new").exists());
    assert_eq!(output.commit().unwrap_err().kind(), Kind::Internal);
    assert!(!root.path().join("new").exists());
    run(&folder, "first");
    drop(stage(&folder, "half"));
    assert_eq!(found(&folder).unwrap(), "first");
}

#[test]
fn only_outputs_that_a_run_wrote_are_replaced() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    fs::write(folder.join("thesis.txt"), "years").unwrap();
    let error = OutputFolder::create(folder, false).unwrap_err();
    assert_eq!(error.kind(), Kind::Output);
    assert!(error.to_string().contains("holds other things (thesis.txt)"), "{error}");
    assert_eq!(names(folder), ["thesis.txt"]);
    let output = OutputFolder::create(folder, true).unwrap();
    output.write(RUN, RUN_TEXT).unwrap();
    output.commit().unwrap();
    assert_eq!(names(folder), ["run.json", "thesis.txt"]);
    fs::remove_file(folder.join("thesis.txt")).unwrap();
    // Not among the outputs in the record of the run.
    fs::write(folder.join("summary.json"), "mine").unwrap();
    for run in [RUN_TEXT, r#"{"program": "another", "version": "1"}"#, "{}"] {
        fs::write(folder.join(RUN), run).unwrap();
        let error = OutputFolder::create(folder, true).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("which no run wrote"), "{error}");
        assert_eq!(names(folder), ["run.json", "summary.json"]);
    }
    // A record without outputs.
    fs::write(folder.join(RUN), r#"{"program": "anabranch", "version": "1"}"#).unwrap();
    assert!(OutputFolder::create(folder, false).is_ok());
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    run(folder, "first");
    let output = stage(folder, "half");
    let late = output.path(SKELETON);
    output.staging.kill();
    drop(output);
    assert_eq!(names(folder), [STAGING, "branches.csv", "run.json", "skeleton.zarr"]);
    let output = OutputFolder::create(folder, false).unwrap();
    assert!(!output.path("branches.csv").exists());
    // Another process of the killed run cannot write anything any more.
    assert!(!late.exists() && disk::write_below(&late, &late.join("c/1"), b"late").is_err());
    drop(output);
    assert_eq!(found(folder).unwrap(), "first");
}

#[test]
fn a_power_failure_at_any_moment_leaves_the_outputs_of_one_run() {
    let root = tempfile::tempdir().unwrap();
    let begin = log::of(|| run(&root.path().join("new/out"), "first"));
    let replace = log::of(|| run(&root.path().join("new/out"), "second"));
    let operations = [&begin[..], &replace].concat();
    let (mut states, mut early) = (std::collections::BTreeSet::new(), 0);
    for moment in 0..=operations.len() {
        let after = tempfile::tempdir().unwrap();
        log::replay(&operations[..moment], root.path(), after.path());
        let folder = after.path().join("new/out");
        drop(OutputFolder::create(&folder, false).unwrap());
        let found = found(&folder);
        // When a run has ended, its outputs are in place.
        assert!(moment < begin.len() || found.is_some(), "{moment}: {operations:?}");
        assert!(moment < operations.len() || found.as_deref() == Some("second"), "{operations:?}");
        early += usize::from(found.is_none());
        states.insert(found);
    }
    assert!(states.len() == 3 && early > 10, "{states:?}");
}

#[test]
fn a_file_of_somebody_else_that_comes_meanwhile_is_not_replaced() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    run(folder, "first");
    let output = stage(folder, "second");
    let staging = folder.join(STAGING);
    // Killed while it was putting its outputs in place.
    output.swap().make_way(output.run(), &[]).unwrap();
    output.staging.kill();
    drop(output);
    fs::write(folder.join("branches.csv"), "mine").unwrap();
    let error = OutputFolder::create(folder, true).unwrap_err();
    assert!(error.to_string().contains("branches.csv has come there meanwhile"), "{error}");
    assert!(staging.exists());
    assert_eq!(fs::read_to_string(folder.join("branches.csv")).unwrap(), "mine");
    fs::remove_file(folder.join("branches.csv")).unwrap();
    drop(OutputFolder::create(folder, true).unwrap());
    assert_eq!(found(folder).unwrap(), "second");
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let first = OutputFolder::create(root.path(), false).unwrap();
    let error = OutputFolder::create(root.path(), true).unwrap_err();
    assert!(error.to_string().contains("is being written by another run"), "{error}");
    first.write(RUN, RUN_TEXT).unwrap();
    first.commit().unwrap();
    assert_eq!(names(root.path()), ["run.json"]);
}

#[test]
fn runs_at_once_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    run(&folder, "first");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let folder = &folder;
            scope.spawn(move || {
                for round in 0..60 {
                    match OutputFolder::create(folder, false) {
                        Ok(output) => {
                            let text = format!("{thread}.{round}");
                            assert!(output.earlier().is_some(), "{:?}", names(folder));
                            output.write("branches.csv", &text).unwrap();
                            output.write(RUN, RUN_TEXT).unwrap();
                            output.commit().unwrap();
                        }
                        Err(error) => assert!(error.to_string().contains("another run"), "{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(names(&folder), ["branches.csv", "run.json"]);
}

#[cfg(unix)]
#[test]
fn what_somebody_has_prepared_in_the_folder_is_neither_followed_nor_emptied() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("work")).unwrap();
    for name in ["new", "old", "done"] {
        fs::create_dir(at("work").join(name)).unwrap();
        fs::write(at("work").join(name).join("branches.csv"), "years").unwrap();
    }
    let before = || names(&at("work")).into_iter().map(|name| names(&at("work").join(name))).collect::<Vec<_>>();
    let expected = before();
    type Prepare<'a> = &'a dyn Fn(&Path);
    let prepare: [(&str, Prepare<'_>); 5] = [
        ("the staging folder", &|out| symlink(at("work"), out.join(STAGING)).unwrap()),
        ("the lock", &|out| {
            fs::create_dir(out.join(STAGING)).unwrap();
            symlink(at("work/new/branches.csv"), out.join(STAGING).join("lock")).unwrap();
        }),
        ("what made way", &|out| {
            fs::create_dir(out.join(STAGING)).unwrap();
            symlink(at("work/old"), out.join(STAGING).join(OLD)).unwrap();
        }),
        ("what was staged", &|out| {
            fs::create_dir(out.join(STAGING)).unwrap();
            symlink(at("work/new"), out.join(STAGING).join("new")).unwrap();
            symlink(at("work/new"), out.join(STAGING).join("new-1")).unwrap();
            symlink(at("work/done"), out.join(STAGING).join(DONE)).unwrap();
        }),
        ("an output", &|out| {
            symlink(at("work"), out.join(SKELETON)).unwrap();
            symlink(at("work/new/branches.csv"), out.join("branches.csv")).unwrap();
            fs::write(out.join(RUN), RUN_TEXT).unwrap();
        }),
    ];
    for (what, prepare) in prepare {
        let out = at(what);
        fs::create_dir(&out).unwrap();
        prepare(&out);
        if let Ok(output) = OutputFolder::create(&out, true) {
            output.write("branches.csv", "new").unwrap();
            output.write(RUN, RUN_TEXT).unwrap();
            output.commit().unwrap();
            assert_eq!(names(&out), ["branches.csv", "run.json"], "{what}");
        }
        assert_eq!(before(), expected, "{what}");
        assert_eq!(fs::read_to_string(at("work/new/branches.csv")).unwrap(), "years", "{what}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let long = root.path().join("new").join("n".repeat(300));
    for path in [file.clone(), file.join("out"), long] {
        let error = OutputFolder::create(&path, true).unwrap_err();
        assert_eq!(error.kind(), Kind::Output, "{error}");
        assert_eq!(names(root.path()), ["file"]);
    }
}
