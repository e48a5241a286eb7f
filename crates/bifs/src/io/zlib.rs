//! `zlib`: streams that compress and decompress, over zlib itself, so that the bytes are those OTP writes.
//!
//! A stream is a magic reference that only one process may use. Input is queued ([`enqueue`]), then [`deflate`] and
//! [`inflate`] work on it piece by piece; zlib.erl loops.
//!
//! The crate in between knows neither memory level nor strategy: streams that ask for other than the default ones are
//! compressed with those, which changes their size but not what they mean.

use crate::iolist::gather;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, FromTerm, Interrupt, Vm};
use oxbeam_term::{OwnedTerm, Pid, Term, atoms};
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Binaries taken by one call of [`enqueue`]; the rest comes back as `{continue, Rest}`.
const ENQUEUE_MAX: usize = 256;

/// What a stream's magic reference keeps.
struct Stream(Mutex<Inner>);

struct Inner {
    owner: Pid,
    codec: Codec,
    input: VecDeque<Vec<u8>>,
    /// Bytes of the first element that are used already.
    used: usize,
    queued: usize,
    end_seen: bool,
    at_end: AtEnd,
    stash: Option<OwnedTerm>,
}

enum Codec {
    None,
    Deflate { compress: Compress, raw: bool },
    Inflate { decompress: Decompress, window_bits: i64 },
    Closed,
}

/// What to do with input behind the end of compressed data.
#[derive(Clone, Copy)]
enum AtEnd {
    Error,
    Reset,
    Cut,
}

/// What one call of the library did.
enum Step {
    Ok,
    End,
    /// Neither input nor output could be used.
    Stuck,
    NeedDictionary(u32),
}

type Raised<'h> = Box<Interrupt<'h>>;

impl<'h> FromTerm<'h> for &'h Stream {
    fn from_term(term: Term<'h>) -> Option<&'h Stream> {
        term.as_reference()?.downcast()
    }
}

fn raise<'h>(cx: &BifContext<'h>, reason: &str) -> Raised<'h> {
    match cx.intern(reason) {
        Ok(reason) => cx.raise(reason),
        Err(full) => full,
    }
}

impl Stream {
    /// Locks the stream for its owner.
    fn lock<'h>(&'h self, cx: &BifContext<'h>) -> Result<parking_lot::MutexGuard<'h, Inner>, Raised<'h>> {
        let inner = self.0.lock();
        if inner.owner == cx.pid() { Ok(inner) } else { Err(raise(cx, "not_on_controlling_process")) }
    }
    fn lock_deflate<'h>(&'h self, cx: &BifContext<'h>) -> Result<parking_lot::MutexGuard<'h, Inner>, Raised<'h>> {
        let inner = self.lock(cx)?;
        if matches!(inner.codec, Codec::Deflate { .. }) { Ok(inner) } else { Err(raise(cx, "not_initialized")) }
    }
    fn lock_inflate<'h>(&'h self, cx: &BifContext<'h>) -> Result<parking_lot::MutexGuard<'h, Inner>, Raised<'h>> {
        let inner = self.lock(cx)?;
        if matches!(inner.codec, Codec::Inflate { .. }) { Ok(inner) } else { Err(raise(cx, "not_initialized")) }
    }
}

impl Inner {
    fn reset_input(&mut self) {
        self.input.clear();
        (self.used, self.queued) = (0, 0);
        self.stash = None;
    }
    fn consume(&mut self, mut count: usize) {
        self.queued -= count;
        while let Some(first) = self.input.front() {
            let left = first.len() - self.used;
            if count < left {
                self.used += count;
                return;
            }
            count -= left;
            self.used = 0;
            self.input.pop_front();
        }
    }
}

