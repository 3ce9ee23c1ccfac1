"""What `wharf trace` says of sessions that go wrong for real: a peer that speaks wrongly, or an end that is told to.

Each session is told by the tap of our server or of our client; what is found must be the rule that it is for, and no other.
"""
import contextlib, json, socket, ssl, subprocess, threading

from peers import Failure, case, fill, free_port, run, same, serving

HOST = "127.0.0.1"
USER = '[[user]]\nname = "ann"\npassword = "secret"\n'


def found(wharf, tap):
    """The rules that were found in a tap, and whose each is to mend."""
    done = subprocess.run([str(wharf), "trace", "--format", "json", str(tap)], capture_output=True, timeout=60)
    if done.returncode:
        raise Failure(f"{tap.name}: {done.stderr.decode()}")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return [(row["id"], row["side"]) for row in told if row["kind"] == "finding"]


@contextlib.contextmanager
def speaking(answers, greeting=b"220 peer\r\n"):
    """A server that answers each verb as the table has it, all others with 200, for one session."""
    listener = socket.create_server((HOST, 0))

    def serve():
        with listener, listener.accept()[0] as peer:
            peer.sendall(greeting)
            for line in peer.makefile("rb"):
                peer.sendall(answers.get(line.split()[0].upper(), b"200 fine\r\n"))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10)


@contextlib.contextmanager
def telling(wharf, folder, settings, *options):
    """Our server with these settings; gives its port and its tap."""
    (folder / "serve.toml").write_text(settings)
    tap = folder / "server.jsonl"
    tree = fill(folder / "tree")
    with serving(wharf, tree, "--config", folder / "serve.toml", "--tap", tap, *options) as port:
        yield port, tap


@case
def a_reply_that_ends_with_another_code_is_found(wharf, folder):
    tap = folder / "client.jsonl"
    answers = {b"USER": b"331 password\r\n", b"PASS": b"230 in\r\n", b"FEAT": b"211-Features:\r\n SIZE\r\n212 End\r\n"}
    with speaking(answers) as port:
        run(wharf, "ls", "--timeout", 2, f"--trace={tap}", f"ftp://{HOST}:{port}/", status=3)
    same(found(wharf, tap), [("P2", "server")], "of a reply that ends with another code")


@case
def a_server_of_another_protocol_is_found(wharf, folder):
    tap = folder / "client.jsonl"
    with speaking({}, b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        run(wharf, "ls", f"--trace={tap}", f"ftp://{HOST}:{port}/", status=3)
    same(found(wharf, tap), [("C7", "client")], "of a server of SSH")


@case
def who_says_nothing_is_found_idle(wharf, folder):
    with telling(wharf, folder, USER + "[limits]\nidle-seconds = 4\n") as (port, tap):
        with socket.create_connection((HOST, port), 30) as peer:
            lines = peer.makefile("rb")
            for command in (b"", b"USER ann\r\n", b"PASS secret\r\n"):
                peer.sendall(command)
                lines.readline()
            same(lines.readline()[:3], b"421", "what is said to who says nothing")
    same(found(wharf, tap), [("C11", "client")], "of who says nothing")


@case
def who_waits_for_a_greeting_where_tls_should_begin_is_found(wharf, folder):
    port, tap = free_port(), folder / "client.jsonl"
    with serving(wharf, fill(folder / "tree"), "--tls-self-signed", "--implicit-tls", f"{HOST}:{port}"):
        run(wharf, "ls", "--timeout", 2, f"--trace={tap}", f"ftp://{HOST}:{port}/", status=3)
    same(found(wharf, tap), [("C5", "either side")], "of who waits for a greeting")


@case
def who_goes_on_under_tls_behind_ccc_is_found(wharf, folder):
    settings = USER + "[tls]\nself-signed = true\nccc = true\n"
    with telling(wharf, folder, settings) as (port, tap):
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        peer = socket.create_connection((HOST, port), 30)
        peer.recv(500)
        peer.sendall(b"AUTH TLS\r\n")
        peer.recv(500)
        with trusting.wrap_socket(peer, suppress_ragged_eofs=True) as peer:
            for command in (b"USER ann\r\n", b"PASS secret\r\n", b"CCC\r\n"):
                peer.sendall(command)
                reply = peer.recv(500)
            same(reply[:3], b"200", "the reply to CCC")
            with contextlib.suppress(OSError):
                peer.sendall(b"PWD\r\n")
                while peer.recv(500):
                    pass
    same(found(wharf, tap), [("A8", "either side")], "of who goes on under TLS")
