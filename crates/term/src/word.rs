//! The 64-bit word: tag bits, immediates, headers. Every other file goes through these.
//!
//! The low three bits of a word say what it is:
//!
//! | bits | meaning |
//! |------|---------|
//! | 000  | small integer, 61 bits |
//! | 001  | pointer to a cons cell |
//! | 010  | pointer to a boxed object (its first word is a header) |
//! | 011  | immediate: bits 3..6 tell which ([`ImmediateKind`]) |
//! | 100  | header, only as the first word of a boxed object |
//! | 101, 110 | free (kept for immediate floats) |
//! | 111  | return address on a process's stack |

/// Low bits of a word that hold its tag.
pub const TAG_MASK: u64 = 0b111;
/// Tag of a small integer.
pub const TAG_SMALL: u64 = 0b000;
/// Tag of a pointer to a cons cell.
pub const TAG_CONS: u64 = 0b001;
/// Tag of a pointer to a boxed object.
pub const TAG_BOXED: u64 = 0b010;
/// Tag of an immediate other than a small integer.
pub const TAG_IMMEDIATE: u64 = 0b011;
/// Tag of a header word.
pub const TAG_HEADER: u64 = 0b100;
/// Tag of a return address.
pub const TAG_RETURN: u64 = 0b111;

/// What memory is filled with when it is given back, with `--cfg gc_stress`: has a tag that no word of a heap has.
pub(crate) const POISON: u64 = 0xdead_beef_dead_bee5;

/// Number of bits in the payload of a small integer.
pub const SMALL_BITS: u32 = 61;
/// The largest small integer.
pub const SMALL_MAX: i64 = (1 << (SMALL_BITS - 1)) - 1;
/// The smallest small integer.
pub const SMALL_MIN: i64 = -(1 << (SMALL_BITS - 1));

const IMMEDIATE_SHIFT: u32 = 6;

/// What an immediate word is (bits 3..6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum ImmediateKind {
    /// An atom; the payload is its index.
    Atom = 0,
    /// A pid of this node; the payload is its number and serial.
    Pid = 1,
    /// A port of this node.
    Port = 2,
    /// The empty list.
    Nil = 3,
    /// A catch tag in a Y register; the payload is a code address.
    Catch = 4,
    /// No value: never visible to Erlang code.
    None = 5,
}

/// A raw word: what registers, stacks, heaps and mailboxes hold.
///
/// It says nothing about how long what it points to lives; [`crate::Term`] does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(transparent)]
pub struct Word(pub u64);

const _: () = assert!(size_of::<Word>() == 8);

impl Word {
    /// The empty list.
    pub const NIL: Word = Word::immediate(ImmediateKind::Nil, 0);
    /// No value: marks unused registers and moved cons cells.
    pub const NONE: Word = Word::immediate(ImmediateKind::None, 0);

    /// An immediate of `kind` with `payload` (58 bits).
    pub const fn immediate(kind: ImmediateKind, payload: u64) -> Word {
        Word((payload << IMMEDIATE_SHIFT) | ((kind as u64) << 3) | TAG_IMMEDIATE)
    }
    /// A small integer; `value` must lie within [`SMALL_MIN`]`..=`[`SMALL_MAX`].
    #[inline(always)]
    pub const fn small(value: i64) -> Word {
        Word((value as u64) << 3)
    }
    /// A small integer, or `None` when `value` does not fit.
    #[inline(always)]
    pub const fn try_small(value: i64) -> Option<Word> {
        let shifted = value << 3;
        if shifted >> 3 == value { Some(Word(shifted as u64)) } else { None }
    }
    /// An atom by its index.
    #[inline(always)]
    pub const fn atom(atom: crate::Atom) -> Word {
        Word::immediate(ImmediateKind::Atom, atom.0 as u64)
    }
    /// The tag bits.
    #[inline(always)]
    pub const fn tag(self) -> u64 {
        self.0 & TAG_MASK
    }
    /// Is this a small integer?
    #[inline(always)]
    pub const fn is_small(self) -> bool {
        self.0 & TAG_MASK == TAG_SMALL
    }
    /// Value of a small integer.
    #[inline(always)]
    pub const fn small_value(self) -> i64 {
        (self.0 as i64) >> 3
    }
    /// Is this a pointer to a cons cell?
    #[inline(always)]
    pub const fn is_cons(self) -> bool {
        self.0 & TAG_MASK == TAG_CONS
    }
    /// Is this a pointer to a boxed object?
    #[inline(always)]
    pub const fn is_boxed(self) -> bool {
        self.0 & TAG_MASK == TAG_BOXED
    }
    /// Is this a pointer of either kind?
    #[inline(always)]
    pub const fn is_pointer(self) -> bool {
        matches!(self.0 & TAG_MASK, TAG_CONS | TAG_BOXED)
    }
    /// Is this a header?
    #[inline(always)]
    pub const fn is_header(self) -> bool {
        self.0 & TAG_MASK == TAG_HEADER
    }
    /// Is this an immediate of `kind`?
    #[inline(always)]
    pub const fn is_immediate_of(self, kind: ImmediateKind) -> bool {
        self.0 & 0b11_1111 == ((kind as u64) << 3) | TAG_IMMEDIATE
    }
    /// Is this an atom?
    #[inline(always)]
    pub const fn is_atom(self) -> bool {
        self.is_immediate_of(ImmediateKind::Atom)
    }
    /// Payload of an immediate.
    #[inline(always)]
    pub const fn payload(self) -> u64 {
        self.0 >> IMMEDIATE_SHIFT
    }
    /// The address in a pointer word.
    #[inline(always)]
    pub const fn pointer(self) -> *mut u64 {
        (self.0 & !TAG_MASK) as *mut u64
    }
    /// A pointer to a cons cell.
    #[inline(always)]
    pub fn from_cons(pointer: *const u64) -> Word {
        Word(pointer as u64 | TAG_CONS)
    }
    /// A pointer to a boxed object.
    #[inline(always)]
    pub fn from_boxed(pointer: *const u64) -> Word {
        Word(pointer as u64 | TAG_BOXED)
    }
    /// A return address: `code` is any address below 2^61.
    #[inline(always)]
    pub const fn return_address(code: u64) -> Word {
        Word((code << 3) | TAG_RETURN)
    }
    /// Is this a return address?
    #[inline(always)]
    pub const fn is_return_address(self) -> bool {
        self.0 & TAG_MASK == TAG_RETURN
    }
    /// The code address in a return address.
    #[inline(always)]
    pub const fn code_address(self) -> u64 {
        self.0 >> 3
    }
    /// A catch tag for the handler at `code`.
    pub const fn catch(code: u64) -> Word {
        Word::immediate(ImmediateKind::Catch, code)
    }
}

