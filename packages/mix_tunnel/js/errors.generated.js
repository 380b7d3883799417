// Written by generate_errors.py from the Python registry: do not edit.
import { MixError } from "./mix_error.js";

/** The caller asked for something that cannot be; asking again the same way will fail again. */
export class UsageError extends MixError {
  static code = "mix.usage";
}

/** The other side sent what the protocol does not allow. */
export class PeerMisbehaved extends MixError {
  static code = "mix.peer_misbehaved";
}

/** The other side follows a protocol, but not one that we speak. */
export class PeerIncompatible extends MixError {
  static code = "mix.peer_incompatible";
}

/** Something between us and the other side failed; later it may work. */
export class NetworkFailure extends MixError {
  static code = "mix.network_failure";
}

/** The object that was used has been closed. */
export class Closed extends MixError {
  static code = "mix.closed";
}

/** A fault of this software, not of the caller's nor of the network. */
export class InternalFailure extends MixError {
  static code = "rpc.internal";
}

/** A node address that the caller built cannot be written in the space for it. */
export class InvalidNodeAddress extends UsageError {
  static code = "addressing.invalid_node_address";
}

/** A client address that the caller built is not made of three 32-byte keys. */
export class InvalidRecipient extends UsageError {
  static code = "addressing.invalid_recipient";
}

/** Bytes that should hold a node's socket address do not. */
export class MalformedNodeAddress extends PeerMisbehaved {
  static code = "addressing.malformed_node_address";
}

/** Bytes or text from a peer that should hold a client's address do not. */
export class MalformedRecipient extends PeerMisbehaved {
  static code = "addressing.malformed_recipient";
}

/** A key rotation byte other than 0 (unknown), 1 (odd) and 2 (even). */
export class UnknownKeyRotation extends PeerMisbehaved {
  static code = "addressing.unknown_key_rotation";
}

/** Bytes or text that are not a valid encoding of what they should be. */
export class MalformedMessage extends PeerMisbehaved {
  static code = "codec.malformed";
}

/** The tunnel keeps no cookies. */
export class CookiesDisabled extends UsageError {
  static code = "cookies.disabled";
}

/** A cookie that was to be loaded is not one that a server could have set. */
export class InvalidCookie extends UsageError {
  static code = "cookies.invalid";
}

/** Sealed bytes whose tag does not verify: another key, or tampering. */
export class AuthenticationFailed extends PeerMisbehaved {
  static code = "crypto.authentication_failed";
}

/** A public key with which no shared secret can be made (of low order, or not a key at all). */
export class InvalidPublicKey extends PeerMisbehaved {
  static code = "crypto.invalid_public_key";
}

/** A directory on the Internet lists entry gateways on addresses of this machine or network alone. */
export class InternalGateways extends PeerMisbehaved {
  static code = "directory.internal_gateways";
}

/** A warning: the directory comes over plain http from another machine. */
export class PlainHttpDirectory extends NetworkFailure {
  static code = "directory.plain_http";
}

/** A warning: the directory's picture of the network is of another time than this machine's clock has. */
export class StaleDirectory extends PeerMisbehaved {
  static code = "directory.stale";
}

/** The directory answered a request with an HTTP status other than 200. Field `status`. */
export class DirectoryRefused extends NetworkFailure {
  static code = "directory.status";
}

/** The text can't be an IP address; nothing was sent. */
export class BadAddress extends UsageError {
  static code = "dns.bad_address";
}

/** The text can't be a name, or not that of a host; nothing was sent. */
export class BadName extends UsageError {
  static code = "dns.bad_name";
}

/** An option of a lookup has a wrong type or is out of its range; nothing was sent. */
export class BadLookupOption extends UsageError {
  static code = "dns.bad_option";
}

/** There is no such record type, or it can't be asked for; nothing was sent. */
export class BadRecordType extends UsageError {
  static code = "dns.bad_record_type";
}

/** The text can't be the address of a DNS server. */
export class BadDnsServer extends UsageError {
  static code = "dns.bad_server";
}

/** An answer can't be read, or contradicts itself. */
export class MalformedAnswer extends PeerMisbehaved {
  static code = "dns.malformed_answer";
}

/** NXDOMAIN: the name does not exist. */
export class NameNotFound extends NetworkFailure {
  static code = "dns.name_not_found";
}

/** The name exists, but has no record of the type asked for. */
export class NoData extends NetworkFailure {
  static code = "dns.no_data";
}

/** REFUSED: the server does not answer us. */
export class QueryRefused extends NetworkFailure {
  static code = "dns.query_refused";
}

/** SERVFAIL, or another code that says the server could not find out. */
export class ServerFailed extends NetworkFailure {
  static code = "dns.server_failed";
}

/** No server answered in time. */
export class ResolvingTimedOut extends NetworkFailure {
  static code = "dns.timed_out";
}

/** The body has a type that can't be sent, or another length than its Content-Length says. */
export class BadBody extends UsageError {
  static code = "fetch.bad_body";
}

/** A header's name or value has characters that HTTP forbids. */
export class BadHeader extends UsageError {
  static code = "fetch.bad_header";
}

/** The body is not the one that the request's `integrity` names. */
export class BadIntegrity extends PeerMisbehaved {
  static code = "fetch.bad_integrity";
}

/** The method is no token, or one that no client may send. */
export class BadMethod extends UsageError {
  static code = "fetch.bad_method";
}

/** The server redirects to something that can't be fetched. */
export class BadRedirect extends PeerMisbehaved {
  static code = "fetch.bad_redirect";
}

/** The URL can't be fetched as it stands. */
export class BadUrl extends UsageError {
  static code = "fetch.bad_url";
}

/** A redirect asks for the body once more, but it was streamed and is gone. */
export class BodyNotReplayable extends NetworkFailure {
  static code = "fetch.body_not_replayable";
}

