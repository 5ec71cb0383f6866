//! The rules of Zhang and Suen's method, for 64 pixels at a time.
//!
//! Morally a pixel is deleted if a list contains the code of its eight neighbours; the lists are with the tests. Here
//! each list is a decision diagram: each line is a set of neighbourhoods, which combines two sets of earlier lines by
//! the state of one neighbour. The order of the neighbours is the one with the fewest steps among all 8! orders: 60
//! operations, against twice as many for all codes one by one.

/// The neighbours of 64 pixels: bit `i` of each word belongs to pixel `i`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbours {
    pub(super) up_left: u64,
    pub(super) up: u64,
    pub(super) up_right: u64,
    pub(super) right: u64,
    pub(super) down_right: u64,
    pub(super) down: u64,
    pub(super) down_left: u64,
    pub(super) left: u64,
}

/// One set if a neighbour is foreground, another one if not.
#[inline(always)]
fn pick(neighbour: u64, foreground: u64, background: u64) -> u64 {
    neighbour & foreground | !neighbour & background
}

/// The pixels that the first sub-iteration of a pass deletes.
#[inline(always)]
pub(super) fn goes_first(neighbours: Neighbours) -> u64 {
    let Neighbours { up_left, up, up_right, right, down_right, down, down_left, left } = neighbours;
    let d0 = up & !down_right;
    let d1 = left & d0;
    let d2 = pick(up_left, d0, d1);
    let d3 = left & !down_right;
    let d4 = pick(up_left, d3, d1);
    let d5 = pick(down_left, d4, d2);
    let d6 = !up & !down_right;
    let d7 = left & d6;
    let d8 = !up & down_right;
    let d9 = pick(up_left, left, d8);
    let d10 = pick(down_left, d9, d7);
    let d11 = pick(down, d10, d5);
    let d12 = !left & d0;
    let d13 = !down_left & d12;
    let d14 = !left & d6;
    let d15 = !up_left & d14;
    let d16 = !left & d8;
    let d17 = !up_left & d16;
    let d18 = pick(down_left, d17, d15);
    let d19 = pick(down, d18, d13);
    let d20 = pick(right, d19, d11);
    let d21 = pick(down_left, d1, d0);
    let d22 = up_left & d1;
    let d23 = down_left & d22;
    let d24 = pick(down, d23, d21);
    let d25 = pick(up_left, up, !left);
    let d26 = pick(down_left, d22, d25);
    let d27 = pick(down, d17, d26);
    let d28 = pick(right, d27, d24);
    pick(up_right, d28, d20)
}

/// The pixels that the second sub-iteration of a pass deletes.
#[inline(always)]
pub(super) fn goes_second(neighbours: Neighbours) -> u64 {
    let Neighbours { up_left, up, up_right, right, down_right, down, down_left, left } = neighbours;
    let d0 = !up_left & down;
    let d1 = right & d0;
    let d2 = right & !up_left;
    let d3 = pick(down_right, d2, d1);
    let d4 = pick(down_left, d0, d3);
    let d5 = !right & d0;
    let d6 = pick(down_right, down, !right);
    let d7 = pick(down_left, d6, d5);
    let d8 = pick(left, d7, d4);
    let d9 = down_right & d2;
    let d10 = pick(down_left, d1, d9);
    let d11 = down_right & d1;
    let d12 = down_left & d11;
    let d13 = pick(left, d12, d10);
    let d14 = pick(up_right, d13, d8);
    let d15 = !up_left & !down;
    let d16 = right & d15;
    let d17 = !down_left & d16;
    let d18 = !right & d15;
    let d19 = !down_right & d18;
    let d20 = up_left & !down;
    let d21 = !right & d20;
    let d22 = !down_right & d21;
    let d23 = pick(down_left, d22, d19);
    let d24 = pick(left, d23, d17);
    let d25 = pick(down_right, right, d20);
    let d26 = pick(down_left, d11, d25);
    let d27 = pick(left, d22, d26);
    let d28 = pick(up_right, d27, d24);
    pick(up, d28, d14)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Codes of the neighbourhoods that a first sub-iteration deletes (classes 1 and 3 of scikit-image). Bit 0 of a
    /// code is the neighbour up-left of the pixel; the others follow clockwise.
    pub(in crate::kernel::thin::zhang) const FIRST: [u8; 36] = [
        3, 6, 7, 10, 11, 12, 14, 15, 28, 30, 31, 40, 60, 112, 120, 124, 130, 131, 134, 135, 143, 159, 160, 161, 193,
        194, 195, 198, 199, 207, 225, 227, 231, 240, 241, 243,
    ];

    /// Codes of the neighbourhoods that a second sub-iteration deletes (classes 2 and 3).
    pub(in crate::kernel::thin::zhang) const SECOND: [u8; 35] = [
        7, 10, 15, 24, 26, 28, 30, 31, 40, 56, 60, 62, 63, 96, 104, 108, 112, 120, 124, 126, 130, 135, 160, 176, 192,
        193, 195, 199, 224, 225, 240, 241, 248, 249, 252,
    ];

    #[test]
    fn each_code_that_is_listed_and_no_other_is_deleted() {
        for code in 0..=u8::MAX {
            // In one pixel of the 64, so that stray bits are noticed, too.
            let [up_left, up, up_right, right, down_right, down, down_left, left] =
                std::array::from_fn(|n| u64::from(code >> n & 1) << (code % 64));
            let neighbours = Neighbours { up_left, up, up_right, right, down_right, down, down_left, left };
            let of = |listed: &[u8], empty: u8| {
                let others = if listed.contains(&empty) { u64::MAX } else { 0 } & !(1 << (code % 64));
                others | u64::from(listed.contains(&code)) << (code % 64)
            };
            assert_eq!(goes_first(neighbours), of(&FIRST, 0), "code {code}");
            assert_eq!(goes_second(neighbours), of(&SECOND, 0), "code {code}");
        }
    }

    #[test]
    fn the_codes_are_those_of_the_three_classes() {
        assert_eq!(FIRST.iter().filter(|code| SECOND.contains(code)).count(), 20);
    }
}
