//! Files on a server, by HTTP: reads them whole or in part, or checks that they exist.
//!
//! Temporary failures are retried, with growing pauses: a server that cannot be reached, that is silent or too slow,
//! breaks off, or answers that it is busy or has failed. Any other answer than a file, or that it does not exist (404),
//! is an error. No answer may be longer than expected, and none may take forever: its headers must come within the
//! server's patience, and its body within the limits of [`body`].

mod body;
#[cfg(feature = "s3")]
mod s3;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, http::Response};

use self::body::BodyPart;
use crate::error::{Error, Kind, Result};
use crate::text::masked;

/// How long a server that fails is retried by default.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first pause before a retry, and the longest one.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Attempts with a server that has never answered: its address is probably wrong.
const TRIES_OF_A_STRANGER: usize = 3;

/// Largest number of redirects.
const REDIRECTS: u32 = 10;

/// Bytes read of an answer with an error message.
const REASON: u64 = 16 << 10;

/// A folder of files on a server.
pub(crate) struct Server {
    agent: Agent,
    place: Place,
    /// How long it may be silent, and how long it is retried after a failure.
    patience: Duration,
    has_answered: AtomicBool,
    /// How it encodes what it sends, if it has sent a file in another form than it was asked for.
    encoding: OnceLock<String>,
}

/// The location of the folder.
enum Place {
    /// Its address, and the query of each request, without the `?`.
    Address { folder: String, query: Option<String> },
    #[cfg(feature = "s3")]
    Bucket(Box<s3::Prefix>),
}

/// The part of a file that is requested.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Presence,
    All { most: u64, likely: u64 },
    Last { length: u64, most: u64 },
    Part { offset: u64, length: u64 },
}

/// The reason for a missing answer.
enum Trouble {
    /// A temporary failure.
    Passing(Error),
    Lasting(Error),
    /// The file may not be read, and perhaps does not exist.
    Forbidden(Error),
}

/// The answer of a server to a request for a file.
pub(crate) enum Answer {
    File(Vec<u8>),
    Absent,
    /// The server does not reveal whether the file exists. Buckets without permission to list them answer so for
    /// missing files.
    Forbidden(Error),
}

impl Server {
    /// The folder at an address, `http://`, `https://` or, with that feature, `s3://`; makes no request yet.
    ///
    /// # Errors
    /// `Usage` if the environment lacks the settings for a bucket.
    pub(crate) fn new(address: &str, patience: Option<Duration>) -> Result<Server> {
        let place = match address.split_once("://") {
            #[cfg(feature = "s3")]
            Some((scheme, path)) if scheme.eq_ignore_ascii_case("s3") => {
                Place::Bucket(Box::new(s3::Prefix::of(path, |name| std::env::var(name).ok())?))
            }
            _ => {
                let address = address.split('#').next().unwrap_or_default();
                let (folder, query) = address.split_once('?').map_or((address, None), |(it, query)| (it, Some(query)));
                let folder = folder.trim_end_matches('/').to_owned();
                Place::Address { folder, query: query.map(str::to_owned) }
            }
        };
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder().http_status_as_error(false).tls_config(tls).accept_encoding("identity");
        // Redirects are followed here: ureq would read the bodies that come with them.
        let config = config.max_redirects(0).max_redirects_will_error(false);
        let agent = config.max_idle_connections_per_host(64).max_idle_connections(64).build().new_agent();
        let (patience, has_answered) = (patience.unwrap_or(PATIENCE), AtomicBool::new(false));
        Ok(Server { agent, place, patience, has_answered, encoding: OnceLock::new() })
    }

    /// The address of a file, as messages name it: without possible secrets.
    pub(crate) fn name(&self, key: &str) -> PathBuf {
        let folder = match &self.place {
            Place::Address { folder, .. } => folder,
            #[cfg(feature = "s3")]
            Place::Bucket(prefix) => prefix.name(),
        };
        let folder = masked(folder);
        PathBuf::from(if key.is_empty() { folder.into_owned() } else { format!("{folder}/{key}") })
    }

    /// The parent of this folder, and the name in it; `None` if an address has no more parts.
    pub(crate) fn parent(&self) -> Option<(Server, String)> {
        let (place, name) = match &self.place {
            Place::Address { folder, query } => {
                let (scheme, rest) = folder.split_once("://")?;
                let (parent, name) = rest.rsplit_once('/')?;
                let place = Place::Address { folder: format!("{scheme}://{parent}"), query: query.clone() };
                (place, decoded(name))
            }
            #[cfg(feature = "s3")]
            Place::Bucket(prefix) => {
                let (parent, name) = prefix.parent()?;
                (Place::Bucket(Box::new(parent)), name)
            }
        };
        let has_answered = AtomicBool::new(self.has_answered.load(Ordering::Relaxed));
        let (agent, patience, encoding) = (self.agent.clone(), self.patience, OnceLock::new());
        Some((Server { agent, place, patience, has_answered, encoding }, name))
    }