/** A header that describes the connection or the framing, which are ours to manage. */
export class ForbiddenHeader extends UsageError {
  static code = "fetch.forbidden_header";
}

/** A plain http URL, and the tunnel has `https_only`. */
export class PlainHttpRefused extends UsageError {
  static code = "fetch.https_only";
}

/** The body is larger than what is kept in memory to be checked. */
export class IntegrityTooLarge extends PeerMisbehaved {
  static code = "fetch.integrity_too_large";
}

/** An option of a request has a wrong type or is out of its range. */
export class InvalidFetchOption extends UsageError {
  static code = "fetch.invalid_option";
}

/** The server redirects, and the caller asked for an error then. */
export class RedirectRefused extends NetworkFailure {
  static code = "fetch.redirect_refused";
}

/** More redirects than allowed, perhaps in a circle. */
export class TooManyRedirects extends PeerMisbehaved {
  static code = "fetch.too_many_redirects";
}

/** The gateway does not accept the stored key: register again. */
export class AuthenticationRejected extends NetworkFailure {
  static code = "gateway.authentication_rejected";
}

/** The client did not go on in time. */
export class ClientTimedOut extends NetworkFailure {
  static code = "gateway.client_timed_out";
}

/** This connection has failed and is not used any more. */
export class GatewayConnectionClosed extends Closed {
  static code = "gateway.closed";
}

/** The gateway answered with an error that ends nothing. */
export class GatewayComplained extends NetworkFailure {
  static code = "gateway.complained";
}

/** The gateway broke the registration off. */
export class HandshakeRejected extends NetworkFailure {
  static code = "gateway.handshake_rejected";
}

/** The gateway speaks none of our protocol versions. Field `version` is the gateway's. */
export class IncompatibleGateway extends PeerIncompatible {
  static code = "gateway.incompatible_version";
}

/** The client does not hold the identity key that it names. */
export class InvalidClientSignature extends PeerMisbehaved {
  static code = "gateway.invalid_client_signature";
}

/** Whoever answered does not hold the identity key that the directory names for this gateway. */
export class InvalidGatewaySignature extends PeerMisbehaved {
  static code = "gateway.invalid_signature";
}

/** A frame that is no message of the gateway protocol. */
export class GatewayMalformedFrame extends PeerMisbehaved {
  static code = "gateway.malformed_frame";
}

/** Packets can be sent only once the gateway has accepted this client. */
export class NotAuthenticated extends UsageError {
  static code = "gateway.not_authenticated";
}

/** The gateway has dropped a packet because the client's allowance is used up; a new one is being claimed. */
export class OutOfBandwidth extends NetworkFailure {
  static code = "gateway.out_of_bandwidth";
}

/** The gateway refuses the claim of free bandwidth, and forwards nothing without one. */
export class PaidBandwidthWanted extends PeerIncompatible {
  static code = "gateway.paid_bandwidth";
}

/** The request's timestamp is too far from now, or not newer than the last one. */
export class GatewayStaleRequest extends PeerMisbehaved {
  static code = "gateway.stale_request";
}

/** The gateway did not answer in time. Field `step` says what was waited for. */
export class GatewayTimedOut extends NetworkFailure {
  static code = "gateway.timed_out";
}

/** Too many clients have registered from where this one is. */
export class TooManyRegistrations extends NetworkFailure {
  static code = "gateway.too_many_registrations";
}

/** A message that the protocol does not allow at this moment. */
export class GatewayUnexpectedFrame extends PeerMisbehaved {
  static code = "gateway.unexpected_frame";
}

/** The client never registered here, or holds another key. */
export class UnknownClient extends PeerMisbehaved {
  static code = "gateway.unknown_client";
}

/** The client asks for a protocol version that is not offered. */
export class UnsupportedClientVersion extends PeerIncompatible {
  static code = "gateway.unsupported_client_version";
}

/** The body is not what its Content-Encoding says. */
export class BadEncoding extends PeerMisbehaved {
  static code = "http.bad_encoding";
}

/** The connection ended in the middle of the body; what has been read is not all of it. */
export class BodyCut extends NetworkFailure {
  static code = "http.body_cut";
}

/** The HTTP client is closed, because its tunnel is. */
export class ClientClosed extends Closed {
  static code = "http.client_closed";
}

/** No connection within the time limit, TLS included. */
export class HttpConnectTimedOut extends NetworkFailure {
  static code = "http.connect_timed_out";
}

/** The body grows out of all proportion when it is decoded. */
export class DecompressionBomb extends PeerMisbehaved {
  static code = "http.decompression_bomb";
}

/** The body ended in order, but the compressed stream in it did not; what has been read is not all of it. */
export class EncodingCut extends PeerMisbehaved {
  static code = "http.encoding_cut";
}

/** The response's head is beyond every sensible size. */
export class HeadTooLarge extends PeerMisbehaved {
  static code = "http.head_too_large";
}

/** In the middle of a body nothing arrived for longer than the time limit. */
export class IdleTimedOut extends NetworkFailure {
  static code = "http.idle_timed_out";
}

/** What the server sent is not HTTP/1.1. */
export class MalformedResponse extends PeerMisbehaved {
  static code = "http.malformed_response";
}

/** The connection ended before the first byte of a response. */
export class NoResponse extends NetworkFailure {
  static code = "http.no_response";
}

/** Too many requests are under way, and none of them made room within the time limit. */
export class PoolTimedOut extends NetworkFailure {
  static code = "http.pool_timed_out";
}

/** The response was closed before its body had been read. */
export class ResponseClosed extends Closed {
  static code = "http.response_closed";
}

/** The request is out, and no response head came within the time limit. */
export class ResponseTimedOut extends NetworkFailure {
  static code = "http.response_timed_out";
}

/** The whole exchange, redirects and body included, took longer than its time limit. */
export class TotalTimedOut extends NetworkFailure {
  static code = "http.total_timed_out";
}

