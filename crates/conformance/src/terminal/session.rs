//! The script of a session: a line for each step.
//!
//! | Line | Meaning |
//! |---|---|
//! | `# text` | a comment |
//! | `size 100x30` | columns and rows to begin with |
//! | `colours` | the transcript tells colours |
//! | `variable NAME=value` | an environment variable |
//! | `file NAME` ... `----` | a file in the folder where the session happens |
//! | `$ text`, `> text` | types a line and Enter, and waits for a prompt |
//! | `enter text` | types a line and Enter |
//! | `type text` | types text |
//! | `keys Ctrl-A Left "text"` | presses keys one after the other |
//! | `paste` ... `----` | types many lines at once, and waits for a prompt |
//! | `resize 80x24` | changes the window's size |
//! | `signal TERM` | sends the program a signal |
//! | `hang up` | closes the terminal, and waits for the program's end |
//! | `begin` | nothing is typed |
//!
//! After a step: `await text` waits for that text too; `loosely` masks all numbers, and takes spaces as one;
//! `sorted` sorts the rows, for what two processes print at once; `only text` keeps rows that contain the text; after
//! `unfinished` the next step follows as soon as the awaited text is there, and tells the rows of both.

use rustix::process::Signal;

use super::pseudo_terminal::Size;

/// Ends the lines of a file or a paste.
const END: &str = "----";

/// A whole script.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) size: Size,
    pub(super) colours: bool,
    pub(super) variables: Vec<(String, String)>,
    /// Names and contents.
    pub(super) files: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
}

/// Something a person does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Keys, as the terminal sends them.
    Type(Vec<u8>),
    Resize(Size),
    Signal(Signal),
    HangUp,
}

/// Something done, and how to look at what comes of it.
#[derive(Debug)]
pub(super) struct Step {
    /// The line of the script.
    pub(super) title: String,
    pub(super) action: Action,
    /// A prompt must be back.
    pub(super) until_prompt: bool,
    /// This text must be there.
    pub(super) until_text: Option<String>,
    pub(super) loosely: bool,
    pub(super) sorted: bool,
    /// What it shows goes on and on: the next step does not wait for its end.
    pub(super) unfinished: bool,
    /// Only rows with this text count.
    pub(super) only: Option<String>,
}

impl Session {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// The line that cannot be understood, with its number.
    pub(super) fn parse(script: &str) -> Result<Session, String> {
        let mut session = Session {
            size: Size { columns: 100, rows: 30 },
            colours: false,
            variables: Vec::new(),
            files: Vec::new(),
            steps: Vec::new(),
        };
        let mut lines = script.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let word = line.split(' ').next().unwrap_or_default();
            let body = match word {
                "file" | "paste" => {
                    let inside = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != END);
                    inside.flat_map(|line| [line, "\n"]).collect()
                }
                _ => String::new(),
            };
            session.take(line, body).map_err(|problem| format!("line {number}: {problem}: {line}"))?;
        }
        Ok(session)
    }

    fn take(&mut self, line: &str, body: String) -> Result<(), &'static str> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" => {}
            "size" => self.size = size(rest)?,
            "colours" => self.colours = true,
            "variable" => {
                let (name, value) = rest.split_once('=').ok_or("a variable needs a value")?;
                self.variables.push((name.into(), value.into()));
            }
            "file" => self.files.push((rest.into(), body)),
            "await" => self.last()?.until_text = Some(rest.into()),
            "loosely" => self.last()?.loosely = true,
            "sorted" => self.last()?.sorted = true,
            "unfinished" => self.last()?.unfinished = true,
            "only" => self.last()?.only = Some(rest.into()),
            _ => {
                let action = action(word, rest, &body)?;
                self.steps.push(Step {
                    title: line.into(),
                    action,
                    until_prompt: matches!(word, "$" | ">" | "paste"),
                    until_text: None,
                    loosely: false,
                    sorted: false,
                    unfinished: false,
                    only: None,
                });
            }
        }
        Ok(())
    }

    fn last(&mut self) -> Result<&mut Step, &'static str> {
        self.steps.last_mut().ok_or("there is no step before it")
    }
}

