//! Promises of a state folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::examples::{grid, mask_record, thinning_record};
use super::{Dependencies, Loaded, MaskRecord, Reason, Record, RecordKind, StateFolder, ThinningRecord, manifest};
use crate::error::Kind;
use crate::grid::{ChunkId, Grid};
use crate::store::disk::log;

const HERE: [i64; 3] = [-1, 0, 12];

fn here() -> ChunkId {
    ChunkId::at(HERE)
}

fn parameters(sigma: f64, method: &str) -> Dependencies {
    let kinds = Dependencies::new(grid()).with::<MaskRecord>(&sigma).unwrap().with::<ThinningRecord>(&method).unwrap();
    kinds.named("sigma", sigma.to_string()).named("method", method)
}

fn open(path: &Path) -> StateFolder {
    StateFolder::open(path, &parameters(1.0, "lee")).unwrap()
}

/// A folder with both records of a chunk, written in its first epoch.
fn filled(path: &Path) -> StateFolder {
    let state = open(path);
    state.write(here(), &mask_record(here()), 1).unwrap();
    state.stage(here(), Some(&thinning_record(here())), 1).unwrap();
    state.commit(1).unwrap();
    state
}

/// All files below a folder with their contents, except for the number of the run.
fn contents(folder: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("run") {
            continue;
        }
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn names(folder: &Path) -> BTreeSet<String> {
    contents(folder).into_iter().map(|(name, _)| name[folder.display().to_string().len() + 1..].to_owned()).collect()
}

#[test]
fn a_later_run_finds_the_records_of_an_earlier_one() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("new/state");
    let state = filled(&path);
    assert_eq!((state.found(), state.epoch()), (&Loaded::Absent, 1));
    drop(state);
    let expected = ["lock", "masks/-1/0.12", "members", "state.json", "thinned/-1/0.12"].map(String::from);
    assert_eq!(names(&path), expected.into());
    let state = open(&path);
    assert_eq!((state.found(), state.epoch(), state.path()), (&Loaded::Valid(()), 1, path.as_path()));
    assert_eq!(state.chunks().unwrap(), [here()].into());
    assert_eq!(state.load::<MaskRecord>(here()).unwrap(), Loaded::Valid(mask_record(here())));
    assert_eq!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Valid(thinning_record(here())));
    let other = ChunkId::at([0, 0, 0]);
    assert_eq!(
        (state.load::<MaskRecord>(other).unwrap(), state.load::<ThinningRecord>(other).unwrap()),
        (Loaded::Absent, Loaded::Absent)
    );
    let text = fs::read_to_string(path.join("state.json")).unwrap();
    assert!(text.contains("\"epoch\": 1") && text.contains("\"method\": \"lee\""), "{text}");
}

#[test]
fn records_of_other_parameters_are_not_used() {
    let root = tempfile::tempdir().unwrap();
    drop(filled(root.path()));
    let unusable = Reason::OtherParameters;
    let state = StateFolder::open(root.path(), &parameters(2.0, "lee")).unwrap();
    assert_eq!((state.found(), state.epoch()), (&Loaded::Unusable(unusable), 1));
    assert_eq!(state.load::<MaskRecord>(here()).unwrap(), Loaded::Unusable(unusable));
    assert!(matches!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Valid(_)));
    drop(state);
    let state = StateFolder::open(root.path(), &parameters(1.0, "zhang")).unwrap();
    assert!(matches!(state.load::<MaskRecord>(here()).unwrap(), Loaded::Valid(_)));
    assert_eq!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Unusable(unusable));
    drop(state);
    // The folder has the parameters of the last run now.
    let state = StateFolder::open(root.path(), &parameters(1.0, "zhang")).unwrap();
    assert_eq!((state.found(), state.epoch()), (&Loaded::Valid(()), 1));
}

/// A kind of record that a later release may add.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Radii<const VERSION: u32>(Vec<f64>);

impl<const VERSION: u32> Record for Radii<VERSION> {
    const KIND: RecordKind = RecordKind { number: 77, version: VERSION, name: "radius", folder: "radii" };