impl Codec {
    /// One call of the library: bytes used, bytes made, and what happened. `Err` is a data error.
    fn step(&mut self, input: &[u8], output: &mut [u8], flush: Option<i64>) -> Result<(usize, usize, Step), ()> {
        match self {
            Codec::Deflate { compress, .. } => {
                let flush = match flush {
                    None | Some(0) => FlushCompress::None,
                    Some(1) => FlushCompress::Partial,
                    Some(2) => FlushCompress::Sync,
                    Some(3) => FlushCompress::Full,
                    Some(_) => FlushCompress::Finish,
                };
                let before = (compress.total_in(), compress.total_out());
                let status = compress.compress(input, output, flush).map_err(|_| ())?;
                Ok((
                    (compress.total_in() - before.0) as usize,
                    (compress.total_out() - before.1) as usize,
                    step(status),
                ))
            }
            Codec::Inflate { decompress, window_bits } => {
                if let Some(detected) = detect(*window_bits, input) {
                    *decompress = new_decompress(detected).ok_or(())?;
                    *window_bits = detected;
                }
                let flush = match flush {
                    None | Some(0) => FlushDecompress::None,
                    Some(4) => FlushDecompress::Finish,
                    Some(_) => FlushDecompress::Sync,
                };
                let before = (decompress.total_in(), decompress.total_out());
                let step = match decompress.decompress(input, output, flush) {
                    Ok(status) => step(status),
                    Err(error) => Step::NeedDictionary(error.needs_dictionary().ok_or(())?),
                };
                Ok(((decompress.total_in() - before.0) as usize, (decompress.total_out() - before.1) as usize, step))
            }
            Codec::None | Codec::Closed => Err(()),
        }
    }
}

fn step(status: Status) -> Step {
    match status {
        Status::Ok => Step::Ok,
        Status::StreamEnd => Step::End,
        Status::BufError => Step::Stuck,
    }
}

/// With `WindowBits` above 32 the first byte tells whether it is gzip or zlib.
fn detect(window_bits: i64, input: &[u8]) -> Option<i64> {
    let first = input.first()?;
    (window_bits >= 32).then(|| if *first == 0x1f { window_bits - 16 } else { window_bits - 32 })
}

/// The size of the window without what else the number says; the library does not take the smallest.
fn window(bits: i64) -> Option<u8> {
    if bits == 8 { Some(9) } else { u8::try_from(bits).ok().filter(|bits| (9..=15).contains(bits)) }
}

fn new_compress(level: i64, window_bits: i64) -> Option<Compress> {
    let level = match level {
        -1 => Compression::new(6),
        0..=9 => Compression::new(level as u32),
        _ => return None,
    };
    Some(match window_bits {
        ..0 => Compress::new_with_window_bits(level, false, window(-window_bits)?),
        0..16 => Compress::new_with_window_bits(level, true, window(window_bits)?),
        16.. => Compress::new_gzip(level, window(window_bits - 16)?),
    })
}

fn new_decompress(window_bits: i64) -> Option<Decompress> {
    Some(match window_bits {
        ..0 => Decompress::new_with_window_bits(false, window(-window_bits)?),
        0 => Decompress::new_with_window_bits(true, 15),
        1..16 => Decompress::new_with_window_bits(true, window(window_bits)?),
        16..32 => Decompress::new_gzip(window(window_bits - 16)?),
        // Which of the two it is shows with the first byte.
        32.. => Decompress::new_with_window_bits(true, window(window_bits - 32)?),
    })
}

/// A stream.
#[bif("zlib:open_nif/0", nif)]
fn open<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let inner = Inner {
        owner: cx.pid(),
        codec: Codec::None,
        input: VecDeque::new(),
        used: 0,
        queued: 0,
        end_seen: false,
        at_end: AtEnd::Cut,
        stash: None,
    };
    Ok(cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(Stream(Mutex::new(inner)))))
}

/// Frees what a stream holds.
#[bif("zlib:close_nif/1", nif)]
fn close<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    let mut inner = stream.lock(cx)?;
    if matches!(inner.codec, Codec::Closed) {
        return Err(raise(cx, "not_initialized"));
    }
    inner.codec = Codec::Closed;
    inner.stash = None;
    Ok(Term::atom(atoms::OK))
}

/// Hands a stream to another process.
#[bif("zlib:set_controller_nif/2", nif)]
fn set_controller<'h>(cx: &mut BifContext<'h>, stream: &'h Stream, owner: Pid) -> BifResult<'h> {
    stream.lock(cx)?.owner = owner;
    Ok(Term::atom(atoms::OK))
}

/// The stashed term: `{ok, Term}` or `empty`.
#[bif("zlib:getStash_nif/1", nif)]
fn get_stash<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    let inner = stream.lock(cx)?;
    match &inner.stash {
        Some(stash) => Ok(cx.ok(cx.heap.copy_in(stash.term()))),
        None => Ok(Term::atom(cx.intern("empty")?)),
    }
}

