//! `Term<'h>`: a term that borrows its heap, and typed views of what it refers to.

use crate::binary::SharedBinary;
use crate::word::ImmediateKind;
use crate::{Atom, Big, BinaryHandle, Export, FunEntry, Header, Heap, Kind, MagicObject, Word, bits};
use oxbeam_number::BigInt;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

/// A term. It lives as long as the heap is only allocated from; a collection ends its life.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Term<'h> {
    word: Word,
    heap: PhantomData<&'h Heap>,
}

const _: () = assert!(size_of::<Term<'_>>() == 8);

// SAFETY: a term only reads memory that nobody writes while it is borrowed.
unsafe impl Send for Term<'_> {}
// SAFETY: as above.
unsafe impl Sync for Term<'_> {}

/// A pid of this node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Pid {
    /// First number shown (`N` in `<0.N.S>`), 28 bits.
    pub number: u32,
    /// Second number shown (`S`), 28 bits.
    pub serial: u32,
}

/// A port of this node (56 bits).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Port(pub u64);

/// A term by what it is.
#[derive(Clone, Copy)]
pub enum Value<'h> {
    /// A small integer.
    Small(i64),
    /// A big integer.
    Big(Big<'h>),
    /// A float.
    Float(f64),
    /// An atom.
    Atom(Atom),
    /// A local reference, magic or not.
    Reference(Reference<'h>),
    /// A reference of another node.
    ExternalReference(External<'h>),
    /// A local fun.
    Fun(Fun<'h>),
    /// An external fun (`fun m:f/a`).
    ExternalFun(ExternalFun<'h>),
    /// A local port.
    Port(Port),
    /// A port of another node.
    ExternalPort(External<'h>),
    /// A local pid.
    Pid(Pid),
    /// A pid of another node.
    ExternalPid(External<'h>),
    /// A tuple.
    Tuple(Tuple<'h>),
    /// A map of either kind (`Kind::FlatMap`, `Kind::HashMap`).
    Map(Term<'h>),
    /// The empty list.
    Nil,
    /// A cons cell.
    Cons(Cons<'h>),
    /// A binary or bitstring.
    Bits(Bits<'h>),
}

impl<'h> Term<'h> {
    /// The empty list.
    pub const NIL: Term<'static> = Term::from_word(Word::NIL);
    /// `true`.
    pub const TRUE: Term<'static> = Term::atom(crate::atoms::TRUE);
    /// `false`.
    pub const FALSE: Term<'static> = Term::atom(crate::atoms::FALSE);

    /// A term from its word. The caller answers for `'h`: only this crate and the engine make terms from words
    /// that are pointers.
    #[inline(always)]
    pub(crate) const fn from_word(word: Word) -> Term<'h> {
        Term { word, heap: PhantomData }
    }
    /// A term from a raw word.
    ///
    /// # Safety
    /// What the word points to lives, unmoved, for `'h`.
    #[inline(always)]
    pub const unsafe fn from_raw(word: Word) -> Term<'h> {
        Term::from_word(word)
    }
    /// The raw word.
    #[inline(always)]
    pub const fn word(self) -> Word {
        self.word
    }
    /// Terms seen as raw words.
    pub fn words<'a>(terms: &'a [Term<'h>]) -> &'a [Word] {
        // SAFETY: `Term` is a transparent wrapper of `Word`.
        unsafe { std::slice::from_raw_parts(terms.as_ptr().cast(), terms.len()) }
    }
    /// A small integer.
    ///
    /// # Panics
    /// In debug builds, when `value` needs more than 61 bits; use [`Heap::integer`] for those.
    #[inline(always)]
    pub const fn small(value: i64) -> Term<'h> {
        debug_assert!(value >= crate::word::SMALL_MIN && value <= crate::word::SMALL_MAX);
        Term::from_word(Word::small(value))
    }
    /// An atom.
    #[inline(always)]
    pub const fn atom(atom: Atom) -> Term<'h> {
        Term::from_word(Word::atom(atom))
    }
    /// `true` or `false`.
    #[inline(always)]
    pub const fn boolean(value: bool) -> Term<'h> {
        if value { Term::TRUE } else { Term::FALSE }
    }
    /// A local pid.
    pub const fn pid(pid: Pid) -> Term<'h> {
        Term::from_word(Word::immediate(ImmediateKind::Pid, pid.number as u64 | (pid.serial as u64) << 28))
    }
    /// A local port.
    pub const fn port(port: Port) -> Term<'h> {
        Term::from_word(Word::immediate(ImmediateKind::Port, port.0))
    }
    /// Do both words say the same? True implies `=:=`; for immediates it is `=:=`.
    #[inline(always)]
    pub fn is_same(self, other: Term<'_>) -> bool {
        self.word == other.word
    }
    /// The header of a boxed object; the term must be boxed.
    #[inline(always)]
    pub(crate) fn header(self) -> Header {
        debug_assert!(self.word.is_boxed());
        // SAFETY: a boxed term points to a header that lives for `'h`.
        Header(unsafe { *self.word.pointer() })
    }
    /// The words after the header; the term must be boxed.
    #[inline(always)]
    pub(crate) fn boxed_words(self) -> &'h [u64] {
        let arity = self.header().arity();
        // SAFETY: `arity` words follow the header and live for `'h`.
        unsafe { std::slice::from_raw_parts(self.word.pointer().add(1), arity) }
    }
    /// The words after the header as terms; the object must consist of terms only.
    #[inline(always)]
    pub(crate) fn boxed_terms(self) -> &'h [Term<'h>] {
        let words = self.boxed_words();
        // SAFETY: the caller checked a kind whose words are all terms.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }
    /// The kind of a boxed object.
    #[inline(always)]
    pub fn boxed_kind(self) -> Option<Kind> {
        if self.word.is_boxed() { Some(self.header().kind()) } else { None }
    }
    #[inline(always)]
    pub(crate) fn is_boxed_of(self, kind: Kind) -> bool {
        self.word.is_boxed() && self.header().is(kind)
    }

    /// The term by what it is.
    pub fn value(self) -> Value<'h> {
        let word = self.word;
        if word.is_small() {
            return Value::Small(word.small_value());
        }
        if word.is_cons() {
            return Value::Cons(Cons { term: self });
        }
        if word.is_boxed() {
            return match self.header().kind() {
                Kind::Tuple => Value::Tuple(Tuple { term: self }),
                Kind::BigPositive | Kind::BigNegative => Value::Big(Big { term: self }),
                Kind::Float => Value::Float(f64::from_bits(self.boxed_words()[0])),
                Kind::Reference | Kind::MagicReference => Value::Reference(Reference { term: self }),
                Kind::ExternalPid => Value::ExternalPid(External { term: self }),
                Kind::ExternalPort => Value::ExternalPort(External { term: self }),
                Kind::ExternalReference => Value::ExternalReference(External { term: self }),
                Kind::FlatMap | Kind::HashMap | Kind::HashNode => Value::Map(self),
                Kind::Fun => Value::Fun(Fun { term: self }),
                Kind::ExternalFun => Value::ExternalFun(ExternalFun { term: self }),
                Kind::HeapBits | Kind::SubBits | Kind::MatchContext | Kind::BinaryReference => {
                    Value::Bits(Bits::of(self).expect("the kind was just checked"))
                }
            };
        }
        if let Some(atom) = self.as_atom() {
            return Value::Atom(atom);
        }
        if let Some(pid) = self.as_pid() {
            return Value::Pid(pid);
        }
        if let Some(port) = self.as_port() {
            return Value::Port(port);
        }
        Value::Nil
    }
    /// The atom, if it is one.
    #[inline(always)]
    pub fn as_atom(self) -> Option<Atom> {
        if self.word.is_atom() { Some(Atom(self.word.payload() as u32)) } else { None }
    }
    /// Is it this atom?
    #[inline(always)]
    pub fn is_atom(self, atom: Atom) -> bool {
        self.word == Word::atom(atom)
    }
    /// `true` or `false`, if it is one of them.
    pub fn as_boolean(self) -> Option<bool> {
        match self.as_atom() {
            Some(crate::atoms::TRUE) => Some(true),
            Some(crate::atoms::FALSE) => Some(false),
            _ => None,
        }
    }
    /// The local pid, if it is one.
    #[inline(always)]
    pub fn as_pid(self) -> Option<Pid> {
        if !self.word.is_immediate_of(ImmediateKind::Pid) {
            return None;
        }
        let payload = self.word.payload();
        Some(Pid { number: (payload & 0xfff_ffff) as u32, serial: (payload >> 28) as u32 })
    }
    /// The local port, if it is one.
    pub fn as_port(self) -> Option<Port> {
        if self.word.is_immediate_of(ImmediateKind::Port) { Some(Port(self.word.payload())) } else { None }
    }
    /// The small integer, if it is one.
    #[inline(always)]
    pub fn as_small(self) -> Option<i64> {
        if self.word.is_small() { Some(self.word.small_value()) } else { None }
    }
    /// The integer, if it is one, whatever its size.
    pub fn as_integer(self) -> Option<Integer<'h>> {
        match self.value() {
            Value::Small(value) => Some(Integer::Small(value)),
            Value::Big(big) => Some(Integer::Big(big)),
            _ => None,
        }
    }
    /// The integer, if it is one that fits.
    pub fn as_i64(self) -> Option<i64> {
        self.as_integer()?.to_i64()
    }
    /// The integer, if it is one that fits.
    pub fn as_u64(self) -> Option<u64> {
        self.as_integer()?.to_u64()
    }
    /// The integer, if it is one that fits.
    pub fn as_usize(self) -> Option<usize> {
        self.as_u64().and_then(|value| usize::try_from(value).ok())
    }
    /// The float, if it is one.
    #[inline(always)]
    pub fn as_float(self) -> Option<f64> {
        if self.is_boxed_of(Kind::Float) { Some(f64::from_bits(self.boxed_words()[0])) } else { None }
    }
    /// Is it `[]`?
    #[inline(always)]
    pub fn is_nil(self) -> bool {
        self.word == Word::NIL
    }
    /// Is it `[]` or a cons cell?
    #[inline(always)]
    pub fn is_list(self) -> bool {
        self.is_nil() || self.word.is_cons()
    }
    /// The cons cell, if it is one.
    #[inline(always)]
    pub fn as_cons(self) -> Option<Cons<'h>> {
        if self.word.is_cons() { Some(Cons { term: self }) } else { None }
    }
    /// The tuple, if it is one.
    #[inline(always)]
    pub fn as_tuple(self) -> Option<Tuple<'h>> {
        if self.is_boxed_of(Kind::Tuple) { Some(Tuple { term: self }) } else { None }
    }
    /// The elements, if it is a tuple of this size.
    pub fn as_tuple_of<const N: usize>(self) -> Option<&'h [Term<'h>; N]> {
        self.as_tuple()?.elements().try_into().ok()
    }
    /// Is it a map?
    #[inline(always)]
    pub fn is_map(self) -> bool {
        self.word.is_boxed() && matches!(self.header().kind(), Kind::FlatMap | Kind::HashMap)
    }
    /// The bitstring, if it is one.
    #[inline]
    pub fn as_bits(self) -> Option<Bits<'h>> {
        if self.word.is_boxed() { Bits::of(self) } else { None }
    }
    /// The bytes of a binary: `None` for other terms and for bitstrings that are not whole bytes.
    /// Borrowed unless the binary starts inside a byte.
    pub fn as_binary(self) -> Option<Cow<'h, [u8]>> {
        let bits = self.as_bits()?;
        if bits.bit_size() % 8 == 0 { Some(bits.to_bytes()) } else { None }
    }
    /// The reference, if it is a local one.
    pub fn as_reference(self) -> Option<Reference<'h>> {
        match self.boxed_kind() {
            Some(Kind::Reference | Kind::MagicReference) => Some(Reference { term: self }),
            _ => None,
        }
    }
    /// The local fun, if it is one.
    #[inline(always)]
    pub fn as_fun(self) -> Option<Fun<'h>> {
        if self.is_boxed_of(Kind::Fun) { Some(Fun { term: self }) } else { None }
    }
    /// The external fun, if it is one.
    #[inline(always)]
    pub fn as_external_fun(self) -> Option<ExternalFun<'h>> {
        if self.is_boxed_of(Kind::ExternalFun) { Some(ExternalFun { term: self }) } else { None }
    }
    /// Is it an integer?
    #[inline(always)]
    pub fn is_integer(self) -> bool {
        self.word.is_small()
            || self.word.is_boxed() && matches!(self.header().kind(), Kind::BigPositive | Kind::BigNegative)
    }
    /// Is it a number?
    #[inline(always)]
    pub fn is_number(self) -> bool {
        self.is_integer() || self.is_boxed_of(Kind::Float)
    }
    /// Is it a pid, of any node?
    pub fn is_pid(self) -> bool {
        self.as_pid().is_some() || self.is_boxed_of(Kind::ExternalPid)
    }
    /// Is it a port, of any node?
    pub fn is_port(self) -> bool {
        self.as_port().is_some() || self.is_boxed_of(Kind::ExternalPort)
    }
    /// Is it a reference, of any node?
    pub fn is_reference(self) -> bool {
        matches!(self.boxed_kind(), Some(Kind::Reference | Kind::MagicReference | Kind::ExternalReference))
    }
    /// Is it a fun of either kind?
    pub fn is_fun(self) -> bool {
        matches!(self.boxed_kind(), Some(Kind::Fun | Kind::ExternalFun))
    }
    /// Walks a list. The iterator ends at the first tail that is not a cons cell; [`ListIter::tail`] tells what it is.
    pub fn list_iter(self) -> ListIter<'h> {
        ListIter { rest: self }
    }
    /// The elements of a proper list, or `None`.
    pub fn to_vec(self) -> Option<Vec<Term<'h>>> {
        let mut walk = self.list_iter();
        let elements: Vec<Term<'h>> = walk.by_ref().collect();
        walk.tail().is_nil().then_some(elements)
    }
}

