//! Durations and sizes as people write them: `7d`, `10Gi`.

use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not {expected}")]
pub struct UnitError {
    pub text: String,
    pub expected: &'static str,
}

/// Milliseconds of `500ms`, `45s`, `30m`, `12h`, `7d`, `2w`.
pub fn millis(text: &str) -> Result<i64, UnitError> {
    const UNITS: &[(&str, i64)] =
        &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
    scaled(text, UNITS).ok_or_else(|| UnitError {
        text: text.into(),
        expected: "a duration like 7d, 12h, 30m, 45s or 500ms",
    })
}

/// Bytes of `1024`, `10Ki`, `512Mi`, `10Gi`, `1Ti`.
pub fn bytes(text: &str) -> Result<i64, UnitError> {
    const UNITS: &[(&str, i64)] =
        &[("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("Ti", 1 << 40), ("", 1)];
    scaled(text, UNITS)
        .ok_or_else(|| UnitError { text: text.into(), expected: "a size like 512Mi, 10Gi or 1Ti" })
}

/// Bytes of a Kubernetes quantity: `1Gi`, `1.5G`, `1e9`, `128974848000m`; a fraction of a byte counts as one.
pub fn quantity(text: &str) -> Result<i64, UnitError> {
    const UNITS: &[(&str, i128, i128)] = &[
        ("", 1, 1),
        ("n", 1, 1_000_000_000),
        ("u", 1, 1_000_000),
        ("m", 1, 1_000),
        ("k", 1_000, 1),
        ("M", 1_000_000, 1),
        ("G", 1_000_000_000, 1),
        ("T", 1_000_000_000_000, 1),
        ("P", 1_000_000_000_000_000, 1),
        ("E", 1_000_000_000_000_000_000, 1),
        ("Ki", 1 << 10, 1),
        ("Mi", 1 << 20, 1),
        ("Gi", 1 << 30, 1),
        ("Ti", 1 << 40, 1),
        ("Pi", 1 << 50, 1),
        ("Ei", 1 << 60, 1),
    ];
    let read = || {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        let (factor, divisor) = match unit.strip_prefix(['e', 'E']).and_then(|e| e.parse::<i32>().ok()) {
            Some(e @ 0..=18) => (10_i128.pow(e.unsigned_abs()), 1),
            Some(e @ -9..0) => (1, 10_i128.pow(e.unsigned_abs())),
            Some(_) => return None,
            None => {
                UNITS.iter().find(|(u, ..)| *u == unit).map(|(_, factor, divisor)| (*factor, *divisor))?
            }
        };
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(divisor)?;
        let scaled = mantissa.checked_mul(factor)?;
        i64::try_from(scaled / scale + i128::from(scaled % scale != 0)).ok()
    };
    read().ok_or_else(|| UnitError { text: text.into(), expected: "a quantity like 512Mi or 1.5Gi" })
}

/// How many, as objects of Kubernetes' have it.
pub fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A size for people: `1.5 GiB`.
pub fn human_bytes(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[allow(clippy::cast_precision_loss)] // one decimal is shown
    let mut value = bytes as f64;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A time for people: `90 s`, `5 min`, `2 h`; nothing of it is rounded away.
pub fn human_seconds(seconds: i64) -> String {
    match seconds {
        s if s > 0 && s % 3600 == 0 => format!("{} h", s / 3600),
        s if s > 0 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

fn scaled(text: &str, units: &[(&str, i64)]) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = text[..digits].parse().ok()?;
    let (_, factor) = units.iter().find(|(unit, _)| *unit == &text[digits..])?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        assert_eq!(millis("7d"), Ok(604_800_000));
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(bytes("10Gi"), Ok(10 << 30));
        assert_eq!(bytes("1024"), Ok(1024));
        for wrong in ["", "d", "7", "7 d", "-1d", "7D", "99999999999999w"] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
        assert!(bytes("10G").is_err());
    }

    #[test]
    fn times_are_told_in_their_largest_whole_unit() {
        for (seconds, text) in [(0, "0 s"), (90, "90 s"), (300, "5 min"), (7200, "2 h"), (5400, "90 min")] {
            assert_eq!(human_seconds(seconds), text);
        }
    }

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, bytes) in [
            ("1Gi", 1 << 30),
            ("1.5Gi", 3 << 29),
            ("10737418240", 10 << 30),
            ("2G", 2_000_000_000),
            ("1e9", 1_000_000_000),
            ("1E3", 1000),
            ("1E", 1_000_000_000_000_000_000),
            ("1500m", 2),
            ("0.5Ki", 512),
        ] {
            assert_eq!(quantity(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "Gi", "1GB", "-1Gi", "1 Gi", "1.2.3", "99999999999Ei"] {
            assert!(quantity(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_shown_to_one_decimal() {
        assert_eq!(human_bytes(512), "512 B");
        assert_eq!(human_bytes(43 << 20), "43.0 MiB");
        assert_eq!(human_bytes(3 << 29), "1.5 GiB");
    }
}
