//! Bytes, big-endian words and the compact numbers of the Code, Line and AtU8 chunks.
//!
//! A compact number starts with a byte whose low three bits are a tag. Bit 3 clear: the value is the high four
//! bits. Bit 3 set, bit 4 clear: eleven bits, three of them in this byte. Both set: the high three bits give
//! the number of bytes that follow less two; when they are all set, a compact number follows that gives it
//! less nine.

/// What went wrong; the caller adds the chunk and the offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault(pub &'static str);

pub(crate) const TRUNCATED: Fault = Fault("it ends too early");

/// The tags of compact numbers.
pub(crate) mod tag {
    pub const UNSIGNED: u8 = 0;
    pub const INTEGER: u8 = 1;
    pub const ATOM: u8 = 2;
    pub const X: u8 = 3;
    pub const Y: u8 = 4;
    pub const LABEL: u8 = 5;
    pub const EXTENDED: u8 = 7;
}

/// A compact number without its tag.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// One that needed no bytes of its own: never negative.
    Small(u64),
    /// Big-endian bytes at this place of the chunk; two's complement when the tag is that of an integer.
    Bytes { start: usize, length: usize },
}

#[derive(Clone)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data, position: 0 }
    }

    pub fn at(data: &'a [u8], position: usize) -> Reader<'a> {
        Reader { data, position: position.min(data.len()) }
    }

    pub fn position(&self) -> usize {
        self.position
    }

    pub fn remaining(&self) -> usize {
        self.data.len() - self.position
    }

    /// The next byte, which stays where it is.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.data.get(self.position).copied()
    }

    /// Passes over a byte that [`Reader::peek`] has shown.
    #[inline]
    pub fn skip_byte(&mut self) {
        self.position += 1;
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self.data.get(self.position).ok_or(TRUNCATED)?;
        self.position += 1;
        Ok(byte)
    }

    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let rest = self.data.get(self.position..).ok_or(TRUNCATED)?;
        let bytes = rest.get(..length).ok_or(TRUNCATED)?;
        self.position += length;
        Ok(bytes)
    }

    pub fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Fault> {
        let mut array = [0; LENGTH];
        array.copy_from_slice(self.bytes(LENGTH)?);
        Ok(array)
    }

    pub fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, Fault> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, Fault> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// A count of items that take at least `item_size` bytes each, so that no count can be a lie that costs memory.
    pub fn count(&mut self, item_size: usize) -> Result<usize, Fault> {
        let count = self.i32()?;
        self.check_count(count, item_size)
    }

    pub fn check_count(&self, count: i32, item_size: usize) -> Result<usize, Fault> {
        match usize::try_from(count) {
            Ok(count) if count <= self.remaining() / item_size => Ok(count),
            Ok(_) => Err(Fault("there are fewer items than it says")),
            Err(_) => Err(Fault("a count is negative")),
        }
    }

    /// The tag and value of a compact number.
    #[inline]
    pub fn tagged(&mut self) -> Result<(u8, Value), Fault> {
        let first = self.byte()?;
        let tag = first & 7;
        if first & 0x08 == 0 {
            Ok((tag, Value::Small(u64::from(first >> 4))))
        } else if first & 0x10 == 0 {
            let low = u64::from(self.byte()?);
            Ok((tag, Value::Small(u64::from(first >> 5) << 8 | low)))
        } else {
            Ok((tag, self.long_value(first >> 5)?))
        }
    }

    #[cold]
    fn long_value(&mut self, length_code: u8) -> Result<Value, Fault> {
        let length = if length_code < 7 {
            usize::from(length_code) + 2
        } else {
            // The format would allow a length whose own length is a compact number, and so on for ever; one
            // that takes nine bytes or more is absurd.
            let first = self.byte()?;
            if first & 7 != tag::UNSIGNED {
                return Err(Fault("a length has the wrong tag"));
            }
            let length = if first & 0x08 == 0 {
                u64::from(first >> 4)
            } else if first & 0x10 == 0 {
                u64::from(first >> 5) << 8 | u64::from(self.byte()?)
            } else if first >> 5 < 7 {
                unsigned_from_bytes(self.bytes(usize::from(first >> 5) + 2)?).ok_or(TRUNCATED)?
            } else {
                return Err(Fault("a length is absurd"));
            };
            usize::try_from(length).ok().and_then(|length| length.checked_add(9)).ok_or(TRUNCATED)?
        };
        let start = self.position;
        self.bytes(length)?;
        Ok(Value::Bytes { start, length })
    }

    /// The bytes of a value that came from this reader.
    pub fn value_bytes(&self, start: usize, length: usize) -> &'a [u8] {
        self.data.get(start..start + length).unwrap_or(&[])
    }

    /// A value that is not that of an integer: `None` unless it is below 2^63.
    #[inline]
    pub fn unsigned_value(&self, value: Value) -> Option<u64> {
        match value {
            Value::Small(value) => Some(value),
            Value::Bytes { start, length } => {
                let value = unsigned_from_bytes(self.value_bytes(start, length))?;
                (value <= i64::MAX as u64).then_some(value)
            }
        }
    }

    /// The value of an integer when 64 bits hold it.
    #[inline]
    pub fn signed_value(&self, value: Value) -> Option<i64> {
        match value {
            Value::Small(value) => i64::try_from(value).ok(),
            Value::Bytes { start, length } => signed_from_bytes(self.value_bytes(start, length)),
        }
    }

    /// A compact number that must have the tag of an unsigned one and fit in 32 bits.
    #[inline]
    pub fn unsigned_u32(&mut self) -> Result<u32, Fault> {
        let (tag, value) = self.tagged()?;
        if tag != tag::UNSIGNED {
            return Err(Fault("a number has the wrong tag"));
        }
        self.unsigned_value(value).and_then(|value| u32::try_from(value).ok()).ok_or(Fault("a number is too big"))
    }
}