/// Forgets the stashed term.
#[bif("zlib:clearStash_nif/1", nif)]
fn clear_stash<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    match stream.lock(cx)?.stash.take() {
        Some(_) => Ok(Term::atom(atoms::OK)),
        None => Err(cx.raise(atoms::ERROR)),
    }
}

/// Stashes a term.
#[bif("zlib:setStash_nif/2", nif)]
fn set_stash<'h>(cx: &mut BifContext<'h>, stream: &'h Stream, term: Term<'h>) -> BifResult<'h> {
    let mut inner = stream.lock(cx)?;
    if inner.stash.is_some() {
        return Err(cx.raise(atoms::ERROR));
    }
    inner.stash = Some(cx.own(term));
    Ok(Term::atom(atoms::OK))
}

/// Adds a list of binaries to the input: `ok`, or `{continue, Rest}`.
#[bif("zlib:enqueue_nif/2", nif)]
fn enqueue<'h>(cx: &mut BifContext<'h>, stream: &'h Stream, binaries: Term<'h>) -> BifResult<'h> {
    let mut inner = stream.lock(cx)?;
    if matches!(inner.codec, Codec::None | Codec::Closed) {
        return Err(raise(cx, "not_initialized"));
    }
    let mut walk = binaries.list_iter();
    let mut parts = Vec::new();
    while parts.len() < ENQUEUE_MAX {
        let Some(element) = walk.next() else { break };
        let Some(bytes) = element.as_binary() else { return cx.badarg() };
        parts.push(bytes);
    }
    let rest = walk.tail();
    if !rest.is_list() {
        return cx.badarg();
    }
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        inner.queued += part.len();
        inner.input.push_back(part.into_owned());
    }
    if rest.is_nil() {
        return Ok(Term::atom(atoms::OK));
    }
    Ok(cx.heap.tuple(&[Term::atom(cx.intern("continue")?), rest]))
}

/// Makes a stream compress.
#[bif("zlib:deflateInit_nif/6", nif)]
fn deflate_init<'h>(
    cx: &mut BifContext<'h>,
    stream: &'h Stream,
    level: i64,
    method: i64,
    window_bits: i64,
    memory_level: i64,
    strategy: i64,
) -> BifResult<'h> {
    let mut inner = stream.lock(cx)?;
    if !matches!(inner.codec, Codec::None) {
        return Err(raise(cx, "already_initialized"));
    }
    let valid = method == 8 && (1..=9).contains(&memory_level) && (0..=4).contains(&strategy);
    let Some(compress) = new_compress(level, window_bits).filter(|_| valid) else {
        return Err(raise(cx, "stream_error"));
    };
    inner.codec = Codec::Deflate { compress, raw: window_bits < 0 };
    inner.end_seen = false;
    Ok(Term::atom(atoms::OK))
}

/// Makes a stream decompress.
#[bif("zlib:inflateInit_nif/3", nif)]
fn inflate_init<'h>(cx: &mut BifContext<'h>, stream: &'h Stream, window_bits: i64, at_end: i64) -> BifResult<'h> {
    let mut inner = stream.lock(cx)?;
    if !matches!(inner.codec, Codec::None) {
        return Err(raise(cx, "already_initialized"));
    }
    let Some(decompress) = new_decompress(window_bits) else { return Err(raise(cx, "stream_error")) };
    inner.codec = Codec::Inflate { decompress, window_bits };
    inner.at_end = match at_end {
        0 => AtEnd::Error,
        1 => AtEnd::Reset,
        _ => AtEnd::Cut,
    };
    inner.end_seen = false;
    Ok(Term::atom(atoms::OK))
}

/// Sets the dictionary that compression starts with; returns its checksum.
#[bif("zlib:deflateSetDictionary_nif/2", nif)]
fn deflate_set_dictionary<'h>(cx: &mut BifContext<'h>, stream: &'h Stream, dictionary: Term<'h>) -> BifResult<'h> {
    let Some(dictionary) = gather(dictionary) else { return cx.badarg() };
    let mut inner = stream.lock_deflate(cx)?;
    let Codec::Deflate { compress, raw } = &mut inner.codec else { return Err(raise(cx, "not_initialized")) };
    match compress.set_dictionary(&dictionary) {
        // Raw streams keep no checksum; OTP counts it from 0 then.
        Ok(_) if *raw => Ok(cx.heap.integer(adler32(0, &dictionary).into())),
        Ok(checksum) => Ok(cx.heap.integer(checksum.into())),
        Err(_) => Err(raise(cx, "stream_error")),
    }
}

