//! What a machine loads when it starts: read and parsed ahead, while other work is done.
//!
//! The lists are guesses: what they have too much is parsed in vain, what they lack is parsed when it is loaded.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Applications and modules that OTP loads before its first program runs, about in that order.
const OTP: [&str; 78] = [
    "kernel/error_handler",
    "kernel/application",
    "kernel/application_controller",
    "kernel/application_master",
    "kernel/code",
    "kernel/code_server",
    "stdlib/erl_eval",
    "stdlib/erl_lint",
    "stdlib/gen_server",
    "kernel/heart",
    "kernel/kernel",
    "kernel/logger",
    "kernel/error_logger",
    "kernel/logger_filters",
    "kernel/logger_server",
    "stdlib/ets",
    "kernel/logger_backend",
    "kernel/logger_config",
    "kernel/logger_simple_h",
    "kernel/file",
    "stdlib/lists",
    "stdlib/filename",
    "kernel/file_server",
    "stdlib/proc_lib",
    "kernel/file_io_server",
    "stdlib/gen",
    "stdlib/supervisor",
    "stdlib/gen_event",
    "stdlib/erl_parse",
    "kernel/logger_proxy",
    "kernel/logger_olp",
    "stdlib/queue",
    "stdlib/proplists",
    "kernel/os",
    "stdlib/peer",
    "stdlib/beam_lib",
    "stdlib/binary",
    "stdlib/gb_sets",
    "stdlib/gb_trees",
    "stdlib/unicode",
    "stdlib/erl_features",
    "kernel/standard_error",
    "stdlib/supervisor_bridge",
    "kernel/inet_db",
    "kernel/inet_config",
    "kernel/inet_udp",
    "kernel/inet",
    "kernel/inet_parse",
    "kernel/inet_gethost_native",
    "kernel/rpc",
    "kernel/net_kernel",
    "kernel/global",
    "stdlib/rand",
    "stdlib/maps",
    "kernel/erl_distribution",
    "kernel/global_group",
    "kernel/erpc",
    "kernel/user_sup",
    "kernel/user_drv",
    "stdlib/gen_statem",
    "kernel/prim_tty",
    "stdlib/io",
    "kernel/group",
    "stdlib/edlin",
    "stdlib/io_lib",
    "kernel/logger_sup",
    "stdlib/edlin_key",
    "stdlib/io_lib_format",
    "kernel/logger_handler_watcher",
    "kernel/kernel_config",
    "kernel/kernel_refc",
    "kernel/erl_signal_handler",
    "kernel/logger_formatter",
    "kernel/logger_std_h",
    "kernel/logger_h_common",
    "stdlib/c",
    "stdlib/orddict",
    "kernel/raw_file_io",
];

/// What Elixir's command line loads after that.
const ELIXIR: [&str; 39] = [
    "elixir/elixir",
    "stdlib/epp",
    "stdlib/erl_scan",
    "stdlib/erl_anno",
    "stdlib/string",
    "stdlib/unicode_util",
    "elixir/Elixir.Kernel",
    "elixir/Elixir.Macro.Env",
    "elixir/Elixir.System",
    "elixir/Elixir.String.Tokenizer",
    "elixir/elixir_config",
    "elixir/elixir_sup",
    "elixir/elixir_code_server",
    "logger/Elixir.Logger",
    "logger/Elixir.Logger.App",
    "elixir/Elixir.Application",
    "elixir/Elixir.Supervisor",
    "elixir/Elixir.Keyword",
    "elixir/Elixir.Enum",
    "elixir/Elixir.Access",
    "elixir/Elixir.Supervisor.Default",
    "logger/Elixir.Logger.Formatter",
    "elixir/Elixir.Regex",
    "elixir/Elixir.IO.ANSI",
    "elixir/Elixir.Map",
    "logger/Elixir.Logger.Utils",
    "elixir/Elixir.Kernel.CLI",
    "elixir/Elixir.Code",
    "elixir/elixir_env",
    "elixir/elixir_dispatch",
    "elixir/Elixir.List.Chars",
    "elixir/Elixir.List.Chars.List",
    "elixir/elixir_tokenizer",
    "elixir/elixir_parser",
    "elixir/Elixir.Module.ParallelChecker",
    "elixir/elixir_erl_var",
    "elixir/elixir_expand",
    "elixir/elixir_erl_pass",
    "elixir/elixir_erl",
];

