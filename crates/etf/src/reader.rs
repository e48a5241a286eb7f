//! Reading numbers and runs of bytes off untrusted input.

/// Why bytes are not an external term. Everything is `badarg`, except a full atom table (`system_limit`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The input ends inside a term.
    Truncated,
    /// The first byte is not 131.
    Version,
    /// A tag that is unknown, or not allowed here.
    Tag(u8),
    /// An atom's name is not UTF-8 or longer than 255 characters.
    Atom,
    /// An atom or export that does not exist, in a `safe` decode.
    NotExisting,
    /// The atom table is full.
    AtomTableFull,
    /// An integer that is too large, here or at all.
    Integer,
    /// A float that is not finite, or not a float's text.
    Float,
    /// A bitstring whose last byte has no bits or more than eight.
    Bits,
    /// A pid, port or reference that cannot be.
    Identifier,
    /// A fun that cannot be.
    Fun,
    /// A map has a key twice.
    DuplicateKey,
    /// A `local` term that this machine did not seal.
    Seal,
    /// The compressed part does not inflate to the stated size.
    Compressed,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            DecodeError::Truncated => "the external term is cut off",
            DecodeError::Version => "an external term starts with 131",
            DecodeError::Tag(tag) => return write!(formatter, "unexpected tag {tag} in an external term"),
            DecodeError::Atom => "bad atom in an external term",
            DecodeError::NotExisting => "an atom or function of the external term does not exist",
            DecodeError::AtomTableFull => "the atom table is full",
            DecodeError::Integer => "bad integer in an external term",
            DecodeError::Float => "bad float in an external term",
            DecodeError::Bits => "bad bitstring in an external term",
            DecodeError::Identifier => "bad pid, port or reference in an external term",
            DecodeError::Fun => "bad fun in an external term",
            DecodeError::DuplicateKey => "a map in an external term has a key twice",
            DecodeError::Seal => "the local external term is not from this machine",
            DecodeError::Compressed => "bad compressed data in an external term",
        };
        formatter.write_str(text)
    }
}

impl std::error::Error for DecodeError {}

/// A place in some bytes.
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8], position: usize) -> Reader<'b> {
        Reader { bytes, position }
    }
    pub fn position(&self) -> usize {
        self.position
    }
    /// The bytes from `start` up to here.
    pub fn since(&self, start: usize) -> &'b [u8] {
        self.bytes.get(start..self.position).unwrap_or(&[])
    }
    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'b [u8], DecodeError> {
        let end = self.position.checked_add(count).ok_or(DecodeError::Truncated)?;
        let taken = self.bytes.get(self.position..end).ok_or(DecodeError::Truncated)?;
        self.position = end;
        Ok(taken)
    }
    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Truncated)
    }
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }
    /// A count of terms that follow, each of which takes a byte at least.
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        let count = self.u32()? as usize;
        if count <= self.left() { Ok(count) } else { Err(DecodeError::Truncated) }
    }
}
