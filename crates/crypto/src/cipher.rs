//! Ciphers: what they are, and encryption and decryption in pieces or at once (`cipher.c`, `api_ng.c`).

use crate::failure::{Failure, Place, badarg, error, error_of, notsup, notsup_at_all, raise_notsup};
use crate::library::{CipherType, DIRTY_FROM, Library, atom_text, count, iodata, is_atom};
use openssl::cipher::CipherRef;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::{Mode, mode, set_rc2_key_bits};
use oxbeam_runtime::{BifContext, BifResult, Vm};
use oxbeam_term::{Term, display_text};

use parking_lot::Mutex;

fn at(line: u32) -> Place {
    ("api_ng.c", line)
}

/// Characters of an error's text that tell of a term, at most.
const TEXT_MAX: usize = 63;
/// Bytes behind a key. The library reads the first byte of an empty key.
const KEY_PADDING: usize = 64;

/// What to do about a last block that is not full.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    /// Leave it out.
    Undefined,
    /// Nothing: it is an error.
    None,
    /// Fill it with zeros.
    Zero,
    /// Fill it with random bytes.
    Random,
    /// Let the library fill it, and take the filling away again, as in PKCS #7.
    Pkcs,
}

impl Padding {
    const ALL: [(Padding, &'static str); 5] = [
        (Padding::Undefined, "undefined"),
        (Padding::None, "none"),
        (Padding::Zero, "zero"),
        (Padding::Random, "random"),
        (Padding::Pkcs, "pkcs_padding"),
    ];
    fn name(self) -> &'static str {
        Padding::ALL.iter().find(|(padding, _)| *padding == self).map_or("undefined", |(_, name)| name)
    }
}

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Encrypt,
    Decrypt,
    /// `undefined`: the library decrypts, and OTP's own padding is that of encryption.
    Undefined,
}

/// The options of a call.
struct Options {
    direction: Direction,
    padding: Padding,
}

/// Encryption or decryption under way.
struct Inner {
    context: CipherCtx,
    options: Options,
    /// Bytes taken in, modulo 2^32.
    size: u32,
    /// Bytes of padding, -1 before the end.
    padded_size: i64,
}

struct State(Mutex<Inner>);

/// Positions of the arguments, for the errors.
struct Positions {
    key: u8,
    iv: u8,
    data: u8,
    options: u8,
}

const IN_INIT: Positions = Positions { key: 1, iv: 2, data: 1, options: 3 };
const IN_ONE_TIME: Positions = Positions { key: 1, iv: 2, data: 3, options: 4 };

/// What a cipher is: a map with `type`, `key_length`, `iv_length`, `block_size`, `prop_aead` and `mode`.
///
/// # Errors
///
/// `badarg` for an unknown one.
#[bif("crypto:cipher_info_nif/1", nif)]
fn cipher_info<'h>(cx: &mut BifContext<'h>, kind: Term<'h>) -> BifResult<'h> {
    let library = Library::of(cx);
    let Some(found) = library.any_cipher(cx, kind) else { return cx.badarg() };
    let Some(cipher) = found.cipher() else { return Err(raise_notsup(cx)) };
    let object = match found.object {
        0 => Term::atom(cx.intern("undefined")?),
        object => Term::small(object),
    };
    let pairs = [
        (Term::atom(cx.intern("type")?), object),
        (Term::atom(cx.intern("key_length")?), Term::small(cipher.key_length() as i64)),
        (Term::atom(cx.intern("iv_length")?), Term::small(cipher.iv_length() as i64)),
        (Term::atom(cx.intern("block_size")?), Term::small(cipher.block_size() as i64)),
        (Term::atom(cx.intern("prop_aead")?), Term::atom(cx.intern(boolean(oxbeam_libcrypto::is_aead(cipher)))?)),
        (Term::atom(cx.intern("mode")?), Term::atom(cx.intern(mode_name(mode(cipher)))?)),
    ];
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}

fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Stream => "stream_cipher",
        Mode::Ecb => "ecb_mode",
        Mode::Cbc => "cbc_mode",
        Mode::Cfb => "cfb_mode",
        Mode::Ofb => "ofb_mode",
        Mode::Ctr => "ctr_mode",
        Mode::Gcm => "gcm_mode",
        Mode::Ccm => "ccm_mode",
        Mode::Xts => "xts_mode",
        Mode::Wrap => "wrap_mode",
        Mode::Ocb => "ocb_mode",
        Mode::Other => "undefined",
    }
}

