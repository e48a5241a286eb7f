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

#[test]
fn compile_all() {
    let mut bad = 0;
    for line in include_str!("../tests/data/compile.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let pattern = decode(fields[0]);
        let options = CompileOptions { unicode: fields[1] == "u", ..Default::default() };
        let ours = match Regex::compile(&pattern, options) {
            Ok(regex) => format!("ok\t{}", regex.capture_count()),
            Err(error) => format!("{}\t{}", error.message, error.position),
        };
        let theirs = format!("{}\t{}", fields[2], fields[3]);
        if ours != theirs {
            bad += 1;
            println!("{} {}\n   {theirs}\n   {ours}", String::from_utf8_lossy(&pattern), fields[1]);
        }
    }
    assert_eq!(bad, 0);
}
