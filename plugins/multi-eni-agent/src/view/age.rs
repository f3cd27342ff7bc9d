//! How long ago, in as few letters as a person needs.

/// A time of this many seconds: `45s`, `3m`, `2h5m`, `4d3h`.
pub(crate) fn age(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let two = |whole, unit, rest, smaller| match rest {
        0 => format!("{whole}{unit}"),
        rest => format!("{whole}{unit}{rest}{smaller}"),
    };
    match seconds {
        ..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm'),
        DAY.. => two(seconds / DAY, 'd', seconds % DAY / HOUR, 'h'),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_is_short() {
        let ages = [0, 59, 60, 3599, 3600, 7500, 86_400, 360_000].map(age);
        assert_eq!(ages, ["0s", "59s", "1m", "59m", "1h", "2h5m", "1d", "4d4h"]);
    }
}