/// `true`, `false`, or a list of `{encrypt, Boolean}` and `{padding, Padding}`.
fn options(cx: &BifContext<'_>, term: Term<'_>, position: u8) -> Result<Options, Failure> {
    if let Some(direction) = direction(cx, term) {
        return Ok(Options { direction, padding: Padding::Undefined });
    }
    let wrong = |line, text| badarg(at(line), position, text);
    let list = term.to_vec().ok_or_else(|| wrong(120, "Options are not a boolean or a proper list"))?;
    let (mut encrypt, mut padding) = (None, None);
    for option in list {
        let Some([tag, value]) = option.as_tuple_of::<2>() else {
            return Err(wrong(139, "Options must be a property list!"));
        };
        match atom_text(cx, *tag) {
            Some("encrypt") if encrypt.is_some() => {
                return Err(wrong(144, "'encrypt' option is present more than once!"));
            }
            Some("encrypt") => {
                let value = direction(cx, *value);
                encrypt = Some(value.ok_or_else(|| wrong(152, "The 'encrypt' option must be a boolean!"))?);
            }
            Some("padding") if padding.is_some() => {
                return Err(wrong(157, "The 'padding' option is present more than once!"));
            }
            Some("padding") => {
                let found = Padding::ALL.iter().find(|(_, name)| is_atom(cx, *value, name));
                padding = Some(found.ok_or_else(|| wrong(168, "Bad 'padding' option value"))?.0);
            }
            _ => {
                let text = format!("Bad tag in option: {}", display_text(*tag, Some(TEXT_MAX), cx.atoms()));
                return Err(badarg(at(174), position, text.chars().take(TEXT_MAX).collect::<String>()));
            }
        }
    }
    let direction = encrypt.unwrap_or(Direction::Encrypt);
    Ok(Options { direction, padding: padding.unwrap_or(Padding::Undefined) })
}

fn direction(cx: &BifContext<'_>, term: Term<'_>) -> Option<Direction> {
    match atom_text(cx, term)? {
        "true" => Some(Direction::Encrypt),
        "false" => Some(Direction::Decrypt),
        "undefined" => Some(Direction::Undefined),
        _ => None,
    }
}

/// Tells a context its cipher, key or initialization vector, in the given direction.
fn tell(
    context: &mut CipherCtx,
    direction: Direction,
    cipher: Option<&CipherRef>,
    key: Option<&[u8]>,
    iv: Option<&[u8]>,
) -> Result<(), ErrorStack> {
    match direction {
        Direction::Encrypt => context.encrypt_init(cipher, key, iv),
        Direction::Decrypt | Direction::Undefined => context.decrypt_init(cipher, key, iv),
    }
}

