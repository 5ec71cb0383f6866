//! The help agrees with what is understood.

use clap::{Command, CommandFactory, Parser};

use super::Program;

fn commands() -> Vec<Command> {
    let mut program = Program::command();
    program.build();
    let subcommands = program.get_subcommands().filter(|command| command.get_name() != "help").cloned();
    std::iter::once(program.clone()).chain(subcommands).collect()
}

#[test]
fn every_example_in_the_help_is_understood() {
    for command in commands() {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with("anabranch ")).collect();
        assert!(!examples.is_empty(), "{} has no examples", command.get_name());
        for example in examples {
            // Explanations stand further to the right; what follows > and | is the shell's.
            let call = example.split("  ").next().unwrap_or_default();
            let call = call.split(['>', '|']).next().unwrap_or_default();
            if let Err(error) = Program::try_parse_from(call.split_whitespace()) {
                assert!(!error.use_stderr(), "{example}: {error}");
            }
        }
    }
}

#[test]
fn every_option_stands_in_a_group_with_a_short_sentence() {
    const PLAIN: [&str; 2] = ["phantom", "demo"];
    for command in commands() {
        let name = command.get_name();
        for option in command.get_arguments().filter(|option| !option.is_positional() && !option.is_hide_set()) {
            let id = option.get_id().as_str();
            let help = option.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty() && help.chars().count() <= 110, "{name} --{id}: {help}");
            if !["help", "version"].contains(&id) && !PLAIN.contains(&name) {
                assert!(option.get_help_heading().is_some(), "{name} --{id} stands in no group");
            }
        }
    }
}

#[test]
fn o_is_short_for_out_everywhere() {
    for command in commands() {
        for option in command.get_arguments().filter(|option| option.get_id() == "out" && !option.is_positional()) {
            assert_eq!(option.get_short(), Some('o'), "{}", command.get_name());
        }
    }
}
