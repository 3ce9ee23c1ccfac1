"""Foreign servers: how each is started on a tree, at an address, in clear or under TLS; with `fxp`, so that users may
transfer files to and from other servers.

Debian's packages of these servers exclude each other, so they may be unpacked instead of installed: below the folder
that WHARF_PEERS names, or $HOME/.cache/wharf/peers.
"""
import contextlib, os, pathlib, pwd, shutil, subprocess, sys

from peers import Failure, certificate, free_port, open_to_all, peer, run, serving, vsftpd as plain_vsftpd

HERE = pathlib.Path(__file__).resolve().parent
UNPACKED = pathlib.Path(os.environ.get("WHARF_PEERS", pathlib.Path.home() / ".cache/wharf/peers"))


class Missing(Failure):
    """A server is not on this machine."""


def program(name):
    """Where a server's program is, installed or unpacked."""
    unpacked = UNPACKED / "usr/sbin" / name
    found = str(unpacked) if unpacked.exists() else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise Missing(f"{name} is neither installed nor unpacked in {UNPACKED}")
    return found


def module(name):
    """The command that runs a Python module that is a server."""
    if subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True).returncode:
        raise Missing(f"Python has no module {name}")
    return [sys.executable, "-m", name]


# A server that asks passwd and shadow sees a pair of its own, in a mount namespace.
NAMESPACE = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/shadow && shift 2 && exec "$@"'


def seeing(folder, user, command, secret=""):
    """The command for a server that finds this user, in the form of passwd and shadow, before any of that name."""
    passwd, shadow = folder / "passwd", folder / "shadow"
    passwd.write_text(f"{user}\n" + pathlib.Path("/etc/passwd").read_text())
    shadow.write_text(f"{secret}\n" * bool(secret) + pathlib.Path("/etc/shadow").read_text())
    passwd.chmod(0o644)
    shadow.chmod(0o600)
    return ["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", str(passwd), str(shadow), *command]


@contextlib.contextmanager
def wharf(binary, tree, folder, host, tls, fxp=False):
    """Our own. Only users with an account may transfer between servers."""
    login = "ann:secret@" if fxp else ""
    options = ["--allow-fxp", "--user", "ann:secret"] if fxp else ["--writable"]
    if tls:
        key, cert = certificate(folder)
        options += ["--tls-cert", str(cert), "--tls-key", str(key)]
    (tree / "up").mkdir()
    with serving(binary, tree, *options, listen=f"[{host}]:0" if ":" in host else f"{host}:0") as port:
        yield port, login


@contextlib.contextmanager
def vsftpd(_wharf, tree, folder, host, tls, fxp=False):
    if shutil.which("vsftpd") is None:
        raise Missing("vsftpd is not installed")
    more = {"listen_address": host}
    if host == "::1":
        more = {"listen": "NO", "listen_ipv6": "YES", "listen_address6": host}
    if fxp:
        more |= {"port_promiscuous": "YES", "pasv_promiscuous": "YES"}
    if tls:
        key, cert = certificate(folder)
        more |= {
            "ssl_enable": "YES", "allow_anon_ssl": "YES", "require_ssl_reuse": "NO" if fxp else "YES", "force_anon_data_ssl": "YES",
            "strict_ssl_read_eof": "YES", "strict_ssl_write_shutdown": "YES", "ssl_ciphers": "HIGH",
            "rsa_cert_file": cert, "rsa_private_key_file": key,
        }
    with plain_vsftpd(tree, folder, **more) as port:
        yield port, ""


@contextlib.contextmanager
def pure_ftpd(_wharf, tree, folder, host, tls, fxp=False, options=(), before=()):
    """With more options, and with words before its command."""
    command = [program("pure-ftpd"), "-S", f"{host},{free_port()}", "-e", "-M", "-H", *["-W"] * fxp, *options]
    port = int(command[2].rsplit(",", 1)[1])
    open_to_all(tree, folder)
    if tls:
        key, cert = certificate(folder)
        both = folder / "both.pem"
        both.write_bytes(cert.read_bytes() + key.read_bytes())
        command += ["-Y", "2", f"--certfile={both}"]
    # It serves strangers from the home of the user `ftp`.
    nobody = pwd.getpwnam("nobody")
    command = [*before, *command]
    with peer(seeing(folder, f"ftp:x:{nobody.pw_uid}:{nobody.pw_gid}::{tree}:/bin/sh", command), port, host):
        yield port, ""


