//! Copying terms between heaps, and terms that own their memory.

use crate::binary::SharedBinary;
use crate::block::Block;
use crate::heap::{KeptLiterals, release_chain};
use crate::{BinaryHandle, Header, Heap, Kind, LiteralRange, MagicObject, Term, Word};
use smallvec::SmallVec;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// A term with the memory it lives in: a message, an ETS object, a stored value.
///
/// Literals it refers to are not part of it. It is two words wherever it is kept: what is known about its memory stands
/// in front of the term's own words, so that a queued message or a table's object costs little more than its term.
pub struct OwnedTerm {
    root: Word,
    /// The block's [`Prefix`], or [`NO_BLOCK`] for a term that needs no memory.
    prefix: NonNull<Prefix>,
}

/// What stands at the start of an owned term's block, before the term's words.
struct Prefix {
    /// Chain of the objects in the block that own something off the heap.
    off_heap: *mut u64,
    /// Words of the block, prefix included, in the low [`SIZE_BITS`] bits; above them the words of large binaries that
    /// the term refers to, or the most that fits: they only count towards a limit that is far lower.
    sizes: u64,
}

/// Words of a [`Prefix`].
pub(crate) const PREFIX_WORDS: usize = size_of::<Prefix>() / size_of::<u64>();
/// Stands for no block; never dereferenced.
const NO_BLOCK: NonNull<Prefix> = NonNull::dangling();
/// Enough for any block that an address space of 47 bits can hold.
const SIZE_BITS: u32 = 44;
const VIRTUAL_WORDS_MAX: usize = (1 << (64 - SIZE_BITS)) - 1;

impl Prefix {
    fn new(block_words: usize, off_heap: *mut u64, virtual_words: usize) -> Prefix {
        Prefix { off_heap, sizes: block_words as u64 | (virtual_words.min(VIRTUAL_WORDS_MAX) as u64) << SIZE_BITS }
    }
    fn block_words(&self) -> usize {
        (self.sizes & ((1 << SIZE_BITS) - 1)) as usize
    }
    fn virtual_words(&self) -> usize {
        (self.sizes >> SIZE_BITS) as usize
    }
}

// SAFETY: it owns the block; what the block refers to is literals (never written) or counted objects.
unsafe impl Send for OwnedTerm {}
// SAFETY: the block is never written after construction.
unsafe impl Sync for OwnedTerm {}

impl OwnedTerm {
    /// A flat copy of `term`: sharing inside the term is lost, as when a message is sent.
    pub fn copy(term: Term<'_>, literals: LiteralRange) -> OwnedTerm {
        let literals = literals.kept();
        if !term.word().is_pointer() || literals.contains(term.word().pointer()) {
            return OwnedTerm::immediate(term.word());
        }
        let block = Block::new(PREFIX_WORDS + size_without(term, literals));
        let start = block.start.wrapping_add(PREFIX_WORDS);
        let mut copier = Copier { next: start, off_heap: ptr::null_mut(), virtual_words: 0, literals };
        // SAFETY: the block has exactly the room that the copy needs behind the prefix.
        let root = unsafe { copier.copy(term.word(), start) };
        debug_assert_eq!(copier.next, block.end());
        OwnedTerm::with_block(root, block, copier.off_heap, copier.virtual_words)
    }
    /// A small integer, atom, pid, port or `[]`.
    pub fn immediate(word: Word) -> OwnedTerm {
        OwnedTerm { root: word, prefix: NO_BLOCK }
    }
    /// The term `root`, which lives in `block` behind room for the prefix.
    fn with_block(root: Word, block: Block, off_heap: *mut u64, virtual_words: usize) -> OwnedTerm {
        let block = std::mem::ManuallyDrop::new(block);
        let prefix = NonNull::new(block.start.cast::<Prefix>()).expect("a block with a prefix has memory");
        // SAFETY: the block begins with room for a prefix, and blocks are aligned as words are.
        unsafe { prefix.write(Prefix::new(block.words, off_heap, virtual_words)) };
        OwnedTerm { root, prefix }
    }
    fn prefix(&self) -> Option<&Prefix> {
        // SAFETY: anything but `NO_BLOCK` points to the prefix that `with_block` wrote.
        (self.prefix != NO_BLOCK).then(|| unsafe { self.prefix.as_ref() })
    }
    /// The term.
    pub fn term(&self) -> Term<'_> {
        Term::from_word(self.root)
    }
    /// Words of memory that the term takes.
    pub fn words(&self) -> usize {
        self.prefix().map_or(0, |prefix| prefix.block_words() - PREFIX_WORDS)
    }
    /// Builds a term with `build` on a heap of its own and keeps it.
    pub fn build(literals: LiteralRange, build: impl for<'h> FnOnce(&'h Heap) -> Term<'h>) -> OwnedTerm {
        let options = crate::HeapOptions { min_heap_words: 32, literals, ..Default::default() };
        let heap = Heap::new(options);
        let term = build(&heap);
        OwnedTerm::copy(term, literals)
    }
    /// The term's word; its memory, the chain of what owns something off the heap, and the words of large binaries.
    pub(crate) fn into_parts(self) -> (Word, Block, *mut u64, usize) {
        let this = std::mem::ManuallyDrop::new(self);
        match this.prefix() {
            None => (this.root, Block::empty(), ptr::null_mut(), 0),
            Some(prefix) => (this.root, this.block(prefix), prefix.off_heap, prefix.virtual_words()),
        }
    }
    /// The block again; the caller sees to it that it is freed once.
    fn block(&self, prefix: &Prefix) -> Block {
        Block { start: self.prefix.as_ptr().cast(), words: prefix.block_words() }
    }
}

