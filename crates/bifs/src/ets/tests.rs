//! A sequence of calls, with answers recorded from the real system by `tests/data/record_ets.escript`.

#[test]
fn answers_as_the_real_system_does() {
    let compared = crate::testing::check_recording(include_bytes!("../../tests/data/ets.etf"));
    assert!(compared > 500, "only {compared} calls were compared");
}
