//! Clocks, the calendar of the local time zone, and how much of the machine there is.

use std::mem::MaybeUninit;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds of a clock that only goes forwards, from a point that means nothing.
pub fn monotonic_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Nanoseconds since 1970 in universal time, as the operating system believes.
pub fn system_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// Nanoseconds all threads of this process have computed.
pub fn process_cpu_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::ProcessCPUTime))
}

/// Nanoseconds the calling thread has computed.
pub fn thread_cpu_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

fn nanoseconds(time: Timespec) -> i64 {
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Computing time of this process, for `statistics(runtime)` and `os:perf_counter`-like questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTimes {
    /// microseconds in the program
    pub user_us: i64,
    /// microseconds in the kernel on its behalf
    pub system_us: i64,
}

/// Computing time of this process, apart for program and kernel.
pub fn cpu_times() -> CpuTimes {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes to the room it is given; a failure leaves the zeros, which are valid.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let microseconds = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    CpuTimes { user_us: microseconds(usage.ru_utime), system_us: microseconds(usage.ru_stime) }
}

/// A date and a time of day: `{{Year, Month, Day}, {Hour, Minute, Second}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// of the Gregorian calendar
    pub year: i32,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 59, or 60 in a leap second
    pub second: u8,
}

/// The first year ERTS converts.
const FIRST_YEAR: i32 = 1902;

impl DateTime {
    fn from_c(time: &libc::tm) -> Option<DateTime> {
        Some(DateTime {
            year: time.tm_year.checked_add(1900)?,
            month: u8::try_from(time.tm_mon + 1).ok()?,
            day: u8::try_from(time.tm_mday).ok()?,
            hour: u8::try_from(time.tm_hour).ok()?,
            minute: u8::try_from(time.tm_min).ok()?,
            second: u8::try_from(time.tm_sec).ok()?,
        })
    }

    fn to_c(self, is_dst: i32) -> libc::tm {
        // SAFETY: a structure of integers and a pointer that may be null.
        let mut time: libc::tm = unsafe { MaybeUninit::zeroed().assume_init() };
        time.tm_year = self.year - 1900;
        time.tm_mon = i32::from(self.month) - 1;
        time.tm_mday = self.day.into();
        time.tm_hour = self.hour.into();
        time.tm_min = self.minute.into();
        time.tm_sec = self.second.into();
        time.tm_isdst = is_dst;
        time
    }

    /// Whether ERTS converts it: a date that exists, not before 1902, no leap second.
    fn is_convertible(self) -> bool {
        FIRST_YEAR <= self.year
            && self.year < i32::MAX
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
    }

    /// Seconds since 1970, taking it for universal time.
    fn to_seconds(self) -> i64 {
        // Days of the proleptic Gregorian calendar, with years that begin in March.
        let march_year = i64::from(self.year) - i64::from(self.month <= 2);
        let march_month = (i64::from(self.month) + 9) % 12;
        let days_before_year =
            365 * march_year + march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
        let days = days_before_year + (153 * march_month + 2) / 5 + i64::from(self.day) - 1 - 719_468;
        days * 86_400 + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }
}

impl std::fmt::Display for DateTime {
    /// As C's `ctime` has it: `Sun Apr  7 12:34:56 2024`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let weekday = self.to_seconds().div_euclid(86_400).rem_euclid(7) as usize;
        let month = MONTHS.get(usize::from(self.month).wrapping_sub(1)).copied().unwrap_or("???");
        let DateTime { year, day, hour, minute, second, .. } = self;
        write!(formatter, "{} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}", WEEKDAYS[weekday])
    }
}

fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `seconds` since 1970 in the local time zone; `None` for a year beyond all numbers.
pub fn local_time(seconds: i64) -> Option<DateTime> {
    let mut time = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are to values of ours; the call writes the second on success.
    if unsafe { libc::localtime_r(&seconds, time.as_mut_ptr()) }.is_null() {
        return None;
    }
    // SAFETY: it succeeded.
    DateTime::from_c(&unsafe { time.assume_init() })
}

/// `seconds` since 1970 in universal time; `None` for a year beyond all numbers.
pub fn universal_time(seconds: i64) -> Option<DateTime> {
    let mut time = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are to values of ours; the call writes the second on success.
    if unsafe { libc::gmtime_r(&seconds, time.as_mut_ptr()) }.is_null() {
        return None;
    }
    // SAFETY: it succeeded.
    DateTime::from_c(&unsafe { time.assume_init() })
}

/// `erlang:universaltime_to_localtime/1`; `None` means `badarg`.
pub fn universal_to_local(universal: DateTime) -> Option<DateTime> {
    if universal.is_convertible() { local_time(universal.to_seconds()) } else { None }
}

