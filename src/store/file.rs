//! Reads parts of a file, from several threads at once.

use std::fs::{File, Metadata};
use std::io::{self, Read};
#[cfg(any(feature = "zarr", feature = "tiff"))]
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::disk;
use crate::error::{Error, Kind, Result};
#[cfg(any(feature = "zarr", feature = "tiff"))]
use crate::memory;

#[cfg(any(feature = "zarr", feature = "tiff"))]
/// Rows with gaps of at most this many bytes between them are read at once, including the gaps: a page of the file
/// system is read whole anyway.
const GAP: usize = 4 << 10;

/// Fills a buffer from the bytes at an offset, without moving a position that other threads share.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills a buffer from the bytes at an offset, without relying on a position that other threads share.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes bytes at an offset, without moving a position that other threads share.
#[cfg(all(unix, feature = "dataflow"))]
pub(crate) fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes bytes at an offset, without relying on a position that other threads share.
#[cfg(all(windows, feature = "dataflow"))]
pub(crate) fn write_at(file: &File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(any(feature = "zarr", feature = "tiff"))]
/// The bytes of a box of an array in C order that begins at an offset of the file.
pub(crate) fn read_box(
    file: &File,
    data: u64,
    size: usize,
    shape: [usize; 3],
    [z, y, x]: [Range<usize>; 3],
) -> io::Result<Vec<u8>> {
    let [_, ny, nx] = shape;
    let at = |p: [usize; 3]| data + (((p[0] * ny + p[1]) * nx + p[2]) * size) as u64;
    let (row, stride) = (x.len() * size, nx * size);
    let mut bytes = vec![0; z.len() * y.len() * row];
    if row == stride && y.len() == ny {
        read_at(file, at([z.start, 0, 0]), &mut bytes)?;
        return Ok(bytes);
    }
    let span = if y.is_empty() { 0 } else { (y.len() - 1) * stride + row };
    let together = stride - row <= GAP.max(row);
    let mut buffer = vec![0; if together && row < stride { span } else { 0 }];
    for (plane, out) in z.zip(bytes.chunks_exact_mut(y.len() * row)) {
        if row == stride {
            read_at(file, at([plane, y.start, 0]), out)?;
        } else if together {
            read_at(file, at([plane, y.start, x.start]), &mut buffer)?;
            for (i, target) in out.chunks_exact_mut(row).enumerate() {
                target.copy_from_slice(&buffer[i * stride..i * stride + row]);
            }
        } else {
            for (line, target) in y.clone().zip(out.chunks_exact_mut(row)) {
                read_at(file, at([plane, line, x.start]), target)?;
            }
        }
    }
    Ok(bytes)
}

/// An open file and its length.
///
/// # Errors
/// Of kind `Missing` if there is no such file, `Data` if it is a folder, a pipe or a device; otherwise `Io`.
pub(crate) fn open(path: &Path) -> Result<(File, u64)> {
    let failed = |error: io::Error| read_failed(&error).at(path);
    // Checked before the file is opened, since opening a pipe would block until somebody writes into it.
    require_file(&std::fs::metadata(path).map_err(failed)?).map_err(|error| error.at(path))?;
    let file = unwaiting().open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    require_file(&metadata).map_err(|error| error.at(path))?;
    Ok((file, metadata.len()))
}

/// The bytes of a whole file, of at most `most`; `what` names such a file in messages.
///
/// # Errors
/// Of kind `Data` if it is longer, or needs more memory than available; otherwise those of [`open`].
#[cfg(feature = "tiff")]
pub(crate) fn read_whole(path: &Path, most: u64, what: &str) -> Result<Vec<u8>> {
    let (file, length) = open(path)?;
    let read = || {
        require_length(length, most, what)?;
        memory::require(length, "give a smaller file")?;
        // Bytes that are appended meanwhile are ignored.
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        read_at(&file, 0, &mut bytes).map_err(|error| read_failed(&error))?;
        Ok(bytes)
    };
    read().map_err(|error: Error| error.at(path))
}

/// Number of first bytes by which the format of a file is recognised.
pub(crate) const START: usize = 4096;

/// The first bytes of a file, at most [`START`].
///
/// # Errors
/// Those of [`open`], and `Io` if it cannot be read.
pub(crate) fn start_of(path: &Path) -> Result<Vec<u8>> {
    let (file, _) = open(path)?;
    let mut start = Vec::new();
    let read = file.take(START as u64).read_to_end(&mut start);
    read.map_err(|error| read_failed(&error).at(path))?;
    Ok(start)
}

