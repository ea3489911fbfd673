# SPDX-License-Identifier: MIT
"""An authority, and a receiver's certificate by it, made when a test needs them."""

import subprocess

from lab import NODE

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Certificates:
    """An authority, and the receiver's certificate by it."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = folder / "authority.pem"
        self.certificate, self.key = folder / "receiver.pem", folder / "receiver.key"
        request, names = folder / "receiver.csr", folder / "names"
        names.write_text(f"subjectAltName=DNS:receiver.test,IP:127.0.0.1,IP:{NODE[4]},IP:{NODE[6]}\n")
        self.openssl("req", "-x509", *EC, "-keyout", folder / "authority.key", "-out", self.authority, "-subj",
                     "/CN=authority")
        self.openssl("req", *EC, "-keyout", self.key, "-out", request, "-subj", "/CN=receiver")
        self.openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", folder / "authority.key",
                     "-CAcreateserial", "-extfile", names, "-out", self.certificate)
        self.key.chmod(0o600)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def of_receiver(self):
        return ("--tls-certificate", self.certificate, "--tls-key", self.key)

    def of_sender(self):
        return ("--tls-ca", self.authority)
