"""What `wharf trace` makes of fresh logs: those of servers beside those of the clients that they spoke with.

Both ends have written down the same dialogue, so that a form that has changed is noticed by what the other end has.
"""
import contextlib, json, re, socket, subprocess, threading

import servers
from peers import Failure, case, fill, run, same, vsftpd

HOST = "127.0.0.1"


def sessions(wharf, log, form):
    """The sessions of a log that have commands, each as its commands and codes in their order."""
    told = {}
    done = subprocess.run([str(wharf), "trace", "--format", "json", str(log)], capture_output=True, timeout=60)
    if done.returncode:
        raise Failure(f"{log.name}: {done.stderr.decode()}\n{log.read_bytes()[:3000].decode(errors='replace')}")
    for line in done.stdout.splitlines():
        row = json.loads(line)
        if row.get("what") == "command":
            told.setdefault(row["session"], []).append(re.sub(r" +$", "", row["label"]))
        elif row.get("what") == "reply":
            told.setdefault(row["session"], []).append(row["code"])
    told = [session for session in told.values() if any(isinstance(said, str) for said in session)]
    # It is read as the form that it is.
    as_named = subprocess.run([str(wharf), "trace", "--format", "json", "--log", form, str(log)], capture_output=True, timeout=60)
    same(as_named.stdout, done.stdout, f"{log.name} is recognised as {form}")
    return told


def commands(session):
    """curl does not show its QUIT."""
    return [said for said in session if isinstance(said, str) and said != "QUIT"]


def codes(session):
    return [said for said in session if isinstance(said, int) and said != 221]


def finals(session):
    """The codes that an ExtendedLog has: no greeting, none that is preliminary."""
    return [code for code in codes(session)[1:] if code >= 200]


def log_clients(port, folder):
    """Runs the clients one after the other; gives their logs."""
    url, got = f"{HOST}:{port}", folder / "got"
    script = f"debug 9; set net:max-retries 1; set net:timeout 10; open {url}; ls; get1 hello.txt -o {got}; put {folder}/tree/hello.txt -o up/x; bye"
    clients = {
        "lftp": (["lftp", "-c", script], b""),
        "curl": (["curl", "-sv", f"ftp://{url}/hello.txt", f"ftp://{url}/sub/"], b""),
        "ftp": (["tnftp", "-n", "-d", "-v", HOST, str(port)],
                f"user anonymous me@example.org\nls\nbin\nget hello.txt {got}\npassive off\nget hello.txt {got}\nget missing {got}\nbye\n".encode()),
    }
    logs = {}
    for name, (command, said) in clients.items():
        done = subprocess.run(command, input=said, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        logs[name] = folder / f"{name}.log"
        logs[name].write_bytes(done.stdout)
    return logs


def compare(wharf, log, form, clients, *views):
    """Each session of the server's log is the one that its client has logged, in these respects."""
    heard = sessions(wharf, log, form)
    if len(heard) != len(clients):
        raise Failure(f"{log.name}: {len(heard)} sessions of {len(clients)}: {heard}")
    for (name, client), server in zip(clients.items(), heard):
        for view in views:
            same(view(server), view(client), f"{log.name} beside {name}, {view.__name__}")


def of_clients(wharf, logs):
    """What the clients have logged: one session each, with a download in it."""
    told = {}
    for name, log in logs.items():
        found = sessions(wharf, log, name)
        if len(found) != 1 or "RETR hello.txt" not in found[0] or 226 not in found[0]:
            raise Failure(f"{log.name}: {found}")
        told[name] = found[0]
    return told


@case
def our_trace_draws_the_logs_of_vsftpd_and_its_clients(wharf, folder):
    tree, log = fill(folder / "tree"), folder / "vsftpd.log"
    with vsftpd(tree, folder, log_ftp_protocol="YES", xferlog_enable="YES", xferlog_std_format="NO", vsftpd_log_file=log) as port:
        clients = of_clients(wharf, log_clients(port, folder))
    compare(wharf, log, "vsftpd", clients, commands, codes)
    drawn = run(wharf, "trace", log).decode()
    if "RETR data 12 B" not in drawn or "STOR data 12 B" not in drawn:
        raise Failure(drawn)


@case
def our_trace_draws_the_logs_of_proftpd_and_its_clients(wharf, folder):
    tree = fill(folder / "tree")
    logs = f"""
SystemLog {folder}/system.log
DebugLevel 5
TraceLog {folder}/trace.log
Trace command:7 response:1
LogFormat full "%{{iso8601}} [%P] %a \\"%r\\" %s \\"%S\\""
ExtendedLog {folder}/full.log ALL full
ExtendedLog {folder}/default.log ALL
"""
    with servers.proftpd(wharf, tree, folder, HOST, False, logs=logs) as (port, _):
        clients = of_clients(wharf, log_clients(port, folder))
    compare(wharf, folder / "trace.log", "proftpd", clients, commands, codes)
    compare(wharf, folder / "system.log", "proftpd", clients, commands)
    compare(wharf, folder / "full.log", "proftpd-extended", clients, commands, finals_of_either)
    compare(wharf, folder / "default.log", "proftpd-extended", clients, commands, finals_of_either)


def finals_of_either(session):
    """An ExtendedLog begins with a command; what a client has logged, with the greeting."""
    return finals(session if isinstance(session[0], int) else [220, *session])


# A /dev of its own, in which /dev/log is a socket of ours. What is mounted goes with the namespace.
DEV = """mount -t tmpfs none "$1" && for name in null zero random urandom; do touch "$1/$name" && mount --bind "/dev/$name" "$1/$name" || exit 1; done
ln -s "$2" "$1/log" && mount --rbind "$1" /dev && shift 2 && exec "$@" """


@contextlib.contextmanager
def syslog(folder, log):
    """Writes to a file what comes in at a socket, as a syslogd would; gives the words that lead a program to it."""
    dev, at = folder / "dev", folder / "syslog"
    dev.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as into, open(log, "wb") as out:
        into.bind(str(at))
        at.chmod(0o666)

        def write():
            while (line := into.recv(65536)) != b"end":
                out.write(line + b"\n")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield ["sh", "-c", DEV, "sh", str(dev), str(at)]
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"end", str(at))
            writer.join()


@case
def our_trace_draws_the_log_of_pure_ftpd_and_those_of_its_clients(wharf, folder):
    tree, log = fill(folder / "tree"), folder / "syslog.log"
    with syslog(folder, log) as before, servers.pure_ftpd(wharf, tree, folder, HOST, False, options=["-d", "-1"], before=before) as (port, _):
        clients = of_clients(wharf, log_clients(port, folder))
    compare(wharf, log, "pure-ftpd", clients, commands)
