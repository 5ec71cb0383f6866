//! Where the files of a Zarr hierarchy are: in a folder of this machine's file systems, or on a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zarrs::filesystem::FilesystemStore;
use zarrs::storage::ReadableStorage;

use super::blocks::damaged;
use crate::error::{Error, Result};
use crate::store::{OpenOptions, file};
#[cfg(feature = "http")]
use crate::store::{address::is_address, remote::Server};

/// A folder of files, each known by its key: its path from there, with slashes.
#[derive(Clone)]
pub(crate) enum Folder {
    Local(PathBuf),
    #[cfg(feature = "http")]
    Remote {
        server: Arc<Server>,
        inside: String,
    },
}

/// Bytes of a file of metadata at most.
pub(crate) const METADATA: u64 = 64 << 20;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    First(u64),
    /// Of a file that has so many bytes at most.
    Last {
        length: u64,
        most: u64,
    },
    At {
        offset: u64,
        length: u64,
    },
}

impl Folder {
    /// The folder at a path, or at an address where such can be read; asks for nothing yet.
    ///
    /// # Errors
    /// `Usage` where the environment does not say how an address is reached.
    pub(crate) fn new(path: &Path, options: &OpenOptions) -> Result<Folder> {
        #[cfg(feature = "http")]
        if let (true, Some(address)) = (is_address(path), path.to_str()) {
            let server = Arc::new(Server::new(address, options.patience)?);
            return Ok(Folder::Remote { server, inside: String::new() });
        }
        let _ = options;
        Ok(Folder::Local(path.to_owned()))
    }

    /// A folder inside this one.
    pub(crate) fn join(&self, key: &str) -> Folder {
        match self {
            Folder::Local(folder) => Folder::Local(folder.join(key)),
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => {
                let key = key.trim_matches('/');
                let inside = if key.is_empty() { inside.clone() } else { format!("{inside}{key}/") };
                Folder::Remote { server: Arc::clone(server), inside }
            }
        }
    }

    /// The path or the address of a file, or of the folder itself where the key is empty.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        match self {
            Folder::Local(folder) if key.is_empty() => folder.clone(),
            Folder::Local(folder) => folder.join(key),
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => server.name(format!("{inside}{key}").trim_end_matches('/')),
        }
    }

    /// The folder's path, where it is on a file system.
    pub(crate) fn local(&self) -> Option<&Path> {
        match self {
            Folder::Local(folder) => Some(folder),
            #[cfg(feature = "http")]
            Folder::Remote { .. } => None,
        }
    }

    /// A whole file; `None` where there is none. Of one on a server no more is taken than `most` bytes.
    ///
    /// # Errors
    /// Where it cannot be read; `Data` where it comes from a server and is longer.
    pub(crate) fn read(&self, key: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let _ = most;
        match self {
            Folder::Local(folder) => file::read_if_there(&folder.join(key)).map_err(|error| file::read_failed(&error)),
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => server.read(&format!("{inside}{key}"), most),
        }
    }

    /// A part of a file; `None` where there is no file.
    ///
    /// # Errors
    /// `Data` where the file has no such part; else where it cannot be read.
    pub(crate) fn read_span(&self, key: &str, span: Span) -> Result<Option<Vec<u8>>> {
        let wanted = match span {
            Span::First(length) | Span::Last { length, .. } | Span::At { length, .. } => length,
        };
        let bytes = match self {
            Folder::Local(folder) => {
                let path = folder.join(key);
                if !path.is_file() {
                    return Ok(None);
                }
                let (file, end) = file::open(&path)?;
                let last = end.checked_sub(wanted).ok_or_else(damaged)?;
                let offset = match span {
                    Span::First(_) => 0,
                    Span::Last { .. } => last,
                    Span::At { offset, .. } if offset <= last => offset,
                    Span::At { .. } => return Err(damaged()),
                };
                let mut bytes = vec![0; usize::try_from(wanted).map_err(|_| damaged())?];
                file::read_at(&file, offset, &mut bytes).map_err(|error| file::read_failed(&error))?;
                Some(bytes)
            }
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => {
                let key = format!("{inside}{key}");
                match span {
                    // An empty part cannot be asked for.
                    _ if wanted == 0 => Some(Vec::new()),
                    Span::First(length) => server.read_part(&key, 0, length)?,
                    Span::Last { length, most } => server.read_last(&key, length, most)?,
                    Span::At { offset, length } => server.read_part(&key, offset, length)?,
                }
            }
        };
        match bytes {
            Some(bytes) if bytes.len() as u64 != wanted => Err(damaged()),
            bytes => Ok(bytes),
        }
    }

    /// Whether there is such a file.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub(crate) fn contains(&self, key: &str) -> Result<bool> {
        match self {
            Folder::Local(folder) => {
                let path = folder.join(key);
                path.try_exists().map_err(|error| file::read_failed(&error).at(&path))
            }
            #[cfg(feature = "http")]
            Folder::Remote { server, inside } => server.contains(&format!("{inside}{key}")),
        }
    }

    /// The folder as zarrs reads it.
    ///
    /// # Errors
    /// `Data` where its path cannot be used.
    pub(crate) fn store(&self) -> Result<ReadableStorage> {
        match self {
            Folder::Local(folder) => {
                let store = FilesystemStore::new(folder);
                let refused = |error| Error::data("has a path that cannot be used; rename it").because(error);
                Ok(Arc::new(store.map_err(refused)?))
            }
            #[cfg(feature = "http")]
            Folder::Remote { .. } => Ok(Arc::new(super::served::Served(self.clone()))),
        }
    }
}
