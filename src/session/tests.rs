//! Sessions against sessions that see the final content only.

use std::collections::BTreeMap;

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::chunk::Voxels;
use crate::error::{Error, Kind};
use crate::grid::ChunkId;
use crate::kernel::mask::method::ThresholdMethod;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::thin::method::Method;
use crate::parameters::{FilterRule, HoleSize, Parameters, ThresholdRule};
use crate::space::{Region, Spacing};
use crate::store::Source;
use crate::store::memory::MemorySource;

pub(super) const SHAPE: [usize; 3] = [9, 14, 13];
pub(super) const CHUNK: [usize; 3] = [5, 6, 7];
pub(super) const SPACING: Spacing = Spacing([2.0, 1.0, 0.5]);

/// An edit: which chunk, and its new content, or none.
pub(super) type Edit = (usize, Option<(u64, u64)>);

/// How a session makes masks, and of the last how it thins them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Masks {
    Nonzero,
    Smoothed,
    Otsu,
    SmoothedOtsu,
    /// Foreground is what is dark, and so is all that has not arrived.
    Dark,
    Triangle,
    Li,
    SmoothedLi,
    Homotopic,
    /// Small objects go, and of the others the largest stay.
    Largest,
    Filled,
    Hysteresis,
}

pub(super) const MASKS: [Masks; 12] = [
    Masks::Nonzero,
    Masks::Smoothed,
    Masks::Otsu,
    Masks::SmoothedOtsu,
    Masks::Dark,
    Masks::Triangle,
    Masks::Li,
    Masks::SmoothedLi,
    Masks::Homotopic,
    Masks::Largest,
    Masks::Filled,
    Masks::Hysteresis,
];

const OTSU: ThresholdRule = ThresholdRule::Above(ThresholdMethod::Otsu);

impl Masks {
    pub(super) fn apply<Kind>(self, builder: SessionBuilder<Kind>) -> SessionBuilder<Kind> {
        match self {
            Masks::Nonzero => builder,
            Masks::Smoothed => builder.smoothing(0.8).threshold(Threshold::Above(0.9)),
            Masks::Otsu => builder.threshold(OTSU),
            Masks::SmoothedOtsu => builder.smoothing(1.3).threshold(OTSU),
            Masks::Dark => builder.smoothing(0.7).threshold(ThresholdRule::AtMost(ThresholdMethod::Otsu)),
            Masks::Triangle => builder.threshold(ThresholdRule::Above(ThresholdMethod::Triangle)),
            Masks::Li => builder.threshold(ThresholdRule::Above(ThresholdMethod::Li)),
            Masks::SmoothedLi => builder.smoothing(0.6).threshold(ThresholdRule::AtMost(ThresholdMethod::Li)),
            Masks::Homotopic => builder.method(Method::Homotopic),
            Masks::Largest => builder
                .filters(FilterRule { remove_smaller: Some(4), keep_largest: Some(3), fill_holes: None })
                .connectivity(Connectivity::Faces),
            Masks::Filled => builder.filters(FilterRule {
                fill_holes: Some(HoleSize::Any),
                remove_smaller: Some(9),
                keep_largest: None,
            }),
            Masks::Hysteresis => builder
                .smoothing(0.5)
                .threshold(Threshold::Hysteresis { low: 0.8, high: 1.7 })
                .filters(FilterRule { fill_holes: Some(HoleSize::Below(20)), ..FilterRule::default() }),
        }
    }
}

/// Random values with a share of foreground, in percent; 0 to 3, so that pixel statistics vary.
pub(super) fn content(shape: [usize; 3], seed: u64, density: u64) -> Voxels {
    let mut state = seed | 1;
    Voxels::U8(Array3::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (state >> 33) % 100 < density { 1 + (state >> 40) as u8 % 3 } else { 0 }
    }))
}

fn session(workers: usize) -> Session {
    SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(workers).spacing(SPACING).build().unwrap()
}

/// The whole volume, with zeros where there is no chunk.
pub(super) fn whole(shape: [usize; 3], chunks: &BTreeMap<ChunkId, Voxels>) -> Voxels {
    let grid = Grid::new(Region::of_shape(shape), CHUNK);
    let mut array = Array3::zeros(shape);
    for (&id, voxels) in chunks {
        let (Voxels::U8(values), min) = (voxels, grid.region(id).min) else { panic!("content is u8") };
        for (p, &value) in values.indexed_iter() {
            let at = [p.0, p.1, p.2];
            array[std::array::from_fn(|a| at[a] + min[a] as usize)] = value;
        }
    }
    Voxels::U8(array)
}

/// Parameters that ask for all that is measured.
fn asked() -> Parameters {
    Parameters { longest_path: true, ..Parameters::default() }
}

