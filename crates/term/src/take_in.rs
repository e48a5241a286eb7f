//! Taking literals that are leaving onto a heap.

use crate::block::Block;
use crate::copy::for_each_term_word;
use crate::{Heap, LeavingLiterals, Word};

impl Heap {
    /// Copies those of the leaving literals that this heap, its stack or `roots` refer to, and lets them refer to the
    /// copies. False when there is nothing to do.
    pub fn take_in(&mut self, leaving: &LeavingLiterals, roots: &mut [&mut [Word]]) -> bool {
        let mut found = false;
        self.for_each_word(roots, &mut |word| found |= word.is_pointer() && leaving.contains(word.pointer()));
        if !found {
            return false;
        }
        let (block, chain, virtual_words) = leaving.duplicate();
        let offset = (block.start as u64).wrapping_sub(leaving.start() as u64);
        self.for_each_word(roots, &mut |word| {
            if word.is_pointer() && leaving.contains(word.pointer()) {
                *word = Word(word.0.wrapping_add(offset));
            }
        });
        self.link_chain(chain);
        self.virtual_words.set(self.virtual_words.get() + virtual_words);
        self.fragment_words.set(self.fragment_words.get() + block.words);
        self.fragments.get_mut().push(block);
        // Old objects may refer to the copies now; only a full collection brings both together, and it drops the rest.
        self.collect(0, roots, true);
        true
    }

    /// Calls `visit` with every word that may hold a term, dead objects included.
    fn for_each_word(&mut self, roots: &mut [&mut [Word]], visit: &mut dyn FnMut(&mut Word)) {
        self.close_overflow();
        for word in roots.iter_mut().flat_map(|root| root.iter_mut()) {
            visit(word);
        }
        for index in 0..self.stack_words() {
            // SAFETY: the stack has that many words of terms and return addresses; the heap is borrowed for writing.
            visit(unsafe { &mut *self.stack_top.get().add(index).cast::<Word>() });
        }
        let fragments = self.fragments.get_mut().iter().map(|block: &Block| (block.start, block.end()));
        let ranges = [(self.block.start, self.top.get()), (self.old.start, self.old_top)];
        for (start, end) in ranges.into_iter().chain(fragments.collect::<Vec<_>>()) {
            // SAFETY: these areas hold whole objects, and the heap is borrowed for writing.
            unsafe { for_each_term_word(start, end, visit) };
        }
    }
}
