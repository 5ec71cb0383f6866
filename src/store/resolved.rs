//! Where a path leads, whether or not anything is there yet.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Links that are followed at most, as operating systems do it.
const LINKS: usize = 40;

/// A path without links and relative parts: where a file or a folder would be that was made there. A part that does not
/// exist yet is taken for a folder, and a link to something that is missing leads there.
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
        // It ends, and leads somewhere.
        assert!(resolved(&at("round/x")).starts_with(&real));
        assert_eq!(resolved(&PathBuf::from("/..")), PathBuf::from("/"));
    }
}
