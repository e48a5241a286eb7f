//! Text of floats: `float_to_list/1,2`, `float_to_binary/1,2`, `list_to_float/1`, `binary_to_float/1`.

/// Texts that would reach this length are refused (`badarg`): the real system formats into a buffer of this size.
const BUFFER: usize = 256;
/// From this many decimals on, the digits are those of the exact value; below, see [`few_decimals`].
const FAST_DECIMALS: u32 = 19;
/// Above this the exact digits are used whatever the number of decimals: 2^53.
const FAST_MAX: f64 = 9_007_199_254_740_992.0;

/// The shortest text that reads back as the same float: `[short]` of `float_to_binary/2`, `io_lib`'s `~p`.
///
/// Plain or scientific notation, whichever is shorter (plain when equal), and always scientific from 2^53 on,
/// where plain digits would claim a precision that the float does not have.
pub fn float_to_short(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string(); // Not an Erlang float; must still not panic.
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (digits, last) = shortest_digits(value.abs());
    let count = digits.len() as i32;
    let exponent = last + count - 1;
    if is_plain(count, last, exponent) && value.abs() < FAST_MAX {
        return format!("{sign}{}", plain(&digits, last));
    }
    let rest = if count > 1 { &digits[1..] } else { "0" };
    format!("{sign}{}.{rest}e{exponent}", &digits[..1])
}

/// The shortest digits that identify `value`, without zeros at either end, and the power of ten of the last one.
///
/// Ryu's digits, as in the real system: the standard library's differ when two texts are equally near.
fn shortest_digits(value: f64) -> (String, i32) {
    if value == 0.0 {
        return ("0".to_owned(), 0);
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let kept = all.trim_end_matches('0');
    let last = exponent - fraction.len() as i32 + (all.len() - kept.len()) as i32;
    (kept.trim_start_matches('0').to_owned(), last)
}

/// Whether plain notation is at most as long as scientific notation, `.0` and all.
fn is_plain(count: i32, last: i32, exponent: i32) -> bool {
    let (low, high) = if count == 1 {
        (-4, 2)
    } else if exponent >= 10 {
        (-(count + 2), 2)
    } else {
        (-(count + 2), 1)
    };
    (low..=high).contains(&last)
}

fn plain(digits: &str, last: i32) -> String {
    if last >= 0 {
        return format!("{digits}{}.0", "0".repeat(last as usize));
    }
    let whole = digits.len() as i32 + last;
    if whole > 0 {
        let (integer, fraction) = digits.split_at(whole as usize);
        format!("{integer}.{fraction}")
    } else {
        format!("0.{}{digits}", "0".repeat(-whole as usize))
    }
}

/// `{scientific, Decimals}`; `float_to_list/1` is this with 20 decimals. `None` is `badarg`.
///
/// A negative number of decimals means six, as in C's `printf`.
pub fn float_to_scientific(value: f64, decimals: i64) -> Option<String> {
    let decimals = if decimals < 0 { 6 } else { usize::try_from(decimals).ok()? };
    if decimals >= BUFFER {
        return None;
    }
    let text = format!("{value:.decimals$e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let text = format!("{mantissa}e{sign}{digits:0>2}");
    (text.len() < BUFFER).then_some(text)
}

/// `{decimals, Decimals}`, with or without `compact`. `None` is `badarg`.
///
/// Bug for bug: `compact` with no decimals strips the zeros of integers above 2^53 (`1.0e20` gives `"1"`),
/// and up to 18 decimals the last digit comes from arithmetic on floats, rounding half away from zero.
pub fn float_to_decimals(value: f64, decimals: i64, compact: bool) -> Option<String> {
    let decimals = u32::try_from(decimals).ok()?;
    let magnitude = value.abs();
    // `is_nan` falls on this side: it is not an Erlang float, but must not reach the integer casts.
    if magnitude > FAST_MAX || decimals >= FAST_DECIMALS || magnitude.is_nan() {
        if decimals as usize >= BUFFER {
            return None;
        }
        let text = format!("{value:.*}", decimals as usize);
        if text.len() >= BUFFER {
            return None;
        }
        return Some(if compact { strip_zeros(text) } else { text });
    }
    let text = few_decimals(magnitude, decimals);
    let text = if value.is_sign_negative() { format!("-{text}") } else { text };
    Some(if compact && decimals != 0 { strip_zeros(text) } else { text })
}

/// Up to 18 decimals: the fraction is scaled as a float, so `9.995` with two decimals gives `9.99`
/// or `10.00` depending on what the multiplication rounds to, as in the real system.
fn few_decimals(magnitude: f64, decimals: u32) -> String {
    if decimals == 0 {
        return (magnitude.round() as u64).to_string();
    }
    let scale = 10u64.pow(decimals) as f64; // exact: every 10^n up to 10^18 is a float
    let whole = magnitude.floor();
    let fraction = ((magnitude - whole) * scale).round();
    let (whole, fraction) = if fraction >= scale { (whole as u64 + 1, 0) } else { (whole as u64, fraction as u64) };
    format!("{whole}.{fraction:0width$}", width = decimals as usize)
}

fn strip_zeros(mut text: String) -> String {
    while text.ends_with('0') {
        text.pop();
    }
    if text.ends_with('.') {
        text.push('0');
    }
    text
}

/// What `list_to_float/1` and `binary_to_float/1` accept: sign, digits, point, digits, exponent.
///
/// As the real system does: a comma may stand for the point, a NUL byte ends the text, what is too
/// small becomes zero, and what is too large is refused.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    let text = &text[..end];
    let rest = skip_digits(skip_sign(text))?;
    let point = text.len() - rest.len();
    let (b'.' | b',') = rest.first()? else {
        return None;
    };
    let mut rest = skip_digits(&rest[1..])?;
    if let Some(b'e' | b'E') = rest.first() {
        rest = skip_digits(skip_sign(&rest[1..]))?;
    }
    if !rest.is_empty() {
        return None;
    }
    let mut text = text.to_vec();
    text[point] = b'.';
    let value: f64 = str::from_utf8(&text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

fn skip_sign(text: &[u8]) -> &[u8] {
    match text.first() {
        Some(b'+' | b'-') => &text[1..],
        _ => text,
    }
}

/// What follows at least one digit.
fn skip_digits(text: &[u8]) -> Option<&[u8]> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then(|| &text[count..])
}

#[cfg(test)]
#[path = "float_tests.rs"]
mod tests;