impl Clone for OwnedTerm {
    fn clone(&self) -> OwnedTerm {
        let Some(prefix) = self.prefix() else { return OwnedTerm::immediate(self.root) };
        let block = std::mem::ManuallyDrop::new(self.block(prefix));
        OwnedTerm::copy_within(self.root, &block)
    }
}

impl Drop for OwnedTerm {
    fn drop(&mut self) {
        if let Some(prefix) = self.prefix() {
            release_chain(prefix.off_heap);
            drop(self.block(prefix));
        }
    }
}

impl OwnedTerm {
    /// A copy of the block's words with pointers into it adjusted. Whatever else they point to is a literal.
    fn copy_within(root: Word, block: &Block) -> OwnedTerm {
        let target = Block::new(block.words);
        let mut off_heap = ptr::null_mut();
        let from = (block.start.wrapping_add(PREFIX_WORDS).cast_const(), block.words - PREFIX_WORDS);
        // SAFETY: both blocks have the same size, and whole objects stand behind the prefix.
        let virtual_words = unsafe { duplicate_objects(from, target.start.wrapping_add(PREFIX_WORDS), &mut off_heap) };
        let within = root.is_pointer() && block.contains(root.pointer());
        let offset = if within { (target.start as u64).wrapping_sub(block.start as u64) } else { 0 };
        OwnedTerm::with_block(Word(root.0.wrapping_add(offset)), target, off_heap, virtual_words)
    }
    /// Does the term refer to literals that are leaving?
    pub fn refers_to(&mut self, leaving: &crate::LeavingLiterals) -> bool {
        let refers = |word: Word| word.is_pointer() && leaving.contains(word.pointer());
        let Some(prefix) = self.prefix() else { return refers(self.root) };
        let block = std::mem::ManuallyDrop::new(self.block(prefix));
        let mut found = refers(self.root);
        // SAFETY: whole objects stand behind the prefix.
        unsafe {
            for_each_term_word(block.start.wrapping_add(PREFIX_WORDS), block.end(), &mut |word| found |= refers(*word));
        }
        found
    }
}

/// Calls `visit` with each word that holds a term.
///
/// # Safety
/// Whole objects stand between `from` and `end`, and nobody else uses them.
pub(crate) unsafe fn for_each_term_word(mut from: *mut u64, end: *mut u64, visit: &mut dyn FnMut(&mut Word)) {
    while from < end {
        // SAFETY: `from` is at the start of an object, or at a word of a cons cell; `Word` is a transparent wrapper.
        unsafe {
            let word = Word(*from);
            if !word.is_header() {
                visit(&mut *from.cast::<Word>());
                from = from.add(1);
                continue;
            }
            let header = Header(word.0);
            let (first, last) = header.term_words();
            for index in first..last {
                visit(&mut *from.add(index).cast::<Word>());
            }
            from = from.add(header.arity() + 1);
        }
    }
}