fn adler32(start: u32, bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (start & 0xffff, start >> 16);
    for &byte in bytes {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    b << 16 | a
}

/// Starts compression over.
#[bif("zlib:deflateReset_nif/1", nif)]
fn deflate_reset<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    let mut inner = stream.lock_deflate(cx)?;
    if let Codec::Deflate { compress, .. } = &mut inner.codec {
        compress.reset();
    }
    inner.end_seen = false;
    inner.reset_input();
    Ok(Term::atom(atoms::OK))
}

/// Ends compression.
///
/// # Errors
///
/// `data_error` when input or output is left.
#[bif("zlib:deflateEnd_nif/1", nif)]
fn deflate_end<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    let mut inner = stream.lock_deflate(cx)?;
    let started =
        matches!(&inner.codec, Codec::Deflate { compress, .. } if compress.total_in() + compress.total_out() > 0);
    let unfinished = inner.queued > 0 || started && !inner.end_seen;
    inner.reset_input();
    inner.codec = Codec::None;
    if unfinished { Err(raise(cx, "data_error")) } else { Ok(Term::atom(atoms::OK)) }
}

/// Changes the level; the stream is flushed to a byte boundary.
#[bif("zlib:deflateParams_nif/3", nif)]
fn deflate_params<'h>(cx: &mut BifContext<'h>, stream: &'h Stream, level: i64, strategy: i64) -> BifResult<'h> {
    let mut inner = stream.lock_deflate(cx)?;
    let Codec::Deflate { compress, .. } = &mut inner.codec else { return Err(raise(cx, "not_initialized")) };
    let level = if level == -1 { 6 } else { level };
    if !(0..=9).contains(&level) || !(0..=4).contains(&strategy) {
        return Err(raise(cx, "stream_error"));
    }
    match compress.set_level(Compression::new(level as u32)) {
        Ok(()) => Ok(Term::atom(atoms::OK)),
        Err(_) => Err(raise(cx, "stream_error")),
    }
}

/// Sets the dictionary that the data was compressed with.
#[bif("zlib:inflateSetDictionary_nif/2", nif)]
fn inflate_set_dictionary<'h>(cx: &mut BifContext<'h>, stream: &'h Stream, dictionary: Term<'h>) -> BifResult<'h> {
    let Some(dictionary) = gather(dictionary) else { return cx.badarg() };
    let mut inner = stream.lock_inflate(cx)?;
    let Codec::Inflate { decompress, .. } = &mut inner.codec else { return Err(raise(cx, "not_initialized")) };
    match decompress.set_dictionary(&dictionary) {
        Ok(_) => Ok(Term::atom(atoms::OK)),
        Err(_) => Err(raise(cx, "data_error")),
    }
}

/// The library in between cannot tell: `not_supported`, as OTP says over an old zlib.
#[bif("zlib:inflateGetDictionary_nif/1", nif)]
fn inflate_get_dictionary<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    drop(stream.lock_inflate(cx)?);
    Err(raise(cx, "not_supported"))
}

/// Starts decompression over.
#[bif("zlib:inflateReset_nif/1", nif)]
fn inflate_reset<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    let mut inner = stream.lock_inflate(cx)?;
    restart(cx, &mut inner)?;
    inner.reset_input();
    Ok(Term::atom(atoms::OK))
}

fn restart<'h>(cx: &BifContext<'h>, inner: &mut Inner) -> Result<(), Raised<'h>> {
    if let Codec::Inflate { decompress, window_bits } = &mut inner.codec {
        *decompress = new_decompress(*window_bits).ok_or_else(|| raise(cx, "stream_error"))?;
    }
    inner.end_seen = false;
    Ok(())
}

