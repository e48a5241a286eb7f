//! The `.beam` container: chunks, compact terms and the generic instruction table of OTP 27.
//!
//! [`BeamFile::parse`] turns the bytes of a file into plain structures. It knows nothing of terms, atom tables
//! or processes: literals stay bytes of the external term format, atoms stay strings. Nothing in a file makes
//! it panic or allocate out of proportion; what the real loader refuses, it refuses with the same words.
//!
//! Start with [`BeamFile`], then `code.rs` for instructions and operands, then the table in `opcodes.rs`.
#![forbid(unsafe_code)]

mod beam_file;
mod code;
mod container;
mod disassemble;
mod error;
mod opcodes;
mod reader;
mod tables;
mod verify;

pub use beam_file::BeamFile;
pub use code::{BigInteger, Code, Function, FunctionOutline, Instruction, Operand, OperandList, Outline, TypeIndex};
pub use container::chunk;
pub use disassemble::disassemble;
pub use error::{ChunkName, LoadError};
pub use opcodes::Op;
pub use tables::{AtomIndex, Export, Import, Lambda, LineEntry, Lines, Literals, TypeEntry, Types};
pub use verify::{Surroundings, verify};
