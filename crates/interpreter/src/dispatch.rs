//! The table of handlers: one for each variant of each instruction, by instruction number.

use crate::control::{One, Three, Two};
use crate::instruction::{COUNT, Shape, instructions, shape};
use crate::state::{C, G, Handler, I, X, Y};
use crate::{arithmetic, binaries, calls, control, data, exception, floats, guards, maps, messages, select, tests};

// The handlers of an instruction with each kind of operand, in the order of its shape.
macro_rules! variants {
    (PLAIN $module:ident $name:ident) => { &[$module::$name] };
    (TO $module:ident $name:ident) => { &[$module::$name::<X>, $module::$name::<Y>] };
    (SOURCE $module:ident $name:ident) => {
        &[$module::$name::<X>, $module::$name::<Y>, $module::$name::<I>, $module::$name::<C>]
    };
    (SOURCE_TO $module:ident $name:ident) => {
        variants!(@to $module $name [X] [Y] [I] [C])
    };
    (FROM $module:ident $name:ident) => { &[$module::$name::<X>, $module::$name::<Y>, $module::$name::<G>] };
    (FROM_TO $module:ident $name:ident) => { variants!(@to $module $name [X] [Y] [G]) };
    (FROM_TO_TWO $module:ident $name:ident) => {
        variants!(@to $module $name [X, X] [X, Y] [Y, X] [Y, Y] [G, X] [G, Y])
    };
    (PAIR_OF $module:ident $name:ident) => {
        &[
            $module::$name::<X, X>, $module::$name::<X, Y>, $module::$name::<X, I>, $module::$name::<X, C>, $module::$name::<Y, X>,
            $module::$name::<Y, Y>, $module::$name::<Y, I>, $module::$name::<I, X>, $module::$name::<G, G>,
        ]
    };
    (PAIR_TO $module:ident $name:ident) => {
        variants!(@to $module $name [X, X] [X, Y] [X, I] [X, C] [Y, X] [Y, Y] [Y, I] [I, X] [G, G])
    };
    (SAVED $module:ident $name:ident) => { &[$module::$name::<One>, $module::$name::<Two>, $module::$name::<Three>] };
    (SWAPPED $module:ident $name:ident) => { variants!(@of $module $name [X, X] [X, Y] [Y, X] [Y, Y]) };
    (MOVED $module:ident $name:ident) => { variants!(@of $module $name [X, X] [Y, X] [I, X]) };
    (MOVED_TWO $module:ident $name:ident) => {
        variants!(@of $module $name
            [X, X, X, X] [X, X, X, Y] [X, X, Y, X] [X, X, I, X] [X, Y, X, X] [X, Y, X, Y] [X, Y, Y, X] [X, Y, I, X]
            [Y, X, X, X] [Y, X, X, Y] [Y, X, Y, X] [Y, X, I, X] [I, X, X, X] [I, X, X, Y] [I, X, Y, X] [I, X, I, X])
    };
    (MOVED_THREE $module:ident $name:ident) => {
        variants!(@of $module $name
            [X, X, X, X, X, X] [X, Y, X, Y, X, Y] [X, Y, X, Y, X, X] [X, Y, X, X, X, X]
            [Y, X, Y, X, Y, X] [Y, X, Y, X, I, X] [Y, X, I, X, Y, X] [I, X, Y, X, Y, X])
    };
    (@of $module:ident $name:ident $([$($kind:ident),*])*) => { &[$($module::$name::<$($kind),*>),*] };
    (@to $module:ident $name:ident $([$($kind:ident),*])*) => {
        &[$($module::$name::<$($kind,)* X>, $module::$name::<$($kind,)* Y>),*]
    };
}

macro_rules! groups {
    ($($(#[$doc:meta])* $instruction:ident $shape:ident $module:ident::$name:ident,)*) => {
        const GROUPS: &[(Shape, &[Handler])] = &[$((shape::$shape, variants!($shape $module $name))),*];
    };
}
instructions!(groups);

/// The handlers.
pub(crate) static HANDLERS: [Handler; COUNT] = {
    let mut all: [Handler; COUNT] = [control::func_info; COUNT];
    let (mut group, mut next) = (0, 0);
    while group < GROUPS.len() {
        let (shape, handlers) = GROUPS[group];
        assert!(shape.variants() == handlers.len(), "a shape and its handlers disagree");
        let mut index = 0;
        while index < handlers.len() {
            all[next] = handlers[index];
            next += 1;
            index += 1;
        }
        group += 1;
    }
    all
};
