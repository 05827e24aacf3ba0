//! Who may ask.
//!
//! A page of another site can make a browser send requests to this machine, and a name that its owner points here (DNS
//! rebinding) lets it read the answers. So `Host` has to name this machine unless a token is asked for, `Origin` has to
//! be the page's own, and the token, where there is one, is compared in constant time.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN};
use axum::http::header::{REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::Shared;
use crate::problem::Problem;

/// The cookie that keeps the token.
const TOKEN: &str = "gannet-token";

/// Pages load nothing but their own files, and run no code but those and WebAssembly.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; font-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Refuses what may not ask, and has browsers be careful with the answer.
pub(crate) async fn check(State(studio): State<Shared>, request: Request, next: Next) -> Response {
    let token = studio.options.token.as_deref();
    let mut response = match admitted(request.headers(), request.uri(), token) {
        Ok(Admission::Granted) => next.run(request).await,
        Ok(Admission::Introduced) => introduce(request.uri(), token.unwrap_or_default()),
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

enum Admission {
    Granted,
    /// The token came in the address; it moves to a cookie, so that it is not left in the browser's history.
    Introduced,
}

fn admitted(headers: &HeaderMap, uri: &Uri, token: Option<&str>) -> Result<Admission, Problem> {
    let forbidden = |message: &str| Problem::new(StatusCode::FORBIDDEN, message);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.authority().map(|a| a.as_str()));
    let host = host.ok_or_else(|| forbidden("no Host header"))?;
    if token.is_none() && !is_loopback(host) {
        return Err(forbidden("this Host is not this machine; accepted: localhost, 127.0.0.1 or [::1]"));
    }
    if let Some(origin) = headers.get(ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        if own.is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host)) {
            return Err(forbidden("this Origin is another site"));
        }
    }
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") && uri.path().starts_with("/api/") {
        return Err(forbidden("a request from another site"));
    }
    let Some(token) = token else { return Ok(Admission::Granted) };
    let is_right = |given: &str| bool::from(given.as_bytes().ct_eq(token.as_bytes()));
    if query_token(uri).is_some_and(is_right) {
        return Ok(Admission::Introduced);
    }
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut kept = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('=').filter(|(name, _)| *name == TOKEN))
        .map(|(_, value)| value);
    if bearer.is_some_and(is_right) || kept.any(is_right) {
        return Ok(Admission::Granted);
    }
    Err(Problem::new(
        StatusCode::UNAUTHORIZED,
        "the token is missing or wrong; open the address that the studio printed",
    ))
}

fn query_token(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))
}

fn introduce(uri: &Uri, token: &str) -> Response {
    let cookie = HeaderValue::from_str(&format!("{TOKEN}={token}; HttpOnly; SameSite=Strict; Path=/"));
    let location = HeaderValue::from_str(uri.path());
    match (cookie, location) {
        (Ok(cookie), Ok(location)) => {
            (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, location)]).into_response()
        }
        _ => Problem::bad("the token holds characters that a cookie cannot").into_response(),
    }
}

/// Whether `host`, with or without a port, names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, port)) if port.is_empty() || port.starts_with(':') => name,
        Some(_) => return false,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["localhost", "LOCALHOST:7860", "127.0.0.1:7860", "127.0.0.2", "[::1]:7860", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:7860", "10.0.0.1", "127.0.0.1.evil", "[::1]x", "[::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
