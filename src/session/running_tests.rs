//! Sessions that answer while an epoch runs: it is held open by what it waits for, never by a clock.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use proptest::prelude::*;

use super::tests::{CHUNK, MASKS, Masks, SHAPE, SPACING, content, edit, edits, scratch, table, whole};
use super::*;
use crate::chunk::{Chunk, Voxels};
use crate::grid::ChunkId;
use crate::operators::extract::ExtractRecords;
use crate::space::Region;
use crate::store::memory::MemorySource;
use crate::store::{Description, Source};

/// Holds an epoch open until the other end is dropped.
struct Gate {
    reached: Sender<()>,
    opened: Mutex<Receiver<()>>,
}

/// A gate; what tells that it is reached; and what keeps it closed.
fn gate() -> (Gate, Receiver<()>, Sender<()>) {
    let ((reached, told), (closed, opened)) = (channel(), channel());
    (Gate { reached, opened: Mutex::new(opened) }, told, closed)
}

impl Gate {
    fn pass(&self) {
        // The test may have ended.
        let _ = self.reached.send(());
        let _ = self.opened.lock().unwrap().recv();
    }
}

/// A source that cannot be read before a gate opens.
struct Gated(MemorySource, Gate);

impl Source for Gated {
    fn description(&self) -> &Description {
        self.0.description()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        self.1.pass();
        self.0.read(region)
    }
}

#[test]
fn edits_and_results_do_not_wait_for_an_epoch_that_is_held_open() {
    for holds in [false, true] {
        let builder = SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).spacing(SPACING).workers(2);
        let session = if holds { builder.hold_values() } else { builder }.build().unwrap();
        let grid = session.grid().unwrap();
        let [a, b, c] = [[0, 0, 0], [0, 0, 1], [0, 1, 0]].map(ChunkId::at);
        let values = |id, seed| content(grid.region(id).shape(), seed, 50);
        session.insert(a, values(a, 1)).unwrap();
        session.advance().unwrap();
        let before = session.results();
        let rows = before.rows().unwrap();

        let (gate, reached, closed) = gate();
        let held = session.conductor.ask(move |_| {
            gate.pass();
            Ok(())
        });
        session.insert(b, values(b, 2)).unwrap();
        let running = session.begin();
        reached.recv().unwrap();
        // All of this would never return if it waited for the epoch.
        session.insert(c, values(c, 3)).unwrap();
        session.replace(b, values(b, 4)).unwrap();
        session.retract(a).unwrap();
        let next = session.begin();
        session.insert(a, values(a, 5)).unwrap();
        assert!(!running.has_ended() && !next.has_ended());
        assert!(Arc::ptr_eq(&session.results(), &before));
        assert_eq!((session.rows().unwrap(), session.summary(()).skeletons), (rows.clone(), before.components()));
        drop(closed);

        held.wait().unwrap();
        let image =
            |chunks: &[(ChunkId, u64)]| whole(SHAPE, &chunks.iter().map(|&(id, s)| (id, values(id, s))).collect());
        let expected = |chunks: &[(ChunkId, u64)]| scratch(image(chunks), Masks::Nonzero).rows().unwrap();
        assert_eq!((running.wait().unwrap().number, next.wait().unwrap().number), (1, 2));
        assert_eq!(session.rows().unwrap(), expected(&[(b, 4), (c, 3)]));
        session.advance().unwrap();
        assert_eq!(session.rows().unwrap(), expected(&[(a, 5), (b, 4), (c, 3)]));
        // Results that are held have not changed.
        assert_eq!(before.rows().unwrap(), rows);
        session.close().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn epochs_that_begin_while_others_run_take_in_the_edits_before_them_and_no_others(
        epochs in edits(),
        workers in 1usize..4,
        masks in 0..MASKS.len(),
    ) {
        let masks = MASKS[masks];
        let builder = masks.apply(SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(workers).spacing(SPACING));
        let live = if matches!(masks, Masks::Nonzero) { builder } else { builder.hold_values() }.build().unwrap();
        let (mut now, mut running) = (BTreeMap::new(), Vec::new());
        for epoch in &epochs {
            edit(&live, epoch, &mut now);
            running.push((live.begin(), now.clone()));
        }
        let mut rows: BTreeMap<String, isize> = BTreeMap::new();
        for (number, (handle, content)) in running.into_iter().enumerate() {
            let epoch = handle.wait().unwrap();
            prop_assert_eq!(epoch.number, number as u64);
            for (row, diff) in epoch.changes {
                *rows.entry(format!("{row:?}")).or_default() += diff;
            }
            rows.retain(|_, diff| *diff != 0);
            prop_assert_eq!(&rows, &table(&scratch(whole(SHAPE, &content), masks)));
        }
        live.close().unwrap();
    }
}

