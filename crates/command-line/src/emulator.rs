//! The emulator's own flags: everything before the first `--` of its argument list.
//!
//! `erl` turns `+S 2` into `-S 2` here. Flags are checked with OTP's rules and complaints; what the machine can use
//! becomes a field of [`EmulatorOptions`], what only tunes OTP's own implementation is dropped (`tuning.rs`).

use crate::numbers::{leading_number, number, pair};
use crate::tuning::{TUNINGS, allocator_flag_length};
use crate::{Environment, Exit};

/// How many scheduler threads there are, and how many of them run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedulers {
    /// Threads made.
    pub total: u32,
    /// Threads that run to begin with.
    pub online: u32,
}

/// `+hmax` and its kin: the default `max_heap_size` of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaximumHeap {
    /// Words; 0 for no limit.
    pub size_words: u64,
    /// End the process that grows beyond it.
    pub kill: bool,
    /// Report it.
    pub log: bool,
    /// Count shared binaries too.
    pub include_shared_binaries: bool,
}

/// `+hmqd`: where messages wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageQueueData {
    /// With the heap.
    OnHeap,
    /// Outside of it.
    OffHeap,
}

/// `+C`: what may happen when the operating system's clock jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeWarpMode {
    /// The time offset never changes.
    NoTimeWarp,
    /// It is set once.
    SingleTimeWarp,
    /// It may change at any time.
    MultiTimeWarp,
}

/// `+fn`: how file names are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileNameEncoding {
    /// Always Latin-1.
    Latin1,
    /// Always UTF-8.
    Utf8,
    /// As the locale says.
    Locale,
}

/// `+fn`: what happens to file names that are not valid in that encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileNameWarning {
    /// A warning in the log.
    Warning,
    /// Nothing.
    Ignore,
    /// An error.
    Error,
}

/// `+pc`: which characters `io_lib` takes for printable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintableCharacters {
    /// Those of Latin-1.
    Latin1,
    /// Those of Unicode.
    Unicode,
}

/// `+W`: what warnings are logged as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningsAs {
    /// Errors.
    Error,
    /// Warnings.
    Warning,
    /// Information.
    Info,
}

/// `+B`: what Ctrl-C does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakHandling {
    /// The break menu.
    Menu,
    /// Ends the program.
    Terminate,
    /// Nothing.
    Ignore,
    /// Interrupts the shell's current expression.
    InterruptShell,
}

/// What the emulator flags set. Limits and sizes are those of the real machine when no flag is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmulatorOptions {
    /// `+S`, `+SP`.
    pub schedulers: Schedulers,
    /// `+SDcpu`, `+SDPcpu`.
    pub dirty_cpu_schedulers: Schedulers,
    /// `+SDio`.
    pub dirty_io_schedulers: u32,
    /// `+A`: only its value is seen (`system_info(thread_pool_size)`).
    pub async_threads: u32,
    /// `+P`, a power of two.
    pub process_limit: u32,
    /// `+Q`, a power of two.
    pub port_limit: u32,
    /// `+t`.
    pub atom_limit: u32,
    /// `+e` or `ERL_MAX_ETS_TABLES`; 0 when not given.
    pub ets_table_limit: u32,
    /// `+ec`: every ETS table is compressed.
    pub ets_always_compressed: bool,
    /// `+hms`, before rounding to a heap size that the collector uses.
    pub minimum_heap_words: u64,
    /// `+hmbs`, before the same rounding.
    pub minimum_binary_virtual_heap_words: u64,
    /// `+hmax`, `+hmaxk`, `+hmaxel`, `+hmaxib`.
    pub maximum_heap: MaximumHeap,
    /// `+hmqd`.
    pub message_queue_data: MessageQueueData,
    /// `+hpds`.
    pub initial_process_dictionary_size: u32,
    /// `ERL_FULLSWEEP_AFTER`.
    pub fullsweep_after: u16,
    /// `+c`.
    pub time_correction: bool,
    /// `+C`.
    pub time_warp_mode: TimeWarpMode,
    /// `+i`: the module whose `boot/1` is called.
    pub boot_module: Vec<u8>,
    /// `+fn`; nothing when not given.
    pub file_name_encoding: Option<(FileNameEncoding, FileNameWarning)>,
    /// `+pc`.
    pub printable_characters: PrintableCharacters,
    /// `+L` switches line numbers in stack traces off.
    pub line_information: bool,
    /// `+d` switches crash dumps for internal errors off.
    pub crash_dumps: bool,
    /// `+B`.
    pub break_handling: BreakHandling,
    /// `+W`.
    pub warnings_as: WarningsAs,
    /// `+spp`.
    pub port_parallelism: bool,
    /// `+pad`.
    pub async_distribution: bool,
    /// `+zdbbl`, in bytes.
    pub distribution_buffer_busy_limit: u64,
    /// `+zhft`, in milliseconds; nothing for no limit.
    pub halt_flush_timeout: Option<u32>,
}

