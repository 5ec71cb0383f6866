//! The server of a page: connections, answers, and streams of events.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, sleep};
use tokio_io_timeout::TimeoutStream;

use super::feed::{Feed, Told};
use super::files;
use super::requests::{Asked, Door};
use crate::error::{Error, Result};
use crate::report::Report;

/// Connections at a time; more are closed at once.
const MOST: usize = 1024;
/// How long a reader may take nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a request may take to come.
const REQUEST: Duration = Duration::from_secs(10);
/// How often a stream says something, so that each side notices when the other has gone.
const PULSE: Duration = Duration::from_secs(15);
/// How often progress is told.
const TICK: Duration = Duration::from_secs(1);
/// How long readers have to hear that the analysis has ended.
const FAREWELL: Duration = Duration::from_millis(200);
/// Bytes of a request at most.
const LONGEST: usize = 16 << 10;
/// Threads that read files.
const READERS: usize = 4;

/// What a server serves.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) door: Door,
    pub(super) feed: Arc<Feed>,
    /// The folder of the results.
    pub(super) results: PathBuf,
    /// The page.
    pub(super) page: String,
    /// The last report that was made, and after how many epochs.
    pub(super) report: Mutex<Option<(u64, Bytes)>>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Serves on a thread of its own until the feed has ended.
pub(super) fn start(listener: TcpListener, served: Served) -> Result<JoinHandle<()>> {
    let refused = |error: io::Error| Error::internal("no thread for the live page can be had").because(error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(READERS)
        .build()
        .map_err(refused)?;
    let serve = move || {
        let ended = runtime.block_on(accept(listener, Arc::new(served)));
        // Streams and files that are still being sent are dropped with the sockets.
        runtime.shutdown_background();
        if let Err(error) = ended {
            tracing::error!(%error, "the live page cannot be served any more");
        }
    };
    std::thread::Builder::new().name("live page".to_owned()).spawn(serve).map_err(refused)
}

async fn accept(listener: TcpListener, served: Arc<Served>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(MOST));
    let mut told = served.feed.follow();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = told.wait_for(|told| told.has_ended) => break,
        };
        match (accepted, Arc::clone(&room).try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => drop(tokio::spawn(connection(stream, Arc::clone(&served), place))),
            // No room: the connection is dropped.
            (Ok(_), Err(_)) => {}
            // No socket can be had just now; there will be when others close.
            (Err(_), _) => sleep(Duration::from_millis(100)).await,
        }
    }
    sleep(FAREWELL).await;
    Ok(())
}

async fn connection(stream: TcpStream, served: Arc<Served>, _place: OwnedSemaphorePermit) {
    // Small events go out at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(PATIENCE));
    let service = service_fn(move |request: Request<_>| {
        let served = Arc::clone(&served);
        async move { Ok::<_, Infallible>(answer(&served, &request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(LONGEST)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    // A reader that has gone, or that is no browser, is no error of ours.
    let _ = connection.await;
}

async fn answer<B>(served: &Served, request: &Request<B>) -> Response<Body> {
    let Some(asked) = served.door.asked(request.method(), request.uri(), request.headers()) else {
        return plain(StatusCode::NOT_FOUND);
    };
    let told = || Arc::clone(&served.feed.follow().borrow());
    let mut answer = match asked {
        Asked::Page => whole("text/html; charset=utf-8", served.page.clone().into()),
        Asked::History => whole("application/json", told().history.clone()),
        Asked::Map => whole("application/json", told().map.clone()),
        Asked::Events => {
            let (to, events) = Channel::new(1);
            if request.method() == Method::GET {
                tokio::spawn(stream(Arc::clone(&served.feed), to));
            }
            typed("text/event-stream", events.boxed_unsync())
        }
        Asked::Report => report(served).await.map_or_else(later, |page| whole("text/html; charset=utf-8", page)),
        Asked::File(name, kind) => match files::file(served.results.join(name)).await {
            Ok((length, content)) => {
                let mut answer = typed(kind, content.boxed_unsync());
                answer.headers_mut().insert(CONTENT_LENGTH, length.into());
                answer
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => plain(StatusCode::NOT_FOUND),
            Err(_) => later(),
        },
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("x-frame-options"), HeaderValue::from_static("SAMEORIGIN"));
    answer
}

fn typed(kind: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn whole(kind: &'static str, bytes: Bytes) -> Response<Body> {
    typed(kind, Full::new(bytes).boxed_unsync())
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Empty::new().boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// The report of the results in place; `None` while there are none, or while they are being replaced. One is made at a time,
/// and kept until an epoch ends.
async fn report(served: &Served) -> Option<Bytes> {
    let mut made = served.report.lock().await;
    let published = served.feed.follow().borrow().published;
    if let Some((_, page)) = made.as_ref().filter(|(of, _)| *of == published) {
        return Some(page.clone());
    }
    let results = served.results.clone();
    let page = spawn_blocking(move || Report::open(results)?.render()).await.ok()?.ok()?;
    let page = Bytes::from(page);
    *made = Some((published, page.clone()));
    Some(page)
}

/// What is asked for is being written just now.
fn later() -> Response<Body> {
    let text = "The results are not there yet, or are being replaced. Load this page again in a moment.\n";
    let mut answer = whole("text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// Sends what is told, from now on until the analysis has ended or the reader has gone. A reader that is slow gets what is told
/// when it has taken the last event.
async fn stream(feed: Arc<Feed>, mut to: Sender<Bytes>) {
    let mut told = feed.follow();
    if to.send_data(Bytes::from_static(b"retry: 2000\n\n")).await.is_err() {
        return;
    }
    loop {
        let now = Arc::clone(&told.borrow_and_update());
        if to.send_data(event("epoch", now.version, &now.event)).await.is_err() || now.has_ended {
            return;
        }
        if !wait(&feed, &mut told, now.is_working, &mut to).await {
            return;
        }
    }
}

/// Waits until something else is told, with signs of life meanwhile. Returns whether the reader is still there.
async fn wait(feed: &Feed, told: &mut watch::Receiver<Arc<Told>>, is_working: bool, to: &mut Sender<Bytes>) -> bool {
    let (mut ticks, mut last, mut spoken) = (interval(TICK), Bytes::new(), Instant::now());
    loop {
        tokio::select! {
            changed = told.changed() => return changed.is_ok(),
            _ = ticks.tick() => {}
        }
        let progress = if is_working { feed.progress() } else { Bytes::new() };
        if progress == last && spoken.elapsed() <= PULSE {
            continue;
        }
        (last, spoken) = (progress, Instant::now());
        if to.send_data(event("progress", 0, &last)).await.is_err() {
            return false;
        }
    }
}

/// An event with its data, which are on one line.
fn event(name: &str, id: u64, data: &[u8]) -> Bytes {
    let head = match id {
        0 => format!("event: {name}\ndata: "),
        id => format!("event: {name}\nid: {id}\ndata: "),
    };
    [head.as_bytes(), data, b"\n\n"].concat().into()
}
