//! Patterns and runs, compared with answers of the real system.

use super::*;

fn decode(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut out) = (0u32, 0, Vec::new());
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// Patterns whose outcome is known to differ (see the crate's documentation): when one stops to, remove it.
const DIFFERENT: [&str; 9] =
    [r"\g", r"\g{0}", r"\g{+1}", r"\g-1", "(?X)", "(?(R1)a)", "(?(?C)a)", r"\p{script=greek}", r"\p{ L}"];

/// Pattern in base 64, `u` for unicode, then "ok" and the number of groups or the error and its position.
#[test]
fn compiles() {
    for line in include_str!("../tests/data/compile.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let pattern = decode(fields[0]);
        let options = CompileOptions { unicode: fields[1] == "u", ..Default::default() };
        let ours = match Regex::compile(&pattern, options) {
            Ok(regex) => format!("ok\t{}", regex.capture_count()),
            Err(error) => format!("{}\t{}", error.message, error.position),
        };
        let theirs = format!("{}\t{}", fields[2], fields[3]);
        let different = DIFFERENT.iter().any(|known| known.as_bytes() == pattern);
        let text = String::from_utf8_lossy(&pattern);
        assert_eq!(ours != theirs, different, "{text} {}: {theirs} / ours {ours}", fields[1]);
    }
}

fn compile(pattern: &[u8], words: &str) -> Regex {
    Regex::compile(pattern, compile_options(words)).unwrap()
}

#[test]
fn utf_errors() {
    let unicode = || CompileOptions { unicode: true, ..Default::default() };
    let error = Regex::compile(b"\xff", unicode()).err().unwrap();
    assert_eq!((&*error.message, error.position), ("invalid UTF-8 string", 0));
    let never = CompileOptions { never_utf: true, ..Default::default() };
    let text = "setting UTF is disabled by the application";
    for (pattern, options) in [(&b"(*UTF8)a"[..], never.clone()), (b"a", CompileOptions { unicode: true, ..never })] {
        let error = Regex::compile(pattern, options).err().unwrap();
        assert_eq!((&*error.message, error.position), (text, 0));
    }
    let regex = compile(b"a", "unicode");
    let run = |subject: &[u8], offset| regex.run(Subject::Bytes(subject), offset, &RunOptions::default());
    assert_eq!(run(b"a\xff", 0), Err(RunError::BadUtf));
    assert_eq!(run("a\u{e9}".as_bytes(), 2), Err(RunError::BadUtf));
    assert_eq!(run(b"a", 2), Err(RunError::BadOffset));
    assert_eq!(run(b"a", 1), Ok(None));
}

#[test]
fn limits() {
    let regex = compile(b"(a+)+b|c", "");
    let limited = RunOptions { match_limit: Some(10), ..Default::default() };
    let subject = Subject::Bytes(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaac");
    assert_eq!(regex.run(subject, 0, &limited), Err(RunError::MatchLimit));
    let flat = RunOptions { match_limit_recursion: Some(0), ..Default::default() };
    assert_eq!(regex.run(subject, 0, &flat), Err(RunError::RecursionLimit));
}

// re:inspect(_, namelist) and {capture, all_names}.
#[test]
fn names() {
    let regex = compile(b"(?<n>a)|(?<m>b)|(?<a>c)(?<B>d)", "");
    assert_eq!(regex.name_list(), [b"B", b"a", b"m", b"n"]);
    let groups = regex.run(Subject::Bytes(b"b"), 0, &RunOptions::default()).unwrap().unwrap();
    assert_eq!(regex.named(&groups, b"m"), Some(Some(Span { start: 0, end: 1 })));
    assert_eq!(regex.named(&groups, b"n"), Some(None));
    assert_eq!(regex.named(&groups, b"x"), None);
    let inline = compile(b"(?J)(?<n>a)|(?<m>b)|(?<n>c)(?<B>d)", "");
    assert_eq!(inline.name_list(), [b"B", b"m", b"n", b"n"]);
    let option = compile(b"(?<n>a)|(?<m>b)|(?<n>c)(?<B>d)", "dupnames");
    assert_eq!(option.name_list(), [b"B", b"m", b"n"]);
    let groups = option.run(Subject::Bytes(b"cd"), 0, &RunOptions::default()).unwrap().unwrap();
    assert_eq!(option.named(&groups, b"n"), Some(Some(Span { start: 0, end: 1 })));
}

#[test]
fn newlines_of_a_pattern() {
    assert!(!compile(b"a", "").crlf_is_newline());
    assert!(compile(b"(*CRLF)a", "").crlf_is_newline());
    assert!(compile(b"a", "newline=any").crlf_is_newline());
}

#[test]
fn shared_between_threads() {
    let regex = compile(b"b+", "");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let found = regex.run(Subject::Bytes(b"abbb"), 0, &RunOptions::default());
                    assert_eq!(found, Ok(Some(vec![Some(Span { start: 1, end: 4 })])));
                }
            });
        }
    });
}

