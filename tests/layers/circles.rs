//! Files of the library and the program use each other in one direction, inside folders too: no circles of the paths that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::sources::{code, files};

/// The code of every file below a folder, by the path of its module; without tests.
fn modules(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in files(folder) {
        let inside = path.strip_prefix(folder).expect("the file lies in the folder").with_extension("");
        let names = inside.iter().map(|name| name.to_string_lossy().into_owned());
        let module: Vec<String> = names.filter(|name| !["lib", "main", "mod"].contains(&name.as_str())).collect();
        if module.iter().any(|name| name == "tests" || name.ends_with("_tests")) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("sources are text");
        let without_tests = text.split("\nmod tests {").next().unwrap_or_default();
        found.insert(module.join("::"), code(without_tests).collect::<Vec<_>>().join(" "));
    }
    found
}

/// The paths that a tree of imports names.
fn leaves(tree: &str, before: &str, found: &mut Vec<String>) {
    let joined = |part: &str| if before.is_empty() { part.to_owned() } else { format!("{before}::{part}") };
    let tree = tree.trim();
    let Some((start, group)) = tree.split_once('{') else {
        return found.push(joined(tree.split(" as ").next().unwrap_or_default().trim()));
    };
    let before = joined(start.trim().trim_end_matches("::"));
    let before = before.trim_end_matches("::");
    let (mut depth, mut from) = (0, 0);
    let group = group.strip_suffix('}').unwrap_or(group);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[from..at].trim().is_empty() {
                    leaves(&group[from..at], before, found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths that a module names: in its own imports, and in its code where they begin with `crate` or `super`. What it
/// only passes on, by `pub use`, does not count.
fn paths(code: &str) -> Vec<String> {
    let (mut paths, mut end) = (Vec::new(), 0);
    let mut body = String::new();
    for (at, _) in code.match_indices("use ") {
        let before = &code[..at];
        if at < end || before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        body.push_str(&code[end..at]);
        end = code[at..].find(';').map_or(code.len(), |length| at + length);
        let before = before.trim_end();
        if before.is_empty() || before.ends_with([';', '}', '{', ']']) {
            leaves(&code[at + 4..end], "", &mut paths);
        }
    }
    body.push_str(&code[end..]);
    let words = body.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let named = words.filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    paths.extend(named.map(|word| word.trim_end_matches(':').to_owned()));
    paths
}

/// The modules that a module uses.
fn used(module: &str, code: &str, all: &BTreeMap<String, String>) -> BTreeSet<String> {
    let own: Vec<&str> = module.split("::").collect();
    let mut found = BTreeSet::new();
    for path in paths(code) {
        let parts: Vec<&str> = path.split("::").collect();
        let ups = parts.iter().take_while(|part| **part == "super").count();
        let whole: Vec<&str> = match parts[0] {
            "crate" => parts[1..].to_vec(),
            "super" => [&own[..own.len().saturating_sub(ups)], &parts[ups..]].concat(),
            "self" => [&own[..], &parts[1..]].concat(),
            _ => continue,
        };
        let prefixes = (1..=whole.len()).rev().map(|length| whole[..length].join("::"));
        found.extend(prefixes.into_iter().find(|prefix| all.contains_key(prefix)).filter(|it| it != module));
    }
    found
}

/// All modules that lead to themselves, with those that are on the same way round.
fn circles(all: &BTreeMap<String, String>) -> BTreeSet<Vec<String>> {
    let uses: BTreeMap<&String, BTreeSet<String>> =
        all.iter().map(|(name, code)| (name, used(name, code, all))).collect();
    let reached = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            next.extend(uses[&module].iter().filter(|other| seen.insert((*other).clone())).cloned());
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = all.keys().map(|module| (module, reached(module))).collect();
    let in_circles = all.keys().filter(|module| reached[module].contains(*module));
    in_circles
        .map(|module| all.keys().filter(|other| reached[module].contains(*other) && reached[other].contains(module)))
        .map(|circle| circle.cloned().collect())
        .collect()
}

#[test]
fn files_use_each_other_in_no_circles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "dataflows"] {
        assert_eq!(circles(&modules(&root.join(folder))), BTreeSet::new(), "circles of files in {folder}");
    }
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let text = [
        ("a", "use crate::{b::{c::X, d}, e};"),
        ("b", ""),
        ("b::c", "use super::super::a::Y as Z;"),
        ("e", "pub use self::f::G; use super::b;"),
        ("g", "fn reused() -> usize { crate::h::LENGTH }"),
        ("h", "const LENGTH: usize = 1; fn all() { super::g::reused(); }"),
    ];
    let all = text.into_iter().map(|(name, code)| (name.to_owned(), code.to_owned())).collect();
    assert_eq!(
        circles(&all),
        BTreeSet::from([["a", "b::c"], ["g", "h"]].map(|circle| circle.map(str::to_owned).to_vec()))
    );
}
