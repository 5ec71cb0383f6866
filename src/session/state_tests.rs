//! Sessions that end and begin again from their state, whatever happens to it meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::tests::{CHUNK, EditedImage, MASKS, Masks, SHAPE, SPACING, content, scratch, summary};
use super::*;
use crate::chunk::{Chunk, Voxels};
use crate::error::{Error, Kind};
use crate::grid::ChunkId;
use crate::kernel::image::project::Projections;
use crate::space::{Position, Region};
use crate::store::memory::MemorySource;
use crate::store::{Description, Source};

/// An image that changes.
pub(super) struct Changing {
    image: RwLock<Voxels>,
    /// A voxel that cannot be read.
    spoilt: RwLock<Option<Position>>,
    /// How many times it can still be read.
    reads: AtomicUsize,
    description: Description,
}

impl Changing {
    pub(super) fn new(image: Voxels) -> Arc<Self> {
        let description = MemorySource::of(image.clone(), 3).with_chunk(CHUNK).description().clone();
        Arc::new(Changing {
            image: RwLock::new(image),
            spoilt: RwLock::default(),
            reads: AtomicUsize::new(usize::MAX),
            description,
        })
    }

    pub(super) fn change(&self, image: Voxels) {
        *self.image.write().unwrap() = image;
    }

    pub(super) fn spoil(&self, voxel: Option<Position>) {
        *self.spoilt.write().unwrap() = voxel;
    }

    /// Lets reads fail after some that succeed; never with `usize::MAX`.
    pub(super) fn fail_after(&self, reads: usize) {
        self.reads.store(reads, Ordering::SeqCst);
    }
}

impl Source for Changing {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        if self.spoilt.read().unwrap().is_some_and(|voxel| region.contains(voxel)) {
            return Err(Error::data("is damaged"));
        }
        let count = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
        if self.reads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count).is_err() {
            return Err(Error::new(Kind::Io, "cannot be read any more"));
        }
        Ok(Some(Chunk { region: *region, voxels: self.image.read().unwrap().part(region) }))
    }
}

pub(super) fn open(source: &Arc<Changing>, folder: &Path, masks: Masks, workers: usize) -> FollowingSession {
    let source: Arc<dyn Source> = Arc::clone(source) as Arc<dyn Source>;
    let builder = SessionBuilder::of_source(source).spacing(SPACING).workers(workers).state(folder);
    masks.apply(builder).build().unwrap()
}

/// The files of all records, and their bytes.
fn records(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    };
    let planes = ["masks", "thinned"].into_iter().flat_map(|kind| list(&folder.join(kind)));
    planes.flat_map(|plane| list(&plane)).map(|file| (file.clone(), std::fs::read(&file).unwrap())).collect()
}

