//! Eigenvalues of symmetric matrices of three rows.

/// Sweeps after which nothing changes any more: convergence is quadratic.
const SWEEPS: usize = 30;

/// The eigenvalues of a symmetric matrix, in no order, by Jacobi's method: Golub and Van Loan, "Matrix Computations", 4th
/// edition, section 8.5.
pub(super) fn eigenvalues(mut matrix: [[f64; 3]; 3]) -> [f64; 3] {
    for _ in 0..SWEEPS {
        for [p, q] in [[0, 1], [0, 2], [1, 2]] {
            let aside = matrix[p][q];
            if aside == 0.0 {
                continue;
            }
            let ratio = (matrix[q][q] - matrix[p][p]) / (2.0 * aside);
            let tangent = if ratio >= 0.0 { 1.0 } else { -1.0 } / (ratio.abs() + (1.0 + ratio * ratio).sqrt());
            let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
            let sine = tangent * cosine;
            let other = 3 - p - q;
            let [with_p, with_q] = [matrix[p][other], matrix[q][other]];
            matrix[p][p] -= tangent * aside;
            matrix[q][q] += tangent * aside;
            (matrix[p][q], matrix[q][p]) = (0.0, 0.0);
            let [turned_p, turned_q] = [cosine * with_p - sine * with_q, sine * with_p + cosine * with_q];
            (matrix[p][other], matrix[other][p]) = (turned_p, turned_p);
            (matrix[q][other], matrix[other][q]) = (turned_q, turned_q);
        }
    }
    [matrix[0][0], matrix[1][1], matrix[2][2]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_products_and_squares_are_those_of_the_matrix(m in prop::array::uniform6(-100.0..100.0f64)) {
            let [a, b, c, d, e, f] = m;
            let found = eigenvalues([[a, b, c], [b, d, e], [c, e, f]]);
            let [x, y, z] = found;
            let close = |found: f64, expected: f64, scale: f64| (found - expected).abs() <= 1e-12 * scale;
            prop_assert!(close(x + y + z, a + d + f, 1e3));
            prop_assert!(close(x * x + y * y + z * z, a * a + d * d + f * f + 2.0 * (b * b + c * c + e * e), 1e6));
            let determinant = a * (d * f - e * e) - b * (b * f - e * c) + c * (b * e - d * c);
            prop_assert!(close(x * y * z, determinant, 1e8));
        }
    }

    #[test]
    fn a_matrix_with_nothing_aside_keeps_its_numbers() {
        assert_eq!(eigenvalues([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]), [3.0, 1.0, 2.0]);
        assert_eq!(eigenvalues([[0.0; 3]; 3]), [0.0; 3]);
    }
}
