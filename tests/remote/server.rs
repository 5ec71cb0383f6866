//! A small web server on loopback that serves the files of a folder, and fails where it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The first byte of a connection that is to be secure.
const TLS: u8 = 0x16;

/// Between two bytes of what trickles.
const TRICKLE: Duration = Duration::from_millis(50);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// From the first slash to the question mark.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) range: Option<String>,
}

/// What the server does about a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reply {
    /// The file, or the part of it that was asked for.
    File,
    /// The whole file, as servers give it that know no parts.
    Whole,
    /// The file in another form than it is stored in, which its headers name.
    Encoded,
    /// The file as it is stored, with headers that name another form.
    Labelled,
    /// No file but this status.
    Status(u16),
    /// A page for people, as if it were the file.
    Page,
    /// No file, but the name of the region that has the bucket.
    Elsewhere,
    /// All headers and half the body; then the connection ends.
    Half,
    /// Nothing, on a connection that stays.
    Silence,
    /// Headers without a length, and then zeros without end.
    Endless,
    /// The same, a byte every now and then.
    Trickle,
    /// Headers without end, a byte every now and then.
    TricklingHeaders,
    /// The beginning of a part of a body, whose length has no end, a byte every now and then.
    TricklingLength,
    /// The way to the same file by another address, relative to this one, and a body without end.
    Redirect,
    /// The way to here, without end.
    Circle,
    /// The end of a body, and then lines behind it, without end.
    TricklingTrailers,
    /// A status, with a body that a terminal would act on.
    Hostile(u16),
    /// Nothing to this or any other request, and nobody listens any more.
    Death,
}

/// What is done about a request, by how many there were for the same path before.
type Behaviour = dyn Fn(&Request, usize) -> Reply + Send + Sync;

struct Shared {
    root: PathBuf,
    behaviour: Box<Behaviour>,
    requests: Mutex<Vec<Request>>,
    streams: Mutex<Vec<TcpStream>>,
    is_dead: AtomicBool,
}

