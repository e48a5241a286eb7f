//! Lines of HTTP as `decode_packet/3` and sockets in mode `http` give them.

use oxbeam_term::{Atom, Heap, Term, atoms};

/// Header names with a number of their own, in the order of the numbers, from 1 on.
const HEADERS: &[(Atom, &str)] = &[
    (atoms::HEADER_CACHE_CONTROL, "Cache-Control"),
    (atoms::HEADER_CONNECTION, "Connection"),
    (atoms::HEADER_DATE, "Date"),
    (atoms::HEADER_PRAGMA, "Pragma"),
    (atoms::HEADER_TRANSFER_ENCODING, "Transfer-Encoding"),
    (atoms::HEADER_UPGRADE, "Upgrade"),
    (atoms::HEADER_VIA, "Via"),
    (atoms::HEADER_ACCEPT, "Accept"),
    (atoms::HEADER_ACCEPT_CHARSET, "Accept-Charset"),
    (atoms::HEADER_ACCEPT_ENCODING, "Accept-Encoding"),
    (atoms::HEADER_ACCEPT_LANGUAGE, "Accept-Language"),
    (atoms::HEADER_AUTHORIZATION, "Authorization"),
    (atoms::HEADER_FROM, "From"),
    (atoms::HEADER_HOST, "Host"),
    (atoms::HEADER_IF_MODIFIED_SINCE, "If-Modified-Since"),
    (atoms::HEADER_IF_MATCH, "If-Match"),
    (atoms::HEADER_IF_NONE_MATCH, "If-None-Match"),
    (atoms::HEADER_IF_RANGE, "If-Range"),
    (atoms::HEADER_IF_UNMODIFIED_SINCE, "If-Unmodified-Since"),
    (atoms::HEADER_MAX_FORWARDS, "Max-Forwards"),
    (atoms::HEADER_PROXY_AUTHORIZATION, "Proxy-Authorization"),
    (atoms::HEADER_RANGE, "Range"),
    (atoms::HEADER_REFERER, "Referer"),
    (atoms::HEADER_USER_AGENT, "User-Agent"),
    (atoms::HEADER_AGE, "Age"),
    (atoms::HEADER_LOCATION, "Location"),
    (atoms::HEADER_PROXY_AUTHENTICATE, "Proxy-Authenticate"),
    (atoms::HEADER_PUBLIC, "Public"),
    (atoms::HEADER_RETRY_AFTER, "Retry-After"),
    (atoms::HEADER_SERVER, "Server"),
    (atoms::HEADER_VARY, "Vary"),
    (atoms::HEADER_WARNING, "Warning"),
    (atoms::HEADER_WWW_AUTHENTICATE, "Www-Authenticate"),
    (atoms::HEADER_ALLOW, "Allow"),
    (atoms::HEADER_CONTENT_BASE, "Content-Base"),
    (atoms::HEADER_CONTENT_ENCODING, "Content-Encoding"),
    (atoms::HEADER_CONTENT_LANGUAGE, "Content-Language"),
    (atoms::HEADER_CONTENT_LENGTH, "Content-Length"),
    (atoms::HEADER_CONTENT_LOCATION, "Content-Location"),
    (atoms::HEADER_CONTENT_MD5, "Content-Md5"),
    (atoms::HEADER_CONTENT_RANGE, "Content-Range"),
    (atoms::HEADER_CONTENT_TYPE, "Content-Type"),
    (atoms::HEADER_ETAG, "Etag"),
    (atoms::HEADER_EXPIRES, "Expires"),
    (atoms::HEADER_LAST_MODIFIED, "Last-Modified"),
    (atoms::HEADER_ACCEPT_RANGES, "Accept-Ranges"),
    (atoms::HEADER_SET_COOKIE, "Set-Cookie"),
    (atoms::HEADER_SET_COOKIE2, "Set-Cookie2"),
    (atoms::HEADER_X_FORWARDED_FOR, "X-Forwarded-For"),
    (atoms::HEADER_COOKIE, "Cookie"),
    (atoms::HEADER_KEEP_ALIVE, "Keep-Alive"),
    (atoms::HEADER_PROXY_CONNECTION, "Proxy-Connection"),
];

