//! The engine's own instructions and how their operands lie in the stream.
//!
//! An instruction is its number followed by its operands, each one 32-bit word unless said otherwise. An instruction
//! that is executed often has a *variant* for each of the usual kinds of its sources and registers, with a number and a
//! handler of its own ([`Shape`]); the operands that make the variant come first, and are
//!
//! * X or Y register: its offset in bytes;
//! * immediate: the word itself, when it is its low 32 bits with their sign extended;
//! * constant: its offset in bytes among the machine's constants;
//! * *general source*, *general register*: three low bits say where (0 X register, 1 Y register, 2 constant), the rest is
//!   the offset in bytes.
//!
//! Operands that make no variant are general, or one of
//!
//! * *label*: distance in bytes from the instruction's own first word to the target, signed; 0 for none.
//! * *Y register*: its offset in bytes.
//! * *frame*: a size in bytes.
//! * *wide*: 64 bits in two words, the low ones first: the address of something that lives as long as the machine.
//! * *number*: as it is.
//! * *list*: a count, then the items.

/// Low bits of a general operand that hold its kind.
pub const KIND_MASK: u32 = 0b111;
/// Kind of a general operand: X register.
pub const KIND_X: u32 = 0;
/// Kind of a general operand: Y register.
pub const KIND_Y: u32 = 1;
/// Kind of a general operand: constant.
pub const KIND_CONSTANT: u32 = 2;
/// A size operand that says "all that is left".
pub const SIZE_ALL: u32 = u32::MAX;

/// A kind of operand that variants are made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperandKind {
    /// X register.
    X,
    /// Y register.
    Y,
    /// Immediate.
    I,
    /// Constant.
    C,
    /// General.
    G,
}

/// The variants of an instruction: lists of kinds of its sources, each with the kinds of registers that it writes.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Kinds of the sources; the last list serves all that are not before it.
    pub sources: &'static [&'static [OperandKind]],
    /// Number of registers that are written, each X or Y.
    pub registers: usize,
}

impl Shape {
    /// Number of variants.
    pub const fn variants(self) -> usize {
        self.sources.len() << self.registers
    }
    /// Which list of kinds serves sources of these kinds.
    pub fn sources_for(self, kinds: &[OperandKind]) -> usize {
        self.exactly(kinds).unwrap_or(self.sources.len() - 1)
    }
    /// The list of just these kinds.
    pub fn exactly(self, kinds: &[OperandKind]) -> Option<usize> {
        self.sources.iter().position(|list| *list == kinds)
    }
}

/// The shapes there are. `dispatch.rs` lists handlers in the same order.
pub mod shape {
    use super::OperandKind::{C, G, I, X, Y};
    use super::{OperandKind, Shape};

    const ONE: &[&[OperandKind]] = &[&[X], &[Y], &[I], &[C]];
    const REGISTER: &[&[OperandKind]] = &[&[X], &[Y], &[G]];
    const PAIR: &[&[OperandKind]] = &[&[X, X], &[X, Y], &[X, I], &[X, C], &[Y, X], &[Y, Y], &[Y, I], &[I, X], &[G, G]];

    const REGISTERS: &[&[OperandKind]] = &[&[X, X], &[X, Y], &[Y, X], &[Y, Y]];
    const TO_X: &[&[OperandKind]] = &[&[X, X], &[Y, X], &[I, X]];
    const TWO: &[&[OperandKind]] = &[
        &[X, X, X, X],
        &[X, X, X, Y],
        &[X, X, Y, X],
        &[X, X, I, X],
        &[X, Y, X, X],
        &[X, Y, X, Y],
        &[X, Y, Y, X],
        &[X, Y, I, X],
        &[Y, X, X, X],
        &[Y, X, X, Y],
        &[Y, X, Y, X],
        &[Y, X, I, X],
        &[I, X, X, X],
        &[I, X, X, Y],
        &[I, X, Y, X],
        &[I, X, I, X],
    ];
    const THREE: &[&[OperandKind]] = &[
        &[X, X, X, X, X, X],
        &[X, Y, X, Y, X, Y],
        &[X, Y, X, Y, X, X],
        &[X, Y, X, X, X, X],
        &[Y, X, Y, X, Y, X],
        &[Y, X, Y, X, I, X],
        &[Y, X, I, X, Y, X],
        &[I, X, Y, X, Y, X],
    ];