/// Refuses a file that is longer than any `what`.
#[cfg(any(feature = "zarr", feature = "tiff"))]
pub(crate) fn require_length(length: u64, most: u64, what: &str) -> Result<()> {
    if length <= most {
        return Ok(());
    }
    let [length, most] = [length, most].map(memory::in_units);
    Err(Error::data(format!("has {length}, and {what} has at most {most}; check the path, or copy it again")))
}

/// Options for opening a file without blocking, in case it has become a pipe meanwhile.
fn unwaiting() -> std::fs::OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.read(true);
    options
}

/// Refuses an entry that is not a regular file, and so has no length and cannot be read at any position.
pub(crate) fn require_file(metadata: &Metadata) -> Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(Error::data("is a folder where a file is expected; give a file"));
    }
    let what = special(kind).unwrap_or("a device");
    Err(Error::data(format!(
        "is {what}, which cannot be read from any place; save what it gives to a file, and give that"
    )))
}

/// The name of an entry that is neither a file nor a folder.
#[cfg(unix)]
fn special(kind: std::fs::FileType) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kinds = [(kind.is_fifo(), "a named pipe"), (kind.is_socket(), "a socket"), (kind.is_char_device(), "a device")];
    kinds.into_iter().find_map(|(is, name)| is.then_some(name))
}

/// The name of an entry that is neither a file nor a folder.
#[cfg(not(unix))]
fn special(_: std::fs::FileType) -> Option<&'static str> {
    None
}

/// The error of a read that the operating system refused.
pub(crate) fn read_failed(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(Kind::Missing, "is not there; check the path"),
        io::ErrorKind::PermissionDenied => Error::new(Kind::Io, "may not be read; ask for the permission to read it"),
        io::ErrorKind::UnexpectedEof => Error::data("ends too early; copy it again from where it came"),
        _ => Error::new(Kind::Io, "cannot be read; check the disk and try again").because(error),
    }
}

/// The error of a write that the operating system refused: a full disk, for example.
pub fn write_failed(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::new(Kind::Io, "cannot be written because the disk is full; free some space and run again")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::new(Kind::Output, "may not be written; choose another output folder")
        }
        _ => Error::new(Kind::Io, "cannot be written; check the disk and run again").because(error),
    }
}

/// The error of a folder that cannot be created or written; `what` goes into it.
pub(crate) fn unwritable(error: &io::Error, what: &str) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            Error::new(Kind::Output, format!("is not a folder; give another path for {what}"))
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => write_failed(error),
        _ => Error::new(Kind::Output, format!("cannot be written; give another folder for {what}")).because(error),
    }
}

/// The end of the name of a file that is being written and will be renamed.
pub(crate) const WRITING: &str = ".writing";

/// Replaces a file as a whole: the new one is written beside it and then renamed. Only one program may write there at a
/// time.
///
/// # Errors
/// `Io` or `Output` if it cannot be written; the earlier file stays.
pub fn replace(place: &Path, bytes: &[u8]) -> Result<()> {
    put(place, |writing| disk::write(writing, bytes))
}

/// Like [`replace`], below the folder `root`: folders in it are created if they are missing, but not `root` itself.
#[cfg(feature = "dataflow")]
pub(crate) fn replace_below(root: &Path, place: &Path, bytes: &[u8]) -> Result<()> {
    put(place, |writing| disk::write_below(root, writing, bytes))
}

/// Like [`replace`], and synced to the disk before it returns.
#[cfg(feature = "dataflow")]
pub(crate) fn replace_for_good(place: &Path, bytes: &[u8]) -> Result<()> {
    put(place, |writing| disk::write(writing, bytes).and_then(|()| disk::sync_file(writing)))?;
    let folder = place.parent().unwrap_or(Path::new(""));
    disk::sync_folder(folder).map_err(|error| write_failed(&error).at(place))
}

fn put(place: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let writing = named(place, WRITING);
    let put = write(&writing).and_then(|()| disk::rename(&writing, place));
    put.map_err(|error| {
        let _ = std::fs::remove_file(&writing);
        write_failed(&error).at(place)
    })
}

/// Appends an end to the name of a file.
pub(crate) fn named(place: &Path, end: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(end);
    name.into()
}