/// Methods that are given as atoms.
const METHODS: &[(Atom, &[u8])] = &[
    (atoms::METHOD_OPTIONS, b"OPTIONS"),
    (atoms::METHOD_GET, b"GET"),
    (atoms::METHOD_HEAD, b"HEAD"),
    (atoms::METHOD_POST, b"POST"),
    (atoms::METHOD_PUT, b"PUT"),
    (atoms::METHOD_DELETE, b"DELETE"),
    (atoms::METHOD_TRACE, b"TRACE"),
];

/// Where texts go: lists or binaries.
#[derive(Clone, Copy)]
struct Texts<'h> {
    heap: &'h Heap,
    binary: bool,
}

impl<'h> Texts<'h> {
    fn text(self, bytes: &[u8]) -> Term<'h> {
        if self.binary { self.heap.binary(bytes) } else { self.heap.byte_list(bytes, Term::NIL) }
    }
    fn tagged(self, tag: Atom, rest: &[Term<'h>]) -> Term<'h> {
        let elements: Vec<Term<'h>> = std::iter::once(Term::atom(tag)).chain(rest.iter().copied()).collect();
        self.heap.tuple(&elements)
    }
}

/// A request or response line with its end; what is neither is `{http_error, Line}`.
pub(crate) fn start_line<'h>(heap: &'h Heap, line: &[u8], binary: bool) -> Term<'h> {
    let texts = Texts { heap, binary };
    let content = without_end(line);
    let parsed = if content.starts_with(b"HTTP/") { response(texts, content) } else { request(texts, content) };
    parsed.unwrap_or_else(|| texts.tagged(atoms::HTTP_ERROR, &[texts.text(line)]))
}

/// A header line with its end; an empty line is `http_eoh`, what is no header is `{http_error, Line}`.
pub(crate) fn header<'h>(heap: &'h Heap, line: &[u8], binary: bool) -> Term<'h> {
    let texts = Texts { heap, binary };
    let content = without_end(line);
    if content.is_empty() {
        return Term::atom(atoms::HTTP_EOH);
    }
    let name = token(content);
    let Some(value) = content[name.len()..].strip_prefix(b":") else {
        return texts.tagged(atoms::HTTP_ERROR, &[texts.text(line)]);
    };
    let usual = in_usual_case(name);
    let known = HEADERS.iter().position(|(_, known)| known.as_bytes() == usual);
    let (number, field) = match known {
        Some(place) => (place as i64 + 1, Term::atom(HEADERS[place].0)),
        None => (0, texts.text(&usual)),
    };
    let rest = [Term::small(number), field, texts.text(name), texts.text(skip_space(value))];
    texts.tagged(atoms::HTTP_HEADER, &rest)
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let count = bytes.iter().take_while(|&&byte| is_space(byte)).count();
    &bytes[count..]
}

/// The characters of a token that `bytes` start with.
fn token(bytes: &[u8]) -> &[u8] {
    let special = |byte: u8| !byte.is_ascii_graphic() || b"()<>@,;:\\\"/[]?={}".contains(&byte);
    let count = bytes.iter().take_while(|&&byte| !special(byte)).count();
    &bytes[..count]
}

