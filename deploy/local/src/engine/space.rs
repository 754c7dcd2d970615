//! What the engine calls to write to files, in place of the C library's `write`.
//!
//! The engine 26.5 takes no notice when `write` fails: a part whose files stayed empty counts as
//! written, and its insert is acknowledged (every file of a part was tried, with each write of
//! it failing). So in the engine's process a write for which there is no space waits until there
//! is, and after some time the process ends, as it does for any other failure of a file: what
//! it had not acknowledged is sent again. Creating and renaming files fails as it should.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

/// Then the process ends, and says so: its keeper starts it again.
const WAIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// Writes of other processes of this program fail as everywhere.
static GUARDS: AtomicBool = AtomicBool::new(false);

/// From now on, in this process, no write to a file fails unnoticed.
pub(super) fn guard() {
    GUARDS.store(true, Ordering::Relaxed);
}

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

/// Takes the place of the C library's function for the program and every library it loads.
///
/// # Safety
/// As of the C library's: `buffer` holds `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(file: c_int, buffer: *const c_void, size: usize) -> isize {
    // A negative number is what `BorrowedFd` must not hold, and -1 is a usual mistake.
    if file < 0 {
        return failed(Errno::BADF);
    }
    // SAFETY: the caller vouches for the buffer, which is only read, and for the file.
    let (file, bytes) = unsafe {
        let file = BorrowedFd::borrow_raw(file);
        (file, std::slice::from_raw_parts(buffer.cast::<u8>(), size))
    };
    // A system call, so not this function again.
    let written = match rustix::io::write(file, bytes) {
        Err(error) if GUARDS.load(Ordering::Relaxed) => again(file, bytes, error),
        first => first,
    };
    match written {
        Ok(written) => isize::try_from(written).unwrap_or(isize::MAX),
        Err(error) => failed(error),
    }
}

fn failed(error: Errno) -> isize {
    // SAFETY: points to this thread's own number, always.
    unsafe { *__errno_location() = error.raw_os_error() };
    -1
}

/// After a first failure: waits for space if that is what was missing.
fn again(file: BorrowedFd, bytes: &[u8], mut error: Errno) -> Result<usize, Errno> {
    let is_file = fstat(file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
    if !is_file || is_log(file) || matches!(error, Errno::INTR | Errno::BADF) {
        return Err(error);
    }
    let began = Instant::now();
    if lacks_space(error) {
        say("the disk of the engine's data is full: a write waits for space");
    }
    while lacks_space(error) && began.elapsed() < WAIT {
        thread::sleep(LOOK);
        match rustix::io::write(file, bytes) {
            Err(still) => error = still,
            written => return written,
        }
    }
    end(error)
}

fn lacks_space(error: Errno) -> bool {
    matches!(error, Errno::NOSPC | Errno::DQUOT)
}

/// Standard output and error: what could not be told there is no reason to wait or to end.
fn is_log(file: BorrowedFd) -> bool {
    file.as_raw_fd() <= 2
}

/// No handlers: they would wait for merges.
fn end(error: Errno) -> ! {
    say(&format!(
        "cannot write ({error}): the engine ends, so that nothing counts as written that is not"
    ));
    let _ended = kill_process(getpid(), Signal::KILL);
    std::process::abort();
}

fn say(what: &str) {
    let _told = writeln!(std::io::stderr(), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_call_it_and_failures_are_told_as_everywhere() {
        let program = libloading::os::unix::Library::this();
        // SAFETY: only the address is looked at.
        let found = unsafe { program.get::<*const c_void>(b"write\0") }.unwrap();
        assert_eq!(*found, write as *const c_void);

        let full = std::fs::File::options().write(true).open("/dev/full");
        let refused = full.unwrap().write(b"x").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::StorageFull);
        // SAFETY: nothing is read from the buffer.
        let refused = unsafe { write(-1, b"".as_ptr().cast(), 0) };
        let reason = std::io::Error::last_os_error().raw_os_error();
        assert_eq!((refused, reason), (-1, Some(Errno::BADF.raw_os_error())));
    }
}
