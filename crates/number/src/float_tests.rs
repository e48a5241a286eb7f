//! Texts of floats, compared with the real system's.

use super::*;

/// Bits in hexadecimal, then the real system's `[short]`, `float_to_list/1`, `{scientific, Bits rem 22}`,
/// `{decimals, Bits rem 25}` and the same with `compact`.
const FLOATS: &str = include_str!("../tests/data/floats.tsv");

fn check(table: &str) {
    let refused = || "badarg".to_owned();
    for line in table.lines() {
        let mut fields = line.split('\t');
        let bits = u64::from_str_radix(fields.next().unwrap(), 16).unwrap();
        let value = f64::from_bits(bits);
        let [scientific, decimals] = [(bits % 22) as i64, (bits % 25) as i64];
        let ours = [
            float_to_short(value),
            float_to_scientific(value, 20).unwrap(),
            float_to_scientific(value, scientific).unwrap_or_else(refused),
            float_to_decimals(value, decimals, false).unwrap_or_else(refused),
            float_to_decimals(value, decimals, true).unwrap_or_else(refused),
        ];
        assert!(fields.eq(&ours), "{line}\nours: {ours:?}");
        assert_eq!(parse_float(ours[0].as_bytes()).map(f64::to_bits), Some(bits));
    }
}

#[test]
fn texts_of_many_floats() {
    check(FLOATS);
}

#[test]
fn scientific_limits() {
    assert_eq!(float_to_scientific(1.5, -1).as_deref(), Some("1.500000e+00"));
    assert_eq!(float_to_scientific(1.5, 0).as_deref(), Some("2e+00"));
    assert_eq!(float_to_scientific(1.5, 249).map(|text| text.len()), Some(255));
    assert_eq!(float_to_scientific(1.5, 250), None);
    assert_eq!(float_to_scientific(-1.5e300, 249), None);
    assert_eq!(float_to_scientific(1.5, i64::MAX), None);
}

#[test]
fn decimals_limits() {
    let length = |value, decimals| float_to_decimals(value, decimals, false).map(|text| text.len());
    assert_eq!(length(1.5, -1), None);
    assert_eq!(length(1.5, 253), Some(255));
    assert_eq!(length(1.5, 254), None);
    assert_eq!(length(-1.5, 253), None);
    assert_eq!(length(1.0e254, 0), Some(254));
    assert_eq!(length(1.0e254, 1), None);
    assert_eq!(length(1.0e255, 0), Some(255));
    assert_eq!(length(1.0e300, 0), None);
    assert_eq!(length(1.0, i64::MAX), None);
}

#[test]
fn decimals_bug_for_bug() {
    let text = |value, decimals, compact| float_to_decimals(value, decimals, compact).unwrap();
    assert_eq!(text(1.0e20, 0, true), "1");
    assert_eq!(text(1.0e20, 2, true), "100000000000000000000.0");
    assert_eq!(text(0.5, 0, false), "1");
    assert_eq!(text(2.5, 0, false), "3");
    assert_eq!(text(-0.4, 0, false), "-0");
    assert_eq!(text(-0.0, 2, true), "-0.0");
    assert_eq!(text(100.0, 0, true), "100");
    assert_eq!(text(9.995, 2, false), "9.99");
    assert_eq!(text(0.1, 20, true), "0.10000000000000000555");
    assert_eq!(text(123.4567, 20, true), "123.45669999999999788542");
}

// Answers of list_to_float/1.
#[test]
fn accepted_texts() {
    for (text, answer) in [
        ("1.0", Some(1.0)),
        ("1,5", Some(1.5)),
        ("+1.0", Some(1.0)),
        ("-1.0e5", Some(-1.0e5)),
        ("1e5", None),
        ("1.0e", None),
        ("1.0E5", Some(1.0e5)),
        ("1.0e+5", Some(1.0e5)),
        ("1.0e400", None),
        ("1.0e-400", Some(0.0)),
        ("4.0e-324", Some(5.0e-324)),
        ("2.0e-324", Some(0.0)),
        ("1.0e-400000000000", Some(0.0)),
        ("1.0e99999999999", None),
        (".", None),
        (" 1.0", None),
        ("1.0 ", None),
        ("1.", None),
        ("1.7976931348623159e308", None),
        ("1.79769313486231580e308", Some(f64::MAX)),
        ("1_0.0", None),
        ("", None),
        ("1.0\0", Some(1.0)),
        ("1.0\0x", Some(1.0)),
    ] {
        assert_eq!(parse_float(text.as_bytes()), answer, "{text:?}");
    }
    assert_eq!(parse_float(b"-0.0").map(f64::to_bits), Some((-0.0f64).to_bits()));
    assert_eq!(parse_float(b"-1.0e-400").map(f64::to_bits), Some((-0.0f64).to_bits()));
    assert_eq!(parse_float(b"\xff.0"), None);
}
