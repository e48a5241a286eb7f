//! From the term of a match specification to its program.

use super::function::Function;
use super::key::{KeyBound, is_ground};
use super::print::print;
use super::{Body, Clause, Dialect, Keys, MatchSpec, Operation, PatternOperation};
use oxbeam_term::{Atom, AtomTable, LiteralRange, OwnedTerm, Term, Word, atoms};
use std::collections::HashMap;

impl MatchSpec {
    /// Compiles a match specification, for a table whose keys stand at `key_index` if given.
    ///
    /// # Errors
    /// Texts of what is wrong, as `erlang:match_spec_test/3` shows them.
    pub fn compile(
        spec: Term<'_>,
        dialect: Dialect,
        key_index: Option<usize>,
        atoms: &AtomTable,
    ) -> Result<MatchSpec, Vec<String>> {
        if spec.as_cons().is_none() {
            return Err(vec!["Match programs are not in a list.".into()]);
        }
        let Some(programs) = spec.to_vec() else {
            return Err(vec!["Match programs are not in a proper list.".into()]);
        };
        if programs.iter().any(|program| program.as_tuple_of::<3>().is_none()) {
            return Err(vec!["Match program part is not a tuple of arity 3.".into()]);
        }
        let mut errors = Vec::new();
        let parts: Vec<&[Term<'_>; 3]> = programs.iter().filter_map(|program| program.as_tuple_of::<3>()).collect();
        let mut clauses = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            clauses.push(clause(part, dialect, atoms, &mut errors, HashMap::new()));
            // Errors of the first wrong clause are told.
            if !errors.is_empty() {
                let renamed = renamed_variables(spec, &parts[..=index], atoms);
                if !renamed.is_empty() {
                    errors.clear();
                    clause(part, dialect, atoms, &mut errors, renamed);
                }
                return Err(errors);
            }
        }
        let heads: Vec<Term<'_>> = parts.iter().map(|part| part[0]).collect();
        let keys = key_index.map_or(Keys::Any, |index| keys_of(&heads, index, atoms));
        Ok(MatchSpec { clauses, keys })
    }

    /// Compiles a pattern without guards; `None` when it is none.
    pub fn compile_pattern(pattern: Term<'_>, body: Body, key_index: usize, atoms: &AtomTable) -> Option<MatchSpec> {
        let mut errors = Vec::new();
        let mut compiler = Compiler::new(Dialect::Table, atoms, &mut errors);
        let operations = compiler.pattern(pattern);
        let body = match body {
            Body::Bindings => Operation::Bindings(compiler.bindings()),
            Body::Object => Operation::CopyObject,
        };
        let variables = compiler.variables.len();
        if !errors.is_empty() {
            return None;
        }
        let clause = Clause { pattern: operations, guard: Vec::new(), body: vec![body], variables };
        Some(MatchSpec { clauses: vec![clause], keys: keys_of(&[pattern], key_index, atoms) })
    }

    /// The empty specification, which matches nothing.
    pub fn empty() -> MatchSpec {
        MatchSpec { clauses: Vec::new(), keys: Keys::Among(Vec::new()) }
    }

    /// Does every clause give an object whose key is the matched one's (`ets:select_replace/2`)? Asked of the
    /// specification's term.
    pub fn keeps_key(spec: Term<'_>, key_index: usize, atoms: &AtomTable) -> bool {
        spec.list_iter().all(|program| {
            let Some([head, _, body]) = program.as_tuple_of::<3>() else { return false };
            let Some([result]) =
                body.to_vec().as_deref().and_then(|body| <&[Term<'_>; 1]>::try_from(body).ok()).copied()
            else {
                return false;
            };
            clause_keeps_key(*head, result, key_index, atoms)
        })
    }
}

fn clause_keeps_key(head: Term<'_>, result: Term<'_>, key_index: usize, atoms: &AtomTable) -> bool {
    if result.is_atom(atoms::DOLLAR_UNDERSCORE) {
        return true;
    }
    fn key<'h>(object: Term<'h>, index: usize) -> Option<Term<'h>> {
        object.as_tuple()?.elements().get(index).copied()
    }
    // A pattern that names no key promises nothing, whatever the result is made of.
    let Some(old_key) = key(head, key_index) else { return false };
    if let Some([tag, value]) = result.as_tuple_of::<2>()
        && tag.is_atom(atoms::CONST)
    {
        return is_ground(old_key, atoms) && key(*value, key_index).is_some_and(|new_key| new_key.is_exactly(old_key));
    }
    let Some(new_key) = result.as_tuple_of::<1>().and_then(|[object]| key(*object, key_index)) else { return false };
    if let Some([function, position, object]) = new_key.as_tuple_of::<3>()
        && function.is_atom(atoms::ELEMENT)
        && object.is_atom(atoms::DOLLAR_UNDERSCORE)
    {
        return position.as_usize() == Some(key_index + 1);
    }
    same_key(old_key, new_key, atoms)
}

