//! Numbers as people read them.

/// A count, with narrow spaces between groups of three digits.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number with four digits; whole from 10,000 on, and with a power of ten where it is very large or small.
pub(super) fn rounded(value: f64) -> String {
    let size = value.abs();
    let text = if value == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e9).contains(&size) {
        let text = format!("{value:.2e}");
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{} × 10{}", trimmed(mantissa), superscript(power))
    } else if size >= 9999.5 {
        format!("{}{}", if value < 0.0 { "-" } else { "" }, grouped(size.round() as u64))
    } else {
        trimmed(&format!("{value:.*}", (3.0 - size.log10().floor()).max(0.0) as usize)).to_owned()
    };
    text.replace('-', "−")
}

/// Without the zeros at the end of a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn superscript(power: &str) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let sign = |c: char| c.to_digit(10).map_or('⁻', |digit| digits[digit as usize]);
    power.chars().map(sign).collect()
}

/// An amount per volume of the unit, or per area, and what it is per: of cubes whose side is a power of a thousand longer, where
/// it can be read better so.
pub(super) fn per_volume(value: f64, unit: &str, dimensions: usize) -> (String, String) {
    let (power, cube, voxels) = if dimensions == 2 { ('²', "square", "pixels") } else { ('³', "cube", "voxels") };
    let larger = match unit {
        "voxels" => return (rounded(value * 1e6), format!("per million {voxels}")),
        "nm" => "µm",
        "µm" => "mm",
        _ if unit.contains(' ') => return (rounded(value), format!("per {cube} of {unit}")),
        _ => return (rounded(value), format!("per {unit}{power}")),
    };
    match value != 0.0 && value.abs() < 0.01 {
        true => (rounded(value * 1000f64.powi(dimensions as i32)), format!("per {larger}{power}")),
        false => (rounded(value), format!("per {unit}{power}")),
    }
}

/// A length per volume or area, likewise, with the unit of the length.
pub(super) fn length_per_volume(value: f64, unit: &str, dimensions: usize) -> (String, String) {
    let larger = match unit {
        "nm" => "µm",
        "µm" => "mm",
        _ => {
            let (value, per) = per_volume(value, unit, dimensions);
            return (value, format!("{unit} {per}"));
        }
    };
    let power = if dimensions == 2 { '²' } else { '³' };
    (rounded(value * 1000f64.powi(dimensions as i32 - 1)), format!("{larger} per {larger}{power}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let texts = [0.0, 1.0, 0.5, 12.3456, 9999.4, 123_456.7, 2.5e-9, 3.14159e12, -0.25].map(rounded);
        assert_eq!(texts, ["0", "1", "0.5", "12.35", "9999", "123\u{202f}457", "2.5 × 10⁻⁹", "3.14 × 10¹²", "−0.25"]);
        assert_eq!(
            [1, 9999, 10_000, 1_234_567].map(grouped),
            ["1", "9999", "10\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
    }

    #[test]
    fn densities_are_given_per_a_volume_that_people_would_use() {
        let told = |(value, per): (String, String)| format!("{value} {per}");
        assert_eq!(told(per_volume(2e-6, "µm", 3)), "2000 per mm³");
        assert_eq!(told(per_volume(2e-3, "µm", 2)), "2000 per mm²");
        assert_eq!(told(per_volume(3.5, "mm", 3)), "3.5 per mm³");
        assert_eq!(told(per_volume(2e-6, "voxels", 3)), "2 per million voxels");
        assert_eq!(told(per_volume(0.5, "units of the spacing", 2)), "0.5 per square of units of the spacing");
        assert_eq!(told(length_per_volume(0.002, "µm", 3)), "2000 mm per mm³");
        assert_eq!(told(length_per_volume(0.002, "µm", 2)), "2 mm per mm²");
        assert_eq!(told(length_per_volume(0.002, "voxels", 2)), "2000 voxels per million pixels");
    }
}
