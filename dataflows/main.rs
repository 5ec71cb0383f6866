//! The program: complete dataflows from source to sink, one file a subcommand.

mod arguments;
mod apart;
mod processes;
mod opening;
#[cfg(feature = "mosaic")]
mod gains;
mod parsing;
mod analysis;
mod epochs;
mod info;
mod manual;
mod objects;
mod run;
mod watch;
mod live;
mod batch;
mod compare;
mod export;
mod report;
mod fuse;
mod phantom;
mod sholl;
#[cfg(feature = "mosaic")]
mod tiles;
mod demo;
mod interrupt;
mod exhausted;
mod freed;
mod panics;
mod sizes;
mod status;
mod terminal;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use anabranch::error::Result;
use anabranch::text::{line, masked};

use crate::arguments::{LogFormat, WatchOptions};
use crate::terminal::{events, log};

/// Characters of a line on standard error at most.
const LONGEST: usize = 4096;
/// Characters of an argument that is repeated at most.
const LONGEST_ARGUMENT: usize = 512;

/// The command line. The program ends if it cannot be understood.
fn parse() -> arguments::Program {
    arguments::Program::try_parse().unwrap_or_else(|error| {
        let rendered = error.render().to_string();
        let arguments: Vec<String> =
            std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
        let text = shown(&rendered, &arguments);
        if !error.use_stderr() {
            std::process::exit(print_help(&error));
        }
        if text == rendered {
            error.exit();
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
        std::process::exit(error.exit_code());
    })
}

/// Prints the help or the version that was asked for. Returns the exit code.
fn print_help(help: &clap::Error) -> i32 {
    match terminal::of_printing(help.print().and_then(|()| std::io::stdout().flush())) {
        Ok(()) => help.exit_code(),
        Err(error) => {
            terminal::print_error(&error);
            i32::from(error.kind().exit_code())
        }
    }
}

/// The message about arguments that cannot be understood, fit to be shown: arguments are repeated without the secrets
/// of addresses, each on one line and of a limited length, and nothing moves the cursor of a terminal.
fn shown(text: &str, arguments: &[String]) -> String {
    let mut text = text.to_owned();
    for argument in arguments {
        let value = argument.split_once('=').map(|(_, value)| value);
        for part in [Some(&**argument), value].into_iter().flatten() {
            let harmless = line(&masked(part), LONGEST_ARGUMENT);
            if harmless != part {
                text = text.replace(part, &harmless);
            }
        }
    }
    text.split('\n').map(|words| line(words, LONGEST)).collect::<Vec<_>>().join("\n")
}

/// Prints the error, if there is one, and returns the exit code.
fn end(result: &Result<()>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            processes::speak(error);
            error.kind().exit_code()
        }
    }
}

fn main() -> ExitCode {
    panics::end_program();
    anabranch::memory::return_freed_with(freed::give_back);
    let arguments::Program { command, messages } = parse();
    // What a process of a batch prints is read by the one that has started it.
    let is_of_batch = matches!(&command, arguments::Command::Batch(batch) if batch.of_all.each.is_some());
    log::set_format(if is_of_batch { LogFormat::Text } else { messages.log_format });
    let result = events::show_asked()
        .and_then(|()| exhausted::prepare())
        .and_then(|()| begin_status(&command, messages.status.as_deref()))
        .and_then(|()| interrupt::Interrupt::install())
        .and_then(|()| carry_out(command))
        // What was put in place stays where its summary cannot be printed.
        .and_then(|()| terminal::all_printed());
    // An interruption just now ends the program here.
    interrupt::finish();
    let code = end(&result);
    status::end(&result);
    ExitCode::from(code)
}

/// Begins to keep the status in the file that is asked for. Of several processes the first one does.
fn begin_status(command: &arguments::Command, file: Option<&Path>) -> Result<()> {
    use arguments::Command::{Batch, Run, Watch};
    let is_first = match command {
        Run(run) | Watch(WatchOptions { run, .. }) => run.member.or(run.process).unwrap_or(0) == 0,
        Batch(batch) => batch.of_all.each.is_none(),
        _ => true,
    };
    match file.filter(|_| is_first) {
        Some(file) => status::begin(file, command.name()),
        None => Ok(()),
    }
}

fn carry_out(command: arguments::Command) -> Result<()> {
    match command {
        arguments::Command::Info(options) => info::info(&options),
        arguments::Command::Run(options) => run::run(&options),
        arguments::Command::Objects(options) => objects::objects(&options),
        arguments::Command::Watch(options) => watch::watch(&options),
        arguments::Command::Batch(options) => batch::batch(&options),
        arguments::Command::Compare(options) => compare::compare(&options),
        arguments::Command::Export(options) => export::export(&options),
        arguments::Command::Report(options) => report::report(&options),
        arguments::Command::Fuse(options) => fuse::fuse(&options),
        arguments::Command::Sholl(options) => sholl::sholl(&options),
        arguments::Command::Phantom(options) => phantom::phantom(&options),
        #[cfg(feature = "mosaic")]
        arguments::Command::Tiles(options) => tiles::tiles(&options),
        arguments::Command::Demo(options) => demo::demo(&options),
        arguments::Command::Completions(options) => manual::completions(&options),
        arguments::Command::Man(options) => manual::man(&options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_not_understood_are_repeated_on_one_line_of_a_length() {
        let long = "a".repeat(100_000);
        for argument in ["a\nb", "\t", "\x1b[2J\x07", "--\x1b[2J", "--sigma=\r\n", "\u{202e}txt", &long, ""] {
            let arguments = ["run".to_owned(), argument.to_owned(), "x.tif".to_owned()];
            let said = format!("error: unexpected argument '{argument}' found\n\nUsage: anabranch run\n");
            let shown = shown(&said, &arguments);
            assert_eq!(shown.lines().count(), 3, "{argument:?}: {shown}");
            assert!(shown.lines().all(|line| line.len() < 600 && !line.contains(char::is_control)), "{argument:?}");
        }
        let said = "error: invalid value 'https://u:p@host/' for '--channel <C>'\n";
        let shown = shown(said, &["--channel=https://u:p@host/".to_owned()]);
        assert_eq!(shown, "error: invalid value 'https://***@host/' for '--channel <C>'\n");
    }
}
