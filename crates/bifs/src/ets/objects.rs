//! Inserting, looking up, changing and removing objects by key.

use super::{Failure, badarg, because, find, list_of};
use oxbeam_bif_macros::bif;
use oxbeam_ets::{Access, CounterError, CounterOperation, ElementError, Object, Table, object};
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::{Term, atoms};

/// Objects that are copied before the reductions are looked at.
const OBJECTS_PER_STEP: usize = 1024;

/// The objects that `term`, a tuple or a list of tuples, asks to insert; `None` when there is anything else. Long lists
/// count as work.
fn objects_of<'h>(
    cx: &mut BifContext<'h>,
    table: &Table,
    term: Term<'h>,
) -> Result<Option<Vec<Object>>, Box<Interrupt<'h>>> {
    let index = table.options.key_index;
    if !term.is_list() {
        return Ok(object(term, index).map(|object| vec![object]));
    }
    let mut objects = Vec::new();
    let mut walk = term.list_iter();
    for element in walk.by_ref() {
        let Some(object) = object(element, index) else { return Ok(None) };
        objects.push(object);
        if objects.len().is_multiple_of(OBJECTS_PER_STEP) {
            cx.work(OBJECTS_PER_STEP)?;
        }
    }
    cx.spend(objects.len() % OBJECTS_PER_STEP);
    Ok(walk.tail().is_nil().then_some(objects))
}

/// Inserts a tuple, or all tuples of a list at once.
///
/// # Errors
///
/// `badarg` unless all of them have a key.
#[bif("ets:insert/2")]
fn insert<'h>(cx: &mut BifContext<'h>, table: Term<'h>, objects: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    if let Some(object) = object(objects, table.options.key_index) {
        table.write(cx, Access::Write)?.insert(object, cx.atoms());
        return Ok(Term::TRUE);
    }
    let objects = objects_of(cx, &table, objects)?;
    let mut state = table.write(cx, Access::Write)?;
    for object in objects.ok_or_else(|| badarg(cx))? {
        state.insert(object, cx.atoms());
    }
    Ok(Term::TRUE)
}

/// As `insert/2`, but inserts nothing and returns `false` when one of the keys is there.
#[bif("ets:insert_new/2")]
fn insert_new<'h>(cx: &mut BifContext<'h>, table: Term<'h>, objects: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    let objects = objects_of(cx, &table, objects)?;
    let mut state = table.write(cx, Access::Write)?;
    let inserted = state.insert_new(objects.ok_or_else(|| badarg(cx))?, cx.atoms());
    Ok(Term::boolean(inserted))
}

/// The objects with this key.
#[bif("ets:lookup/2")]
fn lookup<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    let state = table.read(cx, Access::Read)?;
    Ok(list_of(cx, state.get(key, cx.atoms())))
}

/// Is there an object with this key?
#[bif("ets:member/2")]
fn member<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    let state = table.read(cx, Access::Read)?;
    Ok(Term::boolean(!state.get(key, cx.atoms()).is_empty()))
}

/// The element at `position` of the object with this key; for bags the list of those of all of them.
///
/// # Errors
///
/// `badarg`, with cause `badkey` when there is no such object.
#[bif("ets:lookup_element/3")]
fn lookup_element<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>, position: Term<'h>) -> BifResult<'h> {
    match element_of(cx, table, key, position)? {
        Some(element) => Ok(element),
        None => Err(because(cx, atoms::BADKEY)),
    }
}

/// As `lookup_element/3`; `default` when there is no such object.
#[bif("ets:lookup_element/4")]
fn lookup_element_default<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    key: Term<'h>,
    position: Term<'h>,
    default: Term<'h>,
) -> BifResult<'h> {
    Ok(element_of(cx, table, key, position)?.unwrap_or(default))
}

