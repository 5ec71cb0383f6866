//! Zhang-Suen thinning of one chunk of a 2-D image.
//!
//! Morally a sub-iteration deletes, all at once, every foreground pixel whose eight neighbours before the sub-iteration
//! form a code of its classes. First and second sub-iterations alternate until both of a pass delete nothing. Deletion
//! depends on a pixel's eight neighbours only, so chunks that send each other their deletions next to seams, once for
//! each sub-iteration, have the same result as the whole image.
//!
//! The classes are those of scikit-image 0.26 (BSD-3-Clause), which differ from the published rule in 25 of 256
//! neighbourhoods. 64 pixels are decided at a time, and only if a stretch of a row changed recently.
//!
//! Source: T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", Communications of
//! the ACM 27 (1984).

mod rules;

use rules::{Neighbours, goes_first, goes_second};

/// Words in a stretch of a row: all are tested again if one of them changed.
const STRETCH: usize = 4;

/// A row and a column of a chunk, both from 0; the halo is at -1 and one past the end.
pub type Pixel = [i32; 2];

/// A chunk of a 2-D bit image with a halo of one pixel, between sub-iterations.
///
/// Holds one bit per pixel, and a little more than 16 bytes for each row and each stretch of 256 pixels.
#[derive(Clone, Debug)]
pub struct ZhangChunk {
    height: usize,
    width: usize,
    /// Words in a row: own words, in which column x is bit x, and one more on either side with the bit of the halo.
    stride: usize,
    /// The rows, with the halo above and below.
    rows: Vec<u64>,
    /// Number of stretches in a row.
    stretches: usize,
    /// For each stretch of each row, one more than the last sub-iteration that changed it or a pixel next to it.
    changed: Vec<u32>,
    /// Mask of the bits of a row that are own pixels.
    own: Vec<u64>,
    /// Number of the next sub-iteration.
    next: u32,
    /// Deletions of the current sub-iteration.
    deletions: Vec<Deletion>,
    /// Buffer for the deletions of a row.
    found: Vec<u64>,
}

/// Pixels of a word that are deleted together.
#[derive(Clone, Copy, Debug)]
struct Deletion {
    /// The row, from 1: row 0 is the halo.
    row: u32,
    /// Index among the row's own words.
    word: u32,
    bits: u64,
}

