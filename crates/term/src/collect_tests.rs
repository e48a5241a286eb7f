//! Random terms of all kinds, collected at random: what the roots hold must stay what it was.

use crate::testing::Random;
use crate::{
    AtomTable, Export, FunEntry, Heap, HeapOptions, LiteralRange, MagicObject, OwnedTerm, Pid, Port, Term, Word,
};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

struct World {
    atoms: AtomTable,
    fun: FunEntry,
    export: &'static Export,
    magic: Arc<MagicObject>,
}

fn world() -> World {
    let atoms = AtomTable::new(crate::ATOM_LIMIT_DEFAULT);
    let (module, function) = (atoms.intern("m").unwrap(), atoms.intern("f").unwrap());
    let address = || AtomicU64::new(0);
    let fun = FunEntry {
        module,
        function,
        arity: 1,
        free_count: 2,
        index: 3,
        old_uniq: 4,
        uniq: [0; 16],
        address: address(),
    };
    // Exports live for ever; those kept here are no leaks to Miri.
    static EXPORTS: Mutex<Vec<&'static Export>> = Mutex::new(Vec::new());
    let export: &'static Export =
        Box::leak(Box::new(Export { module, function, arity: 2, address: address(), bif: address() }));
    EXPORTS.lock().unwrap().push(export);
    World { atoms, fun, export, magic: Arc::new(MagicObject(Box::new(5u8))) }
}

