//! The program: complete dataflows from source to sink, one file a subcommand.

mod arguments;
mod apart;
mod processes;
mod opening;
#[cfg(feature = "mosaic")]
mod gains;
mod plan;
mod threshold;
mod analysis;
mod changes;
mod warnings;
mod outputs;
mod epochs;
mod info;
mod run;
mod watch;
mod fuse;
mod phantom;
#[cfg(feature = "mosaic")]
mod tiles;
mod demo;
mod interrupt;
mod monitor;
mod follower;
mod terminal;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use anabranch::error::{Kind, Result};
use anabranch::text::{line, masked, masked_words};

/// Characters of a line on standard error at most.
const LONGEST: usize = 4096;

/// A line on standard error, if anybody listens there.
fn say(text: impl Display) {
    let text = line(&masked_words(&text.to_string()), LONGEST);
    let _ = writeln!(std::io::stderr(), "anabranch: {text}");
}

/// The command line; where it cannot be understood the program ends, and what was written there is not repeated with the
/// secrets of its addresses.
fn parse() -> arguments::Program {
    arguments::Program::try_parse().unwrap_or_else(|error| {
        let mut text = error.render().to_string();
        for argument in std::env::args_os().skip(1) {
            let argument = argument.to_string_lossy();
            for part in [Some(&*argument), argument.split_once('=').map(|(_, value)| value)].into_iter().flatten() {
                text = text.replace(part, &masked(part));
            }
        }
        if !error.use_stderr() || text == error.render().to_string() {
            error.exit();
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
        std::process::exit(error.exit_code());
    })
}

/// A worker that panics would leave the others waiting for ever, so a panic anywhere ends the program.
fn end_with_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let tell = || {
            say("internal error, please report it with the lines below");
            report(panic);
        };
        processes::panicked(panic.payload_as_str().unwrap_or_default(), tell);
        tell();
        std::process::exit(i32::from(Kind::Internal.exit_code()));
    }));
}

/// Says what went wrong, if something did, and gives the exit code.
fn end(result: &Result<()>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            if !processes::is_spoken_for() {
                say(error);
            }
            error.kind().exit_code()
        }
    }
}

fn main() -> ExitCode {
    end_with_panics();
    let command = parse().command;
    let result = interrupt::Interrupt::install().and_then(|()| carry_out(command));
    // Where the program is interrupted just now, it ends with that.
    interrupt::finish();
    ExitCode::from(end(&result))
}

fn carry_out(command: arguments::Command) -> Result<()> {
    match command {
        arguments::Command::Info(options) => info::info(&options),
        arguments::Command::Run(options) => run::run(&options),
        arguments::Command::Watch(options) => watch::watch(&options),
        arguments::Command::Fuse(options) => fuse::fuse(&options),
        arguments::Command::Phantom(options) => phantom::phantom(&options),
        #[cfg(feature = "mosaic")]
        arguments::Command::Tiles(options) => tiles::tiles(&options),
        arguments::Command::Demo(options) => demo::demo(&options),
    }
}
