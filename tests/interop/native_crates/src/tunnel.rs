//! TCP, UDP and what stands upon them through smolmix.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
pub use nym_smolmix::Tunnel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;

use crate::Failure;

/// Longer than any datagram that is sent.
const DATAGRAM: usize = 2048;

pub async fn open(exit: Option<String>) -> Result<Tunnel, Failure> {
    Ok(match exit {
        None => Tunnel::new().await?,
        Some(exit) => Tunnel::new_with_ipr(exit.parse()?).await?,
    })
}

pub async fn tcp(tunnel: &Tunnel, address: &str, data: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut stream = tunnel.tcp_connect(address.parse()?).await?;
    stream.write_all(data).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

pub async fn udp(tunnel: &Tunnel, address: &str, datagrams: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Failure> {
    let address: SocketAddr = address.parse()?;
    let socket = tunnel.udp_socket().await?;
    let mut answers = Vec::new();
    for datagram in datagrams {
        socket.send_to(datagram, address).await?;
        let mut buffer = [0; DATAGRAM];
        let (length, sender) = socket.recv_from(&mut buffer).await?;
        if sender != address {
            return Err(format!("an answer from {sender}").into());
        }
        answers.push(buffer[..length].to_vec());
    }
    Ok(answers)
}

/// `name` is whom the certificate must be for, and `authority` (PEM) who must have signed it.
pub async fn websocket(
    tunnel: &Tunnel,
    address: &str,
    name: &str,
    authority: &str,
    messages: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tunnel.tcp_connect(address.parse()?).await?;
    let secured = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned())?, stream).await?;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("wss://{name}/"), secured).await?;
    let mut answers = Vec::new();
    for message in messages {
        socket.send(Message::binary(message)).await?;
        answers.push(socket.next().await.ok_or("it was closed")??.into_data().to_vec());
    }
    socket.close(None).await?;
    Ok(answers)
}
