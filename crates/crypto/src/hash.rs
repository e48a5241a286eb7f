//! Message digests (`hash.c`).

use crate::failure::{Failure, Place, badarg, error, notsup, raise_notsup};
use crate::library::{Library, Prefix, count, iodata, unsigned};
use openssl::md_ctx::{MdCtx, MdCtxRef};
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::copy_digest;
use oxbeam_runtime::{BifContext, BifResult, Vm};
use oxbeam_term::Term;
use parking_lot::Mutex;

fn at(line: u32) -> Place {
    ("hash.c", line)
}

/// A digest under way. It is never changed: an update makes a new one.
struct State {
    context: Mutex<MdCtx>,
    size: usize,
    default_length: Option<usize>,
    prefix: Prefix,
}

impl State {
    fn of<'h>(term: Term<'h>, line: u32) -> Result<&'h State, Failure> {
        let state = term.as_reference().and_then(|reference| reference.downcast());
        state.ok_or_else(|| badarg(at(line), 0, "Bad state"))
    }
    fn term<'h>(self, cx: &BifContext<'h>) -> Term<'h> {
        cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(self))
    }
    fn copy(&self, line: u32) -> Result<MdCtx, Failure> {
        copy_digest(&self.context.lock()).map_err(|_| error(at(line), "Low-level call EVP_MD_CTX_copy failed"))
    }
}

fn finish(context: &mut MdCtxRef, size: usize, default_length: Option<usize>) -> Option<Vec<u8>> {
    let mut digest = vec![0; default_length.unwrap_or(size)];
    match default_length {
        Some(_) => context.digest_final_xof(&mut digest).ok()?,
        None => {
            let length = context.digest_final(&mut digest).ok()?;
            digest.truncate(length);
        }
    }
    Some(digest)
}

/// What a digest is: a map with its `type`, `size` and `block_size`.
///
/// # Errors
///
/// `badarg` for an unknown one.
#[bif("crypto:hash_info/1", nif)]
fn hash_info<'h>(cx: &mut BifContext<'h>, kind: Term<'h>) -> BifResult<'h> {
    let library = Library::of(cx);
    let Some(digest) = library.digest(cx, kind) else { return cx.badarg() };
    let Some(md) = digest.md() else { return Err(raise_notsup(cx)) };
    let pairs = [
        (Term::atom(cx.intern("type")?), Term::small(md.type_().as_raw().into())),
        (Term::atom(cx.intern("size")?), Term::small(md.size() as i64)),
        (Term::atom(cx.intern("block_size")?), Term::small(md.block_size() as i64)),
    ];
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}

/// The digest of some data.
#[bif("crypto:hash_nif/2", nif)]
fn hash<'h>(cx: &mut BifContext<'h>, kind: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let (digest, length) = hash_once(cx, kind, data).map_err(|failure| failure.raise(cx))?;
    count(cx, length);
    Ok(cx.heap.binary(&digest))
}

fn hash_once(cx: &BifContext<'_>, kind: Term<'_>, data: Term<'_>) -> Result<(Vec<u8>, usize), Failure> {
    let library = Library::of(cx);
    let digest = library.digest(cx, kind).ok_or_else(|| badarg(at(109), 0, "Bad digest type"))?;
    let md = digest.md().ok_or_else(|| notsup(at(113), 0, "Digest type not supported in this cryptolib"))?;
    let data = iodata(data).ok_or_else(|| badarg(at(116), 1, "Not iolist"))?;
    let failed = || error(at(126), "Low-level call failed");
    // As in OTP, nothing says here how much is wanted of a function that gives any length.
    if digest.default_length().is_some() {
        return Err(failed());
    }
    let mut context = MdCtx::new().map_err(|_| failed())?;
    context.digest_init(md).and_then(|()| context.digest_update(&data)).map_err(|_| failed())?;
    Ok((finish(&mut context, md.size(), None).ok_or_else(failed)?, data.len()))
}

