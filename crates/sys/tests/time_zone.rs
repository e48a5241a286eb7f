//! The time zone comes from the environment, which only a program with one thread may change: so this test has
//! its own `main`.

use oxbeam_sys::clock::{DateTime, local_to_universal, universal_to_local};

fn at(year: i32, month: u8, day: u8, hour: u8, minute: u8) -> DateTime {
    DateTime { year, month, day, hour, minute, second: 0 }
}

fn main() {
    // SAFETY: there is no other thread.
    unsafe { std::env::set_var("TZ", "CET-1CEST,M3.5.0,M10.5.0/3") };

    // Answers of OTP 27 in this zone: local time, then universal time of the same date taken as summer time,
    // as winter time, and without saying.
    let summer = at(2024, 7, 1, 12, 0);
    assert_eq!(universal_to_local(summer), Some(at(2024, 7, 1, 14, 0)));
    check(summer, at(2024, 7, 1, 10, 0), at(2024, 7, 1, 11, 0), at(2024, 7, 1, 10, 0));
    let winter = at(2024, 1, 1, 12, 0);
    assert_eq!(universal_to_local(winter), Some(at(2024, 1, 1, 13, 0)));
    check(winter, at(2024, 1, 1, 10, 0), at(2024, 1, 1, 11, 0), at(2024, 1, 1, 11, 0));
    // An hour that does not exist and one that exists twice.
    check(at(2024, 3, 31, 2, 30), at(2024, 3, 31, 0, 30), at(2024, 3, 31, 1, 30), at(2024, 3, 31, 1, 30));
    check(at(2024, 10, 27, 2, 30), at(2024, 10, 27, 0, 30), at(2024, 10, 27, 1, 30), at(2024, 10, 27, 1, 30));
    check(at(1970, 1, 1, 0, 0), at(1969, 12, 31, 22, 0), at(1969, 12, 31, 23, 0), at(1969, 12, 31, 23, 0));
    check(at(1902, 1, 1, 0, 0), at(1901, 12, 31, 22, 0), at(1901, 12, 31, 23, 0), at(1901, 12, 31, 23, 0));
    assert_eq!(universal_to_local(at(1901, 12, 31, 0, 0)), None);
}

fn check(local: DateTime, summer: DateTime, winter: DateTime, unsaid: DateTime) {
    assert_eq!(local_to_universal(local, Some(true)), Some(summer), "{local:?}");
    assert_eq!(local_to_universal(local, Some(false)), Some(winter), "{local:?}");
    assert_eq!(local_to_universal(local, None), Some(unsaid), "{local:?}");
}
