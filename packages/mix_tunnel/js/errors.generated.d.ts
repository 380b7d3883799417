// Written by generate_errors.py from the Python registry: do not edit.
import { MixError } from "./mix_error.js";

/** The caller asked for something that cannot be; asking again the same way will fail again. */
export declare class UsageError extends MixError {
  static code: string;
}

/** The other side sent what the protocol does not allow. */
export declare class PeerMisbehaved extends MixError {
  static code: string;
}

/** The other side follows a protocol, but not one that we speak. */
export declare class PeerIncompatible extends MixError {
  static code: string;
}

/** Something between us and the other side failed; later it may work. */
export declare class NetworkFailure extends MixError {
  static code: string;
}

/** The object that was used has been closed. */
export declare class Closed extends MixError {
  static code: string;
}

/** A fault of this software, not of the caller's nor of the network. */
export declare class InternalFailure extends MixError {
  static code: string;
}

/** A node address that the caller built cannot be written in the space for it. */
export declare class InvalidNodeAddress extends UsageError {
  static code: string;
}

/** A client address that the caller built is not made of three 32-byte keys. */
export declare class InvalidRecipient extends UsageError {
  static code: string;
}

/** Bytes that should hold a node's socket address do not. */
export declare class MalformedNodeAddress extends PeerMisbehaved {
  static code: string;
}

/** Bytes or text from a peer that should hold a client's address do not. */
export declare class MalformedRecipient extends PeerMisbehaved {
  static code: string;
}

/** A key rotation byte other than 0 (unknown), 1 (odd) and 2 (even). */
export declare class UnknownKeyRotation extends PeerMisbehaved {
  static code: string;
}

/** Bytes or text that are not a valid encoding of what they should be. */
export declare class MalformedMessage extends PeerMisbehaved {
  static code: string;
}

/** The tunnel keeps no cookies. */
export declare class CookiesDisabled extends UsageError {
  static code: string;
}

/** A cookie that was to be loaded is not one that a server could have set. */
export declare class InvalidCookie extends UsageError {
  static code: string;
}

/** Sealed bytes whose tag does not verify: another key, or tampering. */
export declare class AuthenticationFailed extends PeerMisbehaved {
  static code: string;
}

/** A public key with which no shared secret can be made (of low order, or not a key at all). */
export declare class InvalidPublicKey extends PeerMisbehaved {
  static code: string;
}

/** A directory on the Internet lists entry gateways on addresses of this machine or network alone. */
export declare class InternalGateways extends PeerMisbehaved {
  static code: string;
}

/** A warning: the directory comes over plain http from another machine. */
export declare class PlainHttpDirectory extends NetworkFailure {
  static code: string;
}

/** A warning: the directory's picture of the network is of another time than this machine's clock has. */
export declare class StaleDirectory extends PeerMisbehaved {
  static code: string;
}

/** The directory answered a request with an HTTP status other than 200. Field `status`. */
export declare class DirectoryRefused extends NetworkFailure {
  static code: string;
}

/** The text can't be an IP address; nothing was sent. */
export declare class BadAddress extends UsageError {
  static code: string;
}

/** The text can't be a name, or not that of a host; nothing was sent. */
export declare class BadName extends UsageError {
  static code: string;
}

/** An option of a lookup has a wrong type or is out of its range; nothing was sent. */
export declare class BadLookupOption extends UsageError {
  static code: string;
}

/** There is no such record type, or it can't be asked for; nothing was sent. */
export declare class BadRecordType extends UsageError {
  static code: string;
}

/** The text can't be the address of a DNS server. */
export declare class BadDnsServer extends UsageError {
  static code: string;
}

/** An answer can't be read, or contradicts itself. */
export declare class MalformedAnswer extends PeerMisbehaved {
  static code: string;
}

/** NXDOMAIN: the name does not exist. */
export declare class NameNotFound extends NetworkFailure {
  static code: string;
}

/** The name exists, but has no record of the type asked for. */
export declare class NoData extends NetworkFailure {
  static code: string;
}

/** REFUSED: the server does not answer us. */
export declare class QueryRefused extends NetworkFailure {
  static code: string;
}

/** SERVFAIL, or another code that says the server could not find out. */
export declare class ServerFailed extends NetworkFailure {
  static code: string;
}

/** No server answered in time. */
export declare class ResolvingTimedOut extends NetworkFailure {
  static code: string;
}