    fn fits(&self, _: &Grid, _: ChunkId) -> bool {
        self.0.iter().all(|radius| *radius > 0.0)
    }
}

/// A state that knows a version of that kind, with a parameter for it.
fn open_with_radii<const VERSION: u32>(path: &Path, spacing: f64) -> StateFolder {
    let parameters = parameters(1.0, "lee").with::<Radii<VERSION>>(&spacing).unwrap();
    StateFolder::open(path, &parameters).unwrap()
}

#[test]
fn a_kind_of_records_is_written_and_read_and_has_parameters_and_a_version_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let radii = Radii::<1>(vec![1.5, 2.0]);
    drop(filled(root.path()));
    // The earlier manifest does not name the kind.
    let state = open_with_radii::<1>(root.path(), 0.5);
    assert_eq!(state.found(), &Loaded::Valid(()));
    assert_eq!(state.load::<Radii<1>>(here()).unwrap(), Loaded::Absent);
    assert_eq!(state.write(here(), &Radii::<1>(vec![-1.0]), 2).unwrap_err().kind(), Kind::Internal);
    state.stage(here(), Some(&radii), 2).unwrap();
    state.commit(2).unwrap();
    drop(state);
    let whole = |state: &StateFolder| {
        assert_eq!(state.load::<MaskRecord>(here()).unwrap(), Loaded::Valid(mask_record(here())));
        assert_eq!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Valid(thinning_record(here())));
    };
    let state = open_with_radii::<1>(root.path(), 0.5);
    assert_eq!((state.found(), state.epoch()), (&Loaded::Valid(()), 2));
    assert_eq!(state.load::<Radii<1>>(here()).unwrap(), Loaded::Valid(radii));
    whole(&state);
    drop(state);
    let state = open_with_radii::<1>(root.path(), 0.25);
    assert_eq!(state.found(), &Loaded::Unusable(Reason::OtherParameters));
    assert_eq!(state.load::<Radii<1>>(here()).unwrap(), Loaded::Unusable(Reason::OtherParameters));
    whole(&state);
    drop(state);
    for found in [Loaded::Unusable(Reason::OtherVersion), Loaded::Valid(())] {
        let state = open_with_radii::<2>(root.path(), 0.25);
        assert_eq!(state.found(), &found);
        assert_eq!(state.load::<Radii<2>>(here()).unwrap(), Loaded::Unusable(Reason::OtherVersion));
        whole(&state);
    }
}

#[test]
fn files_of_a_kind_that_is_not_known_stay_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    drop(filled(root.path()));
    let state = open_with_radii::<1>(root.path(), 0.5);
    let [radii, other] = [Radii::<1>(vec![3.0]), Radii::<1>(vec![4.0])];
    let elsewhere = ChunkId::at([-1, 3, 12]);
    state.write(here(), &radii, 2).unwrap();
    state.write(elsewhere, &other, 2).unwrap();
    drop(state);
    let folder = root.path().join("radii");
    // This state neither checks records of the unknown kind nor removes its unfinished files.
    for (name, bytes) in [("-1/0.13", "torn"), ("-1/0.12.staged", "half"), ("-1/0.14.writing", ""), ("4/7.7", "")] {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    }
    let kept = contents(&folder);
    assert_eq!(kept.len(), 6);
    let state = open(root.path());
    assert_eq!((state.found(), state.epoch()), (&Loaded::Valid(()), 1));
    assert_eq!(state.chunks().unwrap(), [here()].into());
    assert_eq!(state.load::<Radii<1>>(here()).unwrap_err().kind(), Kind::Internal);
    assert_eq!(state.load::<MaskRecord>(here()).unwrap(), Loaded::Valid(mask_record(here())));
    state.stage::<MaskRecord>(here(), None, 2).unwrap();
    state.commit(2).unwrap();
    drop(state);
    // Also if the manifest is lost, and every record is read.
    fs::remove_file(root.path().join("state.json")).unwrap();
    drop(open(root.path()));
    assert_eq!(contents(&folder), kept);
    let state = open_with_radii::<1>(root.path(), 0.5);
    assert_eq!(state.load::<Radii<1>>(elsewhere).unwrap(), Loaded::Valid(other));
}