/// What a boxed object is (bits 3..8 of its header).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// `arity` terms.
    Tuple = 0,
    /// Limbs, least significant first.
    BigPositive = 1,
    /// Limbs of the magnitude, least significant first.
    BigNegative = 2,
    /// One word: the bits of an `f64`.
    Float = 3,
    /// Two raw words of number, and for an alias the raw pid as a third.
    Reference = 4,
    /// `[next off-heap][object pointer][number][number]`.
    MagicReference = 5,
    /// `[node atom][creation][id | serial << 32]`.
    ExternalPid = 6,
    /// `[node atom][creation][id]`.
    ExternalPort = 7,
    /// `[node atom][creation | count << 32][ids, two to a word ...]`.
    ExternalReference = 8,
    /// `[keys tuple][values ...]`.
    FlatMap = 9,
    /// `[size as a small][root node]`.
    HashMap = 10,
    /// `[bitmap as a small][children ...]`.
    HashNode = 11,
    /// `[fun entry pointer][environment ...]`.
    Fun = 12,
    /// `[export pointer]`.
    ExternalFun = 13,
    /// `[size in bits][data ...]`.
    HeapBits = 14,
    /// `[next off-heap][shared binary pointer]`: not itself a term, a [`Kind::SubBits`] points to it.
    BinaryReference = 15,
    /// `[binary reference][start bit][size in bits]`.
    SubBits = 16,
    /// `[heap bits or binary reference][start bit][end bit][position bit]`.
    MatchContext = 17,
}

/// The first word of a boxed object: kind, and the number of words that follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Header(pub u64);

impl Header {
    /// A header for an object of `kind` with `arity` words after the header.
    #[inline(always)]
    pub const fn new(kind: Kind, arity: usize) -> Header {
        Header(((arity as u64) << 8) | ((kind as u64) << 3) | TAG_HEADER)
    }
    /// The number of words after the header.
    #[inline(always)]
    pub const fn arity(self) -> usize {
        (self.0 >> 8) as usize
    }
    /// What the object is.
    #[inline(always)]
    pub fn kind(self) -> Kind {
        let number = ((self.0 >> 3) & 31) as u8;
        debug_assert!(self.0 & TAG_MASK == TAG_HEADER && number <= Kind::MatchContext as u8);
        // SAFETY: headers are only made by `Header::new`, from a `Kind`.
        unsafe { core::mem::transmute::<u8, Kind>(number) }
    }
    /// Is the object of `kind`?
    #[inline(always)]
    pub const fn is(self, kind: Kind) -> bool {
        self.0 & 0xff == ((kind as u64) << 3) | TAG_HEADER
    }
    /// Does the object own something off the heap, so that it is chained through its second word?
    #[inline(always)]
    pub(crate) const fn owns_off_heap(self) -> bool {
        self.is(Kind::BinaryReference) || self.is(Kind::MagicReference)
    }
    /// Which of the words after the header are terms: `(first, end)`, 1-based from the header.
    #[inline(always)]
    pub fn term_words(self) -> (usize, usize) {
        match self.kind() {
            Kind::Tuple | Kind::FlatMap | Kind::HashMap | Kind::HashNode => (1, 1 + self.arity()),
            Kind::Fun => (2, 1 + self.arity()),
            Kind::SubBits | Kind::MatchContext => (1, 2),
            Kind::BigPositive
            | Kind::BigNegative
            | Kind::Float
            | Kind::Reference
            | Kind::MagicReference
            | Kind::ExternalPid
            | Kind::ExternalPort
            | Kind::ExternalReference
            | Kind::ExternalFun
            | Kind::HeapBits
            | Kind::BinaryReference => (1, 1),
        }
    }
}
