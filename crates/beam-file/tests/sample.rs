//! A module compiled by the real compiler; the facts below are what `beam_lib`, `beam_disasm` and
//! `module_info` of OTP 27 say of it.

use oxbeam_beam_file::{AtomIndex, BeamFile, LineEntry, Op, Operand, TypeIndex, disassemble};

const SAMPLE: &[u8] = include_bytes!("data/sample.beam");

fn sample() -> BeamFile {
    BeamFile::parse(SAMPLE).unwrap()
}

#[test]
fn checksum() {
    let hex: String = sample().md5.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "bf9e32be4c9f22e9987a945e5f1f1d8b");
}

#[test]
fn atoms_imports_and_exports() {
    let file = sample();
    assert_eq!(file.module, "sample");
    assert_eq!(file.atoms.len(), 31);
    assert_eq!((file.atom(AtomIndex(0)), file.atom(AtomIndex(12))), ("sample", "ünï"));
    let mut imports: Vec<_> = file
        .imports
        .iter()
        .map(|import| (file.atom(import.module), file.atom(import.function), import.arity))
        .collect();
    imports.sort();
    assert_eq!(
        imports,
        [
            ("erlang", "*", 2),
            ("erlang", "+", 2),
            ("erlang", "byte_size", 1),
            ("erlang", "get_module_info", 1),
            ("erlang", "get_module_info", 2)
        ]
    );
    let mut exports: Vec<_> =
        file.exports.iter().map(|export| (file.atom(export.function), export.arity, export.label)).collect();
    exports.sort();
    assert_eq!(
        exports,
        [
            ("adder", 1, 16),
            ("area", 1, 2),
            ("big", 0, 7),
            ("classify", 1, 9),
            ("matcher", 1, 13),
            ("module_info", 0, 26),
            ("module_info", 1, 28),
            ("safely", 1, 23),
            ("wait", 1, 18)
        ]
    );
    let [local] = file.locals[..] else { panic!() };
    assert_eq!((file.atom(local.function), local.arity, local.label), ("-adder/1-fun-0-", 2, 30));
    let [lambda] = file.lambdas[..] else { panic!() };
    assert_eq!((file.atom(lambda.function), lambda.arity, lambda.label), ("-adder/1-fun-0-", 2, 30));
    assert_eq!((lambda.index, lambda.free_count, lambda.old_uniq), (0, 1, 100462997));
}

#[test]
fn lines_types_and_literals() {
    let file = sample();
    assert_eq!(file.lines.files, ["sample.erl"]);
    let lines: Vec<u32> = file.lines.entries.iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [0, 5, 6, 7, 9, 11, 14, 16, 18, 20, 24, 25]);
    assert_eq!(file.lines.entries[1], LineEntry { file: 0, line: 5 });
    assert_eq!(file.lines.instruction_count, 14);

    assert_eq!((file.types.version, file.types.entries.len()), (3, 8));
    let ranged = file.types.entries[4];
    assert_eq!((ranged.types, ranged.minimum, ranged.maximum), (0x20, Some(0), Some(65535)));
    assert_eq!(file.types.entries[5].unit, Some(8));
    assert_eq!(file.type_entry(TypeIndex::ANY), None);

    assert_eq!(file.literals.len(), 4);
    // 3.14159 as a NEW_FLOAT_EXT.
    assert_eq!(file.literals.get(0).unwrap(), [131, 70, 0x40, 0x09, 0x21, 0xf9, 0xf0, 0x1b, 0x86, 0x6e]);
    assert!(file.literals.iter().all(|literal| literal[0] == 131));
    assert_eq!(file.literals.get(4), None);
}

#[test]
fn functions() {
    let file = sample();
    let code = file.code().unwrap();
    let functions: Vec<_> = code
        .functions
        .iter()
        .map(|function| (file.atom(function.name), function.arity, function.info_label, function.entry_label))
        .collect();
    assert_eq!(functions.len(), 10);
    assert_eq!(functions[0], ("area", 1, 1, 2));
    assert_eq!(functions[9], ("-adder/1-fun-0-", 2, 29, 30));
    // They follow one another, and `int_code_end` comes last.
    let mut next = 0;
    for function in &code.functions {
        assert_eq!(function.instructions.start, next);
        assert_eq!(code.label_position(function.info_label), Some(next));
        assert_eq!(code.label_position(function.entry_label), Some(function.body - 1));
        next = function.instructions.end;
    }
    assert_eq!(next, code.instructions.len());
    // Besides there is `int_code_end`, which belongs to none.
    assert_eq!(next + 1, file.outline.instruction_count);
    assert_eq!(code.label_position(0), None);
    assert_eq!(code.label_position(31), None);
}

