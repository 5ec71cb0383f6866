//! The errors of the library as exceptions.

use std::sync::{Arc, Mutex, PoisonError};

use anabranch::error::{Error, Kind};
use pyo3::prelude::*;

/// The first exception that an array raised while it was read, from any thread: the cause of the error that follows from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// Keeps an exception, and returns the error that stands for it in the analysis.
    pub(crate) fn keep(&self, exception: PyErr, name: &str) -> Error {
        let error = Error::data("the array could not be read").because(&exception).at(name);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
        error
    }

    fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The exception for an error: of the class in `anabranch._errors` that its kind names.
pub(crate) fn exception(py: Python<'_>, error: &Error, raised: &Raised) -> PyErr {
    let kind = match error.kind() {
        Kind::Usage => "UsageError",
        Kind::Data => "DataError",
        Kind::Missing => "MissingError",
        Kind::Peer => "PeerError",
        Kind::Output => "OutputError",
        Kind::Io => "InputOutputError",
        Kind::Interrupted => "InterruptedRun",
        _ => "InternalError",
    };
    let made = py
        .import("anabranch._errors")
        .and_then(|module| module.getattr("make"))
        .and_then(|make| make.call1((kind, error.to_string(), error.path(), error.kind().exit_code())));
    let made = match made {
        Ok(made) => PyErr::from_value(made),
        Err(other) => other,
    };
    if let Some(cause) = raised.take() {
        made.set_cause(py, Some(cause));
    }
    made
}

/// The exception for an error that follows from no other.
pub(crate) fn plain(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error, &Raised::default())
}