/// Copies a run of objects to a place of the same size, with pointers between them adjusted. Returns the words of their
/// large binaries.
///
/// # Safety
/// `from` is an address and a number of words, whole objects; there is room for as many at `target`.
pub(crate) unsafe fn duplicate_objects(from: (*const u64, usize), target: *mut u64, off_heap: &mut *mut u64) -> usize {
    let mut virtual_words = 0;
    // SAFETY: by the caller's promise; each copy is one more that owns something off the heap.
    unsafe { copy_objects(from, target, |copy| virtual_words += duplicate_off_heap(copy, off_heap)) };
    virtual_words
}

/// Copies a run of objects to a place of the same size, with pointers between them adjusted, and calls `boxed` with each boxed
/// object at its new place.
///
/// # Safety
/// `from` is an address and a number of words, whole objects; there is room for as many at `target`.
#[inline(always)]
unsafe fn copy_objects((from, words): (*const u64, usize), target: *mut u64, mut boxed: impl FnMut(*mut u64)) {
    let offset = (target as u64).wrapping_sub(from as u64);
    let relocate = |word: Word| {
        let inside = word.is_pointer() && (word.pointer() as usize).wrapping_sub(from as usize) < words * 8;
        if inside { Word(word.0.wrapping_add(offset)) } else { word }
    };
    let (mut from, mut to, end) = (from, target, from.wrapping_add(words));
    // SAFETY: by the caller's promise; `from` walks over whole objects.
    unsafe {
        while from < end {
            let word = Word(*from);
            if !word.is_header() {
                *to = relocate(word).0;
                from = from.add(1);
                to = to.add(1);
                continue;
            }
            let header = Header(word.0);
            let size = header.arity() + 1;
            let (first, last) = header.term_words();
            for index in 0..first {
                *to.add(index) = *from.add(index);
            }
            for index in first..last {
                *to.add(index) = relocate(Word(*from.add(index))).0;
            }
            for index in last..size {
                *to.add(index) = *from.add(index);
            }
            boxed(to);
            from = from.add(size);
            to = to.add(size);
        }
    }
}

impl Heap {
    /// Takes over a term built outside by copying it into the block, and frees its own memory. As [`Heap::adopt`], for small
    /// terms: no fragment is left to be collected, and the memory can be used again at once.
    ///
    /// The block has room for the term's words ([`Heap::has_room`]).
    pub fn move_in(&self, owned: OwnedTerm) -> Term<'_> {
        let words = owned.words();
        let (root, block, chain, virtual_words) = owned.into_parts();
        if words == 0 {
            return Term::from_word(root);
        }
        let target = self.allocate(words);
        let from = block.start.wrapping_add(PREFIX_WORDS);
        let mut off_heap = self.off_heap.get();
        let has_chain = !chain.is_null();
        // SAFETY: whole objects stand behind the prefix, and `allocate` gave room for as many words. What an object owns
        // off the heap goes along with it: the original is freed without being released.
        unsafe {
            copy_objects((from, words), target, |copy| {
                if has_chain && Header(*copy).owns_off_heap() {
                    *copy.add(1) = off_heap as u64;
                    off_heap = copy;
                }
            });
        }
        self.off_heap.set(off_heap);
        self.virtual_words.set(self.virtual_words.get() + virtual_words);
        let inside = root.is_pointer() && block.contains(root.pointer());
        let offset = if inside { (target as u64).wrapping_sub(from as u64) } else { 0 };
        Term::from_word(Word(root.0.wrapping_add(offset)))
    }
}

