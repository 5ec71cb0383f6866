//! Names for samples that tell them apart.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use crate::store::address_parts;

/// A name for each path, from the ends of the paths: as many of their parts, joined by `join`, as it takes to tell one from
/// all others, and a number where that does not help. `last` makes a name of the last part. The parts of an address are its
/// host and those of the place there, without what follows a `?`, user names and passwords.
pub fn distinct_names<P: AsRef<Path>>(paths: &[P], join: &str, last: impl Fn(&str) -> String) -> Vec<String> {
    let parts: Vec<Vec<String>> = paths.iter().map(|path| parts(path.as_ref(), &last)).collect();
    let end = |parts: &[String], count: usize| parts[parts.len().saturating_sub(count)..].join(join);
    let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut names: Vec<String> = Vec::new();
    for own in &parts {
        let is_own = |count: &usize| {
            let name = end(own, *count);
            parts.iter().filter(|other| end(other, *count) == name).count() == 1
        };
        names.push(end(own, (1..=longest).find(is_own).unwrap_or(longest)));
    }
    number_equal_ones(&mut names, join);
    names
}

/// Appends numbers to names that come again.
fn number_equal_ones(names: &mut [String], join: &str) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..names.len() {
        let mut name = names[at].clone();
        while seen.contains_key(&name) {
            let count = seen.entry(names[at].clone()).or_insert(1);
            *count += 1;
            name = format!("{}{join}{count}", names[at]);
        }
        seen.insert(name.clone(), 1);
        names[at] = name;
    }
}

fn parts(path: &Path, last: impl Fn(&str) -> String) -> Vec<String> {
    let of_path = || {
        path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            Component::ParentDir => Some("..".to_owned()),
            _ => None,
        })
    };
    let mut parts = address_parts(path).unwrap_or_else(|| of_path().collect());
    match parts.last_mut() {
        Some(name) => *name = last(name),
        None => parts.push("results".to_owned()),
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_short_as_tells_them_apart() {
        let names = |paths: &[&str]| distinct_names(paths, "/", str::to_owned);
        assert_eq!(names(&["a/x", "b/y/", "/"]), ["x", "y", "results"]);
        assert_eq!(names(&["a/x", "b/x", "c"]), ["a/x", "b/x", "c"]);
        assert_eq!(names(&["x", "b/x", "c/b/x"]), ["x", "b/x", "c/b/x"]);
        assert_eq!(names(&["x", "x", "x/2", "x"]), ["x", "x/2", "2", "x/3"]);
    }

    #[test]
    fn names_of_addresses_are_those_of_places_without_secrets() {
        let names = |paths: &[&str]| distinct_names(paths, "-", |name| name.trim_end_matches(".zarr").to_owned());
        assert_eq!(names(&["http://h/a.zarr?token=s/t", "http://u:pw@h/"]), ["a", "h"]);
        assert_eq!(names(&["http://h/x/a.zarr?s", "http://h/y/a.zarr?t", "http://h/b"]), ["x-a", "y-a", "b"]);
        assert_eq!(names(&["http://h/a.zarr?s", "http://h/a.zarr?t", "https://g:80/a"]), ["h-a", "h-a-2", "g-a"]);
    }
}
