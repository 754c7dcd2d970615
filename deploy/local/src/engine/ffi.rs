//! Loading `libchdb.so` and calling its C interface.
//!
//! Everything that leaves this module is safe: results own their memory and free it once,
//! connections are closed once, and no pointer escapes.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::NonNull;

use super::EngineError;

type Handle = *mut c_void;

/// Function pointers of the loaded library; it is never unloaded, so they stay valid.
#[derive(Clone, Copy)]
pub(super) struct Api {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle,
    close: unsafe extern "C" fn(*mut Handle),
    query: unsafe extern "C" fn(Handle, *const c_char, usize, *const c_char, usize) -> Handle,
    destroy: unsafe extern "C" fn(Handle),
    buffer: unsafe extern "C" fn(Handle) -> *const c_char,
    length: unsafe extern "C" fn(Handle) -> usize,
    error: unsafe extern "C" fn(Handle) -> *const c_char,
    result_rows: unsafe extern "C" fn(Handle) -> u64,
    rows_read: unsafe extern "C" fn(Handle) -> u64,
    bytes_read: unsafe extern "C" fn(Handle) -> u64,
    rows_written: unsafe extern "C" fn(Handle) -> u64,
    bytes_written: unsafe extern "C" fn(Handle) -> u64,
    elapsed: unsafe extern "C" fn(Handle) -> f64,
}

impl Api {
    /// Loads the library and switches its crash-signal handlers off (they would sleep for
    /// minutes on a fault instead of ending the process).
    pub(super) fn load(path: &Path) -> Result<Self, EngineError> {
        let refused = |error: libloading::Error| EngineError::Load {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        // SAFETY: the path is the pinned, checksummed engine; its initialisers are what runs
        // in every program that links it. Leaking it keeps every symbol valid for ever.
        let library: &'static libloading::Library =
            unsafe { Box::leak(Box::new(libloading::Library::new(path).map_err(refused)?)) };

        macro_rules! symbol {
            ($name:literal) => {
                // SAFETY: the type of the field this is assigned to repeats the C declaration
                // of the same name in the library's public header.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }.map_err(refused)?
            };
        }

        let set_signal_handlers: unsafe extern "C" fn(c_int) =
            symbol!("chdb_set_signal_handlers_enabled");
        let api = Self {
            connect: symbol!("chdb_connect"),
            close: symbol!("chdb_close_conn"),
            query: symbol!("chdb_query_n"),
            destroy: symbol!("chdb_destroy_query_result"),
            buffer: symbol!("chdb_result_buffer"),
            length: symbol!("chdb_result_length"),
            error: symbol!("chdb_result_error"),
            result_rows: symbol!("chdb_result_rows_read"),
            rows_read: symbol!("chdb_result_storage_rows_read"),
            bytes_read: symbol!("chdb_result_storage_bytes_read"),
            rows_written: symbol!("chdb_result_rows_written"),
            bytes_written: symbol!("chdb_result_bytes_written"),
            elapsed: symbol!("chdb_result_elapsed"),
        };
        // SAFETY: takes a plain integer, and is called before the engine starts, as required.
        unsafe { set_signal_handlers(0) };
        Ok(api)
    }

    /// A connection to the engine of this folder, which the first one starts with this
    /// configuration.
    pub(super) fn open(self, data: &Path, rights: &Path) -> Result<RawConnection, EngineError> {
        let refused = |reason: &str| EngineError::Open {
            path: data.to_owned(),
            reason: reason.to_owned(),
        };
        let name = CString::new("clickhouse").map_err(|_| refused("bad program name"))?;
        let option = |name: &str, path: &Path| {
            CString::new(format!("--{name}={}", path.display()))
                .map_err(|_| refused("the path contains a zero byte"))
        };
        let path = option("path", data)?;
        let rights = option("config-file", rights)?;
        let mut arguments = [&name, &path, &rights].map(|text| text.as_ptr().cast_mut());
        // SAFETY: the strings outlive the call, which copies them; the count matches.
        let handle = unsafe { (self.connect)(3, arguments.as_mut_ptr()) };
        let handle = NonNull::new(handle).ok_or_else(|| {
            refused("the engine refused it (is another process using this folder?)")
        })?;
        Ok(RawConnection { api: self, handle })
    }
}

/// One connection: a session with its own settings. One query at a time (`&mut self`).
pub(super) struct RawConnection {
    api: Api,
    handle: NonNull<Handle>,
}

// SAFETY: the engine allows a connection to be used from any thread, one at a time, which
// `&mut self` on `query` and the lack of `Sync` guarantee.
unsafe impl Send for RawConnection {}

impl RawConnection {
    pub(super) fn query(&mut self, sql: &[u8], format: &str) -> Option<RawResult> {
        // SAFETY: the handle is open until `drop`; both buffers are valid for their lengths
        // during the call, and the engine does not keep them.
        let result = unsafe {
            (self.api.query)(
                *self.handle.as_ptr(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
            )
        };
        NonNull::new(result).map(|handle| RawResult {
            api: self.api,
            handle,
        })
    }
}

impl Drop for RawConnection {
    fn drop(&mut self) {
        // SAFETY: opened by `chdb_connect` and closed exactly once, here.
        unsafe { (self.api.close)(self.handle.as_ptr()) };
    }
}

/// One result, owning the engine's buffer.
pub(super) struct RawResult {
    api: Api,
    handle: NonNull<c_void>,
}

// SAFETY: a finished result is immutable memory owned by this value; every accessor only reads.
unsafe impl Send for RawResult {}
// SAFETY: as above, reads from several threads do not conflict.
unsafe impl Sync for RawResult {}

impl RawResult {
    pub(super) fn error(&self) -> Option<String> {
        // SAFETY: null, or a zero-terminated string that lives as long as the result.
        unsafe {
            let text = (self.api.error)(self.handle.as_ptr());
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
        .filter(|text| !text.is_empty())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the buffer holds `length` bytes and lives as long as the result.
        unsafe {
            let data = (self.api.buffer)(self.handle.as_ptr());
            let length = (self.api.length)(self.handle.as_ptr());
            if data.is_null() || length == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(data.cast(), length)
            }
        }
    }

    /// Only meaningful when `error` is `None`: after an error the engine leaves garbage here.
    pub(super) fn counters(&self) -> super::Counters {
        let handle = self.handle.as_ptr();
        // SAFETY: plain field reads of a live result.
        unsafe {
            super::Counters {
                result_rows: (self.api.result_rows)(handle),
                rows_read: (self.api.rows_read)(handle),
                bytes_read: (self.api.bytes_read)(handle),
                rows_written: (self.api.rows_written)(handle),
                bytes_written: (self.api.bytes_written)(handle),
                elapsed_seconds: (self.api.elapsed)(handle),
            }
        }
    }
}

impl AsRef<[u8]> for RawResult {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for RawResult {
    fn drop(&mut self) {
        // SAFETY: returned by `chdb_query_n` and destroyed exactly once, here.
        unsafe { (self.api.destroy)(self.handle.as_ptr()) };
    }
}