/** The server took no more of the request's body within the time limit. */
export class WriteTimedOut extends NetworkFailure {
  static code = "http.write_timed_out";
}

/** The server no longer answers on this connection, not even a PING. */
export class ConnectionSilent extends NetworkFailure {
  static code = "http2.connection_silent";
}

/** The server wants this request over HTTP/1.1, and its body can't be sent again. */
export class Http11Required extends PeerIncompatible {
  static code = "http2.http11_required";
}

/** The server says that it did nothing with the request (REFUSED_STREAM, or GOAWAY before it). */
export class NotProcessed extends NetworkFailure {
  static code = "http2.not_processed";
}

/** The server broke the rules of HTTP/2, on the connection or for one request. `reason` is RFC 9113's name of it. */
export class Http2Violated extends PeerMisbehaved {
  static code = "http2.protocol_error";
}

/** The server gave this one exchange up. `reason` is RFC 9113's name of the error. */
export class StreamReset extends NetworkFailure {
  static code = "http2.stream_reset";
}

/** The body is longer or shorter than its Content-Length (RFC 9113 section 8.1.1). */
export class WrongLength extends PeerMisbehaved {
  static code = "http2.wrong_length";
}

/** Another socket holds this port already. */
export class AddressInUse extends UsageError {
  static code = "ip.address_in_use";
}

/** Bytes that are not a valid IP, UDP, ICMP or TCP packet. */
export class MalformedPacket extends PeerMisbehaved {
  static code = "ip.malformed_packet";
}

/** This stack has no address of the destination's family. */
export class NoSourceAddress extends UsageError {
  static code = "ip.no_source_address";
}

/** Every ephemeral port is taken. */
export class PortsExhausted extends NetworkFailure {
  static code = "ip.ports_exhausted";
}

/** The socket was closed by its owner. */
export class SocketClosed extends Closed {
  static code = "ip.socket_closed";
}

/** A router or the destination says by ICMP that packets cannot get there. */
export class Unreachable extends NetworkFailure {
  static code = "ip.unreachable";
}

/** The connection to the exit has been given up by this side. */
export class IprClosed extends Closed {
  static code = "ipr.closed";
}

/** The exit understood the request and said no. Field `reason` is a stable word, `detail` the exit's own text. */
export class ExitDenied extends NetworkFailure {
  static code = "ipr.exit_denied";
}

/** The exit no longer knows this client (field `is_alive`: true), or no longer answers. Connecting again gives new */
export class ConnectionLost extends NetworkFailure {
  static code = "ipr.exit_lost";
}

/** The exit did not answer the request to connect in time. */
export class ExitUnanswered extends NetworkFailure {
  static code = "ipr.exit_unanswered";
}

/** An IP packet to be sent has no bytes or more than 65535. */
export class InvalidPacketSize extends UsageError {
  static code = "ipr.invalid_packet_size";
}

/** A packet was to be sent before the exit had granted addresses, or after they were gone. */
export class NotConnected extends UsageError {
  static code = "ipr.not_connected";
}

/** A fragment that contradicts what other fragments of its set or of a linked set said. */
export class InconsistentFragment extends PeerMisbehaved {
  static code = "messages.inconsistent_fragment";
}

/** A fragment that the caller built, whose numbers do not fit together. */
export class InvalidFragment extends UsageError {
  static code = "messages.invalid_fragment";
}

/** A fragment that fills none of the packet sizes. */
export class InvalidFragmentLength extends UsageError {
  static code = "messages.invalid_fragment_length";
}

/** A message that the caller built and that has no encoding. */
export class InvalidMessage extends UsageError {
  static code = "messages.invalid_message";
}

/** An acknowledgement, or the packet that shall become one, that cannot be read. */
export class MalformedAck extends PeerMisbehaved {
  static code = "messages.malformed_ack";
}

/** Decrypted bytes that are no fragment: wrong key, tampering, or a header that contradicts itself. */
export class MalformedFragment extends PeerMisbehaved {
  static code = "messages.malformed_fragment";
}

/** A reassembled message without the mark that ends it. */
export class MalformedPadding extends PeerMisbehaved {
  static code = "messages.malformed_padding";
}

/** There is no picture of the network yet, so no route can be drawn. */
export class NoTopology extends NetworkFailure {
  static code = "messages.no_topology";
}

/** A pushed payload that is too short to hold a key and a fragment. */
export class TruncatedPayload extends PeerMisbehaved {
  static code = "messages.truncated_payload";
}

/** A pushed payload that no packet size gives. */
export class UnexpectedPayloadLength extends PeerMisbehaved {
  static code = "messages.unexpected_payload_length";
}

/** A sealed reply on none of our SURBs, or on one that was used before. */
export class UnknownSurb extends PeerMisbehaved {
  static code = "messages.unknown_surb";
}

/** A reply that came without one of our SURBs, or something else that came with one. */
export class UnsolicitedReply extends PeerMisbehaved {
  static code = "messages.unsolicited_reply";
}

/** A frame's header names something that does not exist; the stream can't be followed any further. */
export class MixwireMalformedFrame extends PeerMisbehaved {
  static code = "mixwire.malformed_frame";
}

/** A signed document or request is not signed by the node that it names. */
export class InvalidSignature extends PeerMisbehaved {
  static code = "node_api.invalid_signature";
}

/** A signed request is from the future or more than half a minute old. */
export class NodeApiStaleRequest extends PeerMisbehaved {
  static code = "node_api.stale_request";
}

/** A node announces an address that nobody else can reach it at. */
export class UnusableAddress extends PeerMisbehaved {
  static code = "node_api.unusable_address";
}

/** A frame's header or length is not one of this protocol; the stream can't be followed any further. */
export class NoiseMalformedFrame extends PeerMisbehaved {
  static code = "noise.malformed_frame";
}

/** Data can be sealed only once the handshake is over. */
export class LinkNotReady extends UsageError {
  static code = "noise.not_ready";
}

