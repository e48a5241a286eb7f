//! Options of `re:compile/2` and `re:run/3`, read from their lists.

use crate::iolist::iodata_bytes;
use oxbeam_regex::{Bsr, CompileOptions, Newline, Regex, RunOptions};
use oxbeam_term::{AtomTable, Term, atoms};

/// All options of a list.
pub(super) struct Options<'h> {
    /// The list itself.
    pub term: Term<'h>,
    pub compile: CompileOptions,
    pub run: RunOptions,
    /// Was there one that `re:compile/2` does not take?
    pub only_for_run: bool,
    /// Was there one that `re:run/3` does not take with a compiled pattern?
    pub only_for_compile: bool,
    pub global: bool,
    pub report_errors: bool,
    pub offset: usize,
    /// Value list and type of the last `capture`.
    pub capture: Option<(Term<'h>, Term<'h>)>,
    /// How many times `capture` was given.
    pub captures: usize,
}

impl<'h> Options<'h> {
    /// Reads a list of options; `None` when one of them is unknown, or the list is none.
    pub fn parse(list: Term<'h>) -> Option<Options<'h>> {
        let mut options = Options {
            term: list,
            compile: CompileOptions::default(),
            run: RunOptions::default(),
            only_for_run: false,
            only_for_compile: false,
            global: false,
            report_errors: false,
            offset: 0,
            capture: None,
            captures: 0,
        };
        let mut walk = list.list_iter();
        for option in walk.by_ref() {
            match option.as_tuple() {
                Some(tuple) => options.tagged(tuple.elements())?,
                None => options.flag(option)?,
            }
        }
        walk.tail().is_nil().then_some(options)
    }

    fn tagged(&mut self, elements: &[Term<'h>]) -> Option<()> {
        let (tag, value) = match *elements {
            [tag, values, kind] if tag.is_atom(atoms::CAPTURE) => {
                self.set_capture(values, kind);
                return Some(());
            }
            [tag, value] => (tag.as_atom()?, value),
            _ => return None,
        };
        match tag {
            atoms::CAPTURE => self.set_capture(value, Term::atom(atoms::INDEX)),
            atoms::OFFSET => {
                self.offset = small_natural(value)? as usize;
                self.only_for_run = true;
            }
            atoms::MATCH_LIMIT => {
                self.run.match_limit = Some(small_natural(value)?);
                self.only_for_run = true;
            }
            atoms::MATCH_LIMIT_RECURSION => {
                self.run.match_limit_recursion = Some(small_natural(value)?);
                self.only_for_run = true;
            }
            atoms::NEWLINE => {
                let newline = match value.as_atom()? {
                    atoms::CR => Newline::Cr,
                    atoms::LF => Newline::Lf,
                    atoms::CRLF => Newline::CrLf,
                    atoms::ANYCRLF => Newline::AnyCrLf,
                    atoms::ANY => Newline::Any,
                    _ => return None,
                };
                self.compile.newline = Some(newline);
                self.run.newline = Some(newline);
            }
            _ => return None,
        }
        Some(())
    }

    fn set_capture(&mut self, values: Term<'h>, kind: Term<'h>) {
        self.capture = Some((values, kind));
        self.captures += 1;
        self.only_for_run = true;
    }

    fn flag(&mut self, option: Term<'h>) -> Option<()> {
        let option = option.as_atom()?;
        match option {
            atoms::ANCHORED => {
                self.compile.anchored = true;
                self.run.anchored = true;
                return Some(());
            }
            atoms::BSR_ANYCRLF | atoms::BSR_UNICODE => {
                let bsr = if option == atoms::BSR_UNICODE { Bsr::Unicode } else { Bsr::AnyCrLf };
                self.compile.bsr = Some(bsr);
                self.run.bsr = Some(bsr);
                return Some(());
            }
            _ => {}
        }
        let (compile, run) = (&mut self.compile, &mut self.run);
        let (flag, for_run) = match option {
            atoms::UNICODE => (&mut compile.unicode, false),
            atoms::CASELESS => (&mut compile.caseless, false),
            atoms::DOLLAR_ENDONLY => (&mut compile.dollar_endonly, false),
            atoms::DOTALL => (&mut compile.dotall, false),
            atoms::EXTENDED => (&mut compile.extended, false),
            atoms::FIRSTLINE => (&mut compile.firstline, false),
            atoms::MULTILINE => (&mut compile.multiline, false),
            atoms::NO_AUTO_CAPTURE => (&mut compile.no_auto_capture, false),
            atoms::DUPNAMES => (&mut compile.dupnames, false),
            atoms::UNGREEDY => (&mut compile.ungreedy, false),
            atoms::NO_START_OPTIMIZE => (&mut compile.no_start_optimize, false),
            atoms::UCP => (&mut compile.ucp, false),
            atoms::NEVER_UTF => (&mut compile.never_utf, false),
            atoms::NOTBOL => (&mut run.notbol, true),
            atoms::NOTEOL => (&mut run.noteol, true),
            atoms::NOTEMPTY => (&mut run.notempty, true),
            atoms::NOTEMPTY_ATSTART => (&mut run.notempty_atstart, true),
            atoms::GLOBAL => (&mut self.global, true),
            atoms::REPORT_ERRORS => (&mut self.report_errors, true),
            _ => return None,
        };
        *flag = true;
        self.only_for_run |= for_run;
        self.only_for_compile |= !for_run;
        Some(())
    }
}

/// A number that OTP keeps in a C `int`.
fn small_natural(term: Term<'_>) -> Option<u32> {
    i32::try_from(term.as_i64()?).ok()?.try_into().ok()
}

/// What is returned of each match.
pub(super) struct Capture {
    pub groups: Groups,
    pub kind: CaptureType,
}

/// Which groups.
pub(super) enum Groups {
    None,
    First,
    All,
    AllButFirst,
    Listed(Vec<Value>),
}

/// A group by number or name.
pub(super) enum Value {
    Number(usize),
    Name(Vec<u8>),
}

/// In which form.
#[derive(Clone, Copy)]
pub(super) enum CaptureType {
    Index,
    List,
    Binary,
}

impl Capture {
    /// Reads values and type of a `capture` option; `None` when they are none.
    pub fn of(option: Option<(Term<'_>, Term<'_>)>, regex: &Regex, atoms: &AtomTable) -> Option<Capture> {
        let Some((values, kind)) = option else {
            return Some(Capture { groups: Groups::All, kind: CaptureType::Index });
        };
        let kind = match kind.as_atom()? {
            atoms::INDEX => CaptureType::Index,
            atoms::LIST => CaptureType::List,
            atoms::BINARY => CaptureType::Binary,
            _ => return None,
        };
        Some(Capture { groups: Groups::of(values, regex, atoms)?, kind })
    }
}

impl Groups {
    fn of(values: Term<'_>, regex: &Regex, atom_table: &AtomTable) -> Option<Groups> {
        let Some(atom) = values.as_atom() else {
            let values: Option<Vec<Value>> =
                values.to_vec()?.into_iter().map(|value| Value::of(value, atom_table)).collect();
            return values.map(|values| if values.is_empty() { Groups::None } else { Groups::Listed(values) });
        };
        Some(match atom {
            atoms::NONE => Groups::None,
            atoms::FIRST => Groups::First,
            atoms::ALL => Groups::All,
            atoms::ALL_BUT_FIRST => Groups::AllButFirst,
            atoms::ALL_NAMES => {
                let names: Vec<Value> = regex.name_list().into_iter().map(|name| Value::Name(name.to_vec())).collect();
                if names.is_empty() { Groups::None } else { Groups::Listed(names) }
            }
            _ => return None,
        })
    }
}

impl Value {
    fn of(value: Term<'_>, atom_table: &AtomTable) -> Option<Value> {
        if value.is_integer() {
            return small_natural(value).map(|number| Value::Number(number as usize));
        }
        if let Some(atom) = value.as_atom() {
            return Some(Value::Name(atom_table.text(atom).as_bytes().to_vec()));
        }
        // A name given as [] is the empty list of values to OTP.
        if value.is_nil() { None } else { Some(Value::Name(iodata_bytes(value)?.into_owned())) }
    }
}