    /// One, two or three registers.
    pub const SAVED: Shape = Shape { sources: &[&[X], &[X, X], &[X, X, X]], registers: 0 };
    /// Two registers that are read and written.
    pub const SWAPPED: Shape = Shape { sources: REGISTERS, registers: 0 };
    /// A source that goes to an X register. No other kinds.
    pub const MOVED: Shape = Shape { sources: TO_X, registers: 0 };
    /// The same twice, or from an X register to a Y register. No other kinds.
    pub const MOVED_TWO: Shape = Shape { sources: TWO, registers: 0 };
    /// The same three times, for the most usual kinds.
    pub const MOVED_THREE: Shape = Shape { sources: THREE, registers: 0 };
    /// No variants.
    pub const PLAIN: Shape = Shape { sources: &[&[]], registers: 0 };
    /// One register.
    pub const TO: Shape = Shape { sources: &[&[]], registers: 1 };
    /// A source.
    pub const SOURCE: Shape = Shape { sources: ONE, registers: 0 };
    /// A source and a register.
    pub const SOURCE_TO: Shape = Shape { sources: ONE, registers: 1 };
    /// A source that is nearly always a register.
    pub const FROM: Shape = Shape { sources: REGISTER, registers: 0 };
    /// The same and a register.
    pub const FROM_TO: Shape = Shape { sources: REGISTER, registers: 1 };
    /// The same and two registers.
    pub const FROM_TO_TWO: Shape = Shape { sources: REGISTER, registers: 2 };
    /// Two sources.
    pub const PAIR_OF: Shape = Shape { sources: PAIR, registers: 0 };
    /// Two sources and a register.
    pub const PAIR_TO: Shape = Shape { sources: PAIR, registers: 1 };
}

