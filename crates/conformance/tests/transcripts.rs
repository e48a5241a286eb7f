//! Replays every transcript on the machine in `bin/`. The environment variable `OXBEAM_TRANSCRIPTS` filters by name.

use std::path::Path;

use oxbeam_conformance::{Replay, Verdict};

#[test]
fn every_transcript_reads_as_on_the_real_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies in crates/");
    let mut replay = Replay::new(root.to_path_buf());
    replay.only = std::env::var("OXBEAM_TRANSCRIPTS").ok();
    let summary = replay
        .run(&|transcript, verdict, _| match verdict {
            Verdict::Passed | Verdict::PassedAgain(_) | Verdict::FailedAsExpected => {}
            Verdict::Failed(difference) => println!("{}:\n{difference}", transcript.name),
            Verdict::SurprisePass => println!("{}: passes, but is listed as failing", transcript.name),
        })
        .expect("the transcripts can be run");
    println!("{summary}");
    assert!(summary.is_success(), "{summary}");
}
