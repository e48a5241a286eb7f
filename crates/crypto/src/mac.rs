//! Message authentication codes (`mac.c`).

use crate::failure::{Failure, Place, badarg, error, notsup};
use crate::library::{DIRTY_FROM, Library, atom_text, count, iodata};
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::{MacContext, Parameters};
use oxbeam_runtime::{BifContext, BifResult, Vm};
use oxbeam_term::Term;
use parking_lot::Mutex;
use std::ffi::CString;

fn at(line: u32) -> Place {
    ("mac.c", line)
}

/// The kinds of codes, in the order in which `crypto` lists them.
pub(crate) const MACS: [&str; 3] = ["cmac", "hmac", "poly1305"];
/// Bytes of a Poly1305 key.
const POLY1305_KEY: usize = 32;

/// A code under way. An update changes it.
struct State(Mutex<MacContext>);

/// Lines of the checks that the one-time function and the streaming one both have.
struct Lines {
    unknown: u32,
    bad_length: u32,
    bad_digest: u32,
    unknown_cipher: u32,
    bad_key: u32,
    unsupported_cipher: u32,
}

const ONE_TIME: Lines = Lines {
    unknown: 234,
    bad_length: 236,
    bad_digest: 264,
    unknown_cipher: 314,
    bad_key: 317,
    unsupported_cipher: 329,
};
const STREAM: Lines = Lines {
    unknown: 587,
    bad_length: 589,
    bad_digest: 617,
    unknown_cipher: 658,
    bad_key: 661,
    unsupported_cipher: 673,
};

/// A new context for a kind of code with a digest or cipher and a key; the library's own refusal is `refused`.
fn begin(
    cx: &BifContext<'_>,
    kind: Term<'_>,
    sub_kind: Term<'_>,
    key: &[u8],
    lines: &Lines,
    refused: impl Fn() -> Failure,
) -> Result<MacContext, Failure> {
    let library = Library::of(cx);
    let (name, mut parameters) = match atom_text(cx, kind) {
        Some("hmac") => {
            let digest = library.digest(cx, sub_kind);
            let digest = digest.ok_or_else(|| badarg(at(lines.bad_digest), 1, "Bad digest algorithm for HMAC"))?;
            (c"HMAC", Parameters::default().text(c"digest", &c_string(digest.library_name)))
        }
        Some("cmac") => {
            let Some(cipher) = library.cipher(cx, sub_kind, key.len()) else {
                return Err(match library.any_cipher(cx, sub_kind) {
                    None => badarg(at(lines.unknown_cipher), 1, "Unknown cipher"),
                    Some(_) => badarg(at(lines.bad_key), 2, "Bad key size"),
                });
            };
            if cipher.cipher().is_none() {
                return Err(notsup(at(lines.unsupported_cipher), 1, "Unsupported cipher algorithm"));
            }
            (c"CMAC", Parameters::default().text(c"cipher", &c_string(cipher.library_name)))
        }
        Some("poly1305") if key.len() == POLY1305_KEY => (c"POLY1305", Parameters::default()),
        Some("poly1305") => return Err(badarg(at(lines.bad_length), 2, "Bad key length")),
        _ => return Err(badarg(at(lines.unknown), 0, "Unknown mac algorithm")),
    };
    MacContext::new(name, key, &mut parameters).map_err(|_| refused())
}

fn c_string(name: &str) -> CString {
    CString::new(name).unwrap_or_default()
}

/// The code of some data. Long data is worked on by a dirty scheduler.
#[bif("crypto:mac_nif/4", nif)]
fn mac<'h>(
    cx: &mut BifContext<'h>,
    kind: Term<'h>,
    sub_kind: Term<'h>,
    key: Term<'h>,
    data: Term<'h>,
) -> BifResult<'h> {
    let arguments = [kind, sub_kind, key, data];
    let Some(bytes) = iodata(data) else { return Err(badarg(at(176), 3, "Bad text").raise(cx)) };
    if bytes.len() > i32::MAX as usize {
        return Err(badarg(at(179), 3, "Too long text").raise(cx));
    }
    if bytes.len() > DIRTY_FROM {
        return cx.dirty(mac_one_time, &arguments);
    }
    mac_one_time(cx, &arguments)
}

fn mac_one_time<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let (code, length) = mac_of(cx, arguments).map_err(|failure| failure.raise(cx))?;
    count(cx, length);
    Ok(cx.heap.binary(&code))
}

fn mac_of(cx: &BifContext<'_>, arguments: &[Term<'_>]) -> Result<(Vec<u8>, usize), Failure> {
    let key = iodata(arguments[2]).ok_or_else(|| badarg(at(221), 2, "Bad key"))?;
    let data = iodata(arguments[3]).ok_or_else(|| badarg(at(227), 3, "Bad text"))?;
    let failed = || error(at(388), "Couldn't get mac");
    let mut context = begin(cx, arguments[0], arguments[1], &key, &ONE_TIME, failed)?;
    context.update(&data).map_err(|_| failed())?;
    let size = context.size().map_err(|_| failed())?;
    Ok((context.finish(size).map_err(|_| failed())?, data.len()))
}

/// A new state.
#[bif("crypto:mac_init_nif/3", nif)]
fn mac_init<'h>(cx: &mut BifContext<'h>, kind: Term<'h>, sub_kind: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    let context = iodata(key)
        .ok_or_else(|| badarg(at(580), 2, "Bad key"))
        .and_then(|key| begin(cx, kind, sub_kind, &key, &STREAM, || error(at(737), "Can't initialize EVP_MAC_CTX")));
    let context = context.map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(State(Mutex::new(context)))))
}

/// Adds data to a state; the answer is the same state.
#[bif("crypto:mac_update_nif/2", nif)]
fn mac_update<'h>(cx: &mut BifContext<'h>, state: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let arguments = [state, data];
    let Some(bytes) = iodata(data) else { return Err(badarg(at(794), 1, "Bad text").raise(cx)) };
    if bytes.len() > i32::MAX as usize {
        return Err(badarg(at(797), 1, "Too long text").raise(cx));
    }
    if bytes.len() > DIRTY_FROM {
        return cx.dirty(mac_add, &arguments);
    }
    mac_add(cx, &arguments)
}

fn mac_add<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let added = state(arguments[0], 817).and_then(|state| {
        let data = iodata(arguments[1]).ok_or_else(|| badarg(at(820), 1, "Bad text"))?;
        state.0.lock().update(&data).map_err(|_| error(at(827), "mac update"))?;
        Ok(data.len())
    });
    let length = added.map_err(|failure| failure.raise(cx))?;
    count(cx, length);
    Ok(arguments[0])
}

fn state<'h>(term: Term<'h>, line: u32) -> Result<&'h State, Failure> {
    let state = term.as_reference().and_then(|reference| reference.downcast());
    state.ok_or_else(|| badarg(at(line), 0, "Bad ref"))
}

/// The code. A state gives it once; OTP leaves it to OpenSSL what happens then, and with Poly1305 it crashes.
#[bif("crypto:mac_final_nif/1", nif)]
fn mac_final<'h>(cx: &mut BifContext<'h>, state: Term<'h>) -> BifResult<'h> {
    let code = self::state(state, 847).and_then(|state| {
        let mut context = state.0.lock();
        let size = context.size().map_err(|_| error(at(854), "Can't get sign size"))?;
        context.finish(size).map_err(|_| error(at(866), "Signing"))
    });
    Ok(cx.heap.binary(&code.map_err(|failure| failure.raise(cx))?))
}
