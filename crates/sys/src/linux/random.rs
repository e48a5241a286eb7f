//! Randomness from the operating system.

use rustix::rand::{GetRandomFlags, getrandom};

use super::file::retry;
use crate::{Errno, Result};

/// Fills `buffer` with bytes nobody can predict.
pub fn fill(mut buffer: &mut [u8]) -> Result<()> {
    while !buffer.is_empty() {
        let count = retry(|| getrandom(&mut *buffer, GetRandomFlags::empty()))?;
        buffer = buffer.get_mut(count..).ok_or(Errno::EIO)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_of_it() {
        let mut bytes = vec![0; 100_000];
        super::fill(&mut bytes).unwrap();
        assert!(bytes.chunks(64).all(|chunk| chunk.iter().any(|&byte| byte != 0)));
    }
}