/// A server that ends when it is dropped.
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: String,
    listening: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the files of a folder.
    pub(crate) fn of(root: &Path) -> Server {
        Server::with(root, |_, _| Reply::File)
    }

    /// Serves the files of a folder in its own way.
    pub(crate) fn with(root: &Path, behaviour: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port").to_string();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            behaviour: Box::new(behaviour),
            requests: Mutex::default(),
            streams: Mutex::default(),
            is_dead: AtomicBool::new(false),
        });
        let listening = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if shared.is_dead.load(Ordering::SeqCst) {
                        break;
                    }
                    let stream = stream.expect("a connection");
                    shared.streams.lock().expect("no panic").push(stream.try_clone().expect("a connection"));
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || shared.answer_all(&stream));
                }
            })
        };
        Server { shared, address, listening: Some(listening) }
    }

    /// The address of a file.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.die();
        let _ = TcpStream::connect(&self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Shared {
    fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        for stream in self.streams.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Answers the requests of a connection, until either side ends it.
    fn answer_all(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        if reader.fill_buf().is_ok_and(|bytes| bytes.first() == Some(&TLS)) {
            // As servers do that know no security.
            let mut stream = stream;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.shutdown(Shutdown::Write);
            return;
        }
        while let Some(request) = read_request(&mut reader) {
            let before = {
                let mut requests = self.requests.lock().expect("no panic");
                requests.push(request.clone());
                requests.iter().filter(|it| it.path == request.path).count() - 1
            };
            let reply =
                if self.is_dead.load(Ordering::SeqCst) { Reply::Death } else { (self.behaviour)(&request, before) };
            let goes_on = match reply {
                Reply::Death => {
                    self.die();
                    false
                }
                Reply::Silence => {
                    while !self.is_dead.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    false
                }
                Reply::Endless => pour(stream, b"\r\n", &[0; 1 << 16], Duration::ZERO),
                Reply::Trickle => pour(stream, b"\r\n", b"0", TRICKLE),
                Reply::TricklingHeaders => pour(stream, b"X-Header: ", b"0", TRICKLE),
                Reply::TricklingLength => pour(stream, b"Transfer-Encoding: chunked\r\n\r\n1;", b"0", TRICKLE),
                Reply::Redirect => {
                    let name = request.path.rsplit('/').next().unwrap_or_default();
                    let way = format!("Location: {name}?again\r\n\r\n");
                    pour_with(stream, 302, way.as_bytes(), &[0; 1 << 16], TRICKLE)
                }
                Reply::Circle => send(stream, &request, 307, &format!("Location: {}\r\n", request.path), b"", 1),
                Reply::TricklingTrailers => {
                    pour(stream, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", TRICKLE)
                }
                Reply::Hostile(status) => {
                    let body = format!("<Error><Code>\x1b[2J\nanabranch: {}</Code></Error>", "fine ".repeat(2000));
                    send(stream, &request, status, "", body.as_bytes(), 1)
                }
                Reply::Elsewhere => send(stream, &request, 301, "x-amz-bucket-region: eu-north-1\r\n", b"", 1),
                Reply::Page => send(stream, &request, 200, "", b"<!doctype html><title>Not found</title>", 1),
                Reply::Status(status) => send(stream, &request, status, "", b"<Error><Code>Planned</Code></Error>", 1),
                Reply::File | Reply::Whole | Reply::Half | Reply::Encoded | Reply::Labelled => {
                    self.send_file(stream, &request, reply)
                }
            };
            if !goes_on {
                break;
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn send_file(&self, stream: &TcpStream, request: &Request, reply: Reply) -> bool {
        let path = self.root.join(request.path.trim_start_matches('/'));
        let Ok(bytes) = std::fs::read(path) else { return send(stream, request, 404, "", b"not here", 1) };
        let encoding = "Content-Encoding: gzip\r\n";
        match reply {
            Reply::Encoded => return send(stream, request, 200, encoding, &[b"\x1f\x8b\x08", &bytes[..]].concat(), 1),
            Reply::Labelled => return send(stream, request, 200, encoding, &bytes, 1),
            _ => {}
        }
        let divisor = if reply == Reply::Half { 2 } else { 1 };
        let range = request.range.as_deref().filter(|_| reply != Reply::Whole);
        let Some(range) = range else { return send(stream, request, 200, "", &bytes, divisor) };
        let (from, to) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).expect("a range");
        let end = bytes.len();
        let (from, to) = match from {
            "" => (end.saturating_sub(to.parse().expect("a number")), end),
            from => (from.parse().expect("a number"), end.min(to.parse::<usize>().expect("a number") + 1)),
        };
        if from >= to {
            return send(stream, request, 416, "", b"", 1);
        }
        let header = format!("Content-Range: bytes {from}-{}/{end}\r\n", to - 1);
        send(stream, request, 206, &header, &bytes[from..to], divisor)
    }
}

/// Sends an answer that has no end, until nobody takes it any more.
fn pour(stream: &TcpStream, begin: &[u8], more: &[u8], pause: Duration) -> bool {
    pour_with(stream, 200, begin, more, pause)
}

fn pour_with(mut stream: &TcpStream, status: u16, begin: &[u8], more: &[u8], pause: Duration) -> bool {
    let first = format!("HTTP/1.1 {status} Status\r\n");
    let mut sent = stream.write_all(first.as_bytes()).and_then(|()| stream.write_all(begin));
    while sent.is_ok() {
        std::thread::sleep(pause);
        sent = stream.write_all(more);
    }
    false
}

/// The next request of a connection; `None` where there is none.
fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        reader.by_ref().read_line(&mut line).ok().filter(|&n| n > 0).map(|_| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut range = None;
    loop {
        let header = line()?;
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.trim().to_owned());
        }
    }
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), range })
}

/// Sends an answer, or the part of it that is left when its body is divided; gives whether the connection goes on.
fn send(mut stream: &TcpStream, request: &Request, status: u16, header: &str, body: &[u8], divisor: usize) -> bool {
    let length = body.len();
    let mut answer = format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n{header}\r\n").into_bytes();
    if request.method != "HEAD" {
        answer.extend(&body[..length / divisor]);
    }
    stream.write_all(&answer).is_ok() && divisor == 1
}