/// An edit of an image: which chunk, and the seed and density of its new content.
pub(super) type ImageEdit = (usize, u64, u64);

/// A volume whose chunks are edited.
pub(super) struct EditedImage {
    pub(super) grid: Grid,
    chunks: Vec<ChunkId>,
    now: BTreeMap<ChunkId, Voxels>,
}

impl EditedImage {
    /// The same at the beginning of every test.
    pub(super) fn new() -> Self {
        let grid = Grid::new(Region::of_shape(SHAPE), CHUNK);
        let chunks: Vec<ChunkId> = grid.chunks().collect();
        let first = |&id: &ChunkId| (id, content(grid.region(id).shape(), 3, 50));
        let now = chunks.iter().map(first).collect();
        EditedImage { grid, chunks, now }
    }

    /// The chunk of a number, which may be larger than the number of chunks.
    pub(super) fn chunk(&self, at: usize) -> ChunkId {
        self.chunks[at % self.chunks.len()]
    }

    pub(super) fn edit(&mut self, edits: Vec<ImageEdit>) {
        for (at, seed, density) in edits {
            let id = self.chunk(at);
            self.now.insert(id, content(self.grid.region(id).shape(), seed, density));
        }
    }

    /// The values of a chunk.
    pub(super) fn values(&mut self, at: usize) -> &mut Array3<u8> {
        let id = self.chunk(at);
        let Some(Voxels::U8(values)) = self.now.get_mut(&id) else { panic!("content is u8") };
        values
    }

    pub(super) fn whole(&self) -> Voxels {
        whole(SHAPE, &self.now)
    }
}

/// A session that sees an image once and in one piece.
pub(super) fn scratch(image: Voxels, masks: Masks) -> FollowingSession {
    let chunk = image.shape();
    let source = Arc::new(MemorySource::of(image, 3).with_chunk(chunk));
    let builder = SessionBuilder::of_source(source).parameters(&asked()).spacing(SPACING);
    let session = masks.apply(builder).build().unwrap();
    assert_eq!(session.look(false).unwrap(), 1);
    session.advance().unwrap();
    session
}

pub(super) fn summary<Kind>(session: &Session<Kind>) -> String {
    format!("{:?}", session.summary(()))
}

/// Rows and how often each occurs, without ranks.
pub(super) fn table<Kind>(session: &Session<Kind>) -> BTreeMap<String, isize> {
    let mut table: BTreeMap<String, isize> = BTreeMap::new();
    for row in session.rows().unwrap() {
        *table.entry(format!("{:?}", row.measures)).or_default() += 1;
    }
    table
}

/// Takes part in an epoch: gives the session some edits.
pub(super) fn edit(live: &Session, edits: &[Edit], now: &mut BTreeMap<ChunkId, Voxels>) {
    let grid = live.grid().unwrap();
    let chunks: Vec<ChunkId> = grid.chunks().collect();
    for (at, edit) in edits {
        let id = chunks[*at % chunks.len()];
        let voxels = edit.map(|(seed, density)| content(grid.region(id).shape(), seed, density));
        match (voxels, now.contains_key(&id)) {
            (Some(voxels), false) => {
                live.insert(id, voxels.clone()).unwrap();
                now.insert(id, voxels);
            }
            (Some(voxels), true) => {
                live.replace(id, voxels.clone()).unwrap();
                now.insert(id, voxels);
            }
            (None, true) => {
                live.retract(id).unwrap();
                now.remove(&id);
            }
            (None, false) => assert!(live.retract(id).is_err()),
        }
    }
}

pub(super) fn edits() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    let edit = (0usize..12, prop::option::weighted(0.8, (any::<u64>(), 10u64..90)));
    prop::collection::vec(prop::collection::vec(edit, 0..6), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn edits_end_where_one_run_over_the_final_content_ends_and_differences_add_up(
        epochs in edits(),
        workers in 1usize..4,
        masks in 0..MASKS.len(),
        grown in prop::option::of(0usize..4),
    ) {
        let masks = MASKS[masks];
        let mut shape = SHAPE;
        let builder = SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).parameters(&asked()).workers(workers).spacing(SPACING);
        let builder = masks.apply(builder);
        let held = !matches!(masks, Masks::Nonzero);
        let live = if held { builder.hold_values() } else { builder }.build().unwrap();
        let mut now: BTreeMap<ChunkId, Voxels> = BTreeMap::new();
        let mut rows: BTreeMap<String, isize> = BTreeMap::new();
        for (number, epoch) in epochs.iter().enumerate() {
            if held && grown == Some(number) {
                shape = [SHAPE[0] + 3, SHAPE[1] + 6, SHAPE[2]];
                live.resize(shape).unwrap();
                // Values of a chunk that was cut off at the old bounds go on behind them.
                let grid = live.grid().unwrap();
                for (&id, voxels) in now.iter_mut().filter(|(id, voxels)| grid.region(**id).shape() != voxels.shape()) {
                    let old = voxels.clone();
                    *voxels = Voxels::filled(Dtype::U8, grid.region(id).shape(), 0.0);
                    let (Voxels::U8(new), Voxels::U8(old)) = (voxels, old) else { panic!("content is u8") };
                    old.indexed_iter().for_each(|(p, &value)| new[p] = value);
                }
            }
            edit(&live, epoch, &mut now);
            for (row, diff) in live.advance().unwrap().changes {
                *rows.entry(format!("{row:?}")).or_default() += diff;
            }
            let scratch = scratch(whole(shape, &now), masks);
            prop_assert_eq!(live.rows().unwrap(), scratch.rows().unwrap());
            prop_assert_eq!(live.node_rows().unwrap(), scratch.node_rows().unwrap());
            prop_assert_eq!(live.skeleton_rows().unwrap(), scratch.skeleton_rows().unwrap());
            prop_assert_eq!(summary(&live), summary(&scratch));
            rows.retain(|_, diff| *diff != 0);
            prop_assert_eq!(&rows, &table(&scratch));
            scratch.close().unwrap();
        }
        live.close().unwrap();
    }
}