/// An integer of either size.
#[derive(Clone, Copy)]
pub enum Integer<'h> {
    /// Fits a word.
    Small(i64),
    /// Does not.
    Big(Big<'h>),
}

impl Integer<'_> {
    /// As a number to calculate with.
    pub fn to_bigint(self) -> BigInt {
        match self {
            Integer::Small(value) => BigInt::from(value),
            Integer::Big(big) => big.to_bigint(),
        }
    }
    /// If it fits.
    pub fn to_i64(self) -> Option<i64> {
        match self {
            Integer::Small(value) => Some(value),
            Integer::Big(big) => match *big.limbs() {
                [limb] if big.is_negative() => 0i64.checked_sub_unsigned(limb),
                [limb] => i64::try_from(limb).ok(),
                _ => None,
            },
        }
    }
    /// If it fits.
    pub fn to_u64(self) -> Option<u64> {
        match self {
            Integer::Small(value) => u64::try_from(value).ok(),
            Integer::Big(big) => (!big.is_negative() && big.limbs().len() == 1).then(|| big.limbs()[0]),
        }
    }
    /// Is it below zero?
    pub fn is_negative(self) -> bool {
        match self {
            Integer::Small(value) => value < 0,
            Integer::Big(big) => big.is_negative(),
        }
    }
}

