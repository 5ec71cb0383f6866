//! LZW in TIFF files, and in those from before version 5 of the format: codes from their lowest bit on, wider one code
//! later.

/// The code that empties the table, and the one that ends the data.
const CLEAR: usize = 256;
const END: usize = 257;
/// Number of strings in a table with codes of twelve bits.
const STRINGS: usize = 1 << 12;

/// Decompresses into a buffer, as far as it reaches, and returns the number of bytes; `None` if a code is undefined.
/// The end code may be missing.
pub(crate) fn decompress(from: &[u8], into: &mut [u8]) -> Option<usize> {
    // The first bytes of a clear code in one variant are not those of a clear code in the other.
    let old = from.len() >= 2 && from[0] == 0 && from[1] & 1 == 1;
    // Each string is a part of the output: the one before it, and the byte behind.
    let mut table = vec![(0u32, 0u32); STRINGS];
    let mut next = END + 1;
    let (mut width, mut bits, mut held) = (9u32, 0u32, 0u64);
    let mut bytes = from.iter();
    let mut last: Option<(usize, usize)> = None;
    let mut count = 0;
    while count < into.len() {
        while bits < width {
            let Some(&byte) = bytes.next() else { return Some(count) };
            held = if old { held | u64::from(byte) << bits } else { held << 8 | u64::from(byte) };
            bits += 8;
        }
        bits -= width;
        let mask = (1u64 << width) - 1;
        let code = if old {
            let code = held & mask;
            held >>= width;
            code
        } else {
            held >> bits & mask
        };
        let code = usize::try_from(code).ok()?;
        match code {
            CLEAR => {
                (next, width, last) = (END + 1, 9, None);
                continue;
            }
            END => return Some(count),
            _ => {}
        }
        // The string before this one, followed by this one's first byte, becomes a string of the table, which may be
        // this one.
        if let Some((start, length)) = last
            && next < STRINGS
        {
            table[next] = (u32::try_from(start).ok()?, u32::try_from(length + 1).ok()?);
            next += 1;
        }
        let start = count;
        if code < CLEAR {
            into[count] = u8::try_from(code).ok()?;
            count += 1;
        } else {
            if code >= next {
                return None;
            }
            let (from, length) = (table[code].0 as usize, table[code].1 as usize);
            let length = length.min(into.len() - count);
            if from + length <= count {
                into.copy_within(from..from + length, count);
            } else {
                // The string ends with its own first byte.
                for at in 0..length {
                    into[count + at] = into[from + at];
                }
            }
            count += length;
        }
        last = Some((start, count - start));
        let full = if old { next } else { next + 1 };
        if full >= 1 << width && width < 12 {
            width += 1;
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compresses with the table that every decompressor must build.
    fn compress(bytes: &[u8], old: bool) -> Vec<u8> {
        let mut codes = vec![CLEAR];
        let mut strings: Vec<Vec<u8>> = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let found = strings.iter().enumerate().filter(|(_, s)| bytes[at..].starts_with(s));
            let longest = found.max_by_key(|(_, s)| s.len());
            let (code, length) = longest.map_or((usize::from(bytes[at]), 1), |(i, s)| (END + 1 + i, s.len()));
            codes.push(code);
            if at + length < bytes.len() {
                strings.push(bytes[at..=at + length].to_vec());
            }
            at += length;
            if END + 1 + strings.len() >= 4093 {
                codes.push(CLEAR);
                strings.clear();
            }
        }
        codes.push(END);
        // Widths follow the reader's count of strings: none after the first code behind a clear code.
        let (mut width, mut next, mut first) = (9, END + 1, true);
        let mut bits: Vec<bool> = Vec::new();
        for code in codes {
            let order: Vec<usize> = if old { (0..width).collect() } else { (0..width).rev().collect() };
            bits.extend(order.into_iter().map(|bit| code >> bit & 1 == 1));
            if code == CLEAR {
                (width, next, first) = (9, END + 1, true);
                continue;
            }
            next += usize::from(!first);
            first = false;
            if next + usize::from(!old) >= 1 << width && width < 12 {
                width += 1;
            }
        }
        bits.chunks(8)
            .map(|byte| {
                let place = |i: usize| if old { i } else { 7 - i };
                byte.iter().enumerate().map(|(i, &bit)| u8::from(bit) << place(i)).sum()
            })
            .collect()
    }

    #[test]
    fn both_kinds_give_back_what_was_compressed() {
        let mut state = 7u32;
        let mut random = |most: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % most
        };
        for (length, values) in [(1, 2), (40, 1), (700, 3), (3000, 250), (9000, 4), (0, 1)] {
            let plain: Vec<u8> = (0..length).map(|_| u8::try_from(random(values)).unwrap()).collect();
            for old in [false, true] {
                let packed = compress(&plain, old);
                let mut found = vec![0; length];
                assert_eq!(decompress(&packed, &mut found), Some(length), "{length} {values} {old}");
                assert_eq!(found, plain);
                if length > 100 {
                    // Without its end, and with fewer bytes than wanted.
                    assert!(decompress(&packed[..packed.len() / 2], &mut found).is_none_or(|count| count < length));
                    assert_eq!(decompress(&packed, &mut found[..length - 7]), Some(length - 7));
                }
            }
        }
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        // Section 13 of TIFF 6.0: codes 256 7 258 8 8 258 6 6 257 of nine bits.
        let mut packed = Vec::new();
        let (mut held, mut bits) = (0u32, 0);
        for code in [256, 7, 258, 8, 8, 258, 6, 6, 257] {
            (held, bits) = (held << 9 | code, bits + 9);
            while bits >= 8 {
                bits -= 8;
                packed.push(u8::try_from(held >> bits & 255).unwrap());
            }
        }
        packed.push(u8::try_from(held << (8 - bits) & 255).unwrap());
        let mut found = [0; 9];
        assert_eq!(decompress(&packed, &mut found), Some(9));
        assert_eq!(found, [7, 7, 7, 8, 8, 7, 7, 6, 6]);
        // A code without a string.
        assert_eq!(decompress(&[0x80, 0x01, 0xff, 0xff], &mut found), None);
    }
}
