//! `oxbeam epmd`, and starting it for a node that has a name.

use crate::complain;
use oxbeam_command_line::Environment;
use std::env;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A new port mapper listens after some milliseconds; nobody waits for it longer than these many times ten.
const WAITS_MAX: u32 = 200;

/// What the arguments and the environment say.
struct Settings {
    port: u16,
    addresses: Vec<IpAddr>,
    daemon: bool,
    relaxed: bool,
    question: Option<Question>,
}

/// What a running port mapper is asked.
enum Question {
    /// Which nodes are there?
    Names,
    /// To end.
    Kill,
    /// To forget a node.
    Stop(String),
}

fn settings(arguments: &[OsString]) -> Option<Settings> {
    let variable = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    let mut port = variable("ERL_EPMD_PORT").unwrap_or_else(|| oxbeam_sys::epmd::PORT_DEFAULT.to_string());
    let mut addresses = variable("ERL_EPMD_ADDRESS").unwrap_or_default();
    let (mut daemon, mut relaxed, mut question) = (false, false, None);
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-daemon" => daemon = true,
            "-port" => port = arguments.next()?,
            "-address" => addresses = arguments.next()?,
            "-relaxed_command_check" => relaxed = true,
            "-names" => question = Some(Question::Names),
            "-kill" => question = Some(Question::Kill),
            "-stop" => question = Some(Question::Stop(arguments.next()?)),
            _ => return None,
        }
    }
    let listed = addresses.split([',', ' ']).filter(|address| !address.is_empty());
    let addresses = listed.map(str::parse).collect::<Result<Vec<IpAddr>, _>>().ok()?;
    Some(Settings { port: port.parse().ok()?, addresses, daemon, relaxed, question })
}

/// Serves, or with `-daemon` has somebody in the background serve. Returns the exit status.
pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let Some(settings) = settings(arguments) else {
        complain(
            "usage: oxbeam epmd [-daemon] [-port NUMBER] [-address ADDRESS,...] [-relaxed_command_check]\n\
             \x20              epmd [-port NUMBER] -names|-kill|-stop NAME",
        );
        return 1;
    };
    if let Some(question) = &settings.question {
        return ask(settings.port, question);
    }
    if settings.daemon {
        let others = arguments.iter().filter(|argument| *argument != "-daemon");
        let child = env::current_exe().and_then(|executable| {
            Command::new("setsid")
                .arg(executable)
                .arg("epmd")
                .args(others)
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        });
        if let Err(error) = child {
            complain(&format!("epmd: {error}"));
            return 1;
        }
        wait_for(settings.port);
        return 0;
    }
    match oxbeam_sys::epmd::serve(settings.port, &settings.addresses, settings.relaxed) {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("epmd: {error}"));
            1
        }
    }
}

/// Asks a running port mapper, and says what it answers in the words of OTP's `epmd`.
fn ask(port: u16, question: &Question) -> i32 {
    let request = match question {
        Question::Names => b"n".to_vec(),
        Question::Kill => b"k".to_vec(),
        Question::Stop(name) => [b"s", name.as_bytes()].concat(),
    };
    let Ok(answer) = oxbeam_sys::epmd::ask(port, &request) else {
        println!("epmd: Cannot connect to local epmd");
        return 1;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, status) = match (question, answer.as_slice()) {
        (Question::Names, [_, _, _, _, names @ ..]) => {
            (format!("epmd: up and running on port {port} with data:\n{}", text(names)), 0)
        }
        (Question::Kill, b"OK") => ("Killed\n".into(), 0),
        (Question::Kill, b"NO") => ("Killing not allowed - living nodes in database.\n".into(), 1),
        (Question::Stop(_), [_, _, _, _, _, _, _]) => (format!("{}\n", text(&answer)), 0),
        (_, other) => (format!("epmd: local epmd responded with <{}>\n", text(other)), 1),
    };
    print!("{said}");
    status
}

fn is_served(port: u16) -> bool {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

fn wait_for(port: u16) {
    for _ in 0..WAITS_MAX {
        if is_served(port) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Has a port mapper run: the command that was asked for, or ours in place of OTP's own.
pub(crate) fn start(command: &[u8], environment: &Environment) {
    let quoted = command.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\" -daemon"));
    let root = environment.get("ROOTDIR").unwrap_or_default();
    let is_default = quoted.is_some_and(|program| program.starts_with(root));
    let mut child = match env::current_exe() {
        Ok(executable) if is_default => {
            let mut child = Command::new(executable);
            child.args(["epmd", "-daemon"]);
            child
        }
        _ => {
            let mut child = Command::new("/bin/sh");
            child.arg("-c").arg(OsStr::from_bytes(command));
            child
        }
    };
    let variables = environment.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value)));
    // As in OTP, nobody looks at how it went: the kernel says so when it cannot register.
    let _ = child.env_clear().envs(variables).stdin(Stdio::null()).status();
}