/// A cons cell.
#[derive(Clone, Copy)]
pub struct Cons<'h> {
    term: Term<'h>,
}

impl<'h> Cons<'h> {
    /// Its first element.
    #[inline(always)]
    pub fn head(self) -> Term<'h> {
        // SAFETY: a cons term points to two terms that live for `'h`.
        Term::from_word(Word(unsafe { *self.term.word.pointer() }))
    }
    /// The rest.
    #[inline(always)]
    pub fn tail(self) -> Term<'h> {
        // SAFETY: a cons term points to two terms that live for `'h`.
        Term::from_word(Word(unsafe { *self.term.word.pointer().add(1) }))
    }
}

/// Walks a list, see [`Term::list_iter`].
#[derive(Clone)]
pub struct ListIter<'h> {
    rest: Term<'h>,
}

impl<'h> ListIter<'h> {
    /// What is left.
    pub fn tail(&self) -> Term<'h> {
        self.rest
    }
}

impl<'h> Iterator for ListIter<'h> {
    type Item = Term<'h>;
    #[inline]
    fn next(&mut self) -> Option<Term<'h>> {
        let cell = self.rest.as_cons()?;
        self.rest = cell.tail();
        Some(cell.head())
    }
}

/// A tuple.
#[derive(Clone, Copy)]
pub struct Tuple<'h> {
    term: Term<'h>,
}