/// Calls the macro given with all instructions: name, shape, handler.
macro_rules! instructions {
    ($use:ident) => {
        $use! {
            /// Start of a process: apply x0:x1 to the list x2.
            ApplyStart PLAIN calls::apply_start,
            /// End of a process.
            NormalExit PLAIN control::normal_exit,
            FuncInfo PLAIN control::func_info,
            /// In place of a function that is not decoded.
            Undecoded PLAIN control::undecoded,
            /// In place of a traced function's first instruction.
            Breakpoint PLAIN control::breakpoint,
            /// A stub that external calls of a traced function pass.
            ExportBreakpoint PLAIN control::export_breakpoint,
            /// Where a traced call returns to: its trace frame is on the stack.
            ReturnTrace PLAIN control::return_trace,
            /// Where a traced BIF returns to that was called in tail position: number of words to drop, then the address
            /// behind the call.
            TracedBifReturn PLAIN control::traced_bif_return,

            /// Calls: label, arity[, frame].
            Call PLAIN calls::call,
            CallLast PLAIN calls::call_last,
            CallOnly PLAIN calls::call_only,
            /// The same after a move.
            MoveCall MOVED calls::move_call,
            MoveCallLast MOVED calls::move_call_last,
            MoveCallOnly MOVED calls::move_call_only,
            /// External calls: wide (the `Export`), arity[, frame].
            CallExt PLAIN calls::call_ext,
            CallExtLast PLAIN calls::call_ext_last,
            CallExtOnly PLAIN calls::call_ext_only,
            /// BIF calls: wide (the `BifEntry`), arity[, frame].
            CallBif PLAIN calls::call_bif,
            CallBifLast PLAIN calls::call_bif_last,
            CallBifOnly PLAIN calls::call_bif_only,
            /// Body of a function that is a BIF.
            BifBody PLAIN calls::bif_body,
            /// `erlang:apply/3` and `/2` with the arguments in x0..: [frame].
            Apply3 PLAIN calls::apply3,
            Apply3Last PLAIN calls::apply3_last,
            Apply3Only PLAIN calls::apply3_only,
            Apply2 PLAIN calls::apply2,
            Apply2Last PLAIN calls::apply2_last,
            Apply2Only PLAIN calls::apply2_only,
            /// `apply`, `apply_last` of x(arity):x(arity+1): arity[, frame].
            Apply PLAIN calls::apply,
            ApplyLast PLAIN calls::apply_last,
            /// Calls of funs: fun, arity[, frame].
            CallFun FROM calls::call_fun,
            CallFunLast FROM calls::call_fun_last,

            /// Guard BIFs: wide (the `BifEntry`), [fail, live,] general sources, general register.
            GuardBif0 PLAIN guards::guard_bif0,
            GuardBif1 PLAIN guards::guard_bif1,
            GuardBif2 PLAIN guards::guard_bif2,
            GuardBif3 PLAIN guards::guard_bif3,
            /// Arithmetic: two sources, register, fail, live.
            Add PAIR_TO arithmetic::add,
            Subtract PAIR_TO arithmetic::subtract,
            Multiply PAIR_TO arithmetic::multiply,
            IntegerDivide PAIR_TO arithmetic::integer_divide,
            Remainder PAIR_TO arithmetic::remainder,
            Band PAIR_TO arithmetic::band,
            Bor PAIR_TO arithmetic::bor,
            Bxor PAIR_TO arithmetic::bxor,
            ShiftLeft PAIR_TO arithmetic::shift_left,
            ShiftRight PAIR_TO arithmetic::shift_right,
            /// Guard BIFs with an instruction of their own: sources, register, fail.
            Element PAIR_TO guards::element,
            Hd FROM_TO guards::hd,
            Tl FROM_TO guards::tl,
            TupleSize FROM_TO guards::tuple_size,
            MapGet PAIR_TO guards::map_get,
            MapSize FROM_TO guards::map_size,
            Length FROM_TO guards::length,
            ByteSize FROM_TO guards::byte_size,
            SelfPid TO guards::self_pid,
            Node TO guards::node,
            CompareEq PAIR_TO guards::compare_eq,
            CompareNe PAIR_TO guards::compare_ne,
            CompareLt PAIR_TO guards::compare_lt,
            CompareGe PAIR_TO guards::compare_ge,
            CompareLe PAIR_TO guards::compare_le,
            CompareGt PAIR_TO guards::compare_gt,
            CompareEqExact PAIR_TO guards::compare_eq_exact,
            CompareNeExact PAIR_TO guards::compare_ne_exact,

            /// Room with the frame in bytes, live, frame.
            Allocate PLAIN control::allocate,
            /// The same, then X registers go to Y registers: pairs of registers.
            AllocateSave SAVED control::allocate_save,
            /// The same as `Allocate`, then a list of Y registers that begin as nil.
            AllocateInit PLAIN control::allocate_init,
            /// Room in bytes, live.
            TestHeap PLAIN control::test_heap,
            /// Frame.
            Deallocate PLAIN control::deallocate,
            Return PLAIN control::return_,
            /// Frame.
            DeallocateReturn PLAIN control::deallocate_return,
            /// Source that goes to x0.
            MoveReturn SOURCE control::move_return,
            /// Source that goes to x0, frame.
            MoveDeallocateReturn SOURCE control::move_deallocate_return,
            /// List of Y registers.
            InitYregs PLAIN control::init_yregs,
            Jump PLAIN control::jump,

            Send PLAIN messages::send,
            RemoveMessage PLAIN messages::remove_message,
            Timeout PLAIN messages::timeout,
            LoopRec PLAIN messages::loop_rec,
            LoopRecEnd PLAIN messages::loop_rec_end,
            Wait PLAIN messages::wait,
            WaitTimeout PLAIN messages::wait_timeout,
            RecvMarkerBind PLAIN messages::recv_marker_bind,
            RecvMarkerClear PLAIN messages::recv_marker_clear,
            RecvMarkerReserve PLAIN messages::recv_marker_reserve,
            RecvMarkerUse PLAIN messages::recv_marker_use,

            /// Tests: source[s], fail.
            IsLt PAIR_OF tests::is_lt,
            IsGe PAIR_OF tests::is_ge,
            IsEq PAIR_OF tests::is_eq,
            IsNe PAIR_OF tests::is_ne,
            IsEqExact PAIR_OF tests::is_eq_exact,
            IsNeExact PAIR_OF tests::is_ne_exact,
            /// The same when one side is an immediate constant: words are compared.
            IsEqImmediate PAIR_OF tests::is_eq_immediate,
            IsNeImmediate PAIR_OF tests::is_ne_immediate,
            IsInteger FROM tests::is_integer,
            IsFloat FROM tests::is_float,
            IsNumber FROM tests::is_number,
            IsAtom FROM tests::is_atom,
            IsPid FROM tests::is_pid,
            IsReference FROM tests::is_reference,
            IsPort FROM tests::is_port,
            IsNil FROM tests::is_nil,
            IsBinary FROM tests::is_binary,
            IsBitstr FROM tests::is_bitstr,
            IsList FROM tests::is_list,
            IsNonemptyList FROM tests::is_nonempty_list,
            IsTuple FROM tests::is_tuple,
            IsBoolean FROM tests::is_boolean,
            IsMap FROM tests::is_map,
            IsFunction FROM tests::is_function,
            IsFunction2 PAIR_OF tests::is_function2,
            /// Source, fail, header of the tuple.
            TestArity FROM tests::test_arity,
            /// Source, fail, header of the tuple, wide (the tag).
            IsTaggedTuple FROM tests::is_tagged_tuple,
            /// The same and an element of the tuple: source, register, fail, header, wide (the tag), offset in bytes.
            TaggedElement FROM_TO tests::tagged_element,
            /// Source, fail, count, then the values and then the labels: words with 32 significant bits.
            SelectImmediate FROM select::select_immediate,
            /// Source, fail, count, then (wide, label) sorted by value.
            SelectWide FROM select::select_wide,
            /// Source, fail, lowest small, count, labels.
            SelectTable FROM select::select_table,
            /// Source, fail, count, then (general source, label).
            SelectGeneric FROM select::select_generic,
            /// Source, fail, count, then (header, label).
            SelectTupleArity FROM select::select_tuple_arity,

            /// Y register, label of the handler.
            Catch PLAIN exception::catch,
            /// Y register.
            CatchEnd PLAIN exception::catch_end,
            TryEnd PLAIN exception::try_end,
            TryCase PLAIN exception::try_case,
            TryCaseEnd PLAIN exception::try_case_end,
            Raise PLAIN exception::raise,
            BuildStacktrace PLAIN exception::build_stacktrace,
            RawRaise PLAIN exception::raw_raise,
            Badmatch PLAIN exception::badmatch,
            IfEnd PLAIN exception::if_end,
            CaseEnd PLAIN exception::case_end,
            Badrecord PLAIN exception::badrecord,

            Move SOURCE_TO data::move_,
            /// Source and register, two or three times.
            MoveTwo MOVED_TWO data::move_two,
            MoveThree MOVED_THREE data::move_three,
            Swap SWAPPED data::swap,
            GetList FROM_TO_TWO data::get_list,
            /// `is_nonempty_list` and `get_list` of one source: source, two registers, fail.
            IsListGet FROM_TO_TWO data::is_list_get,
            GetHd FROM_TO data::get_hd,
            GetTl FROM_TO data::get_tl,
            /// Source, register, offset of the element in bytes.
            GetTupleElement FROM_TO data::get_tuple_element,
            /// Two elements of one tuple: source, two registers, two offsets.
            GetTwoElements FROM_TO_TWO data::get_two_elements,
            /// Value, tuple, offset of the element in bytes.
            SetTupleElement PLAIN data::set_tuple_element,
            PutList PAIR_TO data::put_list,
            /// `test_heap` and `put_list`, or the tuple of two elements: sources, register, room in bytes, live.
            HeapPutList PAIR_TO data::heap_put_list,
            HeapPutPair PAIR_TO data::heap_put_pair,
            /// A tuple of two elements: sources, register.
            PutPair PAIR_TO data::put_pair,
            /// Register, header, list of sources.
            PutTuple2 TO data::put_tuple2,
            /// Size, source, register, count of updates, then (position, source).
            UpdateRecord PLAIN data::update_record,
            /// Register, wide (the `FunEntry`), list of sources.
            MakeFun3 TO data::make_fun3,
            /// Fail, source, register, live, list of keys and values.
            PutMapAssoc PLAIN maps::put_map_assoc,
            PutMapExact PLAIN maps::put_map_exact,
            /// Source, fail, list of keys.
            HasMapFields FROM maps::has_map_fields,
            /// Source, fail, list of keys and registers. The keys of the first are immediates.
            GetMapImmediates FROM maps::get_map_immediates,
            GetMapElements FROM maps::get_map_elements,

            /// Float registers are given as offsets in bytes: source, float register.
            FloatLoad FROM floats::float_load,
            /// Register, float register.
            FloatStore TO floats::float_store,
            FloatMove PLAIN floats::float_move,
            /// Source, float register.
            Fconv FROM floats::fconv,
            Fadd PLAIN floats::fadd,
            Fsub PLAIN floats::fsub,
            Fmul PLAIN floats::fmul,
            Fdiv PLAIN floats::fdiv,
            Fnegate PLAIN floats::fnegate,

            /// Source, register, fail.
            BsStartMatch FROM_TO binaries::bs_start_match,
            /// One instruction for each command of `bs_match`; what it asks to be there goes into that of the first command
            /// behind it. They begin with: context[, register], fail, bits that there must be, mask of the bits of the number of
            /// those beyond that must be 0 (none: at least; all: exactly).
            BsEnsure FROM binaries::bs_ensure,
            /// The same, unless the unit is a power of 2: context, fail, bits, unit.
            BsEnsureUnit FROM binaries::bs_ensure_unit,
            /// More bits than 32 bits can tell: context, fail, bits (two words), unit of those beyond (0: there are none).
            BsEnsureHuge FROM binaries::bs_ensure_huge,
            /// A byte. Nothing follows: at least 8 bits must be there.
            BsByte FROM_TO binaries::bs_byte,
            /// An unsigned number, the most significant bit first: bits, at most 56.
            BsUnsigned FROM_TO binaries::bs_unsigned,
            /// Several of those: bits in all, at most 56, and a count; then bits to the right of it, bits and register of each.
            BsUnsignedRun FROM binaries::bs_unsigned_run,
            /// Any integer: bits, flags.
            BsInteger FROM_TO binaries::bs_integer,
            /// Bits.
            BsPart FROM_TO binaries::bs_part,
            BsSkip FROM binaries::bs_skip,
            /// Bits, wide (the value they must have).
            BsValue FROM binaries::bs_value,
            /// Fail, context, size, unit, flags, register.
            BsGetInteger2 PLAIN binaries::bs_get_integer,
            BsGetFloat2 PLAIN binaries::bs_get_float,
            BsGetBinary2 PLAIN binaries::bs_get_binary,
            /// Fail, context, size, unit.
            BsSkipBits2 PLAIN binaries::bs_skip_bits,
            /// Fail, context, number.
            BsTestUnit PLAIN binaries::bs_test_unit,
            /// Fail, context, bits, wide (address of the string).
            BsMatchString PLAIN binaries::bs_match_string,
            /// Context, register, fail.
            BsGetUtf8 FROM_TO binaries::bs_get_utf8,
            /// Fail, context[, register][, flags].
            BsSkipUtf8 PLAIN binaries::bs_skip_utf8,
            BsGetUtf16 PLAIN binaries::bs_get_utf16,
            BsSkipUtf16 PLAIN binaries::bs_skip_utf16,
            BsGetUtf32 PLAIN binaries::bs_get_utf32,
            BsSkipUtf32 PLAIN binaries::bs_skip_utf32,
            /// Context, register.
            BsGetTail FROM_TO binaries::bs_get_tail,
            BsGetPosition FROM_TO binaries::bs_get_position,
            /// Context, general source.
            BsSetPosition FROM binaries::bs_set_position,
            /// Fail, live, register, count, words of room for what follows, then six words a segment.
            BsCreateBin PLAIN binaries::bs_create_bin,
            /// As `BsCreateBin`, when integers of together at most 64 bits, a multiple of 8, are appended to an accumulator
            /// that nobody else has; the last word of its segment is the number of those bits.
            BsAppendIntegers PLAIN binaries::bs_append_integers,
            BsInitWritable PLAIN binaries::bs_init_writable,
            /// Building binaries as compilers before OTP 25 did.
            BsInit2 PLAIN binaries::old_construction,
            BsInitBits PLAIN binaries::old_construction,
            BsAdd PLAIN binaries::old_construction,
            BsAppend PLAIN binaries::old_construction,
            BsPrivateAppend PLAIN binaries::old_construction,
            BsPutInteger PLAIN binaries::old_construction,
            BsPutBinary PLAIN binaries::old_construction,
            BsPutFloat PLAIN binaries::old_construction,
            BsPutString PLAIN binaries::old_construction,
            BsUtf8Size PLAIN binaries::old_construction,
            BsUtf16Size PLAIN binaries::old_construction,
            BsPutUtf8 PLAIN binaries::old_construction,
            BsPutUtf16 PLAIN binaries::old_construction,
            BsPutUtf32 PLAIN binaries::old_construction,
        }
    };
}
pub(crate) use instructions;