/// Does the expression give what the pattern has matched?
fn same_key(pattern: Term<'_>, expression: Term<'_>, atoms: &AtomTable) -> bool {
    let mut pending = vec![(pattern, expression)];
    while let Some((pattern, expression)) = pending.pop() {
        if let (Some(pattern), Some(expression)) = (pattern.as_cons(), expression.as_cons()) {
            pending.push((pattern.tail(), expression.tail()));
            pending.push((pattern.head(), expression.head()));
            continue;
        }
        if let Some([tag, value]) = expression.as_tuple_of::<2>()
            && tag.is_atom(atoms::CONST)
        {
            if !is_ground(pattern, atoms) || !pattern.is_exactly(*value) {
                return false;
            }
            continue;
        }
        if let Some(tuple) = pattern.as_tuple() {
            let Some([inner]) = expression.as_tuple_of::<1>() else { return false };
            let Some(inner) = inner.as_tuple() else { return false };
            if inner.elements().len() != tuple.elements().len() {
                return false;
            }
            pending.extend(tuple.elements().iter().copied().zip(inner.elements().iter().copied()));
            continue;
        }
        if pattern.is_atom(atoms::UNDERSCORE) || pattern.is_map() || expression.as_tuple().is_some() {
            return false;
        }
        if !pattern.is_exactly(expression) {
            return false;
        }
    }
    true
}