impl<'h> Tuple<'h> {
    /// Its elements.
    #[inline(always)]
    pub fn elements(self) -> &'h [Term<'h>] {
        self.term.boxed_terms()
    }
    /// The term itself.
    pub fn term(self) -> Term<'h> {
        self.term
    }
}

/// A reference of this node.
#[derive(Clone, Copy)]
pub struct Reference<'h> {
    term: Term<'h>,
}

/// A local reference without its heap, to be kept in tables.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct LocalReference(pub [u64; 2]);

impl LocalReference {
    /// As [`Reference::ids`].
    pub fn ids(self) -> [u32; 3] {
        let [low, high] = self.0;
        [low as u32, (low >> 32) as u32, high as u32]
    }
    /// The reference with these numbers, the least significant first.
    pub fn from_ids(ids: [u32; 3]) -> LocalReference {
        LocalReference([u64::from(ids[0]) | u64::from(ids[1]) << 32, u64::from(ids[2])])
    }
}

impl<'h> Reference<'h> {
    /// Its two numbers, unique within the machine.
    pub fn number(self) -> LocalReference {
        let words = self.term.boxed_words();
        let first = if self.term.header().is(Kind::MagicReference) { 2 } else { 0 };
        LocalReference([words[first], words[first + 1]])
    }
    /// Its 32-bit numbers as OTP shows and sends them, the least significant first; text has them the other way round
    /// (`#Ref<0.ids[2].ids[1].ids[0]>`).
    pub fn ids(self) -> [u32; 3] {
        self.number().ids()
    }
    /// The process it is an alias of, if any.
    pub fn alias_of(self) -> Option<Pid> {
        if self.term.header().is(Kind::MagicReference) {
            return None;
        }
        let word = *self.term.boxed_words().get(2)?;
        Term::from_word(Word(word)).as_pid()
    }
    /// What a magic reference keeps alive.
    pub fn object(self) -> Option<&'h MagicObject> {
        if !self.term.header().is(Kind::MagicReference) {
            return None;
        }
        // SAFETY: a magic reference owns one count of the object, so it lives while the reference does.
        Some(unsafe { &*(self.term.boxed_words()[1] as *const MagicObject) })
    }
    /// What a magic reference keeps alive, counted.
    pub fn shared_object(self) -> Option<Arc<MagicObject>> {
        let object: *const MagicObject = self.object()?;
        // SAFETY: as above; the count is raised before the new owner exists.
        unsafe {
            Arc::increment_strong_count(object);
            Some(Arc::from_raw(object))
        }
    }
    /// What a magic reference keeps alive, if it is a `T`.
    pub fn downcast<T: 'static>(self) -> Option<&'h T> {
        self.object()?.0.downcast_ref()
    }
    /// The term itself.
    pub fn term(self) -> Term<'h> {
        self.term
    }
}

