//! Connections: how many there may be, and how slow they may be.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Options, app};

/// Connections at once; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 4096;
/// Until the next try where the system has no more handles.
const BREATH: Duration = Duration::from_millis(100);

/// Serves [`app`] on `listener` until `stop` ends. Event streams never end by themselves, so they are cut off.
pub async fn serve(listener: TcpListener, options: Options, stop: impl Future<Output = ()>) {
    let head_within = options.head_patience;
    let app = app(options);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let accept = async {
        loop {
            let place = places.clone().acquire_owned().await;
            match (listener.accept().await, place) {
                (Ok((stream, _)), Ok(place)) => drop(tokio::spawn(converse(stream, app.clone(), head_within, place))),
                _ => tokio::time::sleep(BREATH).await,
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
}

/// One connection, as long as it lasts. Whoever breaks it off is not worth a word.
async fn converse(stream: TcpStream, app: Router, head_within: Duration, _place: OwnedSemaphorePermit) {
    let _unbuffered = stream.set_nodelay(true);
    let service = TowerToHyperService::new(app);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_within);
    let _ended = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}
