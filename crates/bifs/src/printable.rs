//! Which characters count as printable: `io:printable_range/0`.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Vm};
use oxbeam_term::{Term, atoms};
use std::sync::atomic::{AtomicBool, Ordering};

/// Is it all of Unicode (`+pc unicode`), and not only Latin-1?
#[derive(Default)]
struct PrintableUnicode(AtomicBool);

/// Sets what `io:printable_range/0` answers.
pub fn set_printable_unicode(vm: &Vm, unicode: bool) {
    vm.extension::<PrintableUnicode>().0.store(unicode, Ordering::Relaxed);
}

/// `unicode` or `latin1`.
#[bif("io:printable_range/0")]
fn printable_range<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let unicode = cx.vm.extension::<PrintableUnicode>().0.load(Ordering::Relaxed);
    Ok(Term::atom(if unicode { atoms::UNICODE } else { atoms::LATIN1 }))
}