/// A pid, port or reference of another node.
#[derive(Clone, Copy)]
pub struct External<'h> {
    term: Term<'h>,
}

impl External<'_> {
    /// Name of its node.
    pub fn node(self) -> Atom {
        Term::from_word(Word(self.term.boxed_words()[0])).as_atom().unwrap_or(crate::atoms::UNDEFINED)
    }
    /// Incarnation of its node.
    pub fn creation(self) -> u32 {
        self.term.boxed_words()[1] as u32
    }
    /// Number of a pid or port; for a pid the serial stands in the upper half.
    pub fn id(self) -> u64 {
        self.term.boxed_words()[2]
    }
    /// The 32-bit numbers of a reference, the least significant first.
    pub fn reference_ids(self) -> Vec<u32> {
        let words = self.term.boxed_words();
        let count = (words[1] >> 32) as usize;
        words[2..].iter().flat_map(|&word| [word as u32, (word >> 32) as u32]).take(count).collect()
    }
}

/// A local fun.
#[derive(Clone, Copy)]
pub struct Fun<'h> {
    term: Term<'h>,
}

impl<'h> Fun<'h> {
    /// What it runs.
    #[inline(always)]
    pub fn entry(self) -> &'h FunEntry {
        // SAFETY: fun entries live as long as the machine.
        unsafe { &*(self.term.boxed_words()[0] as *const FunEntry) }
    }
    /// Its environment.
    #[inline(always)]
    pub fn environment(self) -> &'h [Term<'h>] {
        &self.term_words()[1..]
    }
    fn term_words(self) -> &'h [Term<'h>] {
        let words = self.term.boxed_words();
        // SAFETY: only the first word is not a term, and `environment` leaves it out.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }
}

/// An external fun.
#[derive(Clone, Copy)]
pub struct ExternalFun<'h> {
    term: Term<'h>,
}

impl<'h> ExternalFun<'h> {
    /// The export it calls.
    #[inline(always)]
    pub fn export(self) -> &'h Export {
        // SAFETY: exports live as long as the machine.
        unsafe { &*(self.term.boxed_words()[0] as *const Export) }
    }
}

/// A bitstring, wherever its bits live.
#[derive(Clone, Copy)]
pub struct Bits<'h> {
    data: &'h [u8],
    bit_offset: usize,
    bit_size: usize,
    term: Term<'h>,
}

