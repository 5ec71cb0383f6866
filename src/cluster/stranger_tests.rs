//! Programs at the ports of a run that do not know its secret: they change nothing, and the run goes on with its members.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::connect::hello;
use super::handshake::{GREETING, Hello, LENGTH, Line, MAGIC, PROTOCOL, challenge_of, greeting, proved, statement};
use super::secret::{CHALLENGE, Challenges, PROOF, Side};
use super::tests::{connect_all, listeners, membership, secret};
use super::{Cluster, Membership, Secret, call_off, connect};
use crate::error::{Error, Kind, Result};

/// Connects a process in a thread of its own.
fn connecting(listener: TcpListener, membership: Membership) -> JoinHandle<Result<Cluster>> {
    std::thread::spawn(move || connect(listener, &membership))
}

/// Two processes, with one that has to wait for the other while something is done to it.
fn while_the_first_waits(meanwhile: impl FnOnce(&[String])) {
    let (mut listeners, addresses) = listeners(2);
    let [first, second] = [0, 1].map(|process| membership(process, &addresses, "1", 60));
    let waiting = connecting(listeners.remove(0), first);
    meanwhile(&addresses);
    assert!(!waiting.is_finished(), "it waits for the other one");
    let second = connect(listeners.remove(0), &second);
    assert!(second.is_ok() && waiting.join().unwrap().is_ok());
}

/// What a process says where it has this secret; what the other one answers, up to the end.
fn say(address: &str, hello: &Hello, secret: &Secret) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    let said = [&PROTOCOL.to_le_bytes()[..], &postcard::to_stdvec(hello).unwrap()].concat();
    let challenges = greet(&mut stream);
    stream.write_all(&statement(&said, Side::Calling, &challenges, secret).unwrap()).unwrap();
    rest(stream)
}

/// Exchanges greetings.
fn greet(stream: &mut TcpStream) -> Challenges {
    let calling = [5; CHALLENGE];
    stream.write_all(&greeting(&calling)).unwrap();
    let mut theirs = [0; GREETING];
    stream.read_exact(&mut theirs).unwrap();
    Challenges { calling, listening: challenge_of(&theirs).unwrap() }
}

/// What comes until the end; no more than a handshake may take.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    let still_open = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!still_open, "the connection is dropped");
    bytes
}

#[test]
fn strangers_are_dropped_and_disturb_nobody() {
    let mut strangers = Vec::new();
    let clusters = connect_all(&["1"; 3], 20, |addresses| {
        for address in addresses {
            let greeted = greeting(&[0; CHALLENGE]);
            let length = [&greeted[..], &u32::MAX.to_le_bytes()].concat();
            let garbage = [&greeted[..], &16u32.to_le_bytes(), &[0xff; 16 + PROOF]].concat();
            let half = [&greeted[..], &(1u32 << 16).to_le_bytes(), &[0; 1000]].concat();
            let parts: [&[u8]; 9] =
                [b"", b"GET / HTTP/1.1\r\n\r\n", b"anab", &MAGIC, &[0xff; 4096], &greeted, &length, &garbage, &half];
            for bytes in parts {
                if let Ok(mut stream) = TcpStream::connect(address) {
                    let _ = stream.write_all(bytes);
                    strangers.push(stream);
                }
            }
        }
    });
    assert!(clusters.iter().all(Result::is_ok), "{clusters:?}");
    assert!(!strangers.is_empty());
    for stranger in strangers {
        let told = rest(stranger);
        assert!(told.is_empty() || (told.len() == GREETING && told.starts_with(&MAGIC)), "{told:?}");
    }
}

#[test]
fn two_hundred_connections_that_say_nothing_and_always_come_again_keep_nobody_out() {
    while_the_first_waits(|addresses| {
        let address = addresses[0].clone();
        let (all, are_there) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut held: Vec<TcpStream> = Vec::new();
            loop {
                held.retain_mut(|stream| {
                    stream.set_nonblocking(true).unwrap();
                    matches!(stream.read(&mut [0; 64]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
                });
                while held.len() < 200 {
                    // They go on until nobody listens any more.
                    let Ok(stream) = TcpStream::connect(&address) else { return };
                    held.push(stream);
                }
                let _ = all.send(());
            }
        });
        are_there.recv().unwrap();
    });
}

