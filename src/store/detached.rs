//! Data files beside a header: their paths, and a check that they are as long as the header says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::store::file;
use crate::store::inflate::{Packed, Wrap};
use crate::store::raw::Stored;
use crate::store::raw::bytes::{FileBytes, Joined};

/// No volume has more data files than this.
const MOST_FILES: usize = 100_000;

/// The path of a data file that a header names: relative to the folder of the header. Names from Windows have
/// backslashes.
pub(crate) fn beside(header: &Path, name: &str) -> PathBuf {
    let folder = header.parent().unwrap_or(Path::new(""));
    let path = folder.join(name);
    if path.exists() || !name.contains('\\') {
        return path;
    }
    let turned = folder.join(name.replace('\\', "/"));
    let last = name.rsplit('\\').next().unwrap_or(name);
    if turned.exists() { turned } else { folder.join(last) }
}

/// The bytes of a file that is not compressed.
pub(crate) fn plain(path: &Path) -> Result<Stored> {
    let (file, length) = file::open(path)?;
    Ok(Stored::Plain(Box::new(FileBytes::new(file, path)), length))
}

/// The decompressed bytes of a file that is compressed from `start` on, by gzip or zlib according to its first bytes.
pub(crate) fn packed(path: &Path, start: u64) -> Result<Packed> {
    let (file, end) = file::open(path)?;
    let mut magic = [0; 2];
    if end < start + 2 {
        return Err(Error::data("is cut off: it has no compressed data; copy it again from where it came").at(path));
    }
    file::read_at(&file, start, &mut magic).map_err(|error| file::read_failed(&error).at(path))?;
    let wrap = if magic == [0x1f, 0x8b] { Wrap::Gzip } else { Wrap::Zlib };
    Ok(Packed { file: Arc::new(file), start, end, wrap })
}

/// Several data files one behind the other, which hold `total` bytes together, each the same number.
///
/// # Errors
/// `Data` at the path of a file that is shorter than that; `Missing` if one does not exist.
pub(crate) fn joined(files: &[PathBuf], total: u64, start: Start) -> Result<Stored> {
    let count = files.len() as u64;
    if count == 0 || !total.is_multiple_of(count) {
        let message = format!("has {count} data files, among which its {total} bytes cannot be divided evenly");
        return Err(Error::data(message + "; correct the header"));
    }
    let each = total / count;
    let mut from = None;
    for path in files {
        let (_, length) = file::open(path)?;
        let begin = match start {
            Start::At(begin) => begin,
            Start::Last => length.saturating_sub(each),
        };
        if begin.checked_add(each).is_none_or(|end| length < end) {
            let message = format!("is cut off: {length} bytes cannot hold the {each} that its header expects");
            return Err(Error::data(message + "; copy it again from where it came").at(path));
        }
        if *from.get_or_insert(begin) != begin {
            return Err(
                Error::data("has a header of another length than the first data file; give files of one form").at(path)
            );
        }
    }
    Ok(Stored::Plain(Box::new(Joined::new(files.to_vec(), from.unwrap_or(0), each)), total))
}

/// Offset of the values in a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    At(u64),
    /// The values end with the file.
    Last,
}

/// The names that a pattern of C's `printf` with one number stands for, such as `slice%03d.raw` from the first number
/// to the last.
///
/// # Errors
/// `Data` if it is not such a pattern, or stands for no file or too many.
pub(crate) fn numbered(pattern: &str, [first, last, step]: [i64; 3]) -> Result<Vec<String>> {
    let wrong = || Error::data(format!("names its data files by {pattern}, which is not understood; list their names"));
    let (before, rest) = pattern.split_once('%').ok_or_else(wrong)?;
    let (width, after) = rest.split_once(['d', 'i', 'u']).ok_or_else(wrong)?;
    let digits = width.trim_start_matches('0');
    let padded = digits.len() < width.len();
    let places: usize = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| wrong())? };
    let rising = step != 0 && (last >= first) == (step > 0);
    let count = last.checked_sub(first).filter(|_| rising).and_then(|span| usize::try_from(span / step).ok());
    let count = count.filter(|&count| count < MOST_FILES && places < 100 && !after.contains('%')).ok_or_else(wrong)?;
    let name = |n: i64| match padded {
        true => format!("{before}{n:0places$}{after}"),
        false => format!("{before}{n:places$}{after}"),
    };
    Ok((0..=count as i64).map(|i| name(first + i * step)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_the_names_that_c_prints() {
        assert_eq!(numbered("s%03d.raw", [9, 11, 1]).unwrap(), ["s009.raw", "s010.raw", "s011.raw"]);
        assert_eq!(numbered("s%d", [4, 0, -2]).unwrap(), ["s4", "s2", "s0"]);
        assert_eq!(numbered("a/%2d.gz", [9, 10, 1]).unwrap(), ["a/ 9.gz", "a/10.gz"]);
        for (pattern, numbers) in [
            ("s", [0, 1, 1]),
            ("%s", [0, 1, 1]),
            ("%d%d", [0, 1, 1]),
            ("%d", [0, 1, 0]),
            ("%d", [0, i64::MAX, 1]),
            ("%d", [1, 0, 1]),
        ] {
            assert!(numbered(pattern, numbers).is_err(), "{pattern} {numbers:?}");
        }
    }

    #[test]
    fn data_files_are_found_beside_their_header() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/a.raw"), [0; 6]).unwrap();
        std::fs::write(folder.path().join("b.raw"), [0; 9]).unwrap();
        let header = folder.path().join("a.mhd");
        assert_eq!(beside(&header, "data\\a.raw"), folder.path().join("data/a.raw"));
        assert_eq!(beside(&header, "C:\\scan\\b.raw"), folder.path().join("b.raw"));
        let files = [beside(&header, "data/a.raw"), beside(&header, "b.raw")];
        assert!(matches!(joined(&files, 10, Start::At(1)).unwrap(), Stored::Plain(_, 10)));
        let short = joined(&files, 14, Start::At(0)).unwrap_err().to_string();
        assert!(short.contains("a.raw: is cut off: 6 bytes"), "{short}");
        assert!(joined(&files, 10, Start::Last).unwrap_err().to_string().contains("another length"));
        assert!(joined(&files, 11, Start::At(0)).unwrap_err().to_string().contains("divided evenly"));
    }
}
