//! Access to the files of a Zarr hierarchy: in a local folder, in a zip file, or on a server.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::Archive;
use super::faults::{damaged, room};
use super::span::Span;
use crate::error::{Error, Kind, Result};
use crate::store::{OpenOptions, file};
#[cfg(feature = "http")]
use crate::store::{
    address::is_address,
    remote::{Answer, Server},
};

/// A folder of files, each with a key: its relative path, with slashes.
#[derive(Clone)]
pub(crate) enum Folder {
    Local(PathBuf),
    Packed {
        archive: Arc<Archive>,
        inside: String,
    },
    #[cfg(feature = "http")]
    Remote {
        server: Arc<Server>,
        inside: String,
    },
}

/// The answer to a request for a key.
pub(crate) enum Given {
    File(Vec<u8>),
    Absent,
    /// The server does not reveal the file, or whether it exists.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only servers forbid"))]
    Forbidden(Error),
}

impl Folder {
    /// The folder at a path, in a zip file, or at an address if these are supported; makes no request to a server yet.
    ///
    /// # Errors
    /// `Usage` if the environment lacks the settings for an address; or if a zip file cannot be read.
    pub(crate) fn new(path: &Path, options: &OpenOptions) -> Result<Folder> {
        #[cfg(feature = "http")]
        if let (true, Some(address)) = (is_address(path), path.to_str()) {
            let server = Arc::new(Server::new(address, options.patience)?);
            return Ok(Folder::Remote { server, inside: String::new() });
        }
        let _ = options;
        if let Some((archive, inside)) = packed(path) {
            let archive = Arc::new(Archive::open(archive)?);
            return Ok(Folder::Packed { archive, inside });
        }
        Ok(Folder::Local(path.to_owned()))
    }

    /// A folder inside this one.
    pub(crate) fn join(&self, key: &str) -> Folder {
        let key = key.trim_matches('/');
        let deeper = |inside: &str| if key.is_empty() { inside.to_owned() } else { format!("{inside}{key}/") };
        match self {
            Folder::Local(folder) => Folder::Local(folder.join(key)),
            Folder::Packed { archive, inside } => {
                Folder::Packed { archive: Arc::clone(archive), inside: deeper(inside) }
            }
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => Folder::Remote { server: Arc::clone(server), inside: deeper(inside) },
        }
    }

    /// The parent of this folder, and the name in it; `None` at the top.
    pub(crate) fn parent(&self) -> Option<(Folder, String)> {
        match self {
            Folder::Local(folder) => {
                // A bare name also has a parent, and only the file system knows the target of `..`.
                let has_parents = folder.components().any(|part| part == std::path::Component::ParentDir);
                let whole = if has_parents { folder.canonicalize() } else { std::path::absolute(folder) }.ok()?;
                Some((Folder::Local(whole.parent()?.to_owned()), whole.file_name()?.to_str()?.to_owned()))
            }
            Folder::Packed { archive, inside } => {
                let (inside, name) = parent_key(inside)?;
                Some((Folder::Packed { archive: Arc::clone(archive), inside }, name))
            }
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => match parent_key(inside) {
                Some((inside, name)) => Some((Folder::Remote { server: Arc::clone(server), inside }, name)),
                None => {
                    let (server, name) = server.parent()?;
                    Some((Folder::Remote { server: Arc::new(server), inside: String::new() }, name))
                }
            },
        }
    }

