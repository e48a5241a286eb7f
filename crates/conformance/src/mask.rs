//! Hides what may differ between two runs of the same program.

/// Replaces process identifiers, references, ports, times of day, dates of reports and the path of `root`.
///
/// Numbers in angle brackets with dots become `<_>`: `#PID<0.94.0>`, `#Reference<0.1.2.3>`, `<0.9.0>`.
/// The hash in `#Function<1.68226193 in file:a.exs>` becomes `_`.
/// What a crash report says of memory and reductions is left out.
/// `12:34:56.789` becomes `hh:mm:ss`; `7-Apr-2024::` before a time becomes `date::`.
/// Elixir's notices that compiling a file takes long are left out: on a slow machine it does.
#[must_use]
pub fn mask(text: &str, root: &str) -> String {
    let text = text.replace(root, "[root]");
    let text = amounts(&text);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let at_word_start = !masked.ends_with(|last: char| last.is_ascii_digit());
        let hit = match first {
            '<' => identifier(rest).map(|length| (length, "<_>")),
            '0'..='9' if at_word_start => report_date(rest)
                .map(|length| (length, "date::"))
                .or_else(|| time_of_day(rest).map(|length| (length, "hh:mm:ss")))
                .or_else(|| function_hash(&masked, rest).map(|length| (length, "_"))),
            _ => None,
        };
        let (length, replacement) = hit.unwrap_or((first.len_utf8(), &rest[..first.len_utf8()]));
        masked.push_str(replacement);
        rest = &rest[length..];
    }
    masked
}

/// Crash reports tell how much memory and how many reductions the process had used.
fn amounts(text: &str) -> String {
    const LABELS: [&str; 3] = ["Heap Size: ", "Stack Size: ", "Reductions: "];
    let mask_line = |line: &str| {
        let label = LABELS.iter().find(|label| line.starts_with(*label));
        label.map_or_else(|| line.to_string(), |label| format!("{label}_\n"))
    };
    text.split_inclusive('\n').filter(|line| !is_slowness(line)).map(mask_line).collect()
}

/// `Compiling lib/a.ex (it's taking more than 10s)`
fn is_slowness(line: &str) -> bool {
    line.starts_with("Compiling ") && line.trim_end().ends_with("(it's taking more than 10s)")
}

/// The length of `<0.94.0>` at the start of `text`: digits with at least one dot between the brackets.
fn identifier(text: &str) -> Option<usize> {
    let end = text.find('>')?;
    let inner = &text[1..end];
    let mut parts = inner.split('.');
    let numbers = parts.by_ref().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    (numbers && inner.contains('.')).then_some(end + 1)
}

/// The length of `68226193` in `#Function<1.68226193 in ...>`: scripts are compiled anew by each run.
fn function_hash(before: &str, text: &str) -> Option<usize> {
    let (_, index) = before.rsplit_once("#Function<")?;
    let index = index.strip_suffix('.')?;
    let after_index = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (after_index && text[digits..].starts_with(" in ")).then_some(digits)
}

/// The length of `12:34:56.789` (three or six decimals) at the start of `text`.
fn time_of_day(text: &str) -> Option<usize> {
    let whole = shape(text, "dd:dd:dd.ddd")?;
    let decimals = text[whole..].bytes().take_while(u8::is_ascii_digit).count();
    Some(whole + decimals)
}

/// The length of `7-Apr-2024::` at the start of `text`.
fn report_date(text: &str) -> Option<usize> {
    shape(text, "d-aaa-dddd::").or_else(|| shape(text, "dd-aaa-dddd::"))
}

/// The length of `pattern` if `text` begins like it: `d` stands for a digit, `a` for a letter.
fn shape(text: &str, pattern: &str) -> Option<usize> {
    let fits = |(byte, expected): (u8, u8)| match expected {
        b'd' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_alphabetic(),
        literal => byte == literal,
    };
    (text.len() >= pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)).then_some(pattern.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_run_to_run_is_hidden() {
        let check = |text: &str, masked: &str| assert_eq!(mask(text, "/home/ann/oxbeam"), masked);
        check("#PID<0.94.0> and <0.9.0>", "#PID<_> and <_>");
        check("#Reference<0.12.34.56>, #Port<0.5>", "#Reference<_>, #Port<_>");
        check("09:08:07.123 [error] oops", "hh:mm:ss [error] oops");
        check("=ERROR REPORT==== 7-Apr-2024::12:34:56.123456 ===", "=ERROR REPORT==== date::hh:mm:ss ===");
        check("#Function<1.68226193 in file:a.exs>", "#Function<1._ in file:a.exs>");
        check("Heap Size: 1598\nReductions: 27\n", "Heap Size: _\nReductions: _\n");
        check("Compiling lib/a.ex (it's taking more than 10s)\ndone\n", "done\n");
        check("(/home/ann/oxbeam/examples/a.exs:3)", "([root]/examples/a.exs:3)");
    }

    #[test]
    fn everything_else_stays() {
        for text in ["<<1,2,3>>", "1 < 2 and 3 > 2", "&String.upcase/1", "<5>", "1.5 été", "12:34:56"] {
            assert_eq!(mask(text, "/root"), text);
        }
    }
}