#[test]
fn a_member_with_another_secret_is_refused_and_the_run_waits_for_its_own() {
    while_the_first_waits(|addresses| {
        let [own, elsewhere] = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let theirs = [addresses[0].clone(), elsewhere.local_addr().unwrap().to_string()];
        for secret in [Secret::random().unwrap(), Secret::none()] {
            let other = Membership { secret, ..membership(1, &theirs, "1", 1) };
            let error = connect(own.try_clone().unwrap(), &other).unwrap_err();
            assert_eq!(error.kind(), Kind::Peer);
            assert!(error.to_string().contains("did not know the secret of this run was refused"), "{error}");
            // Nor does it end the run with an error of its own, or with other parameters.
            let text = Error::data("BE AFRAID");
            call_off(None, &other, &text, Duration::from_millis(300));
            let different = Membership { parameters: Vec::new(), ..other };
            assert!(say(&addresses[0], &hello(&different), &different.secret).is_empty());
        }
        // Another version of the protocol is as unknown.
        let mut stream = TcpStream::connect(&addresses[0]).unwrap();
        let challenges = greet(&mut stream);
        let said = statement(&7u32.to_le_bytes(), Side::Calling, &challenges, &Secret::random().unwrap()).unwrap();
        stream.write_all(&said).unwrap();
        assert!(rest(stream).is_empty());
    });
}

/// What both ends have said on a connection.
type Said = Arc<Mutex<[Vec<u8>; 2]>>;

/// Passes on what comes, and keeps it.
fn keep(mut from: TcpStream, mut to: TcpStream, said: &Said, end: usize) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        said.lock().unwrap()[end].extend(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// All handshakes of the second process with the first one, overheard.
fn overheard() -> Vec<[Vec<u8>; 2]> {
    let (mut listeners, addresses) = listeners(2);
    let between = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = [between.local_addr().unwrap().to_string(), addresses[1].clone()];
    let first = connecting(listeners.remove(0), membership(0, &addresses, "1", 60));
    let second = connecting(listeners.remove(0), membership(1, &theirs, "1", 60));
    let mut connections: Vec<Said> = Vec::new();
    for _ in Line::between(0, 1) {
        let (here, _) = between.accept().unwrap();
        let there = TcpStream::connect(&addresses[0]).unwrap();
        let said = Said::default();
        connections.push(Arc::clone(&said));
        let [calling, listening] =
            [(&here, &there), (&there, &here)].map(|(a, b)| [a, b].map(|s| s.try_clone().unwrap()));
        let also = Arc::clone(&said);
        std::thread::spawn(move || {
            let [from, to] = calling;
            keep(from, to, &said, 0);
        });
        std::thread::spawn(move || {
            let [from, to] = listening;
            keep(from, to, &also, 1);
        });
    }
    let clusters = [first, second].map(|process| process.join().unwrap().unwrap());
    let said: Vec<_> = connections.iter().map(|said| said.lock().unwrap().clone()).collect();
    drop(clusters);
    // Every one is whole.
    for [calling, listening] in &said {
        let challenges = Challenges {
            calling: challenge_of(&calling[..GREETING]).unwrap(),
            listening: challenge_of(&listening[..GREETING]).unwrap(),
        };
        for (said, end) in [(calling, Side::Calling), (listening, Side::Listening)] {
            assert!(proved(&said[GREETING + LENGTH..], end, &challenges, &secret()).is_some());
        }
    }
    said
}

#[test]
fn handshakes_that_were_overheard_let_nobody_in() {
    let overheard = overheard();
    while_the_first_waits(|addresses| {
        for [calling, listening] in &overheard {
            for said in [calling, listening] {
                let mut stream = TcpStream::connect(&addresses[0]).unwrap();
                let _ = stream.write_all(said);
                assert_eq!(rest(stream).len(), GREETING, "nothing but a greeting is answered");
            }
        }
    });
}

#[test]
fn a_stranger_at_the_port_of_a_process_is_not_taken_for_it() {
    let overheard = overheard();
    // Somebody else listens where the first process should; it says what the first one has said, and what it is told.
    let impostor = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut addresses = vec![impostor.local_addr().unwrap().to_string()];
    let own = TcpListener::bind("127.0.0.1:0").unwrap();
    addresses.push(own.local_addr().unwrap().to_string());
    let calling = connecting(own, membership(1, &addresses, "1", 2));
    let mut answers = 0;
    impostor.set_nonblocking(true).unwrap();
    while !calling.is_finished() {
        let Ok((mut stream, _)) = impostor.accept() else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        answers += 1;
        let _ = match answers % 3 {
            0 => stream.write_all(&overheard[answers % overheard.len()][1]),
            1 => stream.write_all(b"SSH-2.0-OpenSSH\r\n"),
            _ => {
                // Its own words.
                let mut words = vec![0; 4096];
                let read = stream.read(&mut words).unwrap_or(0);
                let _ = stream.write_all(&words[..read]);
                let read = stream.read(&mut words).unwrap_or(0);
                stream.write_all(&words[..read])
            }
        };
    }
    assert!(answers > 3);
    let error = calling.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Peer);
    assert!(error.to_string().contains("there is no connection with process 0"), "{error}");
}

