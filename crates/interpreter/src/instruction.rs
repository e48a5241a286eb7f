//! The engine's own instructions and how their operands lie in the stream.
//!
//! An instruction is its number followed by its operands, each one 32-bit word unless said otherwise:
//!
//! * *source*, *register*: two low bits say where (0 X register, 1 Y register, 2 constant), the rest is the index.
//!   Reading is `bases[low bits][index]`, whatever it is.
//! * *label*: distance from the instruction's own first word to the target, signed; 0 for none.
//! * *constant*: index of a word in the machine's constants.
//! * *number*: as it is.
//! * *list*: a count, then the items.

/// Operand kind: X register.
pub const KIND_X: u32 = 0;
/// Operand kind: Y register.
pub const KIND_Y: u32 = 1;
/// Operand kind: constant.
pub const KIND_CONSTANT: u32 = 2;
/// A size operand that says "all that is left".
pub const SIZE_ALL: u32 = u32::MAX;

macro_rules! instructions {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the engine can do.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        #[allow(missing_docs, reason = "those without a comment are the generic instruction of the same name")]
        pub enum Instruction { $($(#[$doc])* $name,)* }
        impl Instruction {
            /// Number of instructions.
            pub const COUNT: u32 = [$(Instruction::$name),*].len() as u32;
            /// The instruction with this number.
            ///
            /// # Safety
            /// `number` came from an instruction.
            #[inline(always)]
            pub unsafe fn from_number(number: u32) -> Instruction {
                debug_assert!(number < Instruction::COUNT);
                // SAFETY: the numbers are dense from 0, and the caller has one of them.
                unsafe { std::mem::transmute(number) }
            }
        }
    };
}

instructions! {
    /// Start of a process: apply x0:x1 to the list x2.
    ApplyStart,
    /// End of a process.
    NormalExit,
    FuncInfo,
    /// In place of a traced function's first instruction.
    Breakpoint,
    /// A stub that external calls of a traced function pass.
    ExportBreakpoint,
    /// Where a traced call returns to: its trace frame is on the stack.
    ReturnTrace,
    /// Where a traced BIF returns to that was called in tail position: number of words to drop, then the address behind the call.
    TracedBifReturn,
    Call, CallLast, CallOnly,
    CallExt, CallExtLast, CallExtOnly,
    /// BIF calls: constant (address of the `BifEntry`), arity[, words].
    CallBif, CallBifLast, CallBifOnly,
    /// Body of a function that is a BIF.
    BifBody,
    /// `erlang:apply/3` and `/2` with the arguments in x0..: [words].
    Apply3, Apply3Last, Apply3Only,
    Apply2, Apply2Last, Apply2Only,
    /// `apply`, `apply_last` of x(arity):x(arity+1).
    Apply, ApplyLast,
    /// Calls of funs: arity[, fun][, words of the frame].
    CallFun, CallFun2, CallFunLast, CallFun2Last,
    /// Guard BIFs: [fail, live,] constant, sources, register.
    GuardBif0, GuardBif1, GuardBif2, GuardBif3,
    Add, Subtract, Multiply, IntegerDivide, Remainder, Band, Bor, Bxor, ShiftLeft, ShiftRight,
    Element, Hd, Tl, TupleSize, MapGet, MapSize, Length, ByteSize, SelfPid, Node,
    CompareEq, CompareNe, CompareLt, CompareGe, CompareLe, CompareGt, CompareEqExact, CompareNeExact,
    Allocate, AllocateHeap, TestHeap, Deallocate, Return, Trim, InitYregs,
    Send, RemoveMessage, Timeout, LoopRec, LoopRecEnd, Wait, WaitTimeout,
    RecvMarkerBind, RecvMarkerClear, RecvMarkerReserve, RecvMarkerUse,
    IsLt, IsGe, IsEq, IsNe, IsEqExact, IsNeExact,
    /// The same when one side is an immediate constant: words are compared.
    IsEqImmediate, IsNeImmediate,
    IsInteger, IsFloat, IsNumber, IsAtom, IsPid, IsReference, IsPort, IsNil, IsBinary, IsList, IsNonemptyList,
    IsTuple, TestArity, IsBoolean, IsBitstr, IsMap, IsFunction, IsFunction2, IsTaggedTuple,
    /// source, fail, count, then (value in two words, label) sorted by value.
    SelectImmediate,
    /// source, fail, lowest small, count, labels.
    SelectTable,
    /// source, fail, count, then (source, label).
    SelectGeneric,
    SelectTupleArity,
    Jump,
    Catch, CatchEnd, Try, TryEnd, TryCase, TryCaseEnd, Raise, BuildStacktrace, RawRaise,
    Badmatch, IfEnd, CaseEnd, Badrecord,
    Move, Swap, GetList, GetHd, GetTl, GetTupleElement, SetTupleElement, PutList, PutTuple2, UpdateRecord,
    MakeFun3,
    PutMapAssoc, PutMapExact, HasMapFields, GetMapElements,
    /// Copies between float registers (source, float register / float register, register / float, float).
    FloatLoad, FloatStore, FloatMove, Fconv, Fadd, Fsub, Fmul, Fdiv, Fnegate,
    BsStartMatch, BsMatch, BsGetInteger2, BsGetFloat2, BsGetBinary2, BsSkipBits2, BsTestTail2, BsTestUnit,
    BsMatchString, BsGetUtf8, BsSkipUtf8, BsGetUtf16, BsSkipUtf16, BsGetUtf32, BsSkipUtf32, BsGetTail,
    BsGetPosition, BsSetPosition,
    BsCreateBin, BsInitWritable,
    /// Building binaries as compilers before OTP 25 did.
    BsInit2, BsInitBits, BsAdd, BsAppend, BsPrivateAppend, BsPutInteger, BsPutBinary, BsPutFloat, BsPutString,
    BsUtf8Size, BsUtf16Size, BsPutUtf8, BsPutUtf16, BsPutUtf32,
}

/// Commands of `bs_match`, as numbers in the stream.
pub mod match_command {
    /// bits, unit.
    pub const ENSURE_AT_LEAST: u32 = 0;
    /// bits.
    pub const ENSURE_EXACTLY: u32 = 1;
    /// live, flags, size, unit, register.
    pub const INTEGER: u32 = 2;
    /// live, flags, size, unit, register.
    pub const BINARY: u32 = 3;
    /// bits.
    pub const SKIP: u32 = 4;
    /// live, unit, register.
    pub const GET_TAIL: u32 = 5;
    /// bits, value in two words.
    pub const EXACTLY: u32 = 6;
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
}
