//! zlib for `term_to_binary(_, [compressed])`: the same bytes as OTP's own zlib makes, at every level.

use crate::DecodeError;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
// Linked for its `static` feature (see Cargo.toml).
use libz_sys as _;

/// First size of the buffer that inflated bytes go to; it doubles as they really come.
const INFLATE_START: usize = 4096;

/// `input` deflated at `level`, if that takes at most `limit` bytes.
pub(crate) fn deflate(input: &[u8], level: u32, limit: usize) -> Option<Vec<u8>> {
    let mut compress = Compress::new(Compression::new(level), true);
    let mut output = vec![0; limit];
    loop {
        let (taken, made) = (compress.total_in() as usize, compress.total_out() as usize);
        let status = compress.compress(&input[taken..], &mut output[made..], FlushCompress::Finish).ok()?;
        let done = compress.total_out() as usize;
        if status == Status::StreamEnd {
            output.truncate(done);
            return Some(output);
        }
        let stuck = done == made && compress.total_in() as usize == taken;
        if done == limit || stuck {
            return None;
        }
    }
}

/// What `input` inflates to, which must be `size` bytes, and how many bytes of `input` that took.
pub(crate) fn inflate(input: &[u8], size: usize) -> Result<(Vec<u8>, usize), DecodeError> {
    let mut decompress = Decompress::new(true);
    let mut output = Vec::new();
    while output.len() <= size {
        output.reserve(output.len().max(INFLATE_START).min(size + 1 - output.len()));
        let (taken, made) = (decompress.total_in() as usize, output.len());
        let status = decompress
            .decompress_vec(&input[taken..], &mut output, FlushDecompress::None)
            .map_err(|_| DecodeError::Compressed)?;
        let taken_now = decompress.total_in() as usize;
        if status == Status::StreamEnd && output.len() == size {
            return Ok((output, taken_now));
        }
        if status == Status::StreamEnd || output.len() == made && taken_now == taken {
            break;
        }
    }
    Err(DecodeError::Compressed)
}
