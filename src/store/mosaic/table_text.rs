//! The text of a table of tiles, from any program.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::memory;
use crate::store::file::{self, read_failed};

/// Most bytes of a table,
pub(super) const LONGEST: u64 = 1 << 30;
/// of one of its lines,
const LONGEST_LINE: usize = 1 << 20;
/// and its largest number of rows.
pub(super) const MOST_ROWS: usize = 10_000_000;
/// A table with more columns than this is not one of tiles.
pub(super) const MOST_COLUMNS: usize = 10_000;
/// Bytes at the start of a file by which its format is recognised.
const START: u64 = 64 << 10;

/// The text of a table.
///
/// # Errors
/// `Missing` if there is no such file; `Data` if it is not a text file, or longer than any table.
pub(super) fn read_text(path: &Path) -> Result<String> {
    require_text_file(path)?;
    let bytes = file::read_whole(path, LONGEST, "a table")?;
    // Both as bytes and as text.
    memory::require(bytes.len() as u64, "give a smaller table").map_err(|error| error.at(path))?;
    text_of(&bytes).map_err(|error| error.at(path))
}

/// The first lines of a file, as far as they are text; `None` if it is not a text file.
pub(super) fn start_of(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    open(path).ok()?.take(START).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 == START {
        // The last line may be cut off.
        let end = bytes.iter().rposition(|&byte| byte == b'\n')?;
        let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        bytes.truncate(if wide { end & !1 } else { end });
    }
    text_of(&bytes).ok()
}

/// Opens a regular file. Others (pipes, devices, folders) might block or never end.
fn open(path: &Path) -> Result<File> {
    require_text_file(path)?;
    File::open(path).map_err(|error| read_failed(&error).at(path))
}

fn require_text_file(path: &Path) -> Result<()> {
    let metadata = std::fs::metadata(path).map_err(|error| read_failed(&error).at(path))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a pipe or a device" };
        return Err(Error::data(format!("is {what}; save the table of tiles as a file")).at(path));
    }
    Ok(())
}

/// Decodes text: UTF-8, or UTF-16 if a byte order mark says so, as spreadsheets save it.
pub(super) fn text_of(bytes: &[u8]) -> Result<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2))
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    let text = text.filter(|text| !text.contains('\0')).ok_or_else(|| {
        Error::data("is not text in UTF-8 or UTF-16; save the table as CSV in UTF-8 (Excel calls it CSV UTF-8)")
    })?;
    let mut lines = text.split(['\n', '\r']).enumerate();
    if let Some((number, _)) = lines.find(|(_, line)| line.len() > LONGEST_LINE) {
        let message = format!("line {}: is longer than 1 MiB, which no line of a table is; check the file", number + 1);
        return Err(Error::new(Kind::Data, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_spreadsheets_is_read_whatever_its_encoding() {
        let said = "path;x (µm)\r\na.tif;1\r\n";
        let utf16 = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.into_iter().chain(said.encode_utf16().flat_map(unit)).collect()
        };
        let marked = [b"\xef\xbb\xbf", said.as_bytes()].concat();
        for bytes in [
            said.as_bytes().to_vec(),
            marked,
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
        ] {
            assert_eq!(text_of(&bytes).unwrap(), said);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_with_the_way_out() {
        let bare: Vec<u8> = "path".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [&b"path,y,x\n\xb5,1,2\n"[..], &bare, b"\xff\xfea", b"\xff\xfe\x00\xd8"] {
            let error = text_of(bytes).unwrap_err().to_string();
            assert!(error.contains("is not text in UTF-8 or UTF-16; save the table as CSV in UTF-8"), "{error}");
        }
        let long = format!("path,y,x\n{}\n", "a".repeat(LONGEST_LINE + 1));
        let error = text_of(long.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("line 2: is longer than 1 MiB"), "{error}");
    }

    #[test]
    fn a_folder_or_a_device_is_no_table() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_text(folder.path()).unwrap_err();
        assert!(error.to_string().contains("is a folder; save the table of tiles as a file"), "{error}");
        assert_eq!(start_of(folder.path()), None);
        if cfg!(unix) {
            let error = read_text(Path::new("/dev/zero")).unwrap_err();
            assert!(error.kind() == Kind::Data && error.to_string().contains("is a pipe or a device"), "{error}");
            assert_eq!(start_of(Path::new("/dev/zero")), None);
        }
    }
}
