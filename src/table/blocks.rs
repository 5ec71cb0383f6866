//! Which branches are in each block of rows.

use std::ops::Range;

/// Number of rows in a block, if branches are spread evenly over their ends and there are few enough for the most blocks.
const ROWS: usize = if cfg!(test) { 5 } else { 1 << 13 };
/// The most blocks, each of which looks into all parts that reach through it.
const MOST: usize = if cfg!(test) { 40 } else { 512 };

/// Branches of a part that follow each other.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    part: u32,
    first: u32,
    count: u32,
}

/// Blocks of rows: each has the branches that start in an equal share of the voxels at which branches end. Takes twelve bytes for each
/// part in each block that it reaches into.
#[derive(Debug)]
pub(super) struct Blocks {
    /// By block, in the order of parts.
    stretches: Vec<Stretch>,
    /// The index of the first stretch of each block, and the number of rows before it; at the end the numbers of all.
    begins: Vec<(usize, usize)>,
}

impl Blocks {
    /// The blocks of branches whose starts have these numbers, in each part in ascending order, of `ends` numbers in all. Takes
    /// time linear in the number of branches.
    pub(super) fn new<'n, P: Iterator<Item = &'n [[u32; 2]]> + Clone>(parts: P, ends: u64) -> Blocks {
        let rows: usize = parts.clone().map(<[_]>::len).sum();
        let count = rows.div_ceil(ROWS).min(MOST);
        let each = |mut of: Box<dyn FnMut(usize, Stretch) + '_>| {
            for (part, nodes) in (0..).zip(parts.clone()) {
                let mut first = 0;
                while let Some(&[number, _]) = nodes.get(first) {
                    let block = (u128::from(number) * count as u128 / u128::from(ends)) as usize;
                    let end = (u128::from(ends) * (block as u128 + 1)).div_ceil(count as u128);
                    let length = nodes[first..].iter().take_while(|[number, _]| u128::from(*number) < end).count();
                    of(block, Stretch { part, first: first as u32, count: length as u32 });
                    first += length;
                }
            }
        };
        let mut begins = vec![(0, 0); count + 1];
        each(Box::new(|block, stretch| {
            begins[block + 1].0 += 1;
            begins[block + 1].1 += stretch.count as usize;
        }));
        for block in 0..count {
            let (stretches, rows) = begins[block];
            begins[block + 1].0 += stretches;
            begins[block + 1].1 += rows;
        }
        let mut stretches = vec![Stretch::default(); begins[count].0];
        let mut next: Vec<usize> = begins.iter().map(|(first, _)| *first).collect();
        each(Box::new(|block, stretch| {
            stretches[next[block]] = stretch;
            next[block] += 1;
        }));
        Blocks { stretches, begins }
    }

    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.begins.len() - 1
    }

    /// Number of rows before a block.
    pub(super) fn rows_before(&self, block: usize) -> usize {
        self.begins[block].1
    }

    /// The parts that have branches in a block, in order, with the indices of these branches.
    pub(super) fn parts_of(&self, block: usize) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let stretches = &self.stretches[self.begins[block].0..self.begins[block + 1].0];
        stretches
            .iter()
            .map(|&Stretch { part, first, count }| (part as usize, first as usize..(first + count) as usize))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_branch_is_in_the_block_of_its_start(
            ranks in prop::collection::vec(prop::collection::vec(0u32..1000, 0..90), 0..9),
        ) {
            let parts: Vec<Vec<[u32; 2]>> = ranks.into_iter().map(|mut part| {
                part.sort_unstable();
                part.into_iter().map(|rank| [rank, 0]).collect()
            }).collect();
            let blocks = Blocks::new(parts.iter().map(Vec::as_slice), 1000);
            let rows: usize = parts.iter().map(Vec::len).sum();
            prop_assert_eq!(blocks.len(), rows.div_ceil(ROWS).min(MOST));
            let mut before = 0;
            for block in 0..blocks.len() {
                prop_assert_eq!(blocks.rows_before(block), before);
                let share = |block: usize| (1000 * block).div_ceil(blocks.len()) as u32;
                let mut found = Vec::new();
                for (part, places) in blocks.parts_of(block) {
                    found.extend(places.map(|place| (part, place)));
                }
                let is_in = |rank: u32| (share(block)..share(block + 1)).contains(&rank);
                let all = parts.iter().enumerate().flat_map(|(part, nodes)| (0..nodes.len()).map(move |place| (part, place)));
                let expected: Vec<(usize, usize)> = all.filter(|&(part, place)| is_in(parts[part][place][0])).collect();
                before += expected.len();
                prop_assert_eq!(found, expected);
            }
            prop_assert_eq!(before, rows);
        }
    }
}
