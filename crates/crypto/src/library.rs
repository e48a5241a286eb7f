//! OpenSSL as the machine holds it: the providers, and the digests and ciphers by OTP's names for them.

use openssl::cipher::{Cipher, CipherRef};
use openssl::md::{Md, MdRef};
use oxbeam_bifs::iolist::iodata_bytes;
use oxbeam_libcrypto::Providers;
use oxbeam_runtime::BifContext;
use oxbeam_term::Term;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Bytes of input from which on a call runs on a dirty scheduler (`MAX_BYTES_TO_NIF`).
pub(crate) const DIRTY_FROM: usize = 20_000;

/// The names that the library has for OTP's digests, in the order in which `crypto` lists them.
const DIGESTS: [(&str, &str); 17] = [
    ("blake2s", "BLAKE2s256"),
    ("blake2b", "BLAKE2b512"),
    ("sm3", "SM3"),
    ("shake256", "SHAKE-256"),
    ("shake128", "SHAKE-128"),
    ("sha3_512", "SHA3-512"),
    ("sha3_384", "SHA3-384"),
    ("sha3_256", "SHA3-256"),
    ("sha3_224", "SHA3-224"),
    ("sha512", "SHA2-512"),
    ("sha384", "SHA2-384"),
    ("sha256", "SHA2-256"),
    ("sha224", "SHA2-224"),
    ("sha", "SHA1"),
    ("ripemd160", "RIPEMD160"),
    ("md5", "MD5"),
    ("md4", "MD4"),
];

/// Ciphers in the order in which `crypto` lists them: OTP's name, the library's name, the key's length in bytes (0 when
/// the library is to judge it), the number of its ASN.1 object (0 when it has none), and whether it is an AEAD.
const CIPHERS: [(&str, &str, usize, i64, bool); 44] = [
    ("chacha20", "chacha20", 32, 0, false),
    ("aes_256_ofb", "aes-256-ofb", 32, 428, false),
    ("aes_192_ofb", "aes-192-ofb", 24, 424, false),
    ("aes_128_ofb", "aes-128-ofb", 16, 420, false),
    ("sm4_ctr", "sm4-ctr", 16, 1139, false),
    ("sm4_ofb", "sm4-ofb", 16, 1135, false),
    ("sm4_cfb", "sm4-cfb", 16, 1137, false),
    ("sm4_ecb", "sm4-ecb", 16, 1133, false),
    ("sm4_cbc", "sm4-cbc", 16, 1134, false),
    ("blowfish_ecb", "BF-ECB", 0, 0, false),
    ("blowfish_ofb64", "BF-OFB", 0, 0, false),
    ("blowfish_cfb64", "BF-CFB", 0, 0, false),
    ("blowfish_cbc", "BF-CBC", 0, 91, false),
    ("des_ede3_cfb", "des-ede3-cfb", 0, 61, false),
    ("des_ecb", "des-ecb", 0, 29, false),
    ("des_cfb", "des-cfb", 0, 30, false),
    ("des_cbc", "des-cbc", 0, 31, false),
    ("rc4", "rc4", 0, 5, false),
    ("rc2_cbc", "rc2-cbc", 0, 37, false),
    ("aes_128_cbc", "aes-128-cbc", 16, 419, false),
    ("aes_192_cbc", "aes-192-cbc", 24, 423, false),
    ("aes_256_cbc", "aes-256-cbc", 32, 427, false),
    ("aes_128_cfb128", "aes-128-cfb", 16, 421, false),
    ("aes_192_cfb128", "aes-192-cfb", 24, 425, false),
    ("aes_256_cfb128", "aes-256-cfb", 32, 429, false),
    ("aes_128_cfb8", "aes-128-cfb8", 16, 421, false),
    ("aes_192_cfb8", "aes-192-cfb8", 24, 425, false),
    ("aes_256_cfb8", "aes-256-cfb8", 32, 429, false),
    ("aes_128_ecb", "aes-128-ecb", 16, 418, false),
    ("aes_192_ecb", "aes-192-ecb", 24, 422, false),
    ("aes_256_ecb", "aes-256-ecb", 32, 426, false),
    ("sm4_gcm", "sm4-gcm", 16, 0, true),
    ("sm4_ccm", "sm4-ccm", 16, 0, true),
    ("chacha20_poly1305", "chacha20-poly1305", 0, 0, true),
    ("aes_256_gcm", "aes-256-gcm", 32, 901, true),
    ("aes_256_ccm", "aes-256-ccm", 32, 902, true),
    ("aes_192_gcm", "aes-192-gcm", 24, 898, true),
    ("aes_192_ccm", "aes-192-ccm", 24, 899, true),
    ("aes_128_gcm", "aes-128-gcm", 16, 895, true),
    ("aes_128_ccm", "aes-128-ccm", 16, 896, true),
    ("aes_256_ctr", "aes-256-ctr", 32, 0, false),
    ("aes_192_ctr", "aes-192-ctr", 24, 0, false),
    ("aes_128_ctr", "aes-128-ctr", 16, 0, false),
    ("des_ede3_cbc", "des-ede3-cbc", 0, 44, false),
];

