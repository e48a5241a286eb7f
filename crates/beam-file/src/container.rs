//! The form around the chunks, and compression of whole files.

use std::io::Read;
use std::ops::Range;

use crate::error::{ChunkName, LoadError};
use crate::reader::{Fault, Reader, TRUNCATED};

/// No file, and no literal table, may inflate to more than this; the biggest real one has a few megabytes.
pub(crate) const INFLATED_SIZE_MAX: usize = 256 << 20;

const CORRUPT: &str = "corrupt file header";

/// Where each chunk's data lies in the file, in the order of the file.
#[derive(Default)]
pub(crate) struct Chunks {
    entries: Vec<(ChunkName, Range<usize>)>,
}

impl Chunks {
    /// The chunk's place. The last one of a name counts, and an empty one is as good as none.
    pub fn find(&self, name: ChunkName) -> Option<Range<usize>> {
        let (_, range) = self.entries.iter().rev().find(|(other, _)| *other == name)?;
        (!range.is_empty()).then(|| range.clone())
    }

    pub fn names(&self) -> impl Iterator<Item = ChunkName> + '_ {
        self.entries.iter().map(|(name, _)| *name)
    }
}

/// The file's bytes, inflated when they are a gzip stream.
pub(crate) fn file_bytes(data: &[u8]) -> Result<Vec<u8>, LoadError> {
    if !data.starts_with(&[0x1f, 0x8b]) {
        return Ok(data.to_vec());
    }
    let mut inflated = Vec::new();
    let limit = INFLATED_SIZE_MAX as u64 + 1;
    match flate2::read::GzDecoder::new(data).take(limit).read_to_end(&mut inflated) {
        Ok(length) if length <= INFLATED_SIZE_MAX => Ok(inflated),
        Ok(_) => Err(LoadError::new(ChunkName::FORM, 0, CORRUPT, "it inflates to too many bytes")),
        Err(_) => Err(LoadError::new(ChunkName::FORM, 0, CORRUPT, "its compression is corrupt")),
    }
}

/// Finds the chunks of a file. Bytes after the form do no harm.
pub(crate) fn chunks(data: &[u8]) -> Result<Chunks, LoadError> {
    let mut reader = Reader::new(data);
    form(&mut reader).map_err(|Fault(detail)| LoadError::new(ChunkName::FORM, reader.position(), CORRUPT, detail))
}

fn form(reader: &mut Reader<'_>) -> Result<Chunks, Fault> {
    if reader.array()? != *b"FOR1" {
        return Err(Fault("it is not an IFF form"));
    }
    let size = reader.u32()? as usize;
    if size > reader.remaining() {
        return Err(TRUNCATED);
    }
    let end = reader.position() + size;
    if reader.array()? != *b"BEAM" {
        return Err(Fault("its type is not BEAM"));
    }
    let mut entries = Vec::new();
    while reader.position() < end {
        let name = ChunkName(reader.array()?);
        let size = reader.u32()? as usize;
        let start = reader.position();
        // The data is followed by up to three bytes, so that the next chunk is aligned.
        reader.bytes(size.checked_next_multiple_of(4).ok_or(TRUNCATED)?)?;
        if reader.position() > end {
            return Err(TRUNCATED);
        }
        entries.push((name, start..start + size));
    }
    Ok(Chunks { entries })
}

/// Where a chunk's data lies in a file that is not compressed; `None` when there is no such chunk or an empty one.
pub fn chunk(data: &[u8], name: [u8; 4]) -> Option<Range<usize>> {
    chunks(data).ok()?.find(ChunkName(name))
}
