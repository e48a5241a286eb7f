//! Files put together by hand: the forms that OTP 27's compiler does not write, and bad ones.
//!
//! The messages of refused files are those of OTP 27.3.4's `code:load_binary/3` for the same change.

use std::io::Write;

use oxbeam_beam_file::{BeamFile, LoadError, Operand, disassemble};

const SAMPLE: &[u8] = include_bytes!("data/sample.beam");

type Chunk = (&'static [u8; 4], Vec<u8>);

fn container(chunks: &[Chunk]) -> Vec<u8> {
    let mut body = b"BEAM".to_vec();
    for (name, data) in chunks {
        body.extend_from_slice(*name);
        body.extend_from_slice(&(data.len() as u32).to_be_bytes());
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    [b"FOR1", &(body.len() as u32).to_be_bytes()[..], &body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// `m:f/0`, which runs `body`, with one label to spare; two literals.
fn module(body: &[u8]) -> Vec<Chunk> {
    let mut code = words(&[16, 0, 182, 4, 1]);
    // label 1; line 0; func_info m, f, 0; label 2
    code.extend([1, 0x10, 153, 0x00, 2, 0x12, 0x22, 0x00, 1, 0x20]);
    code.extend(body);
    code.push(3);
    let mut literals = words(&[0, 2]);
    literals.extend([0, 0, 0, 3, 131, 97, 7, 0, 0, 0, 2, 131, 106]);
    vec![
        (b"AtU8", vec![0, 0, 0, 2, 1, b'm', 1, b'f']),
        (b"Code", code),
        (b"StrT", vec![]),
        (b"ImpT", words(&[1, 1, 2, 0])),
        (b"ExpT", words(&[1, 2, 0, 2])),
        (b"LitT", literals),
    ]
}

fn with(mut chunks: Vec<Chunk>, name: &'static [u8; 4], data: Vec<u8>) -> Vec<Chunk> {
    chunks.retain(|(other, _)| *other != name);
    chunks.push((name, data));
    chunks
}

fn without(mut chunks: Vec<Chunk>, name: &[u8; 4]) -> Vec<Chunk> {
    chunks.retain(|(other, _)| *other != name);
    chunks
}

const RETURN: &[u8] = &[19];

fn parse(chunks: &[Chunk]) -> BeamFile {
    BeamFile::parse(&container(chunks)).unwrap()
}

fn refuse(chunks: &[Chunk]) -> LoadError {
    BeamFile::parse(&container(chunks)).unwrap_err()
}

fn code_error(body: &[u8]) -> String {
    refuse(&module(body)).to_string()
}

#[test]
fn literals_that_are_not_compressed() {
    let file = parse(&module(&[64, 0x47, 0x10, 0x03, 19]));
    assert_eq!(file.literals.iter().collect::<Vec<_>>(), [&[131, 97, 7][..], &[131, 106]]);
    assert!(disassemble(&file).contains("move literal(1), x0"));
    assert_eq!(file.lines.entries, []);
}

#[test]
fn atoms_with_long_lengths() {
    // The count is -2; lengths are compact numbers, the second in two bytes.
    let name = "é".repeat(200);
    let mut atoms = vec![255, 255, 255, 254, 0x10, b'm', 0x28, 0x90];
    atoms.extend(name.as_bytes());
    let file = parse(&with(module(RETURN), b"AtU8", atoms));
    assert_eq!(file.atoms, ["m".to_owned(), name]);
}

#[test]
fn atoms_in_latin1() {
    let chunks = with(without(module(RETURN), b"AtU8"), b"Atom", vec![0, 0, 0, 2, 1, b'm', 1, 0xe9]);
    let file = parse(&chunks);
    assert_eq!((file.atoms[1].as_str(), file.has_latin1_atoms), ("é", true));
}

#[test]
fn whole_file_compressed_and_trailing_bytes() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(SAMPLE).unwrap();
    let compressed = encoder.finish().unwrap();
    assert_eq!(BeamFile::parse(&compressed).unwrap().md5, BeamFile::parse(SAMPLE).unwrap().md5);
    assert!(BeamFile::parse(&compressed[..compressed.len() / 2]).is_err());
    assert!(BeamFile::parse(&[SAMPLE, &[1, 2, 3]].concat()).is_ok());
}

#[test]
fn integers_of_any_size() {
    let file = parse(&module(&[
        64, 0x19, 0xff, 0xff, 0x03, // -1
        64, 0xd9, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x03, // least of 64 bits
        64, 0xf9, 0x00, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x03, // one more than the greatest
        133, 19,
    ]));
    let code = file.code().unwrap();
    assert_eq!(file.outline.functions[0].integer_words, 4 + 10 / 8 + 4);
    let moved: Vec<Operand> = code.instructions[4..7].iter().map(|i| code.operands_of(*i)[0]).collect();
    assert_eq!(moved[..2], [Operand::I(-1), Operand::I(i64::MIN)]);
    let Operand::BigInteger(integer) = moved[2] else { panic!() };
    assert_eq!(code.big_integer(integer), [0, 0x80, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn line_table_with_files() {
    // Lines 5 of the module's file, 6 and 300 of the first named file.
    let mut lines = words(&[0, 0, 1, 3, 1]);
    lines.extend([0x51, 0x12, 0x61, 0x29, 0x2c, 0, 3]);
    lines.extend(b"a/b");
    let file = parse(&with(module(RETURN), b"Line", lines));
    assert_eq!(file.lines.files, ["m.erl", "a/b"]);
    let entries: Vec<_> = file.lines.entries.iter().map(|entry| (entry.file, entry.line)).collect();
    assert_eq!(entries, [(0, 0), (0, 5), (1, 6), (1, 300)]);
    assert_eq!(parse(&with(module(RETURN), b"Line", words(&[1, 9]))).lines.entries, []);
}

#[test]
fn types_of_other_versions_are_ignored() {
    // move {tr, x1, type 9}, x0
    let typed = &[64, 0x57, 0x13, 0x90, 0x03, 19];
    for version in [1, 2, 4] {
        let file = parse(&with(module(typed), b"Type", words(&[version, 9])));
        assert_eq!((file.types.version, file.types.entries.len()), (version, 0));
    }
    parse(&module(typed));
    let any = [&words(&[3, 1])[..], &[0x0f, 0xff]].concat();
    assert!(refuse(&with(module(typed), b"Type", any)).to_string().contains("there is no such type"));
}

#[test]
fn missing_chunks() {
    for (name, message) in [
        (b"AtU8", "missing atom table"),
        (b"Code", "missing code chunk"),
        (b"ImpT", "missing import table"),
        (b"ExpT", "missing export table"),
    ] {
        assert_eq!(refuse(&without(module(RETURN), name)).message, message);
    }
    for name in [b"StrT", b"LitT"] {
        parse(&without(module(RETURN), name));
    }
}

#[test]
fn corrupt_chunks() {
    for (name, data, message) in [
        (b"AtU8", vec![0, 0, 0, 9, 1, b'm', 1, b'f'], "corrupt atom table"),
        (b"AtU8", vec![0, 0, 0, 2, 1, b'm', 2, 0xff, 0xff], "corrupt atom table"),
        (b"AtU8", words(&[0]), "corrupt atom table"),
        (b"AtU8", words(&[0x8000_0000]), "corrupt atom table"),
        (b"ImpT", words(&[1, 1, 200, 1]), "corrupt import table"),
        (b"ImpT", words(&[0x7fff_ffff]), "corrupt import table"),
        (b"ExpT", words(&[1, 1, 257, 1]), "corrupt export table"),
        (b"ExpT", words(&[1, 2, 0, 100]), "corrupt export table"),
        (b"FunT", vec![0, 0, 0, 1, 0], "corrupt lambda table"),
        (b"LitT", vec![0, 0, 0, 20, 1, 2, 3], "corrupt literal table"),
        (b"LitT", vec![0x7f, 255, 255, 255, 1, 2, 3], "corrupt literal table"),
        (b"Line", vec![0, 0, 0, 0, 0, 0, 0, 0, 1], "corrupt line table"),
        (b"Type", vec![0, 0, 0, 3, 0, 0, 0, 0, 1], "corrupt type table"),
        (b"Code", words(&[16, 1, 182, 4, 1]), "corrupt code chunk"),
        (b"Code", words(&[1000, 0, 182, 4, 1]), "corrupt code chunk"),
    ] {
        let error = refuse(&with(module(RETURN), name, data));
        assert_eq!((error.message.as_ref(), &error.chunk.0), (message, name));
    }
}

#[test]
fn not_a_beam_file() {
    for bytes in [&b""[..], b"hello", b"FOR1\0\0\0\x04BEAX", b"FOR1\0\0\0\x90BEAM", &SAMPLE[..SAMPLE.len() - 40]] {
        assert_eq!(BeamFile::parse(bytes).unwrap_err().message, "corrupt file header");
    }
}

#[test]
fn instructions_of_other_versions() {
    let mut code = module(RETURN)[1].1.clone();
    code[11] = 184;
    assert_eq!(
        refuse(&with(module(RETURN), b"Code", code)).message,
        "This BEAM file was compiled for a later version of the runtime system than the current (Erlang/OTP 27).\n  \
         To fix this, please re-compile this module with an Erlang/OTP 27 compiler or update your Erlang/OTP \
         version.\n  (Use of opcode 184; this emulator supports only up to 183.)"
    );
    assert!(code_error(&[14, 0, 0]).starts_with(
        "function m:f/0: op allocate_zero: \
         please re-compile this module with an Erlang/OTP 27 compiler or update your Erlang/OTP version"
    ));
    assert!(code_error(&[200]).starts_with("function m:f/0: invalid opcode: there is no instruction 200"));
    assert!(code_error(&[0]).contains("invalid opcode"));
}

#[test]
fn operands_that_name_nothing() {
    for (body, message) in [
        (&[64, 0x47, 0x20, 0x03][..], "there is no such literal"),
        (&[64, 0xeb, 0xff, 0x03], "there is no such register"),
        (&[64, 0x32, 0x03], "there is no such atom"),
        (&[64, 0x06, 0x03], "an operand's tag is unknown"),
        (&[61, 0x45], "there is no such label"),
        (&[61, 0x35], "label 3 is not defined"),
        (&[1, 0x40], "invalid label num 4 (0 < label < 4)"),
        (&[1, 0x20], "label 2 is defined twice"),
        (&[7, 0x00, 0x10], "invalid import table index 1"),
        (&[171, 0x00, 0x03, 0x17, 0x00], "invalid lambda index 0"),
        (&[164, 0x03, 0x17, 0xf8, 0xd8, 127, 255, 255, 255, 255, 255, 255, 255], "it ends too early"),
        (&[164, 0x17, 0x00, 0x03], "a list is not the last operand"),
        (&[2, 0x12, 0x22, 0x00, 19], "too many functions in module (header said 1)"),
    ] {
        let error = code_error(body);
        assert!(error.contains(message), "{error} / {message}");
    }
    let mut code = module(RETURN)[1].1.clone();
    code[19] = 2;
    let error = refuse(&with(module(RETURN), b"Code", code));
    assert_eq!(error.message, "too few functions (1) in module (header said 2)");
    let mut code = module(RETURN)[1].1.clone();
    code.pop();
    assert_eq!(refuse(&with(module(RETURN), b"Code", code)).message, "invalid opcode");
}

/// A small generator of pseudo-random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Changed bytes, cut ends, swapped pieces: no change may make the parser or the disassembler panic.
#[test]
fn mutated_files_do_not_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let lists = &[59, 0x03, 0x15, 0x17, 0x20, 0x12, 0x15, 61, 0x15, 16, 0x37, 0x20, 0x00, 0x50, 0x10, 0x20, 0x00, 19];
    let with_lists = container(&with(module(lists), b"FunT", words(&[1, 2, 0, 2, 0, 0, 0])));
    BeamFile::parse(&with_lists).unwrap();
    let mut accepted = 0;
    for seed in [SAMPLE, &with_lists] {
        for _ in 0..20_000 {
            let mut bytes = seed.to_vec();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &mut random);
            }
            if let Ok(file) = BeamFile::parse(&bytes) {
                accepted += 1;
                disassemble(&file);
            }
        }
    }
    assert!(accepted > 100, "only {accepted}: the changes are too wild to reach far");
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xf8, 0xfe, 0xff, 0x17];
    if bytes.is_empty() {
        return;
    }
    let place = random.below(bytes.len());
    match random.below(8) {
        0 => bytes[place] ^= 1 << random.below(8),
        1 | 2 => bytes[place] = random.next() as u8,
        3 | 4 => bytes[place] = EDGES[random.below(EDGES.len())],
        5 => bytes[place..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
        6 if random.below(4) == 0 => bytes.truncate(place),
        _ => {
            let other = random.below(bytes.len());
            bytes.swap(place, other);
        }
    }
}
