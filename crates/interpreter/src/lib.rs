//! The loader's decoder and the interpreter.
