//! The address that a page is served on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

/// A host and a port to listen on. By default the loopback address, which no other machine reaches, and a free port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeAddress {
    host: String,
    port: u16,
}

impl Default for ServeAddress {
    fn default() -> Self {
        ServeAddress { host: Ipv4Addr::LOCALHOST.to_string(), port: 0 }
    }
}

impl ServeAddress {
    /// The host.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    pub(super) fn listen(&self) -> std::io::Result<TcpListener> {
        let addresses: Vec<SocketAddr> = (&*self.host, self.port).to_socket_addrs()?.collect();
        let listener = TcpListener::bind(&addresses[..])?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Host and port for people: for an address that stands for all of the machine's, the loopback address.
    pub(super) fn shown(&self, bound: SocketAddr) -> String {
        let host = match bound.ip() {
            address if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            IpAddr::V6(address) if self.host.parse::<IpAddr>().is_ok() => format!("[{address}]"),
            _ => self.host.clone(),
        };
        format!("{host}:{}", bound.port())
    }
}

impl fmt::Display for ServeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for ServeAddress {
    type Err = String;

    /// Reads `HOST:PORT`, `HOST`, `PORT` or `:PORT`; hosts of IPv6 in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| text.parse().map_err(|_| format!("{text:?} is no port; give a number up to 65535"));
        let none = ServeAddress::default();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(ServeAddress { port: port(text)?, ..none });
        }
        let (host, rest) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            Some((host, rest)) => (host, rest),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(rest) => port(rest)?,
            None if rest.is_empty() => 0,
            None => return Err("is no address; give HOST:PORT, with an IPv6 address in brackets".to_owned()),
        };
        let host = if host.is_empty() { none.host } else { host.to_owned() };
        Ok(ServeAddress { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        for (text, host, port) in [
            ("8080", "127.0.0.1", 8080),
            (":8080", "127.0.0.1", 8080),
            ("0.0.0.0:80", "0.0.0.0", 80),
            ("localhost", "localhost", 0),
            ("[::1]:8080", "::1", 8080),
            ("microscope.lab:1", "microscope.lab", 1),
        ] {
            assert_eq!(text.parse(), Ok(ServeAddress { host: host.to_owned(), port }), "{text}");
        }
        for wrong in ["70000", "a:b", "::1:80", "[::1]80"] {
            assert!(wrong.parse::<ServeAddress>().is_err(), "{wrong}");
        }
    }
}
