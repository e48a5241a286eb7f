//! Signals belong to the whole process, and the main thread must block them first: so this test has its own
//! `main`, which runs itself again to be the process that gets the signals.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use oxbeam_sys::Errno;
use oxbeam_sys::signals::{Disposition, Signal, Signals};

const INSIDE: &str = "OXBEAM_SYS_SIGNALS_INSIDE";

fn main() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let output = Command::new(std::env::current_exe().unwrap()).env(INSIDE, "1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "handled and ignored\n", "{errors}");
    assert_eq!(output.status.signal(), Some(Signal::Terminate.number()), "{errors}");
}

fn inside() {
    let (sender, arrivals) = mpsc::channel();
    let signals = Signals::install(Box::new(move |signal| sender.send(signal).unwrap())).unwrap();
    // Another thread, as the schedulers are: it must not be hit either.
    std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
    // Each `send` is a child that ends, so this one comes alone.
    signals.set(Signal::Child, Disposition::Handle).unwrap();
    send(Signal::Child);
    assert_eq!(next(&arrivals), Some(Signal::Child));
    signals.set(Signal::Child, Disposition::Ignore).unwrap();
    while next(&arrivals).is_some() {}
    for signal in [Signal::User1, Signal::Terminate, Signal::WindowChange] {
        signals.set(signal, Disposition::Handle).unwrap();
        send(signal);
        assert_eq!(next(&arrivals), Some(signal));
    }
    assert_eq!(signals.set(Signal::Stop, Disposition::Handle), Err(Errno::EINVAL));
    signals.set(Signal::Terminate, Disposition::Ignore).unwrap();
    send(Signal::Terminate);
    assert_eq!(next(&arrivals), None);
    assert_eq!(Command::new("/bin/sh").args(["-c", "exit 3"]).status().unwrap().code(), Some(3));
    println!("handled and ignored");
    signals.set(Signal::Terminate, Disposition::Default).unwrap();
    send(Signal::Terminate);
    std::thread::sleep(Duration::from_secs(10));
    panic!("the default of SIGTERM is to end the process");
}

/// From outside, as signals come.
fn send(signal: Signal) {
    let number = signal.number().to_string();
    let status = Command::new("kill").args(["-s", &number, &std::process::id().to_string()]).status();
    assert!(status.unwrap().success());
}

fn next(arrivals: &Receiver<Signal>) -> Option<Signal> {
    arrivals.recv_timeout(Duration::from_millis(500)).ok()
}