/** This link has failed, or has used up its message counter: no more can be read or written. */
export class LinkSpent extends Closed {
  static code = "noise.spent";
}

/** A frame of the handshake after it, data before its end, or another version or pattern than agreed. */
export class NoiseUnexpectedFrame extends PeerMisbehaved {
  static code = "noise.unexpected_frame";
}

/** A URL could not be fetched. */
export class GetFailed extends NetworkFailure {
  static code = "platform.get_failed";
}

/** A stored record is locked by another tunnel, of this process or of another one. */
export class StorageInUse extends NetworkFailure {
  static code = "platform.storage_in_use";
}

/** Nothing can be stored here, or what is stored can't be reached. */
export class StorageUnavailable extends NetworkFailure {
  static code = "platform.storage_unavailable";
}

/** The WebSocket was closed, by either side. */
export class WebSocketClosed extends Closed {
  static code = "platform.websocket_closed";
}

/** The WebSocket could not be opened. */
export class WebSocketFailed extends NetworkFailure {
  static code = "platform.websocket_failed";
}

/** The caller cancelled the call, or the worker is shutting down. */
export class CallCancelled extends Closed {
  static code = "rpc.cancelled";
}

/** More bytes of a body were sent than the receiver had granted. */
export class CreditExceeded extends PeerMisbehaved {
  static code = "rpc.credit_exceeded";
}

/** A call's parameters do not have the shape that its method wants. */
export class InvalidParameters extends UsageError {
  static code = "rpc.invalid_parameters";
}

/** A message is not one of the protocol's, or is too large. */
export class MalformedRpcMessage extends PeerMisbehaved {
  static code = "rpc.malformed";
}

/** More calls are open at the same time than the worker allows. */
export class TooManyCalls extends UsageError {
  static code = "rpc.too_many_calls";
}

/** The worker has no method of this name. */
export class UnknownMethod extends UsageError {
  static code = "rpc.unknown_method";
}

/** An argument for a socket has a wrong type or is out of its range. Fields `argument` and `allowed` say which. */
export class InvalidArgument extends UsageError {
  static code = "socket.invalid_argument";
}

/** The header's MAC does not verify with this node's key. */
export class BadMac extends PeerMisbehaved {
  static code = "sphinx.bad_mac";
}

/** The decrypted payload does not have the form of a padded message. */
export class BadPayload extends PeerMisbehaved {
  static code = "sphinx.bad_payload";
}

/** A route, its delays or its destination cannot be written in a header. */
export class InvalidRoute extends UsageError {
  static code = "sphinx.invalid_route";
}

/** A forward request that does not hold a packet type, a first hop and a Sphinx packet. */
export class MalformedMixPacket extends PeerMisbehaved {
  static code = "sphinx.malformed_mix_packet";
}

/** Bytes that should hold a single-use reply block do not. */
export class MalformedSurb extends PeerMisbehaved {
  static code = "sphinx.malformed_surb";
}

/** A message does not fit in the chosen packet size. */
export class MessageTooLong extends UsageError {
  static code = "sphinx.message_too_long";
}

/** A packet whose length or size tag is none of the network's. */
export class UnknownPacketSize extends PeerMisbehaved {
  static code = "sphinx.unknown_packet_size";
}

/** A routing block that is neither for forwarding nor for delivery. */
export class UnknownRoutingFlag extends PeerMisbehaved {
  static code = "sphinx.unknown_routing_flag";
}

/** The connection has been aborted by its owner. */
export class ConnectionAborted extends Closed {
  static code = "tcp.aborted";
}

/** The connection's sending side has been closed by its owner. */
export class ConnectionClosed extends Closed {
  static code = "tcp.closed";
}

/** Our SYN was not answered in time. */
export class ConnectTimedOut extends NetworkFailure {
  static code = "tcp.connect_timed_out";
}

/** The other side answered our SYN with a RST. */
export class ConnectionRefused extends NetworkFailure {
  static code = "tcp.connection_refused";
}

/** The other side ended the connection with a RST. */
export class ConnectionReset extends NetworkFailure {
  static code = "tcp.connection_reset";
}

/** A bug: an exception that nobody expected has ended this connection alone. Field `cause` is its class. */
export class ConnectionCrashed extends NetworkFailure {
  static code = "tcp.crashed";
}

/** A TCP setting outside what is possible. */
export class InvalidTcpConfig extends UsageError {
  static code = "tcp.invalid_config";
}

/** An established connection's peer stopped answering. */
export class ConnectionTimedOut extends NetworkFailure {
  static code = "tcp.timed_out";
}

/** A certificate authority given by the caller can't be read. */
export class BadCaCertificate extends UsageError {
  static code = "tls.bad_ca_certificate";
}

/** A record did not verify, or an alert arrived, after the handshake. */
export class TlsBroken extends PeerMisbehaved {
  static code = "tls.broken";
}

/** The server's certificate does not prove that this is the server; root of the reasons below. */
export class CertificateRefused extends PeerMisbehaved {
  static code = "tls.certificate_refused";
}

/** The connection ended while TLS was being agreed on. */
export class HandshakeCut extends NetworkFailure {
  static code = "tls.handshake_cut";
}

/** The two sides found no way to speak TLS with each other. */
export class HandshakeFailed extends PeerIncompatible {
  static code = "tls.handshake_failed";
}

/** The connection ended without TLS's own goodbye (close_notify), so data may be missing. */
export class TlsTruncated extends NetworkFailure {
  static code = "tls.truncated";
}

/** A directory answer lists more than a client is willing to hold. */
export class DocumentTooLarge extends PeerMisbehaved {
  static code = "topology.document_too_large";
}

/** A mixing layer has no usable node, so that no route exists. Field `layer` is 1, 2 or 3. */
export class EmptyLayer extends NetworkFailure {
  static code = "topology.empty_layer";
}