const MAXIMUM_SCHEDULERS: i64 = 1024;
const PROCESSES: (i64, i64) = (1024, 134_217_727);
const ATOMS: (i64, i64) = (8192, 2_147_483_647);
const MAXIMUM_SMALL: i64 = (1 << 59) - 1;

impl EmulatorOptions {
    /// The options without any flag, on a machine with this many processors.
    pub fn new(processors: u32) -> EmulatorOptions {
        let processors = processors.clamp(1, 1024);
        let each = Schedulers { total: processors, online: processors };
        EmulatorOptions {
            schedulers: each,
            dirty_cpu_schedulers: each,
            dirty_io_schedulers: 10,
            async_threads: 1,
            process_limit: 1_048_576,
            port_limit: 65_536,
            atom_limit: 1_048_576,
            ets_table_limit: 0,
            ets_always_compressed: false,
            minimum_heap_words: 233,
            minimum_binary_virtual_heap_words: 46_422,
            maximum_heap: MaximumHeap { size_words: 0, kill: true, log: true, include_shared_binaries: false },
            message_queue_data: MessageQueueData::OnHeap,
            initial_process_dictionary_size: 8,
            fullsweep_after: u16::MAX,
            time_correction: true,
            time_warp_mode: TimeWarpMode::MultiTimeWarp,
            boot_module: b"init".to_vec(),
            file_name_encoding: None,
            printable_characters: PrintableCharacters::Latin1,
            line_information: true,
            crash_dumps: true,
            break_handling: BreakHandling::Menu,
            warnings_as: WarningsAs::Warning,
            port_parallelism: false,
            async_distribution: false,
            distribution_buffer_busy_limit: 1024 * 1024,
            halt_flush_timeout: None,
        }
    }

    fn read_environment(&mut self, environment: &Environment) {
        if let Some(limit) = environment.get("ERL_MAX_ETS_TABLES") {
            self.ets_table_limit = number(limit).clamp(0, i64::from(u32::MAX)) as u32;
        }
        if let Some(collections) = environment.get("ERL_FULLSWEEP_AFTER") {
            self.fullsweep_after = number(collections) as u16;
        }
        if let Some(ports) = environment.get("ERL_MAX_PORTS") {
            self.port_limit = table_size(number(ports).clamp(PROCESSES.0, PROCESSES.1));
        }
        if let Some(threads) = environment.get("ERL_THREAD_POOL_SIZE") {
            self.async_threads = number(threads).clamp(1, 1024) as u32;
        }
    }
}

/// Process and port tables have a power of two of places.
fn table_size(places: i64) -> u32 {
    u32::try_from(places).unwrap_or(u32::MAX >> 1).next_power_of_two()
}

/// What reading the flags gives: the options, where the arguments for Erlang begin, and warnings.
pub(crate) struct Read {
    pub(crate) options: EmulatorOptions,
    pub(crate) rest: usize,
    pub(crate) warnings: Vec<u8>,
}

