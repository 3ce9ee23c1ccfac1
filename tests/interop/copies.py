"""Copies from server to server: each to each where they allow it, and through us where they do not.

Both are at addresses that the client is not at, so that each sees a stranger in the other.
"""
import json

import servers
from peers import CASES, Failure, contents, fill, has, run, same

FROM, TO = "127.0.0.2", "127.0.0.3"


class Server:
    """A server, what allows transfers between servers there, and what it cannot do: rename, and be the TLS client of
    another server."""

    def __init__(self, start, remedy, *, renames=True, begins_tls=False):
        self.start, self.remedy, self.renames, self.begins_tls = start, remedy, renames, begins_tls


SERVERS = {
    "wharf": Server(servers.wharf, b"--allow-fxp", begins_tls=True),
    "vsftpd": Server(servers.vsftpd, b"port_promiscuous=YES"),
    # Anonymous users may not rename there.
    "pure_ftpd": Server(servers.pure_ftpd, b"-w", renames=False),
    # It has SSCN, and ends the session when it is the TLS client.
    "proftpd": Server(servers.proftpd, b"AllowForeignAddress on"),
    "pyftpdlib": Server(servers.pyftpdlib, b"permit_foreign_addresses"),
}


def copied(route, *command):
    """Copies, and sees to it that the data goes this way."""
    events = [json.loads(line) for line in run(*command).splitlines()]
    # The end of all of it comes last.
    done = [event for event in events if event["event"] == "done"][-1]
    if done["route"] != route or done["verdict"] == "unproven":
        raise Failure(f"{command}: {events}")
    return events


def between(wharf, folder, source, target, fxp, tls):
    """Starts both, and gives a function that makes a URL, and the trees."""
    trees = [folder / "from" / "tree", folder / "to" / "tree"]
    fill(trees[0])
    trees[1].mkdir(parents=True)
    starts = [source.start(wharf, trees[0], folder / "from", FROM, tls, fxp)]
    starts += [target.start(wharf, trees[1], folder / "to", TO, tls, fxp)]
    folder.chmod(0o755)
    return starts, trees


def copies(wharf, folder, source, target, fxp, tls=False):
    route = "direct" if fxp else "relay"
    starts, trees = between(wharf, folder, source, target, fxp, tls)
    scheme = "ftpes" if tls else "ftp"
    with starts[0] as (port, login), starts[1] as (other, other_login):
        a, b = f"{scheme}://{login}{FROM}:{port}", f"{scheme}://{other_login}{TO}:{other}/up"
        options = [] if target.renames else ["--in-place"]
        options += ["--insecure"] if tls else []
        # pyftpdlib leaves a command unanswered now and then, when it connects at the same time.
        copy = [wharf, "copy", "--json", "--timeout", "10", *options]
        for name in ("big.bin", "empty", "sub/a%20b.txt"):
            events = copied(route, *copy, f"{a}/{name}", f"{b}/")
            name = name.split("/")[-1].replace("%20", " ")
            of = trees[0] / "sub" / name if name == "a b.txt" else trees[0] / name
            same((trees[1] / "up" / name).read_bytes(), of.read_bytes(), name)
        copied(route, *copy, "--verify", f"{a}/big.bin", f"{b}/again")
        same((trees[1] / "up" / "again").read_bytes(), (trees[0] / "big.bin").read_bytes(), "again")
        run(*copy, "-r", f"{a}/sub", f"{b}/")
        same(contents(trees[1] / "up" / "sub"), contents(trees[0] / "sub"), "copy -r")
        run(wharf, "copy", *options, f"{a}/missing", f"{b}/missing", status=5)
        if (trees[1] / "up" / "missing").exists():
            raise Failure("what is not there has left something")
        if not fxp:
            has(json.dumps(events).encode(), source.remedy, "the reason")
            run(wharf, "copy", "--no-relay", *options, f"{a}/big.bin", f"{b}/x", status=6)


def register(name, *arguments, **more):
    def case(wharf, folder):
        copies(wharf, folder, *arguments, **more)

    CASES[name] = case


for one, source in SERVERS.items():
    for other, target in SERVERS.items():
        register(f"copy_goes_straight_from_{one}_to_{other}", source, target, True)
        # Two of ours would both demand the TLS session of their client.
        if (source.begins_tls or target.begins_tls) and (one, other) != ("wharf", "wharf"):
            register(f"copy_goes_straight_under_tls_from_{one}_to_{other}", source, target, True, True)
    register(f"copy_goes_through_us_where_{one}_and_{one}_refuse", source, source, False)
