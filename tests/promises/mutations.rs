//! Promise: no damage to an image makes the program panic, hang or end with an error of an unknown kind.
//!
//! Valid images of every kind with one number or word changed, or with bytes changed anywhere, are opened and sampled, with
//! fixed seeds. What the values are then is compared with other libraries by scripts/mutate_inputs.py; the program as a
//! whole, with its options and outputs, is held to what is promised by scripts/fuzz.py.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use anabranch::error::Kind as ErrorKind;
use anabranch::store::inspect;

use crate::kinds;
use crate::support::files_under;

const MUTATIONS: u64 = 1000;
const LONGEST: Duration = Duration::from_secs(10);
/// Headers lie this near to the ends of files.
const HEADER: usize = 600;

/// The same numbers every time for a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ n >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Words that stand for a number, a name or nothing.
const WORDS: [&str; 20] = [
    "",
    "0",
    "-1",
    "1",
    "2",
    "7",
    "65535",
    "4294967296",
    "18446744073709551616",
    "NaN",
    "inf",
    "1e999",
    "null",
    "[]",
    "{}",
    "\"\"",
    "abc",
    "um",
    "\u{b5}m",
    "0.5",
];
const NUMBERS: [u64; 14] =
    [0, 1, 2, 3, 8, 17, 255, 256, 32768, 65535, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/// Changes one value of a file, and says which.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) -> String {
    let is_text = |c: &u8| c.is_ascii_alphanumeric() || *c == b'.' || *c == b'-';
    // Words of four letters at least are no numbers by chance.
    let words: Vec<(usize, usize)> = {
        let mut found = Vec::new();
        let mut at = 0;
        for run in bytes.split(|c| !is_text(c)) {
            if !run.is_empty() {
                found.push((at, at + run.len()));
            }
            at += run.len() + 1;
        }
        found
    };
    let printable = bytes.iter().filter(|c| c.is_ascii_graphic() || c.is_ascii_whitespace()).count();
    // Of files of text every change is one of a word, of others half of them.
    if !words.is_empty() && (printable == bytes.len() || dice.below(2) == 0) {
        let &(from, to) = dice.pick(&words);
        let word = *dice.pick(&WORDS);
        let old = String::from_utf8_lossy(&bytes[from..to]).into_owned();
        if printable == bytes.len() {
            bytes.splice(from..to, word.bytes());
        } else {
            // Everything else stays where it is.
            let new: Vec<u8> = word.bytes().chain(std::iter::repeat(b' ')).take(to - from).collect();
            bytes[from..to].copy_from_slice(&new);
        }
        return format!("{old:?} at {from} is {word:?}");
    }
    let size = *dice.pick(&[1, 2, 2, 4]);
    let last = bytes.len().saturating_sub(size);
    let at = if dice.below(2) == 0 { dice.below(HEADER.min(last)) } else { last - dice.below(HEADER.min(last)) };
    let size = size.min(bytes.len() - at);
    let old = bytes[at..at + size].iter().rev().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    let near = [old + 1, old.wrapping_sub(1), old * 2, old ^ 0x80, old.swap_bytes()];
    let new = if dice.below(2) == 0 { *dice.pick(&near) } else { *dice.pick(&NUMBERS) };
    bytes[at..at + size].copy_from_slice(&new.to_le_bytes()[..size]);
    format!("{size} bytes at {at} are {new} instead of {old}")
}

/// Changes bytes anywhere in a file, without regard to what they mean, and says how.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) -> String {
    let near = if dice.below(2) == 0 { HEADER.min(bytes.len()) } else { bytes.len() };
    let at = dice.below(near);
    let end = (at + [1, 2, 4, 16, 64, 300][dice.below(6)]).min(bytes.len());
    let part = bytes[at..end].to_vec();
    let what = match dice.below(7) {
        0 | 1 => {
            let bit = 1 << dice.below(8);
            bytes[at..end].first_mut().into_iter().for_each(|byte| *byte ^= bit);
            "a bit is another"
        }
        2 => {
            let value = *dice.pick(&[0, 0xff]);
            bytes[at..end].fill(value);
            "bytes are all the same"
        }
        3 => {
            bytes.drain(at..end);
            "bytes are gone"
        }
        4 => {
            bytes.truncate(at);
            "the rest is gone"
        }
        5 => {
            bytes.splice(at..at, part);
            "bytes are there twice"
        }
        _ => {
            let to = dice.below(bytes.len());
            bytes.splice(to..to, part);
            "bytes are somewhere else too"
        }
    };
    format!("from {at} to {end} {what}")
}

/// How a file is changed.
type Change = fn(&mut Vec<u8>, &mut Dice) -> String;

/// An image of which one file is changed; where it has several, one of metadata, unless all are wanted.
fn mutated(input: &Path, dice: &mut Dice, change: Change, of_all: bool) -> String {
    let files: Vec<PathBuf> = match input.is_dir() {
        true => {
            let all = files_under(input).into_keys().map(|name| input.join(name));
            let values = |path: &Path| {
                !of_all
                    && path
                        .file_name()
                        .is_some_and(|name| name.to_string_lossy().bytes().all(|c| c.is_ascii_digit() || c == b'.'))
            };
            all.filter(|path| !values(path)).collect()
        }
        false => vec![input.to_path_buf()],
    };
    if files.is_empty() || !input.exists() {
        return "nothing to change".to_owned();
    }
    let file = dice.pick(&files);
    let mut bytes = fs::read(file).expect("a readable file");
    let said = change(&mut bytes, dice);
    fs::write(file, bytes).expect("a writable file");
    said
}

#[test]
fn no_single_value_of_a_header_makes_it_panic_or_hang() {
    check(mutate, false);
}

#[test]
fn no_damaged_bytes_make_it_panic_or_hang() {
    check(damage, true);
}

fn check(change: Change, of_all: bool) {
    let kinds = kinds::all();
    let mut faults = Vec::new();
    let (mut read, mut refused) = (0, 0);
    for seed in 0..MUTATIONS {
        let mut dice = Dice(seed);
        let kind = &kinds[(seed % kinds.len() as u64) as usize];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = (kind.write)(folder.path());
        let said = mutated(&path, &mut dice, change, of_all);
        let name = format!("number {seed}, {}, {}: {said}", kind.form, kind.example);
        let (options, place) = (kind.open_options(), path.clone());
        let (done, ends) = channel();
        let thread = std::thread::Builder::new().name(name.clone());
        let spawned = thread.spawn(move || {
            let found = catch_unwind(AssertUnwindSafe(|| inspect(&place, &options)));
            // Nobody waits for one that has hung.
            let _ = done.send(found);
        });
        spawned.expect("a thread");
        match ends.recv_timeout(LONGEST) {
            Err(_) => faults.push(format!("{name}: hangs")),
            Ok(Err(_)) => faults.push(format!("{name}: panics")),
            Ok(Ok(found)) => match found.refused.map(|refusal| (refusal.kind, refusal.message)) {
                None => read += 1,
                Some((ErrorKind::Usage | ErrorKind::Data | ErrorKind::Missing | ErrorKind::Io, message)) => {
                    refused += 1;
                    if !message.contains(&*path.file_name().expect("a name").to_string_lossy())
                        && !message.contains(&*folder.path().to_string_lossy())
                    {
                        faults.push(format!("{name}: names no file: {message}"));
                    }
                }
                Some((kind, message)) => faults.push(format!("{name}: {kind:?} error: {message}")),
            },
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(read > 100 && refused > 100, "mutations that find nothing out: {read} read, {refused} refused");
}
