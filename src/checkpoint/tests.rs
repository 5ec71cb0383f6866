//! Checkpoints that are found again, damaged, or of something else.

use super::*;
use crate::error::Kind;
use crate::grid::ChunkId;
use crate::kernel::image::project::Projections;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::measure::radii::{Radii, Radius};
use crate::kernel::thin::planes::{LoadParts, SaveParts};
use crate::space::Region;

/// A chunk that was read, with its mask.
type WithMask = (Option<Mask>, ReadChunk);

fn read_chunk(at: i64) -> WithMask {
    let own = Region::new([at, 0, 0], [at + 2, 3, 4]);
    let mut mask = Mask::new(Layout::new(own));
    mask.set(mask.layout().bit([1, 2, 3]));
    let projections = Projections::of_part(Region::of_shape([9, 3, 4]), 3, &own);
    let read = ReadChunk { strong: None, count: 1, constant: Some(at), objects: None, projections };
    // Some have no foreground.
    (Some(mask).filter(|_| at != 2), read)
}

fn add(journal: &mut Journal, at: i64) {
    let (mask, read) = read_chunk(at);
    journal.add(chunk(at), mask.as_ref(), &read).unwrap();
}

fn chunk(at: i64) -> ChunkId {
    ChunkId::at([at, 0, 0])
}

/// One process.
fn team(workers: usize) -> TeamSize {
    TeamSize { processes: 1, workers }
}

/// All that a worker has read.
fn all(checkpoint: &Checkpoint, worker: usize) -> Result<Vec<(ChunkId, WithMask)>> {
    let loaded = |read: Result<(ChunkId, Option<KeptMask>, ReadChunk)>| {
        let (chunk, mask, read) = read?;
        Ok((chunk, (mask.map(|mask| mask.load()).transpose()?, read)))
    };
    checkpoint.read_chunks(worker)?.map(loaded).collect()
}

#[test]
fn chunks_are_found_again_up_to_the_one_that_was_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    let checkpoint = Checkpoint::open(&path, 1, team(2)).unwrap();
    assert!(checkpoint.is_new());
    let mut journal = checkpoint.journal(1).unwrap();
    (0..3).for_each(|at| add(&mut journal, at));
    drop((journal, checkpoint));
    let file = path.join("masks.1");
    let whole = std::fs::read(&file).unwrap();
    for cut in [0, 1, 60, whole.len() - 1] {
        std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let checkpoint = Checkpoint::open(&path, 1, team(2)).unwrap();
        let count = match cut {
            0 => 3,
            1 => 2,
            60 => 2,
            _ => 0,
        };
        let expected: Vec<_> = (0..count).map(|at| (chunk(at), read_chunk(at))).collect();
        assert_eq!(all(&checkpoint, 1).unwrap(), expected, "{cut} bytes less");
        assert_eq!(checkpoint.chunks().collect::<Vec<_>>(), (0..count).map(chunk).collect::<Vec<_>>());
        assert_eq!(all(&checkpoint, 0).unwrap(), []);
        // It goes on behind the last whole one.
        add(&mut checkpoint.journal(1).unwrap(), 7);
        drop(checkpoint);
        let checkpoint = Checkpoint::open(&path, 1, team(2)).unwrap();
        assert_eq!(checkpoint.count(), count as usize + 1);
        assert_eq!(all(&checkpoint, 1).unwrap().last(), Some(&(chunk(7), read_chunk(7))));
    }
}

#[test]
fn a_chunk_that_is_there_twice_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(folder.path(), 1, team(2)).unwrap();
    let mut journal = checkpoint.journal(0).unwrap();
    (0..3).for_each(|at| add(&mut journal, at));
    drop((journal, checkpoint));
    let whole = std::fs::read(folder.path().join("masks.0")).unwrap();
    for (name, bytes) in [("masks.0", [&whole[..], &whole[..]].concat()), ("masks.1", whole.clone())] {
        std::fs::write(folder.path().join("masks.0"), &whole).unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let error = Checkpoint::open(folder.path(), 1, team(2)).unwrap_err();
        assert!(error.kind() == Kind::Data && error.to_string().contains("is damaged"), "{error}");
    }
}

