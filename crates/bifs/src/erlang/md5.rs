//! MD5 that can stop anywhere: its whole state fits a binary, as `md5_init/0` and `md5_update/2` need it.

/// Size of a saved state, as in OTP.
pub(crate) const STATE_BYTES: usize = 92;
const BLOCK: usize = 64;

/// A running MD5.
pub(crate) struct Md5 {
    state: [u32; 4],
    /// Bytes taken so far; those behind the last whole block are in `rest`.
    length: u64,
    rest: [u8; BLOCK],
}

/// Rotation of each step, by round.
const ROTATE: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
/// The sines' bits, see RFC 1321.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
];

impl Md5 {
    pub(crate) fn new() -> Md5 {
        Md5 { state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476], length: 0, rest: [0; BLOCK] }
    }
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        let held = (self.length % BLOCK as u64) as usize;
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if held > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - held));
            self.rest[held..held + now.len()].copy_from_slice(now);
            if held + now.len() < BLOCK {
                return;
            }
            let block = self.rest;
            self.block(&block);
            bytes = later;
        }
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| self.block(block));
        self.rest[..rest.len()].copy_from_slice(rest);
    }
    pub(crate) fn finish(mut self) -> [u8; 16] {
        let bits = self.length.wrapping_mul(8).to_le_bytes();
        let held = (self.length % BLOCK as u64) as usize;
        let padding = if held < 56 { 56 - held } else { 120 - held };
        let mut end = [0; BLOCK + 8];
        end[0] = 0x80;
        end[padding..padding + 8].copy_from_slice(&bits);
        self.update(&end[..padding + 8]);
        let mut digest = [0; 16];
        let words = digest.as_chunks_mut::<4>().0;
        words.iter_mut().zip(self.state).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        digest
    }
    fn block(&mut self, block: &[u8; BLOCK]) {
        let words = block.as_chunks::<4>().0;
        let [mut a, mut b, mut c, mut d] = self.state;
        for step in 0..64 {
            let (mixed, word) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), (7 * step) % 16),
            };
            let sum = a.wrapping_add(mixed).wrapping_add(SINES[step]).wrapping_add(u32::from_le_bytes(words[word]));
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(ROTATE[step / 16][step % 4]));
        }
        for (state, value) in self.state.iter_mut().zip([a, b, c, d]) {
            *state = state.wrapping_add(value);
        }
    }
    /// The state as bytes; [`Md5::load`] takes it back.
    pub(crate) fn save(&self) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        let words = bytes.as_chunks_mut::<4>().0;
        words.iter_mut().zip(self.state).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..24 + BLOCK].copy_from_slice(&self.rest);
        bytes
    }
    /// The state of these bytes, if there are as many as need be.
    pub(crate) fn load(bytes: &[u8]) -> Option<Md5> {
        let bytes: &[u8; STATE_BYTES] = bytes.try_into().ok()?;
        let mut md5 = Md5::new();
        let words = bytes.as_chunks::<4>().0;
        md5.state.iter_mut().zip(words).for_each(|(state, word)| *state = u32::from_le_bytes(*word));
        md5.length = u64::from_le_bytes(bytes[16..24].try_into().ok()?);
        md5.rest.copy_from_slice(&bytes[24..24 + BLOCK]);
        Some(md5)
    }
}
