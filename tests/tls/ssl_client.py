"""An echo over TLS by Python's own ssl module: HOST:PORT AUTHORITY-PEM 1.2|1.3."""

import socket
import ssl
import sys

address, authority, version = sys.argv[1:]
host, port = address.split(":")
context = ssl.create_default_context(cafile=authority)
only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
context.minimum_version = context.maximum_version = only
message = bytes(range(256)) * 400

# An end without close_notify must be an error.
with socket.create_connection((host, int(port)), timeout=15) as tcp:
    with context.wrap_socket(tcp, server_hostname=host, suppress_ragged_eofs=False) as tls:
        tls.sendall(message)
        echo = b""
        while len(echo) < len(message):
            piece = tls.recv(65536)
            if not piece:
                sys.exit("the server ended after %d bytes" % len(echo))
            echo += piece
        if echo != message:
            sys.exit("the echo differs")
        # close_notify in both directions, and then FIN.
        below = tls.unwrap()
        if below.recv(1) != b"":
            sys.exit("there is data after close_notify")
        print(version, "ok")