PROFTPD = """
ServerName peer
ServerType standalone
DefaultServer on
Port {port}
DefaultAddress {host}
UseIPv6 on
ModulePath {modules}
LoadModule mod_copy.c
LoadModule mod_deflate.c
User nobody
Group nogroup
ScoreboardFile {folder}/scoreboard
PidFile {folder}/pid
UseReverseDNS off
WtmpLog off
DelayEngine off
TransferLog none
{logs}
AllowOverwrite on
AllowStoreRestart on
AllowRetrieveRestart on
AllowForeignAddress {fxp}
{tls}
<Anonymous {tree}>
  User {user}
  Group nogroup
  UserAlias anonymous {user}
  RequireValidShell off
  AnonRequirePassword off
</Anonymous>
"""

PROFTPD_TLS = """
LoadModule mod_tls.c
TLSEngine on
TLSRequired auth+data
TLSECCertificateFile {cert}
TLSECCertificateKeyFile {key}
TLSOptions {options}
TLSLog none
"""


@contextlib.contextmanager
def proftpd(_wharf, tree, folder, host, tls, fxp=False, logs="SystemLog none"):
    command, port = program("proftpd"), free_port()
    open_to_all(tree, folder)
    modules = pathlib.Path(command).parent.parent / "lib/proftpd"
    cover = ""
    if tls:
        key, cert = certificate(folder)
        # It refuses a key that others can read.
        key.chmod(0o600)
        options = "NoSessionReuseRequired" if fxp else "NoEmptyFragments"
        cover = PROFTPD_TLS.format(key=key, cert=cert, options=options)
    config = folder / "proftpd.conf"
    words = {"port": port, "host": host, "modules": modules, "folder": folder, "tree": tree, "tls": cover, "logs": logs}
    words["fxp"] = "on" if fxp else "off"
    config.write_text(PROFTPD.format(**words, user=pwd.getpwnam("ftp").pw_name))
    with peer([command, "-n", "-q", "-c", str(config)], port, host):
        yield port, ""


@contextlib.contextmanager
def inetutils_ftpd(_wharf, tree, folder, host, _tls):
    command, port = program("ftpd"), free_port()
    open_to_all(tree, folder)
    hashed = run("openssl", "passwd", "-6", "harbour").decode().strip()
    nobody = pwd.getpwnam("nobody")
    user = f"peer:x:{nobody.pw_uid}:{nobody.pw_gid}::{tree}:/bin/sh"
    # It is a program of inetd's: a connection each.
    inetd = [sys.executable, str(HERE / "inetd.py"), host, str(port), command, "-a", "default"]
    with peer(seeing(folder, user, inetd, f"peer:{hashed}:20000:0:99999:7:::"), port, host):
        yield port, "peer:harbour@"


@contextlib.contextmanager
def pyftpdlib(_wharf, tree, folder, host, tls, fxp=False):
    module("pyftpdlib")
    port = free_port()
    (tree / "up").mkdir()
    options = []
    if tls:
        key, cert = certificate(folder)
        options = [str(cert), str(key)]
    command = [sys.executable, str(HERE / "pyftpdlib_server.py"), host, str(port), str(tree), str(fxp), *options]
    with peer(command, port, host):
        yield port, ""


@contextlib.contextmanager
def aioftp(_wharf, tree, _folder, host, _tls):
    port = free_port()
    (tree / "up").mkdir()
    family = "ipv6" if host == "::1" else "ipv4"
    command = [*module("aioftp"), "-q", "-d", str(tree), "--host", host, "--port", str(port), "--family", family]
    with peer(command, port, host):
        yield port, ""