/// Ends decompression.
///
/// # Errors
///
/// `data_error` when the data did not end or more follows.
#[bif("zlib:inflateEnd_nif/1", nif)]
fn inflate_end<'h>(cx: &mut BifContext<'h>, stream: &'h Stream) -> BifResult<'h> {
    let mut inner = stream.lock_inflate(cx)?;
    let complete = inner.end_seen && inner.queued == 0;
    inner.reset_input();
    inner.codec = Codec::None;
    if complete { Ok(Term::atom(atoms::OK)) } else { Err(raise(cx, "data_error")) }
}

/// Compresses some of the input: `{finished | continue, [Binary]}`.
#[bif("zlib:deflate_nif/4", nif)]
fn deflate<'h>(
    cx: &mut BifContext<'h>,
    stream: &'h Stream,
    input_size: usize,
    output_size: usize,
    flush: i64,
) -> BifResult<'h> {
    let mut inner = stream.lock_deflate(cx)?;
    run(cx, &mut inner, input_size, output_size, flush)
}

/// Decompresses some of the input: `{finished | continue, [Binary]}` or `{need_dictionary, Checksum, [Binary]}`.
#[bif("zlib:inflate_nif/4", nif)]
fn inflate<'h>(
    cx: &mut BifContext<'h>,
    stream: &'h Stream,
    input_size: usize,
    output_size: usize,
    flush: i64,
) -> BifResult<'h> {
    let mut inner = stream.lock_inflate(cx)?;
    if inner.end_seen && inner.queued > 0 {
        match inner.at_end {
            AtEnd::Error => return Err(raise(cx, "data_error")),
            AtEnd::Reset => restart(cx, &mut inner)?,
            AtEnd::Cut => inner.reset_input(),
        }
    }
    run(cx, &mut inner, input_size, output_size, flush)
}

/// Largest output of one call.
const OUTPUT_MAX: usize = 1 << 24;

fn run<'h>(
    cx: &mut BifContext<'h>,
    inner: &mut Inner,
    input_size: usize,
    output_size: usize,
    flush: i64,
) -> BifResult<'h> {
    if output_size > OUTPUT_MAX {
        return Err(raise(cx, "mem_error"));
    }
    let mut output = vec![0; output_size];
    let (consumed, produced, outcome) = match advance(cx, inner, input_size, &mut output, flush) {
        Ok(progress) => progress,
        Err(()) => return Err(raise(cx, "data_error")),
    };
    if let Step::End = outcome {
        inner.end_seen = true;
    }
    if consumed == 0 && produced == 0 && inner.queued > 0 {
        return Err(raise(cx, "data_error"));
    }
    output.truncate(produced);
    let output = if produced > 0 { cx.heap.list(&[cx.heap.binary_from_vec(output)]) } else { Term::NIL };
    if inner.queued == 0 && produced < output_size {
        return Ok(cx.heap.tuple(&[Term::atom(cx.intern("finished")?), output]));
    }
    if let Step::NeedDictionary(checksum) = outcome {
        let checksum = cx.heap.integer(checksum.into());
        return Ok(cx.heap.tuple(&[Term::atom(cx.intern("need_dictionary")?), checksum, output]));
    }
    Ok(cx.heap.tuple(&[Term::atom(cx.intern("continue")?), output]))
}

/// Works through the queue until `limit` bytes of it are used or the output is full; flushes once it is empty.
fn advance(
    cx: &mut BifContext<'_>,
    inner: &mut Inner,
    limit: usize,
    output: &mut [u8],
    flush: i64,
) -> Result<(usize, usize, Step), ()> {
    let (mut consumed, mut produced, mut outcome) = (0, 0, Step::Ok);
    while let (Step::Ok, true, Some(first)) = (&outcome, consumed < limit, inner.input.front()) {
        let block = &first[inner.used..][..(first.len() - inner.used).min(limit)];
        let (used, made, step) = inner.codec.step(block, &mut output[produced..], None)?;
        inner.consume(used);
        (consumed, produced, outcome) = (consumed + used, produced + made, step);
        if used == 0 || cx.spend(1 + used / 64) {
            break;
        }
    }
    if matches!(outcome, Step::Ok) && inner.queued == 0 && produced < output.len() {
        let (_, made, step) = inner.codec.step(&[], &mut output[produced..], Some(flush))?;
        (produced, outcome) = (produced + made, step);
    }
    Ok((consumed, produced, outcome))
}
