//! `backplane healthcheck`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::config::Config;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the server of `config` whether it is alive.
pub(super) fn run(config: &Config) -> Result<ExitCode> {
    let status = ask(config, "/healthz")?;
    ensure!(status == 200, "the server answers with {status}");
    println!("alive");
    Ok(ExitCode::SUCCESS)
}

/// The status with which the server of `config` answers `path`.
pub(super) fn ask(config: &Config, path: &str) -> Result<u16> {
    let url = format!("http://{}{path}", reachable(config.bind));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let answer = agent
        .get(&url)
        .call()
        .with_context(|| format!("{url} does not answer"))?;
    Ok(answer.status().as_u16())
}

/// Where a server that listens on `bind` can be reached from this machine.
pub(super) fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}
