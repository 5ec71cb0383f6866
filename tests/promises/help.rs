//! Promise: the help is short with -h, complete with --help, in groups, and wrapped; shells and `man` know it too.

use crate::support::{anabranch, succeed};

#[test]
fn options_of_a_run_are_in_groups_in_the_order_of_the_work() {
    for flag in ["-h", "--help"] {
        let help = succeed(&["run", flag]).stdout;
        let groups =
            ["Input:", "Foreground:", "Analysis:", "Output:", "Resources:", "Incremental:", "Processes:", "Examples:"];
        let places: Vec<_> = groups.iter().map(|group| help.find(&format!("\n{group}\n")).expect(group)).collect();
        assert!(places.is_sorted(), "{flag}: {places:?}");
    }
}

#[test]
fn the_short_help_is_a_part_of_the_long_one_and_both_are_wrapped() {
    for command in ["run", "watch", "fuse", "objects", "export", "sholl", "tiles", "phantom", "info"] {
        let [short, long] = ["-h", "--help"].map(|flag| succeed(&[command, flag]).stdout);
        assert!(short.len() < long.len(), "{command}");
        let narrow = |text: &str| {
            text.lines().filter(|line| !line.contains("anabranch ")).all(|line| line.chars().count() <= 100)
        };
        assert!(narrow(&short) && narrow(&long), "{command} --help is wider than 100 characters");
    }
    assert!(succeed(&["run", "-h"]).stdout.lines().count() < 130);
}

#[test]
fn completions_know_the_subcommands_and_their_options() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeed(&["completions", shell]).stdout;
        for word in ["run", "watch", "threshold", "picture-size"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    assert_eq!(anabranch(["completions", "tcsh"]).code, 2);
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let page = succeed(&["man"]).stdout;
    assert!(page.contains(".TH anabranch 1") && page.contains("anabranch\\-run(1)"), "{page}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("man1");
    succeed(&["man", "-o", out.to_str().expect("UTF-8")]);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
    assert_eq!(read("anabranch.1"), page);
    let run = read("anabranch-run.1");
    assert!(run.contains(".TH anabranch-run 1") && run.contains("\\-\\-threshold"), "{run}");
    assert!(!run.contains("\\-\\-member"), "what is hidden is shown");
}
