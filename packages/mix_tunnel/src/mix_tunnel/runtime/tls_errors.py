"""What can go wrong in TLS, as typed errors, and the mapping from OpenSSL's words to them."""

from __future__ import annotations

from mix_protocol.errors import MixError, NetworkFailure, PeerIncompatible, PeerMisbehaved, UsageError


class BadCaCertificate(UsageError):
    """A certificate authority given by the caller can't be read."""

    code = "tls.bad_ca_certificate"
    message = "a CA certificate can't be read; give PEM text that begins with -----BEGIN CERTIFICATE-----"


class CertificateRefused(PeerMisbehaved):
    """The server's certificate does not prove that this is the server; root of the reasons below."""

    code = "tls.certificate_refused"
    message = "the server's certificate can't be trusted"


class CertificateExpired(CertificateRefused):
    """The certificate's period of validity is over."""

    code = "tls.certificate_expired"
    message = "the server's certificate has expired; its owner has to renew it (or this machine's clock is wrong)"


class CertificateNotYetValid(CertificateRefused):
    """The certificate's period of validity has not begun."""

    code = "tls.certificate_not_yet_valid"
    message = "the server's certificate is not valid yet; check this machine's clock"


class UnknownIssuer(CertificateRefused):
    """The certificate's chain ends at nobody that is trusted."""

    code = "tls.unknown_issuer"
    message = (
        "the server's certificate was issued by an authority that is not trusted; "
        "if it is a private one, give its certificate as a CA certificate"
    )


class WrongHost(CertificateRefused):
    """The certificate is for other names."""

    code = "tls.wrong_host"
    message = "the server's certificate belongs to another host name; check the name in the URL"


class CertificateRevoked(CertificateRefused):
    """The certificate has been revoked."""

    code = "tls.certificate_revoked"
    message = "the server's certificate has been revoked; it must not be trusted"


class HandshakeFailed(PeerIncompatible):
    """The two sides found no way to speak TLS with each other."""

    code = "tls.handshake_failed"
    message = "no TLS connection could be agreed on with the server; it may need an old version or other ciphers"


class NoCipherInCommon(HandshakeFailed):
    """The server took none of the cipher suites, which all have ECDHE, and so forward secrecy."""

    code = "tls.no_cipher_in_common"
    message = (
        "the server agreed to no cipher suite with ECDHE; it may know none but RSA key exchange, which is refused "
        "since it has no forward secrecy: whoever gets the server's key later could read everything"
    )


class NotTls(HandshakeFailed):
    """What answered was not TLS."""

    code = "tls.not_tls"
    message = "the server does not speak TLS on this port; for a plain site use http:// instead of https://"


class HandshakeCut(NetworkFailure):
    """The connection ended while TLS was being agreed on."""

    code = "tls.handshake_cut"
    message = "the server closed the connection during the TLS handshake; try again, or check that it serves https"


class TlsTruncated(NetworkFailure):
    """The connection ended without TLS's own goodbye (close_notify), so data may be missing."""

    code = "tls.truncated"
    message = "the server's connection was cut without TLS's closing message, so data may be missing; try again"


class TlsBroken(PeerMisbehaved):
    """A record did not verify, or an alert arrived, after the handshake."""

    code = "tls.broken"
    message = "the TLS connection broke: a record was not authentic or the server sent an alert"


# X509_V_ERR_* of OpenSSL's x509_vfy.h. Missing and untrusted issuers come by many names.
_BY_VERIFY_CODE: dict[int, type[CertificateRefused]] = {
    2: UnknownIssuer,  # unable to get issuer certificate
    9: CertificateNotYetValid,
    10: CertificateExpired,
    18: UnknownIssuer,  # self-signed leaf
    19: UnknownIssuer,  # self-signed certificate in chain
    20: UnknownIssuer,  # unable to get local issuer certificate
    21: UnknownIssuer,  # unable to verify the first certificate
    23: CertificateRevoked,
    27: UnknownIssuer,  # certificate not trusted
    62: WrongHost,  # host name mismatch
    64: WrongHost,  # IP address mismatch
}

# Reasons in OpenSSL's error strings for bytes that are no TLS record at all.
_NOT_TLS_REASONS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL"})


# Alerts by which a server says that it takes none of the suites (RFC 8446 section 6.2).
_NO_CIPHER_REASONS = frozenset({"SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY"})


def handshake_error(error: Exception) -> MixError:
    """The typed error for an `ssl.SSLError` raised by the handshake."""
    verify_code = getattr(error, "verify_code", None)
    reason = getattr(error, "reason", None) or ""
    if verify_code is not None:
        cls = _BY_VERIFY_CODE.get(verify_code, CertificateRefused)
        return cls(verify_code=int(verify_code), reason=str(getattr(error, "verify_message", "")))
    if reason in _NOT_TLS_REASONS:
        return NotTls(reason=reason)
    if reason in _NO_CIPHER_REASONS:
        return NoCipherInCommon(reason=reason)
    return HandshakeFailed(reason=reason)