/// Reads the flags in `arguments`, the first of which is the emulator itself, up to `--`.
pub(crate) fn read(
    arguments: &[Vec<u8>],
    processors: u32,
    version: &str,
    environment: &Environment,
) -> Result<Read, Exit> {
    let mut options = EmulatorOptions::new(processors);
    options.read_environment(environment);
    let percentages = Percentages { schedulers: (100, 100), dirty_cpu: (100, 100) };
    let mut reader = Reader {
        arguments,
        next: 1,
        available: options.schedulers,
        options,
        percentages,
        warnings: Vec::new(),
        version,
    };
    reader.read_all()?;
    reader.apply_percentages()?;
    Ok(Read { options: reader.options, rest: reader.next, warnings: reader.warnings })
}

struct Percentages {
    schedulers: (i64, i64),
    dirty_cpu: (i64, i64),
}

struct Reader<'a> {
    arguments: &'a [Vec<u8>],
    next: usize,
    /// Schedulers when no flag is given: what relative numbers count from.
    available: Schedulers,
    options: EmulatorOptions,
    percentages: Percentages,
    warnings: Vec<u8>,
    version: &'a str,
}

impl<'a> Reader<'a> {
    fn read_all(&mut self) -> Result<(), Exit> {
        while let Some(argument) = self.arguments.get(self.next) {
            self.next += 1;
            match argument.as_slice() {
                b"--" => break,
                [b'-', flag @ ..] => self.read_flag(flag)?,
                _ => return Err(self.usage(b"")),
            }
        }
        Ok(())
    }

