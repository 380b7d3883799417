//! How these clients find our directory.

use nym_http_api_client::ReqwestClientBuilder;
use nym_http_api_client::registry::ConfigRecord;
use nym_http_api_client::{inventory, reqwest};
use nym_sdk::{NymNetworkDetails, ValidatorDetails};

/// Who is asked by clients that nobody told of another directory.
const LIVE_DIRECTORY: &str = "validator.nymtech.net";

/// The live network's details, with our directory and without its chain.
pub fn details() -> Result<NymNetworkDetails, crate::Failure> {
    let url = std::env::var("DIRECTORY_URL")?;
    let mut details = NymNetworkDetails::new_mainnet()
        .with_validator_endpoint(ValidatorDetails::new("http://127.0.0.1:9", Some(url.as_str()), None));
    details.networking.nym_api_urls.truncate(1);
    details.networking.nym_api_urls[0].url = url;
    details.networking.nym_api_urls[0].front_hosts = None;
    Ok(details)
}

// smolmix can't be told of a directory. This is the HTTP client's own way to let a program configure it; the directory's
// certificate is for localhost.
inventory::submit! {
    ConfigRecord { priority: 100, apply: find_ours }
}

fn find_ours(builder: ReqwestClientBuilder) -> ReqwestClientBuilder {
    let (Ok(address), Ok(authority)) = (std::env::var("DIRECTORY_HTTPS"), std::env::var("DIRECTORY_AUTHORITY")) else {
        return builder;
    };
    let pem = std::fs::read(authority).expect("the authority's file");
    builder
        .resolve(LIVE_DIRECTORY, address.parse().expect("an address with a port"))
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("the authority's certificate")])
        .tls_danger_accept_invalid_hostnames(true)
        .no_proxy()
}
