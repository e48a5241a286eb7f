//! Lists: `length/1`, `hd/1`, `++`, `--`; those of module `lists` are in `lists.rs`.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::Term;

/// Elements of a list that are walked for one reduction.
pub(crate) const ELEMENTS_PER_REDUCTION: usize = 16;
/// Elements walked before the reductions are looked at.
pub(crate) const SLICE_ELEMENTS: usize = 16 * 1024;
/// Up to so many elements a plain search is faster than a sorted array.
const SMALL_SET: usize = 16;

/// First element; `badarg` unless there is one.
#[bif("erlang:hd/1", guard)]
fn hd<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    list.as_cons().map_or_else(|| cx.badarg(), |cell| Ok(cell.head()))
}

/// The list without its first element; `badarg` unless there is one.
#[bif("erlang:tl/1", guard)]
fn tl<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    list.as_cons().map_or_else(|| cx.badarg(), |cell| Ok(cell.tail()))
}

/// Number of elements; `badarg` for what is not a proper list.
#[bif("erlang:length/1", guard)]
fn length<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    length_from(cx, &[list, list, Term::small(0)])
}

/// The end of `length/1` for what is not a proper list.
fn no_length<'h>(cx: &mut BifContext<'h>, _arguments: &[Term<'h>]) -> BifResult<'h> {
    cx.badarg()
}

/// Goes on counting: the list, the rest of it, and how many elements were before that.
fn length_from<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[list, mut rest, count] = arguments else { return cx.badarg() };
    let mut count = count.as_small().unwrap_or(0);
    loop {
        let mut walk = rest.list_iter();
        let walked = walk.by_ref().take(SLICE_ELEMENTS).count();
        count += walked as i64;
        rest = walk.tail();
        if rest.is_nil() {
            return Ok(Term::small(count));
        }
        if rest.as_cons().is_none() {
            // The stack trace tells the list, without what was counted.
            return cx.again(no_length, &[list]);
        }
        if cx.spend(walked / ELEMENTS_PER_REDUCTION) {
            return cx.again(length_from, &[list, rest, Term::small(count)]);
        }
    }
}

/// The elements of a proper list; `None` for what is none. The walk over a long one counts as work.
pub(crate) fn elements_of<'h>(
    cx: &mut BifContext<'h>,
    list: Term<'h>,
) -> Result<Option<Vec<Term<'h>>>, Box<Interrupt<'h>>> {
    let (mut walk, mut elements) = (list.list_iter(), Vec::new());
    loop {
        let before = elements.len();
        elements.extend(walk.by_ref().take(SLICE_ELEMENTS));
        let added = elements.len() - before;
        cx.work(added / ELEMENTS_PER_REDUCTION)?;
        if added < SLICE_ELEMENTS {
            return Ok(walk.tail().is_nil().then_some(elements));
        }
    }
}

fn concatenate<'h>(cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    if first.is_nil() {
        return Ok(second);
    }
    if second.is_nil() && first.as_cons().is_some() {
        // The same list again, once it is known to be proper.
        let mut walk = first.list_iter();
        let length = walk.by_ref().count();
        cx.spend(length / ELEMENTS_PER_REDUCTION);
        return if walk.tail().is_nil() { Ok(first) } else { cx.badarg() };
    }
    let mut walk = first.list_iter();
    let length = walk.by_ref().take(SLICE_ELEMENTS).count();
    if length < SLICE_ELEMENTS {
        if !walk.tail().is_nil() {
            return cx.badarg();
        }
        cx.work(length / ELEMENTS_PER_REDUCTION)?;
        return Ok(cx.heap.list_of(length, first.list_iter(), second));
    }
    let Some(elements) = elements_of(cx, first)? else { return cx.badarg() };
    Ok(cx.heap.list_with_tail(&elements, second))
}

/// `First ++ Second`; `badarg` unless the first is a proper list. The second may be any term.
#[bif("erlang:++/2")]
fn plus_plus<'h>(cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    concatenate(cx, first, second)
}

/// As `++/2`.
#[bif("erlang:append/2")]
fn append<'h>(cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    concatenate(cx, first, second)
}

/// `First -- Second`: for each element of the second, the first equal one of the first is left out.
///
/// # Errors
///
/// `badarg` unless both are proper lists.
#[bif("erlang:--/2")]
fn minus_minus<'h>(cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    difference(cx, first, second)
}

/// As `--/2`.
#[bif("erlang:subtract/2")]
fn subtract<'h>(cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    difference(cx, first, second)
}

fn difference<'h>(cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    let Some(left_out) = elements_of(cx, second)? else { return cx.badarg() };
    let mut walk = first.list_iter();
    let length = walk.by_ref().count();
    if !walk.tail().is_nil() {
        return cx.badarg();
    }
    cx.work((length + left_out.len()) / ELEMENTS_PER_REDUCTION * 4)?;
    let (mut kept, mut unchanged) = (Vec::new(), first);
    let mut set = Multiset::new(cx, left_out);
    let mut walk = first.list_iter();
    while !set.is_empty()
        && let Some(element) = walk.next()
    {
        if set.take(cx, element) {
            unchanged = walk.tail();
        } else {
            kept.push(element);
        }
    }
    // What follows the last element left out is shared with the first list.
    let shared = kept.len().saturating_sub(count_between(unchanged, walk.tail()));
    kept.truncate(shared);
    Ok(cx.heap.list_with_tail(&kept, unchanged))
}

/// How many cells lie between two places of the same list.
fn count_between(from: Term<'_>, to: Term<'_>) -> usize {
    let mut walk = from.list_iter();
    let mut count = 0;
    while !walk.tail().is_same(to) && walk.next().is_some() {
        count += 1;
    }
    count
}

/// The elements that are still to be left out.
enum Multiset<'h> {
    Few(Vec<Term<'h>>),
    /// In the order of keys, with how often each occurs, and how many are left in all.
    Sorted(Vec<(Term<'h>, usize)>, usize),
}

impl<'h> Multiset<'h> {
    fn new(cx: &BifContext<'h>, mut elements: Vec<Term<'h>>) -> Multiset<'h> {
        if elements.len() <= SMALL_SET {
            return Multiset::Few(elements);
        }
        let total = elements.len();
        elements.sort_unstable_by(|a, b| a.compare_exact(*b, cx.atoms()));
        let mut sorted: Vec<(Term<'h>, usize)> = Vec::with_capacity(total);
        for element in elements {
            match sorted.last_mut() {
                Some((last, count)) if last.is_exactly(element) => *count += 1,
                _ => sorted.push((element, 1)),
            }
        }
        Multiset::Sorted(sorted, total)
    }
    fn is_empty(&self) -> bool {
        match self {
            Multiset::Few(elements) => elements.is_empty(),
            Multiset::Sorted(_, left) => *left == 0,
        }
    }
    /// Is the element to be left out? It is then one less.
    fn take(&mut self, cx: &BifContext<'h>, element: Term<'h>) -> bool {
        match self {
            Multiset::Few(elements) => match elements.iter().position(|other| other.is_exactly(element)) {
                Some(place) => {
                    elements.swap_remove(place);
                    true
                }
                None => false,
            },
            Multiset::Sorted(sorted, left) => {
                let found = sorted.binary_search_by(|(other, _)| other.compare_exact(element, cx.atoms()));
                match found {
                    Ok(place) if sorted[place].1 > 0 => {
                        sorted[place].1 -= 1;
                        *left -= 1;
                        true
                    }
                    _ => false,
                }
            }
        }
    }
}