    /// The value of a flag: what follows in the same argument, or else the next argument.
    fn value(&mut self, rest: &'a [u8]) -> Result<&'a [u8], Exit> {
        if !rest.is_empty() {
            return Ok(rest);
        }
        let Some(next) = self.arguments.get(self.next) else {
            return Err(self.usage(b"too few arguments"));
        };
        self.next += 1;
        Ok(next)
    }

    fn read_flag(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        match flag {
            [b'S', rest @ ..] => self.read_schedulers(rest),
            [b'h', rest @ ..] => self.read_heap(rest),
            [b'A' | b'P' | b'Q' | b't' | b'e', ..] => self.read_limit(flag),
            [b'p', b'c', ..] | [b'f', b'n', ..] | [b'W' | b'C' | b'c' | b'i', ..] => self.read_mode(flag),
            [b'B', ..] => self.read_break_handling(flag),
            _ => self.read_other(flag),
        }
    }

    fn read_limit(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        if flag == b"ec" {
            self.options.ets_always_compressed = true;
            return Ok(());
        }
        let value = self.value(&flag[1..])?;
        match flag[0] {
            b'A' => {
                self.options.async_threads =
                    self.within(value, (0, 1024), "bad number of async threads {}")?.max(1) as u32
            }
            b'P' if value == b"legacy" => {}
            b'P' => {
                self.options.process_limit = table_size(self.within(value, PROCESSES, "bad number of processes {}")?)
            }
            b'Q' if value == b"legacy" => {}
            b'Q' => self.options.port_limit = table_size(self.within(value, PROCESSES, "bad number of ports {}")?),
            b't' => self.options.atom_limit = self.within(value, ATOMS, "bad atom table size {}")? as u32,
            _ => {
                let limit = self.within(value, (0, i64::from(u32::MAX)), "bad maximum number of ets tables {}")?;
                self.options.ets_table_limit = limit as u32;
            }
        }
        Ok(())
    }

    fn read_mode(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        match flag {
            [b'p', b'c', rest @ ..] => {
                self.options.printable_characters = match self.value(rest)? {
                    b"unicode" => PrintableCharacters::Unicode,
                    b"latin1" => PrintableCharacters::Latin1,
                    other => return Err(self.bad("bad range of printable characters: {}", other)),
                };
            }
            [b'f', b'n', rest @ ..] => self.read_file_name_encoding(rest)?,
            [b'W', rest @ ..] => {
                let value = self.value(rest)?;
                self.options.warnings_as = match value.first() {
                    Some(b'i') => WarningsAs::Info,
                    Some(b'e') => WarningsAs::Error,
                    Some(b'w') => WarningsAs::Warning,
                    _ => return Err(self.bad("unrecognized warning_map option {}", value)),
                };
            }
            [b'C', rest @ ..] => {
                self.options.time_warp_mode = match self.value(rest)? {
                    b"no_time_warp" => TimeWarpMode::NoTimeWarp,
                    b"single_time_warp" => TimeWarpMode::SingleTimeWarp,
                    b"multi_time_warp" => TimeWarpMode::MultiTimeWarp,
                    other => return Err(self.bad("Invalid time warp mode: {}", other)),
                };
            }
            [b'c', rest @ ..] => self.read_time_correction(rest)?,
            _ => self.options.boot_module = self.value(&flag[1..])?.to_vec(),
        }
        Ok(())
    }

    fn read_file_name_encoding(&mut self, rest: &'a [u8]) -> Result<(), Exit> {
        let value = self.value(rest)?;
        let (encoding, warning) = match value {
            [b'l', ..] => (FileNameEncoding::Latin1, FileNameWarning::Warning),
            [b'u', ..] => (FileNameEncoding::Utf8, self.file_name_warning(&value[1..])?),
            [b'a', ..] => (FileNameEncoding::Locale, self.file_name_warning(&value[1..])?),
            _ => {
                let complaint = "bad filename encoding {}, can be (l,u or a, optionally followed by w, i or e)";
                return Err(self.bad(complaint, value));
            }
        };
        self.options.file_name_encoding = Some((encoding, warning));
        Ok(())
    }

    fn file_name_warning(&self, letters: &[u8]) -> Result<FileNameWarning, Exit> {
        match letters.first() {
            None | Some(b'w') => Ok(FileNameWarning::Warning),
            Some(b'i') => Ok(FileNameWarning::Ignore),
            Some(b'e') => Ok(FileNameWarning::Error),
            Some(_) => Err(self.bad("bad type of warnings for wrongly coded filename: {}", letters)),
        }
    }

    /// `+c` alone is the old way to say `+c false`.
    fn read_time_correction(&mut self, rest: &'a [u8]) -> Result<(), Exit> {
        let following = self.arguments.get(self.next).map(Vec::as_slice);
        let value = match (rest, following) {
            (b"", Some(word @ (b"true" | b"false"))) => {
                self.next += 1;
                word
            }
            (b"", _) => b"false",
            _ => rest,
        };
        self.options.time_correction = match value {
            b"true" => true,
            b"false" => false,
            other => return Err(self.bad("Invalid time correnction value: {}", other)),
        };
        Ok(())
    }

    fn read_break_handling(&mut self, flag: &[u8]) -> Result<(), Exit> {
        let inside = flag.get(1).copied().filter(|letter| matches!(letter, b'i' | b'c' | b'd'));
        let following = self.arguments.get(self.next).and_then(|next| next.first().copied());
        let letter = inside.or_else(|| {
            let letter = following.filter(|letter| matches!(letter, b'i' | b'c' | b'd'))?;
            self.next += 1;
            Some(letter)
        });
        self.options.break_handling = match letter {
            Some(b'i') => BreakHandling::Ignore,
            Some(b'c') => BreakHandling::InterruptShell,
            _ => BreakHandling::Terminate,
        };
        Ok(())
    }

    fn read_heap(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        const SIZE: (i64, i64) = (1, i32::MAX as i64);
        if let Some(rest) = flag.strip_prefix(b"mbs") {
            let value = self.value(rest)?;
            self.options.minimum_binary_virtual_heap_words = self.within(value, SIZE, "bad heap size {}")? as u64;
        } else if let Some(rest) = flag.strip_prefix(b"pds") {
            let value = self.value(rest)?;
            let size = self.within(value, SIZE, "bad initial process dictionary size {}")?;
            self.options.initial_process_dictionary_size = size as u32;
        } else if let Some(rest) = flag.strip_prefix(b"mqd") {
            self.options.message_queue_data = match self.value(rest)? {
                b"on_heap" => MessageQueueData::OnHeap,
                b"off_heap" => MessageQueueData::OffHeap,
                other => return Err(self.bad("Invalid message_queue_data flag: {}", other)),
            };
        } else if let Some(rest) = flag.strip_prefix(b"max") {
            self.read_maximum_heap(rest)?;
        } else {
            let value = self.value(flag.strip_prefix(b"ms").unwrap_or(flag))?;
            self.options.minimum_heap_words = self.within(value, SIZE, "bad heap size {}")? as u64;
        }
        Ok(())
    }

    fn read_maximum_heap(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        if let Some(rest) = flag.strip_prefix(b"k") {
            self.options.maximum_heap.kill = self.boolean(rest, "bad max heap kill {}")?;
        } else if let Some(rest) = flag.strip_prefix(b"el") {
            self.options.maximum_heap.log = self.boolean(rest, "bad max heap error logger {}")?;
        } else if let Some(rest) = flag.strip_prefix(b"ib") {
            let include = self.boolean(rest, "bad max heap include bins {}")?;
            self.options.maximum_heap.include_shared_binaries = include;
        } else {
            let value = self.value(flag)?;
            let size = number(value);
            if !(0..=MAXIMUM_SMALL).contains(&size) {
                return Err(self.bad("bad max heap size {}", value));
            }
            self.options.maximum_heap.size_words = size as u64;
        }
        Ok(())
    }

    fn read_schedulers(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        if let Some(rest) = flag.strip_prefix(b"P") {
            let value = self.value(rest)?;
            self.percentages.schedulers = self.percentage(value, "bad schedulers percentage specifier {}")?;
        } else if let Some(rest) = flag.strip_prefix(b"DPcpu") {
            let value = self.value(rest)?;
            self.percentages.dirty_cpu = self.percentage(value, "bad dirty CPU schedulers percentage specifier {}")?;
        } else if let Some(rest) = flag.strip_prefix(b"Dcpu") {
            let value = self.value(rest)?;
            let current = self.options.dirty_cpu_schedulers;
            self.options.dirty_cpu_schedulers = self.scheduler_numbers(value, current, "dirty CPU schedulers")?;
        } else if let Some(rest) = flag.strip_prefix(b"Dio") {
            let value = self.value(rest)?;
            let number = self.within(value, (1, MAXIMUM_SCHEDULERS), "bad number of dirty I/O schedulers {}")?;
            self.options.dirty_io_schedulers = number as u32;
        } else if flag.starts_with(b"D") {
            return Err(self.bad("bad or missing dirty scheduler specifier: -S{}", flag));
        } else {
            let value = self.value(flag)?;
            let current = self.options.schedulers;
            self.options.schedulers = self.scheduler_numbers(value, current, "schedulers")?;
        }
        Ok(())
    }

    /// Numbers below 1 count down from what there is.
    fn scheduler_numbers(&self, value: &[u8], current: Schedulers, kind: &str) -> Result<Schedulers, Exit> {
        let all = i64::from(self.available.total);
        let (given_total, given_online) = match pair(value) {
            Some((Some(total), Some(online))) => (total, online),
            Some((Some(total), None)) => (total, total.min(i64::from(current.online))),
            Some((None, Some(online))) => (all, online),
            Some((None, None)) | None => return Err(self.bad(&format!("bad amount of {kind} {{}}"), value)),
        };
        let absolute = |given: i64| if given > 0 { given } else { all.saturating_add(given) };
        let (total, online) = (absolute(given_total), absolute(given_online));
        if !(1..=MAXIMUM_SCHEDULERS).contains(&total) {
            return Err(self.usage(format!("bad amount of {kind} {given_total}").as_bytes()));
        }
        if !(1..=total).contains(&online) {
            let message = format!("bad amount of {kind} online {online} (total amount of {kind} {total})");
            return Err(self.usage(message.as_bytes()));
        }
        Ok(Schedulers { total: total as u32, online: online as u32 })
    }

    fn percentage(&self, value: &[u8], complaint: &str) -> Result<(i64, i64), Exit> {
        match pair(value) {
            Some((Some(total), Some(online))) if 0 <= total && 0 <= online => Ok((total, online)),
            Some((Some(total), None)) if 0 <= total => Ok((total, total.min(100))),
            Some((None, Some(online))) if 0 <= online => Ok((100, online)),
            _ => Err(self.bad(complaint, value)),
        }
    }

    fn apply_percentages(&mut self) -> Result<(), Exit> {
        let of = |number: u32, percentage: i64| i64::from(number).saturating_mul(percentage) / 100;
        let (total_percentage, online_percentage) = self.percentages.schedulers;
        let total = of(self.options.schedulers.total, total_percentage).max(1);
        let online = of(self.options.schedulers.online, online_percentage).max(1);
        if total > MAXIMUM_SCHEDULERS {
            let message = format!("bad schedulers percentage {total_percentage} (total amount of schedulers {total})");
            return Err(self.usage(message.as_bytes()));
        }
        if online > total {
            let message = format!(
                "bad schedulers online percentage {online_percentage} (total amount of schedulers {total}, online {online})"
            );
            return Err(self.usage(message.as_bytes()));
        }
        self.options.schedulers = Schedulers { total: total as u32, online: online as u32 };
        let (dirty_total, dirty_online) = self.percentages.dirty_cpu;
        let dirty = self.options.dirty_cpu_schedulers;
        self.options.dirty_cpu_schedulers = Schedulers {
            total: of(dirty.total, dirty_total).clamp(1, total) as u32,
            online: of(dirty.online, dirty_online).clamp(1, online) as u32,
        };
        Ok(())
    }

    fn read_other(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        for tuning in TUNINGS {
            if let Some(rest) = flag.strip_prefix(tuning.flag.as_bytes()) {
                let value = self.value(rest)?;
                return if tuning.check.accepts(value) { Ok(()) } else { Err(self.bad(tuning.complaint, value)) };
            }
        }
        match flag {
            [b'V', ..] => return Err(self.version()),
            [b'v', ..] => self.warn("warning: -v (only in debug compiled code)\n"),
            [b'H', ..] => self.warn("The undocumented +H option has been removed (R10B-6).\n\n"),
            [b'L', ..] => self.options.line_information = false,
            [b'd', ..] => self.options.crash_dumps = false,
            // Whether ETS moves memory blocks when they grow is of no concern here.
            [b'r', ..] => {}
            [b's', b's', b'r', b'c', b't', ..] => {}
            [b's', b'p', b'p', rest @ ..] => {
                self.options.port_parallelism = self.boolean(rest, "bad port parallelism scheduling hint {}")?;
            }
            [b's', ..] => return Err(self.bad("bad scheduling option -{}", flag)),
            [b'p', b'a', b'd', rest @ ..] => {
                self.options.async_distribution = self.boolean(rest, "bad async dist value {}")?;
            }
            [b'n', rest @ ..] => {
                let value = self.value(rest)?;
                if !matches!(value, b"s" | b"a" | b"d") {
                    return Err(self.bad("bad -n option {}", value));
                }
            }
            [b'z', rest @ ..] => self.read_miscellaneous(rest)?,
            [b'M', rest @ ..] => self.skip_allocator_flag(rest)?,
            [b'J', ..] => {
                let flag = String::from_utf8_lossy(flag);
                self.warn(&format!("invalid JIT option -{flag}\n"));
            }
            _ => {
                let emulator = self.arguments.first().map_or(&b"erl"[..], Vec::as_slice);
                return Err(self.usage(&[emulator, b" unknown flag -", flag].concat()));
            }
        }
        Ok(())
    }

    fn read_miscellaneous(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        if let Some(rest) = flag.strip_prefix(b"dbbl") {
            let limit = number(self.value(rest)?);
            if !(1..=2_097_151).contains(&limit) {
                return Err(self.usage(format!("Invalid dbbl limit: {limit}").as_bytes()));
            }
            self.options.distribution_buffer_busy_limit = limit as u64 * 1024;
        } else if let Some(rest) = flag.strip_prefix(b"hft") {
            let value = self.value(rest)?;
            self.options.halt_flush_timeout = match value {
                b"infinity" => None,
                _ => {
                    // As in OTP, what is no number counts as 0.
                    let timeout = number(value);
                    if !(0..=i64::from(i32::MAX)).contains(&timeout) {
                        return Err(self.bad("Invalid halt flush timeout {}", value));
                    }
                    Some(timeout as u32)
                }
            };
        } else {
            return Err(self.bad("bad -z option -z{}", flag));
        }
        Ok(())
    }

    fn skip_allocator_flag(&mut self, flag: &'a [u8]) -> Result<(), Exit> {
        let Some(length) = allocator_flag_length(flag) else {
            return Err(self.usage(b"bad \"M\" parameter"));
        };
        self.value(&flag[length..]).map(drop)
    }

    fn boolean(&mut self, rest: &'a [u8], complaint: &str) -> Result<bool, Exit> {
        match self.value(rest)? {
            b"true" => Ok(true),
            b"false" => Ok(false),
            other => Err(self.bad(complaint, other)),
        }
    }

    fn within(&self, value: &[u8], (least, most): (i64, i64), complaint: &str) -> Result<i64, Exit> {
        let number = leading_number(value).map_or(0, |(number, _)| number);
        if (least..=most).contains(&number) { Ok(number) } else { Err(self.bad(complaint, value)) }
    }

    fn warn(&mut self, text: &str) {
        self.warnings.extend_from_slice(&terminal_lines(text.as_bytes()));
    }

    /// A complaint with the offending value in place of `{}`.
    fn bad(&self, complaint: &str, value: &[u8]) -> Exit {
        let (before, after) = complaint.split_once("{}").unwrap_or((complaint, ""));
        self.usage(&[before.as_bytes(), value, after.as_bytes()].concat())
    }

    fn usage(&self, complaint: &[u8]) -> Exit {
        let mut text = complaint.to_vec();
        if !complaint.is_empty() {
            text.push(b'\n');
        }
        text.extend_from_slice(USAGE.as_bytes());
        Exit::failing([self.warnings.clone(), terminal_lines(&text)].concat())
    }

    fn version(&self) -> Exit {
        let mut errors = self.warnings.clone();
        let version = self.version;
        let text = format!("Erlang (SMP,ASYNC_THREADS) (BEAM) emulator version {version}\n");
        errors.extend_from_slice(&terminal_lines(text.as_bytes()));
        Exit { errors, ..Exit::default() }
    }
}

/// The emulator itself ends lines as a terminal in raw mode needs them.
fn terminal_lines(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

const USAGE: &str = "Usage: beam.smp [flags] [ -- [init_args] ]\n\
    The flags are those of OTP 27's runtime system, +S 4:2 or +P 2000000 for instance; the manual page of erl\n\
    describes them. Those that tune the allocators or the JIT compiler of OTP's own are accepted and ignored.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(flags: &str) -> Vec<Vec<u8>> {
        let mut arguments = vec![b"beam.smp".to_vec()];
        arguments.extend(flags.split_whitespace().map(|flag| flag.as_bytes().to_vec()));
        arguments.push(b"--".to_vec());
        arguments
    }

