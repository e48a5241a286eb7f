//! The generic instructions of OTP 27: one table, from which everything else is generated.
//!
//! The numbers and arities are the compiler's (`lib/compiler/src/genop.tab`); an instruction never changes
//! its number. *Obsolete* ones are those that OTP 27's loader refuses.

/// Calls the macro `$callback` with the whole table: `number: Variant "name" arity live|obsolete;` per
/// instruction, each preceded by its documentation.
#[macro_export]
macro_rules! for_each_op {
    ($callback:ident) => {
        $callback! {
            /// Marks the place that label `number` names.
            1: Label "label" 1 live;
            /// Head of function `module:function/arity`; running it raises `function_clause`.
            2: FuncInfo "func_info" 3 live;
            /// End of the code.
            3: IntCodeEnd "int_code_end" 0 live;
            /// Call the local function of `arity` arguments at `label`.
            4: Call "call" 2 live;
            /// Drop a frame of `words` and jump to the local function at `label`.
            5: CallLast "call_last" 3 live;
            /// Jump to the local function at `label`; there is no frame.
            6: CallOnly "call_only" 2 live;
            /// Call import `import` with `arity` arguments.
            7: CallExt "call_ext" 2 live;
            /// Drop a frame of `words` and jump to import `import`.
            8: CallExtLast "call_ext_last" 3 live;
            /// `destination` becomes the result of guard BIF `import`, which takes no argument and cannot fail.
            9: Bif0 "bif0" 2 live;
            /// Guard BIF of one argument that needs no heap: `fail, import, argument, destination`.
            10: Bif1 "bif1" 4 live;
            /// Guard BIF of two arguments that needs no heap: `fail, import, argument, argument, destination`.
            11: Bif2 "bif2" 5 live;
            /// Make a frame of `words`, with `live` live X registers; its Y registers are not initialised.
            12: Allocate "allocate" 2 live;
            /// Make a frame of `words` and ensure `heap` words: `words, heap, live`.
            13: AllocateHeap "allocate_heap" 3 live;
            /// Obsolete.
            14: AllocateZero "allocate_zero" 2 obsolete;
            /// Obsolete.
            15: AllocateHeapZero "allocate_heap_zero" 3 obsolete;
            /// Ensure `heap` words, with `live` live X registers.
            16: TestHeap "test_heap" 2 live;
            /// Obsolete.
            17: Init "init" 1 obsolete;
            /// Drop a frame of `words`.
            18: Deallocate "deallocate" 1 live;
            /// Return `x0` to the caller.
            19: Return "return" 0 live;
            /// Send `x1` to `x0`; the message is the result.
            20: Send "send" 0 live;
            /// Take the current message out of the mailbox: it matched.
            21: RemoveMessage "remove_message" 0 live;
            /// A receive timed out: rewind the mailbox and clear the timer.
            22: Timeout "timeout" 0 live;
            /// Put the current message into `destination`, or jump to `label` when there is none.
            23: LoopRec "loop_rec" 2 live;
            /// The message did not match: step to the next one and jump to `label`.
            24: LoopRecEnd "loop_rec_end" 1 live;
            /// Suspend until a message comes, then go on at `label`.
            25: Wait "wait" 1 live;
            /// Suspend until a message comes (go on at `label`) or `time` has passed (fall through).
            26: WaitTimeout "wait_timeout" 2 live;
            /// Obsolete.
            27: MPlus "m_plus" 4 obsolete;
            /// Obsolete.
            28: MMinus "m_minus" 4 obsolete;
            /// Obsolete.
            29: MTimes "m_times" 4 obsolete;
            /// Obsolete.
            30: MDiv "m_div" 4 obsolete;
            /// Obsolete.
            31: IntDiv "int_div" 4 obsolete;
            /// Obsolete.
            32: IntRem "int_rem" 4 obsolete;
            /// Obsolete.
            33: IntBand "int_band" 4 obsolete;
            /// Obsolete.
            34: IntBor "int_bor" 4 obsolete;
            /// Obsolete.
            35: IntBxor "int_bxor" 4 obsolete;
            /// Obsolete.
            36: IntBsl "int_bsl" 4 obsolete;
            /// Obsolete.
            37: IntBsr "int_bsr" 4 obsolete;
            /// Obsolete.
            38: IntBnot "int_bnot" 3 obsolete;
            /// Jump to `fail` unless `left < right`.
            39: IsLt "is_lt" 3 live;
            /// Jump to `fail` unless `left >= right`.
            40: IsGe "is_ge" 3 live;
            /// Jump to `fail` unless `left == right`.
            41: IsEq "is_eq" 3 live;
            /// Jump to `fail` unless `left /= right`.
            42: IsNe "is_ne" 3 live;
            /// Jump to `fail` unless `left =:= right`.
            43: IsEqExact "is_eq_exact" 3 live;
            /// Jump to `fail` unless `left =/= right`.
            44: IsNeExact "is_ne_exact" 3 live;
            /// Jump to `fail` unless `source` is an integer.
            45: IsInteger "is_integer" 2 live;
            /// Jump to `fail` unless `source` is a float.
            46: IsFloat "is_float" 2 live;
            /// Jump to `fail` unless `source` is a number.
            47: IsNumber "is_number" 2 live;
            /// Jump to `fail` unless `source` is an atom.
            48: IsAtom "is_atom" 2 live;
            /// Jump to `fail` unless `source` is a pid.
            49: IsPid "is_pid" 2 live;
            /// Jump to `fail` unless `source` is a reference.
            50: IsReference "is_reference" 2 live;
            /// Jump to `fail` unless `source` is a port.
            51: IsPort "is_port" 2 live;
            /// Jump to `fail` unless `source` is the empty list.
            52: IsNil "is_nil" 2 live;
            /// Jump to `fail` unless `source` is a binary (whole bytes).
            53: IsBinary "is_binary" 2 live;
            /// Obsolete.
            54: IsConstant "is_constant" 2 obsolete;
            /// Jump to `fail` unless `source` is a cons or nil.
            55: IsList "is_list" 2 live;
            /// Jump to `fail` unless `source` is a cons.
            56: IsNonemptyList "is_nonempty_list" 2 live;
            /// Jump to `fail` unless `source` is a tuple.
            57: IsTuple "is_tuple" 2 live;
            /// Jump to `fail` unless the tuple `source` has `arity` elements.
            58: TestArity "test_arity" 3 live;
            /// Jump by value: `source, fail, [value, label, ...]`.
            59: SelectVal "select_val" 3 live;
            /// Jump by tuple size: `source, fail, [arity, label, ...]`.
            60: SelectTupleArity "select_tuple_arity" 3 live;
            /// Jump to `label`.
            61: Jump "jump" 1 live;
            /// Start a catch that is kept in `y` and goes on at `label`.
            62: Catch "catch" 2 live;
            /// End of the catch kept in `y`: build its value in `x0`.
            63: CatchEnd "catch_end" 1 live;
            /// Copy `source` to `destination`.
            64: Move "move" 2 live;
            /// Take the cons `source` apart into `head` and `tail`.
            65: GetList "get_list" 3 live;
            /// Element `position` (from 0) of the tuple `source` into `destination`.
            66: GetTupleElement "get_tuple_element" 3 live;
            /// Overwrite element `position` (from 0) of a tuple nobody else has: `value, tuple, position`.
            67: SetTupleElement "set_tuple_element" 3 live;
            /// Obsolete.
            68: PutString "put_string" 3 obsolete;
            /// `destination` becomes `[head | tail]`: `head, tail, destination`.
            69: PutList "put_list" 3 live;
            /// Obsolete.
            70: PutTuple "put_tuple" 2 obsolete;
            /// Obsolete.
            71: Put "put" 1 obsolete;
            /// Raise `{badmatch, value}`.
            72: Badmatch "badmatch" 1 live;
            /// Raise `if_clause`.
            73: IfEnd "if_end" 0 live;
            /// Raise `{case_clause, value}`.
            74: CaseEnd "case_end" 1 live;
            /// Call the fun in `x(arity)` with `arity` arguments.
            75: CallFun "call_fun" 1 live;
            /// Obsolete.
            76: MakeFun "make_fun" 3 obsolete;
            /// Jump to `fail` unless `source` is a fun.
            77: IsFunction "is_function" 2 live;
            /// Jump to import `import`; there is no frame.
            78: CallExtOnly "call_ext_only" 2 live;
            /// Obsolete.
            79: BsStartMatch "bs_start_match" 2 obsolete;
            /// Obsolete.
            80: BsGetInteger "bs_get_integer" 5 obsolete;
            /// Obsolete.
            81: BsGetFloat "bs_get_float" 5 obsolete;
            /// Obsolete.
            82: BsGetBinary "bs_get_binary" 5 obsolete;
            /// Obsolete.
            83: BsSkipBits "bs_skip_bits" 4 obsolete;
            /// Obsolete.
            84: BsTestTail "bs_test_tail" 2 obsolete;
            /// Obsolete.
            85: BsSave "bs_save" 1 obsolete;
            /// Obsolete.
            86: BsRestore "bs_restore" 1 obsolete;
            /// Obsolete.
            87: BsInit "bs_init" 2 obsolete;
            /// Obsolete.
            88: BsFinal "bs_final" 2 obsolete;
            /// Append an integer segment to the binary being built (compilers before OTP 25).
            89: BsPutInteger "bs_put_integer" 5 live;
            /// Append a binary segment to the binary being built (compilers before OTP 25).
            90: BsPutBinary "bs_put_binary" 5 live;
            /// Append a float segment to the binary being built (compilers before OTP 25).
            91: BsPutFloat "bs_put_float" 5 live;
            /// Append bytes of the string table to the binary being built: `length, offset`.
            92: BsPutString "bs_put_string" 2 live;
            /// Obsolete.
            93: BsNeedBuf "bs_need_buf" 1 obsolete;
            /// Obsolete.
            94: Fclearerror "fclearerror" 0 obsolete;
            /// Obsolete.
            95: Fcheckerror "fcheckerror" 1 obsolete;
            /// Copy between a float register and a term register or literal.
            96: Fmove "fmove" 2 live;
            /// Convert the number `source` to the float register `destination`, or raise `badarith`.
            97: Fconv "fconv" 2 live;
            /// Float addition: `fail, left, right, destination`.
            98: Fadd "fadd" 4 live;
            /// Float subtraction: `fail, left, right, destination`.
            99: Fsub "fsub" 4 live;
            /// Float multiplication: `fail, left, right, destination`.
            100: Fmul "fmul" 4 live;
            /// Float division: `fail, left, right, destination`.
            101: Fdiv "fdiv" 4 live;
            /// Float negation: `fail, source, destination`.
            102: Fnegate "fnegate" 3 live;
            /// Obsolete.
            103: MakeFun2 "make_fun2" 1 obsolete;
            /// Start a try that is kept in `y` and goes on at `label`.
            104: Try "try" 2 live;
            /// End of the protected part of the try kept in `y`.
            105: TryEnd "try_end" 1 live;
            /// An exception was caught: class, reason and raw stack trace into `x0`, `x1`, `x2`.
            106: TryCase "try_case" 1 live;
            /// Raise `{try_clause, value}`.
            107: TryCaseEnd "try_case_end" 1 live;
            /// Raise again, from a raw stack trace and a reason: `trace, reason`.
            108: Raise "raise" 2 live;
            /// Start building a binary of a number of bytes (compilers before OTP 25).
            109: BsInit2 "bs_init2" 6 live;
            /// Obsolete.
            110: BsBitsToBytes "bs_bits_to_bytes" 3 obsolete;
            /// Size arithmetic for building a binary: `fail, left, right, unit, destination` (compilers before OTP 25).
            111: BsAdd "bs_add" 5 live;
            /// Call `x(arity):x(arity+1)` with `arity` arguments.
            112: Apply "apply" 1 live;
            /// Drop a frame of `words` and jump to `x(arity):x(arity+1)`.
            113: ApplyLast "apply_last" 2 live;
            /// Jump to `fail` unless `source` is `true` or `false`.
            114: IsBoolean "is_boolean" 2 live;
            /// Jump to `fail` unless `source` is a fun of `arity` arguments; `arity` may be a register.
            115: IsFunction2 "is_function2" 3 live;
            /// Obsolete.
            116: BsStartMatch2 "bs_start_match2" 5 obsolete;
            /// Match an integer segment: `fail, context, live, size, unit, flags, destination`.
            117: BsGetInteger2 "bs_get_integer2" 7 live;
            /// Match a float segment: `fail, context, live, size, unit, flags, destination`.
            118: BsGetFloat2 "bs_get_float2" 7 live;
            /// Match a binary segment: `fail, context, live, size, unit, flags, destination`.
            119: BsGetBinary2 "bs_get_binary2" 7 live;
            /// Skip `size * unit` bits: `fail, context, size, unit, flags`.
            120: BsSkipBits2 "bs_skip_bits2" 5 live;
            /// Jump to `fail` unless exactly `bits` remain: `fail, context, bits`.
            121: BsTestTail2 "bs_test_tail2" 3 live;
            /// Obsolete.
            122: BsSave2 "bs_save2" 2 obsolete;
            /// Obsolete.
            123: BsRestore2 "bs_restore2" 2 obsolete;
            /// Guard BIF of one argument: `fail, live, import, argument, destination`.
            124: GcBif1 "gc_bif1" 5 live;
            /// Guard BIF of two arguments: `fail, live, import, argument, argument, destination`.
            125: GcBif2 "gc_bif2" 6 live;
            /// Obsolete.
            126: BsFinal2 "bs_final2" 2 obsolete;
            /// Obsolete.
            127: BsBitsToBytes2 "bs_bits_to_bytes2" 2 obsolete;
            /// Obsolete.
            128: PutLiteral "put_literal" 2 obsolete;
            /// Jump to `fail` unless `source` is a bitstring.
            129: IsBitstr "is_bitstr" 2 live;
            /// Obsolete.
            130: BsContextToBinary "bs_context_to_binary" 1 obsolete;
            /// Jump to `fail` unless the bits that remain are a multiple of `unit`.
            131: BsTestUnit "bs_test_unit" 3 live;
            /// Match bits of the string table: `fail, context, bits, offset`.
            132: BsMatchString "bs_match_string" 4 live;
            /// `x0` becomes an empty binary with room for `x0` bytes.
            133: BsInitWritable "bs_init_writable" 0 live;
            /// Start appending to a binary (compilers before OTP 25).
            134: BsAppend "bs_append" 8 live;
            /// Start appending to a binary nobody else has (compilers before OTP 25).
            135: BsPrivateAppend "bs_private_append" 6 live;
            /// Drop `words` from the frame, of which `remaining` stay.
            136: Trim "trim" 2 live;
            /// Start building a bitstring of a number of bits (compilers before OTP 25).
            137: BsInitBits "bs_init_bits" 6 live;
            /// Match a UTF-8 character: `fail, context, live, flags, destination`.
            138: BsGetUtf8 "bs_get_utf8" 5 live;
            /// Skip a UTF-8 character: `fail, context, live, flags`.
            139: BsSkipUtf8 "bs_skip_utf8" 4 live;
            /// Match a UTF-16 character: `fail, context, live, flags, destination`.
            140: BsGetUtf16 "bs_get_utf16" 5 live;
            /// Skip a UTF-16 character: `fail, context, live, flags`.
            141: BsSkipUtf16 "bs_skip_utf16" 4 live;
            /// Match a UTF-32 character: `fail, context, live, flags, destination`.
            142: BsGetUtf32 "bs_get_utf32" 5 live;
            /// Skip a UTF-32 character: `fail, context, live, flags`.
            143: BsSkipUtf32 "bs_skip_utf32" 4 live;
            /// Bytes that a character takes in UTF-8 (compilers before OTP 25).
            144: BsUtf8Size "bs_utf8_size" 3 live;
            /// Append a UTF-8 character (compilers before OTP 25).
            145: BsPutUtf8 "bs_put_utf8" 3 live;
            /// Bytes that a character takes in UTF-16 (compilers before OTP 25).
            146: BsUtf16Size "bs_utf16_size" 3 live;
            /// Append a UTF-16 character (compilers before OTP 25).
            147: BsPutUtf16 "bs_put_utf16" 3 live;
            /// Append a UTF-32 character (compilers before OTP 25).
            148: BsPutUtf32 "bs_put_utf32" 3 live;
            /// Marks the function that runs when the module has been loaded.
            149: OnLoad "on_load" 0 live;
            /// Obsolete.
            150: RecvMark "recv_mark" 1 obsolete;
            /// Obsolete.
            151: RecvSet "recv_set" 1 obsolete;
            /// Guard BIF of three arguments: `fail, live, import, argument, argument, argument, destination`.
            152: GcBif3 "gc_bif3" 7 live;
            /// Source location of what follows: an index into the line table.
            153: Line "line" 1 live;
            /// Map with pairs added or replaced: `fail, source, destination, live, [key, value, ...]`.
            154: PutMapAssoc "put_map_assoc" 5 live;
            /// Map with existing keys replaced: `fail, source, destination, live, [key, value, ...]`.
            155: PutMapExact "put_map_exact" 5 live;
            /// Jump to `fail` unless `source` is a map.
            156: IsMap "is_map" 2 live;
            /// Jump to `fail` unless the map has all keys: `fail, source, [key, ...]`.
            157: HasMapFields "has_map_fields" 3 live;
            /// Values of keys, or jump: `fail, source, [key, destination, ...]`.
            158: GetMapElements "get_map_elements" 3 live;
            /// Jump to `fail` unless `source` is a tuple of `arity` whose first element is `atom`.
            159: IsTaggedTuple "is_tagged_tuple" 4 live;
            /// `x0`, a raw stack trace, becomes the list Erlang code sees.
            160: BuildStacktrace "build_stacktrace" 0 live;
            /// Raise class `x0`, reason `x1` with the raw stack trace `x2`; a bad class gives `badarg` in `x0`.
            161: RawRaise "raw_raise" 0 live;
            /// Head of the cons `source` into `destination`.
            162: GetHd "get_hd" 2 live;
            /// Tail of the cons `source` into `destination`.
            163: GetTl "get_tl" 2 live;
            /// `destination` becomes a tuple: `destination, [element, ...]`.
            164: PutTuple2 "put_tuple2" 2 live;
            /// Bitstring that remains: `context, destination, live`.
            165: BsGetTail "bs_get_tail" 3 live;
            /// Start matching: `fail, source, live, destination`.
            166: BsStartMatch3 "bs_start_match3" 4 live;
            /// Save the position of a match context: `context, destination, live`.
            167: BsGetPosition "bs_get_position" 3 live;
            /// Restore the position of a match context: `context, position`.
            168: BsSetPosition "bs_set_position" 2 live;
            /// Exchange two registers.
            169: Swap "swap" 2 live;
            /// Start matching: `fail, live, source, destination`; `fail` may be the atom `no_fail` or `resume`.
            170: BsStartMatch4 "bs_start_match4" 4 live;
            /// Make a fun: `lambda, destination, [free variable, ...]`.
            171: MakeFun3 "make_fun3" 3 live;
            /// Set Y registers to nil: `[y, ...]`.
            172: InitYregs "init_yregs" 1 live;
            /// Tie a reserved receive marker to a reference: `marker, reference`.
            173: RecvMarkerBind "recv_marker_bind" 2 live;
            /// Forget the receive marker of a reference.
            174: RecvMarkerClear "recv_marker_clear" 1 live;
            /// Set a receive marker at the end of the mailbox: `destination`.
            175: RecvMarkerReserve "recv_marker_reserve" 1 live;
            /// Start the receive at the marker of a reference.
            176: RecvMarkerUse "recv_marker_use" 1 live;
            /// Build a bitstring: `fail, allocate, live, unit, destination, [type, segment, unit, flags, value, size, ...]`.
            177: BsCreateBin "bs_create_bin" 6 live;
            /// Call a fun of `arity`: `tag, arity, fun`; `tag` is `safe`, `unsafe` or an index of a lambda.
            178: CallFun2 "call_fun2" 3 live;
            /// The function may be replaced by a NIF.
            179: NifStart "nif_start" 0 live;
            /// Raise `{badrecord, value}`.
            180: Badrecord "badrecord" 1 live;
            /// Copy of a tuple with elements replaced: `hint, size, source, destination, [position, value, ...]`.
            181: UpdateRecord "update_record" 5 live;
            /// Match a run of segments: `fail, context, [command, argument, ...]`.
            182: BsMatch "bs_match" 3 live;
            /// Marks a line for coverage: `location, index`.
            183: ExecutableLine "executable_line" 2 live;
        }
    };
}

