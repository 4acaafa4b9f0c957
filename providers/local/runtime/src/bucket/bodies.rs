//! The bodies of objects: files beside the store, or memory.
//!
//! A body never changes. It is written in full, and on the disk, under a name of its own before any
//! record in the store refers to it, and removed when no record does any more. So a crash leaves
//! bodies that nobody refers to, which the next start removes, and never half an object.

use crate::store::Fsync;
use http_body::{Body as HttpBody, Frame};
use ifc_runtime::axum::body::{Body, Bytes};
use ifc_runtime::bucket::{Content, next_chunk};
use ifc_runtime::event::random_id;
use ifc_runtime::{Error, ErrorKind};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::task::{JoinHandle, spawn_blocking};

/// How much is gathered before it is written, and read at a time.
const PIECE_BYTES: usize = 512 * 1024;

/// The bodies of all objects.
#[derive(Debug)]
pub(crate) struct Bodies {
    place: Place,
    /// Those that are being written, or that a record on its way may refer to.
    in_flight: Mutex<HashSet<String>>,
}

/// Where bodies are.
#[derive(Debug)]
enum Place {
    /// One file each.
    Directory {
        /// The directory.
        path: PathBuf,
        /// Whether a body counts as written when the disk has it.
        sync: bool,
    },
    /// Gone at the end.
    Memory(Mutex<HashMap<String, Bytes>>),
}

/// A body that no record refers to yet. Dropped, it is removed, unless it was handed to a record.
#[derive(Debug)]
pub(crate) struct NewBody {
    bodies: Arc<Bodies>,
    id: Option<String>,
    /// Length in bytes.
    pub(crate) size: u64,
}

impl NewBody {
    fn new(bodies: &Arc<Bodies>) -> NewBody {
        let id = random_id();
        lock(&bodies.in_flight).insert(id.clone());
        NewBody {
            bodies: Arc::clone(bodies),
            id: Some(id),
            size: 0,
        }
    }

    /// Its name.
    pub(crate) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// From here on a record may refer to it, so it stays until it is known what became of that:
    /// [`Bodies::settle`].
    pub(crate) fn hand_over(mut self) -> String {
        self.id.take().unwrap_or_default()
    }
}

impl Drop for NewBody {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.bodies.remove(id);
            self.bodies.settle(id);
        }
    }
}

impl Bodies {
    /// In memory.
    pub(crate) fn in_memory() -> Bodies {
        Bodies::at(Place::Memory(Mutex::default()))
    }

    /// In a directory, which is made with the first body.
    pub(crate) fn in_directory(path: PathBuf, fsync: Fsync) -> Bodies {
        let sync = fsync == Fsync::Always;
        Bodies::at(Place::Directory { path, sync })
    }

    fn at(place: Place) -> Bodies {
        Bodies {
            place,
            in_flight: Mutex::default(),
        }
    }

    /// It is known whether a record refers to the body.
    pub(crate) fn settle(&self, id: &str) {
        lock(&self.in_flight).remove(id);
    }

    /// Writes a body of at most `bytes_max`.
    ///
    /// # Errors
    /// `TooLarge`; `Failed` when the content fails; `Unavailable` when the disk does. Nothing is
    /// left of it then.
    pub(crate) async fn write(
        self: &Arc<Self>,
        content: Content,
        bytes_max: u64,
    ) -> Result<NewBody, Error> {
        let mut body = NewBody::new(self);
        match &self.place {
            Place::Memory(bodies) => {
                let mut whole = Vec::new();
                let bytes = match content {
                    Content::Bytes(bytes) => bytes,
                    Content::Stream(mut stream) => {
                        while let Some(chunk) = next(&mut stream).await? {
                            check_size(whole.len() + chunk.len(), bytes_max)?;
                            whole.extend_from_slice(&chunk);
                        }
                        whole.into()
                    }
                };
                check_size(bytes.len(), bytes_max)?;
                body.size = bytes.len() as u64;
                lock(bodies).insert(body.id().to_owned(), bytes);
            }
            Place::Directory { path, sync } => {
                let (directory, sync) = (path.clone(), *sync);
                let file = file_of(path, body.id());
                let mut writing = blocking(move || {
                    fs::create_dir_all(&directory)?;
                    File::options().write(true).create_new(true).open(&file)
                })
                .await?;
                let mut stream = match content {
                    Content::Bytes(bytes) => Body::from(bytes),
                    Content::Stream(stream) => stream,
                };
                let mut gathered: Vec<Bytes> = Vec::new();
                let mut waiting = 0;
                while let Some(chunk) = next(&mut stream).await? {
                    body.size += chunk.len() as u64;
                    check_size(body.size, bytes_max)?;
                    waiting += chunk.len();
                    gathered.push(chunk);
                    if waiting >= PIECE_BYTES {
                        waiting = 0;
                        let pieces = std::mem::take(&mut gathered);
                        writing = blocking(move || write_all(writing, &pieces)).await?;
                    }
                }
                let directory = path.clone();
                blocking(move || {
                    let writing = write_all(writing, &gathered)?;
                    if sync {
                        writing.sync_all()?;
                        // The file's name must survive a power failure too.
                        File::open(&directory)?.sync_all()?;
                    }
                    Ok(())
                })
                .await?;
            }
        }
        Ok(body)
    }

