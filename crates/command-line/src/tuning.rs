//! Emulator flags that tune what Oxbeam does in its own way: they are checked as OTP checks them, then ignored.

use crate::numbers::leading_number;

/// What a value has to be.
pub(crate) enum Check {
    OneOf(&'static [&'static str]),
    /// A number from the first to the second.
    Within(i64, i64),
    /// A number from the first to the second, or `infinity`.
    WithinOrInfinity(i64, i64),
    Anything,
}

/// A flag: its name without the sign, and the complaint about a bad value, which replaces the `{}`.
pub(crate) struct Tuning {
    pub(crate) flag: &'static str,
    pub(crate) check: Check,
    pub(crate) complaint: &'static str,
}

const BUSY_WAIT: Check = Check::OneOf(&["none", "very_short", "short", "medium", "long", "very_long"]);
const WAKE_UP: Check = Check::OneOf(&["very_low", "low", "medium", "high", "very_high"]);
const BIND_TYPE: Check = Check::OneOf(&["u", "ns", "ts", "ps", "s", "nnts", "nnps", "tnnps", "db"]);
const BOOLEAN: Check = Check::OneOf(&["true", "false"]);
const KILO_WORDS: Check = Check::Within(20, 8192);

const fn tuning(flag: &'static str, check: Check, complaint: &'static str) -> Tuning {
    Tuning { flag, check, complaint }
}

/// The flags, longer names before those that they begin with.
pub(crate) const TUNINGS: &[Tuning] = &[
    tuning("sbt", BIND_TYPE, "setting scheduler bind type '{}' failed: invalid type"),
    tuning("stbt", BIND_TYPE, "setting scheduler bind type '{}' failed: invalid type"),
    tuning("sbwtdcpu", BUSY_WAIT, "bad dirty CPU scheduler busy wait threshold: {}"),
    tuning("sbwtdio", BUSY_WAIT, "bad dirty IO scheduler busy wait threshold: {}"),
    tuning("sbwt", BUSY_WAIT, "bad scheduler busy wait threshold: {}"),
    tuning("scl", BOOLEAN, "bad scheduler compact load value '{}'"),
    tuning("sct", Check::Anything, ""),
    tuning("secio", Check::Anything, ""),
    tuning("sub", BOOLEAN, "bad scheduler utilization balancing  value '{}'"),
    tuning(
        "swct",
        Check::OneOf(&["very_lazy", "lazy", "medium", "eager", "very_eager"]),
        "scheduler wake cleanup threshold: {}",
    ),
    tuning("swtdcpu", WAKE_UP, "dirty CPU scheduler wakeup threshold: {}"),
    tuning("swtdio", WAKE_UP, "dirty IO scheduler wakeup threshold: {}"),
    tuning("swt", WAKE_UP, "scheduler wakeup threshold: {}"),
    tuning("sws", Check::OneOf(&["default", "legacy"]), "scheduler wakeup strategy: {}"),
    tuning("sssdcpu", KILO_WORDS, "bad stack size for dirty CPU scheduler threads {}"),
    tuning("sssdio", KILO_WORDS, "bad stack size for dirty IO scheduler threads {}"),
    tuning("sss", KILO_WORDS, "bad stack size for scheduler threads {}"),
    tuning("sfwi", Check::Within(0, i64::MAX), "bad scheduler forced wakeup interval {}"),
    tuning("a", Check::Within(16, 8192), "bad stack size for async threads {}"),
    tuning("dcg", Check::Within(0, i64::MAX), "bad decentralized counter groups limit: {}"),
    tuning("rg", Check::Within(0, i64::MAX), "bad reader groups limit: {}"),
    tuning("IOPt", Check::Within(1, i64::MAX), "bad I/O poll thread percentage number: {}"),
    tuning("IOPp", Check::Within(1, i64::MAX), "bad I/O pollset percentage number: {}"),
    tuning("IOt", Check::Within(1, i64::MAX), "bad I/O poll threads number: {}"),
    tuning("IOp", Check::Within(1, i64::MAX), "bad I/O pollset number: {}"),
    tuning("IOs", BOOLEAN, "bad +IOs boolean argument: {}"),
    tuning("JDdump", BOOLEAN, "bad +JDdump flag {}"),
    tuning("JPperf", Check::OneOf(&["true", "false", "dump", "map", "fp", "no_fp"]), "bad +JPperf support flag {}"),
    tuning(
        "JPcover",
        Check::OneOf(&["true", "false", "line", "line_counters", "function", "function_counters"]),
        "bad +JPcover flag {}",
    ),
    tuning("JMsingle", BOOLEAN, "bad +JMsingle support flag {}"),
    tuning("T", Check::Within(0, 9), "bad modified timing level {}"),
    tuning("R", Check::Within(25, 27), "bad compatibility release number {}"),
    tuning("K", Check::Anything, ""),
    tuning("zdntgc", Check::WithinOrInfinity(0, 100_000_000), "Invalid delayed node table gc: {}"),
    tuning("zosrl", Check::Within(1, 134_217_727), "Invalid outstanding requests limit {}"),
    tuning(
        "zebwt",
        Check::OneOf(&["none", "very_short", "short", "medium", "long", "very_long", "extremely_long"]),
        "Invalid ets busy wait threshold: {}",
    ),
];

