//! Authenticated encryption (`aead.c`).

use crate::failure::{Failure, Place, badarg, error, error_atom, notsup};
use crate::library::{Library, atom_text, count, iodata, unsigned};
use openssl::cipher_ctx::CipherCtx;
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::{Mode, mode};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;
use std::borrow::Cow;

fn at(line: u32) -> Place {
    ("aead.c", line)
}

/// What the call works on.
struct Input<'h> {
    key: Cow<'h, [u8]>,
    iv: Cow<'h, [u8]>,
    data: Cow<'h, [u8]>,
    aad: Cow<'h, [u8]>,
    tag: Tag<'h>,
    /// What the library is told. With `undefined` OTP goes the way of encryption with a library that decrypts.
    library_encrypts: bool,
}

/// With encryption the length of the tag that is wanted, with decryption the tag itself.
enum Tag<'h> {
    Length(usize),
    Bytes(Cow<'h, [u8]>),
}

impl Tag<'_> {
    fn len(&self) -> usize {
        match self {
            Tag::Length(length) => *length,
            Tag::Bytes(bytes) => bytes.len(),
        }
    }
}

/// What came out.
enum Output {
    Encrypted(Vec<u8>, Vec<u8>),
    Decrypted(Vec<u8>),
    /// The tag is not that of this text.
    Refused,
}

/// Encrypts (`{Text, Tag}`) or decrypts (the text, or `error` when the tag is wrong).
#[bif("crypto:aead_cipher_nif/7", nif)]
fn aead_cipher<'h>(
    cx: &mut BifContext<'h>,
    kind: Term<'h>,
    key: Term<'h>,
    iv: Term<'h>,
    data: Term<'h>,
    aad: Term<'h>,
    tag: Term<'h>,
    encrypt: Term<'h>,
) -> BifResult<'h> {
    let output = work(cx, [kind, key, iv, data, aad, tag, encrypt]);
    let (output, length) = output.map_err(|failure| failure.raise(cx))?;
    count(cx, length);
    Ok(match output {
        Output::Encrypted(text, tag) => {
            let text = cx.heap.binary_from_vec(text);
            cx.heap.tuple(&[text, cx.heap.binary(&tag)])
        }
        Output::Decrypted(text) => cx.heap.binary_from_vec(text),
        Output::Refused => error_atom(),
    })
}

