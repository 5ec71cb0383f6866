//! `anabranch completions` and `anabranch man`: what shells and `man` know of the program, made from its arguments.

use std::fs;

use anabranch::error::{Error, Result};
use anabranch::store::write_failed;
use clap::{Command, CommandFactory};

use crate::arguments::{CompletionsOptions, ManOptions, Program};
use crate::terminal::print_bytes;

/// Prints completions for a shell.
pub(crate) fn completions(options: &CompletionsOptions) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut Program::command(), "anabranch", &mut text);
    print_bytes(&text);
    Ok(())
}

/// Prints the manual page of the program, or writes those of all its commands into a folder.
///
/// # Errors
/// `Io` or `Output` if the folder cannot be written.
pub(crate) fn man(options: &ManOptions) -> Result<()> {
    let program = built();
    let Some(folder) = &options.out else {
        print_bytes(&page(program)?);
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|error| write_failed(&error).at(folder))?;
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    let commands: Vec<Command> = std::iter::once(program.clone()).chain(shown.cloned()).collect();
    for command in commands {
        let place = folder.join(format!("{}.1", command.get_display_name().unwrap_or_else(|| command.get_name())));
        fs::write(&place, page(command)?).map_err(|error| write_failed(&error).at(&place))?;
    }
    Ok(())
}

/// The arguments, with the names of subcommands as they are called: `anabranch-run`.
fn built() -> Command {
    let mut program = Program::command().disable_help_subcommand(true);
    program.build();
    program
}

/// A manual page.
fn page(command: Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut text);
    rendered.map_err(|error| Error::internal("the manual page cannot be made").because(error))?;
    Ok(text)
}