    fn options(flags: &str) -> EmulatorOptions {
        read(&arguments(flags), 2, "15.2.7", &Environment::default()).map_err(|exit| message(&exit)).unwrap().options
    }

    fn message(exit: &Exit) -> String {
        String::from_utf8_lossy(&exit.errors).lines().next().unwrap_or_default().to_owned()
    }

    fn complaint(flags: &str) -> String {
        match read(&arguments(flags), 2, "15.2.7", &Environment::default()) {
            Ok(_) => "accepted".to_owned(),
            Err(exit) => message(&exit),
        }
    }

    // Expected values: erlang:system_info/1 of the real system started with the same flags on two processors.
    #[test]
    fn what_the_flags_set() {
        let plain = options("");
        assert_eq!(plain.schedulers, Schedulers { total: 2, online: 2 });
        assert_eq!((plain.process_limit, plain.port_limit, plain.atom_limit), (1_048_576, 65_536, 1_048_576));
        let limited = options("-P 5000 -Q 3000 -t 10000");
        assert_eq!((limited.process_limit, limited.port_limit, limited.atom_limit), (8192, 4096, 10_000));
        assert_eq!(options("-S 4:1 -SDcpu 3:1").dirty_cpu_schedulers, Schedulers { total: 3, online: 1 });
        assert_eq!(options("-S 1").schedulers, Schedulers { total: 1, online: 1 });
        assert_eq!(options("-S1").dirty_cpu_schedulers, Schedulers { total: 1, online: 1 });
        assert_eq!(options("-S 8").schedulers, Schedulers { total: 8, online: 2 });
        assert_eq!(options("-S :1").schedulers, Schedulers { total: 2, online: 1 });
        assert_eq!(options("-S 0:-1").schedulers, Schedulers { total: 2, online: 1 });
        assert_eq!(options("-SP 50").schedulers, Schedulers { total: 1, online: 1 });
        assert_eq!(options("-sbwt none -sbwtdcpu none -swt low -stbt db -MBas aobf -Mea min -JPperf true"), plain);
        assert_eq!(options("-B -B i").break_handling, BreakHandling::Ignore);
        assert_eq!(options("-Bd").break_handling, BreakHandling::Terminate);
        assert!(!options("-c").time_correction);
        assert!(options("-c true").time_correction);
        assert_eq!(options("-hmax 1000 -hmaxk false").maximum_heap.size_words, 1000);
        assert_eq!(options("-zdbbl 10").distribution_buffer_busy_limit, 10_240);
        assert_eq!(options("-fnue").file_name_encoding, Some((FileNameEncoding::Utf8, FileNameWarning::Error)));
    }