    /// How a file that was sent is encoded, such as `gzip`, although it was asked for as it is; `None` if none was so far.
    /// A file with such a name may be stored so: then it is as it should be.
    pub(crate) fn encoding(&self) -> Option<&str> {
        self.encoding.get().map(String::as_str)
    }

    /// Requests a whole file of at most `limit` bytes. The answer may take as long as a file of `likely` bytes may.
    ///
    /// # Errors
    /// `Io` if the server does not answer, `Data` if the file is longer.
    pub(crate) fn ask_for(&self, key: &str, limit: u64, likely: u64) -> Result<Answer> {
        self.ask(key, Wanted::All { most: limit, likely })
    }

    /// The last bytes of a file, at most `most` of them, fewer if it is shorter; `None` if it does not exist.
    ///
    /// # Errors
    /// `Io` if the server does not deliver them, `Data` if the file is empty, or longer than `most` as far as the
    /// server shows.
    pub(crate) fn read_last(&self, key: &str, length: u64, most: u64) -> Result<Option<Vec<u8>>> {
        self.given(key, Wanted::Last { length, most })
    }

    /// A part of a file, cut off at its end; `None` if it does not exist.
    ///
    /// # Errors
    /// `Io` if the server does not deliver it, `Data` if the part begins behind the end.
    pub(crate) fn read_part(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>> {
        self.given(key, Wanted::Part { offset, length })
    }

    /// Returns whether a file exists.
    ///
    /// # Errors
    /// `Io` if the server does not answer.
    pub(crate) fn contains(&self, key: &str) -> Result<bool> {
        Ok(self.given(key, Wanted::Presence)?.is_some())
    }

    /// Requests a part of a file; `None` if it does not exist.
    fn given(&self, key: &str, wanted: Wanted) -> Result<Option<Vec<u8>>> {
        match self.ask(key, wanted)? {
            Answer::File(bytes) => Ok(Some(bytes)),
            Answer::Absent => Ok(None),
            Answer::Forbidden(error) => Err(error),
        }
    }

    /// Makes a request until it is answered, or the patience is over.
    fn ask(&self, key: &str, wanted: Wanted) -> Result<Answer> {
        let [mut pause, longest] = PAUSES;
        let (mut until, begin) = (None, Instant::now());
        for tries in 1.. {
            let left = until.map_or(self.patience, |until: Instant| until.saturating_duration_since(Instant::now()));
            let error = match self.try_to_ask(key, wanted, left.max(PAUSES[0])) {
                Ok(answer) => return Ok(answer.map_or(Answer::Absent, Answer::File)),
                Err(Trouble::Forbidden(error)) => return Ok(Answer::Forbidden(error.at(self.name(key)))),
                Err(Trouble::Lasting(error)) => return Err(error.at(self.name(key))),
                Err(Trouble::Passing(error)) => error,
            };
            let now = Instant::now();
            let until = *until.get_or_insert(now + self.patience);
            // After so long, another attempt would take as long again.
            let is_late = now - begin >= body::SPANS * self.patience;
            let is_stranger = !self.has_answered.load(Ordering::Relaxed);
            if now + pause >= until || is_late || is_stranger && tries >= TRIES_OF_A_STRANGER {
                return Err(error.at(self.name(key)));
            }
            std::thread::sleep(pause);
            pause = (2 * pause).min(longest);
        }
        Ok(Answer::Absent)
    }

    fn try_to_ask(&self, key: &str, wanted: Wanted, left: Duration) -> std::result::Result<Option<Vec<u8>>, Trouble> {
        let mut url = self.url(key, wanted);
        // A signature is for one address, and an answer about a bucket elsewhere says so.
        let redirects = if matches!(self.place, Place::Address { .. }) { REDIRECTS } else { 0 };
        for _ in 0..redirects {
            let response = self.send(&url, wanted, left)?;
            match redirect(&response, &url) {
                Some(other) => url = other,
                None => return self.answer(response, wanted, left),
            }
        }
        let response = self.send(&url, wanted, left)?;
        if redirects > 0 && redirect(&response, &url).is_some() {
            let message = "leads from one address to another without end; check the address";
            return Err(Trouble::Lasting(Error::new(Kind::Io, message)));
        }
        self.answer(response, wanted, left)
    }

    /// Makes one request.
    fn send(&self, url: &str, wanted: Wanted, left: Duration) -> std::result::Result<Response<Body>, Trouble> {
        let is_secure = url.starts_with("https");
        let request = if wanted == Wanted::Presence { self.agent.head(url) } else { self.agent.get(url) };
        let request = match wanted {
            Wanted::Presence | Wanted::All { .. } => request,
            Wanted::Last { length, .. } => request.header("Range", format!("bytes=-{length}")),
            Wanted::Part { offset, length } => {
                let last = offset.saturating_add(length).saturating_sub(1);
                request.header("Range", format!("bytes={offset}-{last}"))
            }
        };
        let limits = request.config().timeout_resolve(Some(left)).timeout_connect(Some(left));
        let limits = limits.timeout_send_request(Some(left)).timeout_recv_response(Some(left));
        // Parts of a body that ureq does not return byte by byte have a deadline too.
        let limits = limits.timeout_recv_body(Some(body::deadline(most(wanted), left)));
        let request = limits.timeout_per_read(Some(left)).timeout_per_write(Some(left)).build();
        let response = request.call().map_err(|error| unreached(error, is_secure))?;
        self.has_answered.store(true, Ordering::Relaxed);
        Ok(response)
    }

    /// The content of an answer.
    fn answer(
        &self,
        mut response: Response<Body>,
        wanted: Wanted,
        left: Duration,
    ) -> std::result::Result<Option<Vec<u8>>, Trouble> {
        match response.status().as_u16() {
            200 | 206 => {
                if let Some(encoding) = encoding(&response) {
                    self.encoding.get_or_init(|| encoding);
                }
                taken(&mut response, wanted, left).map(Some)
            }
            404 => Ok(None),
            410 => Err(Trouble::Lasting(gone())),
            416 => Err(Trouble::Lasting(cut_off())),
            status => Err(self.refused(status, &mut response, left)),
        }
    }

    /// The address of a request for a file.
    fn url(&self, key: &str, wanted: Wanted) -> String {
        let _ = wanted;
        match &self.place {
            Place::Address { folder, query } => {
                let encoded = encoded(key);
                let query = query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
                format!("{folder}/{encoded}{query}")
            }
            #[cfg(feature = "s3")]
            Place::Bucket(prefix) => prefix.url(key, wanted == Wanted::Presence),
        }
    }

    /// The trouble with an answer that is not a file.
    fn refused(&self, status: u16, response: &mut Response<Body>, left: Duration) -> Trouble {
        let region = response.headers().get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
        let is_name = |region: &&str| region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let region = region.filter(is_name).map(str::to_owned);
        let piece = BodyPart::Part { offset: 0, length: REASON };
        // A failure to read the message matters less than the status.
        let text = body::read(response.body_mut().as_reader(), piece, None, left).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        // S3 has a name for each error.
        let name = text.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0));
        let named = name.map_or_else(|| status.to_string(), |name| format!("{status}, {name}"));
        let error = |sentence: &str| Error::new(Kind::Io, sentence).because(format!("the server answers {named}"));
        match (status, region) {
            (408 | 429 | 500.., _) => {
                Trouble::Passing(error("cannot be read, since its server is busy or has failed; try again later"))
            }
            (301 | 307 | 400, Some(region)) => {
                Trouble::Lasting(error(&format!("is in a bucket of another region; set AWS_REGION to {region}")))
            }
            (401 | 403, _) => Trouble::Forbidden(error(self.forbidden())),
            _ => Trouble::Lasting(error("cannot be read from its server; check the address")),
        }
    }

    /// The message for a file that a server refuses.
    fn forbidden(&self) -> &'static str {
        match &self.place {
            Place::Address { .. } => "may not be read; check the address and ask for the permission to read it",
            #[cfg(feature = "s3")]
            Place::Bucket(_) => {
                "may not be read, or is missing in a bucket that may not be listed; check the credentials, and have them \
                 permit s3:GetObject and s3:ListBucket"
            }
        }
    }
}