/** The body has a type that can't be sent, or another length than its Content-Length says. */
export declare class BadBody extends UsageError {
  static code: string;
}

/** A header's name or value has characters that HTTP forbids. */
export declare class BadHeader extends UsageError {
  static code: string;
}

/** The body is not the one that the request's `integrity` names. */
export declare class BadIntegrity extends PeerMisbehaved {
  static code: string;
}

/** The method is no token, or one that no client may send. */
export declare class BadMethod extends UsageError {
  static code: string;
}

/** The server redirects to something that can't be fetched. */
export declare class BadRedirect extends PeerMisbehaved {
  static code: string;
}

/** The URL can't be fetched as it stands. */
export declare class BadUrl extends UsageError {
  static code: string;
}

/** A redirect asks for the body once more, but it was streamed and is gone. */
export declare class BodyNotReplayable extends NetworkFailure {
  static code: string;
}

/** A header that describes the connection or the framing, which are ours to manage. */
export declare class ForbiddenHeader extends UsageError {
  static code: string;
}

/** A plain http URL, and the tunnel has `https_only`. */
export declare class PlainHttpRefused extends UsageError {
  static code: string;
}

/** The body is larger than what is kept in memory to be checked. */
export declare class IntegrityTooLarge extends PeerMisbehaved {
  static code: string;
}

/** An option of a request has a wrong type or is out of its range. */
export declare class InvalidFetchOption extends UsageError {
  static code: string;
}

/** The server redirects, and the caller asked for an error then. */
export declare class RedirectRefused extends NetworkFailure {
  static code: string;
}

/** More redirects than allowed, perhaps in a circle. */
export declare class TooManyRedirects extends PeerMisbehaved {
  static code: string;
}

/** The gateway does not accept the stored key: register again. */
export declare class AuthenticationRejected extends NetworkFailure {
  static code: string;
}

/** The client did not go on in time. */
export declare class ClientTimedOut extends NetworkFailure {
  static code: string;
}

/** This connection has failed and is not used any more. */
export declare class GatewayConnectionClosed extends Closed {
  static code: string;
}

/** The gateway answered with an error that ends nothing. */
export declare class GatewayComplained extends NetworkFailure {
  static code: string;
}

/** The gateway broke the registration off. */
export declare class HandshakeRejected extends NetworkFailure {
  static code: string;
}

/** The gateway speaks none of our protocol versions. Field `version` is the gateway's. */
export declare class IncompatibleGateway extends PeerIncompatible {
  static code: string;
}

/** The client does not hold the identity key that it names. */
export declare class InvalidClientSignature extends PeerMisbehaved {
  static code: string;
}

/** Whoever answered does not hold the identity key that the directory names for this gateway. */
export declare class InvalidGatewaySignature extends PeerMisbehaved {
  static code: string;
}

/** A frame that is no message of the gateway protocol. */
export declare class GatewayMalformedFrame extends PeerMisbehaved {
  static code: string;
}

/** Packets can be sent only once the gateway has accepted this client. */
export declare class NotAuthenticated extends UsageError {
  static code: string;
}

/** The gateway has dropped a packet because the client's allowance is used up; a new one is being claimed. */
export declare class OutOfBandwidth extends NetworkFailure {
  static code: string;
}

/** The gateway refuses the claim of free bandwidth, and forwards nothing without one. */
export declare class PaidBandwidthWanted extends PeerIncompatible {
  static code: string;
}

/** The request's timestamp is too far from now, or not newer than the last one. */
export declare class GatewayStaleRequest extends PeerMisbehaved {
  static code: string;
}

/** The gateway did not answer in time. Field `step` says what was waited for. */
export declare class GatewayTimedOut extends NetworkFailure {
  static code: string;
}

/** Too many clients have registered from where this one is. */
export declare class TooManyRegistrations extends NetworkFailure {
  static code: string;
}

/** A message that the protocol does not allow at this moment. */
export declare class GatewayUnexpectedFrame extends PeerMisbehaved {
  static code: string;
}

/** The client never registered here, or holds another key. */
export declare class UnknownClient extends PeerMisbehaved {
  static code: string;
}

/** The client asks for a protocol version that is not offered. */
export declare class UnsupportedClientVersion extends PeerIncompatible {
  static code: string;
}

/** The body is not what its Content-Encoding says. */
export declare class BadEncoding extends PeerMisbehaved {
  static code: string;
}

