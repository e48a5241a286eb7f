//! The external term format against what the real system wrote (`data/terms.txt`, recorded by `data/record.escript`).

use oxbeam_etf::{
    DecodeContext, DecodeError, DecodeOptions, Decoded, Decoder, EncodeContext, EncodeOptions, Encoder, FunIdentity,
    Node, decode, encode, encoded_size,
};
use oxbeam_term::{ATOM_LIMIT_DEFAULT, Atom, AtomTable, Export, FunEntry, Heap, HeapOptions, Pid, Term, Value};
use std::cell::RefCell;

struct TestContext {
    atoms: AtomTable,
    node: Node,
    exports: RefCell<Vec<&'static Export>>,
}

impl TestContext {
    fn new() -> TestContext {
        let atoms = AtomTable::new(ATOM_LIMIT_DEFAULT);
        let name = atoms.intern("nonode@nohost").expect("a new table has room");
        TestContext { atoms, node: Node { name, creation: 0 }, exports: RefCell::default() }
    }
}

impl EncodeContext for TestContext {
    fn atoms(&self) -> &AtomTable {
        &self.atoms
    }
    fn node(&self) -> Node {
        self.node
    }
    fn local_key(&self) -> u64 {
        42
    }
}

impl DecodeContext for TestContext {
    fn export(&self, module: Atom, function: Atom, arity: u8, existing_only: bool) -> Option<&'static Export> {
        let mut exports = self.exports.borrow_mut();
        let same = |export: &&&Export| (export.module, export.function, export.arity) == (module, function, arity);
        if let Some(export) = exports.iter().find(same) {
            return Some(export);
        }
        if existing_only {
            return None;
        }
        let (address, bif) = Default::default();
        let export: &'static Export = Box::leak(Box::new(Export { module, function, arity, address, bif }));
        exports.push(export);
        Some(export)
    }
    fn fun<'h>(&self, heap: &'h Heap, identity: &FunIdentity, environment: &[Term<'h>]) -> Option<Term<'h>> {
        let entry: &'static FunEntry = Box::leak(Box::new(FunEntry {
            module: identity.module,
            function: identity.module,
            arity: identity.arity,
            free_count: identity.free_count,
            index: identity.index,
            old_uniq: identity.old_uniq,
            uniq: identity.uniq,
            address: Default::default(),
        }));
        // SAFETY: the entry is leaked, so it outlives every heap.
        Some(unsafe { heap.fun(entry, environment) })
    }
}

