//! `sphinx-packet`: one question a line and one answer a line, both JSON with bytes in hexadecimal.

use std::io::{BufRead, Write};

use serde::Deserialize;
use serde_json::{Value, json};
use sphinx_packet::crypto::{PrivateKey, PublicKey};
use sphinx_packet::header::delays::Delay;
use sphinx_packet::payload::Payload;
use sphinx_packet::route::{Destination, DestinationAddressBytes, Node, NodeAddressBytes};
use sphinx_packet::{
    ProcessedPacketData, SURB, SURBMaterial, SphinxPacket, SphinxPacketBuilder, SurbReplyRecovery, version::Version,
};

use crate::Failure;

#[derive(Deserialize)]
struct Hop {
    address: String,
    key: String,
    delay_ns: u64,
}

/// The way of a packet: hops, whom it is for and an identifier for the last hop.
#[derive(Deserialize)]
struct Way {
    version: u16,
    hops: Vec<Hop>,
    destination: String,
    identifier: String,
}

#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Question {
    Build { way: Way, message: String, payload_size: usize },
    Process { secret: String, packet: String },
    MakeSurb { way: Way },
    UseSurb { surb: String, message: String, payload_size: usize },
    Unseal { recovery: String, payload: String },
}

pub fn answer_lines() -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = answer(serde_json::from_str(&line?)?).unwrap_or_else(|error| json!({"error": error.to_string()}));
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}

fn answer(question: Question) -> Result<Value, Failure> {
    Ok(match question {
        Question::Build { way, message, payload_size } => {
            let (route, delays, destination) = read_way(&way)?;
            let packet = SphinxPacketBuilder::new()
                .with_version(Version::new(way.version))
                .with_payload_size(payload_size)
                .build_packet(hex::decode(message)?, &route, &destination, &delays)?;
            json!({"packet": hex::encode(packet.to_bytes())})
        }
        Question::Process { secret, packet } => {
            let packet = SphinxPacket::from_bytes(&hex::decode(packet)?)?;
            process(packet, &PrivateKey::from(fixed(&secret)?))?
        }
        Question::MakeSurb { way } => {
            let (route, delays, destination) = read_way(&way)?;
            let material = SURBMaterial::new(route, delays, destination, Version::new(way.version));
            if Version::new(way.version).uses_single_seed_surb() {
                let (surb, recovery) = material.construct_recoverable_SURB()?;
                json!({"surb": hex::encode(surb.to_bytes()), "recovery": hex::encode(recovery.to_bytes())})
            } else {
                json!({"surb": hex::encode(material.construct_SURB()?.to_bytes())})
            }
        }
        Question::UseSurb { surb, message, payload_size } => {
            let surb = SURB::from_bytes(&hex::decode(surb)?)?;
            let (packet, first_hop) = surb.use_surb(&hex::decode(message)?, payload_size)?;
            json!({"packet": hex::encode(packet.to_bytes()), "first_hop": hex::encode(first_hop.to_bytes())})
        }
        Question::Unseal { recovery, payload } => {
            let recovery = SurbReplyRecovery::from_bytes(&hex::decode(recovery)?)?;
            let message = recovery.recover_plaintext(Payload::from_bytes(&hex::decode(payload)?)?)?;
            json!({"message": hex::encode(message)})
        }
    })
}

fn process(packet: SphinxPacket, secret: &PrivateKey) -> Result<Value, Failure> {
    let processed = packet.process(secret)?;
    let version = processed.version.value();
    Ok(match processed.data {
        ProcessedPacketData::ForwardHop { next_hop_packet, next_hop_address, delay } => json!({
            "version": version,
            "next_hop": hex::encode(next_hop_address.to_bytes()),
            "delay_ns": delay.to_nanos(),
            "packet": hex::encode(next_hop_packet.to_bytes()),
        }),
        ProcessedPacketData::FinalHop { destination, identifier, payload } => json!({
            "version": version,
            "destination": hex::encode(destination.as_bytes()),
            "identifier": hex::encode(identifier),
            "payload": hex::encode(payload.as_bytes()),
            "message": payload.recover_plaintext().ok().map(hex::encode),
        }),
    })
}

fn read_way(way: &Way) -> Result<(Vec<Node>, Vec<Delay>, Destination), Failure> {
    let mut route = Vec::new();
    for hop in &way.hops {
        let address = NodeAddressBytes::from_bytes(fixed(&hop.address)?);
        route.push(Node::new(address, PublicKey::from(fixed::<32>(&hop.key)?)));
    }
    let delays = way.hops.iter().map(|hop| Delay::new_from_nanos(hop.delay_ns)).collect();
    let address = DestinationAddressBytes::from_bytes(fixed(&way.destination)?);
    Ok((route, delays, Destination::new(address, fixed(&way.identifier)?)))
}

fn fixed<const LENGTH: usize>(text: &str) -> Result<[u8; LENGTH], Failure> {
    Ok(hex::decode(text)?.try_into().map_err(|_| format!("not {LENGTH} bytes"))?)
}