/** The connection ended in the middle of the body; what has been read is not all of it. */
export declare class BodyCut extends NetworkFailure {
  static code: string;
}

/** The HTTP client is closed, because its tunnel is. */
export declare class ClientClosed extends Closed {
  static code: string;
}

/** No connection within the time limit, TLS included. */
export declare class HttpConnectTimedOut extends NetworkFailure {
  static code: string;
}

/** The body grows out of all proportion when it is decoded. */
export declare class DecompressionBomb extends PeerMisbehaved {
  static code: string;
}

/** The body ended in order, but the compressed stream in it did not; what has been read is not all of it. */
export declare class EncodingCut extends PeerMisbehaved {
  static code: string;
}

/** The response's head is beyond every sensible size. */
export declare class HeadTooLarge extends PeerMisbehaved {
  static code: string;
}

/** In the middle of a body nothing arrived for longer than the time limit. */
export declare class IdleTimedOut extends NetworkFailure {
  static code: string;
}

/** What the server sent is not HTTP/1.1. */
export declare class MalformedResponse extends PeerMisbehaved {
  static code: string;
}

/** The connection ended before the first byte of a response. */
export declare class NoResponse extends NetworkFailure {
  static code: string;
}

/** Too many requests are under way, and none of them made room within the time limit. */
export declare class PoolTimedOut extends NetworkFailure {
  static code: string;
}

/** The response was closed before its body had been read. */
export declare class ResponseClosed extends Closed {
  static code: string;
}

/** The request is out, and no response head came within the time limit. */
export declare class ResponseTimedOut extends NetworkFailure {
  static code: string;
}

/** The whole exchange, redirects and body included, took longer than its time limit. */
export declare class TotalTimedOut extends NetworkFailure {
  static code: string;
}

/** The server took no more of the request's body within the time limit. */
export declare class WriteTimedOut extends NetworkFailure {
  static code: string;
}

/** The server no longer answers on this connection, not even a PING. */
export declare class ConnectionSilent extends NetworkFailure {
  static code: string;
}

/** The server wants this request over HTTP/1.1, and its body can't be sent again. */
export declare class Http11Required extends PeerIncompatible {
  static code: string;
}

/** The server says that it did nothing with the request (REFUSED_STREAM, or GOAWAY before it). */
export declare class NotProcessed extends NetworkFailure {
  static code: string;
}

/** The server broke the rules of HTTP/2, on the connection or for one request. `reason` is RFC 9113's name of it. */
export declare class Http2Violated extends PeerMisbehaved {
  static code: string;
}

/** The server gave this one exchange up. `reason` is RFC 9113's name of the error. */
export declare class StreamReset extends NetworkFailure {
  static code: string;
}

/** The body is longer or shorter than its Content-Length (RFC 9113 section 8.1.1). */
export declare class WrongLength extends PeerMisbehaved {
  static code: string;
}

/** Another socket holds this port already. */
export declare class AddressInUse extends UsageError {
  static code: string;
}

/** Bytes that are not a valid IP, UDP, ICMP or TCP packet. */
export declare class MalformedPacket extends PeerMisbehaved {
  static code: string;
}

/** This stack has no address of the destination's family. */
export declare class NoSourceAddress extends UsageError {
  static code: string;
}

/** Every ephemeral port is taken. */
export declare class PortsExhausted extends NetworkFailure {
  static code: string;
}

/** The socket was closed by its owner. */
export declare class SocketClosed extends Closed {
  static code: string;
}

/** A router or the destination says by ICMP that packets cannot get there. */
export declare class Unreachable extends NetworkFailure {
  static code: string;
}

/** The connection to the exit has been given up by this side. */
export declare class IprClosed extends Closed {
  static code: string;
}

/** The exit understood the request and said no. Field `reason` is a stable word, `detail` the exit's own text. */
export declare class ExitDenied extends NetworkFailure {
  static code: string;
}

/** The exit no longer knows this client (field `is_alive`: true), or no longer answers. Connecting again gives new */
export declare class ConnectionLost extends NetworkFailure {
  static code: string;
}

/** The exit did not answer the request to connect in time. */
export declare class ExitUnanswered extends NetworkFailure {
  static code: string;
}

/** An IP packet to be sent has no bytes or more than 65535. */
export declare class InvalidPacketSize extends UsageError {
  static code: string;
}

/** A packet was to be sent before the exit had granted addresses, or after they were gone. */
export declare class NotConnected extends UsageError {
  static code: string;
}