#[test]
fn radii_are_found_again_once_up_to_those_that_were_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(folder.path(), 1, team(1)).unwrap();
    let radii = |at: i64| (0..at).map(|place| Radius::new(1.0 + place as f64 / 3.0, place % 2 == 0)).collect::<Radii>();
    let mut journal = checkpoint.radii(0).unwrap();
    (0..3).for_each(|at| journal.add(chunk(at), &radii(at)).unwrap());
    journal.flush().unwrap();
    journal.add(chunk(3), &radii(3)).unwrap();
    journal.flush().unwrap();
    journal.add(chunk(4), &radii(4)).unwrap();
    drop(journal);
    let file = folder.path().join("radii.0");
    let whole = std::fs::read(&file).unwrap();
    for (cut, count) in [(0, 4), (1, 3), (whole.len() - 1, 0)] {
        std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        for _ in 0..2 {
            let mut journal = checkpoint.radii(0).unwrap();
            for at in 0..5 {
                assert_eq!(journal.take(chunk(at)), (at < count).then(|| radii(at)), "{cut} bytes less");
                assert_eq!(journal.take(chunk(at)), None);
            }
        }
    }
    std::fs::write(&file, [&whole[..whole.len() - 1], &[0]].concat()).unwrap();
    assert_eq!(checkpoint.radii(0).unwrap_err().kind(), Kind::Data);
    checkpoint.remove().unwrap();
    assert!(!folder.path().exists());
}

#[test]
fn a_byte_that_has_changed_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::open(folder.path(), 1, team(1)).unwrap();
    add(&mut checkpoint.journal(0).unwrap(), 1);
    drop(checkpoint);
    let file = folder.path().join("masks.0");
    let whole = std::fs::read(&file).unwrap();
    let second = 56 + u64::from_le_bytes(*whole[24..].first_chunk().unwrap()) as usize;
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 8;
        std::fs::write(&file, &changed).unwrap();
        let checkpoint = Checkpoint::open(folder.path(), 1, team(1)).unwrap();
        // In a header: it counts as not there.
        let is_in_header = at < 56 || (second..second + 56).contains(&at);
        match all(&checkpoint, 0) {
            Ok(found) => assert!(found.is_empty() && is_in_header, "byte {at}"),
            Err(error) => assert!(error.kind() == Kind::Data && !is_in_header, "byte {at}: {error}"),
        }
    }
}

#[test]
fn a_snapshot_counts_when_all_workers_have_written_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |checkpoint: &Checkpoint, number: u64, worker: usize, parts: u64| {
        let mut writer = checkpoint.begin_snapshot(number, worker).unwrap();
        (0..parts).for_each(|part| writer.save(&(part, vec![7u8; 300])).unwrap());
        checkpoint.end_snapshot(writer).unwrap();
    };
    let checkpoint = Checkpoint::open(folder.path(), 1, team(2)).unwrap();
    assert!(checkpoint.snapshot(0).unwrap().is_none());
    let number = checkpoint.next_snapshot();
    [1, 0].into_iter().for_each(|worker| write(&checkpoint, number, worker, 9000));
    // Of the next one, a worker's is missing, and another's was being written.
    write(&checkpoint, number + 1, 1, 3);
    checkpoint.begin_snapshot(number + 1, 0).unwrap().save(&1u64).unwrap();
    drop(checkpoint);
    let checkpoint = Checkpoint::open(folder.path(), 1, team(2)).unwrap();
    assert!(!folder.path().join("sweep.1.1").exists() && checkpoint.next_snapshot() == number + 1);
    for worker in 0..2 {
        let mut reader = checkpoint.snapshot(worker).unwrap().unwrap();
        for part in 0..9000u64 {
            assert_eq!(reader.load::<(u64, Vec<u8>)>().unwrap(), (part, vec![7; 300]));
        }
        assert_eq!(reader.load::<u64>().unwrap_err().kind(), Kind::Data);
    }
    // With a newer one, the earlier goes.
    [1, 0].into_iter().for_each(|worker| write(&checkpoint, number + 1, worker, 1));
    assert!(!folder.path().join("sweep.0.0").exists() && folder.path().join("sweep.1.0").exists());
}

