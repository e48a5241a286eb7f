//! The second term of a message on its way out.

use super::{Prepared, flag};
use crate::{Vm, VmContext};
use oxbeam_etf::distribution::FRAGMENT_SIZE;
use oxbeam_etf::{EncodeOptions, Encoder, MessageAtoms, SystemLimit, WithMessageAtoms, encode, encoded_size};
use oxbeam_term::Term;
use std::cell::RefCell;

/// The second term of a message, if it has one.
pub enum Payload<'t> {
    /// It has none.
    None,
    /// To be encoded with the message.
    Term(Term<'t>),
    /// Encoded before, in steps.
    Encoded(EncodedPayload),
}

/// A payload in bytes, and the atoms that it refers to by index.
pub struct EncodedPayload {
    atoms: MessageAtoms,
    bytes: Vec<u8>,
}

/// An encode of a payload under way. It may be left between steps as long as the term's heap is not collected.
pub struct PayloadEncoder<'h> {
    encoder: Encoder<'h>,
    atoms: MessageAtoms,
}

impl Vm {
    /// Would a payload with this term go in fragments?
    pub fn is_large(&self, term: Term<'_>) -> bool {
        let mut budget = FRAGMENT_SIZE;
        let size = encoded_size(term, &VmContext { vm: self }, EncodeOptions::default(), &mut budget);
        !matches!(size, Ok(Some(size)) if size <= FRAGMENT_SIZE)
    }
}

impl Prepared {
    fn encode_options(&self) -> EncodeOptions {
        EncodeOptions { atom_cache: self.flags & flag::HEADER_ATOM_CACHE != 0, ..EncodeOptions::default() }
    }
    /// Begins to encode a payload for this channel.
    pub fn payload_encoder<'h>(&self, term: Term<'h>) -> PayloadEncoder<'h> {
        PayloadEncoder { encoder: Encoder::new(term, self.encode_options()), atoms: MessageAtoms::default() }
    }
    /// Encodes a message: the atoms that it refers to, the control message and the payload.
    ///
    /// # Errors
    /// When it is too large for the format.
    pub(super) fn encode(
        &self,
        vm: &Vm,
        control: Term<'_>,
        payload: Payload<'_>,
    ) -> Result<(MessageAtoms, Vec<u8>, Vec<u8>), SystemLimit> {
        let (atoms, term, bytes) = match payload {
            Payload::None => (MessageAtoms::default(), None, Vec::new()),
            Payload::Term(term) => (MessageAtoms::default(), Some(term), Vec::new()),
            Payload::Encoded(EncodedPayload { atoms, bytes }) => (atoms, None, bytes),
        };
        let context = WithMessageAtoms { context: &VmContext { vm }, atoms: RefCell::new(atoms) };
        let control = encode(control, &context, self.encode_options())?;
        let payload = match term {
            Some(term) => encode(term, &context, self.encode_options())?,
            None => bytes,
        };
        Ok((context.atoms.into_inner(), control, payload))
    }
}

impl PayloadEncoder<'_> {
    /// Goes on for about `budget` terms, which it counts down; `None` when that is used up.
    ///
    /// # Errors
    /// When the payload is too large for the format.
    pub fn step(&mut self, vm: &Vm, budget: &mut usize) -> Result<Option<EncodedPayload>, SystemLimit> {
        let atoms = RefCell::new(std::mem::take(&mut self.atoms));
        let context = WithMessageAtoms { context: &VmContext { vm }, atoms };
        let bytes = self.encoder.step(&context, budget)?;
        let atoms = context.atoms.into_inner();
        match bytes {
            Some(bytes) => Ok(Some(EncodedPayload { atoms, bytes })),
            None => {
                self.atoms = atoms;
                Ok(None)
            }
        }
    }
}
