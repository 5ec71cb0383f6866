//! PackBits: runs of one byte, and literal bytes.

/// Decompresses into a buffer, as far as it reaches, and returns the number of bytes; `None` if a run is cut off.
pub(crate) fn decompress(mut from: &[u8], into: &mut [u8]) -> Option<usize> {
    let mut count = 0;
    while count < into.len() {
        let Some((&head, rest)) = from.split_first() else { break };
        let head = i16::from(head as i8);
        let length = usize::from(head.unsigned_abs()) + 1;
        let end = (count + length).min(into.len());
        from = match head {
            // A byte without meaning.
            -128 => rest,
            0.. => {
                let (bytes, rest) = rest.split_at_checked(length)?;
                into[count..end].copy_from_slice(&bytes[..end - count]);
                count = end;
                rest
            }
            _ => {
                let (&byte, rest) = rest.split_first()?;
                into[count..end].fill(byte);
                count = end;
                rest
            }
        };
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_literal_bytes_follow_each_other() {
        // The example of Apple's technical note 1023.
        let packed = [0xfe, 0xaa, 2, 0x80, 0, 0x2a, 0xfd, 0xaa, 3, 0x80, 0, 0x2a, 0x22, 0xf7, 0xaa];
        let plain = "aa aa aa 80 00 2a aa aa aa aa 80 00 2a 22 aa aa aa aa aa aa aa aa aa aa";
        let plain: Vec<u8> = plain.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let mut found = vec![0; 24];
        assert_eq!(decompress(&packed, &mut found), Some(24));
        assert_eq!(found, plain);
        assert_eq!(decompress(&packed, &mut found[..20]), Some(20));
        assert_eq!(decompress(&[0x80, 0, 7], &mut found), Some(1));
        assert_eq!(decompress(&packed[..5], &mut found), None);
    }
}