fn work(
    cx: &BifContext<'_>,
    [kind, key, iv, data, aad, tag, encrypt]: [Term<'_>; 7],
) -> Result<(Output, usize), Failure> {
    let encrypts = match atom_text(cx, encrypt) {
        Some("true" | "undefined") => true,
        Some("false") => false,
        _ => return Err(badarg(at(54), 6, "Bad enc flag")),
    };
    if kind.as_atom().is_none() {
        return Err(badarg(at(61), 0, "non-atom cipher type"));
    }
    let input = Input {
        key: iodata(key).ok_or_else(|| badarg(at(63), 1, "non-binary key"))?,
        iv: iodata(iv).ok_or_else(|| badarg(at(65), 2, "non-binary iv"))?,
        data: iodata(data).ok_or_else(|| badarg(at(67), 3, "non-binary text"))?,
        aad: iodata(aad).ok_or_else(|| badarg(at(69), 4, "non-binary AAD"))?,
        tag: if encrypts {
            Tag::Length(unsigned(tag).ok_or_else(|| badarg(at(73), 5, "Bad Tag length"))? as usize)
        } else {
            Tag::Bytes(iodata(tag).ok_or_else(|| badarg(at(77), 5, "non-binary Tag"))?)
        },
        library_encrypts: atom_text(cx, encrypt) == Some("true"),
    };
    let lengths = [input.tag.len(), input.key.len(), input.iv.len(), input.data.len(), input.aad.len()];
    if lengths.into_iter().any(|length| length > i32::MAX as usize) {
        return Err(badarg(at(87), 5, "binary too long"));
    }
    let library = Library::of(cx);
    let cipher = library.cipher(cx, kind, input.key.len());
    let cipher = cipher.ok_or_else(|| badarg(at(90), 0, "Unknown cipher or invalid key size"))?;
    if !cipher.is_aead {
        return Err(badarg(at(94), 0, "Not aead cipher"));
    }
    let not_there = || notsup(at(98), 0, "The cipher is not supported in this libcrypto version");
    let cipher = cipher.cipher().ok_or_else(not_there)?;
    let mut context = CipherCtx::new().map_err(|_| error(at(106), "Can't allocate ctx"))?;
    let told = match input.library_encrypts {
        true => context.encrypt_init(Some(cipher), None, None),
        false => context.decrypt_init(Some(cipher), None, None),
    };
    told.map_err(|_| error(at(109), "CipherInit failed"))?;
    let is_ccm = mode(cipher) == Mode::Ccm;
    prepare(&mut context, &input, is_ccm)?;
    let output = match encrypts {
        true => encrypted(&mut context, &input)?,
        false => decrypted(&mut context, &input, is_ccm),
    };
    Ok((output, input.data.len()))
}

/// Tells key, vector and additional data.
fn prepare(context: &mut CipherCtx, input: &Input<'_>, is_ccm: bool) -> Result<(), Failure> {
    context.set_iv_length(input.iv.len()).map_err(|_| badarg(at(111), 2, "Bad IV length"))?;
    if is_ccm {
        let set = match &input.tag {
            Tag::Length(length) => context.set_tag_length(*length),
            Tag::Bytes(tag) => context.set_tag(tag),
        };
        set.map_err(|_| badarg(at(116), 5, "Can't set tag"))?;
    }
    let failed = || match is_ccm {
        true => error(at(118), "Can't set key or iv"),
        false => error(at(126), "Can't set key and iv"),
    };
    // OTP lets the library read behind the end of a ChaCha20 key that is too short.
    if context.key_length() > input.key.len() || context.iv_length() > input.iv.len() {
        return Err(failed());
    }
    let told = match input.library_encrypts {
        true => context.encrypt_init(None, Some(&input.key), Some(&input.iv)),
        false => context.decrypt_init(None, Some(&input.key), Some(&input.iv)),
    };
    told.map_err(|_| failed())?;
    if is_ccm {
        context.set_data_len(input.data.len()).map_err(|_| error(at(120), "Can't set text size"))?;
    }
    context.cipher_update(&input.aad, None).map_err(|_| badarg(at(131), 4, "Can't set AAD"))?;
    Ok(())
}

fn encrypted(context: &mut CipherCtx, input: &Input<'_>) -> Result<Output, Failure> {
    let mut text = Vec::new();
    let updated = context.cipher_update_vec(&input.data, &mut text);
    updated.map_err(|_| badarg(at(137), 3, "Can't set in-text"))?;
    context.cipher_final_vec(&mut text).map_err(|_| error(at(150), "Encrypt error"))?;
    text.resize(input.data.len(), 0);
    let mut tag = Vec::new();
    tag.try_reserve_exact(input.tag.len()).map_err(|_| error(at(154), "Can't make 'Out' binary"))?;
    tag.resize(input.tag.len(), 0);
    context.tag(&mut tag).map_err(|_| error(at(156), "Can't get Tag"))?;
    Ok(Output::Encrypted(text, tag))
}

/// CCM has looked at the tag when the text is there; the others do at the end.
fn decrypted(context: &mut CipherCtx, input: &Input<'_>, is_ccm: bool) -> Output {
    let mut text = Vec::new();
    if context.cipher_update_vec(&input.data, &mut text).is_err() {
        return Output::Refused;
    }
    if !is_ccm
        && let Tag::Bytes(tag) = &input.tag
        && context.set_tag(tag).and_then(|()| context.cipher_final_vec(&mut text)).is_err()
    {
        return Output::Refused;
    }
    text.resize(input.data.len(), 0);
    Output::Decrypted(text)
}
