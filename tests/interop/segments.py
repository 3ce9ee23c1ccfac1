"""Segments: our client fetches one file over four sessions at a time from every server, by REST or RANG."""
import os

from matrix import HOSTS, SERVERS
from peers import CASES, Failure, fill, run, same


# It tells no size.
ONE_STREAM = {"aioftp"}


def comes_in_segments(wharf, name, server, folder, tls):
    tree = fill(folder / "tree")
    large = os.urandom(24 << 20)
    (tree / "large.bin").write_bytes(large)
    host = HOSTS["ipv4"]
    with server.start(wharf, tree, folder, host, tls) as (port, login):
        url = f"{'ftpes' if tls else 'ftp'}://{login}{host}:{port}/large.bin"
        trust = ["--ca", folder / "peer-certificate.pem"] if tls else []
        ladder = folder / "ladder"
        run(wharf, "get", "--segments", "4", f"--trace={ladder}", *trust, url, folder / "large.bin")
        same((folder / "large.bin").read_bytes(), large, "get --segments")
        drawn = ladder.read_text()
        begun = drawn.count("REST ") + drawn.count("RANG ")
        if (begun < 3) != (name in ONE_STREAM):
            raise Failure(f"{begun} segments began in the midst of the file")


def register(name, server, tls):
    def case(wharf, folder):
        comes_in_segments(wharf, name, server, folder, tls)

    CASES[f"segments_of_a_file_come_from_{name}_{'under_tls' if tls else 'in_clear'}"] = case


for name, server in SERVERS.items():
    for tls in [False, True] if server.tls else [False]:
        register(name, server, tls)
