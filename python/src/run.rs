//! A run in a thread of its own, while the interpreter goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anabranch::analysis::{Analysis, Resources, Results as Found, Running};
use anabranch::error::{Error, Kind, Result};
use anabranch::operators::failure::Failure;
use anabranch::parameters::Parameters;
use anabranch::progress::ProgressState;
use anabranch::store::{Atlas, CompanionSources, Source, accompanied, open, read_region_names};
use pyo3::prelude::*;

use crate::arrays::Array;
use crate::errors::{Raised, exception, plain};
use crate::results::Results;

/// How often signals are looked for and progress is reported.
const EVERY: Duration = Duration::from_millis(50);

/// An image: at a path, or an array.
#[derive(FromPyObject)]
pub(crate) enum Image<'py> {
    #[pyo3(transparent)]
    Array(PyRef<'py, Array>),
    #[pyo3(transparent)]
    Path(PathBuf),
}

/// Opens images while the analysis is prepared, without the interpreter's lock.
type Opening = Box<dyn FnOnce() -> Result<Box<dyn Source>> + Send>;

impl Image<'_> {
    /// What opens it, with the options for it.
    fn opening(&self, py: Python<'_>, options: &anabranch::OpenOptions, raised: &Raised) -> PyResult<Opening> {
        Ok(match self {
            Image::Array(array) => {
                let source = array.checked(py, options, raised)?;
                Box::new(move || Ok(source))
            }
            Image::Path(path) => {
                let (path, options) = (path.clone(), options.clone());
                Box::new(move || open(&path, &options))
            }
        })
    }
}

/// The images of an analysis, and what opens them.
struct Images {
    image: Opening,
    mask: Option<Opening>,
    intensity: Option<Opening>,
    atlas: Option<Opening>,
    atlas_names: Option<PathBuf>,
}

impl Images {
    /// Opens all of them.
    fn open(self, parameters: &Parameters) -> Result<Box<dyn Source>> {
        let mut with = CompanionSources::default();
        with.mask = self.mask.map(|open| open()).transpose()?;
        with.intensity = self.intensity.map(|open| open()).transpose()?;
        if let Some(open) = self.atlas {
            let names = self.atlas_names.as_deref().map(read_region_names).transpose()?;
            with.atlas = Some(Atlas::new(Arc::from(open()?), names)?);
        }
        accompanied((self.image)()?, with, &parameters.image)
    }
}

/// Analyses an image. `parameters` is JSON of `anabranch::Parameters`; `progress` is called with the stage, the chunks that
/// it is done with, those in all, and the rounds and deletions of thinning.
#[pyfunction]
#[pyo3(signature = (image, parameters, *, mask=None, intensity=None, atlas=None, atlas_names=None, chunk=None, workers=None, memory=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "they are the keywords of the Python function")]
pub(crate) fn run(
    py: Python<'_>,
    image: Image<'_>,
    parameters: &str,
    mask: Option<Image<'_>>,
    intensity: Option<Image<'_>>,
    atlas: Option<Image<'_>>,
    atlas_names: Option<PathBuf>,
    chunk: Option<Vec<usize>>,
    workers: Option<usize>,
    memory: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Results> {
    let parameters = read_parameters(py, parameters)?;
    let raised = Raised::default();
    // A region is taken of all images together.
    let mut whole = parameters.image.clone();
    whole.region = None;
    let mut plain_options = anabranch::OpenOptions::default();
    plain_options.patience = whole.patience;
    let mut exact = plain_options.clone();
    exact.labels = true;
    let companion = |image: Option<Image<'_>>, options: &anabranch::OpenOptions| {
        image.map(|image| image.opening(py, options, &raised)).transpose()
    };
    // What the library opens itself it knows by its path.
    let has_array = |image: &Option<Image<'_>>| matches!(image, Some(Image::Array(_)));
    let path = match &image {
        Image::Path(path) if ![&mask, &intensity, &atlas].into_iter().any(has_array) => Some(path.clone()),
        _ => None,
    };
    let images = Images {
        image: image.opening(py, &whole, &raised)?,
        mask: companion(mask, &plain_options)?,
        intensity: companion(intensity, &plain_options)?,
        atlas: companion(atlas, &exact)?,
        atlas_names,
    };
    let mut resources = Resources::default();
    (resources.chunk, resources.workers, resources.memory) = (chunk, workers, memory);
    let (failure, state) = (Failure::default(), Arc::new(ProgressState::new()));
    let mut running = Running::default();
    (running.failure, running.progress) = (failure.clone(), Arc::clone(&state));
    let work = move || -> Result<(Analysis, Found)> {
        let analysis = match path {
            Some(path) => Analysis::open(&path, &parameters, &resources)?,
            None => Analysis::of(Arc::from(images.open(&parameters)?), &parameters, &resources)?,
        };
        let results = analysis.run(running)?;
        Ok((analysis, results))
    };
    let (analysis, results) = watched(py, work, &failure, &state, progress.as_ref(), &raised)?;
    Ok(Results::new(analysis, results))
}

/// The parameters of JSON.
pub(crate) fn read_parameters(py: Python<'_>, text: &str) -> PyResult<Parameters> {
    serde_json::from_str(text).map_err(|error| {
        plain(py, &Error::usage("an argument has a value that does not fit; see help(anabranch.run)").because(error))
    })
}

/// Does some work in a thread of its own. Meanwhile this thread handles signals and reports progress; what either raises
/// ends the work.
pub(crate) fn watched<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
    failure: &Failure,
    state: &ProgressState,
    progress: Option<&Py<PyAny>>,
    raised: &Raised,
) -> PyResult<T> {
    let (done, mut result) = channel();
    let thread = std::thread::Builder::new().name("anabranch".to_owned()).spawn(move || {
        // The receiver waits for it, whatever happens.
        let _ = done.send(work());
    });
    let no_thread =
        |error| plain(py, &Error::internal("no thread could be started; close other programs").because(error));
    let thread = thread.map_err(no_thread)?;
    let mut ended: Option<PyErr> = None;
    let found = loop {
        let waiting = &mut result;
        match py.detach(move || waiting.recv_timeout(EVERY)) {
            Ok(found) => break Some(found),
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(exception) = ended {
            // Who asks again does not wait for the work to notice.
            if py.check_signals().is_err() {
                return Err(exception);
            }
            ended = Some(exception);
            continue;
        }
        if let Err(exception) = py.check_signals().and_then(|()| report(py, state, progress)) {
            failure.report(Error::new(Kind::Interrupted, "interrupted; there are no results"));
            ended = Some(exception);
        }
    };
    let panicked = py.detach(|| thread.join()).is_err();
    match (ended, found) {
        (Some(exception), _) => Err(exception),
        (None, Some(Ok(found))) => {
            report(py, state, progress)?;
            Ok(found)
        }
        (None, Some(Err(error))) => Err(exception(py, &error, raised)),
        (None, None) => {
            debug_assert!(panicked, "a thread that ends sends its result");
            Err(plain(
                py,
                &Error::internal("a thread has stopped; please report this with the image and the arguments"),
            ))
        }
    }
}

/// Calls `progress` with the counters, if there is one.
fn report(py: Python<'_>, state: &ProgressState, progress: Option<&Py<PyAny>>) -> PyResult<()> {
    let Some(progress) = progress else { return Ok(()) };
    let now = state.snapshot();
    progress.call1(py, (now.stage.name(), now.done, now.total, now.rounds, now.deletions)).map(drop)
}
