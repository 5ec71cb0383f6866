//! The processes that the first one starts on its machine.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anabranch::cluster::{Membership, Secret, call_off};
use anabranch::error::{Error, Kind, Result};

/// Time between two checks whether processes have ended.
const PAUSE: Duration = Duration::from_millis(20);
/// How long to try to tell others that a process has ended.
const NOTICE: Duration = Duration::from_secs(2);

/// Processes that this one has started. Those that have not ended when it is dropped are killed.
#[derive(Debug, Default)]
pub(super) struct Children(Arc<Mutex<Vec<Child>>>);

/// The processes of the run, for an interruption.
static ALL: OnceLock<Arc<Mutex<Vec<Child>>>> = OnceLock::new();

impl Children {
    /// Waits until all have ended by themselves, at most this long.
    pub(super) fn wait(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let running = || self.lock().iter_mut().any(|child| matches!(child.try_wait(), Ok(None)));
        while Instant::now() < deadline && running() {
            std::thread::sleep(PAUSE);
        }
    }

    /// Connects this process to all others, by `connect`. If one of them ends before that is done, without a word as after a
    /// kill, tells the others in its name, so that they need not wait for it.
    pub(super) fn while_connecting<T>(&self, membership: &Membership, connect: impl FnOnce() -> T) -> T {
        let (connecting, is_over) = channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while is_over.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    if let Some(process) = self.ended() {
                        let error = Error::new(Kind::Peer, "has ended before it was connected; start the run again");
                        call_off(None, &Membership { process, ..membership.clone() }, &error, NOTICE);
                        return;
                    }
                }
            });
            let connected = connect();
            drop(connecting);
            connected
        })
    }

    /// The first process of those that have ended.
    fn ended(&self) -> Option<usize> {
        let place = self.lock().iter_mut().position(|child| matches!(child.try_wait(), Ok(Some(_))));
        Some(place? + 1)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        end(&self.0);
    }
}

/// Ends all processes that this one has started, if they have not ended.
pub(super) fn end_all() {
    ALL.get().into_iter().for_each(|children| end(children));
}

fn end(children: &Mutex<Vec<Child>>) {
    for child in children.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
        // Also ends a process that is stopped, and does no harm to one that has ended.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Starts all processes but the first. Each reports the port at which it listens, and gets those of all and the secret
/// through a pipe that no other program can read.
pub(super) fn start(
    processes: usize,
    own: String,
    secret: &Secret,
    timeout: Duration,
    children: &Children,
) -> Result<Vec<String>> {
    let _ = ALL.set(Arc::clone(&children.0));
    let failed = |error: std::io::Error| {
        let message = "another process cannot be started; give fewer --processes, or raise the limits of this shell \
                       (ulimit -n, ulimit -u)";
        Error::new(Kind::Io, message).because(error)
    };
    let program = std::env::current_exe().map_err(failed)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (said, saying) = channel();
    for process in 1..processes {
        let (command, rest) = arguments.split_at(end_of_command(&arguments));
        let mut child = Command::new(&program)
            .args(command)
            .args(["--member", &process.to_string()])
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take();
        children.lock().push(child);
        let said = said.clone();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
            let _ = said.send((process, read.is_some().then_some(line)));
        });
    }
    let mut addresses = vec![String::new(); processes];
    addresses[0] = own;
    let deadline = Instant::now() + timeout;
    for _ in 1..processes {
        let late = |_| Error::new(Kind::Peer, "the processes that were started do not answer; try again");
        let left = deadline.saturating_duration_since(Instant::now());
        let (process, line) = saying.recv_timeout(left).map_err(late)?;
        match line.as_deref().map(str::trim) {
            Some(line) if !line.is_empty() => line.clone_into(&mut addresses[process]),
            _ => {
                let status = children.lock()[process - 1].wait().map_err(failed)?;
                let kind = status.code().and_then(|code| u8::try_from(code).ok()).and_then(Kind::of_exit_code);
                let message = format!("process {process} has ended at its start");
                return Err(Error::new(kind.unwrap_or(Kind::Peer), message));
            }
        }
    }
    for child in children.lock().iter_mut() {
        if let Some(mut stdin) = child.stdin.take() {
            // A process that has ended is missed when the others are connected.
            let told = secret.write(&mut stdin);
            let _ = told.and_then(|()| stdin.write_all((addresses.join("\n") + "\n").as_bytes()));
        }
    }
    Ok(addresses)
}

/// How many arguments there are up to the name of the subcommand, which options of all subcommands may precede.
pub(crate) fn end_of_command(arguments: &[OsString]) -> usize {
    let mut place = 0;
    while let Some(argument) = arguments.get(place).map(|argument| argument.to_string_lossy()) {
        place += 1;
        match &*argument {
            "--log-format" | "--status" => place += 1,
            option if option.starts_with('-') => {}
            _ => break,
        }
    }
    place.min(arguments.len())
}

/// Tells the process that has started this one the address at which it listens. Returns the addresses of all processes,
/// and their secret.
pub(super) fn introduce(own: &str, processes: usize) -> Result<(Vec<String>, Secret)> {
    let gone = |error: std::io::Error| Error::new(Kind::Peer, "process 0 has ended").because(error);
    let mut out = std::io::stdout();
    writeln!(out, "{own}").and_then(|()| out.flush()).map_err(gone)?;
    let mut told = std::io::stdin().lock();
    let secret = Secret::read(&mut told).map_err(gone)?;
    let lines: Vec<String> = told.lines().take(processes).collect::<std::io::Result<_>>().map_err(gone)?;
    if lines.len() < processes {
        return Err(Error::new(Kind::Peer, "process 0 has ended before it was connected"));
    }
    Ok((lines, secret))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use anabranch::cluster::connect;

    use super::*;

    #[test]
    fn a_process_that_ends_before_it_is_connected_is_not_waited_for() {
        let children = Children::default();
        // It prints the names of these tests, and ends.
        let program = std::env::current_exe().unwrap();
        children.lock().push(Command::new(program).arg("--list").stdout(Stdio::null()).spawn().unwrap());
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners = [listener(), listener()];
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
        let [own, _silent] = listeners;
        let secret = Secret::random().unwrap();
        let timeout = Duration::from_secs(60);
        let membership = Membership { process: 0, addresses, parameters: Vec::new(), secret, timeout };
        let begun = Instant::now();
        let error = children.while_connecting(&membership, || connect(own, &membership)).unwrap_err();
        assert!(begun.elapsed() < timeout / 2, "{:?}", begun.elapsed());
        assert_eq!(error.kind(), Kind::Peer);
        let text = error.to_string();
        assert!(text.starts_with("process 1") && text.contains("has ended before it was connected"), "{text}");
    }

    #[test]
    fn the_subcommand_is_found_behind_options_of_all_subcommands() {
        let end = |text: &str| end_of_command(&text.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        let calls = ["run a.tif -o b", "--status run run a.tif", "--log-format=json run a.tif", "--status", ""];
        assert_eq!(calls.map(end), [1, 3, 2, 1, 0]);
    }
}
