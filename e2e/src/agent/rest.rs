//! One HTTP request, so that a scenario can play somebody who uses Connect's REST API by hand.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(clap::Args)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub body: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Response {
    pub status: u16,
    /// `null` where the body is empty, a string where it is not JSON.
    pub body: Value,
}

pub async fn send(args: Request) -> Result<Response> {
    let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(15)).build()?;
    let mut request = client.request(args.method.parse()?, &args.url);
    if let Some(body) = args.body {
        request = request.header("content-type", "application/json").body(body);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    let body = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    };
    Ok(Response { status, body })
}