/// `erlang:localtime_to_universaltime/2`: `is_dst` says whether summer time is meant, where it is known.
/// `None` means `badarg`.
pub fn local_to_universal(local: DateTime, is_dst: Option<bool>) -> Option<DateTime> {
    if !local.is_convertible() {
        return None;
    }
    let is_dst = is_dst.map_or(-1, i32::from);
    // A zone without summer time may refuse one: then the question is answered as if it had not been said.
    let seconds =
        make_time(local.to_c(is_dst)).or_else(|| if is_dst != 0 { make_time(local.to_c(0)) } else { None })?;
    universal_time(seconds)
}

/// C's `mktime`, told apart from the time that looks like its error.
fn make_time(mut time: libc::tm) -> Option<i64> {
    time.tm_wday = -1;
    // SAFETY: the pointer is to a value of ours. The call reads and writes the C library's idea of the time
    // zone, under its own lock.
    let seconds = unsafe { libc::mktime(&mut time) };
    // Only success sets the day of the week.
    (seconds != -1 || time.tm_wday != -1).then_some(seconds)
}

/// Processors this process may run on.
pub fn available_processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Processors of the computer: all, and those that are switched on.
pub fn processors() -> (Option<usize>, Option<usize>) {
    let ask = |name| {
        // SAFETY: the call only takes a number.
        usize::try_from(unsafe { libc::sysconf(name) }).ok().filter(|&count| count > 0)
    };
    (ask(libc::_SC_NPROCESSORS_CONF), ask(libc::_SC_NPROCESSORS_ONLN))
}

/// Bytes of a page of memory.
pub fn page_size() -> usize {
    rustix::param::page_size()
}

/// Memory of the computer in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// all there is
    pub total: u64,
    /// unused
    pub free: u64,
    /// all swap space
    pub swap_total: u64,
    /// unused swap space
    pub swap_free: u64,
}

/// Memory of the computer.
#[allow(clippy::unnecessary_cast, reason = "`unsigned long` differs between architectures")]
pub fn memory() -> Memory {
    let info = rustix::system::sysinfo();
    let bytes = |count| count as u64 * u64::from(info.mem_unit);
    Memory {
        total: bytes(info.totalram),
        free: bytes(info.freeram),
        swap_total: bytes(info.totalswap),
        swap_free: bytes(info.freeswap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_text() {
        let date = |seconds| universal_time(seconds).expect("a date").to_string();
        assert_eq!(date(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(date(1_712_493_296), "Sun Apr  7 12:34:56 2024");
    }

    fn at(year: i32, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> DateTime {
        DateTime { year, month, day, hour, minute, second }
    }

    #[test]
    fn clocks_advance() {
        let (monotonic, system) = (monotonic_ns(), system_ns());
        assert!(monotonic_ns() >= monotonic && system_ns() >= system);
        assert!(system > 1_700_000_000_000_000_000);
        let times = cpu_times();
        assert!(process_cpu_ns() > 0 && thread_cpu_ns() >= 0 && times.user_us >= 0 && times.system_us >= 0);
    }

    // Against the C library, whose answer ERTS gives.
    #[test]
    fn seconds_of_dates() {
        for seconds in [0, 951_782_400, 951_868_799, 1_709_164_800, 4_107_542_400, -1, -2_145_916_800, 253_402_300_799]
        {
            assert_eq!(universal_time(seconds).unwrap().to_seconds(), seconds);
        }
        assert_eq!(universal_time(0), Some(at(1970, 1, 1, 0, 0, 0)));
        assert_eq!(universal_time(-1), Some(at(1969, 12, 31, 23, 59, 59)));
        assert_eq!(universal_time(i64::MAX), None);
    }

    #[test]
    fn refused_dates() {
        for bad in
            [at(1901, 1, 1, 0, 0, 0), at(2023, 2, 29, 0, 0, 0), at(2024, 13, 1, 0, 0, 0), at(2024, 1, 1, 24, 0, 0)]
        {
            assert_eq!(universal_to_local(bad), None);
            assert_eq!(local_to_universal(bad, None), None);
        }
    }

    #[test]
    fn there_and_back() {
        let noon = at(2024, 7, 1, 12, 0, 0);
        let local = universal_to_local(noon).unwrap();
        assert_eq!(local_to_universal(local, None), Some(noon));
        assert!(local_to_universal(noon, Some(true)).is_some());
        // The second whose number is the error of `mktime`.
        let before_epoch = universal_to_local(at(1969, 12, 31, 23, 59, 59)).unwrap();
        assert_eq!(local_to_universal(before_epoch, Some(false)), Some(at(1969, 12, 31, 23, 59, 59)));
    }

    #[test]
    fn the_computer() {
        assert!(available_processors() >= 1);
        assert!(processors().0 >= processors().1 && processors().1 >= Some(1));
        assert!(page_size().is_power_of_two());
        assert!(memory().total > memory().free);
    }
}
