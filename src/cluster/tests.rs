//! Clusters inside one process: handshakes and ends.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::connect::{connect_as, hello};
use super::handshake::Hello;
use super::{BROKEN, Cluster, Membership, Monitor, Secret, call_off, connect};
use crate::error::{Error, Kind, Result};

/// The secret of these tests.
pub(super) fn secret() -> Secret {
    Secret::new(b"known to these tests only").unwrap()
}

pub(super) fn listeners(count: usize) -> (Vec<TcpListener>, Vec<String>) {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
    (listeners, addresses)
}

pub(super) fn membership(process: usize, addresses: &[String], sigma: &str, seconds: u64) -> Membership {
    let parameters = vec![("--sigma".to_owned(), sigma.to_owned())];
    let timeout = Duration::from_secs(seconds);
    Membership { process, addresses: addresses.to_vec(), parameters, secret: secret(), timeout }
}

/// Connects processes that differ in a parameter, at once.
pub(super) fn connect_all(sigmas: &[&str], seconds: u64, meanwhile: impl FnOnce(&[String])) -> Vec<Result<Cluster>> {
    let (listeners, addresses) = listeners(sigmas.len());
    let mut threads = Vec::new();
    for (process, listener) in listeners.into_iter().enumerate() {
        let own = membership(process, &addresses, sigmas[process], seconds);
        threads.push(std::thread::spawn(move || connect(listener, &own)));
    }
    meanwhile(&addresses);
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Watches all, and gives what each is told of the others' ends.
fn watch_all(clusters: Vec<Result<Cluster>>) -> Vec<(Monitor, Receiver<Error>)> {
    let watch = |cluster: Result<Cluster>| {
        let (lost, told) = channel();
        (cluster.unwrap().watch(move |error| lost.send(error).unwrap()).unwrap(), told)
    };
    clusters.into_iter().map(watch).collect()
}

#[test]
fn all_workers_of_all_processes_run_together() {
    let clusters = connect_all(&["1"; 3], 20, |_| {});
    let run = |cluster: Result<Cluster>| {
        std::thread::spawn(move || {
            let cluster = cluster.unwrap();
            let traffic = cluster.traffic();
            let guards = cluster.execute(2, |worker| (worker.index(), worker.peers())).unwrap();
            let mut seen: Vec<_> = guards.join().into_iter().map(std::result::Result::unwrap).collect();
            seen.sort_unstable();
            (seen, traffic.sent())
        })
    };
    let threads: Vec<_> = clusters.into_iter().map(run).collect();
    for (process, thread) in threads.into_iter().enumerate() {
        let (seen, sent) = thread.join().unwrap();
        assert_eq!(seen, [(2 * process, 6), (2 * process + 1, 6)]);
        // Nothing but the two ends of a stream, which have a header each.
        assert_eq!(sent, 2 * 48);
    }
}

#[test]
fn different_parameters_end_both_and_are_named() {
    for result in connect_all(&["1", "2.5"], 20, |_| {}) {
        let error = result.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Peer);
        let text = error.to_string();
        assert!(text.contains("--sigma") && text.contains("2.5") && text.contains("(127.0.0.1:"), "{text}");
    }
}

#[test]
fn another_version_of_the_program_is_named_at_both_ends() {
    let (listeners, addresses) = listeners(2);
    let versions = ["0.0.1", "99.0.0"];
    let mut threads = Vec::new();
    for (process, listener) in listeners.into_iter().enumerate() {
        let own = membership(process, &addresses, "1", 20);
        let hello = Hello { version: versions[process].to_owned(), ..hello(&own) };
        threads.push(std::thread::spawn(move || connect_as(hello, listener, &own).map(|_| ())));
    }
    let named = [0, 1].map(|process| {
        let other = 1 - process;
        let (here, there, address) = (versions[process], versions[other], &addresses[other]);
        format!("their version: it is {here} here, and {there} for process {other} ({address})")
    });
    let errors: Vec<Error> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap_err()).collect();
    let own = |process: usize| errors[process].to_string().contains(&named[process]);
    for (process, error) in errors.iter().enumerate() {
        assert_eq!(error.kind(), Kind::Peer);
        // One may hear what the other ends with before it has seen the difference itself.
        let other = 1 - process;
        let told = format!("process {other} ({}): ", addresses[other]);
        let text = error.to_string();
        let heard = text.starts_with(&told) && text.contains(&named[other]) && own(other);
        assert!(own(process) || heard, "{text}");
    }
}

