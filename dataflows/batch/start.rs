//! Starting the process for one image of a batch.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use anabranch::error::Kind;

use super::Failure;
use crate::processes::end_of_command;
use crate::terminal::print_warning;

/// The start of the line in which a process says why it fails.
const FAILED: &str = "anabranch: ";

/// Runs the process for an image with the arguments of this one, and prints its warnings with the name of the image.
pub(super) fn run(number: usize, at_once: usize, name: &str) -> Result<(), Failure> {
    let fewer = if at_once > 1 { "give fewer --jobs, or " } else { "" };
    let failed = |error: std::io::Error| Failure {
        kind: Kind::Io,
        sentence: format!("its process cannot be started; {fewer}raise the limits of this shell ({error})"),
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
    if status.success() {
        return Ok(());
    }
    let Failure { kind, sentence } = failure_of(status, at_once);
    Err(Failure { kind, sentence: said.unwrap_or(sentence) })
}

/// What the end of a process means of which nothing else is known. A process that was killed is no defect: the system does
/// that where memory runs out.
fn failure_of(status: ExitStatus, at_once: usize) -> Failure {
    let Some(code) = status.code() else {
        let advice =
            if at_once > 1 { "fewer --jobs, or a smaller --memory" } else { "a smaller --memory, or fewer --workers" };
        return match was_killed(status) {
            true => Failure {
                kind: Kind::Io,
                sentence: format!("its process was killed; it may need more memory than there is: give {advice}"),
            },
            false => {
                Failure { kind: Kind::Internal, sentence: format!("its process has ended in disorder ({status})") }
            }
        };
    };
    let kind = u8::try_from(code).ok().and_then(Kind::of_exit_code);
    Failure { kind: kind.unwrap_or(Kind::Internal), sentence: format!("its process has ended with code {code}") }
}

/// Whether a process was killed from outside, in a way that it could not notice.
#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(signal_hook::consts::SIGKILL)
}

/// Whether a process was killed from outside, in a way that it could not notice.
#[cfg(not(unix))]
fn was_killed(_: ExitStatus) -> bool {
    true
}

/// Waits for the end of a process; its standard input stays open until then.
fn wait(child: &mut Child) -> std::io::Result<ExitStatus> {
    let open = child.stdin.take();
    let status = child.wait();
    drop(open);
    status
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_process_that_was_killed_is_no_defect_and_the_advice_can_be_followed() {
        let told = |wait_status, at_once| {
            let Failure { kind, sentence } = failure_of(ExitStatus::from_raw(wait_status), at_once);
            (kind, sentence)
        };
        let (kind, sentence) = told(9, 1);
        assert!(kind == Kind::Io && sentence.contains("--memory") && !sentence.contains("--jobs"), "{sentence}");
        let (kind, sentence) = told(9, 2);
        assert!(kind == Kind::Io && sentence.contains("fewer --jobs, or a smaller --memory"), "{sentence}");
        // A fault in memory, and an exit code.
        assert_eq!(told(11, 1).0, Kind::Internal);
        assert_eq!(told(65 << 8, 1), (Kind::Data, "its process has ended with code 65".to_owned()));
    }
}
