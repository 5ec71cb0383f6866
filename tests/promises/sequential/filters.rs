//! Filters of the foreground, as scikit-image and SciPy define them.

use std::cmp::Reverse;

use super::{Mask, add, steps};

/// The components of a mask, in the order of their first voxels: neighbours differ along at most `axes` axes.
fn components(mask: &Mask, axes: usize) -> Vec<Vec<usize>> {
    let mut left = mask.voxels.clone();
    let near: Vec<_> = steps().into_iter().filter(|d| d.iter().filter(|&&d| d != 0).count() <= axes).collect();
    let mut found = Vec::new();
    for first in mask.foreground() {
        let (mut component, mut next) = (Vec::new(), vec![first]);
        while let Some(index) = next.pop() {
            if std::mem::take(&mut left[index]) {
                component.push(index);
                next.extend(near.iter().filter_map(|&d| mask.index(add(mask.position(index), d))));
            }
        }
        if !component.is_empty() {
            found.push(component);
        }
    }
    found
}

/// The filters of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filters {
    /// Fill holes of fewer voxels.
    pub(crate) holes: Option<usize>,
    pub(crate) smaller: Option<usize>,
    pub(crate) largest: Option<usize>,
    /// Along how many axes neighbours of an object may differ.
    pub(crate) axes: usize,
}

/// A number of components and of their voxels.
pub(crate) type Amount = [usize; 2];

/// What filters leave of a mask, and what hysteresis, filling, `smaller` and `largest` change. `strong` are the strong voxels,
/// if there is a hysteresis; `planar` says that nothing lies beyond the only plane.
pub(crate) fn filtered(mask: &Mask, strong: Option<&Mask>, filters: &Filters, planar: bool) -> (Mask, [Amount; 4]) {
    let (mut left, mut amounts) = (mask.clone(), [[0; 2]; 4]);
    let mut change = |left: &mut Mask, component: &[usize], which: usize| {
        component.iter().for_each(|&index| left.voxels[index] = which == 1);
        amounts[which][0] += 1;
        amounts[which][1] += component.len();
    };
    if let Some(strong) = strong {
        let weak = components(&left, 1).into_iter().filter(|component| !component.iter().any(|&i| strong.voxels[i]));
        weak.for_each(|component| change(&mut left, &component, 0));
    }
    if let Some(below) = filters.holes {
        let background = Mask::new(left.shape, left.voxels.iter().map(|voxel| !voxel).collect());
        let reaches = |index: usize| {
            let p = left.position(index);
            (usize::from(planar)..3).any(|a| p[a] == 0 || p[a] + 1 == left.shape[a] as i64)
        };
        let holes: Vec<_> = components(&background, 1)
            .into_iter()
            .filter(|hole| hole.len() < below && !hole.iter().any(|&index| reaches(index)))
            .collect();
        holes.iter().for_each(|hole| change(&mut left, hole, 1));
    }
    let mut objects = components(&left, filters.axes);
    objects.sort_by_key(|object| Reverse(object.len()));
    for (rank, object) in objects.iter().enumerate() {
        if filters.smaller.is_some_and(|least| object.len() < least) {
            change(&mut left, object, 2);
        } else if filters.largest.is_some_and(|count| rank >= count) {
            change(&mut left, object, 3);
        }
    }
    (left, amounts)
}
