//! Streams of deflate, with their wrapping: gzip's members, zlib's header, or nothing.

use std::fs::File;
use std::sync::Arc;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress};

use crate::error::{Error, Result};
use crate::store::file::{self, read_at};

/// Compressed bytes read at a time.
const INPUT: usize = 128 << 10;

/// The wrapping of a stream of deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    /// gzip (RFC 1952): members one behind the other, each with a CRC-32 and its length.
    Gzip,
    /// zlib (RFC 1950): two bytes before the stream, an Adler-32 behind it.
    Zlib,
    /// None; the decompressed bytes have the CRC-32 in the directory of a zip file.
    Bare { crc: u32 },
}

/// The compressed part of a file.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) file: Arc<File>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) wrap: Wrap,
}

/// A position in a stream, from which decompression can continue.
#[derive(Clone)]
pub(crate) struct Decoder {
    inflater: Box<DecompressorOxide>,
    stage: Stage,
    /// Offset in the file at which the bytes of `input` end.
    at: u64,
    input: Vec<u8>,
    /// Number of bytes of `input` that have been used.
    used: usize,
    /// The last decompressed bytes, which later ones may repeat.
    behind: Vec<u8>,
    crc: crc32fast::Hasher,
    adler: u32,
    /// Number of decompressed bytes of this member.
    length: u64,
    /// Number of decompressed bytes in all.
    pub(crate) reached: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Body,
    End,
}

fn damaged() -> Error {
    Error::data("has damaged compressed data; copy it again from where it came")
}