#[test]
fn a_folder_of_something_else_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    let refusal = |identity, workers| {
        let error = Checkpoint::open(&path, identity, team(workers)).unwrap_err();
        assert_eq!(error.kind(), Kind::Output);
        error.to_string()
    };
    let checkpoint = Checkpoint::open(&path, 1, team(2)).unwrap();
    assert!(refusal(1, 2).contains("going on"));
    checkpoint.keep_threshold(Threshold::Nonzero).unwrap();
    drop(checkpoint);
    assert!(refusal(2, 2).contains("another analysis"));
    assert!(refusal(1, 3).contains("--workers 2"));
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    assert!(refusal(1, 2).contains("notes.txt"));
    std::fs::remove_file(path.join("notes.txt")).unwrap();
    let checkpoint = Checkpoint::open(&path, 1, team(2)).unwrap();
    assert!(checkpoint.threshold() == Some(Threshold::Nonzero) && !checkpoint.is_new());
    checkpoint.remove().unwrap();
    assert!(!path.exists());
    std::fs::write(&path, "a file").unwrap();
    assert!(refusal(1, 2).contains("not a folder"));
}

#[test]
fn other_processes_join_what_the_first_has_found() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pair) = (folder.path().join("kept"), TeamSize { processes: 2, workers: 1 });
    let refused = |team| {
        let error = Checkpoint::join(&path, team).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("share"), "{error}");
    };
    refused(pair);
    let first = Checkpoint::open(&path, 1, pair).unwrap();
    refused(team(2));
    let second = Checkpoint::join(&path, pair).unwrap();
    for (worker, checkpoint) in [(1, &second), (0, &first)] {
        add(&mut checkpoint.journal(worker).unwrap(), worker as i64);
        let mut writer = checkpoint.begin_snapshot(first.next_snapshot(), worker).unwrap();
        writer.save(&worker).unwrap();
        checkpoint.end_snapshot(writer).unwrap();
    }
    drop(first);
    refused(pair);
    let error = Checkpoint::open(&path, 1, pair).unwrap_err();
    assert!(error.to_string().contains("a process is still there"), "{error}");
    drop(second);
    let error = Checkpoint::open(&path, 1, team(2)).unwrap_err();
    assert!(error.to_string().contains("--processes 2 --workers 1"), "{error}");
    let first = Checkpoint::open(&path, 1, pair).unwrap();
    // What comes before the other joins is new.
    add(&mut first.journal(0).unwrap(), 5);
    let second = Checkpoint::join(&path, pair).unwrap();
    for checkpoint in [&first, &second] {
        assert_eq!(checkpoint.chunks().collect::<Vec<_>>(), [chunk(0), chunk(1)]);
        for worker in 0..2 {
            assert_eq!(checkpoint.snapshot(worker).unwrap().unwrap().load::<usize>().unwrap(), worker);
        }
    }
    assert_eq!(all(&second, 1).unwrap(), [(chunk(1), read_chunk(1))]);
    drop(second);
    first.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_sweep_of_the_same_masks_and_workers_goes_on_and_any_other_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep");
    let begin = |workers| KeptSweep::new(path.clone(), workers);
    let keep = |sweep: &KeptSweep| {
        let checkpoint = sweep.of_masks(7).unwrap();
        for worker in [1, 0] {
            let mut writer = checkpoint.begin_snapshot(checkpoint.next_snapshot(), worker).unwrap();
            writer.save(&worker).unwrap();
            checkpoint.end_snapshot(writer).unwrap();
        }
    };
    let goes_on = |sweep: &KeptSweep, masks| sweep.of_masks(masks).unwrap().has_snapshot();
    keep(&begin(2));
    assert!(goes_on(&begin(2), 7) && !goes_on(&begin(2), 8) && !goes_on(&begin(2), 7), "other masks");
    keep(&begin(2));
    assert!(!goes_on(&begin(1), 7), "other workers");
    keep(&begin(2));
    let file = path.join("sweep.0.1");
    let whole = std::fs::read(&file).unwrap();
    for bytes in [&whole[..whole.len() - 1], &[&whole[..], &[0]].concat(), &[]] {
        begin(2).remove();
        keep(&begin(2));
        std::fs::write(&file, bytes).unwrap();
        assert!(!goes_on(&begin(2), 7), "{} bytes", bytes.len());
    }
    let sweep = begin(2);
    keep(&sweep);
    sweep.remove();
    assert!(sweep.of_masks(7).is_none() && !path.exists());
    // Where nothing can be kept, nothing fails.
    std::fs::write(&path, "a file").unwrap();
    assert!(begin(2).of_masks(7).is_none());
}
