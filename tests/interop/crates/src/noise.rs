//! Either end of an encrypted link by `nym-noise`, on this machine's loopback address. Keys are hexadecimal.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use nym_crypto::asymmetric::x25519;
use nym_noise::config::{NoiseConfig, NoiseNetworkView, NoiseNode, NoiseVersion, VersionedNoiseKeyV1};
use nym_noise::connection::Connection;
use nym_noise::{upgrade_noise_initiator, upgrade_noise_responder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TIMEOUT: Duration = Duration::from_millis(1500);

/// A network in which whoever is on this machine speaks Noise, with this key.
fn configure(secret: &str, theirs: x25519::PublicKey) -> Result<NoiseConfig, Failure> {
    let secret = x25519::PrivateKey::from_bytes(&hex::decode(secret)?)?;
    let key = VersionedNoiseKeyV1 { supported_version: NoiseVersion::V1, x25519_pubkey: theirs };
    let view = NoiseNetworkView::new(HashMap::from([(HOST, NoiseNode::new_nym_node(key))]));
    Ok(NoiseConfig::new(Arc::new(x25519::KeyPair::from(secret)), view, TIMEOUT))
}

/// Print a port, take one connection, send everything back, and print how it ended.
#[tokio::main(flavor = "current_thread")]
pub async fn respond(secret: &str) -> Result<(), Failure> {
    // Whose key it is that our address announces does not matter to the responder.
    let config = configure(secret, x25519::PublicKey::from([9; 32]))?;
    let listener = TcpListener::bind((HOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    let (stream, _) = listener.accept().await?;
    println!("{}", echo(stream, &config).await.unwrap_or_else(|error| format!("failed: {error}")));
    Ok(())
}

async fn echo(stream: TcpStream, config: &NoiseConfig) -> Result<String, Failure> {
    let mut connection = upgrade_noise_responder(stream, config).await?;
    let mut total = 0;
    let mut buffer = vec![0; 100_000];
    loop {
        let length = connection.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        total += length;
        connection.write_all(&buffer[..length]).await?;
        connection.flush().await?;
    }
    Ok(format!("{} {total}", if connection.is_noise() { "noise" } else { "plain" }))
}

/// Connect, send what stands on standard input, and write what comes back until it is as much.
#[tokio::main(flavor = "current_thread")]
pub async fn initiate(secret: &str, responder: &str, port: u16) -> Result<(), Failure> {
    let config = configure(secret, x25519::PublicKey::from_bytes(&hex::decode(responder)?)?)?;
    let mut data = Vec::new();
    tokio::io::stdin().read_to_end(&mut data).await?;
    let connection = upgrade_noise_initiator(TcpStream::connect((HOST, port)).await?, &config).await?;
    assert!(matches!(connection, Connection::Noise(_)));
    let (mut reading, mut writing) = tokio::io::split(connection);
    let mut back = vec![0; data.len()];
    let (sent, received) = tokio::join!(
        async {
            writing.write_all(&data).await?;
            writing.flush().await
        },
        reading.read_exact(&mut back)
    );
    sent?;
    received?;
    std::io::stdout().write_all(&back)?;
    Ok(())
}