/// Wakes a thread.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest of all runtimes.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn a_session_that_reads_answers_while_it_reads_and_its_epoch_can_be_awaited() {
    let image = content(SHAPE, 5, 40);
    let (gate, reached, closed) = gate();
    let source = Arc::new(Gated(MemorySource::of(image.clone(), 3).with_chunk(CHUNK), gate));
    let session = SessionBuilder::of_source(source).spacing(SPACING).workers(2).build().unwrap();
    session.look(false).unwrap();
    let running = session.begin();
    reached.recv().unwrap();
    session.refresh(ChunkId::at([0, 0, 0])).unwrap();
    assert!(!running.has_ended() && session.rows().unwrap().is_empty());
    drop(closed);
    let epoch = block_on(running).unwrap();
    assert_eq!(epoch.read, 12);
    assert_eq!(session.rows().unwrap(), scratch(image, Masks::Nonzero).rows().unwrap());
    // The chunk that was named meanwhile is read by the next epoch.
    assert_eq!(block_on(session.begin()).unwrap().read, 1);
}

#[test]
fn edits_of_a_hosted_session_do_not_wait_for_an_epoch_that_is_held_open() {
    for depth in [[0; 3], [0, 0, 1]] {
        let grid = Grid::new(Region::of_shape([2, 2, 8]), [2; 3]);
        let (gate, reached, closed) = gate();
        let gate = Arc::new(gate);
        let session = HostedBuilder::new(grid, Dtype::U8).depth(depth).workers(2).start(move |chunks, _| {
            let gate = Arc::clone(&gate);
            chunks.extract(move |padded| {
                gate.pass();
                let Some(Voxels::U8(values)) = &padded.voxels else { return None };
                values.iter().max().map(|&largest| (padded.chunk, largest))
            })
        });
        let session = session.unwrap();
        let [a, b] = [0, 3].map(|x| ChunkId::at([0, 0, x]));
        let values = |value| Voxels::filled(Dtype::U8, [2; 3], value);
        session.insert(a, values(1.0)).unwrap();
        let running = session.begin();
        reached.recv().unwrap();
        session.replace(a, values(2.0)).unwrap();
        session.insert(b, values(3.0)).unwrap();
        let next = session.begin();
        session.retract(b).unwrap();
        assert!(!running.has_ended() && !next.has_ended());
        drop(closed);
        let of = |differences: Vec<((ChunkId, u8), isize)>, chunks: [ChunkId; 2]| {
            let own = differences.into_iter().filter(|((chunk, _), _)| chunks.contains(chunk));
            own.map(|((_, value), diff)| (value, diff)).collect::<Vec<_>>()
        };
        assert_eq!(of(running.wait().unwrap(), [a, b]), [(1, 1)]);
        assert_eq!(of(next.wait().unwrap(), [a, b]), [(1, -1), (2, 1), (3, 1)]);
        assert_eq!(of(session.advance().unwrap(), [b, b]), [(3, -1)]);
        session.close().unwrap();
    }
}

#[test]
fn a_session_that_is_dropped_while_epochs_run_ends_them_first() {
    let session = SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(2).build().unwrap();
    let grid = session.grid().unwrap();
    let running: Vec<_> = grid
        .chunks()
        .map(|id| {
            session.insert(id, content(grid.region(id).shape(), 1, 50)).unwrap();
            session.begin()
        })
        .collect();
    drop(session);
    assert!(running.into_iter().all(|running| running.has_ended() && running.wait().is_ok()));
}

#[test]
fn after_a_panic_while_an_epoch_is_conducted_every_call_says_that_the_session_cannot_go_on() {
    let session = SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(2).build().unwrap();
    let id = ChunkId::at([0, 0, 0]);
    session.insert(id, content(CHUNK, 1, 50)).unwrap();
    session.advance().unwrap();
    let rows = session.rows().unwrap();
    let held: EpochHandle<()> = session.conductor.ask(|_| panic!("this test needs a panic"));
    let errors = [
        held.wait().unwrap_err(),
        session.advance().unwrap_err(),
        session.replace(id, content(CHUNK, 2, 50)).unwrap_err(),
        session.retract(id).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("start another session"), "{error}");
    }
    // The last results stay.
    assert_eq!(session.rows().unwrap(), rows);
    assert!(session.close().is_err());
}
