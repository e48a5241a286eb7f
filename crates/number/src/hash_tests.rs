//! Hashes of terms, computed over the documented walks and compared with the real system's.

use super::*;
use crate::integer::parse_integer;

/// Just enough of a term to follow the documented walks.
enum T {
    Atom(&'static str),
    Int(&'static str),
    Float(f64),
    Bits(&'static [u8], Option<(u8, u32)>),
    Nil,
    Cons(Box<T>, Box<T>),
    Tuple(Vec<T>),
    Map(Vec<(T, T)>),
    Export(&'static str, &'static str, u32),
}
use T::*;

fn list(elements: Vec<T>, tail: T) -> T {
    elements.into_iter().rev().fold(tail, |tail, head| Cons(Box::new(head), Box::new(tail)))
}

fn string(bytes: &str) -> T {
    list(bytes.bytes().map(|byte| Int(Box::leak(byte.to_string().into_boxed_str()))).collect(), Nil)
}

fn byte(term: &T) -> Option<u8> {
    if let Int(text) = term { text.parse().ok() } else { None }
}

fn walk2(mut term: &T, hash: &mut Hash2) {
    loop {
        match term {
            Atom(name) => hash.atom(atom_hash(name)),
            Int(text) => match text.parse::<i64>() {
                Ok(value) => hash.integer(value),
                Err(_) => hash.big(&parse_integer(text.as_bytes(), 10).unwrap().into_big()),
            },
            Float(value) => hash.float(*value),
            Bits(bytes, tail) => hash.bitstring(bytes, *tail),
            Nil => hash.nil(),
            Cons(..) => {
                let (mut packed, mut count) = (0u32, 0);
                while let Cons(head, tail) = term
                    && let Some(byte) = byte(head)
                {
                    packed = packed << 8 | byte as u32;
                    count += 1;
                    if count == 4 {
                        hash.list_bytes(packed);
                        (packed, count) = (0, 0);
                    }
                    term = tail;
                }
                if count > 0 {
                    hash.list_bytes(packed);
                }
                if let Cons(head, tail) = term {
                    walk2(head, hash);
                    term = tail;
                }
                continue;
            }
            Tuple(elements) => {
                hash.tuple(elements.len() as u32);
                elements.iter().for_each(|element| walk2(element, hash));
            }
            Map(pairs) => {
                hash.map(pairs.len() as u32);
                if !pairs.is_empty() {
                    let mut all = 0;
                    for (key, value) in pairs {
                        let mut pair = Hash2::default();
                        walk2(key, &mut pair);
                        walk2(value, &mut pair);
                        all ^= pair.0;
                    }
                    hash.map_end(all);
                }
            }
            Export(module, function, arity) => hash.export_fun(atom_hash(module), atom_hash(function), *arity),
        }
        return;
    }
}

fn walk1(mut term: &T, hash: &mut Hash1) {
    match term {
        Atom(name) => hash.atom(atom_hash(name)),
        Int(text) => match text.parse::<i64>() {
            Ok(value) => hash.integer(value),
            Err(_) => hash.big(&parse_integer(text.as_bytes(), 10).unwrap().into_big()),
        },
        Float(value) => hash.float(*value),
        Bits(bytes, tail) => hash.bitstring(bytes, *tail),
        Nil => hash.nil(),
        Cons(..) => {
            while let Cons(head, tail) = term {
                match byte(head) {
                    Some(byte) => hash.list_byte(byte),
                    None => walk1(head, hash),
                }
                term = tail;
            }
            walk1(term, hash);
            hash.list_end();
        }
        Tuple(elements) => {
            elements.iter().for_each(|element| walk1(element, hash));
            hash.tuple_end(elements.len() as u32);
        }
        Map(_) => {
            let mut inner = Hash2::default();
            walk2(term, &mut inner);
            hash.map(inner.0);
        }
        Export(module, function, arity) => hash.export_fun(atom_hash(module), atom_hash(function), *arity),
    }
}

/// `phash2(Term, 1 bsl 32)` and `phash(Term, 1 bsl 32)` of the real system.
#[test]
fn portable_hashes() {
    let inner = || Map(vec![(Atom("c"), list(vec![Int("1"), Int("2"), Int("3")], Nil))]);
    for (term, hash2, hash1) in [
        (Atom("hello"), 7258927, 7258928),
        (Bits(b"abc", None), 1306188027, 1972007566),
        (Tuple(vec![Atom("a"), Int("1"), Float(2.0)]), 1514185363, 4065972894),
        (Nil, 3468870702, 2),
        (Int("0"), 3175731469, 1),
        (Int("1"), 539485162, 2788898428),
        (Int("-1"), 1117813597, 1680185270),
        (Int("134217727"), 4273352567, 1192343453),
        (Int("134217728"), 2562491755, 2147483673),
        (Int("-134217728"), 874979335, 2147489129),
        (Int("-134217729"), 1418916782, 3827674398),
        (Int("1099511627776"), 282329375, 1920229268),
        (Int("-1099511627776"), 2464100025, 3765867550),
        (Int("18446744073709551616"), 2519041713, 2788898428),
        (Int("-18446744073709551616"), 2563594619, 1680185270),
        (Int("1361129467683753853853498429727072845829"), 462250399, 1794539732),
        (Float(1.5), 2023646235, 1073217537),
        (Float(-0.0), 423528920, 1),
        (Float(0.0), 423528920, 1),
        (Float(-3.25e100), 2949007386, 2312899091),
        (Bits(b"", None), 147926629, 1),
        (Bits(b"", Some((1, 1))), 3994547237, 808817679),
        (Bits(&[1, 2], Some((3, 5))), 946117966, 2282888502),
        (Bits(b"hello world, this is a long binary", None), 883535061, 3078547197),
        (string("abc"), 519996486, 3654580166),
        (string("abcd"), 1752753207, 1938728202),
        (string("abcdefghi"), 345885043, 59490905),
        (list(vec![Int("1000")], Nil), 1257028022, 224197133),
        (list(vec![Int("1"), Int("2"), Int("1000"), Int("3")], Int("4")), 4281756172, 3770596590),
        (list(vec![list(vec![Atom("a")], Nil), Atom("b")], Nil), 590572748, 600436630),
        (Tuple(vec![]), 221703996, 1),
        (Tuple(vec![Atom("a"), Tuple(vec![Atom("b"), Atom("c")])]), 3175231090, 1156310267),
        (Map(vec![]), 844985373, 1113425985),
        (Map(vec![(Atom("a"), Int("1"))]), 1401795262, 1670235874),
        (Map(vec![(Atom("a"), Int("1")), (Atom("b"), inner())]), 3444323315, 3712763927),
        (Export("lists", "map", 2), 840287883, 904024396),
        (list(vec![Atom("a")], Atom("b")), 2356411656, 4159696708),
        (Atom("åäö"), 62518, 62519),
        (Atom("λb"), 55826, 55827),
    ] {
        let (mut ours2, mut ours1) = (Hash2::default(), Hash1::default());
        walk2(&term, &mut ours2);
        walk1(&term, &mut ours1);
        assert_eq!((ours2.0, ours1.in_range(1 << 32)), (hash2, hash1));
    }
}

#[test]
fn known_answers_of_27_bits() {
    let mut hash = Hash2::default();
    hash.atom(atom_hash("hello"));
    assert_eq!(hash.portable(), 7258927);
    let mut hash = Hash2::default();
    hash.bitstring(b"abc", None);
    assert_eq!(hash.portable(), 98228475);
    let mut hash = Hash2::default();
    walk2(&Tuple(vec![Atom("a"), Int("1"), Float(2.0)]), &mut hash);
    assert_eq!(hash.portable(), 37790355);
}

fn internal(feed: impl FnOnce(&mut InternalHash)) -> u64 {
    let mut hash = InternalHash::new(0);
    feed(&mut hash);
    hash.finish()
}

/// `erts_debug:get_internal_state({internal_hash, Term})` of the real system.
#[test]
fn internal_hashes_of_single_values() {
    assert_eq!(immediate_hash(small_word(1)), 7938660269479274665);
    assert_eq!(immediate_hash(small_word(-1)), 7256831767414464289);
    assert_eq!(immediate_hash(small_word(0)), 15677855740172624429);
    assert_eq!(immediate_hash(small_word(123456789012)), 4336241639136313627);
    assert_eq!(immediate_hash(NIL_WORD), 16046243290777390298);
    assert_eq!(internal(|hash| hash.big(&[0, 1], false)), 773736285751472253);
    assert_eq!(internal(|hash| hash.big(&[0, 1], true)), 3172865441596689284);
    assert_eq!(internal(|hash| hash.big(&[0, 0, 4], false)), 15672931946983700453);
    assert_eq!(internal(|hash| hash.float(1.5)), 15485676177230109356);
    assert_eq!(internal(|hash| hash.float(-0.0)), 7012789198383875584);
    assert_eq!(internal(|hash| hash.float(0.0)), 8159373324831745810);
    for (bytes, tail, answer) in [
        (&b""[..], None, 13239095599208416018),
        (b"a", None, 919659365495508815),
        (b"hello world 12345", None, 1177101435698637145),
        (b"12345678", None, 10115115637456423250),
        (b"123456789", None, 10429413774857539410),
        (b"123456789012345", None, 15819127769360814516),
        (b"", Some((5, 3)), 18342605952617629842),
        (&[1, 2], Some((5, 3)), 7915766221046392814),
    ] {
        assert_eq!(internal(|hash| hash.bitstring(bytes, tail)), answer);
    }
}

#[test]
fn internal_hashes_of_compounds() {
    let tuple = |hash: &mut InternalHash, arity| {
        hash.alpha(kind::TUPLE);
        hash.beta(arity);
    };
    assert_eq!(internal(|hash| tuple(hash, 0)), 4510301282025278020);
    let one_element = internal(|hash| {
        tuple(hash, 1);
        hash.immediate(small_word(1));
    });
    assert_eq!(one_element, 831854150511400899);
    // {<<"a">>, 1, {}, 2}: immediates first, then what was postponed, last first.
    let postponed = internal(|hash| {
        tuple(hash, 4);
        hash.alpha(kind::ARRAY_ELEMENT);
        hash.immediate(small_word(1));
        hash.alpha(kind::ARRAY_ELEMENT);
        hash.immediate(small_word(2));
        tuple(hash, 0);
        hash.bitstring(b"a", None);
    });
    assert_eq!(postponed, 16669233395374348764);
    // "abcdefg"
    let text = internal(|hash| {
        hash.list_bytes(0x61626364, 4);
        hash.list_bytes(0x656667, 3);
        hash.immediate(NIL_WORD);
    });
    assert_eq!(text, 3580344014601737677);
    // [1, 1000 | 2]
    let improper = internal(|hash| {
        hash.list_bytes(1, 1);
        hash.alpha(kind::IMMEDIATE | kind::CAR << 32);
        hash.beta(small_word(1000));
        hash.alpha(kind::CDR);
        hash.immediate(small_word(2));
    });
    assert_eq!(improper, 5538162600378165684);
    // [{1} | 2]
    let boxed_head = internal(|hash| {
        hash.alpha(kind::CAR);
        tuple(hash, 1);
        hash.immediate(small_word(1));
        hash.beta(kind::CDR);
        hash.immediate(small_word(2));
    });
    assert_eq!(boxed_head, 3456229367265482790);
    // #{1 => 2, 3 => {4}}
    let map = internal(|hash| {
        hash.alpha(kind::FLATMAP);
        hash.beta(2);
        hash.immediate(small_word(2));
        hash.immediate(small_word(1));
        hash.alpha(kind::ARRAY_ELEMENT);
        hash.immediate(small_word(3));
        tuple(hash, 1);
        hash.immediate(small_word(4));
    });
    assert_eq!(map, 832533113804731839);
}

/// The order of the real system's `maps:iterator` over 40 associations.
#[test]
fn order_of_keys_in_a_large_map() {
    let mut keys: Vec<i64> = (1..=40).collect();
    // Lowest four bits first.
    let path = |key: &i64| {
        let hash = immediate_hash(small_word(*key));
        (0..16).map(|level| (hash >> (4 * level)) & 0xf).collect::<Vec<_>>()
    };
    keys.sort_by_key(path);
    assert_eq!(
        keys,
        [
            18, 4, 34, 12, 19, 29, 13, 2, 7, 38, 31, 8, 10, 23, 9, 15, 35, 36, 32, 1, 25, 28, 20, 6, 11, 17, 24, 37,
            40, 14, 33, 3, 16, 30, 21, 5, 27, 26, 22, 39
        ]
    );
}