/// A term of any kind, made of `parts`.
fn random_term<'h>(heap: &'h Heap, world: &World, random: &mut Random, parts: &[Term<'h>]) -> Term<'h> {
    let number = random.next();
    let part = |random: &mut Random| parts[random.below(parts.len())];
    match random.below(20) {
        0 => heap.integer(number as i64),
        1 => heap.bigint(&(oxbeam_number::BigInt::from(number) << 130)),
        2 => heap.float(number as f64),
        3 => heap.reference([number, 7]),
        4 => heap.alias_reference([number, 7], Pid { number: 3, serial: 4 }),
        5 => heap.magic_reference([number, 1], Arc::clone(&world.magic)),
        6 => heap.external_pid(crate::atoms::TRUE, 1, 2, 3),
        7 => heap.external_port(crate::atoms::TRUE, 1, number),
        8 => heap.external_reference(crate::atoms::TRUE, 1, &[1, 2, number as u32]),
        // SAFETY: the world outlives the heaps of a test.
        9 => unsafe { heap.fun(&world.fun, &[part(random), part(random)]) },
        10 => heap.external_fun(world.export),
        11 => {
            let size = random.below(200);
            heap.bitstring_from_vec(vec![number as u8; size], (size * 8).saturating_sub(random.below(3)))
        }
        12 => match part(random).as_bits() {
            Some(bits) => {
                let offset = random.below(bits.bit_size() + 1);
                heap.sub_bitstring(bits, bits.bit_offset() + offset, random.below(bits.bit_size() - offset + 1))
            }
            None => heap.binary(&number.to_le_bytes()),
        },
        13 => match part(random).as_bits().filter(|bits| bits.is_binary()) {
            Some(bits) => heap.append_bits(bits, 16, |bytes, at| {
                crate::bits::copy_bits(&[number as u8, 1], 0, bytes, at, 16);
            }),
            None => heap.binary(&[number as u8; 100]),
        },
        14 => {
            let keys = random.below(if cfg!(miri) { 36 } else { 60 });
            let pairs: Vec<_> = (0..keys).map(|key| (Term::small(key as i64), part(random))).collect();
            heap.map_from_pairs(&pairs, &world.atoms)
        }
        15 => {
            let map = part(random);
            let key = Term::small((number & 63) as i64);
            let base = if map.is_map() { map } else { heap.empty_map() };
            heap.map_put(base, key, part(random), &world.atoms)
        }
        16 => Term::port(Port(number >> 10)),
        17 => heap.tuple(&[part(random), part(random), part(random)]),
        _ => heap.cons(part(random), part(random)),
    }
}

/// The size of terms stays within bounds, although parts are used again and again.
fn bounded<'h>(heap: &'h Heap, term: Term<'h>) -> Term<'h> {
    let words = crate::size_in_words(term, LiteralRange::EMPTY);
    if words > if cfg!(miri) { 200 } else { 3000 } { heap.integer(words as i64) } else { term }
}

#[test]
fn roots_keep_their_terms() {
    let world = world();
    let (seeds, rounds) = if cfg!(miri) { (1, 6) } else { (40, 120) };
    for seed in 1..=seeds {
        let mut random = Random::new(seed);
        let options = HeapOptions { min_heap_words: 64 + random.below(500), fullsweep_after: 5, ..Default::default() };
        let mut heap = Heap::new(options);
        let mut roots = [Word::small(1); 12];
        for _ in 0..rounds {
            one_round(&mut heap, &world, &mut random, &mut roots);
        }
        drop(heap);
        assert_eq!(Arc::strong_count(&world.magic), 1, "a magic reference was released too seldom or too often");
    }
}

fn one_round(heap: &mut Heap, world: &World, random: &mut Random, roots: &mut [Word; 12]) {
    for _ in 0..random.below(30) {
        // SAFETY: the roots hold terms of this heap, which does not move them here.
        let parts = roots.map(|word| unsafe { Term::from_raw(word) });
        let term = if random.below(6) == 0 {
            heap.adopt(OwnedTerm::copy(parts[0], LiteralRange::EMPTY).clone())
        } else {
            bounded(heap, random_term(heap, world, random, &parts))
        };
        roots[random.below(12)] = term.word();
    }
    push_on_stack(heap, random, roots[3]);
    // SAFETY: as above.
    let copies: Vec<OwnedTerm> =
        roots.iter().map(|&word| OwnedTerm::copy(unsafe { Term::from_raw(word) }, LiteralRange::EMPTY)).collect();
    let on_stack = heap.stack().to_vec();
    let need = random.below(300);
    heap.collect(need, &mut [&mut roots[..]], random.below(5) == 0);
    assert!(heap.has_room(need));
    for (word, copy) in roots.iter().zip(&copies) {
        // SAFETY: the roots were updated by the collection.
        assert!(unsafe { Term::from_raw(*word) }.is_exactly(copy.term()));
    }
    assert_eq!(heap.stack().len(), on_stack.len());
    for (&after, &before) in heap.stack().iter().zip(&on_stack) {
        assert_eq!(after.tag(), before.tag());
        assert_eq!(after == before, !before.is_pointer() || after == before);
    }
    if let Some(&top) = heap.stack().first().filter(|word| !word.is_return_address()) {
        // SAFETY: the stack was updated by the collection.
        assert!(unsafe { Term::from_raw(top) }.is_exactly(copies[3].term()));
    }
    if heap.stack_words() > 40 {
        // SAFETY: the stack becomes empty.
        unsafe { heap.set_stack_top(heap.stack_end()) };
    }
}

fn push_on_stack(heap: &Heap, random: &mut Random, word: Word) {
    for pushed in [Word::return_address(random.next() >> 4), word] {
        if heap.has_room(1) {
            // SAFETY: there is room for one word below the stack.
            unsafe {
                let top = heap.stack_top().sub(1);
                top.write(pushed.0);
                heap.set_stack_top(top);
            }
        }
    }
    if heap.stack().first() != Some(&word) {
        // SAFETY: the stack becomes empty.
        unsafe { heap.set_stack_top(heap.stack_end()) };
    }
}

#[test]
fn owned_terms_clone_and_come_home() {
    let world = world();
    let mut random = Random::new(99);
    let original = OwnedTerm::build(LiteralRange::EMPTY, |heap| {
        let mut parts = vec![Term::small(1)];
        for _ in 0..if cfg!(miri) { 30 } else { 100 } {
            let term = bounded(heap, random_term(heap, &world, &mut random, &parts));
            parts.push(term);
        }
        let tail = parts.len().saturating_sub(20);
        heap.list(&parts[tail..])
    });
    let copy = original.clone();
    assert_eq!(copy.words(), original.words());
    assert!(copy.term().is_exactly(original.term()));
    let mut heap = Heap::new(HeapOptions::default());
    let mut root = [heap.adopt(copy).word()];
    heap.collect(0, &mut [&mut root], false);
    heap.collect(0, &mut [&mut root], false);
    heap.collect(0, &mut [&mut root], true);
    // SAFETY: the root was updated by the collections.
    assert!(unsafe { Term::from_raw(root[0]) }.is_exactly(original.term()));
    drop(heap);
    drop(original);
    assert_eq!(Arc::strong_count(&world.magic), 1);
}

#[test]
fn appending_in_place_changes_nobody_else() {
    let heap = Heap::new(HeapOptions::default());
    let append = |to: Term<'_>, byte: u8| {
        let bits = to.as_bits().unwrap();
        let term = heap.append_bits(bits, 8, |bytes, at| crate::bits::copy_bits(&[byte], 0, bytes, at, 8));
        OwnedWord(term.word())
    };
    let first = heap.binary(&[1; 100]);
    let mut current = append(first, 2);
    let early = current.term();
    for byte in 0..200 {
        current = append(current.term(), byte);
    }
    let fork = append(early, 77);
    assert_eq!(first.as_binary().unwrap().as_ref(), [1; 100]);
    assert_eq!(early.as_binary().unwrap().last(), Some(&2));
    assert_eq!(fork.term().as_binary().unwrap().len(), 102);
    assert_eq!(fork.term().as_binary().unwrap()[101], 77);
    let all = current.term().as_binary().unwrap().into_owned();
    assert_eq!((all.len(), all[100], all[101], all[300]), (301, 2, 0, 199));
}

