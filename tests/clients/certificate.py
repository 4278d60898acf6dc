"""A certificate for this machine, made by openssl for each run, and how each kind of client comes to believe it."""

import base64
import hashlib
import os
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
NAMES = ["-subj", "/CN=halloo", "-addext", "subjectAltName=IP:127.0.0.1"]


def certificate_in(directory):
    """A new one, believed by what is started from now on; None where there is no openssl."""
    try:
        certificate = Certificate(directory)
    except (OSError, subprocess.SubprocessError) as error:
        print("skipped tls: %s" % error, flush=True)
        return None
    certificate.believe()
    return certificate


class Certificate:
    """`flags` are for our server, `chromium_flags` for the browser, which believes nothing but this key."""

    def __init__(self, directory):
        self.pem, key = directory / "certificate.pem", directory / "key.pem"
        openssl("req", "-x509", "-days", "7", *NEW_KEY, *NAMES, "-keyout", key, "-out", self.pem)
        self.flags = ["--tls-cert", self.pem, "--tls-key", key]
        public_key = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
        fingerprint = base64.b64encode(hashlib.sha256(public_key).digest()).decode()
        self.chromium_flags = ["--ignore-certificate-errors-spki-list=" + fingerprint]

    def believe(self):
        """What Node and Python believe beside, or instead of, what the system does, from now on."""
        os.environ["NODE_EXTRA_CA_CERTS"] = os.environ["SSL_CERT_FILE"] = str(self.pem)


def openssl(*arguments):
    words = ["openssl", *map(str, arguments)]
    ended = subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return ended.stdout