#[test]
fn functions_one_by_one() {
    let file = sample();
    let code = file.code().unwrap();
    for (index, (function, outline)) in code.functions.iter().zip(&file.outline.functions).enumerate() {
        let alone = file.function_code(index).unwrap();
        let together = &code.instructions[function.instructions.clone()];
        assert_eq!(alone.instructions.len(), together.len());
        for (one, other) in alone.instructions.iter().zip(together) {
            assert_eq!((one.op, alone.operands_of(*one).len()), (other.op, code.operands_of(*other).len()));
        }
        assert_eq!(alone.functions[0].entry_label, outline.entry_label);
        assert_eq!(alone.label_position(outline.entry_label), Some(alone.functions[0].body - 1));
    }
    assert!(file.function_code(code.functions.len()).is_err());
}

#[test]
fn operands() {
    let file = sample();
    let code = file.code().unwrap();
    let operands_of = |op: Op| {
        let instruction = code.instructions.iter().find(|instruction| instruction.op == op).unwrap();
        code.operands_of(*instruction)
    };
    assert_eq!(operands_of(Op::IsTuple), [Operand::Label(5), Operand::X(0, TypeIndex::ANY)]);
    assert_eq!(operands_of(Op::TestHeap)[0], Operand::AllocationList { words: 0, floats: 1, funs: 0 });
    assert_eq!(operands_of(Op::Fmul)[3], Operand::F(1));
    let [Operand::X(1, _), Operand::Label(1), Operand::List(list)] = operands_of(Op::SelectVal) else { panic!() };
    assert_eq!(
        code.list(*list),
        [Operand::Atom(AtomIndex(2)), Operand::Label(4), Operand::Atom(AtomIndex(3)), Operand::Label(3)]
    );
    let Operand::X(2, known) = operands_of(Op::BsGetBinary2)[3] else { panic!() };
    assert_eq!(file.type_entry(known).unwrap().maximum, Some(65535));
    assert_eq!(operands_of(Op::WaitTimeout), [Operand::Label(19), Operand::Y(0, TypeIndex::ANY)]);
}

#[test]
fn disassembly() {
    let text = disassemble(&sample());
    for line in [
        "module sample, md5 bf9e32be4c9f22e9987a945e5f1f1d8b",
        "classify/1:",
        "    line sample.erl:11",
        "    select_val x0, L11, [b, L10, c, L10, 'ünï', L10]",
        "    call_ext_only 1, erlang:get_module_info/1",
        "    make_fun3 '-adder/1-fun-0-'/2, x0, [x0]",
        "    test_heap {words 1, floats 0, funs 1}, 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}");
    }
}

#[test]
fn chunks() {
    let file = sample();
    let names: Vec<String> = file.chunk_names().map(|name| name.to_string()).collect();
    assert_eq!(names.join(" "), "AtU8 Code StrT ImpT ExpT FunT LitT Meta LocT Attr CInf Dbgi Line Type");
    assert_eq!(file.chunk(*b"Dbgi").unwrap().len(), 66);
    assert_eq!((file.attributes().len(), file.compile_info().len(), file.meta().len()), (39, 26, 45));
    assert_eq!(file.strings(), b"");
    assert_eq!(file.chunk(*b"None"), None);
}

/// With `OXBEAM_OTP_ROOT` naming a folder of OTP's or Elixir's files, all of them must parse.
#[test]
fn every_installed_file() {
    let Some(root) = std::env::var_os("OXBEAM_OTP_ROOT") else { return };
    let mut folders = vec![std::path::PathBuf::from(root)];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "beam") {
                let file = BeamFile::parse(&std::fs::read(&path).unwrap())
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert_eq!(file.module, path.file_stem().unwrap().to_string_lossy());
                assert!(file.has_latin1_atoms || file.chunk(*b"AtU8").is_some());
                count += 1;
            }
        }
    }
    assert!(count > 0, "no files there");
}
