//! Moving runs of bits between byte strings at any offset; bit 0 is the most significant bit of byte 0.

/// Copies `count` bits from `source` at `source_bit` to `target` at `target_bit`, leaving other bits of `target` alone.
///
/// # Panics
/// When either run does not lie within its slice.
pub fn copy_bits(source: &[u8], source_bit: usize, target: &mut [u8], target_bit: usize, count: usize) {
    if count == 0 {
        return;
    }
    assert!(source_bit + count <= source.len() * 8 && target_bit + count <= target.len() * 8);
    if source_bit % 8 == 0 && target_bit % 8 == 0 {
        let (from, to, whole) = (source_bit / 8, target_bit / 8, count / 8);
        target[to..to + whole].copy_from_slice(&source[from..from + whole]);
        let rest = count % 8;
        if rest != 0 {
            let mask = 0xffu8 << (8 - rest);
            target[to + whole] = (target[to + whole] & !mask) | (source[from + whole] & mask);
        }
        return;
    }
    let mut done = 0;
    while done < count {
        let to_bit = target_bit + done;
        if to_bit % 8 == 0 && count - done >= 64 {
            let value = read_bits64(source, source_bit + done, 64);
            target[to_bit / 8..to_bit / 8 + 8].copy_from_slice(&value.to_be_bytes());
            done += 64;
            continue;
        }
        let room = 8 - to_bit % 8;
        let take = room.min(count - done);
        let byte = read_bits8(source, source_bit + done, take);
        let shift = room - take;
        let mask = ((0xffu16 << (8 - take)) as u8 >> (8 - room)) & (0xffu16 << shift) as u8;
        target[to_bit / 8] = (target[to_bit / 8] & !mask) | ((byte << shift) & mask);
        done += take;
    }
}

/// Writes the low `count` (at most 56) bits of `value` at `bit`, where `target` has only bits that are 0.
#[inline]
pub fn write_bits(target: &mut [u8], bit: usize, value: u64, count: usize) {
    debug_assert!(count <= 56);
    if count == 0 {
        return;
    }
    let (index, offset) = (bit / 8, bit % 8);
    if count == 8 && offset == 0 {
        target[index] = value as u8;
        return;
    }
    let bytes = (value << (64 - count) >> offset).to_be_bytes();
    let needed = (offset + count).div_ceil(8);
    for (place, byte) in target[index..index + needed].iter_mut().zip(bytes) {
        *place |= byte;
    }
}

/// Negates a number of two's complement, its least significant byte first.
pub fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        (*byte, carry) = (!*byte).overflowing_add(carry.into());
    }
}

/// Reads `count` (1..=8) bits at `bit` as the low bits of a byte.
#[inline]
pub fn read_bits8(source: &[u8], bit: usize, count: usize) -> u8 {
    let (index, offset) = (bit / 8, bit % 8);
    let first = u16::from(source[index]) << 8;
    let second = if offset + count > 8 { u16::from(source[index + 1]) } else { 0 };
    let window = (first | second) << offset;
    (window >> (16 - count)) as u8
}

/// Reads `count` (0..=64) bits at `bit` as an unsigned number, most significant bit first.
#[inline]
pub fn read_bits64(source: &[u8], bit: usize, count: usize) -> u64 {
    debug_assert!(count <= 64);
    let (index, offset) = (bit / 8, bit % 8);
    if count == 0 {
        return 0;
    }
    if index + 9 <= source.len() {
        let mut high = [0u8; 8];
        high.copy_from_slice(&source[index..index + 8]);
        let mut value = u64::from_be_bytes(high);
        if offset != 0 {
            value = (value << offset) | (u64::from(source[index + 8]) >> (8 - offset));
        }
        return value >> (64 - count);
    }
    if let Some(start) = source.len().checked_sub(8) {
        // Close to the end: the last eight bytes hold the bits, since they begin in one of them.
        let mut last = [0u8; 8];
        last.copy_from_slice(&source[start..]);
        return u64::from_be_bytes(last) << (bit - start * 8) >> (64 - count);
    }
    read_bits64_short(source, bit, count)
}

/// As [`read_bits64`], in less than eight bytes.
#[inline(never)]
fn read_bits64_short(source: &[u8], bit: usize, count: usize) -> u64 {
    let (index, offset) = (bit / 8, bit % 8);
    let needed = (offset + count).div_ceil(8);
    let window = source[index..index + needed].iter().fold(0u64, |window, byte| window << 8 | u64::from(*byte));
    window >> (needed * 8 - offset - count) << (64 - count) >> (64 - count)
}

