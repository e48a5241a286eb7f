//! Calls with answers recorded from the real system by `tests/data/record_ets.escript`, and what has references in its
//! answers.

use crate::testing::{Answer, call, check_recording, in_process};
use oxbeam_runtime::BifContext;
use oxbeam_term::{Term, atoms};
use std::collections::BTreeSet;

#[test]
fn answers_as_the_real_system_does() {
    let compared = check_recording(include_bytes!("../../tests/data/ets.etf"));
    assert!(compared > 500, "only {compared} calls were compared");
}

fn atom<'h>(cx: &BifContext<'h>, name: &str) -> Term<'h> {
    Term::atom(cx.vm.atoms.intern(name).expect("room for an atom"))
}

/// The value of `ets:function(arguments)`.
fn ets<'h>(cx: &mut BifContext<'h>, function: &str, arguments: &[Term<'h>]) -> Term<'h> {
    let function = cx.vm.atoms.intern(function).expect("room for an atom");
    match call(cx, atoms::ETS, function, arguments) {
        Some(Answer::Value(value)) => value,
        _ => panic!("{} has no value", cx.text(function)),
    }
}

fn table<'h>(cx: &mut BifContext<'h>, kind: &str, objects: i64) -> Term<'h> {
    let (name, kind) = (atom(cx, "t"), atom(cx, kind));
    let options = cx.heap.list(&[kind]);
    let table = ets(cx, "new", &[name, options]);
    let pairs: Vec<Term<'_>> =
        (0..objects).map(|key| cx.heap.tuple(&[Term::small(key % 4000), Term::small(key)])).collect();
    let pairs = cx.heap.list(&pairs);
    ets(cx, "insert", &[table, pairs]);
    table
}

/// `[{{'_', '$1'}, [], ['$1']}]`
fn second_elements<'h>(cx: &BifContext<'h>) -> Term<'h> {
    let variable = Term::atom(atoms::DOLLAR_1);
    let head = cx.heap.tuple(&[Term::atom(atoms::UNDERSCORE), variable]);
    let clause = cx.heap.tuple(&[head, Term::NIL, cx.heap.list(&[variable])]);
    cx.heap.list(&[clause])
}

fn numbers(list: Term<'_>) -> Vec<i64> {
    list.list_iter().filter_map(Term::as_small).collect()
}

/// Objects of a search in portions of `limit`, which all but the last have.
fn in_portions<'h>(cx: &mut BifContext<'h>, function: &str, table: Term<'h>, limit: i64) -> Vec<i64> {
    let spec = second_elements(cx);
    let mut portion = ets(cx, function, &[table, spec, Term::small(limit)]);
    let mut found = Vec::new();
    let mut short = false;
    while let Some(&[results, continuation]) = portion.as_tuple_of::<2>() {
        let results = numbers(results);
        assert!(!short && !results.is_empty());
        short = results.len() < limit as usize;
        assert!(results.len() <= limit as usize);
        found.extend(results);
        portion = ets(cx, function, &[continuation]);
        // A search that is at its end stays there.
        if continuation.is_atom(atoms::END_OF_TABLE) {
            assert!(portion.is_atom(atoms::END_OF_TABLE));
        }
    }
    assert!(portion.is_atom(atoms::END_OF_TABLE));
    found
}

#[test]
fn long_searches_give_every_object_once() {
    for (kind, count) in [("set", 4000), ("ordered_set", 4000), ("bag", 9000), ("duplicate_bag", 9000)] {
        in_process(move |cx| {
            let table = table(cx, kind, 9000);
            let spec = second_elements(cx);
            let all = numbers(ets(cx, "select", &[table, spec]));
            // Objects of one key of a bag come from the end when few are asked for at a time.
            let in_order = |mut found: Vec<i64>| {
                if kind.ends_with("bag") {
                    found.sort_unstable();
                }
                found
            };
            assert_eq!(all.len(), count);
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), count);
            for limit in [1, 7, 1000, 4500, 20000] {
                let found = in_portions(cx, "select", table, limit);
                assert_eq!(in_order(found), in_order(all.clone()), "{kind} by {limit}");
            }
            let mut reverse = numbers(ets(cx, "select_reverse", &[table, spec]));
            let found = in_portions(cx, "select_reverse", table, 999);
            assert_eq!(in_order(found), in_order(reverse.clone()));
            if kind == "ordered_set" {
                reverse.reverse();
            }
            assert_eq!(reverse, all);
        });
    }
}

#[test]
fn a_fixed_table_can_be_emptied_on_the_way() {
    for kind in ["set", "ordered_set", "bag", "duplicate_bag"] {
        in_process(move |cx| {
            let table = table(cx, kind, 500);
            ets(cx, "safe_fixtable", &[table, Term::TRUE]);
            let mut key = ets(cx, "first", &[table]);
            let mut met = BTreeSet::new();
            while let Some(number) = key.as_small() {
                assert!(met.insert(number));
                ets(cx, "delete", &[table, key]);
                assert!(ets(cx, "lookup", &[table, key]).is_nil());
                // What comes and goes meanwhile changes nothing.
                let object = cx.heap.tuple(&[key, key]);
                ets(cx, "insert", &[table, object]);
                ets(cx, "take", &[table, key]);
                key = ets(cx, "next", &[table, key]);
            }
            assert_eq!(met.len(), 500);
            ets(cx, "safe_fixtable", &[table, Term::FALSE]);
            assert!(ets(cx, "first", &[table]).is_atom(atoms::END_OF_TABLE));
        });
    }
}

#[test]
fn compiled_specifications_run_on_lists() {
    in_process(|cx| {
        let spec = second_elements(cx);
        let compiled = ets(cx, "match_spec_compile", &[spec]);
        assert!(ets(cx, "is_compiled_ms", &[compiled]).is_atom(atoms::TRUE));
        let pairs: Vec<Term<'_>> = (0..20_000).map(|number| cx.heap.tuple(&[Term::NIL, Term::small(number)])).collect();
        let pairs = cx.heap.list(&pairs);
        let results = ets(cx, "match_spec_run_r", &[pairs, compiled, Term::NIL]);
        assert_eq!(numbers(results), (0..20_000).rev().collect::<Vec<_>>());
    });
}
