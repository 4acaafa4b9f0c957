//! The file under the store, with the choice of how hard each commit is pushed to the disk.

use redb::StorageBackend;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Any storage, with a note of whether a failure left it open what reached the disk.
///
/// It takes none of redb's locks on the file: the lock of the directory covers it.
#[derive(Debug)]
pub(super) struct Backend {
    inner: Box<dyn StorageBackend>,
    sync: bool,
    sync_failed: Arc<AtomicBool>,
}

impl Backend {
    /// `sync`: whether commits wait for the disk. `sync_failed` is set when waiting fails: then
    /// nobody can say whether the commit is there.
    pub(super) fn new(
        inner: Box<dyn StorageBackend>,
        sync: bool,
        sync_failed: Arc<AtomicBool>,
    ) -> Backend {
        Backend {
            inner,
            sync,
            sync_failed,
        }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if !self.sync {
            return Ok(());
        }
        let result = self.inner.sync_data();
        if result.is_err() {
            self.sync_failed.store(true, Ordering::Release);
        }
        result
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}
