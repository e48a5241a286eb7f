//! Messages and answers are those of the real system for the same calls.

use crate::io::testing::{Session, call, in_process, text};
use oxbeam_runtime::BifContext;
use oxbeam_term::{Term, atoms};

fn options<'h>(cx: &BifContext<'h>, names: &[&str]) -> Vec<Term<'h>> {
    names.iter().map(|name| Term::atom(cx.vm.atoms.intern(name).unwrap())).collect()
}

/// Opens `{spawn, Command}`; an option may also be `line=N` or `packet=N`.
fn spawn(session: &mut Session<'_>, command: &str, names: &[&str]) -> String {
    session.with(|cx| {
        let name = cx.heap.tuple(&[Term::atom(atoms::SPAWN), cx.heap.string(command)]);
        let settings: Vec<Term<'_>> = names
            .iter()
            .map(|name| match name.split_once('=') {
                Some((key, number)) => {
                    let key = Term::atom(cx.vm.atoms.intern(key).unwrap());
                    cx.heap.tuple(&[key, Term::small(number.parse().unwrap())])
                }
                None => options(cx, &[name])[0],
            })
            .collect();
        let settings = cx.heap.list(&settings);
        let port = call(cx, "erts_internal:open_port", &[name, settings]);
        port.map_or_else(|error| error, |port| text(cx.vm, port))
    })
}

fn port_of(name: &str) -> Term<'static> {
    let number = name.trim_start_matches("#Port<0.").trim_end_matches('>');
    Term::port(oxbeam_term::Port(number.parse().unwrap()))
}

fn command(session: &mut Session<'_>, port: Term<'static>, data: &'static str) -> String {
    session.call("erts_internal:port_command", |cx| vec![port, cx.heap.string(data), Term::NIL])
}

#[test]
fn ends_of_programs() {
    in_process(|session| {
        session.trap_exits();
        assert_eq!(spawn(session, "sh -c 'exit 3'", &["exit_status"]), "#Port<0.1>");
        assert_eq!(session.receive(), "{#Port<0.1>,{exit_status,3}}");
        assert_eq!(session.receive(), "{EXIT,#Port<0.1>,normal}");
        spawn(session, "echo hej", &[]);
        assert_eq!(session.receive(), "{#Port<0.2>,{data,\"hej\\n\"}}");
        assert_eq!(session.receive(), "{EXIT,#Port<0.2>,normal}");
        spawn(session, "echo hej", &["eof", "binary"]);
        assert_eq!(session.receive(), "{#Port<0.3>,{data,<<\"hej\\n\">>}}");
        assert_eq!(session.receive(), "{#Port<0.3>,eof}");
        let info = session.call("erts_internal:port_info", |_| vec![port_of("#Port<0.3>")]);
        assert!(info.starts_with(
            "[{name,\"echo hej\"},{links,[<0.0.0>]},{id,24},{connected,<0.0.0>},{input,4},{output,0},{os_pid,"
        ));
        spawn(session, "printf 'abcdefgh\\nij\\nlast'", &["line=5", "eof", "exit_status"]);
        for expected in ["{data,{noeol,\"abcde\"}}", "{data,{eol,\"fgh\"}}", "{data,{eol,\"ij\"}}", "{exit_status,0}"] {
            assert_eq!(session.receive(), format!("{{#Port<0.4>,{expected}}}"));
        }
        assert_eq!(session.receive(), "{#Port<0.4>,{data,{noeol,\"last\"}}}");
        assert_eq!(session.receive(), "{#Port<0.4>,eof}");
        assert_eq!(session.call("erlang:ports", |_| vec![]), "[#Port<0.0>,#Port<0.3>,#Port<0.4>]");
    });
}

#[test]
fn commands_and_closing() {
    in_process(|session| {
        session.trap_exits();
        spawn(session, "cat", &["binary", "packet=2"]);
        let port = port_of("#Port<0.1>");
        assert_eq!(command(session, port, "hello"), "true");
        assert_eq!(session.receive(), "{#Port<0.1>,{data,<<\"hello\">>}}");
        assert_eq!(
            session.call("erts_internal:port_command", |cx| vec![
                port,
                Term::NIL,
                cx.heap.list(&options(cx, &["bad"]))
            ]),
            "badopt"
        );
        assert_eq!(session.call("erts_internal:port_control", |_| vec![port, Term::small(1), Term::NIL]), "badarg");
        assert_eq!(session.call("erts_internal:port_close", |_| vec![port]), "true");
        assert_eq!(session.receive(), "{EXIT,#Port<0.1>,normal}");
        assert_eq!(session.call("erts_internal:port_close", |_| vec![port]), "badarg");
        assert_eq!(session.call("erts_internal:port_info", |_| vec![port]), "undefined");
        assert_eq!(session.call("erlang:port_get_data", |_| vec![port]), "error:badarg");
        spawn(session, "cat", &[]);
        let port = oxbeam_term::Port(2);
        session.with(|cx| {
            let request = cx.heap.tuple(&[Term::pid(cx.pid()), Term::atom(atoms::CLOSE)]);
            cx.vm.ports().unwrap().message(cx.vm, port, cx.pid(), cx.own(request));
        });
        assert_eq!(session.receive(), "{EXIT,#Port<0.2>,normal}");
        assert_eq!(session.receive(), "{#Port<0.2>,closed}");
    });
}

#[test]
fn much_output_makes_the_port_busy() {
    in_process(|session| {
        session.trap_exits();
        spawn(session, "sh -c 'sleep 0.2; wc -c'", &["out", "exit_status"]);
        let port = port_of("#Port<0.1>");
        let send = |session: &mut Session<'_>| {
            session.call("erts_internal:port_command", |cx| {
                vec![port, cx.heap.binary_from_vec(vec![b'x'; 1 << 20]), Term::NIL]
            })
        };
        assert_eq!(send(session), "true");
        assert_eq!(send(session), "wait", "the pipe is full and more waits than a port takes");
        assert_eq!(session.call("erts_internal:port_close", |_| vec![port]), "true");
        assert_eq!(session.receive(), "{EXIT,#Port<0.1>,normal}");
        assert!(session.vm.extension::<super::PortTable>().flush(None));
    });
}

#[test]
fn arguments_are_checked() {
    in_process(|session| {
        assert_eq!(spawn(session, "cat", &["foo"]), "badopt");
        assert_eq!(spawn(session, "cat", &["packet=3"]), "badopt");
        assert_eq!(spawn(session, "cat", &["line", "packet=1"]), "badopt");
        assert_eq!(spawn(session, "", &[]), "badarg");
        let open = |session: &mut Session<'_>, kind: &'static str, name: &'static str| {
            session.call("erts_internal:open_port", |cx| {
                let kind = options(cx, &[kind])[0];
                vec![cx.heap.tuple(&[kind, cx.heap.string(name)]), Term::NIL]
            })
        };
        assert_eq!(open(session, "spawn_executable", "/nonexist"), "enoent");
        assert_eq!(open(session, "spawn_executable", "/etc/passwd"), "eacces");
        assert_eq!(open(session, "spawn_driver", "nodrv"), "badarg");
        assert_eq!(open(session, "foo", "x"), "badarg");
        assert!(open(session, "spawn_driver", "udp_inet").starts_with("#Port<0."));
    });
}
