//! Sizes for people.

const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];

/// Bytes with three digits and a decimal unit: `512 B`, `4.2 kB`, `37 MB`.
pub fn size(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (bytes.div_ceil(100), 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths.div_ceil(1_000), unit + 1);
    }
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if whole < 10 { format!("{whole}.{tenth} {}", UNITS[unit]) } else { format!("{whole} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_that_a_person_reads() {
        let said = [0, 999, 1_000, 4_160, 12_300, 999_999, 3_700_000, 20_000_000_000].map(size);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "4.2 kB", "12 kB", "1.0 MB", "3.7 MB", "20 GB"]);
    }
}