/// Whether the library gives less of a digest of one length than all of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// Nothing but all.
    None,
    /// All or nothing.
    Empty,
    /// Any part from its beginning.
    Any,
}

/// A digest.
pub(crate) struct Digest {
    /// OTP's name.
    pub(crate) name: &'static str,
    /// The library's name.
    pub(crate) library_name: &'static str,
    md: Option<Md>,
}

impl Digest {
    /// The library's digest; `None` when it has none.
    pub(crate) fn md(&self) -> Option<&MdRef> {
        self.md.as_deref()
    }
    /// Whether less than all of it is to be had.
    pub(crate) fn prefix(&self) -> Prefix {
        match self.name {
            "sha3_224" | "sha3_256" | "sha3_384" | "sha3_512" => Prefix::Any,
            "blake2b" | "blake2s" => Prefix::Empty,
            _ => Prefix::None,
        }
    }
    /// Bytes that `hash_final` gives of a function whose output has any length. The library has had no default since
    /// its version 3.4; OTP keeps the former one.
    pub(crate) fn default_length(&self) -> Option<usize> {
        match self.name {
            "shake128" => Some(16),
            "shake256" => Some(32),
            _ => None,
        }
    }
}

/// A cipher.
pub(crate) struct CipherType {
    /// OTP's name.
    pub(crate) name: &'static str,
    /// The library's name.
    pub(crate) library_name: &'static str,
    /// Number of its ASN.1 object, 0 when it has none.
    pub(crate) object: i64,
    /// Does it authenticate?
    pub(crate) is_aead: bool,
    /// Bytes of its key, 0 when the library is to judge.
    key_length: usize,
    cipher: Option<Cipher>,
}

impl CipherType {
    /// The library's cipher; `None` when it has none.
    pub(crate) fn cipher(&self) -> Option<&CipherRef> {
        self.cipher.as_deref()
    }
}

/// The library's state, of which a machine has one.
pub(crate) struct Library {
    /// All digests.
    pub(crate) digests: Vec<Digest>,
    /// All ciphers.
    pub(crate) ciphers: Vec<CipherType>,
    /// Names of the curves that work, found out when they are asked for.
    pub(crate) curves: OnceLock<Vec<&'static str>>,
    _providers: Option<Providers>,
}

impl Default for Library {
    fn default() -> Library {
        let _providers = Providers::load().ok();
        let digests = DIGESTS.map(|(name, library_name)| Digest {
            name,
            library_name,
            md: Md::fetch(None, library_name, None).ok(),
        });
        let ciphers = CIPHERS.map(|(name, library_name, key_length, object, is_aead)| {
            let cipher = Cipher::fetch(None, library_name, None).ok();
            CipherType { name, library_name, object, is_aead, key_length, cipher }
        });
        Library { digests: digests.into(), ciphers: ciphers.into(), curves: OnceLock::new(), _providers }
    }
}

impl Library {
    /// The machine's library.
    pub(crate) fn of<'h>(cx: &BifContext<'h>) -> &'h Library {
        cx.vm.extension::<Library>()
    }
    /// The digest that an atom names.
    pub(crate) fn digest(&self, cx: &BifContext<'_>, name: Term<'_>) -> Option<&Digest> {
        let name = atom_text(cx, name)?;
        self.digests.iter().find(|digest| digest.name == name)
    }
    /// The cipher that an atom names, when a key of so many bytes suits it.
    pub(crate) fn cipher(&self, cx: &BifContext<'_>, name: Term<'_>, key_length: usize) -> Option<&CipherType> {
        self.any_cipher(cx, name).filter(|cipher| cipher.key_length == 0 || cipher.key_length == key_length)
    }
    /// The cipher that an atom names.
    pub(crate) fn any_cipher(&self, cx: &BifContext<'_>, name: Term<'_>) -> Option<&CipherType> {
        let name = atom_text(cx, name)?;
        self.ciphers.iter().find(|cipher| cipher.name == name)
    }
}

/// The text of an atom, `None` for another term.
pub(crate) fn atom_text<'h>(cx: &BifContext<'h>, term: Term<'_>) -> Option<&'h str> {
    term.as_atom().map(|atom| cx.text(atom))
}

/// Is the term this atom?
pub(crate) fn is_atom(cx: &BifContext<'_>, term: Term<'_>, text: &str) -> bool {
    atom_text(cx, term) == Some(text)
}

/// The bytes of a binary or an I/O list.
pub(crate) fn iodata(term: Term<'_>) -> Option<Cow<'_, [u8]>> {
    iodata_bytes(term)
}

/// An integer from 0 to 2^32 - 1.
pub(crate) fn unsigned(term: Term<'_>) -> Option<u32> {
    term.as_u64()?.try_into().ok()
}

/// Counts the reductions that OTP counts for so many bytes of input: a whole time slice for 20,000.
pub(crate) fn count(cx: &mut BifContext<'_>, bytes: usize) {
    let _ = cx.spend(bytes / 5);
}
