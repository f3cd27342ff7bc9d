//! Times as EC2 writes them.

use std::time::Duration;

/// ISO 8601 from the time since the epoch, by the proleptic Gregorian calendar.
pub(super) fn timestamp(since: Duration) -> String {
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (mut year, mut left) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hours:02}:{minutes:02}:{:02}.{:03}Z",
        left + 1,
        seconds % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_ec2_writes_them() {
        assert_eq!(timestamp(Duration::ZERO), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(Duration::from_millis(951_868_799_500)), "2000-02-29T23:59:59.500Z");
        assert_eq!(timestamp(Duration::from_secs(1_764_057_600)), "2025-11-25T08:00:00.000Z");
    }
}
