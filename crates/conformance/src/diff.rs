//! A difference of two texts, line by line, for people.

/// Lines shown unchanged around a difference.
const CONTEXT: usize = 2;
/// Above this product of line counts the middle is shown whole instead of being aligned.
const ALIGN_MAX: usize = 16_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Line<'t> {
    Same(&'t str),
    Missing(&'t str),
    Extra(&'t str),
}

/// The lines of `expected` that are missing from `actual` (`-`) and those that are extra in it (`+`).
#[must_use]
pub fn diff(expected: &str, actual: &str) -> String {
    let expected: Vec<&str> = expected.split_terminator('\n').collect();
    let actual: Vec<&str> = actual.split_terminator('\n').collect();
    let pairs = || expected.iter().zip(&actual);
    let prefix = pairs().take_while(|(left, right)| left == right).count();
    let (left, right) = (&expected[prefix..], &actual[prefix..]);
    let suffix = left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left == right).count();
    let (left, right) = (&left[..left.len() - suffix], &right[..right.len() - suffix]);

    let mut lines: Vec<Line> = expected[..prefix].iter().map(|line| Line::Same(line)).collect();
    if left.len().saturating_mul(right.len()) > ALIGN_MAX {
        lines.extend(left.iter().map(|line| Line::Missing(line)));
        lines.extend(right.iter().map(|line| Line::Extra(line)));
    } else {
        align(left, right, &mut lines);
    }
    lines.extend(expected[expected.len() - suffix..].iter().map(|line| Line::Same(line)));
    render(&lines)
}

/// Longest common subsequence by the textbook table.
fn align<'t>(left: &[&'t str], right: &[&'t str], lines: &mut Vec<Line<'t>>) {
    let width = right.len() + 1;
    let mut common = vec![0u32; (left.len() + 1) * width];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            common[i * width + j] = if left[i] == right[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if left[i] == right[j] {
            lines.push(Line::Same(left[i]));
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            lines.push(Line::Missing(left[i]));
            i += 1;
        } else {
            lines.push(Line::Extra(right[j]));
            j += 1;
        }
    }
    lines.extend(left[i..].iter().map(|line| Line::Missing(line)));
    lines.extend(right[j..].iter().map(|line| Line::Extra(line)));
}

/// Changed lines with their surroundings; longer unchanged stretches are left out.
fn render(lines: &[Line]) -> String {
    let changed = |index: usize| lines.get(index).is_some_and(|line| !matches!(line, Line::Same(_)));
    let mut text = String::new();
    let mut left_out = false;
    for (index, line) in lines.iter().enumerate() {
        let near = (index.saturating_sub(CONTEXT)..=index + CONTEXT).any(changed);
        if near {
            let (sign, line) = match line {
                Line::Same(line) => (' ', line),
                Line::Missing(line) => ('-', line),
                Line::Extra(line) => ('+', line),
            };
            text.push_str(&format!("    {sign} {}\n", line.replace('\r', "\\r")));
        } else if !left_out {
            text.push_str("      ...\n");
        }
        left_out = !near;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::diff;

    #[test]
    fn changed_lines_stand_between_their_neighbours() {
        let expected = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let actual = "1\n2\n3\n4\n5\nsix\n7\n8\nnine\n";
        assert_eq!(
            diff(expected, actual),
            "      ...\n      4\n      5\n    - 6\n    + six\n      7\n      8\n    + nine\n"
        );
    }

    #[test]
    fn carriage_returns_are_shown() {
        assert_eq!(diff("a\r\n", "a\n"), "    - a\\r\n    + a\n");
    }

    #[test]
    fn one_side_may_be_empty() {
        assert_eq!(diff("a\n", ""), "    - a\n");
        assert_eq!(diff("", "a\n"), "    + a\n");
    }
}