#[test]
fn a_refused_chunk_leaves_the_session_as_it_was() {
    let session = session(2);
    let id = ChunkId::at([0, 0, 0]);
    assert_eq!(session.insert(id, content([1, 2, 3], 1, 50)).unwrap_err().kind(), Kind::Data);
    assert_eq!(session.insert(ChunkId::at([9, 0, 0]), content(CHUNK, 1, 50)).unwrap_err().kind(), Kind::Usage);
    assert_eq!(session.replace(id, content(CHUNK, 1, 50)).unwrap_err().kind(), Kind::Usage);
    session.insert(id, content(CHUNK, 1, 50)).unwrap();
    assert_eq!(session.insert(id, content(CHUNK, 1, 50)).unwrap_err().kind(), Kind::Usage);
    let first = session.advance().unwrap();
    assert!(!first.changes.is_empty());
    let second = session.advance().unwrap();
    assert_eq!((second.number, second.changed, second.thinning.thinned, second.changes.len()), (1, 0, 0, 0));
}

#[test]
fn an_open_canvas_takes_chunks_at_negative_places_and_joins_them() {
    let session = SessionBuilder::new([1; 3], [8; 3], Dtype::U8).open_ended().workers(2).build().unwrap();
    let rod = || Voxels::U8(Array3::from_shape_fn((8, 8, 8), |(z, y, _)| u8::from(z == 4 && y == 4)));
    for x in [-1, 1, 0] {
        session.insert(ChunkId::at([0, -3, x]), rod()).unwrap();
        session.advance().unwrap();
    }
    let rows = session.rows().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].measures.image_coord_src, [4, -20, -8]);
    assert_eq!(rows[0].measures.branch_distance, 23.0);
}

#[test]
fn bytes_fed_from_several_threads_are_those_fed_from_one() {
    let (one, many) = (session(1), session(3));
    let grid = one.grid().unwrap();
    let parts: Vec<(ChunkId, Voxels)> = grid.chunks().map(|id| (id, content(grid.region(id).shape(), 7, 60))).collect();
    for (id, voxels) in &parts {
        one.insert(*id, voxels.clone()).unwrap();
    }
    std::thread::scope(|scope| {
        for part in parts.chunks(3) {
            let many = &many;
            scope.spawn(move || part.iter().for_each(|(id, voxels)| many.insert(*id, voxels.clone()).unwrap()));
        }
    });
    assert_eq!(one.advance().unwrap().changes, many.advance().unwrap().changes);
    assert_eq!(one.rows().unwrap(), many.rows().unwrap());
}

#[test]
fn a_session_follows_a_source_that_is_opened_again_and_reads_what_is_new() {
    let image = |length: usize| content([6, 10, length], 5, 40);
    let first = MemorySource::of(image(14), 3).with_chunk([6, 5, 7]);
    let session = SessionBuilder::of_source(Arc::new(first)).spacing(SPACING).workers(2).build().unwrap();
    assert_eq!(session.look(false).unwrap(), 4);
    let epoch = session.advance().unwrap();
    assert_eq!((epoch.read, epoch.changed), (4, 4));
    // The values are the same: they are read, but nothing else is done.
    session.refresh(ChunkId::at([0, 1, 0])).unwrap();
    let epoch = session.advance().unwrap();
    assert_eq!((epoch.read, epoch.changed, epoch.changes.len()), (1, 0, 0));
    let grown = image(19);
    session.follow(Arc::new(MemorySource::of(grown.clone(), 3).with_chunk([6, 5, 7]))).unwrap();
    session.look(false).unwrap();
    assert_eq!(session.advance().unwrap().read, 6);
    assert_eq!(session.rows().unwrap(), scratch(grown, Masks::Nonzero).rows().unwrap());
    session.close().unwrap();
}