#[test]
fn who_does_not_come_is_named_at_the_deadline() {
    let (mut listeners, addresses) = listeners(3);
    drop(listeners.pop());
    let started = Instant::now();
    let mut threads = Vec::new();
    for (process, listener) in listeners.into_iter().enumerate() {
        let own = membership(process, &addresses, "1", 1);
        threads.push(std::thread::spawn(move || connect(listener, &own).map(|_| ())));
    }
    for thread in threads {
        let error = thread.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Peer);
        let text = error.to_string();
        assert!(
            text.contains("process 2 (") && !text.contains("process 1") && text.contains("--connect-timeout"),
            "{text}"
        );
    }
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn all_end_with_the_error_of_one() {
    let watched = watch_all(connect_all(&["1"; 3], 20, |_| {}));
    watched[1].0.fail(&Error::data("holds a NaN: give finite numbers only").at("image.npy"));
    for process in [0, 2] {
        let (monitor, told) = &watched[process];
        let error = told.recv_timeout(Duration::from_secs(4)).unwrap();
        assert_eq!(
            (error.kind(), &error.to_string()[..]),
            (Kind::Data, "image.npy: holds a NaN: give finite numbers only")
        );
        assert_eq!(monitor.wait_for_peers().unwrap_err().to_string(), error.to_string());
        assert!(told.try_recv().is_err(), "told once");
    }
}

#[test]
fn goodbyes_end_well_and_tell_what_was_sent() {
    let watched = watch_all(connect_all(&["1"; 3], 20, |_| {}));
    watched[0].0.say_ready("run");
    let mut threads = Vec::new();
    for (process, (monitor, _)) in watched.iter().enumerate() {
        let monitor = monitor.clone();
        threads.push(std::thread::spawn(move || {
            if process > 0 {
                assert_eq!(monitor.wait_until_ready(0).unwrap(), "run");
            }
            monitor.say_goodbye(10 + process as u64);
            let sent = monitor.wait_for_peers().unwrap();
            monitor.close();
            sent
        }));
    }
    let sent: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(sent, [11 + 12, 10 + 12, 10 + 11]);
    for (monitor, told) in &watched {
        assert!(told.try_recv().is_err() && monitor.cause().is_none());
    }
}

#[test]
fn a_process_that_calls_the_run_off_ends_all_with_its_error() {
    let error = || Error::new(Kind::Missing, "there is no such file").at("image.npy");
    for listens in [true, false] {
        let (listeners, addresses) = listeners(3);
        let started = Instant::now();
        let mut threads = Vec::new();
        for (process, listener) in listeners.into_iter().enumerate() {
            let own = membership(process, &addresses, "1", 60);
            threads.push(std::thread::spawn(move || match process {
                1 => {
                    call_off(listens.then_some(listener), &own, &error(), Duration::from_secs(60));
                    Err(error())
                }
                _ => connect(listener, &own).map(|_| ()),
            }));
        }
        for (process, thread) in threads.into_iter().enumerate() {
            let told = thread.join().unwrap().unwrap_err();
            assert_eq!(told.kind(), Kind::Missing);
            let place = if process == 1 { String::new() } else { format!("process 1 ({}): ", addresses[1]) };
            assert_eq!(told.to_string(), format!("{place}image.npy: there is no such file"));
        }
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn processes_that_all_call_the_run_off_do_not_wait_for_each_other() {
    let (listeners, addresses) = listeners(3);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for (process, listener) in listeners.into_iter().enumerate() {
            let own = membership(process, &addresses, "1", 60);
            let error = Error::new(Kind::Missing, "there is no such file");
            scope.spawn(move || call_off(Some(listener), &own, &error, Duration::from_secs(60)));
        }
    });
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    // Where nobody else is there, for so long and no longer.
    let own = membership(1, &addresses, "1", 60);
    let started = Instant::now();
    call_off(None, &own, &Error::data("is damaged"), Duration::from_millis(200));
    assert!((Duration::from_millis(200)..Duration::from_secs(20)).contains(&started.elapsed()));
}

#[test]
fn a_difference_between_two_ends_a_third_that_comes_later() {
    let (mut listeners, addresses) = listeners(3);
    let late = listeners.pop().unwrap();
    let mut threads = Vec::new();
    for (process, listener) in listeners.into_iter().enumerate() {
        let own = membership(process, &addresses, ["1", "2.5"][process], 60);
        threads.push(std::thread::spawn(move || connect(listener, &own).map(|_| ())));
    }
    std::thread::sleep(Duration::from_millis(300));
    let own = membership(2, &addresses, "1", 60);
    let started = Instant::now();
    threads.push(std::thread::spawn(move || connect(late, &own).map(|_| ())));
    for thread in threads {
        let error = thread.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Peer);
        assert!(error.to_string().contains("--sigma") && error.to_string().contains("2.5"), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_panic_is_told_to_all() {
    let watched = watch_all(connect_all(&["1"; 3], 20, |_| {}));
    let own = watched[2].0.panicked("index out of bounds");
    for (_, told) in &watched {
        let error = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!((error.kind(), error.to_string()), (Kind::Internal, own.to_string()));
        assert!(error.to_string().starts_with("process 2 (127.0.0.1:"), "{error}");
    }
}

#[test]
fn a_panic_for_a_broken_connection_has_the_cause_of_that() {
    let mut watched = watch_all(connect_all(&["1"; 2], 20, |_| {}));
    let (other, _) = watched.remove(1);
    other.fail(&Error::data("is damaged").at("image.npy"));
    let (monitor, _) = &watched[0];
    let error = monitor.panicked(&format!("{BROKEN}: reading data: reset by peer"));
    assert_eq!((error.kind(), &error.to_string()[..]), (Kind::Data, "image.npy: is damaged"));
}