fn element_of<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    key: Term<'h>,
    position: Term<'h>,
) -> Result<Option<Term<'h>>, Failure<'h>> {
    let table = find(cx, table)?;
    let state = table.read(cx, Access::Read)?;
    let index = position.as_usize().and_then(|position| position.checked_sub(1)).ok_or_else(|| badarg(cx))?;
    let objects = state.get(key, cx.atoms());
    let element = |object: &Object| match object.elements().get(index) {
        Some(element) => Ok(cx.heap.copy_in(*element)),
        None => Err(badarg(cx)),
    };
    if objects.is_empty() {
        return Ok(None);
    }
    if !state.kind().is_bag() {
        return element(&objects[0]).map(Some);
    }
    let elements: Vec<Term<'h>> = objects.iter().map(element).collect::<Result<_, _>>()?;
    Ok(Some(cx.heap.list(&elements)))
}

/// Removes the objects with this key.
#[bif("ets:delete/2")]
fn delete<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    table.write(cx, Access::Write)?.delete(key, cx.atoms());
    Ok(Term::TRUE)
}

/// Removes the objects that are exactly this tuple.
#[bif("ets:delete_object/2")]
fn delete_object<'h>(cx: &mut BifContext<'h>, table: Term<'h>, object: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    let mut state = table.write(cx, Access::Write)?;
    match object.as_tuple() {
        Some(tuple) if tuple.elements().len() > state.key_index() => state.delete_object(tuple, cx.atoms()),
        _ => return Err(badarg(cx)),
    }
    Ok(Term::TRUE)
}

/// Removes the objects with this key and returns them.
#[bif("ets:take/2")]
fn take<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    let objects = table.write(cx, Access::Write)?.take(key, cx.atoms());
    Ok(list_of(cx, &objects))
}

/// Adds to counters: see `update_counter/4`.
#[bif("ets:update_counter/3")]
fn update_counter<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>, operation: Term<'h>) -> BifResult<'h> {
    count(cx, table, key, operation, None)
}

/// Applies `operation`, an increment, `{Position, Increment}`, `{Position, Increment, Threshold, SetValue}` or a list
/// of the latter, to the object with this key, or to `default` when there is none. Returns the new value or values.
///
/// # Errors
///
/// `badarg`, with cause `table_type` for bags, `badkey`, `position` or `keypos`; without one when the operation is
/// malformed or the element is no integer.
#[bif("ets:update_counter/4")]
fn update_counter_default<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    key: Term<'h>,
    operation: Term<'h>,
    default: Term<'h>,
) -> BifResult<'h> {
    count(cx, table, key, operation, Some(default))
}

fn count<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    key: Term<'h>,
    operation: Term<'h>,
    default: Option<Term<'h>>,
) -> BifResult<'h> {
    let table = find(cx, table)?;
    let mut state = table.write(cx, Access::Write)?;
    if state.kind().is_bag() {
        return Err(because(cx, atoms::TABLE_TYPE));
    }
    if default.is_none()
        && let Some((position, increment)) = plain_increment(operation, state.key_index())
        && let Some(sum) = state.add_small(key, position, increment, cx.atoms())
    {
        return Ok(Term::small(sum));
    }
    if default.is_some_and(|default| default.as_tuple().is_none()) {
        return Err(badarg(cx));
    }
    if default.is_none() && state.get(key, cx.atoms()).is_empty() {
        return Err(because(cx, atoms::BADKEY));
    }
    let operations = match operation.is_list() {
        true => operation.to_vec(),
        false => Some(vec![operation]),
    };
    let key_index = state.key_index();
    let operations: Option<Vec<CounterOperation<'h>>> = operations
        .and_then(|operations| operations.into_iter().map(|term| counter_operation(term, key_index)).collect())
        .filter(|operations: &Vec<_>| !operation.is_list() || operations.iter().all(|(tuple, _)| *tuple))
        .map(|operations| operations.into_iter().map(|(_, operation)| operation).collect());
    let operations = operations.ok_or_else(|| badarg(cx))?;
    let values = state.update_counters(key, &operations, default, cx.heap, cx.atoms());
    drop(state);
    let values = values.map_err(|error| match error {
        CounterError::NoKey => because(cx, atoms::BADKEY),
        CounterError::Position => because(cx, atoms::POSITION),
        CounterError::Key => because(cx, atoms::KEYPOS),
        CounterError::NotInteger => badarg(cx),
        CounterError::SystemLimit => cx.raise(atoms::SYSTEM_LIMIT),
    })?;
    match values.first() {
        Some(value) if !operation.is_list() => Ok(*value),
        _ => Ok(cx.heap.list(&values)),
    }
}

