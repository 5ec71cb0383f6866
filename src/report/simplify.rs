//! Lines with fewer points.

/// Which points of a line to keep, so that no other is farther than a distance from the straight line between the kept ones
/// around it (Ramer 1972; Douglas and Peucker 1973). The first and the last are kept; of a closed line, also the one that is
/// farthest from them.
///
/// Takes time O(n log n) for most lines of n points, and O(n²) at most.
pub(super) fn kept(points: &[[f64; 3]], tolerance: f64) -> Vec<bool> {
    let mut kept = vec![false; points.len()];
    let Some(last) = points.len().checked_sub(1) else { return kept };
    (kept[0], kept[last]) = (true, true);
    let mut parts = vec![(0, last)];
    while let Some((from, to)) = parts.pop() {
        let closed = from != to && points[from] == points[to];
        let mut farthest = (if closed { 0.0 } else { tolerance * tolerance }, None);
        for place in from + 1..to {
            let distance = squared_distance(points[place], points[from], points[to]);
            if distance > farthest.0 {
                farthest = (distance, Some(place));
            }
        }
        if let (_, Some(place)) = farthest {
            kept[place] = true;
            parts.extend([(from, place), (place, to)]);
        }
    }
    kept
}

/// The squared distance of a point from the straight line between two points.
fn squared_distance(point: [f64; 3], from: [f64; 3], to: [f64; 3]) -> f64 {
    let (mut along, mut length) = (0.0, 0.0);
    for axis in 0..3 {
        let side = to[axis] - from[axis];
        along += (point[axis] - from[axis]) * side;
        length += side * side;
    }
    let share = if length > 0.0 { (along / length).clamp(0.0, 1.0) } else { 0.0 };
    (0..3).map(|axis| (point[axis] - from[axis] - share * (to[axis] - from[axis])).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_lies_within_the_distance() {
        let points: Vec<[f64; 3]> =
            (0..200).map(|i| [(f64::from(i) / 9.0).sin() * 8.0, f64::from(i), f64::from(i % 3)]).collect();
        for tolerance in [0.1, 1.0, 3.0, 100.0] {
            let kept = kept(&points, tolerance);
            let places: Vec<usize> = (0..points.len()).filter(|&place| kept[place]).collect();
            assert!(kept[0] && kept[199]);
            for pair in places.windows(2) {
                for place in pair[0]..pair[1] {
                    let distance = squared_distance(points[place], points[pair[0]], points[pair[1]]).sqrt();
                    assert!(distance <= tolerance, "{distance} at {tolerance}");
                }
            }
        }
        assert_eq!(kept(&points, 100.0).iter().filter(|&&kept| kept).count(), 2);
    }

    #[test]
    fn a_cycle_stays_one() {
        let cycle = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]];
        assert_eq!(kept(&cycle, 50.0), [true, false, true, false, true]);
        assert_eq!(kept(&[[0.0; 3]], 1.0), [true]);
        assert!(kept(&[], 1.0).is_empty());
    }
}