/** A fragment that contradicts what other fragments of its set or of a linked set said. */
export declare class InconsistentFragment extends PeerMisbehaved {
  static code: string;
}

/** A fragment that the caller built, whose numbers do not fit together. */
export declare class InvalidFragment extends UsageError {
  static code: string;
}

/** A fragment that fills none of the packet sizes. */
export declare class InvalidFragmentLength extends UsageError {
  static code: string;
}

/** A message that the caller built and that has no encoding. */
export declare class InvalidMessage extends UsageError {
  static code: string;
}

/** An acknowledgement, or the packet that shall become one, that cannot be read. */
export declare class MalformedAck extends PeerMisbehaved {
  static code: string;
}

/** Decrypted bytes that are no fragment: wrong key, tampering, or a header that contradicts itself. */
export declare class MalformedFragment extends PeerMisbehaved {
  static code: string;
}

/** A reassembled message without the mark that ends it. */
export declare class MalformedPadding extends PeerMisbehaved {
  static code: string;
}

/** There is no picture of the network yet, so no route can be drawn. */
export declare class NoTopology extends NetworkFailure {
  static code: string;
}

/** A pushed payload that is too short to hold a key and a fragment. */
export declare class TruncatedPayload extends PeerMisbehaved {
  static code: string;
}

/** A pushed payload that no packet size gives. */
export declare class UnexpectedPayloadLength extends PeerMisbehaved {
  static code: string;
}

/** A sealed reply on none of our SURBs, or on one that was used before. */
export declare class UnknownSurb extends PeerMisbehaved {
  static code: string;
}

/** A reply that came without one of our SURBs, or something else that came with one. */
export declare class UnsolicitedReply extends PeerMisbehaved {
  static code: string;
}

/** A frame's header names something that does not exist; the stream can't be followed any further. */
export declare class MixwireMalformedFrame extends PeerMisbehaved {
  static code: string;
}

/** A signed document or request is not signed by the node that it names. */
export declare class InvalidSignature extends PeerMisbehaved {
  static code: string;
}

/** A signed request is from the future or more than half a minute old. */
export declare class NodeApiStaleRequest extends PeerMisbehaved {
  static code: string;
}

/** A node announces an address that nobody else can reach it at. */
export declare class UnusableAddress extends PeerMisbehaved {
  static code: string;
}

/** A frame's header or length is not one of this protocol; the stream can't be followed any further. */
export declare class NoiseMalformedFrame extends PeerMisbehaved {
  static code: string;
}

/** Data can be sealed only once the handshake is over. */
export declare class LinkNotReady extends UsageError {
  static code: string;
}

/** This link has failed, or has used up its message counter: no more can be read or written. */
export declare class LinkSpent extends Closed {
  static code: string;
}

/** A frame of the handshake after it, data before its end, or another version or pattern than agreed. */
export declare class NoiseUnexpectedFrame extends PeerMisbehaved {
  static code: string;
}

/** A URL could not be fetched. */
export declare class GetFailed extends NetworkFailure {
  static code: string;
}

/** A stored record is locked by another tunnel, of this process or of another one. */
export declare class StorageInUse extends NetworkFailure {
  static code: string;
}

/** Nothing can be stored here, or what is stored can't be reached. */
export declare class StorageUnavailable extends NetworkFailure {
  static code: string;
}

/** The WebSocket was closed, by either side. */
export declare class WebSocketClosed extends Closed {
  static code: string;
}

/** The WebSocket could not be opened. */
export declare class WebSocketFailed extends NetworkFailure {
  static code: string;
}

/** The caller cancelled the call, or the worker is shutting down. */
export declare class CallCancelled extends Closed {
  static code: string;
}

/** More bytes of a body were sent than the receiver had granted. */
export declare class CreditExceeded extends PeerMisbehaved {
  static code: string;
}

/** A call's parameters do not have the shape that its method wants. */
export declare class InvalidParameters extends UsageError {
  static code: string;
}

/** A message is not one of the protocol's, or is too large. */
export declare class MalformedRpcMessage extends PeerMisbehaved {
  static code: string;
}

/** More calls are open at the same time than the worker allows. */
export declare class TooManyCalls extends UsageError {
  static code: string;
}

/** The worker has no method of this name. */
export declare class UnknownMethod extends UsageError {
  static code: string;
}

