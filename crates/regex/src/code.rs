//! The only file that calls the library.

use crate::errors::{CompileError, MAX_NAME, NAME_TOO_LONG, RunError, as_pcre8, old_text};
use crate::tables::LATIN1;
use crate::translate::{Translation, translate};
use crate::{Bsr, CompileOptions, Groups, Newline, RunOptions, Span};
use pcre2_sys::*;
use std::ffi::c_int;
use std::ptr::{self, NonNull};

/// How much memory (in KiB) one match may take for backtracking; beyond it counts as the recursion limit.
const HEAP_LIMIT: u32 = 1 << 20;
/// An address for subjects without bytes.
static NOWHERE: [u8; 64] = [0; 64];
/// "unrecognized character follows \": what PCRE 8 takes literally.
const UNKNOWN_ESCAPE: c_int = 103;

/// A compiled pattern of the library, with what we asked it about.
pub(crate) struct Code {
    code: NonNull<pcre2_code_8>,
    utf: bool,
    capture_count: usize,
    names: Vec<(Box<[u8]>, usize)>,
}

// SAFETY: the library never changes a compiled pattern while matching (all state is in the match data,
// which each run makes for itself), and we do not use its JIT compiler. The tables are a static.
unsafe impl Send for Code {}
// SAFETY: as above: every access after `compile` only reads.
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: `code` came from pcre2_compile and is freed only here.
        unsafe { pcre2_code_free_8(self.code.as_ptr()) }
    }
}

/// Owns the settings of one compilation.
struct CompileContext(NonNull<pcre2_compile_context_8>);

impl CompileContext {
    fn new(options: &CompileOptions, extra: u32) -> Option<Self> {
        // SAFETY: a null general context is allowed and means malloc.
        let context = NonNull::new(unsafe { pcre2_compile_context_create_8(ptr::null_mut()) })?;
        let this = CompileContext(context);
        let context = context.as_ptr();
        // SAFETY: the context is alive; the tables have PCRE2's layout (see `tables`) and are a static.
        unsafe {
            pcre2_set_character_tables_8(context, LATIN1.as_ptr());
            pcre2_set_compile_extra_options_8(context, PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK | extra);
            pcre2_set_max_varlookbehind_8(context, 0);
            pcre2_set_newline_8(context, newline_code(options.newline.unwrap_or(Newline::Lf)));
            pcre2_set_bsr_8(
                context,
                match options.bsr {
                    Some(Bsr::AnyCrLf) => PCRE2_BSR_ANYCRLF,
                    Some(Bsr::Unicode) | None => PCRE2_BSR_UNICODE,
                },
            );
        }
        Some(this)
    }
}

impl Drop for CompileContext {
    fn drop(&mut self) {
        // SAFETY: made by `new` and freed only here.
        unsafe { pcre2_compile_context_free_8(self.0.as_ptr()) }
    }
}

fn newline_code(newline: Newline) -> u32 {
    match newline {
        Newline::Cr => PCRE2_NEWLINE_CR,
        Newline::Lf => PCRE2_NEWLINE_LF,
        Newline::CrLf => PCRE2_NEWLINE_CRLF,
        Newline::AnyCrLf => PCRE2_NEWLINE_ANYCRLF,
        Newline::Any => PCRE2_NEWLINE_ANY,
    }
}

fn option_bits(options: &CompileOptions) -> u32 {
    [
        (options.unicode, PCRE2_UTF),
        (options.anchored, PCRE2_ANCHORED),
        (options.caseless, PCRE2_CASELESS),
        (options.dollar_endonly, PCRE2_DOLLAR_ENDONLY),
        (options.dotall, PCRE2_DOTALL),
        (options.extended, PCRE2_EXTENDED),
        (options.firstline, PCRE2_FIRSTLINE),
        (options.multiline, PCRE2_MULTILINE),
        (options.no_auto_capture, PCRE2_NO_AUTO_CAPTURE),
        (options.dupnames, PCRE2_DUPNAMES),
        (options.ungreedy, PCRE2_UNGREEDY),
        (options.no_start_optimize, PCRE2_NO_START_OPTIMIZE),
        (options.ucp, PCRE2_UCP),
        (options.never_utf, PCRE2_NEVER_UTF),
    ]
    .into_iter()
    .filter_map(|(wanted, bit)| wanted.then_some(bit))
    .fold(0, |bits, bit| bits | bit)
}