impl Heap {
    /// A flat copy of `term`, which lives elsewhere, on this heap.
    pub fn copy_in(&self, term: Term<'_>) -> Term<'_> {
        let word = term.word();
        let literals = self.options.literals.kept();
        if !word.is_pointer() || literals.contains(word.pointer()) {
            return Term::from_word(word);
        }
        Term::from_word(self.copy_of_size(word, size_without(term, literals), literals))
    }
    /// As [`Heap::copy_in`], if the copy takes `most` words at most and the block has room for it. Returns how many it takes.
    pub fn copy_in_small(&self, term: Term<'_>, most: usize) -> Option<(Term<'_>, usize)> {
        let word = term.word();
        let literals = self.options.literals.kept();
        if !word.is_pointer() || literals.contains(word.pointer()) {
            return Some((Term::from_word(word), 0));
        }
        let words = size_up_to(term, literals, most);
        let fits = words <= most && self.has_room(words);
        fits.then(|| (Term::from_word(self.copy_of_size(word, words, literals)), words))
    }
    /// A copy of the term that this pointer is, which takes so many words.
    fn copy_of_size(&self, word: Word, words: usize, literals: KeptLiterals) -> Word {
        let start = self.allocate(words);
        let mut copier = Copier { next: start, off_heap: self.off_heap.get(), virtual_words: 0, literals };
        // SAFETY: `allocate` gave room for exactly the words that the copy needs.
        let root = unsafe { copier.copy(word, start) };
        self.off_heap.set(copier.off_heap);
        self.virtual_words.set(self.virtual_words.get() + copier.virtual_words);
        root
    }
}

impl Heap {
    /// As [`Heap::copy_in`]; what is referred to several times is copied once. Literals are copied as well if `all`.
    pub fn copy_in_shared(&self, term: Term<'_>, all: bool) -> Term<'_> {
        let literals = if all { LiteralRange::EMPTY } else { self.options.literals }.kept();
        let start = self.allocate(size_shared_without(term, literals));
        let mut copier = Copier::new(start, self.off_heap.get(), literals);
        // SAFETY: `allocate` gave room for exactly the words that the copy needs.
        let root = unsafe { copier.copy_shared(term.word(), start) };
        self.off_heap.set(copier.off_heap);
        self.virtual_words.set(self.virtual_words.get() + copier.virtual_words);
        Term::from_word(root)
    }
}

/// Words that a flat copy of `term` takes, literals left out (`erts_debug:flat_size/1` counts the same way).
pub fn size_in_words(term: Term<'_>, literals: LiteralRange) -> usize {
    size_without(term, literals.kept())
}

/// Words that a copy takes that shares these literals.
fn size_without(term: Term<'_>, literals: KeptLiterals) -> usize {
    size_up_to(term, literals, usize::MAX)
}

/// As [`size_without`]; when it is more than `most`, some number above that.
#[inline(always)]
fn size_up_to(term: Term<'_>, literals: KeptLiterals, most: usize) -> usize {
    let mut total = 0;
    let mut pending: SmallVec<[Word; 16]> = SmallVec::new();
    let mut word = term.word();
    loop {
        loop {
            if !word.is_pointer() || literals.contains(word.pointer()) {
                break;
            }
            // SAFETY: the term is alive, and so is everything it refers to.
            unsafe {
                let pointer = word.pointer();
                if word.is_cons() {
                    total += 2;
                    if total > most {
                        return total;
                    }
                    let head = Word(*pointer);
                    if head.is_pointer() {
                        pending.push(head);
                    }
                    word = Word(*pointer.add(1));
                    continue;
                }
                let header = Header(*pointer);
                total += header.arity() + 1;
                if total > most {
                    return total;
                }
                let (first, end) = header.term_words();
                for index in first..end {
                    let part = Word(*pointer.add(index));
                    if part.is_pointer() {
                        pending.push(part);
                    }
                }
            }
            break;
        }
        match pending.pop() {
            Some(next) => word = next,
            None => return total,
        }
    }
}

/// Words that `term` takes, each part counted once however often it is referred to, literals left out
/// (`erts_debug:size_shared/1`).
pub fn size_in_words_shared(term: Term<'_>, literals: LiteralRange) -> usize {
    size_shared_without(term, literals.kept())
}

/// Words that a copy takes that shares these literals, and has what is referred to several times once.
fn size_shared_without(term: Term<'_>, literals: KeptLiterals) -> usize {
    let mut total = 0;
    let mut seen = std::collections::HashSet::new();
    let mut pending = vec![term.word()];
    while let Some(word) = pending.pop() {
        if !word.is_pointer() || literals.contains(word.pointer()) || !seen.insert(word.pointer() as usize) {
            continue;
        }
        // SAFETY: the term is alive, and so is everything it refers to.
        unsafe {
            let pointer = word.pointer();
            if word.is_cons() {
                total += 2;
                pending.extend([Word(*pointer), Word(*pointer.add(1))]);
                continue;
            }
            let header = Header(*pointer);
            total += header.arity() + 1;
            let (first, end) = header.term_words();
            pending.extend((first..end).map(|index| Word(*pointer.add(index))));
        }
    }
    total
}

pub(crate) struct Copier {
    next: *mut u64,
    pub(crate) off_heap: *mut u64,
    virtual_words: usize,
    literals: KeptLiterals,
}

impl Copier {
    /// A copier that writes from `next` on and chains off-heap objects before `off_heap`.
    pub(crate) fn new(next: *mut u64, off_heap: *mut u64, literals: KeptLiterals) -> Copier {
        Copier { next, off_heap, virtual_words: 0, literals }
    }