fn action(word: &str, rest: &str, body: &str) -> Result<Action, &'static str> {
    Ok(match word {
        "$" | ">" | "enter" => Action::Type(format!("{rest}\r").into_bytes()),
        "type" => Action::Type(rest.as_bytes().to_vec()),
        "begin" => Action::Type(Vec::new()),
        "paste" => Action::Type(body.replace('\n', "\r").into_bytes()),
        "keys" => Action::Type(keys(rest)?),
        "resize" => Action::Resize(size(rest)?),
        "signal" => Action::Signal(signal(rest)?),
        "hang" => Action::HangUp,
        _ => return Err("no such step"),
    })
}

fn size(text: &str) -> Result<Size, &'static str> {
    let sides = text.split_once('x').and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    sides.map(|(columns, rows)| Size { columns, rows }).ok_or("a size is like 80x24")
}

fn signal(name: &str) -> Result<Signal, &'static str> {
    Ok(match name {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "KILL" => Signal::KILL,
        "TERM" => Signal::TERM,
        "TSTP" => Signal::TSTP,
        "CONT" => Signal::CONT,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        _ => return Err("no such signal"),
    })
}

/// The bytes of `Ctrl-A Left "text"`, as an xterm sends them.
fn keys(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (inside, after) = quoted.split_once('"').ok_or("a quote is open")?;
            bytes.extend(inside.as_bytes());
            rest = after.trim_start();
        } else {
            let (name, after) = rest.split_once(' ').unwrap_or((rest, ""));
            key(name, &mut bytes)?;
            rest = after.trim_start();
        }
    }
    Ok(bytes)
}

fn key(name: &str, bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    if let Some(letter) = name.strip_prefix("Ctrl-")
        && let [letter] = letter.as_bytes()
    {
        bytes.push(letter & 0x1f);
        return Ok(());
    }
    if let Some(letter) = name.strip_prefix("Alt-")
        && let [letter] = letter.as_bytes()
    {
        bytes.extend([0x1b, *letter]);
        return Ok(());
    }
    let sequence = match name {
        "Enter" => "\r",
        "Tab" => "\t",
        "Escape" => "\x1b",
        "Backspace" => "\x7f",
        "Up" => "\x1b[A",
        "Down" => "\x1b[B",
        "Right" => "\x1b[C",
        "Left" => "\x1b[D",
        "Home" => "\x1b[H",
        "End" => "\x1b[F",
        "Delete" => "\x1b[3~",
        "PageUp" => "\x1b[5~",
        "PageDown" => "\x1b[6~",
        "Ctrl-Right" => "\x1b[1;5C",
        "Ctrl-Left" => "\x1b[1;5D",
        "Alt-Enter" => "\x1b\r",
        _ => return Err("no such key"),
    };
    bytes.extend(sequence.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script() {
        let script = "# A lesson.\nsize 80x24\nvariable TERM=dumb\nfile a.exs\n1 + 1\n----\n$ iex\n> 1 + 1\nawait 2\nkeys Ctrl-A \"a b\" Left\n";
        let session = Session::parse(script).expect("parses");
        assert_eq!(session.size, Size { columns: 80, rows: 24 });
        assert_eq!(session.variables, [("TERM".into(), "dumb".into())]);
        assert_eq!(session.files, [("a.exs".into(), "1 + 1\n".into())]);
        assert_eq!(session.steps[1].action, Action::Type(b"1 + 1\r".to_vec()));
        assert_eq!(session.steps[1].until_text.as_deref(), Some("2"));
        assert_eq!(session.steps[2].action, Action::Type(b"\x01a b\x1b[D".to_vec()));
        assert!(!session.steps[2].until_prompt);
        assert!(Session::parse("jump").is_err());
    }
}