impl ZhangChunk {
    /// A chunk of `height` rows of `width` pixels, all background, including the halo.
    pub fn new([height, width]: [usize; 2]) -> ZhangChunk {
        let words = width.div_ceil(64);
        let mut own = vec![0; words];
        for bit in 0..width {
            own[bit / 64] |= 1 << (bit % 64);
        }
        ZhangChunk {
            height,
            width,
            stride: words + 2,
            rows: vec![0; (words + 2) * (height + 2)],
            stretches: words.div_ceil(STRETCH),
            changed: vec![0; words.div_ceil(STRETCH) * (height + 2)],
            own,
            next: 0,
            deletions: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The word of a pixel, and its bit in the word.
    fn place(&self, [y, x]: Pixel) -> (usize, u32) {
        let (height, width) = (self.height as i32, self.width as i32);
        assert!((-1..=height).contains(&y) && (-1..=width).contains(&x), "pixel {y}, {x} of {height} x {width}");
        let (row, bit) = ((y + 1) as usize, (x + 64) as usize);
        (row * self.stride + bit / 64, (bit % 64) as u32)
    }

    /// Makes a pixel foreground, before the first sub-iteration. The pixel may be in the halo.
    pub fn insert(&mut self, pixel: Pixel) {
        let (word, bit) = self.place(pixel);
        self.rows[word] |= 1 << bit;
    }

    /// Makes the own pixels of a row foreground whose bits are set; bit `i` of word `w` is column `64 w + i`.
    pub fn insert_row(&mut self, y: i32, words: impl Iterator<Item = u64>) {
        let (first, _) = self.place([y, 0]);
        for (to, (word, own)) in self.rows[first..].iter_mut().zip(words.zip(&self.own)) {
            *to |= word & own;
        }
    }

    /// The pixels of an own row, in the form of [`ZhangChunk::insert_row`].
    pub fn row(&self, y: i32) -> impl Iterator<Item = u64> + '_ {
        let (first, _) = self.place([y, 0]);
        self.rows[first..].iter().zip(&self.own).map(|(word, own)| word & own)
    }

    /// Whether a pixel is foreground. The pixel may be in the halo.
    pub fn is_foreground(&self, pixel: Pixel) -> bool {
        let (word, bit) = self.place(pixel);
        self.rows[word] >> bit & 1 == 1
    }

    /// Deletes a pixel of the halo, which its own chunk deleted in the last sub-iteration. All such deletions must be
    /// made before the next sub-iteration.
    pub fn delete_in_halo(&mut self, pixel: Pixel) {
        let (word, bit) = self.place(pixel);
        self.rows[word] &= !(1 << bit);
        // The bits of the halo are next to the own words.
        let own = (word % self.stride).clamp(1, self.stride - 2) - 1;
        self.mark(word / self.stride, own, 1 << bit);
    }

    /// Marks the stretch of a word as changed, and the adjacent stretch if a changed bit is next to it.
    fn mark(&mut self, row: usize, word: usize, bits: u64) {
        let stretch = row * self.stretches + word / STRETCH;
        self.changed[stretch] = self.next;
        if word.is_multiple_of(STRETCH) && word > 0 && bits & 1 == 1 {
            self.changed[stretch - 1] = self.next;
        }
        if word % STRETCH == STRETCH - 1 && word + 1 < self.own.len() && bits >> 63 == 1 {
            self.changed[stretch + 1] = self.next;
        }
    }

    /// Runs the next sub-iteration on the chunk's own pixels. Returns the number of pixels that it deleted.
    ///
    /// Takes time proportional to the number of stretches, and to the number of words in stretches next to pixels that
    /// the last two sub-iterations changed.
    pub fn sub_iteration(&mut self) -> usize {
        let (now, words) = (self.next, self.stride - 2);
        self.next += 1;
        self.deletions.clear();
        for row in 1..=self.height {
            let [above, at, below] =
                [row - 1, row, row + 1].map(|row| &self.changed[row * self.stretches..][..self.stretches]);
            // This kind of sub-iteration ran two sub-iterations ago: only changes since then can alter its decisions.
            let recent = |stretch: usize| above[stretch].max(at[stretch]).max(below[stretch]) + 1 >= now;
            let around = &self.rows[(row - 1) * self.stride..][..3 * self.stride];
            let mut from = 0;
            while let Some(start) = (from..self.stretches).find(|&stretch| recent(stretch)) {
                let end = (start..self.stretches).find(|&stretch| !recent(stretch)).unwrap_or(self.stretches);
                from = end;
                let columns = start * STRETCH..words.min(end * STRETCH);
                self.found.clear();
                self.found.resize(columns.len(), 0);
                match now.is_multiple_of(2) {
                    true => find_first(around, columns.clone(), &mut self.found),
                    false => find_second(around, columns.clone(), &mut self.found),
                }
                for (w, bits) in columns.zip(&self.found) {
                    let bits = bits & self.own[w];
                    if bits != 0 {
                        self.deletions.push(Deletion { row: row as u32, word: w as u32, bits });
                    }
                }
            }
        }
        let mut deleted = 0;
        for i in 0..self.deletions.len() {
            let Deletion { row, word, bits } = self.deletions[i];
            let (row, word) = (row as usize, word as usize);
            self.rows[row * self.stride + 1 + word] &= !bits;
            self.mark(row, word, bits);
            deleted += bits.count_ones() as usize;
        }
        deleted
    }

    /// The pixels that the last sub-iteration deleted, in raster order.
    pub fn deleted(&self) -> impl Iterator<Item = Pixel> + '_ {
        self.deletions.iter().flat_map(|deletion| deletion.pixels())
    }

    /// The pixels that the last sub-iteration deleted in the chunk's outermost rows and columns, in raster order: those
    /// that are in the halos of neighbours.
    pub fn deleted_at_seams(&self) -> impl Iterator<Item = Pixel> + '_ {
        let (bottom, right) = (self.height as i32 - 1, self.width as i32 - 1);
        let (last_word, last_bit) = (self.own.len() - 1, right % 64);
        self.deletions
            .iter()
            .flat_map(move |&Deletion { row, word, bits }| {
                let first = u64::from(word == 0);
                let last = u64::from(word as usize == last_word) << last_bit;
                let whole = row == 1 || row as usize == self.height;
                Deletion { row, word, bits: if whole { bits } else { bits & (first | last) } }.pixels()
            })
            .inspect(move |&[y, x]| debug_assert!(y == 0 || y == bottom || x == 0 || x == right))
    }
}