/** An argument for a socket has a wrong type or is out of its range. Fields `argument` and `allowed` say which. */
export declare class InvalidArgument extends UsageError {
  static code: string;
}

/** The header's MAC does not verify with this node's key. */
export declare class BadMac extends PeerMisbehaved {
  static code: string;
}

/** The decrypted payload does not have the form of a padded message. */
export declare class BadPayload extends PeerMisbehaved {
  static code: string;
}

/** A route, its delays or its destination cannot be written in a header. */
export declare class InvalidRoute extends UsageError {
  static code: string;
}

/** A forward request that does not hold a packet type, a first hop and a Sphinx packet. */
export declare class MalformedMixPacket extends PeerMisbehaved {
  static code: string;
}

/** Bytes that should hold a single-use reply block do not. */
export declare class MalformedSurb extends PeerMisbehaved {
  static code: string;
}

/** A message does not fit in the chosen packet size. */
export declare class MessageTooLong extends UsageError {
  static code: string;
}

/** A packet whose length or size tag is none of the network's. */
export declare class UnknownPacketSize extends PeerMisbehaved {
  static code: string;
}

/** A routing block that is neither for forwarding nor for delivery. */
export declare class UnknownRoutingFlag extends PeerMisbehaved {
  static code: string;
}

/** The connection has been aborted by its owner. */
export declare class ConnectionAborted extends Closed {
  static code: string;
}

/** The connection's sending side has been closed by its owner. */
export declare class ConnectionClosed extends Closed {
  static code: string;
}

/** Our SYN was not answered in time. */
export declare class ConnectTimedOut extends NetworkFailure {
  static code: string;
}

/** The other side answered our SYN with a RST. */
export declare class ConnectionRefused extends NetworkFailure {
  static code: string;
}

/** The other side ended the connection with a RST. */
export declare class ConnectionReset extends NetworkFailure {
  static code: string;
}

/** A bug: an exception that nobody expected has ended this connection alone. Field `cause` is its class. */
export declare class ConnectionCrashed extends NetworkFailure {
  static code: string;
}

/** A TCP setting outside what is possible. */
export declare class InvalidTcpConfig extends UsageError {
  static code: string;
}

/** An established connection's peer stopped answering. */
export declare class ConnectionTimedOut extends NetworkFailure {
  static code: string;
}

/** A certificate authority given by the caller can't be read. */
export declare class BadCaCertificate extends UsageError {
  static code: string;
}

/** A record did not verify, or an alert arrived, after the handshake. */
export declare class TlsBroken extends PeerMisbehaved {
  static code: string;
}

/** The server's certificate does not prove that this is the server; root of the reasons below. */
export declare class CertificateRefused extends PeerMisbehaved {
  static code: string;
}

/** The connection ended while TLS was being agreed on. */
export declare class HandshakeCut extends NetworkFailure {
  static code: string;
}

/** The two sides found no way to speak TLS with each other. */
export declare class HandshakeFailed extends PeerIncompatible {
  static code: string;
}

/** The connection ended without TLS's own goodbye (close_notify), so data may be missing. */
export declare class TlsTruncated extends NetworkFailure {
  static code: string;
}

/** A directory answer lists more than a client is willing to hold. */
export declare class DocumentTooLarge extends PeerMisbehaved {
  static code: string;
}

/** A mixing layer has no usable node, so that no route exists. Field `layer` is 1, 2 or 3. */
export declare class EmptyLayer extends NetworkFailure {
  static code: string;
}

/** Two directory answers that belong together describe different epochs. Trying again usually helps. */
export declare class InconsistentDocuments extends PeerMisbehaved {
  static code: string;
}

/** A directory answer does not have the shape that its endpoint promises. */
export declare class MalformedDocument extends PeerMisbehaved {
  static code: string;
}

/** Exit gateways exist, but all run software older than IP packet router protocol 9. */
export declare class NoCompatibleExit extends PeerIncompatible {
  static code: string;
}

/** Every route has nodes of one operator, address or network (/24, or /48 of IPv6), who could see both its ends. */
export declare class NoDiverseRoute extends NetworkFailure {
  static code: string;
}

/** No gateway accepts clients under the given conditions. Fields count why the listed ones were passed over. */
export declare class NoEntryGateway extends NetworkFailure {
  static code: string;
}

/** No exit gateway runs an IP packet router. */
export declare class NoExit extends NetworkFailure {
  static code: string;
}