/// Checks cipher, key, vector and options, and begins.
fn begin(
    cx: &BifContext<'_>,
    [kind, key, iv, options]: [Term<'_>; 4],
    positions: &Positions,
) -> Result<Inner, Failure> {
    let library = Library::of(cx);
    let options = self::options(cx, options, positions.options)?;
    let key = iodata(key).ok_or_else(|| badarg(at(228), positions.key, "Bad key"))?;
    if kind.as_atom().is_none() {
        return Err(badarg(at(235), 0, "Cipher id is not an atom"));
    }
    let Some(cipher) = library.cipher(cx, kind, key.len()) else {
        return Err(match library.any_cipher(cx, kind) {
            None => badarg(at(242), 0, "Unknown cipher"),
            Some(_) => badarg(at(244), positions.key, "Bad key size"),
        });
    };
    if cipher.is_aead {
        return Err(badarg(at(250), 0, "Missing arguments for this cipher"));
    }
    let not_there = || notsup(at(284), 0, "Cipher not supported in this libcrypto version");
    let iv_length = cipher.cipher().ok_or_else(not_there)?.iv_length();
    if is_atom(cx, iv, "undefined") {
        return Err(notsup_at_all(at(293), "Dynamic IV is not supported since OTP 27.0"));
    }
    let vector = if iv_length == 0 {
        None
    } else {
        let vector = iodata(iv).ok_or_else(|| badarg(at(301), positions.iv, "Bad iv type"))?;
        if vector.len() != iv_length {
            return Err(badarg(at(307), positions.iv, "Bad iv size"));
        }
        Some(vector)
    };
    let context = new_context(cipher, &options, &key, vector.as_deref(), positions)?;
    Ok(Inner { context, options, size: 0, padded_size: -1 })
}

fn new_context(
    cipher: &CipherType,
    options: &Options,
    key: &[u8],
    iv: Option<&[u8]>,
    positions: &Positions,
) -> Result<CipherCtx, Failure> {
    let mut context = CipherCtx::new().map_err(|_| error(at(348), "Can't allocate context"))?;
    let direction = options.direction;
    let told = tell(&mut context, direction, cipher.cipher(), None, None);
    told.map_err(|_| error(at(354), "Can't initialize context, step 1"))?;
    let bad_length = || error_of(at(360), positions.key, "Can't initialize context, key_length");
    if key.len() > i32::MAX as usize / 8 {
        return Err(bad_length());
    }
    context.set_key_length(key.len()).map_err(|_| bad_length())?;
    if cipher.name == "rc2_cbc" {
        let set = set_rc2_key_bits(&mut context, key.len() as i32 * 8);
        set.map_err(|_| badarg(at(371), positions.key, "ctrl rc2_cbc key"))?;
    }
    let mut padded = key.to_vec();
    padded.resize(key.len() + KEY_PADDING, 0);
    let told = tell(&mut context, direction, None, Some(&padded), iv);
    padded.fill(0);
    told.map_err(|_| match iv {
        None => badarg(at(380), positions.key, "Can't initialize key"),
        Some(_) => error(at(387), "Can't initialize key or iv"),
    })?;
    if options.padding != Padding::Pkcs {
        context.set_padding(false);
    }
    Ok(context)
}

impl Inner {
    /// Takes in data and gives what is ready.
    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        self.size = self.size.wrapping_add(data.len() as u32);
        let mut output = Vec::new();
        self.context.cipher_update_vec(data, &mut output).map_err(|_| error(at(473), "Can't update"))?;
        Ok(output)
    }
    /// Gives what is left, with its padding.
    fn finish(&mut self) -> Result<Vec<u8>, Failure> {
        let block_size = self.context.block_size();
        let missing = (block_size - self.size as usize % block_size) % block_size;
        let mut output = Vec::new();
        let padding = self.options.padding;
        if self.options.direction == Direction::Decrypt {
            if padding != Padding::Undefined {
                let done = self.context.cipher_final_vec(&mut output);
                done.map_err(|_| error(at(634), "Can't finalize"))?;
            }
            return Ok(output);
        }
        self.padded_size = match padding {
            Padding::Pkcs if missing == 0 => block_size as i64,
            _ => missing as i64,
        };
        if matches!(padding, Padding::Zero | Padding::Random) && missing > 0 {
            let mut filling = vec![0; missing];
            if padding == Padding::Random {
                rand_bytes(&mut filling).map_err(|_| error(at(574), "Can't pad"))?;
            }
            self.context.cipher_update_vec(&filling, &mut output).map_err(|_| error(at(574), "Can't pad"))?;
        }
        if padding != Padding::Undefined {
            self.context.cipher_final_vec(&mut output).map_err(|_| match padding {
                Padding::None => error(at(606), "Padding 'none' but unfilled last block"),
                Padding::Pkcs => error(at(608), "Can't finalize"),
                _ => error(at(610), "Padding failed"),
            })?;
        }
        Ok(output)
    }
}

fn state<'h>(term: Term<'h>, line: u32) -> Result<&'h State, Failure> {
    let state = term.as_reference().and_then(|reference| reference.downcast());
    state.ok_or_else(|| badarg(at(line), 0, "Bad State"))
}

/// A new state for a cipher, or an old one in another direction.
#[bif("crypto:ng_crypto_init_nif/4", nif)]
fn crypto_init<'h>(
    cx: &mut BifContext<'h>,
    kind: Term<'h>,
    key: Term<'h>,
    iv: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    if let Some(state) = kind.as_reference().and_then(|reference| reference.downcast::<State>()) {
        turn(state, options).map_err(|failure| failure.raise(cx))?;
        return Ok(kind);
    }
    if kind.as_atom().is_none() {
        return Err(badarg(at(705), 0, "Expected cipher name atom").raise(cx));
    }
    let inner = begin(cx, [kind, key, iv, options], &IN_INIT).map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(State(Mutex::new(inner)))))
}