    // Expected messages: the first line that the real system prints.
    #[test]
    fn complaints() {
        let cases = [
            ("-S x", "bad amount of schedulers x"),
            ("-S 4:9", "bad amount of schedulers online 9 (total amount of schedulers 4)"),
            ("-P x", "bad number of processes x"),
            ("-A 3000", "bad number of async threads 3000"),
            ("-hms 0", "bad heap size 0"),
            ("-C x", "Invalid time warp mode: x"),
            ("-W z", "unrecognized warning_map option z"),
            ("-zdbbl 0", "Invalid dbbl limit: 0"),
            ("-sbt zz", "setting scheduler bind type 'zz' failed: invalid type"),
            ("-sbwt q", "bad scheduler busy wait threshold: q"),
            ("-Z", "beam.smp unknown flag -Z"),
            ("-fnx", "bad filename encoding x, can be (l,u or a, optionally followed by w, i or e)"),
            ("-Mx 1", "bad \"M\" parameter"),
            ("-t 1", "bad atom table size 1"),
            ("-Q 1", "bad number of ports 1"),
            ("-R 3", "bad compatibility release number 3"),
            ("-SDio 0", "bad number of dirty I/O schedulers 0"),
            ("-SDcpu 5:9", "bad amount of dirty CPU schedulers online 9 (total amount of dirty CPU schedulers 5)"),
            ("-e -1", "bad maximum number of ets tables -1"),
            ("-hmax -1", "bad max heap size -1"),
            ("-hmqd x", "Invalid message_queue_data flag: x"),
            ("-hmaxk 2", "bad max heap kill 2"),
            ("-pc x", "bad range of printable characters: x"),
            ("-spp x", "bad port parallelism scheduling hint x"),
            ("-swt x", "scheduler wakeup threshold: x"),
            ("-sss 1", "bad stack size for scheduler threads 1"),
            ("-IOt x", "bad I/O poll threads number: x"),
            ("-T 99", "bad modified timing level 99"),
            ("-n x", "bad -n option x"),
            ("-a 1", "bad stack size for async threads 1"),
            ("-zdntgc x", "Invalid delayed node table gc: x"),
            ("-zosrl 0", "Invalid outstanding requests limit 0"),
            ("-zhft x", "accepted"),
            ("-scl 2", "bad scheduler compact load value '2'"),
            ("-rg x", "bad reader groups limit: x"),
            ("-dcg", "bad decentralized counter groups limit: --"),
            ("-SP x", "bad schedulers percentage specifier x"),
            ("-pad x", "bad async dist value x"),
            ("-Kx", "accepted"),
            ("-l", "beam.smp unknown flag -l"),
            ("-v", "accepted"),
            ("-V", "Erlang (SMP,ASYNC_THREADS) (BEAM) emulator version 15.2.7"),
        ];
        for (flags, expected) in cases {
            assert_eq!(complaint(flags), expected, "{flags}");
        }
    }
}
