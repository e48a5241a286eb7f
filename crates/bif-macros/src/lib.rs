//! The `#[bif]` attribute: makes a table entry of a Rust function whose parameters are named and typed.
//!
//! ```ignore
//! #[bif("erlang:element/2", guard)]
//! fn element<'h>(cx: &mut BifContext<'h>, index: i64, tuple: Tuple<'h>) -> BifResult<'h> { ... }
//! ```
//!
//! Each parameter after the context is converted by `FromTerm`; one that does not convert raises `badarg`. A function
//! with a single parameter `&[Term<'h>]` gets the arguments as they are. The flags
//! `guard`, `nif`, `dirty_io` and `dirty_cpu` set those of `BifFlags`. The entry is found by the build script of the
//! crate, which reads the attributes.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use quote::{format_ident, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, FnArg, ItemFn, Lit, Pat, Token, Type, parse_macro_input};

/// Makes a BIF of a function; see the crate's documentation.
#[proc_macro_attribute]
pub fn bif(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    match expand(attribute, &function) {
        Ok(tokens) => tokens.into(),
        Err(error) => error.to_compile_error().into(),
    }
}

fn expand(attribute: TokenStream, function: &ItemFn) -> syn::Result<proc_macro2::TokenStream> {
    let arguments = Punctuated::<Expr, Token![,]>::parse_terminated.parse(attribute)?;
    let mut arguments = arguments.into_iter();
    let bad = |message: &str| syn::Error::new_spanned(&function.sig, message);
    let Some(Expr::Lit(literal)) = arguments.next() else {
        return Err(bad("#[bif] takes \"module:function/arity\" and flags"));
    };
    let Lit::Str(text) = literal.lit else { return Err(bad("the BIF's name is a string")) };
    let text = text.value();
    let parsed = text.split_once(':').and_then(|(module, rest)| {
        let (name, arity) = rest.rsplit_once('/')?;
        Some((module.to_owned(), name.to_owned(), arity.parse::<u8>().ok()?))
    });
    let Some((module, name, arity)) = parsed else { return Err(bad("the BIF's name is not module:function/arity")) };
    let (mut guard, mut nif, mut dirty_io, mut dirty_cpu) = (false, false, false, false);
    for flag in arguments {
        let Expr::Path(path) = &flag else { return Err(bad("a flag is a word")) };
        match path.path.get_ident().map(ToString::to_string).as_deref() {
            Some("guard") => guard = true,
            Some("nif") => nif = true,
            Some("dirty_io") => dirty_io = true,
            Some("dirty_cpu") => dirty_cpu = true,
            _ => return Err(bad("flags are guard, nif, dirty_io, dirty_cpu")),
        }
    }
    let mut conversions = Vec::new();
    let mut names = Vec::new();
    for (index, parameter) in function.sig.inputs.iter().skip(1).enumerate() {
        let FnArg::Typed(parameter) = parameter else { return Err(bad("a BIF has no self")) };
        let name = match &*parameter.pat {
            Pat::Ident(pattern) => format_ident!("argument_{}", pattern.ident.to_string().trim_start_matches('_')),
            _ => format_ident!("argument_{index}"),
        };
        let kind = &parameter.ty;
        conversions.push(quote! {
            let Some(#name) = <#kind as ::oxbeam_runtime::FromTerm<'h>>::from_term(arguments[#index]) else {
                return context.badarg();
            };
        });
        names.push(name);
    }
    if takes_slice(function) {
        (conversions, names) = (Vec::new(), vec![format_ident!("arguments")]);
    } else if names.len() != arity as usize {
        return Err(bad("the number of parameters after the context is not the arity"));
    }
    let ident = &function.sig.ident;
    let wrapper = format_ident!("bif_call_{ident}");
    let entry = format_ident!("BIF_{ident}");
    let arity_index = arity as usize;
    Ok(quote! {
        #function

        fn #wrapper<'h>(
            context: &mut ::oxbeam_runtime::BifContext<'h>,
            arguments: &[::oxbeam_term::Term<'h>],
        ) -> ::oxbeam_runtime::BifResult<'h> {
            debug_assert_eq!(arguments.len(), #arity_index);
            #(#conversions)*
            #ident(context #(, #names)*)
        }

        #[allow(non_upper_case_globals, reason = "named after the function")]
        pub(crate) const #entry: ::oxbeam_runtime::BifEntry = ::oxbeam_runtime::BifEntry {
            module: #module,
            function: #name,
            arity: #arity,
            code: #wrapper,
            flags: ::oxbeam_runtime::BifFlags {
                guard: #guard,
                nif: #nif,
                dirty_io: #dirty_io,
                dirty_cpu: #dirty_cpu,
            },
        };
    })
}

/// Is the only parameter after the context a slice?
fn takes_slice(function: &ItemFn) -> bool {
    let mut parameters = function.sig.inputs.iter().skip(1);
    let (Some(FnArg::Typed(parameter)), None) = (parameters.next(), parameters.next()) else { return false };
    matches!(&*parameter.ty, Type::Reference(reference) if matches!(&*reference.elem, Type::Slice(_)))
}