#[test]
fn records_swapped_between_chunks_and_kinds_are_noticed() {
    let root = tempfile::tempdir().unwrap();
    let state = filled(root.path());
    let other = ChunkId::at([-1, 0, 13]);
    let [mask, thinning] = ["masks/-1", "thinned/-1"].map(|folder| root.path().join(folder));
    fs::copy(mask.join("0.12"), mask.join("0.13")).unwrap();
    assert_eq!(state.load::<MaskRecord>(other).unwrap(), Loaded::Unusable(Reason::OtherChunk));
    assert_eq!(state.chunks().unwrap(), [here(), other].into());
    fs::copy(mask.join("0.12"), thinning.join("0.12")).unwrap();
    assert_eq!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Unusable(Reason::OtherKind));
    let reason = state.load::<ThinningRecord>(here()).unwrap();
    let Loaded::Unusable(reason) = reason else { unreachable!("it was looked at") };
    let warning = format!("chunk {}: the record of its thinning {reason}; it is computed again", here());
    assert_eq!(warning, "chunk -1.0.12: the record of its thinning is of another kind; it is computed again");
}

#[test]
fn what_a_killed_run_was_writing_is_cleared_away_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path();
    drop(filled(path));
    let kept = contents(path);
    for left in ["masks/-1/0.12.writing", "thinned/-1/0.12.staged", "masks/-1/0.13.staged", "state.json.writing"] {
        fs::write(path.join(left), "half").unwrap();
    }
    let state = open(path);
    assert_eq!(contents(path), kept);
    assert_eq!(state.chunks().unwrap(), [here()].into());
}

#[test]
fn what_is_staged_does_not_show_before_it_is_committed() {
    let root = tempfile::tempdir().unwrap();
    let state = filled(root.path());
    let kept = contents(root.path());
    let mut changed = mask_record(here());
    changed.fingerprint += 1;
    let other = ChunkId::at([-1, 1, 12]);
    let stage = |state: &StateFolder| {
        state.stage(here(), Some(&changed), 2).unwrap();
        state.stage::<ThinningRecord>(here(), None, 2).unwrap();
        state.stage(other, Some(&thinning_record(other)), 2).unwrap();
        assert_eq!(state.load::<MaskRecord>(here()).unwrap(), Loaded::Valid(mask_record(here())));
        assert!(matches!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Valid(_)));
        assert_eq!(state.load::<ThinningRecord>(other).unwrap(), Loaded::Absent);
    };
    stage(&state);
    state.discard();
    assert_eq!(contents(root.path()), kept);
    // The run ends without a commit.
    stage(&state);
    drop(state);
    assert_eq!(contents(root.path()), kept);
    let state = open(root.path());
    stage(&state);
    std::thread::scope(|scope| scope.spawn(|| state.clone().commit(2)).join().unwrap()).unwrap();
    assert_eq!(state.epoch(), 2);
    assert_eq!(state.load::<MaskRecord>(here()).unwrap(), Loaded::Valid(changed));
    assert_eq!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Absent);
    assert_eq!(state.load::<ThinningRecord>(other).unwrap(), Loaded::Valid(thinning_record(other)));
    // The last call counts.
    state.stage::<ThinningRecord>(other, None, 3).unwrap();
    state.stage(here(), Some(&thinning_record(here())), 3).unwrap();
    state.stage::<ThinningRecord>(here(), None, 3).unwrap();
    state.commit(3).unwrap();
    assert_eq!(names(root.path()), ["lock", "masks/-1/0.12", "members", "state.json"].map(String::from).into());
}

