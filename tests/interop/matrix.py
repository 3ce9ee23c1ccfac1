"""The matrix: our client against every server, in clear and under TLS, over IPv4 and IPv6, active and passive.

What a server does not have is a row here, with what it lacks; nothing else is left out.
"""
import os, shutil

import servers
from peers import CASES, contents, fill, has, run, same

HOSTS = {"ipv4": "127.0.0.1", "ipv6": "::1"}


class Server:
    """A server, and what it cannot do."""

    def __init__(self, start, *, tls=True, active=True, dots=True, ccc=False, times=True, overwrites=True):
        self.start, self.tls, self.active, self.dots, self.ccc = start, tls, active, dots, ccc
        self.times, self.overwrites = times, overwrites


SERVERS = {
    "wharf": Server(servers.wharf),
    "vsftpd": Server(servers.vsftpd),
    # Anonymous users read no names that begin with a dot, and replace no file.
    "pure_ftpd": Server(servers.pure_ftpd, dots=False, ccc=True, overwrites=False),
    "proftpd": Server(servers.proftpd, ccc=True),
    # No TLS at all.
    "inetutils_ftpd": Server(servers.inetutils_ftpd, tls=False, times=False),
    "pyftpdlib": Server(servers.pyftpdlib),
    # TLS only from the first byte on, which its command line does not offer; no PORT and no EPRT.
    "aioftp": Server(servers.aioftp, tls=False, active=False, times=False),
}


def moves_files(wharf, server, folder, host, tls):
    tree = fill(folder / "tree")
    if server.dots:
        (tree / "sub" / ".hidden").write_bytes(b"hidden")
    big = (tree / "big.bin").read_bytes()
    with server.start(wharf, tree, folder, host, tls) as (port, login):
        scheme = "ftpes" if tls else "ftp"
        at = f"{scheme}://{login}{f'[{host}]' if ':' in host else host}:{port}"
        trust = ["--ca", folder / "peer-certificate.pem"] if tls else []
        for way in ["--passive"] + (["--active"] if server.active else []):
            options = [way, *trust]
            has(run(wharf, "ls", *options, f"{at}/"), b"hello.txt", f"ls {way}")
            same(run(wharf, "cat", *options, f"{at}/sub/a%20b.txt"), b"spaces\n", f"cat {way}")
            same(run(wharf, "cat", *options, f"{at}/empty"), b"", f"cat nothing {way}")
            run(wharf, "get", *options, f"{at}/big.bin", folder / f"big{way}")
            same((folder / f"big{way}").read_bytes(), big, f"get {way}")
            run(wharf, "put", *options, tree / "big.bin", f"{at}/up/big{way}")
            same((tree / "up" / f"big{way}").read_bytes(), big, f"put {way}")
            run(wharf, "put", *options, tree / "empty", f"{at}/up/empty{way}")
            same((tree / "up" / f"empty{way}").read_bytes(), b"", f"put nothing {way}")
        run(wharf, "cat", *trust, f"{at}/missing", status=5)
        run(wharf, "get", "-r", *trust, f"{at}/missing", folder / "missing", status=5)
        same((folder / "missing").exists(), False, "a folder for what is not there")
        run(wharf, "get", "-r", *trust, f"{at}/sub/", folder / "sub")
        same(contents(folder / "sub"), contents(tree / "sub"), "get -r")
        run(wharf, "put", "-r", *trust, folder / "sub", f"{at}/up/tree")
        same(contents(tree / "up" / "tree"), contents(folder / "sub"), "put -r")
        # Also where the server takes no times, as pure-ftpd takes none of strangers.
        for again in ["put", "-r"], ["sync"]:
            events = run(wharf, *again, "--json", *trust, folder / "sub", f"{at}/up/tree").splitlines()
            has(events[-1], b'"done":0', f"a second {again[0]} upwards")
        shutil.rmtree(folder / "sub")
        run(wharf, "sync", *trust, f"{at}/up/tree", folder / "sub")
        same(contents(folder / "sub"), contents(tree / "sub"), "sync down")
        events = run(wharf, "sync", "--json", *trust, f"{at}/up/tree", folder / "sub").splitlines()
        has(events[-1], b'"done":0', "a second sync")
        deletes = ["sync", "--delete", "--max-delete", "100%", *trust]
        run(wharf, *deletes, f"{at}/missing", folder / "sub", status=5)
        same(contents(folder / "sub"), contents(tree / "sub"), "sync --delete from what is not there")
        if server.overwrites:
            goes_back_to_an_older_file(wharf, server, folder, tree, trust, at)
        if tls:
            goes_back_to_clear(wharf, folder, at, [*trust, "--ccc"], server.ccc, big)


def goes_back_to_an_older_file(wharf, server, folder, tree, options, at):
    """A file of the same size that is older than the one there goes up, once; with its time, where the server takes times."""
    here, there = folder / "sub" / "a b.txt", tree / "up" / "tree" / "a b.txt"
    for bytes_of_it, age in [(b"newest\n", 3600), (b"oldest\n", 86400 * 30)]:
        here.write_bytes(bytes_of_it)
        time = int(here.stat().st_mtime) - age
        os.utime(here, (time, time))
        # Not in the minute of the change here, which is all that LIST tells of its time.
        os.utime(there, (there.stat().st_mtime - 120,) * 2)
        run(wharf, "sync", *options, folder / "sub", f"{at}/up/tree")
        same(there.read_bytes(), bytes_of_it, "sync of an older file")
        same(int(there.stat().st_mtime) == time, server.times, "its time there")
        events = run(wharf, "sync", "--json", *options, folder / "sub", f"{at}/up/tree").splitlines()
        has(events[-1], b'"done":0', "a sync of the same")


def goes_back_to_clear(wharf, folder, at, options, can, big):
    """CCC behind the login, and files under TLS all the same; or a refusal that is told."""
    if not can:
        run(wharf, "ls", *options, f"{at}/", status=6)
        return
    has(run(wharf, "ls", *options, f"{at}/"), b"hello.txt", "ls behind CCC")
    run(wharf, "get", *options, f"{at}/big.bin", folder / "big behind CCC")
    same((folder / "big behind CCC").read_bytes(), big, "get behind CCC")
    run(wharf, "put", *options, folder / "big behind CCC", f"{at}/up/behind-ccc")
    same(run(wharf, "cat", *options, f"{at}/up/behind-ccc"), big, "put behind CCC")


def register(name, server, tls, family):
    def case(wharf, folder):
        moves_files(wharf, server, folder, HOSTS[family], tls)

    CASES[f"our_client_moves_files_with_{name}_{'under_tls' if tls else 'in_clear'}_over_{family}"] = case


for name, server in SERVERS.items():
    for tls in [False, True] if server.tls else [False]:
        for family in HOSTS:
            register(name, server, tls, family)