fn keys_of(heads: &[Term<'_>], key_index: usize, atoms: &AtomTable) -> Keys {
    let mut among: Vec<OwnedTerm> = Vec::with_capacity(heads.len());
    for head in heads {
        if is_variable(*head, atoms) || head.is_atom(atoms::UNDERSCORE) {
            return Keys::Any;
        }
        // What is no tuple with a key matches no object.
        let Some(&key) = head.as_tuple().and_then(|tuple| tuple.elements().get(key_index)) else { continue };
        if !is_ground(key, atoms) {
            return match KeyBound::of(key, atoms) {
                Some(bound) if heads.len() == 1 => Keys::Bound(bound),
                _ => Keys::Any,
            };
        }
        if !among.iter().any(|other| other.term().equals(key)) {
            among.push(OwnedTerm::copy(key, LiteralRange::EMPTY));
        }
    }
    Keys::Among(among)
}

fn clause(
    [head, guards, body]: &[Term<'_>; 3],
    dialect: Dialect,
    atoms: &AtomTable,
    errors: &mut Vec<String>,
    renamed: HashMap<Atom, usize>,
) -> Clause {
    let mut compiler = Compiler::new(dialect, atoms, errors);
    compiler.renamed = renamed;
    let pattern = compiler.pattern(*head);
    if !compiler.errors.is_empty() {
        return Clause { pattern, guard: Vec::new(), body: Vec::new(), variables: 0 };
    }
    compiler.guards(*guards);
    let guard = std::mem::take(&mut compiler.operations);
    compiler.body(*body);
    let body = std::mem::take(&mut compiler.operations);
    Clause { pattern, guard, body, variables: compiler.variables.len() }
}

/// Is it `'$0'`, `'$1'`, ...?
pub(super) fn is_variable(term: Term<'_>, atoms: &AtomTable) -> bool {
    let Some(atom) = term.as_atom() else { return false };
    match atoms.text(atom).as_bytes() {
        [b'$', b'0'] => true,
        [b'$', b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// A head with a variable of a higher number has all variables of the specification numbered anew.
const LAST_COMMON_VARIABLE: usize = 30;

fn variable_number(name: Atom, atoms: &AtomTable) -> usize {
    atoms.text(name)[1..].parse().unwrap_or(usize::MAX)
}

/// What errors call the variables of a specification, once a head of `parts` had a variable with a high number.
fn renamed_variables(spec: Term<'_>, parts: &[&[Term<'_>; 3]], atoms: &AtomTable) -> HashMap<Atom, usize> {
    let variables = |from: Term<'_>| {
        let mut found = std::collections::BTreeMap::new();
        let mut pending = vec![from];
        while let Some(term) = pending.pop() {
            if let Some(name) = term.as_atom().filter(|_| is_variable(term, atoms)) {
                found.insert(variable_number(name, atoms), name);
            } else if let Some(cell) = term.as_cons() {
                pending.extend([cell.tail(), cell.head()]);
            } else if let Some(tuple) = term.as_tuple() {
                pending.extend(tuple.elements());
            } else if term.is_map() {
                pending.extend(term.map_iter().flat_map(|(key, value)| [key, value]));
            }
        }
        found
    };
    let high = |part: &&[Term<'_>; 3]| variables(part[0]).keys().next_back().is_some_and(|&n| n > LAST_COMMON_VARIABLE);
    if !parts.iter().any(high) {
        return HashMap::new();
    }
    variables(spec).into_values().enumerate().map(|(index, name)| (name, index)).collect()
}

struct Compiler<'a> {
    dialect: Dialect,
    atoms: &'a AtomTable,
    errors: &'a mut Vec<String>,
    /// Numbers that errors show instead of the variables' own.
    renamed: HashMap<Atom, usize>,
    variables: HashMap<Atom, u32>,
    operations: Vec<Operation>,
    in_body: bool,
}

/// What is still to be compiled.
enum Task<'t> {
    /// An expression; is its value to be on the result's heap?
    Expression(Term<'t>, bool),
    /// An operation behind its operands.
    Emit(Operation),
    /// The end of an `andalso` or `orelse`, whose jumps say this number.
    Label(u32),
}

impl<'a> Compiler<'a> {
    fn new(dialect: Dialect, atoms: &'a AtomTable, errors: &'a mut Vec<String>) -> Compiler<'a> {
        Compiler {
            dialect,
            atoms,
            errors,
            renamed: HashMap::new(),
            variables: HashMap::new(),
            operations: Vec::new(),
            in_body: false,
        }
    }

    fn pattern(&mut self, head: Term<'_>) -> Vec<PatternOperation> {
        let mut operations = Vec::new();
        let mut pending = vec![head];
        while let Some(term) = pending.pop() {
            operations.push(self.pattern_operation(term, &mut pending));
        }
        operations
    }

    fn pattern_operation<'t>(&mut self, term: Term<'t>, pending: &mut Vec<Term<'t>>) -> PatternOperation {
        if term.is_atom(atoms::UNDERSCORE) {
            return PatternOperation::Any;
        }
        if let Some(atom) = term.as_atom()
            && is_variable(term, self.atoms)
        {
            let next = self.variables.len() as u32;
            return match self.variables.entry(atom) {
                std::collections::hash_map::Entry::Occupied(entry) => PatternOperation::Same(*entry.get()),
                std::collections::hash_map::Entry::Vacant(entry) => PatternOperation::Bind(*entry.insert(next)),
            };
        }
        if !term.word().is_pointer() {
            return PatternOperation::Immediate(term.word());
        }
        if let Some(cell) = term.as_cons() {
            pending.push(cell.tail());
            pending.push(cell.head());
            return PatternOperation::Cons;
        }
        if let Some(tuple) = term.as_tuple() {
            pending.extend(tuple.elements().iter().rev());
            return PatternOperation::Tuple(tuple.elements().len() as u32);
        }
        if term.is_map() {
            return self.map_pattern(term, pending);
        }
        PatternOperation::Equal(OwnedTerm::copy(term, LiteralRange::EMPTY))
    }

    fn map_pattern<'t>(&mut self, map: Term<'t>, pending: &mut Vec<Term<'t>>) -> PatternOperation {
        let mut keys = Vec::new();
        let mut values = Vec::new();
        for (key, value) in map.map_iter() {
            if is_variable(key, self.atoms) {
                self.errors.push("Variable found in map key.".into());
            } else if key.is_atom(atoms::UNDERSCORE) {
                self.errors.push("Underscore found in map key.".into());
            }
            keys.push(OwnedTerm::copy(key, LiteralRange::EMPTY));
            values.push(value);
        }
        pending.extend(values.into_iter().rev());
        PatternOperation::Map(keys.into())
    }

    fn guards(&mut self, guards: Term<'_>) {
        if !guards.is_list() {
            self.errors.push("Match expression is not a list.".into());
            return;
        }
        let Some(guards) = guards.to_vec() else {
            self.errors.push("Match expression is not a proper list.".into());
            return;
        };
        for guard in guards {
            self.expression(guard, false);
            self.operations.push(Operation::Check);
        }
    }

    fn body(&mut self, body: Term<'_>) {
        // A trace specification may say nothing beside that it matches.
        if body.as_cons().is_none() && (self.dialect == Dialect::Table || !body.is_nil()) {
            self.errors.push("Body clause does not return anything.".into());
            return;
        }
        let Some(expressions) = body.to_vec() else {
            self.errors.push("Match expression is not a proper list.".into());
            return;
        };
        let table = self.dialect == Dialect::Table;
        for (index, expression) in expressions.iter().enumerate() {
            let last = index + 1 == expressions.len();
            self.in_body = true;
            self.expression(*expression, last && table);
            if !(last && table) {
                self.operations.push(Operation::Drop);
            }
        }
        if !table {
            self.operations.push(Operation::Message);
        }
    }

    fn expression(&mut self, expression: Term<'_>, copy: bool) {
        let mut tasks = vec![Task::Expression(expression, copy)];
        let mut labels: Vec<u32> = Vec::new();
        let start = self.operations.len();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Expression(term, copy) => self.one(term, copy, &mut tasks, &mut labels),
                Task::Emit(operation) => self.operations.push(operation),
                Task::Label(label) => labels[label as usize] = self.operations.len() as u32,
            }
        }
        for operation in &mut self.operations[start..] {
            if let Operation::AndAlso(label) | Operation::OrElse(label) = operation {
                *label = labels[*label as usize];
            }
        }
    }

    fn one<'t>(&mut self, term: Term<'t>, copy: bool, tasks: &mut Vec<Task<'t>>, labels: &mut Vec<u32>) {
        if let Some(atom) = term.as_atom() {
            self.atom(atom, copy);
        } else if let Some(tuple) = term.as_tuple() {
            self.tuple(term, tuple.elements(), copy, tasks, labels);
        } else if !self.is_constant(term) {
            self.structure(term, tasks);
        } else {
            self.constant(term, copy);
        }
    }

    fn atom(&mut self, atom: Atom, copy: bool) {
        let operation = match atom {
            atoms::DOLLAR_UNDERSCORE if copy => Operation::CopyObject,
            atoms::DOLLAR_UNDERSCORE => Operation::Object,
            atoms::DOLLAR_DOLLAR => Operation::Bindings(self.bindings()),
            _ if is_variable(Term::atom(atom), self.atoms) => match self.variables.get(&atom) {
                Some(&variable) if copy => Operation::CopyVariable(variable),
                Some(&variable) => Operation::Variable(variable),
                None => {
                    self.errors.push(format!("Variable {} is unbound.", self.atoms.text(atom)));
                    return;
                }
            },
            _ => Operation::Immediate(Word::atom(atom)),
        };
        self.operations.push(operation);
    }

    /// The variables of the head, in the order of their numbers.
    fn bindings(&self) -> Box<[u32]> {
        let mut named: Vec<(&str, u32)> =
            self.variables.iter().map(|(&atom, &variable)| (self.atoms.text(atom), variable)).collect();
        named.sort_by_key(|(name, _)| (name.len(), *name));
        named.into_iter().map(|(_, variable)| variable).collect()
    }

    fn constant(&mut self, term: Term<'_>, copy: bool) {
        let operation = if !term.word().is_pointer() {
            Operation::Immediate(term.word())
        } else {
            let owned = OwnedTerm::copy(term, LiteralRange::EMPTY);
            if copy { Operation::CopyConstant(owned) } else { Operation::Constant(owned) }
        };
        self.operations.push(operation);
    }

    /// Does a list or map hold nothing that must be evaluated?
    fn is_constant(&self, term: Term<'_>) -> bool {
        let mut pending = vec![term];
        while let Some(term) = pending.pop() {
            if let Some(cell) = term.as_cons() {
                // One level is enough to decide on lists of plain values; nested structures are built by the program.
                pending.push(cell.tail());
                pending.push(cell.head());
            } else if term.is_map() {
                pending.extend(term.map_iter().flat_map(|(key, value)| [key, value]));
            } else if term.as_tuple().is_some()
                || term.is_atom(atoms::DOLLAR_UNDERSCORE)
                || term.is_atom(atoms::DOLLAR_DOLLAR)
                || is_variable(term, self.atoms)
            {
                return false;
            }
        }
        true
    }

    /// A list or map with parts to be evaluated. What is built never refers to a table, so its parts are copied.
    fn structure<'t>(&mut self, term: Term<'t>, tasks: &mut Vec<Task<'t>>) {
        if term.is_map() {
            let pairs: Vec<(Term<'t>, Term<'t>)> = term.map_iter().collect();
            tasks.push(Task::Emit(Operation::Map(pairs.len() as u32)));
            for (key, value) in pairs.into_iter().rev() {
                tasks.push(Task::Expression(value, true));
                tasks.push(Task::Expression(key, true));
            }
            return;
        }
        let mut walk = term.list_iter();
        let elements: Vec<Term<'t>> = walk.by_ref().collect();
        for _ in &elements {
            tasks.push(Task::Emit(Operation::Cons));
        }
        tasks.push(Task::Expression(walk.tail(), true));
        for element in elements.into_iter().rev() {
            tasks.push(Task::Expression(element, true));
        }
    }

    fn tuple<'t>(
        &mut self,
        term: Term<'t>,
        elements: &'t [Term<'t>],
        copy: bool,
        tasks: &mut Vec<Task<'t>>,
        labels: &mut Vec<u32>,
    ) {
        if let [single] = elements
            && let Some(inner) = single.as_tuple()
        {
            tasks.push(Task::Emit(Operation::Tuple(inner.elements().len() as u32)));
            tasks.extend(inner.elements().iter().rev().map(|&element| Task::Expression(element, true)));
            return;
        }
        let Some((name, arguments)) = elements.split_first() else { return self.not_a_call(term) };
        let Some(name) = name.as_atom().filter(|_| !is_variable(*name, self.atoms)) else {
            return self.not_a_call(term);
        };
        match self.atoms.text(name) {
            "const" => match arguments {
                [value] => self.constant(*value, copy),
                _ => self.special("Special form 'const' called with more than one argument in ", term),
            },
            form @ ("and" | "or") => {
                if arguments.is_empty() {
                    return self.without_arguments(form, term);
                }
                let count = arguments.len() as u32;
                let operation = if form == "and" { Operation::And(count) } else { Operation::Or(count) };
                tasks.push(Task::Emit(operation));
                tasks.extend(arguments.iter().rev().map(|&argument| Task::Expression(argument, false)));
            }
            form @ ("andalso" | "orelse") => {
                if arguments.is_empty() {
                    return self.without_arguments(form, term);
                }
                self.short_circuit(form == "andalso", arguments, copy, tasks, labels);
            }
            "self" if arguments.is_empty() => self.operations.push(Operation::SelfPid),
            text => self.call(term, text, name, arguments, copy, tasks),
        }
    }

    fn short_circuit<'t>(
        &mut self,
        and: bool,
        arguments: &'t [Term<'t>],
        copy: bool,
        tasks: &mut Vec<Task<'t>>,
        labels: &mut Vec<u32>,
    ) {
        let label = labels.len() as u32;
        labels.push(0);
        if copy {
            tasks.push(Task::Emit(Operation::CopyTop));
        }
        tasks.push(Task::Label(label));
        for (index, &argument) in arguments.iter().enumerate().rev() {
            if index + 1 != arguments.len() {
                tasks.push(Task::Emit(if and { Operation::AndAlso(label) } else { Operation::OrElse(label) }));
            }
            tasks.push(Task::Expression(argument, false));
        }
    }

    fn call<'t>(
        &mut self,
        term: Term<'t>,
        text: &str,
        name: Atom,
        arguments: &'t [Term<'t>],
        copy: bool,
        tasks: &mut Vec<Task<'t>>,
    ) {
        if let Some(form) = TraceForm::find(text) {
            return self.trace_form(form, term, name, arguments, tasks);
        }
        let arity = arguments.len();
        if matches!((text, arity), ("get_tcw", 0) | ("set_tcw", 1)) {
            if self.dialect == Dialect::Table || text == "set_tcw" && !self.in_body {
                self.errors.push(format!("Function {text}/{arity} cannot be called in this context."));
                return;
            }
            return Self::action(name, arguments, tasks);
        }
        let Some(function) = Function::find(text, name, arity) else {
            let name = print(Term::atom(name), self.atoms, &self.renamed);
            self.errors.push(format!("Function {name}/{arity} does_not_exist."));
            return;
        };
        // A function of the machine may build on the heap what refers to its arguments: those are copied.
        let outside = function.is_outside();
        if copy && !outside {
            tasks.push(Task::Emit(Operation::CopyTop));
        }
        tasks.push(Task::Emit(Operation::Call(function, arity as u8)));
        tasks.extend(arguments.iter().rev().map(|&argument| Task::Expression(argument, outside)));
    }

    fn action<'t>(name: Atom, arguments: &'t [Term<'t>], tasks: &mut Vec<Task<'t>>) {
        tasks.push(Task::Emit(Operation::Action(name, arguments.len() as u8)));
        tasks.extend(arguments.iter().rev().map(|&argument| Task::Expression(argument, true)));
    }

    /// An action of tracing: `dmc_fun` and its relatives in OTP's `erl_db_util.c` check in this order.
    fn trace_form<'t>(
        &mut self,
        form: &TraceForm,
        term: Term<'t>,
        name: Atom,
        arguments: &'t [Term<'t>],
        tasks: &mut Vec<Task<'t>>,
    ) {
        let shown = form.shown;
        let allowed = match self.dialect {
            Dialect::Table => return self.errors.push(format!("Special form '{shown}' used in wrong dialect.")),
            Dialect::Trace => true,
            Dialect::Send => form.events != Events::Calls,
            Dialect::Receive => form.events == Events::All,
        };
        if !allowed {
            return self.errors.push(format!("Special form '{shown}' not allow for this trace event."));
        }
        if !self.in_body && !form.in_guards {
            return self.errors.push(format!("Special form '{shown}' called in guard context."));
        }
        if !form.arities.contains(&arguments.len()) {
            let what = if form.arities == [0] { "arguments" } else { "wrong number of arguments" };
            let shown = if shown == "set_seq_trace" { "set_seq_token" } else { shown };
            return self.special(&format!("Special form '{shown}' called with {what} in "), term);
        }
        if let ("current_stacktrace", [depth]) = (form.name, arguments) {
            match depth.as_small() {
                None => {
                    let problem = "Special form 'current_stacktrace' called with non small argument.";
                    return self.errors.push(problem.into());
                }
                Some(..0) => {
                    let problem = "Special form 'current_stacktrace' called with negative integer argument.";
                    return self.errors.push(problem.into());
                }
                Some(_) => {}
            }
        }
        if let ("message", [message]) = (form.name, arguments) {
            tasks.push(Task::Emit(Operation::SetMessage));
            tasks.push(Task::Expression(*message, true));
            return;
        }
        Self::action(name, arguments, tasks);
    }

    fn not_a_call(&mut self, term: Term<'_>) {
        let text = print(term, self.atoms, &self.renamed);
        self.errors.push(format!("{text} is neither a function call, nor a tuple (tuples are written {{{{ ... }}}})."));
    }
    fn without_arguments(&mut self, form: &str, term: Term<'_>) {
        self.special(&format!("Special form '{form}' called without arguments in "), term);
    }
    fn special(&mut self, text: &str, term: Term<'_>) {
        self.errors.push(format!("{text}{}.", print(term, self.atoms, &self.renamed)));
    }
}