    /// Copies `root` and all it refers to behind `start`, breadth first: what was copied is scanned for what is not yet.
    ///
    /// # Safety
    /// There is room for the whole copy at `start`, which is also `self.next`.
    pub(crate) unsafe fn copy(&mut self, root: Word, start: *mut u64) -> Word {
        // SAFETY: by the caller's promise, there is room for each object that `shallow` copies.
        unsafe { self.copy_by(root, start, |copier, word| copier.shallow(word)) }
    }

    /// As [`Copier::copy`]; what is referred to several times is copied once.
    ///
    /// # Safety
    /// There is room for [`size_in_words_shared`] words at `start`, which is also `self.next`.
    pub(crate) unsafe fn copy_shared(&mut self, root: Word, start: *mut u64) -> Word {
        let mut copies = std::collections::HashMap::new();
        let shallow = |copier: &mut Copier, word: Word| {
            if !word.is_pointer() || copier.literals.contains(word.pointer()) {
                return word;
            }
            // SAFETY: by the caller's promise, there is room for each object once.
            *copies.entry(word.pointer() as usize).or_insert_with(|| unsafe { copier.shallow(word) })
        };
        // SAFETY: as above.
        unsafe { self.copy_by(root, start, shallow) }
    }

    /// # Safety
    /// `shallow` gives the address of a copy of the object that a word points to, whose parts are not copied yet. There is
    /// room for the copies at `start`, which is also `self.next`.
    #[inline(always)]
    unsafe fn copy_by(
        &mut self,
        root: Word,
        start: *mut u64,
        mut shallow: impl FnMut(&mut Copier, Word) -> Word,
    ) -> Word {
        // SAFETY: `shallow` keeps whole objects behind `start`, and the scan never passes `next`.
        unsafe {
            let root = shallow(self, root);
            let mut scan = start;
            while scan < self.next {
                let word = Word(*scan);
                if word.is_header() {
                    let header = Header(word.0);
                    let (first, end) = header.term_words();
                    for index in first..end {
                        *scan.add(index) = shallow(self, Word(*scan.add(index))).0;
                    }
                    scan = scan.add(header.arity() + 1);
                } else {
                    *scan = shallow(self, word).0;
                    scan = scan.add(1);
                }
            }
            root
        }
    }

    /// Copies the object that `word` points to, not what that refers to.
    ///
    /// # Safety
    /// `word` is a live term of the source (never of the copy) and there is room.
    #[inline]
    unsafe fn shallow(&mut self, word: Word) -> Word {
        if !word.is_pointer() || self.literals.contains(word.pointer()) {
            return word;
        }
        let (source, target) = (word.pointer(), self.next);
        // SAFETY: by the caller's promise.
        unsafe {
            if word.is_cons() {
                *target = *source;
                *target.add(1) = *source.add(1);
                self.next = target.add(2);
                return Word::from_cons(target);
            }
            let size = Header(*source).arity() + 1;
            ptr::copy_nonoverlapping(source, target, size);
            self.next = target.add(size);
            self.virtual_words += duplicate_off_heap(target, &mut self.off_heap);
        }
        Word::from_boxed(target)
    }
}

/// Counts the new copy of an object that owns something off the heap, and chains it. Returns its virtual words.
///
/// # Safety
/// `object` is a whole object, a bitwise copy of one that lives.
unsafe fn duplicate_off_heap(object: *mut u64, chain: &mut *mut u64) -> usize {
    // SAFETY: by the caller's promise, the third word is a live counted reference.
    unsafe {
        let words = match Header(*object).kind() {
            Kind::BinaryReference => {
                let handle = std::mem::ManuallyDrop::new(BinaryHandle::from_raw(*object.add(2) as *const SharedBinary));
                std::mem::forget(BinaryHandle::clone(&handle));
                handle.as_slice().len().div_ceil(8)
            }
            Kind::MagicReference => {
                Arc::increment_strong_count(*object.add(2) as *const MagicObject);
                0
            }
            _ => return 0,
        };
        *object.add(1) = *chain as u64;
        *chain = object;
        words
    }
}