fn heap() -> Heap {
    Heap::new(HeapOptions::default())
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.bytes().filter(|byte| *byte != b' ').map(|byte| (byte as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn plain() -> EncodeOptions {
    EncodeOptions::default()
}

/// Text, plain form, and the forms of minor versions 0 and 1 and of `deterministic`.
fn recorded() -> Vec<(&'static str, [Vec<u8>; 4])> {
    let lines = include_str!("data/terms.txt").lines().skip(1);
    let recorded: Vec<_> = lines
        .map(|line| {
            let mut columns: Vec<&str> = line.rsplitn(5, " | ").collect();
            columns.reverse();
            (columns[0], [1, 2, 3, 4].map(|column| from_hex(columns[column])))
        })
        .collect();
    assert!(recorded.len() > 120);
    recorded
}

/// The order of a flat map follows the numbers of its atoms, which are other ones here.
const ORDER_OF_ATOMS: [&str; 3] = [
    "#{zebra => 1, apple => 2, mango => #{y => 1, x => 2}}",
    "#{b => 1, a => 2, c => 3}",
    "{ok, [#{name => <<\"x\">>, tags => [a, b, \"c\"]}, {error, {bad, 1.5, [1 bsl 70]}}]}",
];

#[test]
fn writes_what_it_read() {
    let context = TestContext::new();
    for (text, forms) in recorded() {
        let heap = heap();
        let Decoded { term, used } = decode(&forms[0], &heap, &context, DecodeOptions::default()).expect(text);
        assert_eq!(used, forms[0].len(), "{text}");
        let options = [
            plain(),
            EncodeOptions { minor_version: 0, ..plain() },
            EncodeOptions { minor_version: 1, ..plain() },
            EncodeOptions { deterministic: true, ..plain() },
        ];
        for (index, (options, form)) in options.into_iter().zip(&forms).enumerate() {
            if index != 3 && ORDER_OF_ATOMS.contains(&text) {
                continue;
            }
            assert_eq!(&encode(term, &context, options).unwrap(), form, "{text} with {options:?}");
            assert_eq!(
                encoded_size(term, &context, options, &mut { usize::MAX }),
                Ok(Some(form.len())),
                "{text} with {options:?}"
            );
        }
    }
}

#[test]
fn reads_every_form_as_the_same_term() {
    let context = TestContext::new();
    for (text, forms) in recorded() {
        let heap = heap();
        let first = decode(&forms[0], &heap, &context, DecodeOptions::default()).expect(text).term;
        for form in &forms[1..] {
            let other = decode(form, &heap, &context, DecodeOptions::default()).expect(text).term;
            assert!(first.is_exactly(other) || text.contains("112,0,0,0,0"), "{text}");
        }
    }
}

#[test]
fn works_in_steps() {
    let context = TestContext::new();
    for (text, forms) in recorded() {
        let heap = heap();
        let mut decoder = Decoder::new(DecodeOptions::default());
        let term = loop {
            if let Some(decoded) = decoder.step(&forms[3], &heap, &context, &mut 1).expect(text) {
                break decoded.term;
            }
        };
        let mut encoder = Encoder::new(term, EncodeOptions { deterministic: true, ..plain() });
        let bytes = loop {
            if let Some(bytes) = encoder.step(&context, &mut 1).expect(text) {
                break bytes;
            }
        };
        assert_eq!(bytes, forms[3], "{text}");
    }
}

#[test]
fn strings_end_at_65535_bytes() {
    let (context, heap) = (TestContext::new(), heap());
    let string = encode(heap.byte_list(&[7; 65535], Term::NIL), &context, plain()).unwrap();
    assert_eq!(string[..5], [131, 107, 255, 255, 7]);
    assert_eq!(string.len(), 4 + 65535);
    let list = encode(heap.byte_list(&[7; 65536], Term::NIL), &context, plain()).unwrap();
    assert_eq!(list[..8], [131, 108, 0, 1, 0, 0, 97, 7]);
    assert_eq!(list.len(), 6 + 2 * 65536 + 1);
    assert_eq!(list.last(), Some(&106));
}

/// What the real system makes of bytes that it does not write itself.
#[test]
fn reads_old_and_odd_forms() {
    let (context, heap) = (TestContext::new(), heap());
    let check = |bytes: &[u8], same: &[u8]| {
        let read = |bytes| decode(bytes, &heap, &context, DecodeOptions::default()).map(|decoded| decoded.term);
        let (a, b) = (read(bytes), read(same).expect("the plain form is right"));
        assert!(a.is_ok_and(|a| a.is_exactly(b)), "{bytes:?} is {a:?}");
    };
    check(&[131, 108, 0, 0, 0, 0, 97, 1], &[131, 97, 1]);
    check(&[131, 110, 1, 7, 5], &[131, 98, 255, 255, 255, 251]);
    check(&[131, 110, 0, 1], &[131, 97, 0]);
    check(&[131, 111, 0, 0, 0, 3, 1, 1, 2, 3], &from_hex("8362fffcfdff"));
    check(&float_text("1.00000000000000000000e+00"), &from_hex("83463ff0000000000000"));
    check(&float_text("1,5"), &from_hex("83463ff8000000000000"));
    check(&float_text("1.5e-999"), &from_hex("83460000000000000000"));
    check(&[131, 77, 0, 0, 0, 1, 8, 255], &[131, 109, 0, 0, 0, 1, 255]);
    check(&[131, 100, 0, 1, 229], &[131, 119, 2, 195, 165]);
    check(&[131, 118, 0, 1, 97], &[131, 119, 1, 97]);
    check(&[131, 115, 1, 97], &[131, 119, 1, 97]);
    check(&[131, 107, 0, 0], &[131, 106]);
    check(&[131, 97, 1, 97, 2], &[131, 97, 1]);
    // <14438.1.2>, #Port<14438.1>, #Ref<14438.1>, #Ref<14438.5>, all of a@b.
    check(&from_hex("836777034061620000000100000002 03"), &from_hex("8358770340616200000001000000020 0000003"));
    check(&from_hex("836677036140620000000103"), &from_hex("837877036140620000000000000001 00000003"));
    check(&from_hex("836577036140620000000103"), &from_hex("835a0001770361406200000003 00000001"));
    check(&from_hex("837200017703614062010000 0005"), &from_hex("835a0001770361406200000001 00000005"));
    check(&from_hex("835977036140620000000100000009"), &from_hex("837877036140620000000000000001 00000009"));
    // References of this node have three words, whatever was written.
    check(
        &from_hex("835a0002770d6e6f6e6f6465406e6f686f7374000000000000000100000002"),
        &from_hex("835a0003770d6e6f6e6f6465406e6f686f737400000000000000010000000200000000"),
    );
}

fn float_text(text: &str) -> Vec<u8> {
    let mut bytes = vec![131, 99];
    bytes.extend(text.bytes());
    bytes.resize(33, 0);
    bytes
}

/// All of these are `badarg` in the real system.
#[test]
fn refuses_what_is_wrong() {
    let (context, heap) = (TestContext::new(), heap());
    let node = "770d6e6f6e6f6465406e6f686f7374";
    let cases: Vec<(Vec<u8>, DecodeError)> = vec![
        (vec![], DecodeError::Truncated),
        (vec![130, 97, 1], DecodeError::Version),
        (vec![131], DecodeError::Truncated),
        (vec![131, 255], DecodeError::Tag(255)),
        (vec![131, 80, 0, 0, 0], DecodeError::Tag(80)),
        (float_text("1.5e999"), DecodeError::Float),
        (float_text("1.e5"), DecodeError::Float),
        (float_text("inf"), DecodeError::Float),
        (vec![131, 70, 127, 240, 0, 0, 0, 0, 0, 0], DecodeError::Float),
        (vec![131, 77, 0, 0, 0, 1, 0, 255], DecodeError::Bits),
        (vec![131, 77, 0, 0, 0, 0, 0], DecodeError::Bits),
        (vec![131, 77, 0, 0, 0, 1, 9, 255], DecodeError::Bits),
        (vec![131, 119, 1, 229], DecodeError::Atom),
        (vec![131, 116, 0, 0, 0, 2, 97, 1, 97, 2, 97, 1, 97, 3], DecodeError::DuplicateKey),
        (from_hex("8367770361406200000001000000 0204"), DecodeError::Identifier),
        (from_hex(&format!("8358{node}3b9aca000000000000000000")), DecodeError::Identifier),
        (from_hex(&format!("835a0003{node}00000000000400000000000000000000")), DecodeError::Identifier),
        (vec![131, 108, 255, 255, 255, 255, 97, 1, 106], DecodeError::Truncated),
        (vec![131, 105, 255, 255, 255, 255, 97, 1], DecodeError::Truncated),
        (vec![131, 116, 255, 255, 255, 255, 97, 1], DecodeError::Truncated),
        (vec![131, 109, 255, 255, 255, 255, 97, 1], DecodeError::Truncated),
        (vec![131, 111, 255, 255, 255, 255, 0, 1], DecodeError::Truncated),
        (vec![131, 82, 0], DecodeError::Tag(82)),
        (vec![131, 88, 106, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], DecodeError::Tag(106)),
        (vec![131, 80, 255, 255, 255, 255, 120, 156, 3, 0, 0, 0, 0, 1], DecodeError::Compressed),
    ];
    for (bytes, error) in cases {
        let result = decode(&bytes, &heap, &context, DecodeOptions::default());
        assert_eq!(result.map(|decoded| decoded.used), Err(error), "{bytes:?}");
    }
}

#[test]
fn atoms_have_255_characters_at_most() {
    let (context, heap) = (TestContext::new(), heap());
    let read = |bytes: &[u8]| decode(bytes, &heap, &context, DecodeOptions::default()).map(|decoded| decoded.used);
    let utf8 = |count: usize| {
        let text = "\u{3a9}".repeat(count);
        [&[131, 118][..], &(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
    };
    assert_eq!(read(&utf8(255)), Ok(4 + 510));
    assert_eq!(read(&utf8(256)), Err(DecodeError::Atom));
    let latin1 = |count: u16| [&[131, 100][..], &count.to_be_bytes(), &vec![229; count.into()]].concat();
    assert_eq!(read(&latin1(255)), Ok(4 + 255));
    assert_eq!(read(&latin1(256)), Err(DecodeError::Atom));
}

#[test]
fn safe_makes_nothing_new() {
    let (context, heap) = (TestContext::new(), heap());
    let safe = DecodeOptions { safe: true, ..DecodeOptions::default() };
    let count = context.atoms.count();
    let unknown = [131, 119, 5, 113, 120, 122, 113, 120];
    assert_eq!(decode(&unknown, &heap, &context, safe).map(|d| d.used), Err(DecodeError::NotExisting));
    let export = from_hex("837177056c697374737702 6f6b6103");
    assert_eq!(decode(&export, &heap, &context, safe).map(|d| d.used), Err(DecodeError::NotExisting));
    assert_eq!(context.atoms.count(), count);
    decode(&export, &heap, &context, DecodeOptions::default()).unwrap();
    decode(&export, &heap, &context, safe).unwrap();
}

/// Pids of this node go out under its present name; those that went out under the old one stay strangers.
#[test]
fn naming_the_node_makes_old_bytes_strange() {
    let (mut context, heap) = (TestContext::new(), heap());
    let pid = Term::pid(Pid { number: 80, serial: 0 });
    let before = encode(pid, &context, plain()).unwrap();
    context.node = Node { name: context.atoms.intern("a@b").unwrap(), creation: 7 };
    let old = decode(&before, &heap, &context, DecodeOptions::default()).unwrap().term;
    assert!(matches!(old.value(), Value::ExternalPid(pid) if pid.creation() == 0));
    let after = encode(pid, &context, plain()).unwrap();
    assert_eq!(after, from_hex("835877036140620000005000000000 00000007"));
    assert!(decode(&after, &heap, &context, DecodeOptions::default()).unwrap().term.is_same(pid));
}

#[test]
fn aliases_have_five_words() {
    let (context, heap) = (TestContext::new(), heap());
    let alias = heap.alias_reference([0x981 | 0x1f15_0002 << 32, 0xbaa0_dde3], Pid { number: 80, serial: 0 });
    let bytes = encode(alias, &context, plain()).unwrap();
    // The form of the real system, for a process <0.80.0>.
    let words = [0, 0, 9, 129, 31, 21, 0, 2, 186, 160, 221, 227, 0, 0, 5, 3, 0, 0, 0, 0];
    assert_eq!(bytes[bytes.len() - 20..], words);
    assert_eq!(bytes[..4], [131, 90, 0, 5]);
    let back = decode(&bytes, &heap, &context, DecodeOptions::default()).unwrap().term;
    let reference = back.as_reference().unwrap();
    assert_eq!(reference.alias_of(), Some(Pid { number: 80, serial: 0 }));
    assert_eq!(reference.number().0, [0x981 | 0x1f15_0002 << 32, 0xbaa0_dde3]);
}

#[test]
fn local_terms_come_back_sealed() {
    let (context, heap) = (TestContext::new(), heap());
    let pid = Term::pid(Pid { number: 10, serial: 0 });
    let term = heap.tuple(&[pid, heap.reference([1, 2]), Term::small(3)]);
    let options = EncodeOptions { local: true, ..plain() };
    let mut bytes = encode(term, &context, options).unwrap();
    assert_eq!(encoded_size(term, &context, options, &mut { usize::MAX }), Ok(Some(bytes.len())));
    // The real system's `[131,121,_,_,_,_,88,106,0,0,0,10,0,0,0,0,0,0,0,0]` for <0.10.0>, here in a tuple of three.
    assert_eq!(bytes[..2], [131, 121]);
    assert_eq!(bytes[6..22], [104, 3, 88, 106, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
    let back = decode(&bytes, &heap, &context, DecodeOptions::default()).unwrap();
    assert!(back.term.is_exactly(term));
    assert_eq!(back.used, bytes.len());
    let nested = [&[131, 104, 2, 97, 1][..], &bytes[1..]].concat();
    assert!(decode(&nested, &heap, &context, DecodeOptions::default()).is_ok());
    bytes[11] ^= 1;
    assert_eq!(decode(&bytes, &heap, &context, DecodeOptions::default()).map(|d| d.used), Err(DecodeError::Seal));
}

/// `lists:duplicate(N, a)` compressed: sizes and bytes of the real system.
#[test]
fn compresses_when_it_pays() {
    let (context, heap) = (TestContext::new(), heap());
    let a = Term::atom(context.atoms.intern("a").unwrap());
    let list = |count: usize| heap.list(&vec![a; count]);
    let counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30];
    let small = [10, 13, 16, 19, 22, 24, 24, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25];
    let raw = [10, 13, 16, 19, 22, 25, 28, 31, 34, 37, 43, 49, 55, 61, 67, 82, 97];
    for (level, sizes) in [(0, raw), (1, small), (6, small), (9, small)] {
        let options = EncodeOptions { compressed: level, ..plain() };
        let made = counts.map(|count| encode(list(count), &context, options).unwrap().len());
        assert_eq!(made, sizes, "level {level}");
    }
    let foo = Term::atom(context.atoms.intern("foo").unwrap());
    let options = EncodeOptions { compressed: 6, ..plain() };
    let mut bytes = encode(heap.list(&vec![foo; 1000]), &context, options).unwrap();
    assert_eq!(
        bytes,
        [
            131, 80, 0, 0, 19, 142, 120, 156, 237, 196, 177, 9, 0, 48, 8, 0, 48, 193, 95, 29, 74, 193, 209, 151, 61,
            163, 87, 116, 75, 134, 220, 136, 220, 201, 234, 150, 36, 73, 146, 36, 73, 146, 244, 181, 243, 0, 133, 93,
            208, 76
        ]
    );
    bytes.extend([1, 2, 3]);
    let back = decode(&bytes, &heap, &context, DecodeOptions::default()).unwrap();
    assert_eq!(back.used, 50);
    assert!(back.term.is_exactly(heap.list(&vec![foo; 1000])));
}

#[test]
fn deep_terms_need_no_stack() {
    let (context, heap) = (TestContext::new(), heap());
    let mut term = Term::NIL;
    for _ in 0..1_000_000 {
        term = heap.list(&[term]);
    }
    let bytes = encode(term, &context, plain()).unwrap();
    let back = decode(&bytes, &heap, &context, DecodeOptions::default()).unwrap().term;
    assert_eq!(encode(back, &context, plain()).unwrap(), bytes);
}

/// Broken input: never a panic, and whatever is accepted can be written again.
#[test]
fn survives_mutations() {
    let context = TestContext::new();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for (_, forms) in recorded() {
        for form in forms.iter().filter(|form| form.len() < 3000) {
            for round in 0..60 {
                let mut bytes = form.clone();
                if round % 3 == 0 {
                    bytes.truncate(random(bytes.len()));
                }
                for _ in 0..random(4) {
                    if !bytes.is_empty() {
                        let at = random(bytes.len());
                        bytes[at] = if round % 2 == 0 { random(256) as u8 } else { bytes[at] ^ 1 << random(8) };
                    }
                }
                let heap = heap();
                if let Ok(decoded) = decode(&bytes, &heap, &context, DecodeOptions::default()) {
                    assert!(decoded.used <= bytes.len());
                    let again = encode(decoded.term, &context, plain()).unwrap();
                    assert_eq!(
                        encoded_size(decoded.term, &context, plain(), &mut { usize::MAX }),
                        Ok(Some(again.len()))
                    );
                }
            }
        }
    }
}