/// A new state.
#[bif("crypto:hash_init_nif/1", nif)]
fn hash_init<'h>(cx: &mut BifContext<'h>, kind: Term<'h>) -> BifResult<'h> {
    let state = new_state(cx, kind).map_err(|failure| failure.raise(cx))?;
    Ok(state.term(cx))
}

fn new_state(cx: &BifContext<'_>, kind: Term<'_>) -> Result<State, Failure> {
    let library = Library::of(cx);
    let digest = library.digest(cx, kind).ok_or_else(|| badarg(at(143), 0, "Bad digest type"))?;
    let md = digest.md().ok_or_else(|| notsup(at(148), 0, "Unsupported digest type"))?;
    let mut context = MdCtx::new().map_err(|_| error(at(153), "Low-level call EVP_MD_CTX_new failed"))?;
    context.digest_init(md).map_err(|_| error(at(155), "Low-level call EVP_DigestInit failed"))?;
    Ok(State {
        context: Mutex::new(context),
        size: md.size(),
        default_length: digest.default_length(),
        prefix: digest.prefix(),
    })
}

/// A state that has taken in more data.
#[bif("crypto:hash_update_nif/2", nif)]
fn hash_update<'h>(cx: &mut BifContext<'h>, state: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let (state, length) = updated(state, data).map_err(|failure| failure.raise(cx))?;
    count(cx, length);
    Ok(state.term(cx))
}

fn updated(state: Term<'_>, data: Term<'_>) -> Result<(State, usize), Failure> {
    let state = State::of(state, 187)?;
    let data = iodata(data).ok_or_else(|| badarg(at(190), 1, "Not iolist"))?;
    let mut context = state.copy(197)?;
    context.digest_update(&data).map_err(|_| error(at(199), "Low-level call EVP_DigestUpdate failed"))?;
    Ok((State { context: Mutex::new(context), ..*state }, data.len()))
}

/// The digest of what a state has taken in.
#[bif("crypto:hash_final_nif/1", nif)]
fn hash_final<'h>(cx: &mut BifContext<'h>, state: Term<'h>) -> BifResult<'h> {
    let digest = State::of(state, 221).and_then(|state| {
        let mut context = state.copy(229)?;
        finish(&mut context, state.size, state.default_length)
            .ok_or_else(|| error(at(233), "Low-level call EVP_DigestFinal failed"))
    });
    Ok(cx.heap.binary(&digest.map_err(|failure| failure.raise(cx))?))
}

/// So many bits, rounded down to bytes, of what a function with output of any length makes of a state.
#[bif("crypto:hash_final_xof_nif/2", nif)]
fn hash_final_xof<'h>(cx: &mut BifContext<'h>, state: Term<'h>, bits: Term<'h>) -> BifResult<'h> {
    let digest = State::of(state, 539).and_then(|state| {
        let bits = unsigned(bits).ok_or_else(|| badarg(at(541), 1, "Bad len"))?;
        let mut context = state.copy(547)?;
        let wanted = bits as usize >> 3;
        let failed = || error(at(551), "Low-level call EVP_DigestFinalXOF failed");
        if state.default_length.is_some() {
            let mut digest = vec![0; wanted];
            context.digest_final_xof(&mut digest).map_err(|_| failed())?;
            return Ok(digest);
        }
        // A digest of one length only. The library writes all of it whatever it was asked for; OTP lets it write
        // behind the end, or returns what was in memory behind the digest.
        if wanted < state.size && !(state.prefix == Prefix::Any || state.prefix == Prefix::Empty && wanted == 0) {
            return Err(failed());
        }
        let mut digest = finish(&mut context, state.size, None).ok_or_else(failed)?;
        digest.resize(wanted, 0);
        Ok(digest)
    });
    Ok(cx.heap.binary_from_vec(digest.map_err(|failure| failure.raise(cx))?))
}