fn turn(state: &State, encrypt: Term<'_>) -> Result<(), Failure> {
    let direction = match encrypt.as_boolean() {
        Some(true) => Direction::Encrypt,
        Some(false) => Direction::Decrypt,
        None => return Err(badarg(at(693), 3, "Expected true or false")),
    };
    let inner = &mut *state.0.lock();
    inner.options.direction = direction;
    tell(&mut inner.context, direction, None, None, None).map_err(|_| error(at(699), "Can't initialize encflag"))
}

/// Encrypts or decrypts more data. Long data is worked on by a dirty scheduler.
#[bif("crypto:ng_crypto_update_nif/2", nif)]
fn crypto_update<'h>(cx: &mut BifContext<'h>, state: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let arguments = [state, data];
    let Some(bytes) = iodata(data) else { return Err(badarg(at(743), 1, "expected binary").raise(cx)) };
    if bytes.len() > i32::MAX as usize {
        return Err(badarg(at(746), 1, "too long data").raise(cx));
    }
    if bytes.len() > DIRTY_FROM {
        return cx.dirty(update, &arguments);
    }
    update(cx, &arguments)
}

fn update<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let output = state(arguments[0], 727).and_then(|state| {
        let data = iodata(arguments[1]).ok_or_else(|| badarg(at(420), IN_INIT.data, "Expected binary"))?;
        Ok((state.0.lock().update(&data)?, data.len()))
    });
    let (output, length) = output.map_err(|failure| failure.raise(cx))?;
    count(cx, length);
    Ok(cx.heap.binary_from_vec(output))
}

/// What is left in a state, with its padding.
#[bif("crypto:ng_crypto_final_nif/1", nif)]
fn crypto_final<'h>(cx: &mut BifContext<'h>, state: Term<'h>) -> BifResult<'h> {
    let output = self::state(state, 769).and_then(|state| state.0.lock().finish());
    Ok(cx.heap.binary_from_vec(output.map_err(|failure| failure.raise(cx))?))
}

/// Encrypts or decrypts all at once. Long data is worked on by a dirty scheduler.
#[bif("crypto:ng_crypto_one_time_nif/5", nif)]
fn crypto_one_time<'h>(
    cx: &mut BifContext<'h>,
    kind: Term<'h>,
    key: Term<'h>,
    iv: Term<'h>,
    data: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let arguments = [kind, key, iv, data, options];
    let Some(bytes) = iodata(data) else { return Err(badarg(at(849), 3, "expected binary as data").raise(cx)) };
    if bytes.len() > i32::MAX as usize {
        return Err(badarg(at(852), 3, "too long data").raise(cx));
    }
    if bytes.len() > DIRTY_FROM {
        return cx.dirty(one_time, &arguments);
    }
    one_time(cx, &arguments)
}

fn one_time<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let (output, length) = one_time_output(cx, arguments).map_err(|failure| failure.raise(cx))?;
    count(cx, length);
    Ok(cx.heap.binary_from_vec(output))
}

fn one_time_output(cx: &BifContext<'_>, arguments: &[Term<'_>]) -> Result<(Vec<u8>, usize), Failure> {
    let mut inner = begin(cx, [arguments[0], arguments[1], arguments[2], arguments[4]], &IN_ONE_TIME)?;
    let data = iodata(arguments[3]).ok_or_else(|| badarg(at(420), IN_ONE_TIME.data, "Expected binary"))?;
    let mut output = inner.update(&data)?;
    output.append(&mut inner.finish()?);
    Ok((output, data.len()))
}

/// What a state knows of its data: a map with `size`, `padding_size`, `padding_type` and `encrypt`.
#[bif("crypto:ng_crypto_get_data_nif/1", nif)]
fn crypto_get_data<'h>(cx: &mut BifContext<'h>, state: Term<'h>) -> BifResult<'h> {
    let state = self::state(state, 880).map_err(|failure| failure.raise(cx))?;
    let inner = state.0.lock();
    let encrypts = inner.options.direction != Direction::Decrypt;
    let pairs = [
        (Term::atom(cx.intern("size")?), Term::small((inner.size as i32).into())),
        (Term::atom(cx.intern("padding_size")?), Term::small(inner.padded_size)),
        (Term::atom(cx.intern("padding_type")?), Term::atom(cx.intern(inner.options.padding.name())?)),
        (Term::atom(cx.intern("encrypt")?), Term::atom(cx.intern(boolean(encrypts))?)),
    ];
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}