/// A source that fails as long as it is told to.
struct Failing(MemorySource, std::sync::atomic::AtomicBool);

impl Source for Failing {
    fn description(&self) -> &crate::store::Description {
        self.0.description()
    }

    fn read(&self, region: &Region) -> Result<Option<crate::chunk::Chunk>> {
        match self.1.load(std::sync::atomic::Ordering::Relaxed) && region.min[2] > 0 {
            true => Err(Error::new(Kind::Io, "cannot be read; check the disk and try again")),
            false => self.0.read(region),
        }
    }
}

#[test]
fn an_epoch_that_fails_leaves_the_last_good_one_and_is_made_up_for() {
    let image = content([6, 10, 14], 9, 40);
    let failing = Arc::new(Failing(MemorySource::of(image.clone(), 3).with_chunk([6, 5, 7]), true.into()));
    let source: Arc<dyn Source> = Arc::clone(&failing) as Arc<dyn Source>;
    let session = SessionBuilder::of_source(source).spacing(SPACING).workers(2).build().unwrap();
    session.look(false).unwrap();
    for _ in 0..2 {
        let error = session.advance().unwrap_err();
        let failing = [[0, 0, 1], [0, 1, 1]].map(ChunkId::at);
        assert!(error.kind() == Kind::Io && failing.iter().any(|&id| error.chunk() == Some(id)), "{error}");
        assert!(session.rows().unwrap().is_empty());
    }
    failing.1.store(false, std::sync::atomic::Ordering::Relaxed);
    let epoch = session.advance().unwrap();
    assert_eq!((epoch.number, epoch.read), (0, 4));
    assert_eq!(session.rows().unwrap(), scratch(image, Masks::Nonzero).rows().unwrap());
}

#[test]
fn options_that_need_values_again_are_refused_without_them() {
    let builder = || SessionBuilder::new(SHAPE, CHUNK, Dtype::U8);
    for refused in [builder().smoothing(1.0).threshold(Threshold::Above(1.0)), builder().threshold(OTSU)] {
        let error = refused.clone().build().unwrap_err();
        assert!(error.to_string().contains("need the values of chunks again"), "{error}");
        assert!(refused.hold_values().build().is_ok());
    }
    assert!(builder().open_ended().hold_values().threshold(OTSU).build().is_err());
}

#[test]
fn rows_are_provisional_until_all_chunks_around_them_have_arrived() {
    let builder = SessionBuilder::new([8, 8, 24], [8; 3], Dtype::U8);
    let session = builder.track_arrival().build().unwrap();
    let rod =
        || Voxels::U8(Array3::from_shape_fn((8, 8, 8), |(z, y, x)| u8::from(z == 4 && y == 4 && (1..6).contains(&x))));
    session.insert(ChunkId::at([0, 0, 0]), rod()).unwrap();
    session.insert(ChunkId::at([0, 0, 1]), rod()).unwrap();
    session.advance().unwrap();
    let provisional: Vec<_> = session.rows().unwrap().iter().map(|row| row.provisional).collect();
    assert_eq!(provisional, [Some(false), Some(true)]);
    let awaited = session.summary(()).awaited.unwrap();
    assert_eq!((awaited.provisional_branches, awaited.units, awaited.missing), (1, 3, 1));
    session.insert(ChunkId::at([0, 0, 2]), rod()).unwrap();
    session.advance().unwrap();
    assert!(session.rows().unwrap().iter().all(|row| row.provisional == Some(false)));
}

/// Gathers the fields of events.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<BTreeMap<String, String>>>);

impl tracing::field::Visit for Listener {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("anabranch")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn an_epoch_that_is_closed_is_told_through_tracing() {
    let listener = Listener::default();
    // With a single listener, tracing asks the thread that comes first whether there is one: that of another test.
    let _second = tracing::Dispatch::new(Listener::default());
    let epoch = tracing::subscriber::with_default(listener.clone(), || {
        let session = session(2);
        session.insert(ChunkId::at([0, 0, 0]), content(CHUNK, 1, 50)).unwrap();
        session.advance().unwrap()
    });
    let told = listener.0.lock().unwrap();
    for (name, value) in [
        ("epoch", epoch.number),
        ("chunks_changed", epoch.changed as u64),
        ("chunks_thinned", epoch.thinning.thinned as u64),
        ("rounds", epoch.thinning.rounds),
        ("rows_changed", epoch.changes.len() as u64),
    ] {
        assert_eq!(told.get(name), Some(&value.to_string()), "{name}");
    }
}