fn cut_off() -> Error {
    Error::data("is cut off: its compressed data end too early; copy it again from where it came")
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("stage", &self.stage).field("reached", &self.reached).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub(crate) fn new(packed: &Packed) -> Decoder {
        Decoder {
            inflater: Box::default(),
            stage: Stage::Header,
            at: packed.start,
            input: Vec::new(),
            used: 0,
            behind: Vec::new(),
            crc: crc32fast::Hasher::new(),
            adler: 1,
            length: 0,
            reached: 0,
        }
    }

    /// The same position, without the bytes that were read ahead: smaller, to be kept.
    pub(crate) fn place(&self) -> Decoder {
        let ahead = (self.input.len() - self.used) as u64;
        Decoder {
            inflater: self.inflater.clone(),
            at: self.at - ahead,
            input: Vec::new(),
            used: 0,
            behind: self.behind.clone(),
            crc: self.crc.clone(),
            ..*self
        }
    }

    /// The next decompressed bytes: `length` of them, fewer at the end of the stream.
    ///
    /// # Errors
    /// `Data` if the stream is damaged or cut off, a checksum or a length does not match, or other bytes follow; `Io`
    /// if the file cannot be read.
    pub(crate) fn next(&mut self, packed: &Packed, length: usize) -> Result<Vec<u8>> {
        let kept = self.behind.len();
        let mut out = vec![0; kept + length];
        out[..kept].copy_from_slice(&self.behind);
        let mut end = kept;
        while end < out.len() && self.stage != Stage::End {
            if self.stage == Stage::Header {
                self.header(packed)?;
                continue;
            }
            self.refill(packed)?;
            let more = if self.at < packed.end { TINFL_FLAG_HAS_MORE_INPUT } else { 0 };
            let flags = more | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_IGNORE_ADLER32;
            let (status, read, written) =
                decompress(&mut self.inflater, &self.input[self.used..], &mut out, end, flags);
            self.used += read;
            self.take_in(&out[end..end + written], packed.wrap);
            end += written;
            match status {
                TINFLStatus::Done => self.trailer(packed)?,
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if more != 0 => {}
                TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => return Err(cut_off()),
                _ => return Err(damaged()),
            }
        }
        out.truncate(end);
        self.behind.clear();
        self.behind.extend_from_slice(&out[end.saturating_sub(TINFL_LZ_DICT_SIZE)..]);
        out.drain(..kept);
        Ok(out)
    }

    fn take_in(&mut self, bytes: &[u8], wrap: Wrap) {
        match wrap {
            Wrap::Zlib => self.adler = miniz_oxide::mz_adler32_oxide(self.adler, bytes),
            Wrap::Gzip | Wrap::Bare { .. } => self.crc.update(bytes),
        }
        self.length += bytes.len() as u64;
        self.reached += bytes.len() as u64;
    }

    /// Reads more input if all of it has been used.
    fn refill(&mut self, packed: &Packed) -> Result<()> {
        if self.used == self.input.len() {
            let length = usize::try_from(packed.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(INPUT);
            self.input.resize(length, 0);
            read_at(&packed.file, self.at, &mut self.input).map_err(|error| file::read_failed(&error))?;
            self.at += length as u64;
            self.used = 0;
        }
        Ok(())
    }

    /// The next byte of the file, `None` at its end.
    fn byte(&mut self, packed: &Packed) -> Result<Option<u8>> {
        self.refill(packed)?;
        let byte = self.input.get(self.used).copied();
        self.used += usize::from(byte.is_some());
        Ok(byte)
    }

    fn bytes<const N: usize>(&mut self, packed: &Packed) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte(packed)?.ok_or_else(cut_off)?;
        }
        Ok(bytes)
    }

    /// Reads the header of a stream of deflate. In gzip the last member may have been read.
    fn header(&mut self, packed: &Packed) -> Result<()> {
        match packed.wrap {
            Wrap::Bare { .. } => {}
            Wrap::Zlib => {
                let [method, flags] = self.bytes(packed)?;
                let divisible = u16::from_be_bytes([method, flags]).is_multiple_of(31);
                // A preset dictionary would not be available.
                if method & 15 != 8 || !divisible || flags & 0x20 != 0 {
                    return Err(damaged());
                }
            }
            Wrap::Gzip => {
                if self.reached > 0 && self.is_padding(packed)? {
                    self.stage = Stage::End;
                    return Ok(());
                }
                self.gzip_header(packed)?;
            }
        }
        *self.inflater = DecompressorOxide::new();
        self.crc = crc32fast::Hasher::new();
        (self.adler, self.length, self.stage) = (1, 0, Stage::Body);
        Ok(())
    }

    /// Returns whether only zeros follow, with which tapes and some programs pad files.
    fn is_padding(&mut self, packed: &Packed) -> Result<bool> {
        loop {
            self.refill(packed)?;
            match self.input.get(self.used) {
                None => return Ok(true),
                Some(0) => self.used += 1,
                Some(_) => return Ok(false),
            }
        }
    }

    fn gzip_header(&mut self, packed: &Packed) -> Result<()> {
        let magic = [self.byte(packed)?, self.byte(packed)?];
        if magic != [Some(0x1f), Some(0x8b)] {
            return Err(match self.reached {
                0 => damaged(),
                _ => Error::data("has other bytes behind its compressed data; copy it again from where it came"),
            });
        }
        let [method, flags, ..] = self.bytes::<8>(packed)?;
        if method != 8 || flags & 0xe0 != 0 {
            return Err(damaged());
        }
        if flags & 4 != 0 {
            let extra = u16::from_le_bytes(self.bytes(packed)?);
            for _ in 0..extra {
                self.byte(packed)?.ok_or_else(cut_off)?;
            }
        }
        // A file name and a comment, each with a zero at its end.
        for flag in [8, 16] {
            while flags & flag != 0 && self.byte(packed)?.ok_or_else(cut_off)? != 0 {}
        }
        if flags & 2 != 0 {
            self.bytes::<2>(packed)?;
        }
        Ok(())
    }

    /// Reads the trailer of a stream of deflate, and verifies the decompressed bytes.
    fn trailer(&mut self, packed: &Packed) -> Result<()> {
        let crc = self.crc.clone().finalize();
        let sound = match packed.wrap {
            Wrap::Gzip => {
                let [crc_there, length] = [self.bytes(packed)?, self.bytes(packed)?].map(u32::from_le_bytes);
                // The length is stored modulo 2^32.
                crc == crc_there && self.length & 0xffff_ffff == u64::from(length)
            }
            Wrap::Zlib => self.adler == u32::from_be_bytes(self.bytes(packed)?),
            Wrap::Bare { crc: crc_there } => crc == crc_there,
        };
        if !sound {
            let message = "has damaged compressed data: their checksum differs; copy it again from where it came";
            return Err(Error::data(message));
        }
        self.stage = if packed.wrap == Wrap::Gzip { Stage::Header } else { Stage::End };
        Ok(())
    }
}