/// In specifications for which events an action of tracing may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Events {
    All,
    /// Calls and messages sent: those that the process itself takes part in.
    Own,
    Calls,
}

/// An action of tracing.
struct TraceForm {
    name: &'static str,
    /// How errors call it.
    shown: &'static str,
    arities: &'static [usize],
    events: Events,
    in_guards: bool,
}

const fn form(name: &'static str, arities: &'static [usize], events: Events) -> TraceForm {
    TraceForm { name, shown: name, arities, events, in_guards: false }
}

static TRACE_FORMS: [TraceForm; 15] = [
    TraceForm { in_guards: true, ..form("is_seq_trace", &[0], Events::Own) },
    TraceForm { shown: "set_seq_trace", ..form("set_seq_token", &[2], Events::Own) },
    form("get_seq_token", &[0], Events::Own),
    form("message", &[1], Events::All),
    form("return_trace", &[0], Events::All),
    form("exception_trace", &[0], Events::All),
    form("display", &[1], Events::All),
    form("process_dump", &[0], Events::Own),
    form("enable_trace", &[1, 2], Events::Own),
    form("disable_trace", &[1, 2], Events::Own),
    form("trace", &[2, 3], Events::Own),
    form("silent", &[1], Events::Own),
    form("caller", &[0], Events::Calls),
    form("caller_line", &[0], Events::Calls),
    form("current_stacktrace", &[0, 1], Events::Calls),
];

impl TraceForm {
    fn find(name: &str) -> Option<&'static TraceForm> {
        TRACE_FORMS.iter().find(|form| form.name == name)
    }
}
