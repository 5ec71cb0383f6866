//! Promise: docs/options.md has the commands and the options of the program, as its help says.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const PAGE: &str = "docs/options.md";
/// Set to write the page instead of comparing it.
const WRITE: &str = "ANABRANCH_WRITE_OPTIONS";
/// The command whose options others share.
const BASE: &str = "run";

const HEAD: &str = "# Options

This page is made by `tests/promises/options_page.rs` from the program's own help. After a change,
`ANABRANCH_WRITE_OPTIONS=1 cargo test --test promises options_page` writes it anew. Options that a command shares with `run` are
explained there.
";

/// An argument or an option, or a command in the list of commands.
#[derive(Clone, PartialEq)]
struct Item {
    name: String,
    /// Its paragraphs; a value that it can have is one, too.
    text: Vec<String>,
}

/// What the help of a command says.
#[derive(Default)]
struct Help {
    about: Vec<String>,
    usage: String,
    /// Under each heading.
    parts: Vec<(String, Vec<Item>)>,
    /// Text under headings that hold no options, such as examples, as it is printed.
    more: Vec<(String, Vec<String>)>,
}

/// The help that a call prints, without regard to a terminal.
fn help_of(call: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
    let output = command.args(call).env("COLUMNS", "120").stdin(Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{call:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8").replace("anabranch.exe", "anabranch")
}

/// Adds a line of a text to its paragraphs.
fn add(paragraphs: &mut Vec<String>, line: &str, begins: bool) {
    match paragraphs.last_mut() {
        Some(last) if !begins && !line.starts_with("- ") => *last += &format!(" {line}"),
        _ => paragraphs.push(line.to_owned()),
    }
}

fn parse(text: &str) -> Help {
    let mut help = Help::default();
    let mut begins = true;
    for line in text.lines() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if let Some(usage) = line.strip_prefix("Usage: ") {
            help.usage = usage.to_owned();
        } else if indent == 0 && trimmed.ends_with(':') {
            help.parts.push((trimmed.trim_end_matches(':').to_owned(), Vec::new()));
            help.more.push((trimmed.trim_end_matches(':').to_owned(), Vec::new()));
        } else if let (Some((heading, items)), Some((_, lines))) = (help.parts.last_mut(), help.more.last_mut()) {
            let is_item = match heading.as_str() {
                "Commands" => indent == 2 && !trimmed.is_empty(),
                "Examples" => false,
                _ => (2..=6).contains(&indent) && trimmed.starts_with(['-', '<', '[']),
            };
            if is_item {
                let (name, text) = trimmed.split_once("  ").unwrap_or((trimmed, ""));
                let text = text.trim();
                let text = if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
                items.push(Item { name: name.to_owned(), text });
            } else if let (Some(item), false) = (items.last_mut(), trimmed.is_empty()) {
                add(&mut item.text, trimmed, begins);
            } else if items.is_empty() {
                lines.push(line.to_owned());
            }
        } else if !trimmed.is_empty() {
            add(&mut help.about, trimmed, begins);
        }
        begins = trimmed.is_empty();
    }
    help.parts.retain(|(_, items)| !items.is_empty());
    help.more.retain(|(_, lines)| lines.iter().any(|line| !line.trim().is_empty()));
    help
}

/// Text in a cell of a table, or outside of one.
fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// What an option is for, as a cell: its sentences, and the values that it can have.
fn meaning(item: &Item) -> String {
    let mut text = String::new();
    for paragraph in item.text.iter().filter(|paragraph| *paragraph != "Possible values:") {
        match paragraph.strip_prefix("- ").map(|value| value.split_once(':').unwrap_or((value, ""))) {
            Some((value, "")) => text += &format!("<br>{}", code(value)),
            Some((value, meaning)) => text += &format!("<br>{}: {}", code(value), plain(meaning.trim())),
            None if text.is_empty() => text += &plain(paragraph),
            None if paragraph.starts_with('[') && !text.contains("<br>") => text += &format!(" {}", plain(paragraph)),
            None => text += &format!("<br>{}", plain(paragraph)),
        }
    }
    text
}

/// The name of an option alone, without its value.
fn option(item: &Item) -> String {
    let name = item.name.rsplit(", ").next().unwrap_or(&item.name);
    code(name.split([' ', '=', '[']).next().unwrap_or(name))
}

/// Examples and the like, as they are printed.
fn verbatim(heading: &str, lines: &[String]) -> String {
    format!("\n**{heading}**\n\n```text\n{}\n```\n", lines.join("\n").trim_matches('\n'))
}

/// The part of the page on one command; of options that `base` has too, the names alone.
fn section(name: &str, help: &Help, base: Option<&Help>) -> String {
    let mut text = format!("\n## anabranch {name}\n\n");
    for paragraph in &help.about {
        let _ = writeln!(text, "{}\n", plain(paragraph));
    }
    let _ = writeln!(text, "    {}", help.usage);
    let shared: Vec<&Item> = base.iter().flat_map(|base| &base.parts).flat_map(|(_, items)| items).collect();
    let mut same = Vec::new();
    for (heading, items) in &help.parts {
        let (known, own): (Vec<&Item>, Vec<&Item>) = items
            .iter()
            .filter(|item| !item.name.ends_with("--help") && !item.name.ends_with("--version"))
            .partition(|item| shared.contains(item));
        same.extend(known.into_iter().filter(|item| item.name.starts_with('-')).map(option));
        if !own.is_empty() {
            let _ = writeln!(text, "\n**{heading}**\n\n| | |\n|---|---|");
            for item in own {
                let _ = writeln!(text, "| {} | {} |", code(&item.name), meaning(item));
            }
        }
    }
    if !same.is_empty() {
        let _ = writeln!(text, "\nAs in `{BASE}`: {}.", same.join(", "));
    }
    for (heading, lines) in &help.more {
        text += &verbatim(heading, lines);
    }
    text
}

#[test]
fn the_page_of_options_is_the_help_of_the_program() {
    let top = parse(&help_of(&["--help"]));
    let (_, commands) = top.parts.iter().find(|(heading, _)| heading == "Commands").expect("a list of commands");
    let commands: Vec<&Item> = commands.iter().filter(|command| command.name != "help").collect();
    let mut text = format!("{HEAD}\n| command | |\n|---|---|\n");
    for command in &commands {
        let link = format!("[`anabranch {name}`](#anabranch-{name})", name = command.name);
        let _ = writeln!(text, "| {link} | {} |", meaning(command));
    }
    for (heading, lines) in &top.more {
        text += &verbatim(heading, lines);
    }
    let base = parse(&help_of(&[BASE, "--help"]));
    assert!(
        base.parts.iter().map(|(_, items)| items.len()).sum::<usize>() > 30,
        "the help of {BASE} is not understood"
    );
    text += &section(BASE, &base, None);
    for command in commands.iter().filter(|command| command.name != BASE) {
        text += &section(&command.name, &parse(&help_of(&[&command.name, "--help"])), Some(&base));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &text).expect("a writable page");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let different = committed.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        committed == text,
        "{PAGE} is not the help of the program, first in {different:?}; {WRITE}=1 cargo test --test promises \
         options_page writes it anew"
    );
}
