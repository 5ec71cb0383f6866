//! Reads the body of an answer: up to a size, and with a lowest rate, however slowly it trickles.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

/// Lowest average rate in every span of a server's patience, in bytes per second.
const LEAST_RATE: u64 = 1 << 10;
/// Lowest rate of the whole body, in bytes per second, after a few times the patience.
const RATE: u64 = 256 << 10;
/// Multiple of the patience that a whole body may take in addition.
pub(super) const SPANS: u32 = 4;
/// Bytes that are read at a time.
const PART: usize = 64 << 10;

/// The part of a body that is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum BodyPart {
    /// All of it, at most this long.
    All { most: u64 },
    /// `length` bytes from `offset` on; those behind them are not read.
    Part { offset: u64, length: u64 },
    /// The last `length` bytes of a body that is at most this long.
    Last { length: u64, most: u64 },
}

/// The reason why a body was not read.
#[derive(Debug)]
pub(super) enum Trouble {
    TooLong(u64),
    TooSlow,
    Broken(std::io::Error),
}

/// The time that a body of this length may take.
pub(super) fn deadline(bytes: u64, patience: Duration) -> Duration {
    SPANS * patience + Duration::from_secs(bytes / RATE)
}

impl BodyPart {
    /// Largest number of bytes that are read for it.
    pub(super) fn most(self) -> u64 {
        match self {
            BodyPart::All { most } | BodyPart::Last { most, .. } => most,
            BodyPart::Part { offset, length } => offset.saturating_add(length),
        }
    }

    /// Whether a body with more bytes is refused.
    fn is_whole(self) -> bool {
        !matches!(self, BodyPart::Part { .. })
    }
}

