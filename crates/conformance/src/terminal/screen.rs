//! What the screen shows, with everything that scrolled off it.

use std::num::NonZeroU16;

use vt100::{Color, Parser};

use super::pseudo_terminal::Size;

/// Rows kept after they scrolled off.
const HISTORY: usize = 60_000;
/// Stands where the cursor is.
pub(super) const CURSOR: char = '▏';

/// The model of the screen.
pub(super) struct Screen {
    parser: Parser,
    colours: bool,
    /// Rows that scrolled off; they do not change any more.
    history: Vec<String>,
}

/// All rows so far, and where the cursor is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Picture {
    rows: Vec<String>,
    cursor: (usize, usize),
}

impl Screen {
    /// An empty screen. With `colours`, rows tell the colours of their text.
    pub(super) fn new(size: Size, colours: bool) -> Screen {
        let (rows, columns) = sides(size);
        Screen { parser: Parser::new(rows, columns, HISTORY), colours, history: Vec::new() }
    }

    /// Takes what a program wrote.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
    }

    pub(super) fn resize(&mut self, size: Size) {
        let (rows, columns) = sides(size);
        self.parser.set_size(rows, columns);
    }

    /// The row of the cursor, up to the cursor.
    pub(super) fn before_cursor(&self) -> String {
        let (row, column) = self.parser.screen().cursor_position();
        self.parser.screen().rows(0, column).nth(row.into()).unwrap_or_default()
    }

    pub(super) fn picture(&mut self) -> Picture {
        let colours = self.colours;
        let screen = self.parser.screen_mut();
        let (height, length) = (usize::from(screen.size().0.get()), screen.scrollback_len());
        self.history.truncate(length);
        while self.history.len() < length {
            screen.set_scrollback(length - self.history.len());
            let missing = (length - self.history.len()).min(height);
            self.history.extend((0..missing).map(|number| row(screen, number, None, colours)));
        }
        screen.set_scrollback(0);
        let (cursor_row, cursor_column) = screen.cursor_position();
        let cursor = (length + usize::from(cursor_row), usize::from(cursor_column));
        let mut rows = self.history.clone();
        rows.extend((0..height).map(|number| {
            let here = (number == usize::from(cursor_row)).then_some(cursor_column);
            row(screen, number, here, colours)
        }));
        while rows.len() > cursor.0 + 1 && rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        Picture { rows, cursor }
    }
}

fn sides(size: Size) -> (NonZeroU16, NonZeroU16) {
    let side = |number: u16| NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN);
    (side(size.rows), side(size.columns))
}

/// One row of what is in view, with the cursor if it is there.
fn row(screen: &vt100::Screen, number: usize, cursor: Option<u16>, colours: bool) -> String {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    let mut text = String::new();
    let mut current = String::new();
    for column in 0..screen.size().1.get() {
        let Some(cell) = screen.cell(number, column) else { break };
        if colours {
            let look = look(cell);
            if look != current {
                text.push_str(if current.is_empty() { "" } else { "⟩" });
                if !look.is_empty() {
                    text.push_str(&format!("⟨{look}:"));
                }
                current = look;
            }
        }
        if cursor == Some(column) {
            text.push(CURSOR);
        }
        if !cell.is_wide_continuation() {
            text.push_str(if cell.has_contents() { cell.contents() } else { " " });
        }
    }
    text.push_str(if current.is_empty() { "" } else { "⟩" });
    if cursor.is_some_and(|column| column >= screen.size().1.get()) {
        text.push(CURSOR);
    }
    text.truncate(text.trim_end_matches(' ').len());
    text
}

/// How the text of a cell looks, in a word or two; nothing for plain text.
fn look(cell: &vt100::Cell) -> String {
    let mut words = Vec::new();
    for (kind, colour) in [("", cell.fgcolor()), ("on ", cell.bgcolor())] {
        match colour {
            Color::Default => {}
            Color::Idx(index) => words.push(format!("{kind}{index}")),
            Color::Rgb(red, green, blue) => words.push(format!("{kind}{red}/{green}/{blue}")),
        }
    }
    let flags = [
        ("bold", cell.bold()),
        ("italic", cell.italic()),
        ("underline", cell.underline()),
        ("inverse", cell.inverse()),
    ];
    words.extend(flags.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_string()));
    words.join(" ")
}

impl Picture {
    /// The rows from the first that differs from `before` to the end. A cursor that only moved shows in its row.
    pub(super) fn since<'p>(&'p self, before: &Picture) -> &'p [String] {
        let same = self.rows.iter().zip(&before.rows).take_while(|(now, then)| now == then).count();
        &self.rows[same..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_scroll_off_are_kept() {
        let mut screen = Screen::new(Size { columns: 10, rows: 3 }, false);
        let empty = screen.picture();
        assert_eq!(empty.since(&Picture::default()), ["▏"]);
        screen.write(b"1\r\n2\r\n3\r\n4\r\n> ");
        let first = screen.picture();
        assert_eq!(first.since(&empty), ["1", "2", "3", "4", "> ▏"]);
        assert_eq!(screen.before_cursor(), "> ");
        screen.write("\rпривет\u{1b}[2D".as_bytes());
        assert_eq!(screen.picture().since(&first), ["прив▏ет"]);
    }

    #[test]
    fn colours_are_told() {
        let mut screen = Screen::new(Size { columns: 10, rows: 2 }, true);
        screen.write(b"\x1b[33;1mab\x1b[0mc");
        assert_eq!(screen.picture().rows, ["⟨3 bold:ab⟩c▏"]);
    }
}
