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
}

fn settings(arguments: &[OsString]) -> Option<Settings> {
    let variable = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    let mut port = variable("ERL_EPMD_PORT").unwrap_or_else(|| oxbeam_sys::epmd::PORT_DEFAULT.to_string());
    let mut addresses = variable("ERL_EPMD_ADDRESS").unwrap_or_default();
    let mut daemon = false;
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-daemon" => daemon = true,
            "-port" => port = arguments.next()?,
            "-address" => addresses = arguments.next()?,
            _ => return None,
        }
    }
    let listed = addresses.split([',', ' ']).filter(|address| !address.is_empty());
    let addresses = listed.map(str::parse).collect::<Result<Vec<IpAddr>, _>>().ok()?;
    Some(Settings { port: port.parse().ok()?, addresses, daemon })
}

/// Serves, or with `-daemon` has somebody in the background serve. Returns the exit status.
pub(crate) fn run(arguments: &[OsString]) -> i32 {
    let Some(settings) = settings(arguments) else {
        complain("usage: oxbeam epmd [-daemon] [-port NUMBER] [-address ADDRESS,...]");
        return 1;
    };
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
    match oxbeam_sys::epmd::serve(settings.port, &settings.addresses) {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("epmd: {error}"));
            1
        }
    }
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
