fn main() {
    std::process::exit(oxbeam_cli_main());
}
fn oxbeam_cli_main() -> i32 {
    0
}
