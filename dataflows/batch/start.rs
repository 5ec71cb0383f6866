//! Starting the process for one image of a batch.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use anabranch::error::Kind;

use super::Failure;
use crate::processes::end_of_command;
use crate::terminal::print_warning;

/// The start of the line in which a process says why it fails.
const FAILED: &str = "anabranch: ";

/// Runs the process for an image with the arguments of this one, and prints its warnings with the name of the image.
pub(super) fn run(number: usize, at_once: usize, name: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure {
        kind: Kind::Io,
        sentence: format!(
            "its process cannot be started; give fewer --jobs, or raise the limits of this shell ({error})"
        ),
    };
    let program = std::env::current_exe().map_err(failed)?;
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let (command, rest) = arguments.split_at(end_of_command(&arguments));
    let mut child = Command::new(program)
        .args(command)
        .args(["--each", &number.to_string(), "--at-once", &at_once.to_string()])
        .args(rest)
        // It ends when this pipe is closed.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let said = child.stderr.take().and_then(|stderr| pass_on(stderr, name));
    let status = wait(&mut child).map_err(failed)?;
    if status == Some(0) {
        return Ok(());
    }
    let kind = status.and_then(|code| u8::try_from(code).ok()).and_then(Kind::of_exit_code);
    let ended = || match status {
        Some(code) => format!("its process has ended with code {code}"),
        None => "its process was killed; it may need more memory than there is: give fewer --jobs".to_owned(),
    };
    Err(Failure { kind: kind.unwrap_or(Kind::Internal), sentence: said.unwrap_or_else(ended) })
}

/// Waits for the end of a process; its standard input stays open until then. Returns its exit code.
fn wait(child: &mut Child) -> std::io::Result<Option<i32>> {
    let open = child.stdin.take();
    let status = child.wait();
    drop(open);
    Ok(status?.code())
}

/// Prints the warnings of a process. Returns the last error that it says.
fn pass_on(stderr: ChildStderr, name: &str) -> Option<String> {
    let mut error = None;
    for line in BufReader::new(stderr).split(b'\n').map_while(std::result::Result::ok) {
        let line = String::from_utf8_lossy(&line);
        match (line.strip_prefix(FAILED), line.strip_prefix("warning: ")) {
            (Some(sentence), _) => error = Some(sentence.to_owned()),
            (None, Some(warning)) => print_warning(&format!("{name}: {warning}")),
            (None, None) if !line.trim().is_empty() => print_warning(&format!("{name}: {}", line.trim())),
            (None, None) => {}
        }
    }
    error
}
