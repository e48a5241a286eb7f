//! Clocks, calendars and unique numbers.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Vm};
use oxbeam_sys::clock::{self, DateTime};
use oxbeam_term::{Heap, Term, atoms};
use std::sync::atomic::{AtomicI64, Ordering};

const NANOSECONDS: i64 = 1_000_000_000;
/// Years that OTP computes posix time for.
const YEARS: std::ops::Range<i64> = 1600..(1 << 31);
/// Added to a running number to make what `unique_integer/0` returns, as OTP does.
const UNIQUE_BASE: i64 = -576_460_752_303_423_488;

/// Parts per second of a time unit; `None` for anything else.
fn unit(term: Term<'_>) -> Option<i64> {
    if let Some(parts) = term.as_i64() {
        return (parts > 0).then_some(parts);
    }
    Some(match term.as_atom()? {
        atoms::SECOND | atoms::SECONDS => 1,
        atoms::MILLISECOND | atoms::MILLI_SECONDS => 1000,
        atoms::MICROSECOND | atoms::MICRO_SECONDS => 1_000_000,
        atoms::NANOSECOND | atoms::NANO_SECONDS | atoms::NATIVE | atoms::PERF_COUNTER => NANOSECONDS,
        _ => return None,
    })
}

/// `nanoseconds` in a unit of `parts` per second, rounded down.
fn in_unit(heap: &Heap, nanoseconds: i64, parts: i64) -> Term<'_> {
    let value = (i128::from(nanoseconds) * i128::from(parts)).div_euclid(i128::from(NANOSECONDS));
    heap.double_integer(value)
}

fn converted<'h>(cx: &BifContext<'h>, nanoseconds: i64, parts: Term<'h>) -> BifResult<'h> {
    match unit(parts) {
        Some(parts) => Ok(in_unit(cx.heap, nanoseconds, parts)),
        None => cx.badarg(),
    }
}

/// Erlang monotonic time in nanoseconds.
#[bif("erlang:monotonic_time/0")]
fn monotonic_time<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(cx.vm.clock.monotonic()))
}

/// Erlang monotonic time in a unit.
///
/// # Errors
///
/// `badarg` for an unknown unit.
#[bif("erlang:monotonic_time/1")]
fn monotonic_time_in<'h>(cx: &mut BifContext<'h>, parts: Term<'h>) -> BifResult<'h> {
    converted(cx, cx.vm.clock.monotonic(), parts)
}

fn erlang_system_time(cx: &BifContext<'_>) -> i64 {
    cx.vm.clock.monotonic() + cx.vm.clock.offset()
}

/// Erlang system time in nanoseconds.
#[bif("erlang:system_time/0")]
fn system_time<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(erlang_system_time(cx)))
}

/// Erlang system time in a unit.
///
/// # Errors
///
/// `badarg` for an unknown unit.
#[bif("erlang:system_time/1")]
fn system_time_in<'h>(cx: &mut BifContext<'h>, parts: Term<'h>) -> BifResult<'h> {
    converted(cx, erlang_system_time(cx), parts)
}

/// What added to monotonic time gives system time, in nanoseconds.
#[bif("erlang:time_offset/0")]
fn time_offset<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(cx.vm.clock.offset()))
}

/// As `time_offset/0`, in a unit.
///
/// # Errors
///
/// `badarg` for an unknown unit.
#[bif("erlang:time_offset/1")]
fn time_offset_in<'h>(cx: &mut BifContext<'h>, parts: Term<'h>) -> BifResult<'h> {
    converted(cx, cx.vm.clock.offset(), parts)
}

/// Microseconds since 1970 as `{MegaSeconds, Seconds, MicroSeconds}`.
pub(crate) fn mega_tuple(heap: &Heap, microseconds: i64) -> Term<'_> {
    let seconds = microseconds.div_euclid(1_000_000);
    heap.tuple(&[
        heap.integer(seconds.div_euclid(1_000_000)),
        heap.integer(seconds.rem_euclid(1_000_000)),
        heap.integer(microseconds.rem_euclid(1_000_000)),
    ])
}

/// Erlang system time as `{MegaSeconds, Seconds, MicroSeconds}`.
#[bif("erlang:timestamp/0")]
fn timestamp<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(mega_tuple(cx.heap, erlang_system_time(cx) / 1000))
}

