//! What is wrong with a file.

use std::borrow::Cow;
use std::fmt;

/// The four letters that name a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkName(pub [u8; 4]);

impl ChunkName {
    /// Stands for the container around the chunks.
    pub const FORM: ChunkName = ChunkName(*b"FOR1");
}

impl fmt::Display for ChunkName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for ChunkName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why a file cannot be loaded, and where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The chunk, or [`ChunkName::FORM`].
    pub chunk: ChunkName,
    /// Bytes from the start of the chunk's data (of the file, for the container).
    pub offset: usize,
    /// The words that OTP's own loader uses, such as `corrupt atom table`.
    pub message: Cow<'static, str>,
    /// What exactly is wrong; may be empty.
    pub detail: Cow<'static, str>,
    /// `module:function/arity` of the function that the instruction is in.
    pub function: Option<String>,
    /// Name of the instruction that is refused, when it is known.
    pub op: Option<&'static str>,
}

impl LoadError {
    pub(crate) fn new(
        chunk: ChunkName,
        offset: usize,
        message: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> LoadError {
        LoadError { chunk, offset, message: message.into(), detail: detail.into(), function: None, op: None }
    }
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(function) = &self.function {
            write!(formatter, "function {function}: ")?;
        }
        if let Some(op) = self.op {
            write!(formatter, "op {op}: ")?;
        }
        write!(formatter, "{}", self.message)?;
        if !self.detail.is_empty() {
            write!(formatter, ": {}", self.detail)?;
        }
        write!(formatter, " (chunk {}, offset {})", self.chunk, self.offset)
    }
}