/// What IEx loads after that, up to its prompt.
const IEX: [&str; 31] = [
    "elixir/iex",
    "stdlib/re",
    "kernel/group_history",
    "stdlib/timer",
    "stdlib/eval_bits",
    "iex/Elixir.IEx.App",
    "iex/Elixir.IEx.Config",
    "iex/Elixir.IEx.Broker",
    "iex/Elixir.IEx.Pry",
    "elixir/Elixir.Agent",
    "elixir/Elixir.GenServer",
    "elixir/Elixir.Agent.Server",
    "elixir/Elixir.Process",
    "iex/Elixir.IEx.Server",
    "elixir/Elixir.IO",
    "iex/Elixir.IEx.Evaluator",
    "iex/Elixir.IEx.History",
    "elixir/elixir_quote",
    "elixir/elixir_aliases",
    "iex/Elixir.IEx.Helpers",
    "elixir/elixir_import",
    "stdlib/ordsets",
    "elixir/Elixir.String",
    "elixir/Elixir.Path",
    "elixir/Elixir.File",
    "elixir/Elixir.List",
    "elixir/elixir_utils",
    "elixir/Elixir.Node",
    "elixir/Elixir.String.Chars",
    "elixir/Elixir.String.Chars.Integer",
    "elixir/Elixir.String.Chars.Atom",
];

/// The files of the modules that a machine with OTP in `root` and these arguments of `init` will load.
pub(crate) fn files(root: &Path, arguments: &[Vec<u8>]) -> Vec<PathBuf> {
    let mut folders = HashMap::new();
    for entry in std::fs::read_dir(root.join("lib")).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if let Some((application, _version)) = name.to_str().and_then(|name| name.split_once('-')) {
            folders.insert(application.to_owned(), entry.path().join("ebin"));
        }
    }
    let mut modules = OTP.to_vec();
    if let Some(place) = arguments.iter().position(|argument| argument == b"-elixir_root")
        && let Some(libraries) = arguments.get(place + 1)
    {
        for application in ["elixir", "logger", "iex"] {
            let folder = Path::new(OsStr::from_bytes(libraries)).join(application).join("ebin");
            folders.insert(application.to_owned(), folder);
        }
        modules.extend(ELIXIR);
        if arguments.iter().any(|argument| argument == b"+iex") {
            modules.extend(IEX);
        }
    }
    let file = |module: &&str| {
        let (application, module) = module.split_once('/')?;
        Some(folders.get(application)?.join(format!("{module}.beam")))
    };
    modules.iter().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that has moved would be parsed when it is loaded, and nobody would notice.
    #[test]
    fn all_guesses_are_files_of_the_setup() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let libraries = top.join(".setup/lib/elixir/lib");
        let arguments =
            [&b"-elixir_root"[..], libraries.as_os_str().as_bytes(), b"-extra", b"+iex"].map(<[u8]>::to_vec);
        let found = files(&top.join(".setup/lib/erlang"), &arguments);
        assert_eq!(found.len(), OTP.len() + ELIXIR.len() + IEX.len(), "bin/setup makes the folders");
        let missing: Vec<_> = found.iter().filter(|file| !file.is_file()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
    #[test]
    fn without_elixir_only_modules_of_otp_are_guessed() {
        let folder = std::env::temp_dir().join(format!("oxbeam-start-modules-{}", std::process::id()));
        for application in ["kernel-10.2", "stdlib-6.2", "other"] {
            std::fs::create_dir_all(folder.join("lib").join(application)).unwrap();
        }
        let found = files(&folder, &[b"-noshell".to_vec()]);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.len(), OTP.len());
        assert!(found[0].starts_with(folder.join("lib/kernel-10.2/ebin")), "{:?}", found[0]);
    }
}
