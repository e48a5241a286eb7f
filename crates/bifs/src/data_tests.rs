//! BIFs about data against answers of the real system (`tests/data/record_data.escript` records them).

macro_rules! recorded {
    ($($name:ident: $file:literal, $least:literal;)*) => {
        $(#[test]
        fn $name() {
            let compared = crate::testing::check_recording(include_bytes!(concat!("../tests/data/", $file, ".etf")));
            assert!(compared >= $least, "only {compared} compared");
        })*
    };
}

recorded! {
    operators: "operators", 50_000;
    tuples_lists_and_binaries: "data", 16_000;
    conversions: "conversions", 3000;
    maps: "maps", 900;
    math: "math", 3000;
    hashes: "hashes", 1500;
    external_terms: "external", 1500;
    packets: "packets", 3000;
}
