//! Files of frames: pieces of bytes, compressed, each with a header that tells whether it is whole.
//!
//! All numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0..24 | three numbers that say what the frame is about |
//! | 24..32 | bytes of the body |
//! | 32..40 | bytes before compression |
//! | 40..48 | XXH3 of the body |
//! | 48..56 | XXH3 of the header up to here |

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use twox_hash::XxHash3_64;

use crate::error::{Error, Result};
use crate::state::{pack, unpack};
use crate::store::disk;
use crate::store::file::{read_at, read_failed, write_failed};

/// Size of a header in bytes.
const HEADER: usize = 56;

/// What a frame is about.
pub(super) type About = [i64; 3];

/// Writes frames to a file.
pub(super) struct FrameWriter {
    path: PathBuf,
    file: File,
}

impl FrameWriter {
    /// A new file.
    pub(super) fn create(path: PathBuf) -> Result<FrameWriter> {
        let file = disk::create(&path).map_err(|error| write_failed(&error).at(&path))?;
        Ok(FrameWriter { path, file })
    }

    /// A file of which the first bytes are kept; it is made if it is missing.
    pub(super) fn append(path: PathBuf, kept: u64) -> Result<FrameWriter> {
        let open = || {
            let mut file = disk::no_links().write(true).create(true).truncate(false).open(&path)?;
            file.set_len(kept)?;
            file.seek(SeekFrom::Start(kept))?;
            Ok(file)
        };
        let file = open().map_err(|error: io::Error| write_failed(&error).at(&path))?;
        Ok(FrameWriter { path, file })
    }

    /// Writes a frame, which is in the hands of the system when this returns.
    pub(super) fn write(&mut self, about: About, plain: &[u8]) -> Result<()> {
        let mut put = || {
            let body = pack(plain)?;
            let mut bytes = Vec::with_capacity(HEADER + body.len());
            about.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
            for number in [body.len() as u64, plain.len() as u64, XxHash3_64::oneshot(&body)] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(&XxHash3_64::oneshot(&bytes).to_le_bytes());
            bytes.extend_from_slice(&body);
            self.file.write_all(&bytes)
        };
        put().map_err(|error| write_failed(&error).at(&self.path))
    }

    /// Puts the file on the disk, and gives it another name.
    pub(super) fn rename(self, place: &Path) -> Result<()> {
        let put = self.file.sync_all().and_then(|()| disk::rename(&self.path, place));
        put.map_err(|error| write_failed(&error).at(place))
    }
}

/// A frame but for its body.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) about: About,
    /// Where the body begins, and its length.
    at: u64,
    body: u64,
    plain: u64,
    hash: u64,
}

impl Frame {
    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.plain == 0
    }

    /// Room for the body.
    fn room(&self) -> Option<Vec<u8>> {
        let mut body = crate::memory::room(usize::try_from(self.body).ok()?)?;
        body.resize(self.body as usize, 0);
        Some(body)
    }

    /// The bytes before compression, if the body is what was written.
    fn unpacked(&self, body: &[u8]) -> Option<Vec<u8>> {
        (XxHash3_64::oneshot(body) == self.hash).then(|| unpack(body, self.plain)).flatten()
    }
}

/// The bodies of a file's frames, in any order.
pub(super) struct FrameBodies {
    path: PathBuf,
    file: File,
}

impl FrameBodies {
    /// The bytes of a frame, as they were before compression.
    pub(super) fn of(&self, frame: &Frame) -> Result<Vec<u8>> {
        let mut body = frame.room().ok_or_else(|| self.damaged())?;
        read_at(&self.file, frame.at, &mut body).map_err(|error| read_failed(&error).at(&self.path))?;
        frame.unpacked(&body).ok_or_else(|| self.damaged())
    }

    /// The error of a file that is not as it was written.
    pub(super) fn damaged(&self) -> Error {
        damaged().at(&self.path)
    }
}