/// Reads a body, for which the server may have declared a length. Holds only the wanted bytes and a small part.
pub(super) fn read(
    mut body: impl Read,
    piece: BodyPart,
    declared: Option<u64>,
    patience: Duration,
) -> Result<Vec<u8>, Trouble> {
    let most = piece.most();
    if piece.is_whole() && declared.is_some_and(|length| length > most) {
        return Err(Trouble::TooLong(most));
    }
    let mut pace = Pace::begin(deadline(declared.map_or(most, |length| length.min(most)), patience), patience);
    let (mut bytes, mut part) = (Vec::new(), vec![0; PART]);
    loop {
        // One more than allowed, if a longer body must be detected.
        let left = most.saturating_sub(pace.seen).saturating_add(u64::from(piece.is_whole()));
        let wanted = usize::try_from(left).map_or(PART, |left| left.min(PART));
        if wanted == 0 {
            break;
        }
        let count = match body.read(&mut part[..wanted]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Trouble::Broken(error)),
        };
        let before = pace.seen;
        pace.goes_on(count as u64).ok_or(Trouble::TooSlow)?;
        if pace.seen > most {
            return Err(Trouble::TooLong(most));
        }
        match piece {
            BodyPart::All { .. } => bytes.extend_from_slice(&part[..count]),
            BodyPart::Part { offset, .. } => {
                let skipped = usize::try_from(offset.saturating_sub(before)).map_or(count, |n| n.min(count));
                bytes.extend_from_slice(&part[skipped..count]);
            }
            BodyPart::Last { length, .. } => {
                bytes.extend_from_slice(&part[..count]);
                let surplus = bytes.len().saturating_sub(usize::try_from(length).unwrap_or(usize::MAX));
                // Only now and then, since the remaining bytes are moved.
                if surplus > bytes.len() / 2 + PART {
                    bytes.drain(..surplus);
                }
            }
        }
    }
    if let BodyPart::Last { length, .. } = piece {
        let surplus = bytes.len().saturating_sub(usize::try_from(length).unwrap_or(usize::MAX));
        bytes.drain(..surplus);
    }
    if declared.is_some_and(|length| piece.is_whole() && length != pace.seen) {
        return Err(Trouble::Broken(ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

/// The rate at which bytes arrive.
struct Pace {
    patience: Duration,
    until: Instant,
    seen: u64,
    /// Start of the current span, and the number of bytes at that time.
    span: (Instant, u64),
}

impl Pace {
    fn begin(deadline: Duration, patience: Duration) -> Pace {
        let now = Instant::now();
        let until = now.checked_add(deadline).unwrap_or(now + Duration::from_secs(1 << 32));
        Pace { patience, until, seen: 0, span: (now, 0) }
    }

    /// Counts bytes; `None` if they arrive too slowly.
    fn goes_on(&mut self, count: u64) -> Option<()> {
        self.seen += count;
        let now = Instant::now();
        let (begin, before) = self.span;
        let elapsed = now - begin;
        if elapsed >= self.patience {
            if ((self.seen - before) as f64) < LEAST_RATE as f64 * elapsed.as_secs_f64() {
                return None;
            }
            self.span = (now, self.seen);
        }
        (now < self.until).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A body that comes in parts of any length, each after a pause, and is endless if it has no length.
    struct Body {
        length: Option<u64>,
        given: u64,
        part: usize,
        pause: Duration,
    }

    impl Body {
        fn of(length: Option<u64>, part: usize) -> Body {
            Body { length, given: 0, part, pause: Duration::ZERO }
        }
    }

    impl Read for Body {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(self.pause);
            let left = self.length.map_or(usize::MAX, |length| usize::try_from(length - self.given).unwrap());
            let count = buffer.len().min(self.part).min(left);
            for (at, byte) in buffer[..count].iter_mut().enumerate() {
                *byte = byte_at(self.given + at as u64);
            }
            self.given += count as u64;
            Ok(count)
        }
    }

    fn byte_at(at: u64) -> u8 {
        (at * 7 % 251) as u8
    }

    #[test]
    fn a_piece_of_a_body_is_what_was_wanted_of_it() {
        for part in [1, 1000, 1 << 20] {
            let length = if part == 1 { 3000 } else { 300_000 };
            let whole: Vec<u8> = (0..length).map(byte_at).collect();
            for declared in [None, Some(length)] {
                let read = |piece| read(Body::of(Some(length), part), piece, declared, LONG).unwrap();
                assert!(read(BodyPart::All { most: length }) == whole);
                assert!(read(BodyPart::Part { offset: 2000, length: 500 }) == whole[2000..2500]);
                assert!(read(BodyPart::Part { offset: length - 5, length: 500 }) == whole[whole.len() - 5..]);
                assert!(read(BodyPart::Part { offset: length, length: 500 }).is_empty());
                assert!(read(BodyPart::Last { length: 700, most: length }) == whole[whole.len() - 700..]);
                assert!(read(BodyPart::Last { length: length + 1, most: length }) == whole);
            }
        }
    }

    #[test]
    fn a_body_without_end_is_read_up_to_what_is_expected() {
        for piece in [BodyPart::All { most: 10_000 }, BodyPart::Last { length: 10, most: 10_000 }] {
            let mut body = Body::of(None, 4096);
            let trouble = read(&mut body, piece, None, LONG).unwrap_err();
            assert!(matches!(trouble, Trouble::TooLong(10_000)) && body.given == 10_001, "{trouble:?}");
            // A body that declares to be too long is not read.
            let mut body = Body::of(None, 4096);
            let trouble = read(&mut body, piece, Some(10_001), LONG).unwrap_err();
            assert!(matches!(trouble, Trouble::TooLong(_)) && body.given == 0, "{trouble:?}");
        }
        let mut body = Body::of(None, 4096);
        assert_eq!(read(&mut body, BodyPart::Part { offset: 5, length: 9 }, None, LONG).unwrap().len(), 9);
        assert_eq!(body.given, 14);
    }

    #[test]
    fn a_body_that_trickles_is_given_up() {
        let trickle = |pause| Body { pause: Duration::from_millis(pause), ..Body::of(None, 1) };
        let trouble = read(trickle(10), BodyPart::All { most: 1 << 20 }, None, Duration::from_millis(200)).unwrap_err();
        assert!(matches!(trouble, Trouble::TooSlow), "{trouble:?}");
        // Also one at the lowest rate, once the whole takes too long.
        let steady = Body { pause: Duration::from_millis(1), ..Body::of(None, 50) };
        let trouble = read(steady, BodyPart::All { most: 1 << 17 }, None, Duration::from_millis(5)).unwrap_err();
        assert!(matches!(trouble, Trouble::TooSlow), "{trouble:?}");
    }

    #[test]
    fn a_body_that_ends_before_its_length_is_broken() {
        let trouble = read(Body::of(Some(99), 10), BodyPart::All { most: 200 }, Some(100), LONG).unwrap_err();
        assert!(matches!(trouble, Trouble::Broken(_)), "{trouble:?}");
    }
}