#[test]
fn a_state_is_one_runs_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let state = open(root.path());
    let clone = state.clone();
    drop(state);
    let error = StateFolder::open(root.path(), &parameters(1.0, "lee")).unwrap_err();
    assert_eq!(error.kind(), Kind::Output);
    assert!(error.to_string().contains("is the state of another run that is going on"), "{error}");
    drop(clone);
    open(root.path());
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_as_it_was() {
    for name in ["thesis.txt", "masks/0/0.0", "state.json", "lock.txt"] {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "years").unwrap();
        let before = contents(root.path());
        let error = StateFolder::open(root.path(), &parameters(1.0, "lee")).unwrap_err();
        assert_eq!(error.kind(), Kind::Output);
        let first = name.split('/').next().unwrap();
        assert!(error.to_string().contains(&format!("holds other things than a state ({first})")), "{error}");
        assert_eq!(contents(root.path()), before);
    }
    // Other files beside a state.
    let root = tempfile::tempdir().unwrap();
    drop(filled(root.path()));
    fs::write(root.path().join("thesis.txt"), "years").unwrap();
    let error = StateFolder::open(root.path(), &parameters(1.0, "lee")).unwrap_err();
    assert!(error.to_string().contains("(thesis.txt)"), "{error}");
    // A folder that does not hold records of another release.
    fs::remove_file(root.path().join("thesis.txt")).unwrap();
    for file in ["thesis/1/2.txt", "thesis/one/2.3"] {
        fs::create_dir_all(root.path().join(file).parent().unwrap()).unwrap();
        fs::write(root.path().join(file), "years").unwrap();
        let error = StateFolder::open(root.path(), &parameters(1.0, "lee")).unwrap_err();
        assert!(error.to_string().contains("(thesis)"), "{file}: {error}");
        fs::remove_dir_all(root.path().join("thesis")).unwrap();
    }
    open(root.path());
    // A file in place of the folder.
    let error = StateFolder::open(root.path().join("lock"), &parameters(1.0, "lee")).unwrap_err();
    assert!(error.kind() == Kind::Output && error.to_string().contains("is not a folder"), "{error}");
}

#[test]
fn a_damaged_manifest_costs_nothing_but_a_word() {
    let root = tempfile::tempdir().unwrap();
    drop(filled(root.path()));
    let manifest = root.path().join("state.json");
    let whole = fs::read(&manifest).unwrap();
    let mut flipped = whole.clone();
    flipped[6] ^= 1;
    for damaged in [vec![], vec![0; 100], whole[..40].to_vec(), flipped] {
        fs::write(&manifest, damaged).unwrap();
        let state = open(root.path());
        // The number of the epoch is that of the last record.
        assert_eq!((state.found(), state.epoch()), (&Loaded::Unusable(Reason::Damaged), 1));
        assert!(matches!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Valid(_)));
        drop(state);
        assert_eq!(fs::read(&manifest).unwrap(), whole);
    }
    fs::remove_file(&manifest).unwrap();
    assert_eq!(open(root.path()).epoch(), 1);
}

