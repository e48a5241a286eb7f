//! Error numbers of the operating system and the atoms Erlang gives them.

use std::fmt;

/// A system call's error number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

/// The outcome of a system call.
pub type Result<T> = std::result::Result<T, Errno>;

macro_rules! errno_names {
    ($($constant:ident => $name:ident,)*) => {
        /// The atom Erlang uses for `errno`: `"enoent"`, or `"unknown"` for a number that has none.
        ///
        /// The set is that of ERTS (`erl_errno_id` of OTP 27): a few numbers of Linux have no name there.
        pub fn errno_name(errno: i32) -> &'static str {
            match errno {
                $(libc::$constant => stringify!($name),)*
                _ => "unknown",
            }
        }

        impl Errno {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub const $constant: Errno = Errno(libc::$constant);
            )*
        }
    };
}

errno_names! {
    E2BIG => e2big, EACCES => eacces, EADDRINUSE => eaddrinuse, EADDRNOTAVAIL => eaddrnotavail,
    EADV => eadv, EAFNOSUPPORT => eafnosupport, EAGAIN => eagain, EALREADY => ealready,
    EBADE => ebade, EBADF => ebadf, EBADFD => ebadfd, EBADMSG => ebadmsg, EBADR => ebadr,
    EBADRQC => ebadrqc, EBADSLT => ebadslt, EBFONT => ebfont, EBUSY => ebusy, ECHILD => echild,
    ECHRNG => echrng, ECOMM => ecomm, ECONNABORTED => econnaborted, ECONNREFUSED => econnrefused,
    ECONNRESET => econnreset, EDEADLK => edeadlk, EDESTADDRREQ => edestaddrreq, EDOM => edom,
    EDOTDOT => edotdot, EDQUOT => edquot, EEXIST => eexist, EFAULT => efault, EFBIG => efbig,
    EHOSTDOWN => ehostdown, EHOSTUNREACH => ehostunreach, EIDRM => eidrm, EILSEQ => eilseq,
    EINPROGRESS => einprogress, EINTR => eintr, EINVAL => einval, EIO => eio, EISCONN => eisconn,
    EISDIR => eisdir, EL2HLT => el2hlt, EL2NSYNC => el2nsync, EL3HLT => el3hlt, EL3RST => el3rst,
    ELIBACC => elibacc, ELIBBAD => elibbad, ELIBEXEC => elibexec, ELIBMAX => elibmax,
    ELIBSCN => elibscn, ELNRNG => elnrng, ELOOP => eloop, EMFILE => emfile, EMLINK => emlink,
    EMSGSIZE => emsgsize, EMULTIHOP => emultihop, ENAMETOOLONG => enametoolong, ENAVAIL => enavail,
    ENETDOWN => enetdown, ENETRESET => enetreset, ENETUNREACH => enetunreach, ENFILE => enfile,
    ENOANO => enoano, ENOBUFS => enobufs, ENOCSI => enocsi, ENODATA => enodata, ENODEV => enodev,
    ENOENT => enoent, ENOEXEC => enoexec, ENOLCK => enolck, ENOLINK => enolink, ENOMEM => enomem,
    ENOMSG => enomsg, ENONET => enonet, ENOPKG => enopkg, ENOPROTOOPT => enoprotoopt,
    ENOSPC => enospc, ENOSR => enosr, ENOSTR => enostr, ENOSYS => enosys, ENOTBLK => enotblk,
    ENOTCONN => enotconn, ENOTDIR => enotdir, ENOTEMPTY => enotempty, ENOTNAM => enotnam,
    ENOTSOCK => enotsock, ENOTSUP => enotsup, ENOTTY => enotty, ENOTUNIQ => enotuniq,
    ENXIO => enxio, EOVERFLOW => eoverflow, EPERM => eperm, EPFNOSUPPORT => epfnosupport,
    EPIPE => epipe, EPROTO => eproto, EPROTONOSUPPORT => eprotonosupport, EPROTOTYPE => eprototype,
    ERANGE => erange, EREMCHG => eremchg, EREMOTE => eremote, EREMOTEIO => eremoteio,
    EROFS => erofs, ESHUTDOWN => eshutdown, ESOCKTNOSUPPORT => esocktnosupport, ESPIPE => espipe,
    ESRCH => esrch, ESRMNT => esrmnt, ESTALE => estale, ETIME => etime, ETIMEDOUT => etimedout,
    ETOOMANYREFS => etoomanyrefs, ETXTBSY => etxtbsy, EUCLEAN => euclean, EUNATCH => eunatch,
    EUSERS => eusers, EXDEV => exdev, EXFULL => exfull,
}

impl Errno {
    /// The atom Erlang uses for this error: see [`errno_name`].
    pub fn name(self) -> &'static str {
        errno_name(self.0)
    }

    /// The error the last failed call of the C library left in this thread.
    pub(crate) fn last() -> Errno {
        std::io::Error::last_os_error().into()
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({} {})", self.0, self.name())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Errno {}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        Errno(errno.raw_os_error())
    }
}

impl From<std::io::Error> for Errno {
    /// Errors that did not come from a system call become `eio`.
    fn from(error: std::io::Error) -> Self {
        Errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        std::io::Error::from_raw_os_error(errno.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(errno_name(2), "enoent");
        assert_eq!(errno_name(libc::EOPNOTSUPP), "enotsup"); // prim_file:altname/1 on OTP 27
        assert_eq!(errno_name(libc::EWOULDBLOCK), "eagain");
        assert_eq!(errno_name(0), "unknown");
        assert_eq!(Errno::from(std::io::Error::from_raw_os_error(13)), Errno::EACCES);
    }
}