/** Two directory answers that belong together describe different epochs. Trying again usually helps. */
export class InconsistentDocuments extends PeerMisbehaved {
  static code = "topology.inconsistent_documents";
}

/** A directory answer does not have the shape that its endpoint promises. */
export class MalformedDocument extends PeerMisbehaved {
  static code = "topology.malformed_document";
}

/** Exit gateways exist, but all run software older than IP packet router protocol 9. */
export class NoCompatibleExit extends PeerIncompatible {
  static code = "topology.no_compatible_exit";
}

/** Every route has nodes of one operator, address or network (/24, or /48 of IPv6), who could see both its ends. */
export class NoDiverseRoute extends NetworkFailure {
  static code = "topology.no_diverse_route";
}

/** No gateway accepts clients under the given conditions. Fields count why the listed ones were passed over. */
export class NoEntryGateway extends NetworkFailure {
  static code = "topology.no_entry_gateway";
}

/** No exit gateway runs an IP packet router. */
export class NoExit extends NetworkFailure {
  static code = "topology.no_exit";
}

/** No gateway of the directory is usable, so that no message can leave the mixnet. */
export class NoGateways extends NetworkFailure {
  static code = "topology.no_gateways";
}

/** Too few of the directories whose keys are given vouch for what the directory lists. */
export class NoQuorum extends PeerMisbehaved {
  static code = "topology.no_quorum";
}

/** Entry gateways exist, but none is reachable over TLS. */
export class NoTlsGateway extends NetworkFailure {
  static code = "topology.no_tls_gateway";
}

/** A signed picture of the network is not of now. Fields `taken_at` and `valid_until` are seconds since 1970. */
export class SnapshotExpired extends PeerMisbehaved {
  static code = "topology.snapshot_expired";
}

/** A route was asked for to a gateway that the directory does not list as usable. */
export class UnknownGateway extends NetworkFailure {
  static code = "topology.unknown_gateway";
}

/** Keys of directories are given, and the directory has nothing that they could have signed. */
export class UnsignedDirectory extends PeerIncompatible {
  static code = "topology.unsigned_directory";
}

/** A tunnel is set up, or being set up, already. */
export class TunnelAlreadyInitialised extends UsageError {
  static code = "tunnel.already_initialised";
}

/** The tunnel has been closed by its owner. */
export class TunnelClosed extends Closed {
  static code = "tunnel.closed";
}

/** A bug: the tunnel stopped because of an exception that nobody expected. Field `cause` is its class. */
export class TunnelCrashed extends NetworkFailure {
  static code = "tunnel.crashed";
}

/** The tunnel has left its exit, or the exit has forgotten it: what was open at the old address is gone. */
export class ExitChanged extends NetworkFailure {
  static code = "tunnel.exit_changed";
}

/** The chosen exit's gateway is not part of the network. */
export class PinnedExitUnreachable extends UsageError {
  static code = "tunnel.exit_not_listed";
}

/** The exit's policy forbids the destination. */
export class ExitPolicyDenied extends NetworkFailure {
  static code = "tunnel.exit_policy_denied";
}

/** The connection to the entry gateway broke. */
export class GatewayConnectionLost extends NetworkFailure {
  static code = "tunnel.gateway_lost";
}

/** The chosen entry gateway is not among those that can be used. */
export class PinnedGatewayMissing extends UsageError {
  static code = "tunnel.gateway_not_listed";
}

/** The connection to the entry gateway looks alive, but nothing has come from it for long. */
export class GatewaySilent extends NetworkFailure {
  static code = "tunnel.gateway_silent";
}

/** The stored identity is not used, or this one will not be there next time. */
export class IdentityNotKept extends NetworkFailure {
  static code = "tunnel.identity_not_kept";
}

/** A stored identity is damaged, or of a version that is not known. */
export class UnreadableIdentity extends PeerMisbehaved {
  static code = "tunnel.identity_unreadable";
}

/** An option has a wrong type or is out of its range. */
export class InvalidOption extends UsageError {
  static code = "tunnel.invalid_option";
}

/** The entry gateway answers, but no packet comes back through the mixnet. */
export class MixnetSilent extends NetworkFailure {
  static code = "tunnel.mixnet_silent";
}

/** The tunnel is connecting again and was not ready in time. */
export class TunnelNotReady extends NetworkFailure {
  static code = "tunnel.not_ready";
}

/** A call needs a tunnel, and there is none that is ready. */
export class TunnelNotSetUp extends UsageError {
  static code = "tunnel.not_set_up";
}

/** The browser lets pages share no worker, so this page has a tunnel of its own. It is a warning, not a failure. */
export class TunnelNotShared extends PeerIncompatible {
  static code = "tunnel.not_shared";
}

/** The pages that share a tunnel have set it up with other options. Field `options` names those that differ. */
export class OtherOptions extends UsageError {
  static code = "tunnel.other_options";
}

/** The JavaScript packages run outside a page, such as in Node, where there are no Web Workers. */
export class PageNeeded extends UsageError {
  static code = "tunnel.page_needed";
}

/** The tunnel was disconnected while it was being set up. */
export class SetupCancelled extends Closed {
  static code = "tunnel.setup_cancelled";
}

/** The tunnel was not ready in time. Field `step` says what it was waiting for. */
export class SetupTimedOut extends NetworkFailure {
  static code = "tunnel.setup_timed_out";
}

/** A datagram that does not fit into an IP packet. */
export class DatagramTooBig extends UsageError {
  static code = "udp.datagram_too_big";
}

/** The server closed the connection before it had answered the handshake. */
export class HandshakeAborted extends NetworkFailure {
  static code = "websocket.handshake_aborted";
}

/** The page could not start the worker; raised by the page's side only. */
export class WorkerFailed extends NetworkFailure {
  static code = "worker.failed";
}

/** The server refuses in a way in which one that is too old for EDNS does; it is asked once more without. */
export class FormatNotUnderstood extends ServerFailed {
  static code = "dns.format_not_understood";
}

