#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oxbeam_fuzz::match_spec(data));
