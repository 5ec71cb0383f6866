//! Clusters inside one process: handshakes, strangers, and ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{Cluster, Membership, Monitor, connect};
use crate::error::{Error, Kind, Result};

fn listeners(count: usize) -> (Vec<TcpListener>, Vec<String>) {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
    (listeners, addresses)
}

fn membership(process: usize, addresses: &[String], sigma: &str, seconds: u64) -> Membership {
    let parameters = vec![("--sigma".to_owned(), sigma.to_owned())];
    let timeout = Duration::from_secs(seconds);
    Membership { process, addresses: addresses.to_vec(), parameters, timeout }
}

/// Connects processes that differ in a parameter, at once.
fn connect_all(sigmas: &[&str], seconds: u64, meanwhile: impl FnOnce(&[String])) -> Vec<Result<Cluster>> {
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
            let (guards, traffic) = cluster.unwrap().execute(2, |worker| (worker.index(), worker.peers())).unwrap();
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
fn strangers_are_dropped_and_disturb_nobody() {
    let mut strangers = Vec::new();
    let clusters = connect_all(&["1"; 3], 20, |addresses| {
        for address in addresses {
            let halves: [&[u8]; 5] = [b"", b"GET / HTTP/1.1\r\n\r\n", b"anab", b"anabranc\x01\0\0\0", &[0xff; 4096]];
            let length = [&b"anabranc\x01\0\0\0"[..], &u32::MAX.to_le_bytes()].concat();
            let garbage = [&b"anabranc\x01\0\0\0\x10\0\0\0"[..], &[0xff; 16]].concat();
            for bytes in halves.into_iter().chain([&length[..], &garbage]) {
                if let Ok(mut stream) = TcpStream::connect(address) {
                    let _ = stream.write_all(bytes);
                    strangers.push(stream);
                }
            }
        }
    });
    assert!(clusters.iter().all(Result::is_ok), "{clusters:?}");
    assert!(!strangers.is_empty());
    for stranger in &mut strangers {
        stranger.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The end, or a connection that was reset; not a byte, and no waiting.
        let read = stranger.read(&mut [0; 64]);
        assert!(!matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "{read:?}");
        assert_eq!(read.unwrap_or(0), 0);
    }
}

#[test]
fn another_version_of_the_protocol_is_named() {
    let (mut listeners, addresses) = listeners(2);
    let (own, address) = (membership(0, &addresses, "1", 20), addresses[0].clone());
    let listener = listeners.remove(0);
    let thread = std::thread::spawn(move || connect(listener, &own).map(|_| ()));
    let mut other = TcpStream::connect(address).unwrap();
    other.write_all(b"anabranc\x07\0\0\0\0\0\0\0").unwrap();
    let error = thread.join().unwrap().unwrap_err().to_string();
    assert!(error.contains("version 7") && error.contains("version 2"), "{error}");
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
    watched[0].0.say_ready();
    let mut threads = Vec::new();
    for (process, (monitor, _)) in watched.iter().enumerate() {
        let monitor = monitor.clone();
        threads.push(std::thread::spawn(move || {
            if process > 0 {
                monitor.wait_until_ready(0).unwrap();
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
