//! A studio under load: event streams that are only listened to, and samples asked for at a steady pace.
//!
//! ```text
//! gannet studio --port 7860
//! cargo run --release -p gannet-studio --example load -- 7860 00000-ring-r3gan 1000 200 60
//! ```
//!
//! The arguments are the port, a run as the studio names it, event streams, sample requests a second, and seconds. Any run
//! with a generator will do, of points or of pictures; one in training has events to tell. The first samples wait until the
//! generator is read.

#![allow(clippy::print_stdout, reason = "an example tells what it saw")]

use std::error::Error;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [port, run, streams, rate, seconds] = &words[..] else {
        return Err("wanted: PORT RUN STREAMS REQUESTS_A_SECOND SECONDS".into());
    };
    let (port, streams, rate, seconds): (u16, u32, u32, u64) =
        (port.parse()?, streams.parse()?, rate.parse()?, seconds.parse()?);
    let end = Instant::now() + Duration::from_secs(seconds);

    let mut listeners = JoinSet::new();
    for _ in 0..streams {
        listeners.spawn(listen(port, format!("/api/runs/{run}/events"), end));
    }
    let mut samples = JoinSet::new();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    let mut seed = 0;
    while Instant::now() < end {
        pace.tick().await;
        seed += 1;
        samples.spawn(sample(port, format!("{{\"run\":\"{run}\",\"seeds\":[{seed}]}}")));
    }

    let mut times: Vec<f64> = vec![];
    let mut n_failed = 0;
    while let Some(outcome) = samples.join_next().await {
        match outcome? {
            Ok(time) => times.push(time.as_secs_f64() * 1000.0),
            Err(_) => n_failed += 1,
        }
    }
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| times.get((share * (times.len().max(1) - 1) as f64) as usize).copied().unwrap_or(0.0);
    let (mut n_cut, mut n_events, mut n_bytes) = (0, 0, 0);
    while let Some(outcome) = listeners.join_next().await {
        match outcome? {
            Ok((events, bytes)) => (n_events, n_bytes) = (n_events + events, n_bytes + bytes),
            Err(_) => n_cut += 1,
        }
    }
    println!("streams  {streams}, {n_cut} broken off, {n_events} events, {:.1} MB", n_bytes as f64 / 1e6);
    println!("samples  {} answered, {n_failed} failed, in {seconds} s", times.len());
    println!("answers  median {:.1} ms, 95 % {:.1} ms, 99 % {:.1} ms", quantile(0.5), quantile(0.95), quantile(0.99));
    Ok(())
}

/// Events and bytes that came until `end`.
async fn listen(port: u16, path: String, end: Instant) -> Outcome<(usize, usize)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").as_bytes()).await?;
    let (mut events, mut bytes, mut buffer) = (0, 0, [0; 16 << 10]);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let Ok(read) = tokio::time::timeout(left, stream.read(&mut buffer)).await else { break };
        let n = read?;
        if n == 0 {
            return Err("the stream ended".into());
        }
        if bytes == 0 && !buffer.starts_with(b"HTTP/1.1 200") {
            return Err("refused".into());
        }
        bytes += n;
        events += buffer[..n].windows(5).filter(|window| window == b"data:").count();
    }
    Ok((events, bytes))
}

/// How long one sample took.
async fn sample(port: u16, wish: String) -> Outcome<Duration> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!(
        "POST /api/sample HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{wish}",
        wish.len()
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(began.elapsed()) } else { Err("refused".into()) }
}
