//! Sessions in several processes, which are threads here, against sessions that see the final content only.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use proptest::prelude::*;

use super::state_tests::{Changing, compare};
use super::tests::{EditedImage, MASKS, Masks, SHAPE, SPACING, content};
use super::*;
use crate::chunk::Voxels;
use crate::cluster::{Membership, Monitor, Secret, connect};
use crate::error::{Error, Kind};
use crate::store::Source;

/// One process of a cluster.
struct Seat {
    cluster: Cluster,
    lost: Receiver<Error>,
    monitor: Monitor,
}

fn connected(processes: usize) -> Vec<Seat> {
    let listeners: Vec<TcpListener> = (0..processes).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<String> = listeners.iter().map(|it| it.local_addr().unwrap().to_string()).collect();
    let (timeout, secret) = (Duration::from_secs(30), Secret::random().unwrap());
    let seat = |(process, listener)| {
        let (addresses, parameters, secret) = (addresses.clone(), Vec::new(), secret.clone());
        let membership = Membership { process, addresses, parameters, secret, timeout };
        std::thread::spawn(move || {
            let mut cluster = connect(listener, &membership).unwrap();
            let (sender, lost) = channel();
            let monitor = cluster.watch(move |error| drop(sender.send(error))).unwrap();
            Seat { cluster, lost, monitor }
        })
    };
    let threads: Vec<_> = listeners.into_iter().enumerate().map(seat).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn builder(source: &Arc<Changing>, folder: &Path, masks: Masks, workers: usize) -> SessionBuilder<Follows> {
    let source = Arc::clone(source) as Arc<dyn Source>;
    let again = Arc::clone(&source);
    let builder = SessionBuilder::of_source(source).spacing(SPACING).workers(workers).state(folder);
    masks.apply(builder).reopen(move || Ok(Arc::clone(&again)))
}

/// A session in several processes, and the ends of those that serve it.
struct Shared {
    session: FollowingSession,
    monitor: Monitor,
    others: Vec<(Monitor, JoinHandle<Result<()>>)>,
}

impl Shared {
    /// Starts it; each process has a source of its own.
    fn start(sources: &[Arc<Changing>], folder: &Path, masks: Masks, workers: usize) -> Shared {
        let mut seats = connected(sources.len()).into_iter();
        let first = seats.next().unwrap();
        let others = seats.zip(&sources[1..]).map(|(seat, source)| {
            let shared = builder(source, folder, masks, workers).among(seat.cluster, seat.lost);
            (seat.monitor, std::thread::spawn(move || shared.serve()))
        });
        let others = others.collect();
        let shared = builder(&sources[0], folder, masks, workers).among(first.cluster, first.lost);
        Shared { session: shared.build().unwrap(), monitor: first.monitor, others }
    }

    fn close(self) {
        self.session.close().unwrap();
        for (monitor, other) in self.others {
            other.join().unwrap().unwrap();
            monitor.say_goodbye(0);
        }
        self.monitor.say_goodbye(0);
    }
}

fn sources(image: &Voxels, processes: usize) -> Vec<Arc<Changing>> {
    (0..processes).map(|_| Changing::new(image.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 50, ..ProptestConfig::with_cases(10) })]

    #[test]
    fn any_number_of_processes_goes_on_from_the_state_of_any_other_number(
        runs in prop::collection::vec((
            (1usize..4, 1usize..3),
            prop::collection::vec(prop::collection::vec((0usize..12, any::<u64>(), 0u64..90), 0..4), 1..3),
        ), 2..4),
        masks in 0..MASKS.len(),
    ) {
        let masks = MASKS[masks];
        let folder = tempfile::tempdir().unwrap();
        let mut image = EditedImage::new();
        for ((processes, workers), epochs) in runs {
            let sources = sources(&image.whole(), processes);
            let shared = Shared::start(&sources, folder.path(), masks, workers);
            for edits in epochs {
                image.edit(edits);
                sources.iter().for_each(|source| source.change(image.whole()));
                shared.session.look(true).unwrap();
                let epoch = shared.session.advance().unwrap();
                prop_assert_eq!(epoch.bytes_between_processes > 0, processes > 1);
                compare(&shared.session, &image.whole(), masks);
            }
            prop_assert_eq!(shared.session.warnings().unwrap(), Vec::<String>::new());
            shared.close();
        }
    }
}