/// The last value that `now/0` returned, in microseconds.
#[derive(Default)]
struct LastNow(AtomicI64);

/// Microseconds since 1970, never the same twice.
pub(crate) fn unique_now(vm: &Vm) -> i64 {
    let microseconds = (vm.clock.monotonic() + vm.clock.offset()) / 1000;
    let last = vm.extension::<LastNow>();
    let later = |previous: i64| previous.saturating_add(1).max(microseconds);
    let previous = last.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |previous| Some(later(previous)));
    later(previous.unwrap_or_else(|previous| previous))
}

/// As `timestamp/0`, but never the same twice.
#[bif("erlang:now/0")]
fn now<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(mega_tuple(cx.heap, unique_now(cx.vm)))
}

/// The operating system's time as `{MegaSeconds, Seconds, MicroSeconds}`.
#[bif("os:timestamp/0")]
fn os_timestamp<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(mega_tuple(cx.heap, cx.vm.clock.system() / 1000))
}

/// The operating system's time in nanoseconds.
#[bif("os:system_time/0")]
fn os_system_time<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(cx.vm.clock.system()))
}

/// The operating system's time in a unit.
///
/// # Errors
///
/// `badarg` for an unknown unit.
#[bif("os:system_time/1")]
fn os_system_time_in<'h>(cx: &mut BifContext<'h>, parts: Term<'h>) -> BifResult<'h> {
    converted(cx, cx.vm.clock.system(), parts)
}

/// A counter for measurements, in nanoseconds.
#[bif("os:perf_counter/0")]
fn perf_counter<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(clock::monotonic_ns()))
}

/// Parts per second of the native time unit.
#[bif("erts_internal:time_unit/0")]
fn time_unit<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(NANOSECONDS))
}

/// Parts per second of `os:perf_counter/0`.
#[bif("erts_internal:perf_counter_unit/0")]
fn perf_counter_unit<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(NANOSECONDS))
}

/// A unique integer.
#[bif("erlang:unique_integer/0")]
fn unique_integer<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.integer(UNIQUE_BASE + cx.vm.next_unique()))
}

/// A unique integer: positive, or greater than all before, as asked.
///
/// # Errors
///
/// `badarg` for bad options.
#[bif("erlang:unique_integer/1")]
fn unique_integer_with<'h>(cx: &mut BifContext<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some(options) = options.to_vec() else { return cx.badarg() };
    let mut base = UNIQUE_BASE;
    for option in options {
        match option.as_atom() {
            Some(atoms::POSITIVE) => base = 0,
            // The counter never goes back.
            Some(atoms::MONOTONIC) => {}
            _ => return cx.badarg(),
        }
    }
    Ok(cx.heap.integer(base + cx.vm.next_unique()))
}

fn date_term(heap: &Heap, time: DateTime) -> Term<'_> {
    heap.tuple(&[heap.integer(i64::from(time.year)), Term::small(time.month.into()), Term::small(time.day.into())])
}

fn time_term(heap: &Heap, time: DateTime) -> Term<'_> {
    heap.tuple(&[Term::small(time.hour.into()), Term::small(time.minute.into()), Term::small(time.second.into())])
}

fn date_time<'h>(cx: &BifContext<'h>, time: Option<DateTime>) -> BifResult<'h> {
    match time {
        Some(time) => Ok(cx.heap.tuple(&[date_term(cx.heap, time), time_term(cx.heap, time)])),
        None => cx.badarg(),
    }
}

fn seconds_now(cx: &BifContext<'_>) -> i64 {
    cx.vm.clock.system().div_euclid(NANOSECONDS)
}

/// Date and time of day in the local time zone.
#[bif("erlang:localtime/0")]
fn localtime<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    date_time(cx, clock::local_time(seconds_now(cx)))
}

/// Date and time of day in universal time.
#[bif("erlang:universaltime/0")]
fn universaltime<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    date_time(cx, clock::universal_time(seconds_now(cx)))
}

/// Date in the local time zone.
#[bif("erlang:date/0")]
fn date<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    match clock::local_time(seconds_now(cx)) {
        Some(time) => Ok(date_term(cx.heap, time)),
        None => cx.badarg(),
    }
}