impl Deletion {
    fn pixels(self) -> impl Iterator<Item = Pixel> {
        let (y, x) = (self.row as i32 - 1, self.word as i32 * 64);
        std::iter::successors(Some(self.bits), |left| Some(left & left.wrapping_sub(1)))
            .take_while(|&left| left != 0)
            .map(move |left| [y, x + left.trailing_zeros() as i32])
    }
}

/// Sets in `found` the pixels of words of a row that a first sub-iteration deletes. `around` holds three rows, with one
/// more word on either side of each.
#[cfg_attr(
    not(feature = "portable"),
    multiversion::multiversion(targets("x86_64+avx2+avx512f+avx512vl", "x86_64+avx2"))
)]
fn find_first(around: &[u64], words: std::ops::Range<usize>, found: &mut [u64]) {
    find(around, words, found, goes_first);
}

/// As [`find_first`], for a second sub-iteration.
#[cfg_attr(
    not(feature = "portable"),
    multiversion::multiversion(targets("x86_64+avx2+avx512f+avx512vl", "x86_64+avx2"))
)]
fn find_second(around: &[u64], words: std::ops::Range<usize>, found: &mut [u64]) {
    find(around, words, found, goes_second);
}

#[inline(always)]
fn find(around: &[u64], words: std::ops::Range<usize>, found: &mut [u64], goes: impl Fn(Neighbours) -> u64) {
    let stride = around.len() / 3;
    let row = |n: usize| &around[n * stride + words.start..][..words.len() + 2];
    let (above, at, below) = (row(0), row(1), row(2));
    // Word w is at w + 1.
    let left = |row: &[u64], w: usize| row[w + 1] << 1 | row[w] >> 63;
    let right = |row: &[u64], w: usize| row[w + 1] >> 1 | row[w + 2] << 63;
    for (w, found) in found[..words.len()].iter_mut().enumerate() {
        let neighbours = Neighbours {
            up_left: left(above, w),
            up: above[w + 1],
            up_right: right(above, w),
            right: right(at, w),
            down_right: right(below, w),
            down: below[w + 1],
            down_left: left(below, w),
            left: left(at, w),
        };
        *found = goes(neighbours) & at[w + 1];
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::rules::tests::{FIRST, SECOND};
    use super::*;

    type Image = Vec<Vec<bool>>;

    fn parse(text: &str) -> Image {
        text.split('/').map(|row| row.chars().map(|c| c == '#').collect()).collect()
    }

    /// Thins an image in chunks that exchange what they deleted at their seams.
    fn thin(image: &Image, [tall, wide]: [usize; 2]) -> Image {
        let (height, width) = (image.len(), image[0].len());
        let mut chunks = BTreeMap::new();
        for top in (0..height).step_by(tall) {
            for left in (0..width).step_by(wide) {
                let mut chunk = ZhangChunk::new([tall.min(height - top), wide.min(width - left)]);
                for y in -1..=chunk.height as i32 {
                    for x in -1..=chunk.width as i32 {
                        let (row, column) = (top as i32 + y, left as i32 + x);
                        if image.get(row as usize).and_then(|row| row.get(column as usize)) == Some(&true) {
                            chunk.insert([y, x]);
                        }
                    }
                }
                chunks.insert([top as i32, left as i32], chunk);
            }
        }
        let mut quiet = 0;
        while quiet < 2 {
            let deleted: usize = chunks.values_mut().map(ZhangChunk::sub_iteration).sum();
            quiet = if deleted == 0 { quiet + 1 } else { 0 };
            let seams: Vec<Pixel> =
                chunks.iter().flat_map(|(at, c)| c.deleted_at_seams().map(|[y, x]| [at[0] + y, at[1] + x])).collect();
            for (at, chunk) in &mut chunks {
                let (height, width) = (chunk.height as i32, chunk.width as i32);
                for [y, x] in seams.iter().map(|p| [p[0] - at[0], p[1] - at[1]]) {
                    let own = (0..height).contains(&y) && (0..width).contains(&x);
                    if !own && (-1..=height).contains(&y) && (-1..=width).contains(&x) {
                        chunk.delete_in_halo([y, x]);
                    }
                }
            }
        }
        let mut skeleton = vec![vec![false; width]; height];
        for (at, chunk) in &chunks {
            for (y, x) in (0..chunk.height).flat_map(|y| (0..chunk.width).map(move |x| (y, x))) {
                let foreground = chunk.row(y as i32).nth(x / 64).unwrap() >> (x % 64) & 1 == 1;
                skeleton[at[0] as usize + y][at[1] as usize + x] = foreground;
            }
        }
        skeleton
    }

    /// The definition, pixel by pixel.
    fn thin_plainly(image: &Image) -> Image {
        let mut image = image.clone();
        let (height, width) = (image.len() as i32, image[0].len() as i32);
        let around = [[-1, -1], [-1, 0], [-1, 1], [0, 1], [1, 1], [1, 0], [1, -1], [0, -1]];
        let mut quiet = 0;
        for codes in [&FIRST[..], &SECOND[..]].into_iter().cycle() {
            let foreground =
                |[y, x]: [i32; 2]| (0..height).contains(&y) && (0..width).contains(&x) && image[y as usize][x as usize];
            let mut deleted = Vec::new();
            for p in (0..height).flat_map(|y| (0..width).map(move |x| [y, x])).filter(|&p| foreground(p)) {
                let code: u8 =
                    (0..8).map(|i| u8::from(foreground([p[0] + around[i][0], p[1] + around[i][1]])) << i).sum();
                if codes.contains(&code) {
                    deleted.push(p);
                }
            }
            quiet = if deleted.is_empty() { quiet + 1 } else { 0 };
            if quiet == 2 {
                break;
            }
            for [y, x] in deleted {
                image[y as usize][x as usize] = false;
            }
        }
        image
    }

    #[test]
    fn skeletons_are_those_of_scikit_image() {
        let fixture = include_str!("../../../tests/fixtures/voxels/zhang.txt");
        assert!(fixture.lines().count() > 5);
        for line in fixture.lines() {
            let (image, skeleton) = line.split_once(';').unwrap();
            for chunk in [[1, 1], [5, 7], [8, 64], [1000, 1000]] {
                assert_eq!(thin(&parse(image), chunk), parse(skeleton), "chunk {chunk:?}");
            }
        }
    }

    #[test]
    fn rows_of_bits_go_where_single_pixels_go() {
        let (mut by_row, mut by_pixel) = (ZhangChunk::new([2, 130]), ZhangChunk::new([2, 130]));
        by_row.insert_row(1, [1 << 63, 1, u64::MAX - 1].into_iter());
        for x in [63, 64, 129] {
            by_pixel.insert([1, x]);
        }
        assert_eq!(by_row.rows, by_pixel.rows);
        assert_eq!(by_row.row(1).collect::<Vec<_>>(), [1 << 63, 1, 2]);
    }

    #[test]
    fn thinning_goes_on_into_stretches_that_were_quiet() {
        let stretch = 64 * STRETCH;
        // Deletions from one side reach the middle stretch before anything else has changed there.
        for columns in [stretch - 10..2 * stretch + 60, stretch - 60..2 * stretch + 10] {
            let image: Image = (0..70).map(|_| (0..3 * stretch).map(|x| columns.contains(&x)).collect()).collect();
            assert_eq!(thin(&image, [70, 3 * stretch]), thin_plainly(&image), "{columns:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn chunks_thin_as_the_definition_says(
            (width, pixels) in (1usize..120).prop_flat_map(|w| (Just(w), prop::collection::vec(0u8..20, w..w * 6))),
            share in 2u8..20,
            thick in 1usize..9,
            chunk in (1usize..80, prop_oneof![1usize..80, Just(256), 250usize..1000]),
        ) {
            // Squares of several pixels, so that some parts are thinned for longer than others.
            let image: Image = (0..pixels.len() / width * thick)
                .map(|y| (0..width * thick).map(|x| pixels[y / thick * width + x / thick] < share).collect())
                .collect();
            let chunk = [chunk.0, chunk.1];
            prop_assert_eq!(thin(&image, chunk), thin_plainly(&image));
        }
    }
}
