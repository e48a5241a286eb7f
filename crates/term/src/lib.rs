//! Terms and the per-process heap: tags, atoms, allocation, collection, order, hash.