    /// The path or the address of a file, or of the folder itself if the key is empty.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        match self {
            Folder::Local(folder) if key.is_empty() => folder.clone(),
            Folder::Local(folder) => folder.join(key),
            Folder::Packed { archive, inside } => match format!("{inside}{key}").trim_end_matches('/') {
                "" => archive.path().to_owned(),
                key => archive.path().join(key),
            },
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => server.name(format!("{inside}{key}").trim_end_matches('/')),
        }
    }

    /// The local file whose state is that of a key: itself, or the zip file that contains it.
    pub(crate) fn marked(&self, key: &str) -> Option<PathBuf> {
        match self {
            Folder::Local(folder) => Some(folder.join(key)),
            Folder::Packed { archive, .. } => Some(archive.path().to_owned()),
            #[cfg(feature = "http")]
            Folder::Remote { .. } => None,
        }
    }

    /// The folder's path, if it is on a file system.
    pub(crate) fn local(&self) -> Option<&Path> {
        match self {
            Folder::Local(folder) => Some(folder),
            Folder::Packed { .. } => None,
            #[cfg(feature = "http")]
            Folder::Remote { .. } => None,
        }
    }

    /// Whether it is on a server.
    pub(crate) fn is_served(&self) -> bool {
        match self {
            Folder::Local(_) | Folder::Packed { .. } => false,
            #[cfg(feature = "http")]
            Folder::Remote { .. } => true,
        }
    }

    /// How its server encodes a file that it has sent, although it was asked for as it is; `None` if it has sent none so.
    pub(crate) fn encoding(&self) -> Option<&str> {
        match self {
            Folder::Local(_) | Folder::Packed { .. } => None,
            #[cfg(feature = "http")]
            Folder::Remote { server, .. } => server.encoding(),
        }
    }

    /// The names of files and folders directly inside; `None` if they cannot be listed.
    pub(crate) fn children(&self) -> Option<BTreeSet<String>> {
        match self {
            Folder::Local(folder) => {
                let entries = std::fs::read_dir(folder).ok()?;
                Some(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
            }
            Folder::Packed { archive, inside } => Some(archive.children(inside)),
            #[cfg(feature = "http")]
            Folder::Remote { .. } => None,
        }
    }

    /// The keys of the files `levels` levels down, inside folders for whose names `enters` returns true; those of zip
    /// files may lie anywhere. `None` if they cannot be listed.
    ///
    /// # Errors
    /// If the operating system cannot list a folder.
    pub(crate) fn keys(&self, levels: usize, enters: &dyn Fn(&str) -> bool) -> Result<Option<Vec<String>>> {
        match self {
            Folder::Local(folder) => {
                let mut keys = Vec::new();
                list(folder, "", levels, enters, &mut keys)?;
                Ok(Some(keys))
            }
            Folder::Packed { archive, inside } => Ok(Some(archive.below(inside))),
            #[cfg(feature = "http")]
            Folder::Remote { .. } => Ok(None),
        }
    }

    /// Requests a key: a whole file of at most `limit` bytes. A server may take as long for its answer as a file of
    /// `likely` bytes may.
    ///
    /// # Errors
    /// `Data` if the file is longer; others if it cannot be read.
    pub(crate) fn ask(&self, key: &str, limit: u64, likely: u64) -> Result<Given> {
        #[cfg(not(feature = "http"))]
        let _ = likely;
        let bytes = match self {
            Folder::Local(folder) => read_local(&folder.join(key), limit)?,
            Folder::Packed { archive, inside } => archive.read(&format!("{inside}{key}"), limit)?,
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => match server.ask_for(&format!("{inside}{key}"), limit, likely)? {
                Answer::File(bytes) => Some(bytes),
                Answer::Absent => None,
                Answer::Forbidden(error) => return Ok(Given::Forbidden(error)),
            },
        };
        Ok(bytes.map_or(Given::Absent, Given::File))
    }

    /// A whole file of at most `limit` bytes; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of [`Folder::ask`], or if a server does not answer.
    pub(crate) fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.ask(key, limit, limit)? {
            Given::File(bytes) => Ok(Some(bytes)),
            Given::Absent => Ok(None),
            Given::Forbidden(error) => Err(error),
        }
    }

    /// A part of a file; `None` if the file does not exist.
    ///
    /// # Errors
    /// `Data` if the file is too short for the part; others if it cannot be read.
    pub(crate) fn read_span(&self, key: &str, span: Span) -> Result<Option<Vec<u8>>> {
        let bytes = match self {
            Folder::Local(folder) => {
                let path = folder.join(key);
                if !path.is_file() {
                    return Ok(None);
                }
                let (file, end) = file::open(&path)?;
                let (offset, wanted) = span.within(end).ok_or_else(damaged)?;
                let mut bytes = room(wanted)?;
                bytes.resize(wanted, 0);
                file::read_at(&file, offset, &mut bytes).map_err(|error| file::read_failed(&error))?;
                Some(bytes)
            }
            Folder::Packed { archive, inside } => archive.read_span(&format!("{inside}{key}"), span)?,
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => {
                let key = format!("{inside}{key}");
                match span {
                    // An empty part cannot be requested.
                    _ if span.length() == 0 => Some(Vec::new()),
                    Span::First(length) => server.read_part(&key, 0, length)?,
                    Span::Last { length, most } => server.read_last(&key, length, most)?,
                    Span::At { offset, length } => server.read_part(&key, offset, length)?,
                }
            }
        };
        match bytes {
            Some(bytes) if bytes.len() as u64 != span.length() => Err(damaged()),
            bytes => Ok(bytes),
        }
    }

    /// Whether a file exists.
    ///
    /// # Errors
    /// If this cannot be determined.
    pub(crate) fn contains(&self, key: &str) -> Result<bool> {
        match self {
            Folder::Local(folder) => {
                let path = folder.join(key);
                path.try_exists().map_err(|error| file::read_failed(&error).at(&path))
            }
            Folder::Packed { archive, inside } => Ok(archive.contains(&format!("{inside}{key}"))),
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => server.contains(&format!("{inside}{key}")),
        }
    }
}