/// The target of a redirect, relative to the requested address; `None` if an answer is not a redirect.
fn redirect(response: &Response<Body>, url: &str) -> Option<String> {
    if ![301, 302, 303, 307, 308].contains(&response.status().as_u16()) {
        return None;
    }
    let location = response.headers().get("location")?.to_str().ok()?;
    let location = location.split('#').next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://")?;
    let path = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(path);
    let has_scheme = location.split(['/', '?']).next().is_some_and(|start| start.ends_with(':'));
    Some(match location {
        _ if has_scheme => location.to_owned(),
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{scheme}://{host}{location}"),
        _ => {
            let path = path.split('?').next().unwrap_or_default();
            let folder = path.rfind('/').map_or("", |end| &path[..end]);
            format!("{scheme}://{host}{folder}/{location}")
        }
    })
}

/// How the body of an answer is encoded; `None` if it is the file as it is.
fn encoding(response: &Response<Body>) -> Option<String> {
    let encoding = response.headers().get("content-encoding")?.to_str().ok()?.trim().to_ascii_lowercase();
    let is_name = encoding.chars().all(|c| c.is_ascii_alphanumeric() || ", -".contains(c));
    (is_name && encoding.len() < 64 && !["", "identity"].contains(&encoding.as_str())).then_some(encoding)
}

