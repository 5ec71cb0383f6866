//! The error type of the library: its kind, its place, and what to do about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grid::ChunkId;
use crate::text::{line, masked, masked_words};

/// Maximum number of characters of a sentence, a path and a cause: what comes from files and servers may be of any
/// length.
const SENTENCE: usize = 2048;
const PATH: usize = 1024;
const CAUSE: usize = 512;

/// The kind of an error, by what can be done about it. Each kind has an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Kind {
    /// The options contradict each other or cannot apply to this input (exit code 2).
    Usage,
    /// The input is damaged, of an unsupported form, or holds values that have no meaning here (65).
    Data,
    /// The input does not exist (66).
    Missing,
    /// Another process of the same run is missing, runs something else, or has gone (69).
    Peer,
    /// A defect of this program (70).
    Internal,
    /// The output cannot be created (73).
    Output,
    /// A read or a write failed (74).
    Io,
    /// The program was asked to end before it was done (130).
    Interrupted,
}

impl Kind {
    /// The exit code that the program ends with, as in `sysexits.h`; that of an interruption follows the shells.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::Data => 65,
            Kind::Missing => 66,
            Kind::Peer => 69,
            Kind::Internal => 70,
            Kind::Output => 73,
            Kind::Io => 74,
            Kind::Interrupted => 130,
        }
    }

    /// The kind that a program ends with this exit code for.
    pub fn of_exit_code(code: u8) -> Option<Kind> {
        use Kind::{Data, Internal, Interrupted, Io, Missing, Output, Peer, Usage};
        [Usage, Data, Missing, Peer, Internal, Output, Io, Interrupted]
            .into_iter()
            .find(|kind| kind.exit_code() == code)
    }
}

/// An error: a kind, a sentence that says what to do, the place (path, chunk) and the cause.
///
/// Displayed as one line, `place: sentence (cause)`, without control characters and without the secrets of addresses,
/// whatever it was made of. Cheap to clone, so that it can travel as a record.
#[derive(Clone, Serialize, Deserialize)]
pub struct Error(Arc<Inner>);

#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    kind: Kind,
    message: String,
    path: Option<String>,
    chunk: Option<ChunkId>,
    cause: Option<Cause>,
    /// Whether the same call may succeed, since the input changes.
    passes: bool,
    /// Whether a chunk of the image could not be read.
    is_of_reading: bool,
}

/// The text of an error's cause.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// The result of a fallible operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of a kind, with a sentence that says what is wrong and what to do.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = line(&masked_words(&message.into()), SENTENCE);
        Error(Arc::new(Inner {
            kind,
            message,
            path: None,
            chunk: None,
            cause: None,
            passes: false,
            is_of_reading: false,
        }))
    }

    /// An error of kind [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// An error of kind [`Kind::Data`].
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message)
    }

    /// An error of kind [`Kind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The error, of an input that changes while it is read: it may pass.
    #[must_use]
    pub(crate) fn passing(mut self) -> Self {
        Arc::make_mut(&mut self.0).passes = true;
        self
    }

    /// Whether the same call may succeed later, since the input was changing while it was read.
    pub fn may_pass(&self) -> bool {
        self.0.passes
    }

    /// The error, at a file or folder.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        Arc::make_mut(&mut self.0).path = Some(line(&masked(&path.as_ref().to_string_lossy()), PATH));
        self
    }

    /// The error, at a chunk.
    #[must_use]
    pub fn in_chunk(mut self, chunk: ChunkId) -> Self {
        Arc::make_mut(&mut self.0).chunk = Some(chunk);
        self
    }

    /// The error, of reading a chunk of the image.
    #[cfg(any(feature = "dataflow", test))]
    #[must_use]
    pub(crate) fn in_reading(self, chunk: ChunkId) -> Self {
        let mut error = self.in_chunk(chunk);
        Arc::make_mut(&mut error.0).is_of_reading = true;
        error
    }

    /// Whether a chunk of the image could not be read: other chunks can be.
    pub fn is_of_reading(&self) -> bool {
        self.0.is_of_reading
    }

    /// The error with its cause, whose text ends the sentence.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        let text = cause.to_string();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Arc::make_mut(&mut self.0).cause = Some(Cause(line(&masked_words(&words), CAUSE)));
        self
    }

    /// Whether the error names a file or folder already.
    pub fn is_placed(&self) -> bool {
        self.0.path.is_some()
    }

    /// What kind of error this is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The file, folder or address of the error, if it has one, fit to be shown.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The chunk of the error, if it has one.
    pub fn chunk(&self) -> Option<ChunkId> {
        self.0.chunk
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{path}: ")?;
        }
        if let Some(chunk) = self.0.chunk {
            write!(f, "chunk {chunk}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(cause) = &self.0.cause {
            write!(f, " ({cause})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} error: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    /// The cause, whose text also ends the sentence.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_without_secrets_whatever_it_is_made_of() {
        let hostile = format!("\x1b[2J\n{} https://u:v@host/a?t=1", "long ".repeat(10_000));
        let error = Error::data(&*hostile).at("https://u:v@host/a b?t=1\r").because(&hostile);
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(char::is_control) && text.chars().count() < 4000, "{text}");
            assert!(!text.contains("u:v") && !text.contains("t=1"), "{text}");
        }
        assert!(error.to_string().starts_with("https://***@host/a b?***: "), "{error}");
    }

    #[test]
    fn an_error_tells_what_it_came_from() {
        let error = Error::data("cannot be read").at("a.zarr").because("no  such\nfile");
        assert_eq!(std::error::Error::source(&error).map(ToString::to_string).as_deref(), Some("no such file"));
        assert_eq!((error.path(), error.chunk()), (Some("a.zarr"), None));
        assert_eq!(error.to_string(), "a.zarr: cannot be read (no such file)");
        assert!(std::error::Error::source(&Error::usage("nothing")).is_none());
    }
}
