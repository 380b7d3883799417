//! Published clients as judges: one question a line and one answer a line, both JSON with bytes in hexadecimal.
//!
//! The environment says where the network is: `DIRECTORY_URL` for the SDK, which may be told; `DIRECTORY_HTTPS` (an
//! address) and `DIRECTORY_AUTHORITY` (a file, PEM) for smolmix, which asks the directory of the live network.

mod directory;
mod messages;
mod tunnel;

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// For one question, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(240);

#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Question {
    /// A client; its keys are forgotten, or kept in a folder.
    Connect { client: String, folder: Option<String> },
    Disconnect { client: String },
    /// With some reply SURBs, or with none and no tag.
    Send { client: String, to: String, data: String, surbs: Option<u32> },
    Reply { client: String, tag: String, data: String },
    Receive { client: String },
    Listen { client: String },
    OpenStream { client: String, to: String, stream: String },
    Accept { client: String, stream: String },
    Write { stream: String, data: String },
    Read { stream: String, length: usize },
    /// The one tunnel, through an exit that it finds or through this one.
    Tunnel { exit: Option<String> },
    /// Bytes to a TCP server; gives all that it says until it closes.
    Tcp { address: String, data: String },
    /// Datagrams to a UDP server; gives one for each.
    Udp { address: String, datagrams: Vec<String> },
    /// Messages to a WebSocket server behind TLS; gives one for each.
    WebSocket { address: String, name: String, authority: String, messages: Vec<String> },
    CloseTunnel,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let logs = tracing_subscriber::EnvFilter::from_default_env(); // errors alone without RUST_LOG
    tracing_subscriber::fmt().with_env_filter(logs).with_writer(std::io::stderr).init();
    let mut messages = messages::Messages::default();
    let mut tunnel = None;
    let mut lines = BufReader::new(stdin()).lines();
    let mut stdout = stdout();
    while let Some(line) = lines.next_line().await? {
        let question = serde_json::from_str(&line)?;
        let answer = match tokio::time::timeout(PATIENCE, answer(question, &mut messages, &mut tunnel)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => json!({"error": error.to_string()}),
            Err(_) => json!({"error": "no answer in time"}),
        };
        stdout.write_all(format!("{answer}\n").as_bytes()).await?;
        stdout.flush().await?;
    }
    Ok(())
}

async fn answer(
    question: Question,
    messages: &mut messages::Messages,
    tunnel: &mut Option<tunnel::Tunnel>,
) -> Result<Value, Failure> {
    Ok(match question {
        Question::Connect { client, folder } => json!({"address": messages.connect(client, folder).await?}),
        Question::Disconnect { client } => {
            messages.disconnect(&client).await?;
            json!({})
        }
        Question::Send { client, to, data, surbs } => {
            messages.send(&client, &to, &hex::decode(data)?, surbs).await?;
            json!({})
        }
        Question::Reply { client, tag, data } => {
            messages.reply(&client, &tag, &hex::decode(data)?).await?;
            json!({})
        }
        Question::Receive { client } => {
            let message = messages.receive(&client).await?;
            let tag = message.sender_tag.map(|tag| tag.to_base58_string());
            json!({"data": hex::encode(message.message), "tag": tag})
        }
        Question::Listen { client } => {
            messages.listen(&client)?;
            json!({})
        }
        Question::OpenStream { client, to, stream } => {
            messages.open_stream(&client, &to, stream).await?;
            json!({})
        }
        Question::Accept { client, stream } => {
            messages.accept(&client, stream).await?;
            json!({})
        }
        Question::Write { stream, data } => {
            messages.write(&stream, &hex::decode(data)?).await?;
            json!({})
        }
        Question::Read { stream, length } => json!({"data": hex::encode(messages.read(&stream, length).await?)}),
        Question::Tunnel { exit } => {
            let opened = tunnel::open(exit).await?;
            let addresses = opened.allocated_ips();
            *tunnel = Some(opened);
            json!({"ipv4": addresses.ipv4, "ipv6": addresses.ipv6})
        }
        Question::Tcp { address, data } => {
            json!({"data": hex::encode(tunnel::tcp(open(tunnel)?, &address, &hex::decode(data)?).await?)})
        }
        Question::Udp { address, datagrams } => {
            let answers = tunnel::udp(open(tunnel)?, &address, &decode_all(&datagrams)?).await?;
            json!({"datagrams": encode_all(&answers)})
        }
        Question::WebSocket { address, name, authority, messages } => {
            let sent = decode_all(&messages)?;
            let answers = tunnel::websocket(open(tunnel)?, &address, &name, &authority, sent).await?;
            json!({"messages": encode_all(&answers)})
        }
        Question::CloseTunnel => {
            open(tunnel)?.shutdown().await;
            *tunnel = None;
            json!({})
        }
    })
}

fn open(tunnel: &Option<tunnel::Tunnel>) -> Result<&tunnel::Tunnel, Failure> {
    tunnel.as_ref().ok_or_else(|| "there is no tunnel".into())
}

fn decode_all(texts: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    Ok(texts.iter().map(hex::decode).collect::<Result<_, _>>()?)
}

fn encode_all(pieces: &[Vec<u8>]) -> Vec<String> {
    pieces.iter().map(hex::encode).collect()
}
