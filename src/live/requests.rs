//! What requests ask for, and which of them get it.

use hyper::header::{HOST, HeaderMap};
use hyper::{Method, Uri};

use crate::error::{Error, Result};

/// Who may come in: those who know the token, and name the host by its right name.
#[derive(Debug)]
pub(super) struct Door {
    token: String,
    host: String,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The page itself.
    Page,
    /// The stream of epochs.
    Events,
    /// The lines of all epochs.
    History,
    /// The map of chunks.
    Map,
    /// The report of the results.
    Report,
    /// A file of the results, and its type.
    File(&'static str, &'static str),
}

/// The files that are served.
const FILES: [(&str, &str); 6] = [
    ("summary.json", "application/json"),
    ("run.json", "application/json"),
    ("overview.png", "image/png"),
    ("branches.csv", "text/csv; charset=utf-8"),
    ("nodes.csv", "text/csv; charset=utf-8"),
    ("skeletons.csv", "text/csv; charset=utf-8"),
];

impl Door {
    /// A door with a new token, on a host.
    pub(super) fn new(host: &str) -> Result<Door> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)
            .map_err(|error| Error::internal("the system gives no random numbers").because(error))?;
        let token = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Door { token, host: host.to_owned() })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// What a request gets; `None` if it gets nothing.
    pub(super) fn asked(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Asked> {
        if !matches!(*method, Method::GET | Method::HEAD) || !self.is_named(headers) {
            return None;
        }
        let (token, name) = uri.path().strip_prefix('/')?.split_once('/')?;
        if !is_same(token.as_bytes(), self.token.as_bytes()) {
            return None;
        }
        Some(match name {
            "" => Asked::Page,
            "events" => Asked::Events,
            "history.json" => Asked::History,
            "map.json" => Asked::Map,
            "report.html" => Asked::Report,
            _ => FILES.iter().find(|(file, _)| *file == name).map(|&(file, kind)| Asked::File(file, kind))?,
        })
    }

    /// Whether a request names this host, and once: an address in numbers, which no name of another site resolves to behind
    /// a browser's back, `localhost`, or the name that the page was opened on.
    fn is_named(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        name.parse::<std::net::IpAddr>().is_ok()
            || [&*self.host, "localhost"].iter().any(|own| name.eq_ignore_ascii_case(own))
    }
}

/// Whether two tokens are the same; takes the same time wherever they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(door: &Door, method: &Method, path: &str, hosts: &[&str]) -> Option<Asked> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        door.asked(method, &path.parse().unwrap(), &headers)
    }

    #[test]
    fn only_requests_with_the_token_and_the_right_host_get_something() {
        let door = Door::new("microscope.lab").unwrap();
        let token = door.token().to_owned();
        let path = |name: &str| format!("/{token}/{name}");
        for host in ["127.0.0.1:8080", "localhost:1", "[::1]:80", "Microscope.Lab:80", "10.0.0.7"] {
            assert_eq!(asked(&door, &Method::GET, &path(""), &[host]), Some(Asked::Page), "{host}");
        }
        for hosts in [&["evil.example"][..], &[], &["localhost", "evil.example"], &["localhost.evil.example"], &[""]] {
            assert_eq!(asked(&door, &Method::GET, &path(""), hosts), None, "{hosts:?}");
        }
        let host = ["localhost"];
        assert_eq!(asked(&door, &Method::GET, &path("events"), &host), Some(Asked::Events));
        assert!(matches!(
            asked(&door, &Method::GET, &path("branches.csv"), &host),
            Some(Asked::File("branches.csv", _))
        ));
        for name in
            ["../Cargo.toml", "..%2fsummary.json", "%2e%2e/summary.json", "a/summary.json", "summary.json/", "state"]
        {
            assert_eq!(asked(&door, &Method::GET, &path(name), &host), None, "{name}");
        }
        for other in
            ["/", "/events", "/summary.json", "/0123456789abcdef0123456789abcdef/", "//", &format!("/{}", &token)]
        {
            assert_eq!(asked(&door, &Method::GET, other, &host), None, "{other}");
        }
        assert_eq!(asked(&door, &Method::POST, &path(""), &host), None);
    }

    #[test]
    fn every_page_has_a_token_of_its_own() {
        let [one, other] = [(); 2].map(|()| Door::new("localhost").unwrap());
        assert!(one.token() != other.token() && one.token().len() == 32);
    }
}
