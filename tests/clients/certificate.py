"""A certificate for this machine, made by openssl for each run, and how each kind of client is made to trust it."""

import base64
import hashlib
import os
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
NAMES = ["-subj", "/CN=halloo", "-addext", "subjectAltName=IP:127.0.0.1"]


def certificate_in(directory):
    """A new certificate, trusted by programs started from now on; None without openssl."""
    try:
        certificate = Certificate(directory)
    except (OSError, subprocess.SubprocessError) as error:
        print("skipped tls: %s" % error, flush=True)
        return None
    certificate.believe()
    return certificate


class Certificate:
    """`flags` are for our server, `chromium_flags` for the browser, which trusts only this key."""

    def __init__(self, directory):
        self.pem, key = directory / "certificate.pem", directory / "key.pem"
        openssl("req", "-x509", "-days", "7", *NEW_KEY, *NAMES, "-keyout", key, "-out", self.pem)
        self.flags = ["--tls-cert", self.pem, "--tls-key", key]
        public_key = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
        fingerprint = base64.b64encode(hashlib.sha256(public_key).digest()).decode()
        self.chromium_flags = ["--ignore-certificate-errors-spki-list=" + fingerprint]

    def believe(self):
        """Makes Node and Python trust the certificate from now on, besides the system's or in place of them."""
        os.environ["NODE_EXTRA_CA_CERTS"] = os.environ["SSL_CERT_FILE"] = str(self.pem)


def openssl(*arguments):
    words = ["openssl", *map(str, arguments)]
    ended = subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return ended.stdout