impl Code {
    pub fn compile(pattern: &[u8], options: &CompileOptions) -> Result<Code, CompileError> {
        if options.unicode && options.never_utf {
            return Err(error(174, 0));
        }
        if options.unicode
            && let Err(invalid) = str::from_utf8(pattern)
        {
            return Err(error(-1, invalid.valid_up_to()));
        }
        let translation = translate(pattern);
        if let Some((message, position)) = translation.refused {
            return Err(CompileError { message: message.to_owned(), position });
        }
        let compiled = match library_compile(&translation.text, options, 0) {
            Err((UNKNOWN_ESCAPE, _)) => library_compile(&translation.text, options, PCRE2_EXTRA_BAD_ESCAPE_IS_LITERAL),
            other => other,
        };
        let code = compiled.map_err(|(code, offset)| reported(pattern, &translation, code, offset))?;
        let mut code = Code { code, utf: false, capture_count: 0, names: Vec::new() };
        code.utf = code.info_u32(PCRE2_INFO_ALLOPTIONS) & PCRE2_UTF != 0;
        code.capture_count = code.info_u32(PCRE2_INFO_CAPTURECOUNT) as usize;
        code.names = code.read_names();
        match code.names.iter().find(|(name, _)| name.len() > MAX_NAME) {
            Some((name, _)) => Err(CompileError { message: NAME_TOO_LONG.to_owned(), position: end_of(pattern, name) }),
            None => Ok(code),
        }
    }

    fn info_u32(&self, what: u32) -> u32 {
        let mut value = 0u32;
        // SAFETY: the items asked for (all private callers) are 32-bit; `value` outlives the call.
        unsafe { pcre2_pattern_info_8(self.code.as_ptr(), what, (&raw mut value).cast()) };
        value
    }

    fn read_names(&self) -> Vec<(Box<[u8]>, usize)> {
        let count = self.info_u32(PCRE2_INFO_NAMECOUNT) as usize;
        let size = self.info_u32(PCRE2_INFO_NAMEENTRYSIZE) as usize;
        let mut table: *const u8 = ptr::null();
        // SAFETY: this item is a pointer; `table` outlives the call.
        unsafe {
            pcre2_pattern_info_8(self.code.as_ptr(), PCRE2_INFO_NAMETABLE, (&raw mut table).cast());
        }
        if table.is_null() || count == 0 || size < 3 {
            return Vec::new();
        }
        // SAFETY: the table has `count` entries of `size` bytes and lives as long as the code.
        let table = unsafe { std::slice::from_raw_parts(table, count * size) };
        table.chunks_exact(size).map(name_entry).collect()
    }

    pub fn is_utf(&self) -> bool {
        self.utf
    }

    pub fn capture_count(&self) -> usize {
        self.capture_count
    }

    pub fn names(&self) -> &[(Box<[u8]>, usize)] {
        &self.names
    }

    pub fn crlf_is_newline(&self) -> bool {
        matches!(self.info_u32(PCRE2_INFO_NEWLINE), PCRE2_NEWLINE_CRLF | PCRE2_NEWLINE_ANYCRLF | PCRE2_NEWLINE_ANY)
    }

    pub fn size(&self) -> usize {
        let mut size = 0usize;
        // SAFETY: this item is a size_t; `size` outlives the call.
        unsafe { pcre2_pattern_info_8(self.code.as_ptr(), PCRE2_INFO_SIZE, (&raw mut size).cast()) };
        size
    }

    /// `subject` must be UTF-8 and `offset` at a character if [`Code::is_utf`]; `offset` within the subject.
    pub fn run(&self, subject: &[u8], offset: usize, options: &RunOptions) -> Result<Option<Groups>, RunError> {
        if self.utf {
            // What the library is told not to check again.
            // (Short subjects only: a loop over a long one would take quadratic time.)
            debug_assert!(
                subject.len() > 4096 || str::from_utf8(subject).is_ok_and(|text| text.is_char_boundary(offset))
            );
        }
        if options.match_limit_recursion == Some(0) {
            return Err(RunError::RecursionLimit);
        }
        let state = MatchState::new(self, options).ok_or(RunError::Internal(PCRE2_ERROR_NOMEMORY))?;
        // The library computes addresses shortly before the end of the subject: the dangling address 1 of
        // an empty slice would wrap around.
        let start = if subject.is_empty() { NOWHERE.as_ptr() } else { subject.as_ptr() };
        // SAFETY: all pointers are alive during the call; the subject's length is its own; in UTF mode the
        // caller has validated subject and offset, as PCRE2_NO_UTF_CHECK requires.
        let result = unsafe {
            pcre2_match_8(
                self.code.as_ptr(),
                start,
                subject.len(),
                offset,
                run_bits(options),
                state.data.as_ptr(),
                state.context.as_ptr(),
            )
        };
        match result {
            PCRE2_ERROR_NOMATCH | PCRE2_ERROR_RECURSELOOP => Ok(None),
            PCRE2_ERROR_MATCHLIMIT => Err(RunError::MatchLimit),
            PCRE2_ERROR_DEPTHLIMIT | PCRE2_ERROR_HEAPLIMIT => Err(RunError::RecursionLimit),
            1.. => Ok(Some(state.groups(result as usize))),
            _ => Err(RunError::Internal(result)),
        }
    }
}