/// Time of day in the local time zone.
#[bif("erlang:time/0")]
fn time<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    match clock::local_time(seconds_now(cx)) {
        Some(time) => Ok(time_term(cx.heap, time)),
        None => cx.badarg(),
    }
}

/// `{{Year, Month, Day}, {Hour, Minute, Second}}` as six numbers.
fn six_numbers(term: Term<'_>) -> Option<[i64; 6]> {
    let [date, time] = term.as_tuple_of::<2>()?;
    let (date, time) = (date.as_tuple_of::<3>()?, time.as_tuple_of::<3>()?);
    let mut numbers = [0; 6];
    for (number, term) in numbers.iter_mut().zip(date.iter().chain(time)) {
        *number = term.as_i64()?;
    }
    Some(numbers)
}

fn to_date_time(term: Term<'_>) -> Option<DateTime> {
    let [year, month, day, hour, minute, second] = six_numbers(term)?;
    let small = |number: i64| u8::try_from(number).ok();
    Some(DateTime {
        year: i32::try_from(year).ok()?,
        month: small(month)?,
        day: small(day)?,
        hour: small(hour)?,
        minute: small(minute)?,
        second: small(second)?,
    })
}

/// Universal time in the local time zone.
///
/// # Errors
///
/// `badarg` for anything that is no date and time after 1901.
#[bif("erlang:universaltime_to_localtime/1")]
fn universaltime_to_localtime<'h>(cx: &mut BifContext<'h>, time: Term<'h>) -> BifResult<'h> {
    date_time(cx, to_date_time(time).and_then(clock::universal_to_local))
}

/// Local time as universal time; the second argument says whether summer time is meant.
///
/// # Errors
///
/// `badarg` for anything that is no date and time after 1901, `true`, `false` or `undefined`.
#[bif("erlang:localtime_to_universaltime/2")]
fn localtime_to_universaltime<'h>(cx: &mut BifContext<'h>, time: Term<'h>, summer: Term<'h>) -> BifResult<'h> {
    if summer.as_boolean().is_none() && !summer.is_atom(atoms::UNDEFINED) {
        return cx.badarg();
    }
    let universal = to_date_time(time).and_then(|time| clock::local_to_universal(time, summer.as_boolean()));
    date_time(cx, universal)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to a date of the Gregorian calendar, with years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let month = (month + 9) % 12;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 719_469
}

/// Seconds since 1970 of a date and time in universal time.
///
/// # Errors
///
/// `badarg` for anything that is no date and time after 1599.
#[bif("erlang:universaltime_to_posixtime/1")]
fn universaltime_to_posixtime<'h>(cx: &mut BifContext<'h>, time: Term<'h>) -> BifResult<'h> {
    let Some([year, month, day, hour, minute, second]) = six_numbers(time) else { return cx.badarg() };
    let good = YEARS.contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    if !good {
        return cx.badarg();
    }
    let days = days_since_1970(year, month, day);
    Ok(cx.heap.integer(days * 86_400 + hour * 3600 + minute * 60 + second))
}

/// Date and time in universal time of a number of seconds since 1970.
///
/// # Errors
///
/// `badarg` for anything that is no integer of 64 bits.
#[bif("erlang:posixtime_to_universaltime/1")]
fn posixtime_to_universaltime<'h>(cx: &mut BifContext<'h>, seconds: i64) -> BifResult<'h> {
    let (year, month, day) = date_of(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let numbers = |numbers: [i64; 3]| cx.heap.tuple(&numbers.map(|number| cx.heap.integer(number)));
    let time = numbers([second / 3600, second / 60 % 60, second % 60]);
    Ok(cx.heap.tuple(&[numbers([year, month, day]), time]))
}

/// The date of the Gregorian calendar this many days after 1970 began: the inverse of [`days_since_1970`].
fn date_of(days: i64) -> (i64, i64, i64) {
    // Days since March of the year 0, in eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{date_of, days_since_1970};

    #[test]
    fn days_of_known_dates() {
        // `calendar:date_to_gregorian_days(D) - 719528` of the real system.
        for (date, days) in
            [((1970, 1, 1), 0), ((2000, 3, 1), 11_017), ((1600, 1, 1), -135_140), ((2024, 2, 29), 19_782)]
        {
            assert_eq!(days_since_1970(date.0, date.1, date.2), days);
            assert_eq!(date_of(days), date);
        }
    }
}