/// Position and increment of an operation that is one small number, or a position with one.
#[inline]
fn plain_increment(operation: Term<'_>, key_index: usize) -> Option<(usize, i64)> {
    if let Some(increment) = operation.as_small() {
        return Some((key_index + 2, increment));
    }
    let [position, increment] = operation.as_tuple_of::<2>()?;
    Some((usize::try_from(position.as_small()?).ok()?, increment.as_small()?))
}

/// An operation, and whether it was written as a tuple. Positions that no object has become 0.
fn counter_operation(term: Term<'_>, key_index: usize) -> Option<(bool, CounterOperation<'_>)> {
    if term.is_integer() {
        return Some((false, CounterOperation { position: key_index + 2, increment: term, threshold: None }));
    }
    let position = |term: Term<'_>| term.is_integer().then(|| term.as_usize().unwrap_or(0));
    let elements = term.as_tuple()?.elements();
    let operation = match elements {
        [at, increment] => CounterOperation { position: position(*at)?, increment: *increment, threshold: None },
        [at, increment, limit, reset] => {
            let threshold = Some((*limit, *reset));
            CounterOperation { position: position(*at)?, increment: *increment, threshold }
        }
        _ => return None,
    };
    elements.iter().all(|element| element.is_integer()).then_some((true, operation))
}

/// Sets elements: see `update_element/4`.
#[bif("ets:update_element/3")]
fn update_element<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>, elements: Term<'h>) -> BifResult<'h> {
    set_elements(cx, table, key, elements, None)
}

/// Sets the elements that `elements`, `{Position, Value}` or a list of those, names in the object with this key, or in
/// `default` when there is none.
///
/// # Errors
///
/// `badarg`, with cause `position` or `keypos`; without one when `elements` is malformed or the table is a bag.
#[bif("ets:update_element/4")]
fn update_element_default<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    key: Term<'h>,
    elements: Term<'h>,
    default: Term<'h>,
) -> BifResult<'h> {
    set_elements(cx, table, key, elements, Some(default))
}

fn set_elements<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    key: Term<'h>,
    elements: Term<'h>,
    default: Option<Term<'h>>,
) -> BifResult<'h> {
    let table = find(cx, table)?;
    let mut state = table.write(cx, Access::Write)?;
    if state.kind().is_bag() || default.is_some_and(|default| default.as_tuple().is_none()) {
        return Err(badarg(cx));
    }
    if default.is_none() && state.get(key, cx.atoms()).is_empty() {
        return Ok(Term::FALSE);
    }
    let list = if elements.is_list() { elements.to_vec() } else { Some(vec![elements]) };
    let mut values = Vec::new();
    for element in list.ok_or_else(|| badarg(cx))? {
        let Some([position, value]) = element.as_tuple_of::<2>() else { return Err(badarg(cx)) };
        let Some(position) = position.as_small() else { return Err(badarg(cx)) };
        // A position that no object has stays one.
        let index = usize::try_from(position - 1).unwrap_or(usize::MAX);
        values.push((index, *value));
    }
    match state.update_elements(key, &values, default, cx.atoms()) {
        Ok(()) => Ok(Term::TRUE),
        Err(ElementError::NoKey) => Ok(Term::FALSE),
        Err(ElementError::Position) => Err(because(cx, atoms::POSITION)),
        Err(ElementError::Key) => Err(because(cx, atoms::KEYPOS)),
    }
}