#[test]
fn a_chunk_that_one_process_cannot_read_leaves_results_as_they_are_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let before = content(SHAPE, 5, 40);
    for masks in [Masks::Nonzero, Masks::SmoothedOtsu] {
        let sources = sources(&before, 3);
        let shared = Shared::start(&sources, &folder.path().join(format!("{masks:?}")), masks, 2);
        shared.session.look(false).unwrap();
        shared.session.advance().unwrap();
        let now = content(SHAPE, 6, 40);
        sources.iter().for_each(|source| source.change(now.clone()));
        let grid = shared.session.grid().unwrap();
        let broken = grid.chunks().last().unwrap();
        sources.iter().for_each(|source| source.spoil(Some(grid.region(broken).min)));
        for _ in 0..2 {
            shared.session.look(false).unwrap();
            let error = shared.session.advance().unwrap_err();
            assert_eq!((error.kind(), error.chunk()), (Kind::Data, Some(broken)));
            assert_eq!(shared.session.rows().unwrap(), super::tests::scratch(before.clone(), masks).rows().unwrap());
        }
        sources.iter().for_each(|source| source.spoil(None));
        shared.session.advance().unwrap();
        compare(&shared.session, &now, masks);
        shared.close();
    }
}

#[test]
fn a_process_that_is_lost_ends_the_session_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(&content(SHAPE, 5, 40), 3);
    let shared = Shared::start(&sources, folder.path(), Masks::Nonzero, 1);
    shared.session.look(false).unwrap();
    shared.session.advance().unwrap();
    let reason = Error::new(Kind::Io, "the disk of that process is full");
    shared.others[1].0.fail(&reason);
    let error = loop {
        // The news takes its time.
        match shared.session.look(false).and_then(|_| shared.session.advance()) {
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.to_string()), (reason.kind(), reason.to_string()));
    assert_eq!(shared.session.advance().unwrap_err().to_string(), reason.to_string());
    drop(shared.session);
    for (_, other) in shared.others {
        let told = other.join().unwrap().unwrap_err();
        // Whose own monitor told the others is told by the first process alone.
        assert!(told.to_string() == reason.to_string() || told.to_string().contains("given up"), "{told}");
    }
}

#[test]
fn processes_that_do_not_share_the_folder_of_the_state_are_told_so() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = Changing::new(content(SHAPE, 5, 40));
    // What an earlier run has left there.
    builder(&source, elsewhere.path(), Masks::Nonzero, 1).build().unwrap().close().unwrap();
    let mut seats = connected(2);
    let (second, first) = (seats.pop().unwrap(), seats.pop().unwrap());
    let shared = builder(&source, elsewhere.path(), Masks::Nonzero, 1).among(second.cluster, second.lost);
    let other = std::thread::spawn(move || shared.serve().inspect_err(|error| second.monitor.fail(error)));
    let session = builder(&source, folder.path(), Masks::Nonzero, 1).among(first.cluster, first.lost).build();
    let error = session.and_then(|session| session.advance().map(|_| ())).unwrap_err();
    let told = other.join().unwrap().unwrap_err();
    for error in [error, told] {
        assert_eq!(error.kind(), Kind::Output);
        assert!(error.to_string().ends_with("give a folder that all processes share"), "{error}");
    }
}

#[test]
fn a_first_process_that_ends_before_the_others_have_joined_its_state_is_the_reason_they_give() {
    let folder = tempfile::tempdir().unwrap();
    let source = Changing::new(content(SHAPE, 5, 40));
    // Which nobody has open any more.
    builder(&source, folder.path(), Masks::Nonzero, 1).build().unwrap().close().unwrap();
    let mut seats = connected(2);
    let (second, mut first) = (seats.pop().unwrap(), seats.pop().unwrap());
    let shared = builder(&source, folder.path(), Masks::Nonzero, 1).among(second.cluster, second.lost);
    let other = std::thread::spawn(move || shared.serve());
    let links = links::Links::of_first(&mut first.cluster, first.lost).unwrap();
    links.tell(|_| links::Told::Begin(None)).unwrap();
    // Meanwhile the other one finds the state closed.
    std::thread::sleep(Duration::from_millis(200));
    first.monitor.fail(&Error::new(Kind::Peer, "process 0 has ended; start all processes again"));
    let told = other.join().unwrap().unwrap_err();
    assert_eq!((told.kind(), told.to_string().ends_with("start all processes again")), (Kind::Peer, true), "{told}");
}