impl<'h> Bits<'h> {
    #[inline]
    pub(crate) fn of(term: Term<'h>) -> Option<Bits<'h>> {
        let kind = term.header().kind();
        // SAFETY: callers ask for words that objects of the kind have.
        let field = |index: usize| unsafe { *term.word.pointer().add(1 + index) };
        match kind {
            Kind::HeapBits => {
                Some(Bits { data: heap_bits_data(term), bit_offset: 0, bit_size: field(0) as usize, term })
            }
            Kind::SubBits => {
                let data = referenced_data(Term::from_word(Word(field(0))));
                Some(Bits { data, bit_offset: field(1) as usize, bit_size: field(2) as usize, term })
            }
            Kind::MatchContext => {
                let data = referenced_data(Term::from_word(Word(field(0))));
                let (position, end) = (field(3) as usize, field(2) as usize);
                Some(Bits { data, bit_offset: position, bit_size: end - position, term })
            }
            Kind::BinaryReference => {
                let data = referenced_data(term);
                Some(Bits { data, bit_offset: 0, bit_size: data.len() * 8, term })
            }
            _ => None,
        }
    }
    /// The bytes that hold the bits (and others before and after).
    #[inline(always)]
    pub fn data(self) -> &'h [u8] {
        self.data
    }
    /// Where in [`Bits::data`] the first bit is.
    #[inline(always)]
    pub fn bit_offset(self) -> usize {
        self.bit_offset
    }
    /// Number of bits.
    #[inline(always)]
    pub fn bit_size(self) -> usize {
        self.bit_size
    }
    /// Number of bytes needed for the bits.
    pub fn byte_size(self) -> usize {
        self.bit_size.div_ceil(8)
    }
    /// Is it a whole number of bytes?
    pub fn is_binary(self) -> bool {
        self.bit_size % 8 == 0
    }
    /// The bytes if the bits start at a byte; the last one may be only partly used.
    #[inline]
    pub fn aligned_bytes(self) -> Option<&'h [u8]> {
        if self.bit_offset % 8 == 0 {
            let start = self.bit_offset / 8;
            Some(&self.data[start..start + self.byte_size()])
        } else {
            None
        }
    }
    /// The bytes, the unused bits of the last one zero; borrowed when no bit needs to move or be cleared.
    pub fn to_bytes(self) -> Cow<'h, [u8]> {
        match self.aligned_bytes() {
            Some(bytes) if self.is_binary() => Cow::Borrowed(bytes),
            _ => {
                let mut bytes = vec![0; self.byte_size()];
                bits::copy_bits(self.data, self.bit_offset, &mut bytes, 0, self.bit_size);
                Cow::Owned(bytes)
            }
        }
    }
    /// The shared binary behind it, if it is a large one, with the first bit's place in it.
    pub fn shared(self) -> Option<(BinaryHandle, usize)> {
        let reference = self.reference()?;
        let raw = reference.boxed_words()[1] as *const SharedBinary;
        // SAFETY: the reference owns one count; the clone gets its own, the borrowed one is not dropped.
        let handle = std::mem::ManuallyDrop::new(unsafe { BinaryHandle::from_raw(raw) });
        Some((BinaryHandle::clone(&handle), self.bit_offset))
    }
    /// The binary reference object behind it, if any.
    pub(crate) fn reference(self) -> Option<Term<'h>> {
        match self.term.header().kind() {
            Kind::SubBits | Kind::MatchContext => {
                let origin = Term::from_word(Word(self.term.boxed_words()[0]));
                origin.header().is(Kind::BinaryReference).then_some(origin)
            }
            Kind::BinaryReference => Some(self.term),
            _ => None,
        }
    }
    /// The term itself.
    pub fn term(self) -> Term<'h> {
        self.term
    }
}

/// A match context as the engine sees it: the fields of [`Kind::MatchContext`].
#[derive(Clone, Copy)]
pub struct MatchContext<'h> {
    term: Term<'h>,
}

impl<'h> MatchContext<'h> {
    /// The match context, if `term` is one.
    #[inline(always)]
    pub fn of(term: Term<'h>) -> Option<MatchContext<'h>> {
        if term.is_boxed_of(Kind::MatchContext) { Some(MatchContext { term }) } else { None }
    }
    /// The match context that `term` is known to be.
    ///
    /// # Safety
    /// `term` is a match context.
    #[inline(always)]
    pub unsafe fn of_unchecked(term: Term<'h>) -> MatchContext<'h> {
        debug_assert!(term.is_boxed_of(Kind::MatchContext), "match instructions get a match context");
        MatchContext { term }
    }
    /// The term itself.
    pub fn term(self) -> Term<'h> {
        self.term
    }
    /// Word `index` after the header.
    #[inline(always)]
    fn field(self, index: usize) -> u64 {
        debug_assert!(index < 4);
        // SAFETY: four words follow the header of a match context.
        unsafe { *self.term.word.pointer().add(1 + index) }
    }
    /// What holds the bytes: a binary on the heap, or the reference to a shared one.
    #[inline(always)]
    fn origin(self) -> Term<'h> {
        Term::from_word(Word(self.field(0)))
    }
    /// The bytes matched on.
    #[inline(always)]
    pub fn data(self) -> &'h [u8] {
        referenced_data(self.origin())
    }
    /// What keeps the shared binary alive that the bytes are in, if they are in one.
    #[inline(always)]
    pub fn shared_origin(self) -> Option<Word> {
        let origin = self.origin();
        origin.header().is(Kind::BinaryReference).then_some(origin.word)
    }
    /// First bit of the whole bitstring.
    #[inline(always)]
    pub fn start(self) -> usize {
        self.field(1) as usize
    }
    /// Bit behind the last one.
    #[inline(always)]
    pub fn end(self) -> usize {
        self.field(2) as usize
    }
    /// Next bit to match.
    #[inline(always)]
    pub fn position(self) -> usize {
        self.field(3) as usize
    }
    /// Moves on to `position`.
    ///
    /// # Safety
    /// The context lies on the running process's heap (not a literal), and `start() <= position <= end()`.
    #[inline(always)]
    pub unsafe fn set_position(self, position: usize) {
        debug_assert!(self.start() <= position && position <= self.end());
        // SAFETY: the fourth word after the header is the position; match contexts are private to the engine.
        unsafe { *self.term.word.pointer().add(4) = position as u64 };
    }
}