/// Reads frames.
pub(super) struct FrameReader {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next frame begins, and the length of the file.
    at: u64,
    length: u64,
}

impl FrameReader {
    /// The frames of a file; `None` if there is no such file.
    pub(super) fn open(path: PathBuf) -> Result<Option<FrameReader>> {
        let file = match disk::no_links().read(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.and_then(|file| Ok((file.metadata()?.len(), file))),
        };
        let (length, file) = file.map_err(|error| read_failed(&error).at(&path))?;
        Ok(Some(FrameReader { path, file: BufReader::new(file), at: 0, length }))
    }

    /// The bodies of its frames.
    pub(super) fn bodies(&self) -> Result<FrameBodies> {
        // With a place of its own to read at.
        let file = disk::no_links().read(true).open(&self.path).map_err(|error| read_failed(&error).at(&self.path))?;
        Ok(FrameBodies { path: self.path.clone(), file })
    }

    /// The same, as if the file ended at a place.
    pub(super) fn up_to(self, length: u64) -> FrameReader {
        FrameReader { length, ..self }
    }

    /// Where the next frame begins.
    pub(super) fn place(&self) -> u64 {
        self.at
    }

    /// The next frame; `None` if the file ends, or goes on with something else than a whole one.
    pub(super) fn next(&mut self) -> Result<Option<Frame>> {
        if self.length.saturating_sub(self.at) < HEADER as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.file.read_exact(&mut header).map_err(|error| read_failed(&error).at(&self.path))?;
        let number = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let frame = Frame {
            about: [0, 8, 16].map(|at| number(at) as i64),
            at: self.at + HEADER as u64,
            body: number(24),
            plain: number(32),
            hash: number(40),
        };
        let is_whole =
            number(48) == XxHash3_64::oneshot(&header[..48]) && self.length - self.at - HEADER as u64 >= frame.body;
        Ok(is_whole.then_some(frame))
    }

    /// Passes over the body of the frame that was read last.
    pub(super) fn skip(&mut self, frame: Frame) -> Result<()> {
        self.at += HEADER as u64 + frame.body;
        let skipped = self.file.seek_relative(frame.body as i64);
        skipped.map_err(|error| read_failed(&error).at(&self.path))
    }

    /// The bytes of the frame that was read last, as they were before compression.
    pub(super) fn body(&mut self, frame: Frame) -> Result<Vec<u8>> {
        self.at += HEADER as u64 + frame.body;
        let mut body = frame.room().ok_or_else(|| self.damaged())?;
        self.file.read_exact(&mut body).map_err(|error| read_failed(&error).at(&self.path))?;
        frame.unpacked(&body).ok_or_else(|| self.damaged())
    }

    /// The error of a file that is not as it was written.
    pub(super) fn damaged(&self) -> Error {
        damaged().at(&self.path)
    }
}

/// Reads all frames of a file, of which there is at least one.
pub(super) fn verify(path: PathBuf) -> Result<()> {
    let mut frames = FrameReader::open(path.clone())?.ok_or_else(|| damaged().at(&path))?;
    while let Some(frame) = frames.next()? {
        frames.body(frame)?;
    }
    if frames.at > 0 && frames.at == frames.length { Ok(()) } else { Err(frames.damaged()) }
}

/// The error of a checkpoint that is not as it was written.
pub(super) fn damaged() -> Error {
    Error::data("is damaged; remove the folder of the checkpoint, and run again from the beginning")
}

/// A value as bytes.
pub(super) fn to_bytes(value: &impl Serialize, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let unwritten = |error| Error::internal("a checkpoint cannot be encoded").because(error);
    postcard::to_extend(value, bytes).map_err(unwritten)
}

/// A value from the beginning of bytes, and the bytes after it.
pub(super) fn from_bytes<D: DeserializeOwned>(bytes: &[u8]) -> Result<(D, &[u8])> {
    postcard::take_from_bytes(bytes).map_err(|_| damaged())
}