/// Returns whether a path is that of a zip file by its name (`.zip`, `.ozx`), or leads into one.
pub(crate) fn is_packed(path: &Path) -> bool {
    packed(path).is_some()
}

/// The zip file in a path, and the folder in it; a slash ends the folder.
fn packed(path: &Path) -> Option<(&Path, String)> {
    let named =
        |path: &Path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip") || e.eq_ignore_ascii_case("ozx"));
    // Without a slash at the end, which paths of files do not have.
    let path = path.components().as_path();
    let archive = path.ancestors().find(|ancestor| named(ancestor) && ancestor.is_file())?;
    let inside = path.strip_prefix(archive).ok()?.to_str()?.replace('\\', "/");
    Some((archive, if inside.is_empty() { inside } else { inside + "/" }))
}

/// Splits `a/b/` into the parent `a/` and the name `b`.
fn parent_key(inside: &str) -> Option<(String, String)> {
    let inside = inside.strip_suffix('/')?;
    let at = inside.rfind('/').map_or(0, |at| at + 1);
    Some((inside[..at].to_owned(), inside[at..].to_owned()))
}

/// Adds the keys of the files in a folder, down to a number of levels.
fn list(
    folder: &Path,
    prefix: &str,
    levels: usize,
    enters: &dyn Fn(&str) -> bool,
    keys: &mut Vec<String>,
) -> Result<()> {
    let failed = |error: std::io::Error| file::read_failed(&error).at(folder);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // A file, or a folder that was removed meanwhile, is empty.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let Ok(name) = entry.map_err(failed)?.file_name().into_string() else { continue };
        let key = format!("{prefix}{name}");
        match levels {
            1 => keys.push(key),
            _ if enters(&name) => list(&folder.join(&name), &format!("{key}/"), levels - 1, enters, keys)?,
            _ => {}
        }
    }
    Ok(())
}

fn read_local(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(file::read_failed(&error)),
    };
    if !metadata.is_file() {
        return Err(Error::new(Kind::Data, "is no file, though one of Zarr has its name; copy the image again"));
    }
    if metadata.len() > limit {
        return Err(damaged());
    }
    let mut bytes = room(usize::try_from(metadata.len()).map_err(|_| damaged())?)?;
    // Bytes that are appended meanwhile are ignored.
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file::read_failed(&error)),
    }
}