/** No gateway of the directory is usable, so that no message can leave the mixnet. */
export declare class NoGateways extends NetworkFailure {
  static code: string;
}

/** Too few of the directories whose keys are given vouch for what the directory lists. */
export declare class NoQuorum extends PeerMisbehaved {
  static code: string;
}

/** Entry gateways exist, but none is reachable over TLS. */
export declare class NoTlsGateway extends NetworkFailure {
  static code: string;
}

/** A signed picture of the network is not of now. Fields `taken_at` and `valid_until` are seconds since 1970. */
export declare class SnapshotExpired extends PeerMisbehaved {
  static code: string;
}

/** A route was asked for to a gateway that the directory does not list as usable. */
export declare class UnknownGateway extends NetworkFailure {
  static code: string;
}

/** Keys of directories are given, and the directory has nothing that they could have signed. */
export declare class UnsignedDirectory extends PeerIncompatible {
  static code: string;
}

/** A tunnel is set up, or being set up, already. */
export declare class TunnelAlreadyInitialised extends UsageError {
  static code: string;
}

/** The tunnel has been closed by its owner. */
export declare class TunnelClosed extends Closed {
  static code: string;
}

/** A bug: the tunnel stopped because of an exception that nobody expected. Field `cause` is its class. */
export declare class TunnelCrashed extends NetworkFailure {
  static code: string;
}

/** The tunnel has left its exit, or the exit has forgotten it: what was open at the old address is gone. */
export declare class ExitChanged extends NetworkFailure {
  static code: string;
}

/** The chosen exit's gateway is not part of the network. */
export declare class PinnedExitUnreachable extends UsageError {
  static code: string;
}

/** The exit's policy forbids the destination. */
export declare class ExitPolicyDenied extends NetworkFailure {
  static code: string;
}

/** The connection to the entry gateway broke. */
export declare class GatewayConnectionLost extends NetworkFailure {
  static code: string;
}

/** The chosen entry gateway is not among those that can be used. */
export declare class PinnedGatewayMissing extends UsageError {
  static code: string;
}

/** The connection to the entry gateway looks alive, but nothing has come from it for long. */
export declare class GatewaySilent extends NetworkFailure {
  static code: string;
}

/** The stored identity is not used, or this one will not be there next time. */
export declare class IdentityNotKept extends NetworkFailure {
  static code: string;
}

/** A stored identity is damaged, or of a version that is not known. */
export declare class UnreadableIdentity extends PeerMisbehaved {
  static code: string;
}

/** An option has a wrong type or is out of its range. */
export declare class InvalidOption extends UsageError {
  static code: string;
}

/** The entry gateway answers, but no packet comes back through the mixnet. */
export declare class MixnetSilent extends NetworkFailure {
  static code: string;
}

/** The tunnel is connecting again and was not ready in time. */
export declare class TunnelNotReady extends NetworkFailure {
  static code: string;
}

/** A call needs a tunnel, and there is none that is ready. */
export declare class TunnelNotSetUp extends UsageError {
  static code: string;
}

/** The browser lets pages share no worker, so this page has a tunnel of its own. It is a warning, not a failure. */
export declare class TunnelNotShared extends PeerIncompatible {
  static code: string;
}

/** The pages that share a tunnel have set it up with other options. Field `options` names those that differ. */
export declare class OtherOptions extends UsageError {
  static code: string;
}

/** The JavaScript packages run outside a page, such as in Node, where there are no Web Workers. */
export declare class PageNeeded extends UsageError {
  static code: string;
}

/** The tunnel was disconnected while it was being set up. */
export declare class SetupCancelled extends Closed {
  static code: string;
}

/** The tunnel was not ready in time. Field `step` says what it was waiting for. */
export declare class SetupTimedOut extends NetworkFailure {
  static code: string;
}

/** A datagram that does not fit into an IP packet. */
export declare class DatagramTooBig extends UsageError {
  static code: string;
}

/** The server closed the connection before it had answered the handshake. */
export declare class HandshakeAborted extends NetworkFailure {
  static code: string;
}

/** The page could not start the worker; raised by the page's side only. */
export declare class WorkerFailed extends NetworkFailure {
  static code: string;
}

/** The server refuses in a way in which one that is too old for EDNS does; it is asked once more without. */
export declare class FormatNotUnderstood extends ServerFailed {
  static code: string;
}

