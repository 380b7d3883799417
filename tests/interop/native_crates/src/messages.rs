//! Messages and streams between clients of the SDK.

use std::collections::{HashMap, VecDeque};

use nym_sdk::mixnet::{
    AnonymousSenderTag, IncludedSurbs, MixnetClient, MixnetClientBuilder, MixnetListener, MixnetMessageSender,
    MixnetStream, ReconstructedMessage, Recipient, StoragePaths,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Failure;
use crate::directory::details;

struct Member {
    client: MixnetClient,
    inbox: VecDeque<ReconstructedMessage>,
    listener: Option<MixnetListener>,
}

#[derive(Default)]
pub struct Messages {
    members: HashMap<String, Member>,
    streams: HashMap<String, MixnetStream>,
}

impl Messages {
    pub async fn connect(&mut self, name: String, folder: Option<String>) -> Result<String, Failure> {
        let details = details()?;
        let client = match folder {
            None => MixnetClientBuilder::new_ephemeral().network_details(details).build()?.connect_to_mixnet().await?,
            Some(folder) => {
                let paths = StoragePaths::new_from_dir(folder)?;
                let builder = MixnetClientBuilder::new_with_default_storage(paths).await?;
                builder.network_details(details).build()?.connect_to_mixnet().await?
            }
        };
        let address = client.nym_address().to_string();
        self.members.insert(name, Member { client, inbox: VecDeque::new(), listener: None });
        Ok(address)
    }

    pub async fn disconnect(&mut self, name: &str) -> Result<(), Failure> {
        self.members.remove(name).ok_or("no such client")?.client.disconnect().await;
        Ok(())
    }

    pub async fn send(&mut self, name: &str, to: &str, data: &[u8], surbs: Option<u32>) -> Result<(), Failure> {
        let surbs = surbs.map_or(IncludedSurbs::ExposeSelfAddress, IncludedSurbs::Amount);
        Ok(self.member(name)?.client.send_message(recipient(to)?, data, surbs).await?)
    }

    pub async fn reply(&mut self, name: &str, tag: &str, data: &[u8]) -> Result<(), Failure> {
        let tag = AnonymousSenderTag::try_from_base58_string(tag)?;
        Ok(self.member(name)?.client.send_reply(tag, data).await?)
    }

    /// The next message; empty ones come with reply SURBs alone.
    pub async fn receive(&mut self, name: &str) -> Result<ReconstructedMessage, Failure> {
        let member = self.member(name)?;
        loop {
            if let Some(message) = member.inbox.pop_front() {
                return Ok(message);
            }
            let arrived = member.client.wait_for_messages().await.ok_or("the client has ended")?;
            member.inbox.extend(arrived.into_iter().filter(|message| !message.message.is_empty()));
        }
    }

    pub fn listen(&mut self, name: &str) -> Result<(), Failure> {
        let member = self.member(name)?;
        member.listener = Some(member.client.listener()?);
        Ok(())
    }

    pub async fn open_stream(&mut self, name: &str, to: &str, stream: String) -> Result<(), Failure> {
        let opened = self.member(name)?.client.open_stream(recipient(to)?, None).await?;
        self.streams.insert(stream, opened);
        Ok(())
    }

    pub async fn accept(&mut self, name: &str, stream: String) -> Result<(), Failure> {
        let listener = self.member(name)?.listener.as_mut().ok_or("it does not listen")?;
        let accepted = listener.accept().await.ok_or("the listener has ended")?;
        self.streams.insert(stream, accepted);
        Ok(())
    }

    pub async fn write(&mut self, stream: &str, data: &[u8]) -> Result<(), Failure> {
        let stream = self.streams.get_mut(stream).ok_or("no such stream")?;
        stream.write_all(data).await?;
        Ok(stream.flush().await?)
    }

    pub async fn read(&mut self, stream: &str, length: usize) -> Result<Vec<u8>, Failure> {
        let mut data = vec![0; length];
        self.streams.get_mut(stream).ok_or("no such stream")?.read_exact(&mut data).await?;
        Ok(data)
    }

    fn member(&mut self, name: &str) -> Result<&mut Member, Failure> {
        self.members.get_mut(name).ok_or_else(|| "no such client".into())
    }
}

fn recipient(text: &str) -> Result<Recipient, Failure> {
    Ok(Recipient::try_from_base58_string(text)?)
}