    /// A second body of the same content. `None` when there is no such body (any more).
    ///
    /// # Errors
    /// `Unavailable` when the disk fails.
    pub(crate) async fn copy(
        self: &Arc<Self>,
        id: &str,
        size: u64,
    ) -> Result<Option<NewBody>, Error> {
        let mut body = NewBody::new(self);
        body.size = size;
        match &self.place {
            Place::Memory(bodies) => {
                let mut bodies = lock(bodies);
                let Some(bytes) = bodies.get(id).cloned() else {
                    return Ok(None);
                };
                bodies.insert(body.id().to_owned(), bytes);
            }
            Place::Directory { path, sync } => {
                let (from, to) = (file_of(path, id), file_of(path, body.id()));
                let (directory, sync) = (path.clone(), *sync);
                let found = blocking(move || {
                    // A body never changes, so two names can share it.
                    let made = match fs::hard_link(&from, &to) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                        Err(_) => copy_file(&from, &to, sync)?,
                        Ok(()) => true,
                    };
                    if made && sync {
                        File::open(&directory)?.sync_all()?;
                    }
                    Ok(made)
                });
                if !found.await? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(body))
    }

    /// Opens a part of a body. `None` when there is no such body (any more).
    ///
    /// # Errors
    /// `Unavailable` when the disk fails.
    pub(crate) async fn open(&self, id: &str, range: Range<u64>) -> Result<Option<Body>, Error> {
        match &self.place {
            Place::Memory(bodies) => {
                let bytes = lock(bodies).get(id).cloned();
                let bounds = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                let part = |bytes: Bytes| {
                    let length = bytes.len();
                    bytes.slice(bounds(range.start).min(length)..bounds(range.end).min(length))
                };
                Ok(bytes.map(|bytes| Body::from(part(bytes))))
            }
            Place::Directory { path, .. } => {
                let file = file_of(path, id);
                let left = range.end - range.start;
                let opened = blocking(move || {
                    let mut file = match File::open(&file) {
                        Ok(file) => file,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                        Err(error) => return Err(error),
                    };
                    file.seek(SeekFrom::Start(range.start))?;
                    let first = read_piece(&mut file, left)?;
                    Ok(Some((file, first)))
                });
                Ok(opened.await?.map(|(file, first)| {
                    let left = left - first.len() as u64;
                    match left {
                        0 => Body::from(first),
                        _ => Body::new(FileBody {
                            first: Some(first),
                            file: Some(file),
                            left,
                            reading: None,
                        }),
                    }
                }))
            }
        }
    }

    /// Removes a body. What reads it goes on reading.
    pub(crate) fn remove(&self, id: &str) {
        match &self.place {
            Place::Memory(bodies) => {
                lock(bodies).remove(id);
            }
            Place::Directory { path, .. } => {
                let file = file_of(path, id);
                // One that stays is removed by a later start.
                if let Err(error) = fs::remove_file(&file)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!("cannot remove `{}`: {error}", file.display());
                }
            }
        }
    }

    /// Names of the bodies that no operation is about to hand to a record.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn at_rest(&self) -> io::Result<Vec<String>> {
        let mut names = match &self.place {
            Place::Memory(bodies) => lock(bodies).keys().cloned().collect(),
            Place::Directory { path, .. } => match file_names(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                names => names?,
            },
        };
        let in_flight = lock(&self.in_flight);
        names.retain(|name| !in_flight.contains(name));
        Ok(names)
    }
}

fn file_names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file_of(directory: &Path, id: &str) -> PathBuf {
    directory.join(id)
}

async fn next(stream: &mut Body) -> Result<Option<Bytes>, Error> {
    next_chunk(stream).await.transpose().map_err(|error| {
        let message = "the body to be stored failed before its end; nothing was stored";
        Error::new(ErrorKind::Failed, message).caused_by(error)
    })
}

fn check_size(bytes: impl TryInto<u64>, bytes_max: u64) -> Result<(), Error> {
    match bytes.try_into() {
        Ok(bytes) if bytes <= bytes_max => Ok(()),
        _ => {
            let message = format!("the body is larger than its limit of {bytes_max} bytes");
            Err(Error::new(ErrorKind::TooLarge, message))
        }
    }
}

/// Runs what waits for the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let unavailable = |error: &dyn std::fmt::Display| {
        let message = format!("the body of an object cannot be written or read: {error}");
        Error::new(ErrorKind::Unavailable, message)
    };
    match spawn_blocking(run).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(unavailable(&error)),
        Err(error) => Err(unavailable(&error)),
    }
}

fn write_all(mut file: File, pieces: &[Bytes]) -> io::Result<File> {
    for piece in pieces {
        file.write_all(piece)?;
    }
    Ok(file)
}

/// For file systems without hard links. Whether there was something to copy.
fn copy_file(from: &Path, to: &Path, sync: bool) -> io::Result<bool> {
    match fs::copy(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(_) => {
            if sync {
                File::open(to)?.sync_all()?;
            }
            Ok(true)
        }
    }
}

/// Up to a piece of what is left to read.
fn read_piece(file: &mut File, left: u64) -> io::Result<Bytes> {
    let length = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
    let mut piece = vec![0; length];
    // A file that is shorter than its record says is damage, and must not pass for a short body.
    file.read_exact(&mut piece)?;
    Ok(piece.into())
}

type Piece = (File, io::Result<Bytes>);

/// A body that is read from its file as it is asked for.
struct FileBody {
    first: Option<Bytes>,
    file: Option<File>,
    left: u64,
    reading: Option<JoinHandle<Piece>>,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if this.reading.is_none() {
            let (Some(mut file), 1..) = (this.file.take(), this.left) else {
                return Poll::Ready(None);
            };
            let left = this.left;
            this.reading = Some(spawn_blocking(move || {
                let piece = read_piece(&mut file, left);
                (file, piece)
            }));
        }
        let Some(reading) = &mut this.reading else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(reading).poll(context));
        this.reading = None;
        let (file, piece) = read.map_err(io::Error::other)?;
        let piece = piece?;
        this.left -= piece.len() as u64;
        this.file = Some(file);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        http_body::SizeHint::with_exact(first + self.left)
    }
}
