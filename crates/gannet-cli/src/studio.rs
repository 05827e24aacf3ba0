//! `gannet studio`: runs, generators and the game in the plane, as a local web page.

use std::io::{Write, stdout};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use gannet_studio::Options;

/// Threads that read files and draw samples; of the usual 512 each would keep some memory for itself.
const READERS: usize = 32;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gannet studio                        the runs in ./runs, on http://localhost:7860
  gannet studio experiments --open     another folder, in the browser at once
  gannet studio --host 0.0.0.0 --token MySecret   for other machines, who need the token")]
pub(crate) struct Args {
    /// A folder of runs, or one run
    #[arg(default_value = "runs", value_name = "RUNS_FOLDER")]
    runs: PathBuf,
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 7860)]
    port: u16,
    /// Address to listen on; any but this machine's own needs --token
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,
    /// What everybody who asks has to know: letters, digits, - and _
    #[arg(long)]
    token: Option<String>,
    /// Start no trainings from the page
    #[arg(long)]
    only_show: bool,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !args.host.is_loopback() && args.token.is_none() {
        bail!("--host {} lets other machines in; accepted with a --token only", args.host);
    }
    if let Some(token) = &args.token
        && (token.is_empty() || !token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'))
    {
        bail!("--token holds other characters than letters, digits, - and _");
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(READERS).build().context("cannot start the studio")?;
    runtime.block_on(async {
        let address = SocketAddr::new(args.host, args.port);
        let listener = tokio::net::TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen on {address}; --port takes another one"))?;
        let port = listener.local_addr()?.port();
        let query = args.token.as_ref().map_or_else(String::new, |token| format!("?token={token}"));
        let host = if args.host.is_loopback() { "localhost".to_owned() } else { args.host.to_string() };
        let url = format!("http://{host}:{port}/{query}");
        writeln!(stdout(), "studio  {url}\nruns    {}\nCtrl-C ends it; trainings go on.", args.runs.display())?;
        if args.open {
            open(&url);
        }
        let trainer = std::env::current_exe().ok().filter(|_| !args.only_show);
        let options = Options { token: args.token.clone(), trainer, ..Options::new(&args.runs) };
        gannet_studio::serve(listener, options, async {
            let _interrupted = tokio::signal::ctrl_c().await;
        })
        .await;
        Ok(())
    })
}

/// Shows the run at `path`, and those beside it, while this process does something else; returns where. Where `port` is
/// taken, as it is by the studio of another training, a free one serves.
pub(crate) fn beside(path: &Path, port: u16) -> anyhow::Result<String> {
    let bind = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = bind(port).or_else(|_| bind(0)).context("cannot listen on this machine for --studio")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let path = std::fs::canonicalize(path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let options = Options::new(path.parent().unwrap_or(&path));
    // Few threads: the cores are the training's.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).max_blocking_threads(4).enable_all().build()?;
    std::thread::Builder::new().name("studio".into()).spawn(move || {
        runtime.block_on(async {
            if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                gannet_studio::serve(listener, options, std::future::pending()).await;
            }
        });
    })?;
    Ok(format!("http://localhost:{port}/#/runs/{name}"))
}

/// Asks the desktop for a browser. Where there is none, the address has been printed.
fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let quiet = || std::process::Stdio::null();
    drop(std::process::Command::new(opener).arg(url).stdout(quiet()).stderr(quiet()).spawn());
}
