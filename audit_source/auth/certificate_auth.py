"""Sign-in with a certificate: its private key signs a time stamp and random bytes."""

import base64
import os
from typing import Any, NamedTuple

import requests
from dlt.common import logger

from ..client import Client
from .certificates import load_key_pair, now_utc, sign
from .credentials import CertificateCredentials
from .session_auth import SessionAuth, token_in
from .token_auth import Token

# A larger difference between the time stamp and Anaplan's clock explains a refused sign-in.
STAMP_TOLERANCE_SECONDS = 60.0


class SignInForm(NamedTuple):
    """How a certificate signs in: version of the signed data, and whether the certificate is sent as DER."""

    version: int
    der: bool

    def __str__(self) -> str:
        return f"v{self.version} with the certificate as {'DER' if self.der else 'PEM'}"


V2_PEM, V1_PEM, V2_DER = SignInForm(2, False), SignInForm(1, False), SignInForm(2, True)
# Forms that may be accepted after an answer with this status. Only 400 can mean that the server does not know the field
# of v2. 401 refuses the credentials, and a downgrade would not help.
_OTHER_FORMS = {400: (V1_PEM, V2_DER), 401: (V2_DER,)}


class CertificateAuth(SessionAuth):
    """Signs in with a certificate ("v2").

    A server may differ in three ways, and each is tried once before the sign-in counts as refused: the time stamp by
    Anaplan's clock if this machine's is wrong; the first version ("v1", without a time stamp) after a 400, as from a
    server that does not know the new field; and the certificate as DER instead of PEM.
    """

    def __init__(self, client: Client, auth_url: str, credentials: CertificateCredentials, **kwargs: Any) -> None:
        super().__init__(client, auth_url, **kwargs)
        # Read here, so that a wrong path or password is reported before any request.
        self._pair = load_key_pair(
            credentials.certificate, credentials.private_key, credentials.private_key_password or None
        )
        self._pair.check_end(now_utc())
        self._form = V2_PEM

    def _sign_in(self) -> Token:
        offset = self._client.clock_offset_seconds
        token, refusal = self._try(self._form)
        # Positive if the time stamp came from a clock behind Anaplan's.
        behind = self._client.clock_offset_seconds - offset
        if token is None and self._form.version == 2 and abs(behind) > STAMP_TOLERANCE_SECONDS:
            token, refusal = self._try(self._form)
        if token is None and self._form == V2_PEM:
            token = self._try_other_forms(refusal.status_code)
        if token is None:
            raise self._refused(refusal, behind if abs(behind) > STAMP_TOLERANCE_SECONDS else 0.0)
        return token

    def _try_other_forms(self, status: int) -> Token | None:
        for form in _OTHER_FORMS.get(status, ()):
            token, _ = self._try(form)
            if token is not None:
                logger.info(f"Anaplan refused the certificate sign-in as {self._form} and accepted it as {form}.")
                self._form = form
                return token
        return None

    def _try(self, form: SignInForm) -> tuple[Token | None, requests.Response]:
        response = self._client.fetch("POST", f"{self._url}/authenticate", **self._request(form))
        return token_in(response), response

    def _request(self, form: SignInForm | None = None) -> dict[str, Any]:
        form = form or self._form
        certificate = self._pair.der if form.der else self._pair.pem
        # New for each request: 8 bytes of epoch seconds, big-endian, then random bytes.
        stamp = b"" if form.version == 1 else (self._client.now_ms() // 1000).to_bytes(8, "big")
        data = stamp + os.urandom(100 - len(stamp))
        body = {
            "encodedData": base64.b64encode(data).decode(),
            "encodedSignedData": base64.b64encode(sign(self._pair.key, data)).decode(),
        }
        if form.version == 2:
            body["encodedDataFormat"] = "v2"
        return {"headers": {"Authorization": f"CACertificate {base64.b64encode(certificate).decode()}"}, "json": body}