/** DNS over HTTPS was answered with an HTTP error, or with something else than a DNS message. */
export class HttpsRefused extends ServerFailed {
  static code = "dns.https_refused";
}

/** The name exists, but has no IPv4 address. */
export class NoAddress extends NoData {
  static code = "dns.no_address";
}

/** The server redirects to plain http, and the tunnel has `https_only`. */
export class InsecureRedirect extends RedirectRefused {
  static code = "fetch.insecure_redirect";
}

/** Another scheme than http and https. */
export class UnsupportedScheme extends BadUrl {
  static code = "fetch.unsupported_scheme";
}

/** User name or password inside the URL. */
export class UrlHasCredentials extends BadUrl {
  static code = "fetch.url_has_credentials";
}

/** Frames that carry nothing, faster than any honest server sends them. */
export class Http2Flood extends Http2Violated {
  static code = "http2.flood";
}

/** The certificate's period of validity is over. */
export class CertificateExpired extends CertificateRefused {
  static code = "tls.certificate_expired";
}

/** The certificate's period of validity has not begun. */
export class CertificateNotYetValid extends CertificateRefused {
  static code = "tls.certificate_not_yet_valid";
}

/** The certificate has been revoked. */
export class CertificateRevoked extends CertificateRefused {
  static code = "tls.certificate_revoked";
}

/** The server took none of the cipher suites, which all have ECDHE, and so forward secrecy. */
export class NoCipherInCommon extends HandshakeFailed {
  static code = "tls.no_cipher_in_common";
}

/** What answered was not TLS. */
export class NotTls extends HandshakeFailed {
  static code = "tls.not_tls";
}

/** The certificate's chain ends at nobody that is trusted. */
export class UnknownIssuer extends CertificateRefused {
  static code = "tls.unknown_issuer";
}

/** The certificate is for other names. */
export class WrongHost extends CertificateRefused {
  static code = "tls.wrong_host";
}

/** What was given to `send` is no message. */
export class InvalidWebSocketMessage extends UsageError {
  static code = "websocket.invalid_message";
}

/** An option of a WebSocket has a wrong type or is out of its range. */
export class InvalidWebSocketOption extends UsageError {
  static code = "websocket.invalid_option";
}

/** The WebSocket did not open in time: name, TCP, TLS and handshake together. */
export class OpenTimedOut extends NetworkFailure {
  static code = "websocket.open_timed_out";
}

/** The WebSocket is closed. Fields `close_code` (1006 without a close frame) and `sent_code`. */
export class WebSocketConnectionClosed extends Closed {
  static code = "websocket.closed";
}

/** The data of a ping or pong does not fit in a control frame. */
export class ControlFrameTooLong extends UsageError {
  static code = "websocket.control_frame_too_long";
}

/** A close code that must not be sent, or a reason that does not fit in a control frame. */
export class InvalidCloseCode extends UsageError {
  static code = "websocket.invalid_close_code";
}

/** The server's answer to the handshake does not open a WebSocket. */
export class InvalidHandshake extends PeerIncompatible {
  static code = "websocket.invalid_handshake";
}

/** The URL is none of a WebSocket. */
export class InvalidURI extends UsageError {
  static code = "websocket.invalid_uri";
}

/** Two tasks want to receive from the same WebSocket, or a ping's data is in use already. */
export class ConcurrencyError extends UsageError {
  static code = "websocket.concurrency";
}

/** A ws: URL, and the tunnel allows encrypted connections only. */
export class InsecureWebSocket extends InvalidURI {
  static code = "websocket.insecure";
}

/** The WebSocket was closed with another code, or without the closing handshake. */
export class ConnectionClosedError extends WebSocketConnectionClosed {
  static code = "websocket.closed_error";
}

/** The WebSocket was closed in order, with code 1000, 1001 or none. */
export class ConnectionClosedOK extends WebSocketConnectionClosed {
  static code = "websocket.closed_ok";
}

/** The server's answer to the handshake is not HTTP/1.1. */
export class InvalidHandshakeMessage extends InvalidHandshake {
  static code = "websocket.handshake_not_http";
}

/** The answer to the handshake is larger than any honest one. */
export class HandshakeTooLarge extends InvalidHandshake {
  static code = "websocket.handshake_too_large";
}

/** A header of the answer is missing or has a wrong value. Field `header`. */
export class InvalidHeader extends InvalidHandshake {
  static code = "websocket.invalid_header";
}

/** The server answered with another status than 101. Field `status`; redirects are not followed. */
export class InvalidStatus extends InvalidHandshake {
  static code = "websocket.invalid_status";
}

/** The server chose a subprotocol or an extension that was not offered. */
export class NegotiationError extends InvalidHandshake {
  static code = "websocket.negotiation";
}

/** The answer has no right Upgrade or Connection header. */
export class InvalidUpgrade extends InvalidHeader {
  static code = "websocket.invalid_upgrade";
}

/** Code to class.
 * @type {ReadonlyMap<string, typeof MixError>} */