macro_rules! define {
    ($($(#[$doc:meta])* $name:ident $shape:ident $first:ident::$second:ident,)*) => {
        /// What the engine can do.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        #[allow(missing_docs, reason = "those without a comment are the generic instruction of the same name")]
        pub enum Instruction { $($(#[$doc])* $name,)* }

        const ALL: &[Instruction] = &[$(Instruction::$name),*];
        const SHAPES: &[Shape] = &[$(shape::$shape),*];
    };
}
instructions!(define);

/// Number of the first variant of each instruction, and behind the last one the number of all variants.
const FIRST: [u32; ALL.len() + 1] = {
    let mut first = [0; ALL.len() + 1];
    let mut index = 0;
    while index < ALL.len() {
        first[index + 1] = first[index] + SHAPES[index].variants() as u32;
        index += 1;
    }
    first
};

/// Number of instruction numbers.
pub const COUNT: usize = FIRST[ALL.len()] as usize;

impl Instruction {
    /// The variants it has.
    pub const fn shape(self) -> Shape {
        SHAPES[self as usize]
    }
    /// Number of its first variant.
    pub const fn number(self) -> u32 {
        FIRST[self as usize]
    }
    /// The instruction that has a variant with this number.
    pub fn of_number(number: u32) -> Instruction {
        ALL[FIRST.partition_point(|first| *first <= number) - 1]
    }
}

/// Segment types of `bs_create_bin`, as numbers in the stream.
pub mod segment {
    /// Append to an accumulator.
    pub const APPEND: u32 = 0;
    /// Append to an accumulator that nobody else has.
    pub const PRIVATE_APPEND: u32 = 1;
    /// Bits of a bitstring.
    pub const BINARY: u32 = 2;
    /// An integer.
    pub const INTEGER: u32 = 3;
    /// A float.
    pub const FLOAT: u32 = 4;
    /// Bytes of the module's string table: the source is a constant with their address.
    pub const STRING: u32 = 5;
    /// A character in UTF-8.
    pub const UTF8: u32 = 6;
    /// A character in UTF-16.
    pub const UTF16: u32 = 7;
    /// A character in UTF-32.
    pub const UTF32: u32 = 8;
}

/// Flags of a binary segment.
pub mod flags {
    /// Least significant byte first.
    pub const LITTLE: u32 = 2;
    /// Signed.
    pub const SIGNED: u32 = 4;
    /// The machine's own byte order.
    pub const NATIVE: u32 = 16;
    /// The bits above these are the segment's number in the source, from 1, for errors.
    pub const SEGMENT_SHIFT: u32 = 8;
}
