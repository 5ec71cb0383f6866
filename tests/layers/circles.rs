//! Files of the library and the program use each other in one direction, inside folders too: no circles of `use` lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::sources::{code, files};

/// Circles that are still there, each by its files. This list gets shorter, never longer.
const KNOWN: &[&[&str]] = &[
    &["exhausted", "interrupt", "processes"],
    &["session", "session::following", "session::inner", "session::keeping", "session::otsu"],
    &["session::pipelines", "session::reading", "session::records", "session::worker"],
    &["store::mosaic", "store::mosaic::camera_images", "store::mosaic::marking"],
    &["store::mosaic::layouts", "store::mosaic::pixel_size", "store::mosaic::tile_table"],
    &[
        "store::remote",
        "store::zarr",
        "store::zarr::archive",
        "store::zarr::blocks",
        "store::zarr::codec",
        "store::zarr::folder",
        "store::zarr::form",
        "store::zarr::metadata",
        "store::zarr::shard",
    ],
    &["store::tiff::blocks", "store::tiff::codec", "store::tiff::form", "store::tiff::page", "store::tiff::picture"],
];

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

/// The modules that a module's own imports name. What it only passes on, by `pub use`, does not count, nor its root.
fn used(module: &str, code: &str, all: &BTreeMap<String, String>) -> BTreeSet<String> {
    let own: Vec<&str> = module.split("::").collect();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].trim_end();
        let begins = before.is_empty() || before.ends_with([';', '}', '{', ']']);
        let mut paths = Vec::new();
        if begins {
            leaves(code[at + 4..].split(';').next().unwrap_or_default(), "", &mut paths);
        }
        for path in paths {
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
fn files_use_each_other_in_no_other_circles_than_those_that_are_known() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for folder in ["src", "dataflows"] {
        found.extend(circles(&modules(&root.join(folder))));
    }
    let known: BTreeSet<Vec<String>> =
        KNOWN.iter().map(|circle| circle.iter().map(|module| (*module).to_owned()).collect()).collect();
    assert_eq!(found, known, "circles of files: what is found, and what is known");
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let text = [
        ("a", "use crate::{b::{c::X, d}, e};"),
        ("b", ""),
        ("b::c", "use super::super::a::Y as Z;"),
        ("e", "pub use self::f::G; use super::b;"),
    ];
    let all = text.into_iter().map(|(name, code)| (name.to_owned(), code.to_owned())).collect();
    assert_eq!(circles(&all), BTreeSet::from([vec!["a".to_owned(), "b::c".to_owned()]]));
}