/// A word whose heap is known to stay.
struct OwnedWord(Word);

impl OwnedWord {
    fn term(&self) -> Term<'static> {
        // SAFETY: the test keeps the heap, and never collects it.
        unsafe { Term::from_raw(self.0) }
    }
}

#[test]
fn long_and_deep_lists_survive() {
    let count = if cfg!(miri) { 200 } else { 3_000_000 };
    let mut heap = Heap::new(HeapOptions::default());
    let long = (0..count).fold(Term::NIL, |list, i| heap.cons(Term::small(i), list));
    let deep = (0..count).fold(Term::NIL, |list, _| heap.cons(list, Term::NIL));
    let mut roots = [long.word(), deep.word()];
    for force in [false, false, true, false] {
        heap.collect(10, &mut [&mut roots], force);
    }
    // SAFETY: the roots were updated by the collections.
    let [long, deep] = roots.map(|word| unsafe { Term::from_raw(word) });
    assert!(long.list_iter().map(|term| term.as_small().unwrap()).eq((0..count).rev()));
    let copy = OwnedTerm::copy(deep, LiteralRange::EMPTY);
    assert!(copy.term().is_exactly(deep));
    drop(copy);
    roots = [Word::NIL; 2];
    heap.collect(0, &mut [&mut roots], true);
    assert_eq!(heap.used_words(), 0);
}

#[test]
fn much_old_data_leaves_room_for_young_data() {
    let count = if cfg!(miri) { 500 } else { 100_000 };
    let mut heap = Heap::new(HeapOptions::default());
    let mut roots = [(0..count).fold(Term::NIL, |list, i| heap.cons(Term::small(i), list)).word()];
    // All becomes old; what is left of the young generation is nothing.
    for force in [true, false, false, false] {
        heap.collect(0, &mut [&mut roots], force);
    }
    assert_eq!(heap.old_used_words(), 2 * count as usize);
    assert!(heap.block_words() >= heap.old_used_words() / 8, "{} words for young data", heap.block_words());
    // Small blocks stay as they are, and under Miri this is one.
    let much = heap.old_used_words().max(8000);
    assert!(heap.block_words() < much, "{} words for nothing", heap.block_words());
    // Without the old data there is no reason for a large block.
    roots = [Word::NIL];
    for force in [true, false, true] {
        heap.collect(0, &mut [&mut roots], force);
    }
    assert!(heap.block_words() <= 2 * heap.options().min_heap_words, "{} words for nothing", heap.block_words());
}
