//! Branches as vector paths.

/// A line through fewer of its points, none of which was farther than `tolerance` from it; its ends stay. [Douglas and Peucker
/// 1973]
pub(super) fn simplified(points: &[[f64; 3]], tolerance: f64) -> Vec<[f64; 3]> {
    if points.len() < 3 {
        return points.to_vec();
    }
    let mut kept = vec![false; points.len()];
    (kept[0], kept[points.len() - 1]) = (true, true);
    let mut parts = vec![(0, points.len() - 1)];
    while let Some((first, last)) = parts.pop() {
        let mut farthest = (tolerance, None);
        for place in first + 1..last {
            let distance = distance(points[place], points[first], points[last]);
            if distance > farthest.0 {
                farthest = (distance, Some(place));
            }
        }
        if let Some(place) = farthest.1 {
            kept[place] = true;
            parts.extend([(first, place), (place, last)]);
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// The distance of a point from a line between two others.
fn distance(point: [f64; 3], from: [f64; 3], to: [f64; 3]) -> f64 {
    let between = |a: [f64; 3], b: [f64; 3]| -> [f64; 3] { std::array::from_fn(|i| b[i] - a[i]) };
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let (along, to_point) = (between(from, to), between(from, point));
    let length = dot(along, along);
    let share = if length > 0.0 { (dot(to_point, along) / length).clamp(0.0, 1.0) } else { 0.0 };
    let rest: [f64; 3] = std::array::from_fn(|i| to_point[i] - share * along[i]);
    dot(rest, rest).sqrt()
}

/// The `d` of a path through points, seen on the axes of a panel's rows and columns; a point where it is only one.
pub(super) fn path(points: &[[f64; 3]], [rows, columns]: [usize; 2]) -> String {
    let mut text = String::new();
    for (place, point) in points.iter().enumerate() {
        let [x, y] = [point[columns], point[rows]].map(|n| (n * 10.0).round() / 10.0);
        let command = if place == 0 { 'M' } else { 'L' };
        text.push_str(&format!("{command}{x} {y}"));
    }
    // A line of no length, which round ends make a dot.
    if points.len() == 1 {
        text.push_str("h0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_are_left_out_and_corners_stay() {
        let straight: Vec<[f64; 3]> = (0..9).map(|x| [0.0, 1.0, f64::from(x)]).collect();
        assert_eq!(simplified(&straight, 0.1), [[0.0, 1.0, 0.0], [0.0, 1.0, 8.0]]);
        let corner = [[0.0; 3], [0.0, 0.0, 4.0], [0.0, 4.0, 4.0]];
        assert_eq!(simplified(&corner, 0.5), corner);
        assert_eq!(simplified(&corner, 4.0).len(), 2);
        // A cycle ends where it begins.
        let cycle = [[0.0; 3], [0.0, 0.0, 4.0], [0.0, 4.0, 4.0], [0.0; 3]];
        assert_eq!(simplified(&cycle, 0.5), cycle);
    }

    #[test]
    fn a_path_has_columns_before_rows_and_a_single_voxel_is_a_dot() {
        assert_eq!(path(&[[1.0, 2.0, 3.25], [4.0, 5.0, 6.0]], [1, 2]), "M3.3 2L6 5");
        assert_eq!(path(&[[1.0, 2.0, 3.0]], [0, 2]), "M3 1h0");
    }
}