/// Changes the last byte of a file, and neither its length nor its time.
fn harm_in_secret(file: &Path) {
    let time = std::fs::metadata(file).and_then(|metadata| metadata.modified()).unwrap();
    let mut bytes = std::fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(file, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.set_times(std::fs::FileTimes::new().set_modified(time)).unwrap();
}

/// Does something to the existing records, of the present epoch and an earlier one; with `secret`, so that their lengths and
/// times stay.
fn harm(folder: &Path, earlier: &BTreeMap<PathBuf, Vec<u8>>, seed: u64, secret: bool) {
    let now: Vec<(PathBuf, Vec<u8>)> = records(folder).into_iter().collect();
    for (at, (file, bytes)) in now.iter().enumerate() {
        if secret {
            if seed.rotate_left(5 * at as u32).is_multiple_of(4) {
                harm_in_secret(file);
            }
            continue;
        }
        match seed.rotate_left(5 * at as u32) % 16 {
            0 => std::fs::remove_file(file).unwrap(),
            1 => std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap(),
            2 => {
                let mut bytes = bytes.clone();
                let place = seed as usize % bytes.len();
                bytes[place] ^= 0x40;
                std::fs::write(file, bytes).unwrap();
            }
            3 => std::fs::write(file, &now[seed as usize % now.len()].1).unwrap(),
            4..8 => match earlier.get(file) {
                Some(bytes) => std::fs::write(file, bytes).unwrap(),
                None => std::fs::remove_file(file).unwrap(),
            },
            _ => {}
        }
    }
}

pub(super) fn compare(session: &FollowingSession, image: &Voxels, masks: Masks) {
    let scratch = scratch(image.clone(), masks);
    assert_eq!(session.rows().unwrap(), scratch.rows().unwrap());
    assert_eq!(summary(session), summary(&scratch));
    let chunk = Chunk { region: Region::of_shape(image.shape()), voxels: image.clone() };
    let seen = Projections::of_chunk(chunk.region, 3, &chunk);
    assert_eq!(session.overview().unwrap().unwrap(), seen);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_session_that_begins_again_from_any_state_ends_where_one_from_scratch_does(
        epochs in prop::collection::vec((
            prop::collection::vec((0usize..12, any::<u64>(), 0u64..90), 0..4),
            prop::option::weighted(0.7, (1usize..4, prop::option::of((any::<u64>(), any::<bool>())), any::<bool>())),
        ), 2..6),
        masks in 0..MASKS.len(),
        workers in 1usize..3,
    ) {
        let masks = MASKS[masks];
        let folder = tempfile::tempdir().unwrap();
        let mut image = EditedImage::new();
        let source = Changing::new(image.whole());
        let mut session = open(&source, folder.path(), masks, workers);
        let mut earlier = BTreeMap::new();
        for (edits, restart) in epochs {
            image.edit(edits);
            source.change(image.whole());
            session.look(true).unwrap();
            session.advance().unwrap();
            compare(&session, &source.image.read().unwrap(), masks);
            if let Some((workers, harmed, digests)) = restart {
                if digests {
                    session.write_digest().unwrap();
                }
                session.close().unwrap();
                if let Some((seed, secret)) = harmed {
                    harm(folder.path(), &earlier, seed, secret);
                }
                session = open(&source, folder.path(), masks, workers);
            }
            earlier = records(folder.path());
        }
        session.look(true).unwrap();
        session.advance().unwrap();
        compare(&session, &source.image.read().unwrap(), masks);
        session.close().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_state_does_not_tell_whether_planes_or_chunks_were_thinned(seed: u64, density in 30u64..95, masks in 0..MASKS.len()) {
        // One worker has planes enough, two have not.
        let image = content(SHAPE, seed, density);
        let [planes, chunks] = [1, 2].map(|workers| {
            let folder = tempfile::tempdir().unwrap();
            let session = open(&Changing::new(image.clone()), folder.path(), MASKS[masks], workers);
            session.look(true).unwrap();
            let thinning = session.advance().unwrap().thinning;
            session.close().unwrap();
            let name = |file: PathBuf| file.strip_prefix(folder.path()).unwrap().to_owned();
            let records: BTreeMap<_, _> =
                records(folder.path()).into_iter().map(|(file, bytes)| (name(file), bytes)).collect();
            (records, thinning.by_planes, thinning.chunks, thinning.thinned, thinning.deleted)
        });
        prop_assert!(planes.1 && !chunks.1);
        prop_assert_eq!(&planes.0, &chunks.0);
        prop_assert_eq!((planes.2, planes.3, planes.4), (chunks.2, chunks.3, chunks.4));
    }
}

/// A rod in the first chunk, and one in the last: the chunks are no neighbours, and in no row of chunks together.
fn two_rods() -> ndarray::Array3<u8> {
    let mut image = ndarray::Array3::zeros(SHAPE);
    (1..4).for_each(|x| image[[2, 3, x]] = 1);
    (8..12).for_each(|x| image[[7, 13, x]] = 1);
    image
}

#[test]
fn nothing_is_thinned_again_after_a_restart_and_only_what_changed_after_an_edit() {
    let folder = tempfile::tempdir().unwrap();
    let grid = Grid::new(Region::of_shape(SHAPE), CHUNK);
    let mut image = two_rods();
    let source = Changing::new(Voxels::U8(image.clone()));
    let session = open(&source, folder.path(), Masks::Nonzero, 2);
    session.look(false).unwrap();
    assert_eq!(session.advance().unwrap().thinning.thinned, 2);
    session.close().unwrap();

    let session = open(&source, folder.path(), Masks::Nonzero, 3);
    assert_eq!(session.rows().unwrap().len(), 2);
    image[[2, 3, 4]] = 1;
    source.change(Voxels::U8(image));
    session.look(false).unwrap();
    let epoch = session.advance().unwrap();
    assert_eq!((epoch.number, epoch.read, epoch.changed, epoch.thinning.thinned), (1, grid.chunks().count(), 1, 1));
    assert_eq!(epoch.changes.len(), 2);
    assert!(session.warnings().unwrap().is_empty());
    session.close().unwrap();

    // What is wrong with a record is said, and costs that chunk alone.
    let record = folder.path().join("thinned/0/0.0");
    let mut bytes = std::fs::read(&record).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&record, bytes).unwrap();
    let session = open(&source, folder.path(), Masks::Nonzero, 1);
    assert_eq!(session.warnings().unwrap(), ["chunk 0.0.0: its record is damaged: it is computed again"]);
    assert_eq!(session.advance().unwrap().thinning.thinned, 1);
    assert_eq!(session.rows().unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_session_that_begins_with_a_digest_goes_on_as_one_that_restores_everything(
        first in (any::<u64>(), 0u64..90),
        epochs in prop::collection::vec((prop::collection::vec((0usize..12, any::<u64>(), 0u64..90), 0..3), 1usize..4), 1..4),
        masks in 0..MASKS.len(),
    ) {
        let masks = MASKS[masks];
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut image = EditedImage::new();
        image.edit((0..12).map(|at| (at, first.0 ^ at as u64, first.1)).collect());
        let source = Changing::new(image.whole());
        let open_both = |workers: usize| folders.each_ref().map(|folder| open(&source, folder.path(), masks, workers));
        let records_of = |at: usize| -> BTreeMap<PathBuf, Vec<u8>> {
            let name = |file: &Path| file.strip_prefix(folders[at].path()).unwrap().to_owned();
            records(folders[at].path()).into_iter().map(|(file, bytes)| (name(&file), bytes)).collect()
        };
        let mut sessions = open_both(1);
        for (edits, workers) in epochs {
            for session in &sessions {
                session.look(true).unwrap();
                session.advance().unwrap();
            }
            sessions[0].write_digest().unwrap();
            sessions.into_iter().for_each(|session| session.close().unwrap());
            sessions = open_both(workers);
            image.edit(edits);
            source.change(image.whole());
            let mut found = Vec::new();
            for session in &sessions {
                session.look(true).unwrap();
                let epoch = session.advance().unwrap();
                prop_assert_eq!(session.warnings().unwrap(), Vec::<String>::new());
                compare(session, &source.image.read().unwrap(), masks);
                let thinning = epoch.thinning;
                found.push((epoch.number, epoch.read, epoch.changed, epoch.changes, thinning.chunks, thinning.thinned));
            }
            prop_assert_eq!(&found[0], &found[1]);
            prop_assert_eq!(records_of(0), records_of(1));
        }
    }
}

#[test]
fn records_of_chunks_that_nothing_touches_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut image = two_rods();
    let source = Changing::new(Voxels::U8(image.clone()));
    let session = open(&source, folder.path(), Masks::Nonzero, 2);
    session.look(false).unwrap();
    session.advance().unwrap();
    session.write_digest().unwrap();
    session.close().unwrap();
    let far = folder.path().join("thinned/1/2.1");
    harm_in_secret(&far);
    image[[2, 3, 4]] = 1;
    source.change(Voxels::U8(image.clone()));
    let session = open(&source, folder.path(), Masks::Nonzero, 2);
    assert_eq!(session.rows().unwrap().len(), 2);
    let first = [ChunkId::new([0; 3]).unwrap()];
    first.into_iter().for_each(|chunk| session.refresh(chunk).unwrap());
    let epoch = session.advance().unwrap();
    assert_eq!((epoch.read, epoch.changed, epoch.thinning.thinned, epoch.thinning.chunks), (1, 1, 1, 2));
    assert_eq!((session.warnings().unwrap(), epoch.changes.len()), (Vec::<String>::new(), 2));
    session.write_digest().unwrap();
    session.close().unwrap();

    // It is noticed when it is needed: then everything is restored, as far as it can be.
    image[[7, 13, 12]] = 1;
    source.change(Voxels::U8(image.clone()));
    let session = open(&source, folder.path(), Masks::Nonzero, 2);
    session.refresh(ChunkId::new([1, 2, 1]).unwrap()).unwrap();
    let epoch = session.advance().unwrap();
    let warnings = session.warnings().unwrap();
    assert!(warnings[0].contains("the digest does not fit the other records"), "{warnings:?}");
    assert!(warnings[1..].contains(&"chunk 1.2.1: its record is damaged: it is computed again".into()), "{warnings:?}");
    assert_eq!(epoch.changes.len(), 2);
    compare(&session, &Voxels::U8(image), Masks::Nonzero);
    session.close().unwrap();
}

#[test]
fn two_sessions_do_not_share_a_state_and_other_parameters_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let image = content(SHAPE, 11, 50);
    let source = Changing::new(image.clone());
    let session = open(&source, folder.path(), Masks::Nonzero, 1);
    let dynamic = Arc::clone(&source) as Arc<dyn Source>;
    let second = SessionBuilder::of_source(dynamic).state(folder.path()).build().unwrap_err();
    assert_eq!(second.kind(), Kind::Output);
    session.look(false).unwrap();
    session.advance().unwrap();
    session.close().unwrap();
    let session = open(&source, folder.path(), Masks::Smoothed, 1);
    assert_eq!(session.warnings().unwrap().len(), 1);
    session.look(false).unwrap();
    session.advance().unwrap();
    compare(&session, &image, Masks::Smoothed);
}
