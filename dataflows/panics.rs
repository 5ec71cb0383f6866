//! What the program does when a thread panics: it ends, with a sentence if the panic stands for an error.

use std::time::Duration;

use anabranch::error::{Error, Kind};

use crate::terminal::{log, print_error};
use crate::{exhausted, interrupt, processes, status};

/// How long a thread waits when another one is about to end the program.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker that panics would leave the others waiting for ever, so a panic anywhere ends the program.
pub(crate) fn end_program() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if let Some(error) = exhausted::error_of(message) {
            give_up(&error);
        }
        let tell = || {
            if log::is_json() {
                let place = panic.location().map(ToString::to_string).unwrap_or_default();
                return print_error(&Error::internal(format!("internal error, please report it: {message} ({place})")));
            }
            log::write_line("anabranch: internal error, please report it with the lines below");
            report(panic);
        };
        processes::panicked(message, tell);
        tell();
        status::end_at_once("internal error", Kind::Internal.exit_code());
        std::process::exit(i32::from(Kind::Internal.exit_code()));
    }));
}

/// Ends the program with an error that no thread can pass on: tells the other processes of the run, and removes what is
/// staged.
fn give_up(error: &Error) -> ! {
    let code = i32::from(error.kind().exit_code());
    if exhausted::begin_to_end() {
        // Another thread has met a similar error.
        std::thread::sleep(PATIENCE);
        std::process::exit(code);
    }
    if !processes::is_heard() {
        print_error(error);
    }
    status::end_at_once(&error.to_string(), error.kind().exit_code());
    processes::interrupted(error);
    interrupt::clear_all();
    std::process::exit(code);
}