#[test]
fn a_full_disk_is_said_and_the_record_stays() {
    let root = tempfile::tempdir().unwrap();
    let state = filled(root.path());
    let [mask, thinning] = ["masks/-1/0.12", "thinned/-1/0.12"].map(|name| root.path().join(name));
    let kept = contents(root.path());
    let error = log::with_full_disk(|| state.write(here(), &mask_record(here()), 2)).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    let expected = format!("{}: cannot be written because the disk is full", mask.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    let error = log::with_full_disk(|| state.stage(here(), Some(&thinning_record(here())), 2)).unwrap_err();
    let expected = format!("{}: cannot be written because the disk is full", thinning.display());
    assert!(error.kind() == Kind::Io && error.to_string().starts_with(&expected), "{error}");
    assert_eq!(contents(root.path()), kept);
    state.commit(2).unwrap();
    assert!(matches!(state.load::<ThinningRecord>(here()).unwrap(), Loaded::Valid(_)));
    assert_eq!(log::with_full_disk(|| state.commit(3)).unwrap_err().kind(), Kind::Io);
    assert_eq!(state.epoch(), 2);
}

#[test]
fn a_process_that_outlives_its_run_keeps_the_next_one_out() {
    let root = tempfile::tempdir().unwrap();
    let parameters = parameters(1.0, "lee");
    let state = filled(root.path());
    let run = state.run().to_owned();
    let member = StateFolder::join(root.path(), &run, &parameters).unwrap();
    let other = StateFolder::join(root.path(), &run, &parameters).unwrap();
    assert!(StateFolder::join(root.path(), "another", &parameters).is_err());
    drop(state);
    let (told, tells) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = open(root.path());
            told.send(()).unwrap();
            next
        });
        // The next run waits for both processes.
        assert!(tells.recv_timeout(Duration::from_millis(200)).is_err());
        member.write(here(), &mask_record(here()), 2).unwrap();
        drop(member);
        assert!(tells.recv_timeout(Duration::from_millis(200)).is_err());
        drop(other);
        tells.recv_timeout(Duration::from_secs(60)).unwrap();
    });
    // A process that joins late belongs to no run.
    let next = open(root.path());
    let error = StateFolder::join(root.path(), &run, &parameters).unwrap_err();
    assert!(error.to_string().contains("is not the state that process 0 has opened"), "{error}");
    StateFolder::join(root.path(), next.run(), &parameters).unwrap();
}

#[cfg(unix)]
#[test]
fn links_in_the_folder_are_refused_and_what_they_lead_to_stays() {
    let root = tempfile::tempdir().unwrap();
    let work = root.path().join("work");
    fs::create_dir_all(work.join("-1")).unwrap();
    fs::write(work.join("-1/0.12.staged"), "years").unwrap();
    fs::write(work.join("0.12.staged"), "years").unwrap();
    let before = contents(&work);
    for (link, to) in [
        ("lock", "0.12.staged"),
        ("members", "0.12.staged"),
        ("run", "0.12.staged"),
        ("state.json", "0.12.staged"),
        ("state.json.writing", "0.12.staged"),
        ("outputs.json", "0.12.staged"),
        ("masks", ""),
        ("masks/-1", ""),
        ("thinned/-1/0.12", "0.12.staged"),
    ] {
        let path = root.path().join("state");
        drop(filled(&path));
        let place = path.join(link);
        let _ = if place.is_dir() { fs::remove_dir_all(&place) } else { fs::remove_file(&place) };
        std::os::unix::fs::symlink(work.join(to), &place).unwrap();
        let error = StateFolder::open(&path, &parameters(1.0, "lee")).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("a link"), "{link}: {error}");
        assert_eq!(contents(&work), before, "{link}");
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn a_power_failure_leaves_a_manifest_of_one_epoch() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("state");
    drop(filled(&path));
    // The state so far is on the disk.
    let state = open(&path);
    let operations = log::of(|| state.commit(2).unwrap());
    let mut epochs = BTreeSet::new();
    for moment in 0..=operations.len() {
        let after = tempfile::tempdir().unwrap();
        fs::create_dir(after.path().join("state")).unwrap();
        for name in ["lock", "state.json"] {
            fs::copy(path.join(name), after.path().join("state").join(name)).unwrap();
        }
        let before = String::from_utf8(fs::read(path.join("state.json")).unwrap()).unwrap();
        assert!(before.contains("\"epoch\": 2"));
        fs::write(after.path().join("state/state.json"), manifest::render(&parameters(1.0, "lee"), 1)).unwrap();
        log::replay(&operations[..moment], root.path(), after.path());
        let found = open(&after.path().join("state"));
        assert_eq!(found.found(), &Loaded::Valid(()), "{moment}: {operations:?}");
        assert!(moment < operations.len() || found.epoch() == 2);
        epochs.insert(found.epoch());
    }
    assert_eq!(epochs, [1, 2].into());
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_that_names_it() {
    let root = tempfile::tempdir().unwrap();
    let state = filled(root.path());
    let place = root.path().join("masks/-1/0.12");
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    let error = state.load::<MaskRecord>(here()).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert!(error.to_string().starts_with(&place.display().to_string()), "{error}");
}
