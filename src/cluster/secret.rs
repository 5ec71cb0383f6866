//! The secret that the processes of a run share, and how they prove that they know it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

/// Bytes of a random secret.
const BYTES: usize = 32;
/// Minimum length of a secret in bytes; shorter ones could be guessed.
const LEAST: usize = 16;
/// Bytes of a proof.
pub(super) const PROOF: usize = 32;
/// Bytes of a challenge.
pub(super) const CHALLENGE: usize = 32;

/// A number that is used once, so that an overheard proof proves nothing later.
pub(super) type Challenge = [u8; CHALLENGE];

/// The secret of a run: a process that cannot prove that it knows it takes no part.
///
/// ```
/// use anabranch::cluster::Secret;
///
/// assert!(Secret::new(b"correct horse battery staple").is_ok());
/// assert!(Secret::new(b"too short").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

/// The end of a connection that makes a proof: the proof of one end does not hold for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Calling,
    Listening,
}

/// The challenges of both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenges {
    pub(super) calling: Challenge,
    pub(super) listening: Challenge,
}

impl Secret {
    /// A secret from bytes that the user has chosen: at least 16, and hard to guess.
    ///
    /// # Errors
    /// `Usage` if there are fewer.
    pub fn new(bytes: &[u8]) -> Result<Secret> {
        if bytes.len() < LEAST {
            let message = format!(
                "the secret of the processes has {} bytes; give at least {LEAST}, such as those of: openssl rand -hex 32",
                bytes.len()
            );
            return Err(Error::usage(message));
        }
        Ok(Secret(bytes.into()))
    }

    /// A secret of 32 bytes from the operating system's source of random numbers.
    ///
    /// # Errors
    /// `Internal` if the system gives none.
    pub fn random() -> Result<Secret> {
        Ok(Secret(Arc::new(random::<BYTES>().map_err(no_random)?)))
    }

    /// No secret: any program on this machine can take part. For processes that all listen on loopback addresses.
    pub fn none() -> Secret {
        Secret(Arc::new([]))
    }

    /// Whether there is no secret.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes a random secret, for a process that reads it with [`Secret::read`].
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.0).and_then(|()| to.flush())
    }

    /// Reads a random secret that another process has written.
    ///
    /// # Errors
    /// If 32 bytes do not come.
    pub fn read(from: &mut impl Read) -> io::Result<Secret> {
        let mut bytes = [0; BYTES];
        from.read_exact(&mut bytes)?;
        Ok(Secret(Arc::new(bytes)))
    }

    /// Refuses addresses that programs on other machines may reach, if there is no secret.
    ///
    /// # Errors
    /// `Usage` if an address is not one of the loopback interface, or has no meaning.
    pub fn require_for(&self, addresses: &[String]) -> Result<()> {
        let is_loopback = |address: &String| {
            let found: io::Result<Vec<_>> = address.to_socket_addrs().map(Iterator::collect);
            found.is_ok_and(|found| !found.is_empty() && found.iter().all(|address| address.ip().is_loopback()))
        };
        match addresses.iter().find(|address| self.is_none() && !is_loopback(address)) {
            Some(address) => Err(open_to_all(address)),
            None => Ok(()),
        }
    }

    /// The same for the address that a process listens at.
    pub(super) fn require_at(&self, address: IpAddr) -> Result<()> {
        if self.is_none() && !address.is_loopback() { Err(open_to_all(&address)) } else { Ok(()) }
    }

    /// The proof that one end of a connection knows the secret and has said these bytes.
    pub(super) fn proof(&self, end: Side, challenges: &Challenges, said: &[u8]) -> [u8; PROOF] {
        self.code(end, challenges, said).finalize().into_bytes().into()
    }

    /// Whether a proof is that of an end of a connection that has said these bytes. Takes the same time for any proof.
    pub(super) fn is_proved(&self, proof: &[u8], end: Side, challenges: &Challenges, said: &[u8]) -> bool {
        self.code(end, challenges, said).verify_slice(proof).is_ok()
    }

    fn code(&self, end: Side, challenges: &Challenges, said: &[u8]) -> Hmac<Sha256> {
        // Of one length, so that no two lists of parts make the same bytes.
        let end: &[u8; 24] = match end {
            Side::Calling => b"anabranch member calls: ",
            Side::Listening => b"anabranch member hears: ",
        };
        let code = Hmac::<Sha256>::new_from_slice(&self.0);
        let mut code = code.unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        for part in [end, &challenges.calling[..], &challenges.listening, said] {
            code.update(part);
        }
        code
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_none() { "Secret::none()" } else { "Secret(…)" })
    }
}

