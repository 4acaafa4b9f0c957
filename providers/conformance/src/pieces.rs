//! Bodies that arrive piece by piece.

use ifc_runtime::axum::body::{Bytes, HttpBody};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body of these pieces.
pub(crate) struct Pieces<I>(pub(crate) I);

impl<I: Iterator<Item = io::Result<Bytes>> + Unpin> HttpBody for Pieces<I> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        let piece = self.get_mut().0.next();
        Poll::Ready(piece.map(|piece| piece.map(http_body::Frame::data)))
    }
}
