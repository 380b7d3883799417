//! Published types as judges: one question a line and one answer a line, both JSON with bytes in hexadecimal.

use std::io::{BufRead, Write};

use nym_api_requests::models::described::v1::NymNodeDescriptionV1;
use nym_api_requests::models::described::v2::NymNodeDescriptionV2;
use nym_api_requests::models::{KeyRotationInfoResponse, NodeRefreshBody, RewardedSetResponse};
use nym_api_requests::nym_nodes::{
    NodesByAddressesRequestBody, NodesByAddressesResponse, PaginatedCachedNodesResponseV1, PaginatedCachedNodesResponseV2,
    SemiSkimmedNodeV1, SemiSkimmedNodeV3, SkimmedNodeV1,
};
use nym_api_requests::pagination::PaginatedResponse;
use nym_crypto::asymmetric::ed25519;
use nym_http_api_common::{BincodeOptions, make_bincode_serializer};
use nym_node_requests::api::SignedHostInformation;
use nym_node_requests::api::v1::gateway::models::{ClientInterfaces, Gateway, WebSockets};
use nym_node_requests::api::v1::health::models::NodeHealth;
use nym_node_requests::api::v1::ip_packet_router::models::IpPacketRouter;
use nym_node_requests::api::v1::metrics::models::{SessionStats, VerlocStats, WireguardStats, packets::PacketsStats};
use nym_node_requests::api::v1::metrics::models::LegacyMixingStats;
use nym_node_requests::api::v1::network_requester::exit_policy::models::UsedExitPolicy;
use nym_node_requests::api::v1::node::models::{
    AuxiliaryDetailsV1, BinaryBuildInformationOwned, HostInformation, NodeDescription, NodeRoles,
};
use nym_node_requests::api::v1::node_load::models::NodeLoad;
use nym_node_requests::api::v2::node::models::AuxiliaryDetailsV2;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Question {
    /// Read a document and write it again; with `bincode` what it is in that, too.
    Read { kind: String, document: String, bincode: bool },
    CheckHost { document: String },
    SignHost { seed: String, document: String },
    CheckRefresh { document: String },
    SignRefresh { seed: String },
}

fn main() -> Result<(), Failure> {
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
        Question::Read { kind, document, bincode } => read(&kind, &document, bincode)?,
        Question::CheckHost { document } => {
            let signed: SignedHostInformation = serde_json::from_str(&document)?;
            json!({"is_signed": signed.verify_host_information(), "is_reachable": signed.data.check_ips()})
        }
        Question::SignHost { seed, document } => {
            let information: HostInformation = serde_json::from_str(&document)?;
            json!({"document": serde_json::to_string(&SignedHostInformation::new(information, &identity(&seed)?)?)?})
        }
        Question::CheckRefresh { document } => {
            let body: NodeRefreshBody = serde_json::from_str(&document)?;
            json!({"is_signed": body.verify_signature(), "is_stale": body.is_stale()})
        }
        Question::SignRefresh { seed } => {
            json!({"document": serde_json::to_string(&NodeRefreshBody::new(&identity(&seed)?))?})
        }
    })
}

fn identity(seed: &str) -> Result<ed25519::PrivateKey, Failure> {
    Ok(ed25519::PrivateKey::from_bytes(&hex::decode(seed)?)?)
}

fn read(kind: &str, document: &str, bincode: bool) -> Result<Value, Failure> {
    match kind {
        "rewarded set" => again::<RewardedSetResponse>(document, bincode),
        "key rotation info" => again::<KeyRotationInfoResponse>(document, bincode),
        "skimmed" => again::<PaginatedCachedNodesResponseV2<SkimmedNodeV1>>(document, bincode),
        "semi-skimmed v1" => again::<PaginatedCachedNodesResponseV1<SemiSkimmedNodeV1>>(document, bincode),
        "semi-skimmed v2" => again::<PaginatedCachedNodesResponseV2<SemiSkimmedNodeV1>>(document, bincode),
        "semi-skimmed v3" => again::<PaginatedCachedNodesResponseV2<SemiSkimmedNodeV3>>(document, bincode),
        "described v1" => again::<PaginatedResponse<NymNodeDescriptionV1>>(document, bincode),
        "described v2" => again::<PaginatedResponse<NymNodeDescriptionV2>>(document, bincode),
        "by addresses" => again::<NodesByAddressesRequestBody>(document, bincode),
        "existence" => again::<NodesByAddressesResponse>(document, bincode),
        "roles" => again::<NodeRoles>(document, bincode),
        "build information" => again::<BinaryBuildInformationOwned>(document, bincode),
        "auxiliary v1" => again::<AuxiliaryDetailsV1>(document, bincode),
        "auxiliary v2" => again::<AuxiliaryDetailsV2>(document, bincode),
        "description" => again::<NodeDescription>(document, bincode),
        "health" => again::<NodeHealth>(document, bincode),
        "load" => again::<NodeLoad>(document, bincode),
        "gateway" => again::<Gateway>(document, bincode),
        "client interfaces" => again::<ClientInterfaces>(document, bincode),
        "websockets" => again::<WebSockets>(document, bincode),
        "service" => again::<IpPacketRouter>(document, bincode),
        "exit policy" => again::<UsedExitPolicy>(document, bincode),
        "packets" => again::<PacketsStats>(document, bincode),
        "mixing" => again::<LegacyMixingStats>(document, bincode),
        "sessions" => again::<SessionStats>(document, bincode),
        "wireguard" => again::<WireguardStats>(document, bincode),
        "verloc" => again::<VerlocStats>(document, bincode),
        _ => Err(format!("no such kind: {kind}").into()),
    }
}

fn again<T: DeserializeOwned + Serialize>(document: &str, bincode: bool) -> Result<Value, Failure> {
    let value: T = serde_json::from_str(document)?;
    let bytes = if bincode { Some(hex::encode(make_bincode_serializer().serialize(&value)?)) } else { None };
    Ok(json!({"document": serde_json::to_string(&value)?, "bincode": bytes}))
}
