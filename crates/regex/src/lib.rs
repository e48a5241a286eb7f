//! OTP's `re` semantics over the PCRE2 library, without Erlang terms.