export const ERROR_CLASSES = new Map(/** @type {[string, typeof MixError][]} */ ([
  ["mix.usage", UsageError],
  ["mix.peer_misbehaved", PeerMisbehaved],
  ["mix.peer_incompatible", PeerIncompatible],
  ["mix.network_failure", NetworkFailure],
  ["mix.closed", Closed],
  ["rpc.internal", InternalFailure],
  ["addressing.invalid_node_address", InvalidNodeAddress],
  ["addressing.invalid_recipient", InvalidRecipient],
  ["addressing.malformed_node_address", MalformedNodeAddress],
  ["addressing.malformed_recipient", MalformedRecipient],
  ["addressing.unknown_key_rotation", UnknownKeyRotation],
  ["codec.malformed", MalformedMessage],
  ["cookies.disabled", CookiesDisabled],
  ["cookies.invalid", InvalidCookie],
  ["crypto.authentication_failed", AuthenticationFailed],
  ["crypto.invalid_public_key", InvalidPublicKey],
  ["directory.internal_gateways", InternalGateways],
  ["directory.plain_http", PlainHttpDirectory],
  ["directory.stale", StaleDirectory],
  ["directory.status", DirectoryRefused],
  ["dns.bad_address", BadAddress],
  ["dns.bad_name", BadName],
  ["dns.bad_option", BadLookupOption],
  ["dns.bad_record_type", BadRecordType],
  ["dns.bad_server", BadDnsServer],
  ["dns.malformed_answer", MalformedAnswer],
  ["dns.name_not_found", NameNotFound],
  ["dns.no_data", NoData],
  ["dns.query_refused", QueryRefused],
  ["dns.server_failed", ServerFailed],
  ["dns.timed_out", ResolvingTimedOut],
  ["fetch.bad_body", BadBody],
  ["fetch.bad_header", BadHeader],
  ["fetch.bad_integrity", BadIntegrity],
  ["fetch.bad_method", BadMethod],
  ["fetch.bad_redirect", BadRedirect],
  ["fetch.bad_url", BadUrl],
  ["fetch.body_not_replayable", BodyNotReplayable],
  ["fetch.forbidden_header", ForbiddenHeader],
  ["fetch.https_only", PlainHttpRefused],
  ["fetch.integrity_too_large", IntegrityTooLarge],
  ["fetch.invalid_option", InvalidFetchOption],
  ["fetch.redirect_refused", RedirectRefused],
  ["fetch.too_many_redirects", TooManyRedirects],
  ["gateway.authentication_rejected", AuthenticationRejected],
  ["gateway.client_timed_out", ClientTimedOut],
  ["gateway.closed", GatewayConnectionClosed],
  ["gateway.complained", GatewayComplained],
  ["gateway.handshake_rejected", HandshakeRejected],
  ["gateway.incompatible_version", IncompatibleGateway],
  ["gateway.invalid_client_signature", InvalidClientSignature],
  ["gateway.invalid_signature", InvalidGatewaySignature],
  ["gateway.malformed_frame", GatewayMalformedFrame],
  ["gateway.not_authenticated", NotAuthenticated],
  ["gateway.out_of_bandwidth", OutOfBandwidth],
  ["gateway.paid_bandwidth", PaidBandwidthWanted],
  ["gateway.stale_request", GatewayStaleRequest],
  ["gateway.timed_out", GatewayTimedOut],
  ["gateway.too_many_registrations", TooManyRegistrations],
  ["gateway.unexpected_frame", GatewayUnexpectedFrame],
  ["gateway.unknown_client", UnknownClient],
  ["gateway.unsupported_client_version", UnsupportedClientVersion],
  ["http.bad_encoding", BadEncoding],
  ["http.body_cut", BodyCut],
  ["http.client_closed", ClientClosed],
  ["http.connect_timed_out", HttpConnectTimedOut],
  ["http.decompression_bomb", DecompressionBomb],
  ["http.encoding_cut", EncodingCut],
  ["http.head_too_large", HeadTooLarge],
  ["http.idle_timed_out", IdleTimedOut],
  ["http.malformed_response", MalformedResponse],
  ["http.no_response", NoResponse],
  ["http.pool_timed_out", PoolTimedOut],
  ["http.response_closed", ResponseClosed],
  ["http.response_timed_out", ResponseTimedOut],
  ["http.total_timed_out", TotalTimedOut],
  ["http.write_timed_out", WriteTimedOut],
  ["http2.connection_silent", ConnectionSilent],
  ["http2.http11_required", Http11Required],
  ["http2.not_processed", NotProcessed],
  ["http2.protocol_error", Http2Violated],
  ["http2.stream_reset", StreamReset],
  ["http2.wrong_length", WrongLength],
  ["ip.address_in_use", AddressInUse],
  ["ip.malformed_packet", MalformedPacket],
  ["ip.no_source_address", NoSourceAddress],
  ["ip.ports_exhausted", PortsExhausted],
  ["ip.socket_closed", SocketClosed],
  ["ip.unreachable", Unreachable],
  ["ipr.closed", IprClosed],
  ["ipr.exit_denied", ExitDenied],
  ["ipr.exit_lost", ConnectionLost],
  ["ipr.exit_unanswered", ExitUnanswered],
  ["ipr.invalid_packet_size", InvalidPacketSize],
  ["ipr.not_connected", NotConnected],
  ["messages.inconsistent_fragment", InconsistentFragment],
  ["messages.invalid_fragment", InvalidFragment],
  ["messages.invalid_fragment_length", InvalidFragmentLength],
  ["messages.invalid_message", InvalidMessage],
  ["messages.malformed_ack", MalformedAck],
  ["messages.malformed_fragment", MalformedFragment],
  ["messages.malformed_padding", MalformedPadding],
  ["messages.no_topology", NoTopology],
  ["messages.truncated_payload", TruncatedPayload],
  ["messages.unexpected_payload_length", UnexpectedPayloadLength],
  ["messages.unknown_surb", UnknownSurb],
  ["messages.unsolicited_reply", UnsolicitedReply],
  ["mixwire.malformed_frame", MixwireMalformedFrame],
  ["node_api.invalid_signature", InvalidSignature],
  ["node_api.stale_request", NodeApiStaleRequest],
  ["node_api.unusable_address", UnusableAddress],
  ["noise.malformed_frame", NoiseMalformedFrame],
  ["noise.not_ready", LinkNotReady],
  ["noise.spent", LinkSpent],
  ["noise.unexpected_frame", NoiseUnexpectedFrame],
  ["platform.get_failed", GetFailed],
  ["platform.storage_in_use", StorageInUse],
  ["platform.storage_unavailable", StorageUnavailable],
  ["platform.websocket_closed", WebSocketClosed],
  ["platform.websocket_failed", WebSocketFailed],
  ["rpc.cancelled", CallCancelled],
  ["rpc.credit_exceeded", CreditExceeded],
  ["rpc.invalid_parameters", InvalidParameters],
  ["rpc.malformed", MalformedRpcMessage],
  ["rpc.too_many_calls", TooManyCalls],
  ["rpc.unknown_method", UnknownMethod],
  ["socket.invalid_argument", InvalidArgument],
  ["sphinx.bad_mac", BadMac],
  ["sphinx.bad_payload", BadPayload],
  ["sphinx.invalid_route", InvalidRoute],
  ["sphinx.malformed_mix_packet", MalformedMixPacket],
  ["sphinx.malformed_surb", MalformedSurb],
  ["sphinx.message_too_long", MessageTooLong],
  ["sphinx.unknown_packet_size", UnknownPacketSize],
  ["sphinx.unknown_routing_flag", UnknownRoutingFlag],
  ["tcp.aborted", ConnectionAborted],
  ["tcp.closed", ConnectionClosed],
  ["tcp.connect_timed_out", ConnectTimedOut],
  ["tcp.connection_refused", ConnectionRefused],
  ["tcp.connection_reset", ConnectionReset],
  ["tcp.crashed", ConnectionCrashed],
  ["tcp.invalid_config", InvalidTcpConfig],
  ["tcp.timed_out", ConnectionTimedOut],
  ["tls.bad_ca_certificate", BadCaCertificate],
  ["tls.broken", TlsBroken],
  ["tls.certificate_refused", CertificateRefused],
  ["tls.handshake_cut", HandshakeCut],
  ["tls.handshake_failed", HandshakeFailed],
  ["tls.truncated", TlsTruncated],
  ["topology.document_too_large", DocumentTooLarge],
  ["topology.empty_layer", EmptyLayer],
  ["topology.inconsistent_documents", InconsistentDocuments],
  ["topology.malformed_document", MalformedDocument],
  ["topology.no_compatible_exit", NoCompatibleExit],
  ["topology.no_diverse_route", NoDiverseRoute],
  ["topology.no_entry_gateway", NoEntryGateway],
  ["topology.no_exit", NoExit],
  ["topology.no_gateways", NoGateways],
  ["topology.no_quorum", NoQuorum],
  ["topology.no_tls_gateway", NoTlsGateway],
  ["topology.snapshot_expired", SnapshotExpired],
  ["topology.unknown_gateway", UnknownGateway],
  ["topology.unsigned_directory", UnsignedDirectory],
  ["tunnel.already_initialised", TunnelAlreadyInitialised],
  ["tunnel.closed", TunnelClosed],
  ["tunnel.crashed", TunnelCrashed],
  ["tunnel.exit_changed", ExitChanged],
  ["tunnel.exit_not_listed", PinnedExitUnreachable],
  ["tunnel.exit_policy_denied", ExitPolicyDenied],
  ["tunnel.gateway_lost", GatewayConnectionLost],
  ["tunnel.gateway_not_listed", PinnedGatewayMissing],
  ["tunnel.gateway_silent", GatewaySilent],
  ["tunnel.identity_not_kept", IdentityNotKept],
  ["tunnel.identity_unreadable", UnreadableIdentity],
  ["tunnel.invalid_option", InvalidOption],
  ["tunnel.mixnet_silent", MixnetSilent],
  ["tunnel.not_ready", TunnelNotReady],
  ["tunnel.not_set_up", TunnelNotSetUp],
  ["tunnel.not_shared", TunnelNotShared],
  ["tunnel.other_options", OtherOptions],
  ["tunnel.page_needed", PageNeeded],
  ["tunnel.setup_cancelled", SetupCancelled],
  ["tunnel.setup_timed_out", SetupTimedOut],
  ["udp.datagram_too_big", DatagramTooBig],
  ["websocket.handshake_aborted", HandshakeAborted],
  ["worker.failed", WorkerFailed],
  ["dns.format_not_understood", FormatNotUnderstood],
  ["dns.https_refused", HttpsRefused],
  ["dns.no_address", NoAddress],
  ["fetch.insecure_redirect", InsecureRedirect],
  ["fetch.unsupported_scheme", UnsupportedScheme],
  ["fetch.url_has_credentials", UrlHasCredentials],
  ["http2.flood", Http2Flood],
  ["tls.certificate_expired", CertificateExpired],
  ["tls.certificate_not_yet_valid", CertificateNotYetValid],
  ["tls.certificate_revoked", CertificateRevoked],
  ["tls.no_cipher_in_common", NoCipherInCommon],
  ["tls.not_tls", NotTls],
  ["tls.unknown_issuer", UnknownIssuer],
  ["tls.wrong_host", WrongHost],
  ["websocket.invalid_message", InvalidWebSocketMessage],
  ["websocket.invalid_option", InvalidWebSocketOption],
  ["websocket.open_timed_out", OpenTimedOut],
  ["websocket.closed", WebSocketConnectionClosed],
  ["websocket.control_frame_too_long", ControlFrameTooLong],
  ["websocket.invalid_close_code", InvalidCloseCode],
  ["websocket.invalid_handshake", InvalidHandshake],
  ["websocket.invalid_uri", InvalidURI],
  ["websocket.concurrency", ConcurrencyError],
  ["websocket.insecure", InsecureWebSocket],
  ["websocket.closed_error", ConnectionClosedError],
  ["websocket.closed_ok", ConnectionClosedOK],
  ["websocket.handshake_not_http", InvalidHandshakeMessage],
  ["websocket.handshake_too_large", HandshakeTooLarge],
  ["websocket.invalid_header", InvalidHeader],
  ["websocket.invalid_status", InvalidStatus],
  ["websocket.negotiation", NegotiationError],
  ["websocket.invalid_upgrade", InvalidUpgrade],
]));
