//! Messages between nodes: bytes of a peer, good and bad.

use oxbeam_etf::distribution::{Fragments, Framing, MessageReader, needs_fragments, packet};
use oxbeam_etf::{EncodeContext, Node, SentAtoms, WithMessageAtoms};
use oxbeam_term::{Atom, AtomTable};
use std::cell::RefCell;

fn atoms() -> AtomTable {
    AtomTable::new(1 << 16)
}

/// An external term: a tuple of a small integer and a nil.
const CONTROL: &[u8] = &[131, 104, 2, 97, 2, 106];

#[test]
fn ticks_are_no_messages() {
    assert!(MessageReader::new(Framing::Fragments).packet(Vec::new(), &atoms()).unwrap().is_none());
}

fn fragments(sequence: u64, payload: Vec<u8>) -> Vec<Vec<u8>> {
    let mut fragments = Fragments::new(sequence, &[0], CONTROL, payload);
    std::iter::from_fn(|| fragments.next_packet()).collect()
}

#[test]
fn fragments_come_together() {
    let payload: Vec<u8> = [&[131, 109, 0, 4, 0, 0][..], &vec![7; 1 << 18]].concat();
    assert!(needs_fragments(Framing::Fragments, CONTROL, &payload));
    let cut = fragments(9, payload);
    assert_eq!(cut.len(), 5);
    let (mut reader, atoms) = (MessageReader::new(Framing::Fragments), atoms());
    let mut complete = Vec::new();
    for packet in cut {
        complete.extend(reader.packet(packet, &atoms).unwrap());
    }
    assert_eq!(complete.len(), 1);
}

#[test]
fn atoms_are_remembered() {
    let (mut reader, atoms) = (MessageReader::new(Framing::Fragments), atoms());
    // One new atom in segment 1 at index 5, then a reference to it.
    let first = vec![131, 68, 1, 0x09, 5, 2, b'o', b'k', 82, 0];
    assert!(reader.packet(first, &atoms).unwrap().is_some());
    assert!(reader.packet(vec![131, 68, 1, 0x01, 5, 82, 0], &atoms).unwrap().is_some());
    assert!(reader.packet(vec![131, 68, 1, 0x02, 5, 82, 0], &atoms).is_err(), "an atom that was never told");
}

#[test]
fn packets_begin_as_agreed() {
    let atoms = atoms();
    let accepted = |framing, packet: &[u8]| MessageReader::new(framing).packet(packet.to_vec(), &atoms).is_ok();
    let whole = [&[131, 68, 0][..], &CONTROL[1..]].concat();
    let fragment = [&[131, 69, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0][..], &CONTROL[1..]].concat();
    let passed = [&[112][..], CONTROL].concat();
    for (framing, expected) in [
        (Framing::PassThrough, [true, false, false]),
        (Framing::Header, [false, true, false]),
        (Framing::Fragments, [false, true, true]),
    ] {
        assert_eq!([&passed, &whole, &fragment].map(|packet| accepted(framing, packet)), expected, "{framing:?}");
    }
}

/// What the sender says of atoms is what the receiver understands, whichever messages came before.
#[test]
fn headers_of_sent_atoms_are_understood() {
    let (near, far) = (atoms(), atoms());
    let (mut sent, mut reader) = (SentAtoms::default(), MessageReader::new(Framing::Header));
    let texts: Vec<String> =
        (0..5000).map(|number| format!("atom {number}")).chain(["x".repeat(200), "\u{1f608}".repeat(255)]).collect();
    let all: Vec<Atom> = texts.iter().map(|text| near.intern(text).unwrap()).collect();
    let steps = [0..1, 0..3, 1..2, 0..300, 290..310, 2040..2100, 0..20, 5000..5001, 5000..5002, 4900..5002, 0..5, 7..7];
    for range in steps {
        let message = WithMessageAtoms { context: &Plain(&near), atoms: RefCell::default() };
        let indexes: Vec<Option<u8>> = all[range.clone()].iter().map(|&atom| message.cache_index(atom)).collect();
        let referred = message.atoms.into_inner().into_atoms();
        let header = sent.header(&referred, &near);
        let packet = packet(Framing::Header, &header, CONTROL, &[]);
        let came = reader.packet(packet, &far).unwrap().unwrap();
        for (index, text) in indexes.iter().zip(&texts[range.clone()]) {
            match index {
                Some(index) => assert_eq!(far.text(came.atoms()[usize::from(*index)]), text),
                None => assert!(range.len() > 255 || text.chars().count() > 100, "{text} is spelled out"),
            }
        }
        assert_eq!(came.bytes_from(came.start()), &CONTROL[1..]);
    }
}

struct Plain<'t>(&'t AtomTable);

impl EncodeContext for Plain<'_> {
    fn atoms(&self) -> &AtomTable {
        self.0
    }
    fn node(&self) -> Node {
        Node { name: Atom(0), creation: 0 }
    }
    fn local_key(&self) -> u64 {
        0
    }
}

/// Whatever a peer sends is a message or an error.
#[test]
fn no_packet_does_harm() {
    let good = fragments(1, [&[131, 109, 0, 1, 17, 112][..], &[1; 70_000]].concat());
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let atoms = atoms();
    let mut reader = MessageReader::new(Framing::Fragments);
    for round in 0..20_000 {
        let mut packet: Vec<u8> = good[round % good.len()][..40].to_vec();
        for _ in 0..1 + next() % 4 {
            let at = next() as usize % packet.len();
            packet[at] = next() as u8;
        }
        packet.truncate(next() as usize % 41);
        let _ = reader.packet(packet, &atoms);
    }
}