/// The number of bytes that determines how long an answer may take.
fn most(wanted: Wanted) -> u64 {
    match wanted {
        Wanted::Presence => REASON,
        Wanted::All { likely: most, .. } | Wanted::Last { most, .. } => most.max(REASON),
        Wanted::Part { offset, length } => offset.saturating_add(length).max(REASON),
    }
}

/// The requested bytes of an answer, whether or not the server supports requests for parts.
fn taken(response: &mut Response<Body>, wanted: Wanted, patience: Duration) -> std::result::Result<Vec<u8>, Trouble> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let declared: Option<u64> = header("content-length").and_then(|length| length.trim().parse().ok());
    // bytes 0-99/1000
    let range = header("content-range").and_then(|range| range.trim().strip_prefix("bytes ")?.split_once('/'));
    let first = range.and_then(|(range, _)| range.split_once('-')?.0.parse().ok());
    let piece = match (wanted, response.status().as_u16() == 206) {
        (Wanted::Presence, _) => return Ok(Vec::new()),
        (Wanted::All { most, .. }, _) => BodyPart::All { most },
        (Wanted::Last { length, .. }, true) => BodyPart::All { most: length },
        (Wanted::Last { length, most }, false) => BodyPart::Last { length, most },
        (Wanted::Part { offset, length }, false) => BodyPart::Part { offset, length },
        (Wanted::Part { offset, length }, true) if first == Some(offset) => BodyPart::All { most: length },
        (Wanted::Part { .. }, true) => {
            let message = "is given in other parts than were asked for; copy the image to a disk";
            return Err(Trouble::Lasting(Error::new(Kind::Io, message)));
        }
    };
    let broken = "broke off while it was read; check the network and the server, and try again";
    body::read(response.body_mut().as_reader(), piece, declared, patience).map_err(|trouble| match trouble {
        body::Trouble::Broken(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Trouble::Passing(Error::new(Kind::Io, broken))
        }
        body::Trouble::Broken(error) => Trouble::Passing(Error::new(Kind::Io, broken).because(error)),
        body::Trouble::TooSlow => {
            let message = "comes too slowly to be read; check the network and the server, or give more time with \
                           --server-timeout";
            Trouble::Passing(Error::new(Kind::Io, message))
        }
        body::Trouble::TooLong(most) => {
            let message = format!("has more than the {most} bytes that it can have; copy it again from where it came");
            Trouble::Lasting(Error::data(message))
        }
    })
}

/// The trouble with a request that is not answered.
fn unreached(error: ureq::Error, is_secure: bool) -> Trouble {
    use ureq::Error as E;
    let insecure = match &error {
        E::Tls(_) | E::Pem(_) | E::Rustls(_) => true,
        E::Io(error) => is_secure && error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    };
    if insecure {
        let message = "cannot be reached securely; check that the server speaks https, and that this machine trusts its \
                       certificate (SSL_CERT_FILE can name more)";
        return Trouble::Lasting(Error::new(Kind::Io, message).because(error));
    }
    match error {
        E::Io(_)
        | E::Timeout(_)
        | E::HostNotFound
        | E::ConnectionFailed
        | E::Protocol(_)
        | E::BodyStalled
        | E::ConnectProxyFailed(_) => {
            let message = "cannot be read, since its server does not answer; check the address and the network";
            Trouble::Passing(Error::new(Kind::Io, message).because(error))
        }
        E::BadUri(_) => Trouble::Lasting(Error::new(Kind::Io, "is no address that can be asked for; check it")),
        error => Trouble::Lasting(Error::new(Kind::Io, "cannot be asked for; check the address").because(error)),
    }
}

/// The error of a file that a server says it had: its content is unknown, so it is not the fill value.
fn gone() -> Error {
    Error::new(Kind::Io, "is gone from its server for good (410); copy the image again from where it came")
}

/// The error of a part behind the end of a file.
fn cut_off() -> Error {
    Error::data("is damaged or cut off; copy it again from where it came")
}

/// Percent-encodes a key as a part of an address.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Decodes a part of an address as a name.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
