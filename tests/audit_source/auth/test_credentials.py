"""What the caller passes as credentials, and what is sent."""

from audit_source.auth.credentials import CertificateCredentials, PasswordCredentials, choose_credentials


def test_only_passwords_keep_the_spaces_around_them() -> None:
    password = PasswordCredentials()
    password.email, password.password = " auditor@example.com\n", " secret "
    certificate = CertificateCredentials()
    certificate.certificate, certificate.private_key, certificate.private_key_password = "a.pem\n", " a.key", "secret "
    for given in (password, certificate):
        assert choose_credentials(given, None, None) is given
    assert (password.email, password.password) == ("auditor@example.com", " secret ")
    assert (certificate.certificate, certificate.private_key) == ("a.pem", "a.key")
    assert certificate.private_key_password == "secret "