/// A challenge that cannot be foreseen.
pub(super) fn challenge() -> io::Result<Challenge> {
    random().map_err(io::Error::other)
}

fn random<const N: usize>() -> std::result::Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn no_random(error: getrandom::Error) -> Error {
    Error::internal("the operating system gives no random numbers").because(error)
}

fn open_to_all(address: &impl fmt::Display) -> Error {
    Error::usage(format!(
        "{address} is not an address of the loopback interface, and without a secret any program that reaches it could \
         take part; give all processes the same secret, with --secret FILE or ANABRANCH_SECRET"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn challenges() -> Challenges {
        Challenges { calling: [1; CHALLENGE], listening: [2; CHALLENGE] }
    }

    #[test]
    fn a_proof_holds_for_its_secret_its_end_its_challenges_and_what_was_said() {
        let [secret, other] = [0, 1].map(|_| Secret::random().unwrap());
        let proof = secret.proof(Side::Calling, &challenges(), b"words");
        assert!(secret.is_proved(&proof, Side::Calling, &challenges(), b"words"));
        let later = Challenges { listening: [3; CHALLENGE], ..challenges() };
        let swapped = Challenges { calling: [2; CHALLENGE], listening: [1; CHALLENGE] };
        let mut damaged = proof;
        damaged[31] ^= 1;
        for proved in [
            other.is_proved(&proof, Side::Calling, &challenges(), b"words"),
            Secret::none().is_proved(&proof, Side::Calling, &challenges(), b"words"),
            secret.is_proved(&proof, Side::Listening, &challenges(), b"words"),
            secret.is_proved(&proof, Side::Calling, &later, b"words"),
            secret.is_proved(&proof, Side::Calling, &swapped, b"words"),
            secret.is_proved(&proof, Side::Calling, &challenges(), b"word"),
            secret.is_proved(&damaged, Side::Calling, &challenges(), b"words"),
            secret.is_proved(&proof[..31], Side::Calling, &challenges(), b"words"),
            secret.is_proved(b"", Side::Calling, &challenges(), b"words"),
        ] {
            assert!(!proved);
        }
    }

    #[test]
    fn a_secret_is_read_as_it_was_written_and_shown_to_nobody() {
        let secret = Secret::random().unwrap();
        let mut written = Vec::new();
        secret.write(&mut written).unwrap();
        assert_eq!(Secret::read(&mut &written[..]).unwrap(), secret);
        assert!(Secret::read(&mut &written[1..]).is_err());
        assert_eq!(format!("{secret:?} {:?}", Secret::none()), "Secret(…) Secret::none()");
    }

    #[test]
    fn without_a_secret_only_loopback_addresses_will_do() {
        let require = |secret: &Secret, address: &str| secret.require_for(&["127.0.0.1:1".into(), address.into()]);
        for address in ["127.0.0.1:9000", "[::1]:9000", "127.8.9.1:80"] {
            require(&Secret::none(), address).unwrap();
        }
        for address in ["0.0.0.0:9000", "192.168.1.5:9000", "[::]:9000", "host.invalid:9000", "no port"] {
            let error = require(&Secret::none(), address).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.to_string().starts_with(address) && error.to_string().contains("--secret"), "{error}");
            require(&Secret::random().unwrap(), address).unwrap();
        }
        assert!(Secret::new(&[7; 15]).is_err() && Secret::new(&[7; 16]).is_ok());
    }
}
