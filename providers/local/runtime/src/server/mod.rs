//! The local HTTP server: every API of the application and the control endpoints on one port of
//! the loopback interface.
//!
//! A page in a browser can send requests to loopback too. So the name in `Host` must be ours, which
//! defeats names that are rebound to 127.0.0.1, and requests that change something must come from a
//! local page or from one the API's CORS rule allows.

mod control;
mod front;

pub(crate) use control::{Control, ControlFile};
pub(crate) use front::{Front, OBJECTS_PREFIX};

use crate::live::{boxed, stopped};
use ifc_runtime::axum;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The bound sockets.
pub(crate) struct Sockets {
    listeners: Vec<TcpListener>,
    /// The port of all of them.
    pub(crate) port: u16,
}

impl Sockets {
    /// Binds `port` on 127.0.0.1, and on ::1 where there is one, because `localhost` means either.
    /// Port 0 takes any free one.
    ///
    /// # Errors
    /// When the port is taken or may not be bound.
    pub(crate) async fn bind(port: u16) -> io::Result<Sockets> {
        let first = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let bound = first.local_addr()?.port();
        let mut listeners = vec![first];
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, bound))).await {
            Ok(second) => listeners.push(second),
            // Someone else would answer half of the requests to `localhost`.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port != 0 => {
                return Err(error);
            }
            Err(_) => {}
        }
        Ok(Sockets {
            listeners,
            port: bound,
        })
    }

    /// Serves until `stop`, then until the running requests are answered.
    pub(crate) fn serve(self, front: &Front, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for listener in self.listeners {
            let service = tower::make::Shared::new(front.clone());
            let stop = stopped(stop.clone());
            tasks.spawn(boxed(async move {
                let server = axum::serve(NoDelay(listener), service).with_graceful_shutdown(stop);
                // It ends with an error only when the listener is gone, which cannot be mended.
                if let Err(error) = server.await {
                    tracing::error!("the server ended: {error}");
                }
            }));
        }
        tasks
    }
}

/// Answers are sent at once: a small answer must not wait for the client's acknowledgement.
struct NoDelay(TcpListener);

impl axum::serve::Listener for NoDelay {
    type Io = tokio::net::TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.0).await;
        // Slower, not wrong, without.
        let _ = stream.set_nodelay(true);
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

#[cfg(test)]
mod tests;