impl Heap {
    /// A match context over `bits`, at its start.
    pub fn match_context<'h>(&'h self, bits: Bits<'h>) -> Term<'h> {
        let origin = bits.reference().unwrap_or(bits.term);
        let (start, end) = (bits.bit_offset as u64, (bits.bit_offset + bits.bit_size) as u64);
        self.boxed(Kind::MatchContext, &[origin.word.0, start, end, start])
    }
    /// The `bit_size` bits from `bit_offset` (in [`MatchContext::data`]) of what `context` matches on, as
    /// [`Heap::sub_bitstring`].
    pub fn matched_part<'h>(&'h self, context: MatchContext<'h>, bit_offset: usize, bit_size: usize) -> Term<'h> {
        let origin = context.origin();
        if bit_size > crate::HEAP_BINARY_BYTES_MAX * 8 && origin.header().is(Kind::BinaryReference) {
            return self.sub_bits(origin.word, bit_offset, bit_size);
        }
        let data = context.data();
        self.bitstring_with(bit_size, |bytes| bits::copy_bits(data, bit_offset, bytes, 0, bit_size))
    }
    /// The `bit_size` bits from `bit_offset` (in [`Bits::data`]) of the bitstring or match context `of`, without
    /// copying them when there are many.
    pub fn sub_bitstring<'h>(&'h self, of: Bits<'h>, bit_offset: usize, bit_size: usize) -> Term<'h> {
        debug_assert!(bit_offset + bit_size <= of.data.len() * 8);
        match of.reference() {
            Some(reference) if bit_size > crate::HEAP_BINARY_BYTES_MAX * 8 => {
                self.sub_bits(reference.word, bit_offset, bit_size)
            }
            _ => self.bitstring_with(bit_size, |bytes| bits::copy_bits(of.data, bit_offset, bytes, 0, bit_size)),
        }
    }
    /// Appends the `count` high bits of `value` to a binary that nobody but the caller refers to, by changing it; false
    /// when that cannot be done here, and nothing was changed. `count` is a multiple of 8, at most 64.
    ///
    /// # Safety
    /// `of` is a live term of this heap. Nobody else knows the term, and nobody looks at its bits meanwhile.
    #[inline]
    pub unsafe fn append_privately(&self, of: Word, value: u64, count: usize) -> bool {
        debug_assert!(count % 8 == 0 && count <= 64);
        if !of.is_boxed() {
            return false;
        }
        // SAFETY: a boxed object begins with its header; the fields are those of `Kind::SubBits`, whose first word is a
        // boxed term, and of `Kind::BinaryReference`, which keeps its shared binary alive. A binary is written only behind
        // its end, within its capacity, when this heap holds the only reference to it.
        unsafe {
            let bits = of.pointer();
            if !Header(*bits).is(Kind::SubBits) {
                return false;
            }
            let reference = Word(*bits.add(1)).pointer();
            if !Header(*reference).is(Kind::BinaryReference) || self.options.literals.contains(reference) {
                return false;
            }
            let raw = *reference.add(2) as *const SharedBinary;
            let end = (*bits.add(2) + *bits.add(3)) as usize;
            let room = SharedBinary::capacity(raw) - end.div_ceil(8);
            if end % 8 != 0
                || end != SharedBinary::bit_length(raw)
                || room < 8
                || SharedBinary::reference_count(raw) != 1
            {
                return false;
            }
            let bytes = SharedBinary::bytes_mut(raw, end + count);
            bytes.as_mut_ptr().add(end / 8).cast::<u64>().write_unaligned(value.to_be());
            bytes.set_len((end + count) / 8);
            *bits.add(3) += count as u64;
        }
        true
    }
    /// `of` followed by room for `extra_bits`, which `fill` writes: it gets bytes and the bit of them to write at, the bits
    /// from there on being 0. (The bytes need not be all of the bitstring's.)
    ///
    /// When `of` ends where its shared binary ends, nobody else refers to that and there is room, the binary grows in
    /// place: appending to an accumulator costs what is appended (OTP's `bs_append`). Bytes that terms refer to never
    /// move: without room the bits are copied, to where twice as many fit.
    pub fn append_bits<'h>(&'h self, of: Bits<'h>, extra_bits: usize, fill: impl FnOnce(&mut [u8], usize)) -> Term<'h> {
        let (term, bytes, bit) = self.room_to_append(of, extra_bits);
        fill(bytes, bit);
        term
    }
    /// The bitstring that [`Heap::append_bits`] makes, the bytes that it writes to, and the bit of them to write at.
    #[allow(clippy::mut_from_ref, reason = "the bytes belong to a binary that nobody else looks at")]
    fn room_to_append<'h>(&'h self, of: Bits<'h>, extra_bits: usize) -> (Term<'h>, &'h mut [u8], usize) {
        let total = of.bit_size + extra_bits;
        if let Some(reference) = of.reference() {
            let raw = reference.boxed_words()[1] as *const SharedBinary;
            let (start, end) = (of.bit_offset, of.bit_offset + of.bit_size);
            let needed = (end + extra_bits).div_ceil(8);
            let sole_owner = !self.options.literals.contains(reference.word.pointer())
                // SAFETY: the reference object keeps the shared binary alive.
                && unsafe { SharedBinary::reference_count(raw) } == 1;
            // SAFETY: as above.
            let fits =
                sole_owner && unsafe { end == SharedBinary::bit_length(raw) && needed <= SharedBinary::capacity(raw) };
            if fits {
                // SAFETY: this heap holds the only reference; the bytes that slices may be looking at stay where they
                // are, and only bits behind their end are written.
                let bytes = unsafe { SharedBinary::bytes_mut(raw, end + extra_bits) };
                self.virtual_words.set(self.virtual_words.get() + (needed - bytes.len()) / 8);
                bytes.resize(needed, 0);
                let term = self.sub_bits(reference.word, start, total);
                // SAFETY: as above; taken last, since `sub_bits` looks at the bytes.
                let bytes = unsafe { SharedBinary::bytes_mut(raw, end + extra_bits) };
                let (first, count) = (end / 8, needed - end / 8);
                // SAFETY: these bytes lie within the vector; a slice of all of it would alias those that others hold.
                let room = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().add(first), count) };
                return (term, room, end % 8);
            }
        }
        let length = total.div_ceil(8);
        // Room to grow: what is appended to once usually is again.
        let mut bytes = Vec::with_capacity((length * 2).max(256));
        bytes.resize(length, 0);
        bits::copy_bits(of.data, of.bit_offset, &mut bytes, 0, of.bit_size);
        let handle = BinaryHandle::with_bit_length(bytes, total);
        let raw = handle.as_raw();
        let reference = self.binary_reference(handle);
        let term = self.sub_bits(reference, 0, total);
        // SAFETY: the binary is new and the term keeps it alive; taken last, since `sub_bits` looks at the bytes.
        let room = unsafe { SharedBinary::bytes_mut(raw, total) };
        (term, room, of.bit_size)
    }
}

/// The bytes of a bitstring on the heap.
#[inline(always)]
fn heap_bits_data<'h>(bits: Term<'h>) -> &'h [u8] {
    debug_assert!(bits.header().is(Kind::HeapBits));
    // SAFETY: the size in bits follows the header, and behind it as many bytes as it takes.
    unsafe {
        let object = bits.word.pointer();
        let bytes = (*object.add(1) as usize).div_ceil(8);
        std::slice::from_raw_parts(object.add(2).cast(), bytes)
    }
}

/// The bytes of a bitstring on the heap, or of the shared binary that a reference stands for.
#[inline(always)]
fn referenced_data<'h>(origin: Term<'h>) -> &'h [u8] {
    if !origin.header().is(Kind::BinaryReference) {
        return heap_bits_data(origin);
    }
    // SAFETY: the second word after the header is the shared binary, of which the reference owns one count; in-place
    // appends happen only between terms' lives (`append_bits`).
    unsafe { SharedBinary::slice(*origin.word.pointer().add(2) as *const SharedBinary) }
}

impl std::fmt::Debug for Term<'_> {
    /// The word; text for people is made by `print.rs`, which knows the atoms.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Term({:#x})", self.word.0)
    }
}