#[test]
fn another_version_of_the_protocol_is_named_at_both_ends() {
    // One that calls.
    let (mut listeners, addresses) = listeners(2);
    let waiting = connecting(listeners.remove(0), membership(0, &addresses, "1", 20));
    let mut other = TcpStream::connect(&addresses[0]).unwrap();
    let challenges = greet(&mut other);
    other.write_all(&statement(&7u32.to_le_bytes(), Side::Calling, &challenges, &secret()).unwrap()).unwrap();
    let answered = rest(other);
    assert!(proved(&answered[LENGTH..], Side::Listening, &challenges, &secret()).is_some(), "it can tell as well");
    assert_eq!(answered[LENGTH..][..4], PROTOCOL.to_le_bytes());
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Peer);
    let text = error.to_string();
    assert!(text.contains("version 7") && text.contains(&format!("version {PROTOCOL}")), "{text}");
    // One that is called.
    let (listener, calling) = (TcpListener::bind("127.0.0.1:0").unwrap(), listeners.remove(0));
    let addresses = [listener.local_addr().unwrap().to_string(), addresses[1].clone()];
    let waiting = connecting(calling, membership(1, &addresses, "1", 20));
    let (mut other, _) = listener.accept().unwrap();
    let challenges = {
        let Challenges { calling: listening, listening: calling } = greet(&mut other);
        Challenges { calling, listening }
    };
    let mut length = [0; LENGTH];
    other.read_exact(&mut length).unwrap();
    let mut said = vec![0; u32::from_le_bytes(length) as usize + PROOF];
    other.read_exact(&mut said).unwrap();
    assert!(proved(&said, Side::Calling, &challenges, &secret()).is_some());
    other.write_all(&statement(&7u32.to_le_bytes(), Side::Listening, &challenges, &secret()).unwrap()).unwrap();
    let text = waiting.join().unwrap().unwrap_err().to_string();
    assert!(text.contains(&format!("process 0 ({}) speaks version 7", addresses[0])), "{text}");
}

#[test]
fn without_a_secret_processes_run_together_on_loopback_addresses_only() {
    let (listeners, addresses) = listeners(2);
    let open = |process| Membership { secret: Secret::none(), ..membership(process, &addresses, "1", 20) };
    let threads: Vec<_> = listeners.into_iter().zip(0..).map(|(it, process)| connecting(it, open(process))).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap().is_ok()));
    // Whatever the list says, where it listens counts too.
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let error = connect(everywhere, &open(0)).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().starts_with("0.0.0.0 is not an address of the loopback interface"), "{error}");
}
