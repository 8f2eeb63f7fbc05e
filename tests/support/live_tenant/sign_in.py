"""The authentication and OAuth services: certificates of either version, tokens, refresh token rotation."""

import base64
import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

LIFETIME_MS = 35 * 60_000
STALE_SECONDS = 300
# Status, body.
Answer = tuple[int, dict[str, Any] | None]

_BAD_CREDENTIAL = {"status": "FAILURE_BAD_CREDENTIAL", "statusMessage": "Login failed: credential is not valid."}
_BAD_HEADER = {"status": "FAILURE_BAD_HEADER", "statusMessage": "Invalid header. Verify the header."}
_UNKNOWN_FIELD = {"status": "FAILURE_BAD_REQUEST", "statusMessage": "Unrecognized field."}


class SignIn:
    """Tokens, and the credentials that earn one.

    Args:
        now_ms: The clock of the service.
        version: `v2`, or `v1` for a server that refuses the new field.
        form: `pem` expects the certificate as whole PEM text, `der` as the body of the PEM.
    """

    def __init__(self, now_ms: Callable[[], int], version: str = "v2", form: str = "pem") -> None:
        self.now_ms, self.version, self.form = now_ms, version, form
        self.passwords = {"auditor@example.com": "Pässword: 100% right"}
        self.certificate: x509.Certificate | None = None
        self.client_id, self.client_secret, self.refresh_token = "client-1", "", "refresh-0"
        self.tokens: dict[str, int] = {}
        # Tokens of every kind, which must not appear anywhere.
        self.issued: list[str] = []
        # Mistakes of a sign-in that no server would notice, such as sending a key.
        self.violations: list[str] = []
        self.refusals: list[str] = []
        self.allowed_address = True
        self.pending_polls = 1
        self._used: set[bytes] = set()

    def is_good(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        return scheme == "AnaplanAuthToken" and self.tokens.get(token, 0) > self.now_ms()

    def answer(self, method: str, path: str, header: str, body: bytes) -> Answer:
        if (method, path) == ("POST", "/token/authenticate"):
            return self._authenticate(header, body)
        if path not in ("/token/refresh", "/token/validate", "/token/logout"):
            return 404, {"status": "FAILURE_NOT_FOUND"}
        if not re.fullmatch(r"AnaplanAuthToken \S+", header):
            return 400, _BAD_HEADER
        if not self.is_good(header):
            return 401, _BAD_CREDENTIAL
        token = header.partition(" ")[2]
        if path == "/token/logout":
            del self.tokens[token]
            return 204, None
        if path == "/token/validate":
            info = {"expiresAt": self.tokens[token], "tokenId": "9aa99999-1111-11a2-b333-abc11223ab12"}
            who = {"userGuid": "8a" * 16, "userId": "auditor@example.com", "customerGuid": "8b" * 16}
            return 200, {"status": "SUCCESS", "statusMessage": "Token validated", "tokenInfo": info, "userInfo": who}
        self.tokens[token] = self.now_ms() + LIFETIME_MS
        return 200, self._token(token, "Token refreshed")

    def new_token(self) -> str:
        token = secrets.token_urlsafe(48)
        self.tokens[token] = self.now_ms() + LIFETIME_MS
        self.issued.append(token)
        return token

    def _authenticate(self, header: str, body: bytes) -> Answer:
        scheme, _, value = header.partition(" ")
        try:
            shown = base64.b64decode(value, validate=True)
        except ValueError:
            return 401, _BAD_HEADER
        if scheme == "Basic":
            email, _, password = shown.decode("utf-8", "replace").partition(":")
            refused = "" if self.passwords.get(email) == password and self.allowed_address else "password"
        elif scheme == "CACertificate":
            status, refused = self._check_certificate(shown, json.loads(body or b"{}"))
            if status == 400:
                self.refusals.append(refused)
                return 400, _UNKNOWN_FIELD
        else:
            return 401, _BAD_HEADER
        if refused:
            self.refusals.append(refused)
            return 401, _BAD_CREDENTIAL
        return 201, self._token(self.new_token(), "Login successful")

    def _token(self, token: str, message: str) -> dict[str, Any]:
        # For sign-in by JWT. Other clients must ignore the field.
        later = secrets.token_urlsafe(24)
        self.issued.append(later)
        info = {
            "expiresAt": self.tokens[token],
            "tokenId": "9aa99999-1111-11a2-b333-abc11223ab12",
            "tokenValue": token,
            "refreshTokenId": "3ab11111-2222-33e4-a111-01a1b222cd3a",
        }
        meta = {"validationUrl": "https://auth.anaplan.com/token/validate"}
        return {
            "meta": meta,
            "status": "SUCCESS",
            "statusMessage": message,
            "tokenInfo": info,
            "refreshToken": later,
        }

    def _check_certificate(self, shown: bytes, body: dict[str, str]) -> tuple[int, str]:
        """Return the status and reason of a refusal; the reason is empty if the certificate may sign in."""
        self._look_for_more_than_a_certificate(shown)
        extra = body.keys() - {"encodedData", "encodedSignedData"}
        if extra - ({"encodedDataFormat"} if self.version == "v2" else set()):
            return 400, f"unknown field {extra}"
        if self.version == "v2" and body.get("encodedDataFormat") != "v2":
            return 401, "v1 is not accepted"
        try:
            load = x509.load_pem_x509_certificate if self.form == "pem" else x509.load_der_x509_certificate
            certificate = load(shown)
            data, signature = (
                base64.b64decode(body[key], validate=True) for key in ("encodedData", "encodedSignedData")
            )
            certificate.public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA512())  # type: ignore[union-attr, call-arg]
        except (ValueError, KeyError, InvalidSignature) as problem:
            return 401, f"no certificate, or another signature ({type(problem).__name__})"
        if certificate != self.certificate:
            return 401, "another certificate is registered"
        return 401, self._check_data(data)

    def _check_data(self, data: bytes) -> str:
        if len(data) < 100 or data in self._used:
            return "too short, or signed before"
        self._used.add(data)
        if self.version == "v2":
            stamp = int.from_bytes(data[:8], "big")
            if abs(stamp - self.now_ms() // 1000) > STALE_SECONDS:
                return "the stamp is stale"
        return ""

    def _look_for_more_than_a_certificate(self, shown: bytes) -> None:
        if b"PRIVATE KEY" in shown:
            self.violations.append("a private key was sent")
        is_text = shown.startswith(b"-----BEGIN CERTIFICATE-----") and shown.count(b"-----BEGIN") == 1
        is_body = shown.startswith(b"\x30\x82") and b"-----" not in shown
        if not (is_text or is_body):
            self.violations.append("something else than exactly one certificate was sent")

    def oauth(self, path: str, kind: str, body: bytes) -> Answer:
        """Answer the OAuth service's requests, as JSON or as a form."""
        if kind.startswith("application/json"):
            fields = json.loads(body or b"{}")
        else:
            fields = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        if fields.get("client_id") != self.client_id or fields.get("client_secret", "") != self.client_secret:
            return 403, {"error": "invalid_client", "error_description": "Unknown client."}
        if path == "/oauth/device/code":
            address = "https://iam.anaplan.com/activate"
            return 200, {
                "device_code": "device-1",
                "user_code": "WXYZ-ABCD",
                "verification_uri": address,
                "verification_uri_complete": f"{address}?user_code=WXYZ-ABCD",
                "expires_in": 600,
                "interval": 1,
            }
        return self._grant(fields)

    def _grant(self, fields: dict[str, str]) -> Answer:
        if fields.get("grant_type", "").endswith(":device_code") and fields.get("device_code") == "device-1":
            if self.pending_polls:
                self.pending_polls -= 1
                return 403, {"error": "authorization_pending", "error_description": "User has yet to authorize."}
        elif fields.get("grant_type") != "refresh_token" or fields.get("refresh_token") != self.refresh_token:
            return 403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}
        self.refresh_token = f"v1.{secrets.token_urlsafe(40)}"
        return 200, {
            "access_token": self.new_token(),
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": 2100,
            "scope": "openid profile email offline_access",
        }
