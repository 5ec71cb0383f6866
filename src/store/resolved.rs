//! Resolves paths, whether they exist or not.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Largest number of links that are followed, as in operating systems.
const LINKS: usize = 40;

/// A path without links and relative parts: the path that a file or a folder created there would have. A part that does
/// not exist yet counts as a folder, and a dangling link leads to its target.
pub fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut to_do: Vec<OsString> = parts(&path);
    let mut place = PathBuf::new();
    let mut links = 0;
    while let Some(part) = to_do.pop() {
        if part == ".." {
            place.pop();
            continue;
        }
        place.push(&part);
        let Ok(target) = place.read_link() else { continue };
        links += 1;
        if links > LINKS {
            continue;
        }
        place.pop();
        to_do.extend(parts(&target));
    }
    place
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    path.components().rev().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_leads_where_a_file_would_be_made() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().canonicalize().unwrap();
        let at = |name: &str| real.join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, at(name)).unwrap();
        link("a/b", "link");
        link("a/new", "dangling");
        link("../link", "a/up");
        link("round", "round");
        for (path, leads) in [
            ("a/b", "a/b"),
            ("link/c", "a/b/c"),
            ("link/../c", "a/c"),
            ("none/../a/./b", "a/b"),
            ("none/../link/x", "a/b/x"),
            ("dangling", "a/new"),
            ("dangling/x/../y", "a/new/y"),
            ("a/up/x", "a/b/x"),
        ] {
            assert_eq!(resolved(&at(path)), at(leads), "{path}");
        }
        // It ends with a path.
        assert!(resolved(&at("round/x")).starts_with(&real));
        assert_eq!(resolved(&PathBuf::from("/..")), PathBuf::from("/"));
    }
}
