//! The game in the plane over a WebSocket: a request of `gannet::playground` comes in, a snapshot goes out.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use gannet::playground::Session;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Shared;
use crate::problem::Problem;

/// Games at once.
const MAX_GAMES: usize = 8;
/// The longest request: own points are the most of it.
const MAX_MESSAGE: usize = 512 << 10;

/// How many games there are.
pub(crate) struct Games(Arc<Semaphore>);

impl Default for Games {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_GAMES)))
    }
}

/// `GET /api/playground/catalogue`.
pub(crate) async fn catalogue() -> Response {
    ([(CONTENT_TYPE, "application/json")], gannet::playground::catalogue()).into_response()
}

/// `GET /api/playground`, upgraded: a game that lives as long as the connection.
pub(crate) async fn play(
    State(studio): State<Shared>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::new(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket"))?;
    let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{MAX_GAMES} games are being played already"));
    let place = studio.games.0.clone().try_acquire_owned().map_err(busy)?;
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(|socket| game(socket, place)))
}

async fn game(mut socket: WebSocket, _place: OwnedSemaphorePermit) {
    let mut session = Session::default();
    while let Some(Ok(message)) = socket.recv().await {
        let request = match message {
            Message::Text(text) => text,
            Message::Close(_) => return,
            _ => continue,
        };
        let played = tokio::task::spawn_blocking(move || {
            let reply = session.ask(&request);
            (session, reply)
        });
        let Ok((next, reply)) = played.await else { return };
        session = next;
        if socket.send(Message::text(reply)).await.is_err() {
            return;
        }
    }
}