fn run_bits(options: &RunOptions) -> u32 {
    [
        (options.anchored, PCRE2_ANCHORED),
        (options.notbol, PCRE2_NOTBOL),
        (options.noteol, PCRE2_NOTEOL),
        (options.notempty, PCRE2_NOTEMPTY),
        (options.notempty_atstart, PCRE2_NOTEMPTY_ATSTART),
    ]
    .into_iter()
    .filter_map(|(wanted, bit)| wanted.then_some(bit))
    .fold(PCRE2_NO_UTF_CHECK, |bits, bit| bits | bit)
}

/// Owns what one match needs.
struct MatchState {
    data: NonNull<pcre2_match_data_8>,
    context: NonNull<pcre2_match_context_8>,
}

impl MatchState {
    fn new(code: &Code, options: &RunOptions) -> Option<Self> {
        // SAFETY: a null general context is allowed and means malloc.
        let context = NonNull::new(unsafe { pcre2_match_context_create_8(ptr::null_mut()) })?;
        // SAFETY: the code is alive; null as above.
        let data = unsafe { pcre2_match_data_create_from_pattern_8(code.code.as_ptr(), ptr::null_mut()) };
        let Some(data) = NonNull::new(data) else {
            // SAFETY: made above, used nowhere else.
            unsafe { pcre2_match_context_free_8(context.as_ptr()) };
            return None;
        };
        let this = MatchState { data, context };
        // SAFETY: the context is alive.
        unsafe {
            pcre2_set_heap_limit_8(context.as_ptr(), HEAP_LIMIT);
            if let Some(limit) = options.match_limit {
                pcre2_set_match_limit_8(context.as_ptr(), limit);
            }
            if let Some(limit) = options.match_limit_recursion {
                pcre2_set_depth_limit_8(context.as_ptr(), limit);
            }
        }
        Some(this)
    }

    /// The first `count` groups of the match just made.
    fn groups(&self, count: usize) -> Groups {
        // SAFETY: the match data is alive and the vector has two words for each of the groups, of which a
        // successful match with result `count` has set the first `count`.
        let offsets = unsafe { std::slice::from_raw_parts(pcre2_get_ovector_pointer_8(self.data.as_ptr()), count * 2) };
        let (pairs, _) = offsets.as_chunks::<2>();
        pairs.iter().map(|&[start, end]| (start != PCRE2_UNSET).then_some(Span { start, end })).collect()
    }
}

impl Drop for MatchState {
    fn drop(&mut self) {
        // SAFETY: both were made by `new` and are freed only here.
        unsafe {
            pcre2_match_data_free_8(self.data.as_ptr());
            pcre2_match_context_free_8(self.context.as_ptr());
        }
    }
}

fn library_compile(text: &[u8], options: &CompileOptions, extra: u32) -> Result<NonNull<pcre2_code_8>, (c_int, usize)> {
    let context = CompileContext::new(options, extra).ok_or((121, 0))?;
    let (mut code, mut offset) = (0, 0);
    // SAFETY: all pointers are alive during the call and the text's length is its own.
    let compiled = unsafe {
        pcre2_compile_8(
            text.as_ptr(),
            text.len(),
            option_bits(options),
            &raw mut code,
            &raw mut offset,
            context.0.as_ptr(),
        )
    };
    NonNull::new(compiled).ok_or((code, offset))
}

/// A group number in two bytes, then the name and a zero.
fn name_entry(entry: &[u8]) -> (Box<[u8]>, usize) {
    let (number, name) = entry.split_at(2);
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    (name[..end].into(), usize::from(number[0]) << 8 | usize::from(number[1]))
}

fn end_of(pattern: &[u8], name: &[u8]) -> usize {
    let start = pattern.windows(name.len()).position(|window| window == name).unwrap_or(0);
    start + name.len()
}

fn error(code: c_int, position: usize) -> CompileError {
    let message = match old_text(code) {
        Some(text) => text.to_owned(),
        None => library_text(code),
    };
    CompileError { message, position }
}

fn library_text(code: c_int) -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer's length is its own.
    let length = unsafe { pcre2_get_error_message_8(code, buffer.as_mut_ptr(), buffer.len()) };
    let length = usize::try_from(length).unwrap_or(0).min(buffer.len());
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn reported(pattern: &[u8], translation: &Translation, code: c_int, offset: usize) -> CompileError {
    as_pcre8(pattern, code, translation.original_offset(offset), error(code, 0).message)
}