impl Check {
    pub(crate) fn accepts(&self, value: &[u8]) -> bool {
        match self {
            Check::OneOf(words) => words.iter().any(|word| word.as_bytes() == value),
            Check::Within(least, most) => within(value, *least, *most),
            Check::WithinOrInfinity(least, most) => value == b"infinity" || within(value, *least, *most),
            Check::Anything => true,
        }
    }
}

fn within(value: &[u8], least: i64, most: i64) -> bool {
    leading_number(value).is_some_and(|(number, _)| (least..=most).contains(&number))
}

/// The allocator flags that take a value, without the `M` and, in the first list, the letter of an allocator.
const OF_AN_ALLOCATOR: &[&str] = &[
    "asbcst", "as", "atags", "acul", "acnl", "acfml", "acful", "cp", "e", "lmbcs", "mbcgs", "mbsd", "mmbcs", "mmmbc",
    "mmsbc", "msbclt", "ramv", "rmbcmt", "rsbcmt", "rsbcst", "sbct", "smbcs", "t",
];
const OF_ALL_ALLOCATORS: &[&str] = &[
    "ea", "ummc", "uycs", "usac", "im", "is", "lpm", "Mamcbf", "Mrmcbf", "Mmcs", "Mscs", "Mscrfsd", "Msco", "Mscrpm",
    "Mlp", "Ye", "Ym", "Ytp", "Ytt", "Iscs", "Xscs", "dai",
];
const ALLOCATORS: &[u8] = b"uBIDEFHLRSTZ";

/// How much of an allocator flag (what follows `-M`) is its name; nothing if there is no such flag. The rest is its
/// value, or the next argument is.
pub(crate) fn allocator_flag_length(flag: &[u8]) -> Option<usize> {
    let longest = |names: &[&str], text: &[u8]| {
        names.iter().filter(|name| text.starts_with(name.as_bytes())).map(|name| name.len()).max()
    };
    if let Some(length) = longest(OF_ALL_ALLOCATORS, flag) {
        return Some(length);
    }
    let (letter, rest) = flag.split_first()?;
    if !ALLOCATORS.contains(letter) {
        return None;
    }
    longest(OF_AN_ALLOCATOR, rest).map(|length| length + 1)
}

/// Whether `erl` takes a value for this allocator flag from the next argument: it knows the exact names only.
pub(crate) fn allocator_flag_wants_value(flag: &[u8]) -> bool {
    allocator_flag_length(flag) == Some(flag.len())
}