/** DNS over HTTPS was answered with an HTTP error, or with something else than a DNS message. */
export declare class HttpsRefused extends ServerFailed {
  static code: string;
}

/** The name exists, but has no IPv4 address. */
export declare class NoAddress extends NoData {
  static code: string;
}

/** The server redirects to plain http, and the tunnel has `https_only`. */
export declare class InsecureRedirect extends RedirectRefused {
  static code: string;
}

/** Another scheme than http and https. */
export declare class UnsupportedScheme extends BadUrl {
  static code: string;
}

/** User name or password inside the URL. */
export declare class UrlHasCredentials extends BadUrl {
  static code: string;
}

/** Frames that carry nothing, faster than any honest server sends them. */
export declare class Http2Flood extends Http2Violated {
  static code: string;
}

/** The certificate's period of validity is over. */
export declare class CertificateExpired extends CertificateRefused {
  static code: string;
}

/** The certificate's period of validity has not begun. */
export declare class CertificateNotYetValid extends CertificateRefused {
  static code: string;
}

/** The certificate has been revoked. */
export declare class CertificateRevoked extends CertificateRefused {
  static code: string;
}

/** The server took none of the cipher suites, which all have ECDHE, and so forward secrecy. */
export declare class NoCipherInCommon extends HandshakeFailed {
  static code: string;
}

/** What answered was not TLS. */
export declare class NotTls extends HandshakeFailed {
  static code: string;
}

/** The certificate's chain ends at nobody that is trusted. */
export declare class UnknownIssuer extends CertificateRefused {
  static code: string;
}

/** The certificate is for other names. */
export declare class WrongHost extends CertificateRefused {
  static code: string;
}

/** What was given to `send` is no message. */
export declare class InvalidWebSocketMessage extends UsageError {
  static code: string;
}

/** An option of a WebSocket has a wrong type or is out of its range. */
export declare class InvalidWebSocketOption extends UsageError {
  static code: string;
}

/** The WebSocket did not open in time: name, TCP, TLS and handshake together. */
export declare class OpenTimedOut extends NetworkFailure {
  static code: string;
}

/** The WebSocket is closed. Fields `close_code` (1006 without a close frame) and `sent_code`. */
export declare class WebSocketConnectionClosed extends Closed {
  static code: string;
}

/** The data of a ping or pong does not fit in a control frame. */
export declare class ControlFrameTooLong extends UsageError {
  static code: string;
}

/** A close code that must not be sent, or a reason that does not fit in a control frame. */
export declare class InvalidCloseCode extends UsageError {
  static code: string;
}

/** The server's answer to the handshake does not open a WebSocket. */
export declare class InvalidHandshake extends PeerIncompatible {
  static code: string;
}

/** The URL is none of a WebSocket. */
export declare class InvalidURI extends UsageError {
  static code: string;
}

/** Two tasks want to receive from the same WebSocket, or a ping's data is in use already. */
export declare class ConcurrencyError extends UsageError {
  static code: string;
}

/** A ws: URL, and the tunnel allows encrypted connections only. */
export declare class InsecureWebSocket extends InvalidURI {
  static code: string;
}

/** The WebSocket was closed with another code, or without the closing handshake. */
export declare class ConnectionClosedError extends WebSocketConnectionClosed {
  static code: string;
}

/** The WebSocket was closed in order, with code 1000, 1001 or none. */
export declare class ConnectionClosedOK extends WebSocketConnectionClosed {
  static code: string;
}

/** The server's answer to the handshake is not HTTP/1.1. */
export declare class InvalidHandshakeMessage extends InvalidHandshake {
  static code: string;
}

/** The answer to the handshake is larger than any honest one. */
export declare class HandshakeTooLarge extends InvalidHandshake {
  static code: string;
}

/** A header of the answer is missing or has a wrong value. Field `header`. */
export declare class InvalidHeader extends InvalidHandshake {
  static code: string;
}

/** The server answered with another status than 101. Field `status`; redirects are not followed. */
export declare class InvalidStatus extends InvalidHandshake {
  static code: string;
}

/** The server chose a subprotocol or an extension that was not offered. */
export declare class NegotiationError extends InvalidHandshake {
  static code: string;
}

/** The answer has no right Upgrade or Connection header. */
export declare class InvalidUpgrade extends InvalidHeader {
  static code: string;
}

/** Code to class. */
export declare const ERROR_CLASSES: ReadonlyMap<string, typeof MixError>;
