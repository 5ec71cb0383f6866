//! Operations on files and folders whose order matters, or whose paths somebody else may have prepared.
//!
//! No function here follows a link in the last part of a path. Whatever a name stands for is replaced, never written
//! into: a file is created under a name that is free, or not at all. The caller is responsible for intermediate
//! folders.
//!
//! After a power failure a file system may have lost everything that was not synced to the disk. So a caller calls
//! [`sync_tree`] before it renames something into place, and [`sync_folder`] afterwards. In tests of this crate a log
//! of all calls shows whether it did ([`log`]).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::threads::joined;

#[cfg(test)]
pub(crate) mod log;

/// Fewer files than this are synced one after the other.
const FEW: usize = 32;
/// Number of files that are synced at once: they share the journal writes of the file system.
const AT_ONCE: usize = 8;

/// Adds an entry to the log, in tests.
macro_rules! note {
    ($($operation:tt)*) => {
        #[cfg(test)]
        log::note(log::Operation::$($operation)*);
    };
}

/// Options for opening files that make the operating system refuse links and the like.
pub(crate) fn no_links() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    // Without waiting for a process at the other end of a FIFO.
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.read(true);
    options
}

/// The kind of an entry at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    Nothing,
    File,
    Folder,
    /// A link, wherever it leads, a FIFO, a socket or a device.
    Other,
}

/// The kind of the entry at a path itself: a link is [`There::Other`].
///
/// # Errors
/// If the operating system cannot read the entry.
pub(crate) fn what_is(path: &Path) -> io::Result<There> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(There::File),
        Ok(metadata) if metadata.is_dir() => Ok(There::Folder),
        Ok(_) => Ok(There::Other),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(There::Nothing),
        Err(error) => Err(error),
    }
}

/// The bytes of a file; `None` if nothing is at the path. An entry that is not a file is refused.
///
/// # Errors
/// If the operating system refuses to read it.
#[cfg(any(feature = "zarr", feature = "dataflow"))]
pub(crate) fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = no_links().open(path).and_then(|mut file| {
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        io::Read::read_to_end(&mut file, &mut bytes)
    });
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a file. An earlier file or link of that name is removed.
///
/// # Errors
/// If a folder has that name, or the operating system refuses.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let new = || OpenOptions::new().write(true).create_new(true).open(path);
    match new() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            new()
        }
        created => created,
    }
}

/// Writes a whole file. An earlier file of that name is removed; if writing fails, no part of the new one stays.
///
/// # Errors
/// Those of [`create`], or if the disk is full.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    let written = file.write_all(bytes);
    #[cfg(test)]
    let written = written.and_then(|()| log::room());
    written.inspect_err(|_| drop(fs::remove_file(path)))?;
    note!(Wrote(path.to_owned(), bytes.to_vec()));
    Ok(())
}

/// Writes a whole file in folders below `root`, which are created if they are missing. `root` itself is not created, so
/// that a process whose folder was taken from it writes nowhere else.
///
/// # Errors
/// Those of [`write`].
#[cfg(any(feature = "zarr", feature = "dataflow"))]
pub(crate) fn write_below(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    match write(path, bytes) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        written => return written,
    }
    let mut folder = root.to_owned();
    let below = path.parent().and_then(|parent| parent.strip_prefix(root).ok());
    for part in below.into_iter().flat_map(Path::components) {
        folder.push(part);
        make_folder(&folder)?;
    }
    write(path, bytes)
}

/// Creates a folder, unless its path exists.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => {
            note!(Made(path.to_owned()));
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates a folder and its parents, if they are missing. Links to folders among these are followed.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn make_folders(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), make_folders)?;
    make_folder(path)?;
    if path.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) }
}

/// Removes a folder if it is empty, and otherwise does nothing.
pub(crate) fn remove_empty(path: &Path) {
    if fs::remove_dir(path).is_ok() {
        note!(Removed(path.to_owned()));
    }
}

/// Renames a file, a folder or a link.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    note!(Renamed(from.to_owned(), to.to_owned()));
    Ok(())
}

/// Renames the entry at a path, if it exists. Returns whether it existed.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn rename_if_there(from: &Path, to: &Path) -> io::Result<bool> {
    match rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file, a folder with everything in it, or a link, if it exists.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let removed = match what_is(path)? {
        There::Nothing => return Ok(()),
        There::Folder => fs::remove_dir_all(path),
        There::File | There::Other => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => {
            note!(Removed(path.to_owned()));
            Ok(())
        }
    }
}

/// Syncs a file to the disk.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    // Opened for writing, which Windows requires.
    no_links().write(true).open(path)?.sync_all()?;
    note!(Synced(path.to_owned()));
    Ok(())
}

/// Syncs the names in a folder to the disk: the files created, renamed and removed there.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    // On other systems folders cannot be opened, and need not be.
    #[cfg(unix)]
    match File::open(path)?.sync_all() {
        // Some file systems, such as network file systems, do not support this call for folders.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {}
        synced => synced?,
    }
    note!(Synced(path.to_owned()));
    Ok(())
}

/// Syncs a file, or a folder with everything in it, to the disk. Links in it are ignored.
///
/// # Errors
/// If the operating system refuses.
pub(crate) fn sync_tree(path: &Path) -> io::Result<()> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    match what_is(path)? {
        There::File => files.push(path.to_owned()),
        There::Folder => folders.push(path.to_owned()),
        There::Nothing | There::Other => {}
    }
    let mut next = 0;
    while let Some(folder) = folders.get(next) {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
        next += 1;
    }
    sync_files(&files)?;
    // The entries of a folder before the folder itself.
    folders.iter().rev().try_for_each(|folder| sync_folder(folder))
}

fn sync_files(files: &[PathBuf]) -> io::Result<()> {
    if files.len() < FEW {
        return files.iter().try_for_each(|file| sync_file(file));
    }
    let part = |from: usize| files.iter().skip(from).step_by(AT_ONCE).try_for_each(|file| sync_file(file));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|from| scope.spawn(move || part(from))).collect();
        threads.into_iter().try_for_each(joined)
    })
}