fn unsigned_from_bytes(bytes: &[u8]) -> Option<u64> {
    let significant = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    let bytes = &bytes[significant..];
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

fn signed_from_bytes(bytes: &[u8]) -> Option<i64> {
    let sign: u8 = if bytes.first().is_some_and(|&first| first >= 0x80) { 0xff } else { 0 };
    let significant = bytes.iter().position(|&byte| byte != sign).unwrap_or(bytes.len());
    let bytes = &bytes[significant..];
    let sign_kept = bytes.first().is_none_or(|&first| (first ^ sign) < 0x80);
    if bytes.len() > 8 || (bytes.len() == 8 && !sign_kept) {
        return None;
    }
    let start = if sign == 0 { 0 } else { -1 };
    Some(bytes.iter().fold(start, |value, &byte| value << 8 | i64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(bytes: &[u8]) -> Option<i64> {
        let mut reader = Reader::new(bytes);
        let (tag, value) = reader.tagged().unwrap();
        assert_eq!((tag, reader.remaining()), (tag::INTEGER, 0));
        reader.signed_value(value)
    }

    // Encodings taken from `beam_asm:encode(1, N)` of OTP 27.
    #[test]
    fn integers_as_the_compiler_writes_them() {
        assert_eq!(integer(&[0xf1]), Some(15));
        assert_eq!(integer(&[0x09, 0x10]), Some(16));
        assert_eq!(integer(&[0xe9, 0xff]), Some(2047));
        assert_eq!(integer(&[0x19, 0x08, 0x00]), Some(2048));
        assert_eq!(integer(&[0x19, 0xff, 0xff]), Some(-1));
        assert_eq!(integer(&[0x19, 0x80, 0x00]), Some(-32768));
        assert_eq!(integer(&[0x39, 0x00, 0x80, 0x00]), Some(32768));
        assert_eq!(integer(&[0xd9, 0x7f, 255, 255, 255, 255, 255, 255, 255]), Some(i64::MAX));
        assert_eq!(integer(&[0xd9, 0x80, 0, 0, 0, 0, 0, 0, 0]), Some(i64::MIN));
        assert_eq!(integer(&[0xf9, 0x00, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn signed_bytes_of_any_width() {
        assert_eq!(signed_from_bytes(&[0xff; 12]), Some(-1));
        assert_eq!(signed_from_bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 5]), Some(5));
        assert_eq!(signed_from_bytes(&[0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn lengths_that_lie() {
        for bytes in [&[0xf9, 0xf8, 0xf8][..], &[0xf9, 0xd8, 255, 255, 255, 255, 255, 255, 255, 255], &[0xd9, 1]] {
            assert!(Reader::new(bytes).tagged().is_err());
        }
    }
}