fn newline(name: &str) -> Newline {
    match name {
        "cr" => Newline::Cr,
        "lf" => Newline::Lf,
        "crlf" => Newline::CrLf,
        "anycrlf" => Newline::AnyCrLf,
        "any" => Newline::Any,
        other => panic!("newline {other}"),
    }
}

fn compile_options(words: &str) -> CompileOptions {
    let mut options = CompileOptions::default();
    for word in words.split_whitespace() {
        match word {
            "unicode" => options.unicode = true,
            "anchored" => options.anchored = true,
            "caseless" => options.caseless = true,
            "dollar_endonly" => options.dollar_endonly = true,
            "dotall" => options.dotall = true,
            "extended" => options.extended = true,
            "firstline" => options.firstline = true,
            "multiline" => options.multiline = true,
            "no_auto_capture" => options.no_auto_capture = true,
            "dupnames" => options.dupnames = true,
            "ungreedy" => options.ungreedy = true,
            "ucp" => options.ucp = true,
            "bsr_anycrlf" => options.bsr = Some(Bsr::AnyCrLf),
            "bsr_unicode" => options.bsr = Some(Bsr::Unicode),
            other => match other.split_once('=') {
                Some(("newline", name)) => options.newline = Some(newline(name)),
                _ => panic!("option {other}"),
            },
        }
    }
    options
}

fn run_options(words: &str) -> (usize, RunOptions) {
    let (mut offset, mut options) = (0, RunOptions::default());
    for word in words.split_whitespace() {
        match word {
            "anchored" => options.anchored = true,
            "notbol" => options.notbol = true,
            "noteol" => options.noteol = true,
            "notempty" => options.notempty = true,
            "notempty_atstart" => options.notempty_atstart = true,
            "bsr_anycrlf" => options.bsr = Some(Bsr::AnyCrLf),
            other => match other.split_once('=') {
                Some(("newline", name)) => options.newline = Some(newline(name)),
                Some(("offset", number)) => offset = number.parse().unwrap(),
                _ => panic!("option {other}"),
            },
        }
    }
    (offset, options)
}

fn run_line(pattern: &str, subject: &str, options: &str) -> String {
    let (compile, run) = options.split_once('/').unwrap();
    let Ok(regex) = Regex::compile(&decode(pattern), compile_options(compile)) else {
        return "badarg".to_owned();
    };
    let (offset, run) = run_options(run);
    match regex.run(Subject::Bytes(&decode(subject)), offset, &run) {
        Ok(None) => "nomatch".to_owned(),
        Ok(Some(groups)) => {
            let span = |group: &Option<Span>| match group {
                Some(span) => {
                    let (start, length) = span.offset_and_length();
                    format!("{start},{length}")
                }
                None => "-1,0".to_owned(),
            };
            groups.iter().map(span).collect::<Vec<_>>().join(" ")
        }
        Err(RunError::MatchLimit) => "match_limit".to_owned(),
        Err(RunError::RecursionLimit) => "match_limit_recursion".to_owned(),
        Err(_) => "badarg".to_owned(),
    }
}

/// Pattern and subject in base 64, options of compiling / of running, the real system's answer.
#[test]
fn runs() {
    for line in include_str!("../tests/data/run.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let ours = run_line(fields[0], fields[1], fields[2]);
        let text = |field: &str| String::from_utf8_lossy(&decode(field)).into_owned();
        assert_eq!(ours, fields[3], "{:?} on {:?} {}", text(fields[0]), text(fields[1]), fields[2]);
    }
}