macro_rules! is_obsolete {
    (live) => {
        false
    };
    (obsolete) => {
        true
    };
}

macro_rules! define_op {
    ($($(#[$doc:meta])* $number:literal: $variant:ident $name:literal $arity:literal $status:ident;)*) => {
        /// A generic instruction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op {
            $($(#[$doc])* $variant = $number,)*
        }

        /// Every instruction, that with number 1 first.
        const ALL: [Op; Op::COUNT] = [$(Op::$variant,)*];

        const FACTS: [Facts; Op::COUNT] = [
            $(Facts { name: $name, arity: $arity, obsolete: is_obsolete!($status) },)*
        ];

        impl Op {
            /// How many instructions there are; also the highest number.
            pub const COUNT: usize = [$($number,)*].len();
        }
    };
}

struct Facts {
    name: &'static str,
    arity: u8,
    obsolete: bool,
}

for_each_op!(define_op);

// The tables are indexed by number.
const _: () = {
    let mut index = 0;
    while index < ALL.len() {
        assert!(ALL[index] as usize == index + 1);
        index += 1;
    }
};

impl Op {
    /// The instruction with this number.
    #[inline]
    pub fn from_number(number: u8) -> Option<Op> {
        ALL.get(usize::from(number).wrapping_sub(1)).copied()
    }

    /// Every instruction, in the order of their numbers.
    pub fn all() -> &'static [Op] {
        const { &ALL }
    }

    /// Its number in the file.
    #[inline]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The compiler's name for it.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// How many operands it has; a list counts as one.
    #[inline]
    pub fn arity(self) -> usize {
        usize::from(self.facts().arity)
    }

    /// Whether OTP 27's loader refuses it.
    #[inline]
    pub fn is_obsolete(self) -> bool {
        self.facts().obsolete
    }

    /// Which operand, if any, is an index into the import table.
    #[inline]
    pub fn import_operand(self) -> Option<usize> {
        match self {
            Op::Bif0 => Some(0),
            Op::CallExt | Op::CallExtLast | Op::CallExtOnly | Op::Bif1 | Op::Bif2 => Some(1),
            Op::GcBif1 | Op::GcBif2 | Op::GcBif3 => Some(2),
            _ => None,
        }
    }

    /// Which operand, if any, says how many X registers are live.
    pub(crate) fn live_operand(self) -> Option<usize> {
        match self {
            Op::Allocate | Op::TestHeap | Op::GcBif1 | Op::GcBif2 | Op::GcBif3 | Op::BsStartMatch4 => Some(1),
            Op::AllocateHeap
            | Op::BsStartMatch3
            | Op::BsGetTail
            | Op::BsGetPosition
            | Op::BsGetInteger2
            | Op::BsGetFloat2
            | Op::BsGetBinary2
            | Op::BsGetUtf8
            | Op::BsGetUtf16
            | Op::BsGetUtf32
            | Op::BsSkipUtf8
            | Op::BsSkipUtf16
            | Op::BsSkipUtf32
            | Op::BsCreateBin => Some(2),
            Op::BsInit2 | Op::BsInitBits | Op::BsAppend | Op::PutMapAssoc | Op::PutMapExact => Some(3),
            _ => None,
        }
    }

    /// Which operand, if any, says how many arguments a call has.
    pub(crate) fn arity_operand(self) -> Option<usize> {
        match self {
            Op::Call | Op::CallLast | Op::CallOnly | Op::CallExt | Op::CallExtLast | Op::CallExtOnly => Some(0),
            Op::CallFun | Op::Apply | Op::ApplyLast => Some(0),
            Op::CallFun2 => Some(1),
            _ => None,
        }
    }

    /// Whether control never goes on behind it.
    pub(crate) fn is_last(self) -> bool {
        match self {
            Op::CallLast | Op::CallOnly | Op::CallExtLast | Op::CallExtOnly | Op::ApplyLast | Op::Return => true,
            Op::Jump | Op::SelectVal | Op::SelectTupleArity | Op::LoopRecEnd | Op::Wait => true,
            Op::FuncInfo | Op::Badmatch | Op::CaseEnd | Op::IfEnd | Op::TryCaseEnd | Op::Badrecord | Op::Raise => true,
            Op::IntCodeEnd => true,
            _ => false,
        }
    }

    #[inline]
    fn facts(self) -> &'static Facts {
        const { &FACTS }.get(self as usize - 1).expect("numbers start at 1 and the table covers them all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_arities() {
        assert_eq!(Op::COUNT, 183);
        assert_eq!(Op::from_number(0), None);
        assert_eq!(Op::from_number(184), None);
        for (number, name, arity) in [
            (1, "label", 1),
            (64, "move", 2),
            (117, "bs_get_integer2", 7),
            (134, "bs_append", 8),
            (170, "bs_start_match4", 4),
            (183, "executable_line", 2),
        ] {
            let op = Op::from_number(number).unwrap();
            assert_eq!((op.number(), op.name(), op.arity()), (number, name, arity));
        }
    }

    #[test]
    fn obsolete_ones() {
        // OTP 27: 183 numbered, 139 loadable.
        assert_eq!(Op::all().iter().filter(|op| !op.is_obsolete()).count(), 139);
        assert!(Op::PutTuple.is_obsolete());
        assert!(!Op::BsInit2.is_obsolete());
    }
}