/// Compares two bit runs as Erlang does: bit by bit, a prefix is smaller.
pub fn compare_bits(
    a: &[u8],
    a_bit: usize,
    a_size: usize,
    b: &[u8],
    b_bit: usize,
    b_size: usize,
) -> std::cmp::Ordering {
    let common = a_size.min(b_size);
    if a_bit % 8 == 0 && b_bit % 8 == 0 {
        let whole = common / 8;
        let order = a[a_bit / 8..a_bit / 8 + whole].cmp(&b[b_bit / 8..b_bit / 8 + whole]);
        if order.is_ne() {
            return order;
        }
    }
    let mut done = if a_bit % 8 == 0 && b_bit % 8 == 0 { common / 8 * 8 } else { 0 };
    while done < common {
        let take = (common - done).min(56);
        let order = read_bits64(a, a_bit + done, take).cmp(&read_bits64(b, b_bit + done, take));
        if order.is_ne() {
            return order;
        }
        done += take;
    }
    a_size.cmp(&b_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bit at a time: slow and obviously right.
    fn copy_slowly(source: &[u8], from: usize, target: &mut [u8], to: usize, count: usize) {
        for i in 0..count {
            let bit = source[(from + i) / 8] >> (7 - (from + i) % 8) & 1;
            let (index, shift) = ((to + i) / 8, 7 - (to + i) % 8);
            target[index] = target[index] & !(1 << shift) | bit << shift;
        }
    }

    #[test]
    fn copies_at_every_alignment() {
        let source: Vec<u8> = (0..9u8).map(|i| i.wrapping_mul(151) ^ 0x5a).collect();
        let step = if cfg!(miri) { 7 } else { 1 };
        for from in (0..16).step_by(step) {
            for to in (0..16).step_by(step) {
                for count in 0..40 {
                    let (mut a, mut b) = (vec![0xa5u8; 9], vec![0xa5u8; 9]);
                    copy_bits(&source, from, &mut a, to, count);
                    copy_slowly(&source, from, &mut b, to, count);
                    assert_eq!(a, b, "from {from} to {to} count {count}");
                }
            }
        }
    }

    #[test]
    fn copies_long_runs_and_writes_numbers() {
        let source: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(91) ^ 0xc3).collect();
        for (from, to, count) in [(3, 0, 200), (0, 5, 190), (7, 6, 255), (1, 1, 64), (5, 8, 129)] {
            let (mut a, mut b) = (vec![0xa5u8; 40], vec![0xa5u8; 40]);
            copy_bits(&source, from, &mut a, to, count);
            copy_slowly(&source, from, &mut b, to, count);
            assert_eq!(a, b, "from {from} to {to} count {count}");
        }
        for bit in 0..16 {
            for count in 0..=56 {
                let mut target = [0u8; 10];
                write_bits(&mut target, bit, 0xf0e1_d2c3_b4a5_9687, count);
                let mask = (1u64 << count) - 1;
                assert_eq!(read_bits64(&target, bit, count), 0xf0e1_d2c3_b4a5_9687 & mask, "bit {bit} count {count}");
                assert_eq!(
                    target.iter().map(|byte| byte.count_ones()).sum::<u32>(),
                    (0xf0e1_d2c3_b4a5_9687 & mask).count_ones()
                );
            }
        }
    }

    #[test]
    fn reads_at_every_alignment() {
        let source: Vec<u8> = (0..20u8).map(|i| i.wrapping_mul(77) ^ 0x3c).collect();
        for bit in (0..90).step_by(if cfg!(miri) { 29 } else { 1 }) {
            for count in 0..=64 {
                let mut slow = 0u64;
                for i in 0..count {
                    slow = slow << 1 | u64::from(source[(bit + i) / 8] >> (7 - (bit + i) % 8) & 1);
                }
                assert_eq!(read_bits64(&source, bit, count), slow, "bit {bit} count {count}");
                let end = (bit + count).div_ceil(8);
                assert_eq!(read_bits64(&source[..end], bit, count), slow, "bit {bit} count {count} at the end");
                if bit >= 64 && end <= 15 {
                    let part = &source[8..end];
                    assert_eq!(read_bits64(part, bit - 64, count), slow, "bit {bit} count {count} in a few bytes");
                }
            }
        }
    }
}