/// Each part of the name with a capital.
fn in_usual_case(name: &[u8]) -> Vec<u8> {
    let mut up = true;
    let turn = |&byte: &u8| {
        let turned = if up { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        up = !up && byte == b'-';
        turned
    };
    name.iter().map(turn).collect()
}

/// A decimal number and what follows it.
fn decimal(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(count);
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// `{Major, Minor}` of `HTTP/1.1`, and what follows it.
fn version<'h, 'b>(texts: Texts<'h>, bytes: &'b [u8]) -> Option<(Term<'h>, &'b [u8])> {
    let (major, rest) = decimal(bytes.strip_prefix(b"HTTP/")?)?;
    let (minor, rest) = decimal(rest.strip_prefix(b".")?)?;
    Some((texts.heap.tuple(&[Term::small(major.into()), Term::small(minor.into())]), rest))
}

fn response<'h>(texts: Texts<'h>, line: &[u8]) -> Option<Term<'h>> {
    let (version, rest) = version(texts, line)?;
    let (status, rest) = decimal(rest.first().filter(|&&byte| is_space(byte)).map(|_| skip_space(rest))?)?;
    if rest.first().is_some_and(|&byte| !is_space(byte)) {
        return None;
    }
    let phrase = texts.text(skip_space(rest));
    Some(texts.tagged(atoms::HTTP_RESPONSE, &[version, Term::small(status.into()), phrase]))
}

fn request<'h>(texts: Texts<'h>, line: &[u8]) -> Option<Term<'h>> {
    let method = token(line);
    let rest = &line[method.len()..];
    if method.is_empty() || !rest.first().is_some_and(|&byte| is_space(byte)) {
        return None;
    }
    let rest = skip_space(rest);
    let uri = &rest[..rest.iter().take_while(|&&byte| !is_space(byte)).count()];
    if uri.is_empty() {
        return None;
    }
    let rest = skip_space(&rest[uri.len()..]);
    let version = if rest.is_empty() {
        texts.heap.tuple(&[Term::small(0), Term::small(9)])
    } else {
        // Whatever follows the version is passed over.
        version(texts, rest)?.0
    };
    let known = METHODS.iter().find(|(_, name)| *name == method);
    let method = known.map_or_else(|| texts.text(method), |(atom, _)| Term::atom(*atom));
    Some(texts.tagged(atoms::HTTP_REQUEST, &[method, resource(texts, uri), version]))
}

fn resource<'h>(texts: Texts<'h>, uri: &[u8]) -> Term<'h> {
    let after = |prefix: &[u8]| {
        let start = uri.get(..prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| &uri[prefix.len()..])
    };
    if uri == b"*" {
        return Term::atom(atoms::MULTIPLY);
    }
    if uri.len() <= 1 || uri[0] == b'/' {
        return texts.tagged(atoms::ABS_PATH, &[texts.text(uri)]);
    }
    if let Some(rest) = after(b"http://") {
        return absolute(texts, atoms::HTTP, rest);
    }
    if let Some(rest) = after(b"https://") {
        return absolute(texts, atoms::HTTPS, rest);
    }
    match uri.iter().position(|&byte| byte == b':') {
        Some(colon) => texts.tagged(atoms::SCHEME, &[texts.text(&uri[..colon]), texts.text(&uri[colon + 1..])]),
        None => texts.text(uri),
    }
}

/// `{absoluteURI, Scheme, Host, Port | undefined, Path}`.
fn absolute<'h>(texts: Texts<'h>, scheme: Atom, rest: &[u8]) -> Term<'h> {
    let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    let path = if path.is_empty() { b"/" } else { path };
    // The colons of an IPv6 address stand in brackets.
    let address = match place.first() {
        Some(b'[') => place.iter().position(|&byte| byte == b']').unwrap_or(0),
        _ => 0,
    };
    let colon = place[address..].iter().position(|&byte| byte == b':').map(|colon| address + colon);
    let host = &place[..colon.unwrap_or(place.len())];
    let port = colon.and_then(|colon| decimal(&place[colon + 1..])).filter(|(port, rest)| *port > 0 && rest.is_empty());
    let port = port.map_or(Term::atom(atoms::UNDEFINED), |(port, _)| Term::small(port.into()));
    texts.tagged(atoms::ABSOLUTE_URI, &[Term::atom(scheme), texts.text(host), port, texts.text(path)])
}
