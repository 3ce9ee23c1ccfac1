"""The cases: one function each, registered under its own name."""
import contextlib, ftplib, io, os, pwd, random, shutil, socket, ssl, subprocess, sys, threading

CASES = {}
TIMEOUT = 60


class Failure(Exception):
    """A case did not go as it must."""


def case(function):
    CASES[function.__name__] = function
    return function


def run(*command, status=0, **options):
    """Runs a command to its end and gives what it wrote; any other exit status is a failure."""
    command = [str(word) for word in command]
    if shutil.which(command[0]) is None:
        raise Failure(f"{command[0]} is not installed")
    options = {"timeout": TIMEOUT, "capture_output": True, "stdin": subprocess.DEVNULL, **options}
    if "input" in options:
        options.pop("stdin")
    done = subprocess.run(command, **options)
    if done.returncode != status:
        raise Failure(f"{' '.join(command)}: exit {done.returncode}, not {status}\n{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def same(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: got {repr(got)[:200]}, wanted {repr(wanted)[:200]}")


def has(text, wanted, what):
    if wanted not in text:
        raise Failure(f"{what}: {wanted!r} is not in {text[:600]!r}")


def fill(tree):
    """A small tree: text, bytes, an empty file, names with spaces and other letters."""
    (tree / "sub").mkdir(parents=True)
    (tree / "hello.txt").write_bytes(b"hello\nwharf\n")
    (tree / "big.bin").write_bytes(os.urandom(3_000_001))
    (tree / "empty").write_bytes(b"")
    (tree / "sub" / "a b.txt").write_bytes(b"spaces\n")
    (tree / "sub" / "港.txt").write_bytes(b"harbour\n")
    return tree


@contextlib.contextmanager
def serving(wharf, tree, *options, listen="127.0.0.1:0"):
    """Our server; gives its port."""
    command = [str(wharf), "serve", str(tree), "--listen", listen, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    log = []
    reader = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    reader.start()
    try:
        line = process.stdout.readline().decode()
        if not line.startswith("listening on ftp://"):
            raise Failure(f"the server did not start: {line!r} {b''.join(log)!r}")
        yield int(line.strip().rsplit(":", 1)[1])
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def free_port():
    """A port that nobody has, below those that the kernel gives out: one of these may be gone before a peer opens it."""
    for _ in range(100):
        port = random.randrange(15000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Failure("there is no free port")


def wait_until_open(port, process, host):
    for _ in range(400):
        if process.poll() is not None:
            raise Failure(f"the peer ended: {process.stderr.read().decode(errors='replace')}")
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), 1).close()
            return
        threading.Event().wait(0.05)
    raise Failure("the peer did not open its port")


@contextlib.contextmanager
def peer(command, port, host="127.0.0.1", **options):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options)
    try:
        wait_until_open(port, process, host)
        # A peer that tells much must not wait for somebody to read it.
        threading.Thread(target=lambda: all(process.stderr), daemon=True).start()
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def certificate(folder):
    """A key, and a certificate for both loopback addresses that signs itself."""
    key, cert = folder / "peer-key.pem", folder / "peer-certificate.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,IP:::1", "-keyout", key, "-out", cert)
    return key, cert


def open_to_all(tree, folder):
    """The tree can be read by whatever user a server turns into, and has a folder that this user may write to."""
    for path in [folder, tree, *tree.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (tree / "up").mkdir()
    (tree / "up").chmod(0o777)


def user_with_a_home():
    """vsftpd enters its user's home before the tree it is told to serve; that of `ftp` may be missing."""
    for user in pwd.getpwall():
        if user.pw_uid != 0 and os.path.isdir(user.pw_dir):
            return user.pw_name
    raise Failure("no user but root has a home")


@contextlib.contextmanager
def vsftpd(tree, folder, **more):
    """vsftpd for anonymous users, who may write below up/, with more settings."""
    if shutil.which("vsftpd") is None:
        raise Failure("vsftpd is not installed")
    port = free_port()
    open_to_all(tree, folder)
    empty = folder / "empty-chroot"
    empty.mkdir()
    settings = {
        "listen": "YES", "listen_address": "127.0.0.1", "listen_port": port, "background": "NO",
        "anonymous_enable": "YES", "no_anon_password": "YES", "anon_root": tree, "write_enable": "YES",
        "anon_upload_enable": "YES", "anon_mkdir_write_enable": "YES", "anon_other_write_enable": "YES",
        "anon_umask": "022", "ftp_username": user_with_a_home(), "nopriv_user": "nobody", "secure_chroot_dir": empty,
        "seccomp_sandbox": "NO", "connect_from_port_20": "NO", "xferlog_enable": "NO", **more,
    }
    config = folder / "vsftpd.conf"
    config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    host = more.get("listen_address6") or settings["listen_address"]
    with peer([shutil.which("vsftpd"), str(config)], port, host):
        yield port


@contextlib.contextmanager
def pyftpdlib(tree, _folder):
    """pyftpdlib for anonymous users, who may write everywhere."""
    port = free_port()
    (tree / "up").mkdir()
    with peer([sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-w", "-d", str(tree)], port):
        yield port


# ---- their clients, our server ------------------------------------------------------------------------------------

MODES_OF_CURL = {"epsv": [], "pasv": ["--disable-epsv"], "eprt": ["-P", "-"], "port": ["-P", "-", "--disable-eprt"]}


@case
def curl_lists_fetches_resumes_and_uploads_in_every_mode(wharf, folder):
    tree = fill(folder / "tree")
    big = (tree / "big.bin").read_bytes()
    with serving(wharf, tree, "--writable") as port:
        url = f"ftp://127.0.0.1:{port}"
        for name, options in MODES_OF_CURL.items():
            curl = ["curl", "-sS", "--max-time", "30", *options]
            has(run(*curl, f"{url}/"), b"hello.txt", "list")
            has(run(*curl, "-l", f"{url}/sub/"), "港.txt".encode(), "names")
            same(run(*curl, f"{url}/sub/a%20b.txt"), b"spaces\n", "fetch")
            same(run(*curl, f"{url}/empty"), b"", "fetch nothing")
            # curl converts what it fetches as text back to the host's own line ends.
            same(run(*curl, "-B", f"{url}/hello.txt").replace(b"\r", b""), b"hello\nwharf\n", "text")
            same(run(*curl, f"{url}/big.bin"), big, "fetch bytes")
            part = folder / f"part-{name}"
            part.write_bytes(big[:1_000_000])
            run(*curl, "-C", "-", "-o", part, f"{url}/big.bin")
            same(part.read_bytes(), big, "resumed download")
            run(*curl, "-T", tree / "big.bin", f"{url}/up-{name}")
            same((tree / f"up-{name}").read_bytes(), big, "upload")
            run(*curl, "-a", "-T", tree / "hello.txt", f"{url}/up-{name}")
            same((tree / f"up-{name}").read_bytes(), big + b"hello\nwharf\n", "append")
            run(*curl, "-Q", f"-DELE up-{name}", f"{url}/")
            assert not (tree / f"up-{name}").exists()
        run(*curl, f"{url}/missing", status=78)


@case
def curl_speaks_ipv6_to_us(wharf, folder):
    tree = fill(folder / "tree")
    with serving(wharf, tree, listen="[::1]:0") as port:
        for options in ([], ["-P", "-"]):
            same(run("curl", "-sS", "-g", *options, f"ftp://[::1]:{port}/hello.txt"), b"hello\nwharf\n", "fetch")


@case
def curl_logs_in_as_a_user_and_is_refused_as_a_reader(wharf, folder):
    tree = fill(folder / "tree")
    with serving(wharf, tree, "--user", "ann:se:cret") as port:
        url = f"ftp://127.0.0.1:{port}/mine"
        run("curl", "-sS", "-u", "ann:se:cret", "-T", tree / "hello.txt", url)
        same((tree / "mine").read_bytes(), b"hello\nwharf\n", "upload")
        run("curl", "-sS", "-u", "ann:wrong", url, status=67)
        run("curl", "-sS", "-T", tree / "hello.txt", url, status=25)


@case
def lftp_mirrors_both_ways_active_and_passive(wharf, folder):
    tree = fill(folder / "tree")
    with serving(wharf, tree, "--writable") as port:
        for passive in ("on", "off"):
            script = f"""
                set cmd:fail-exit yes; set net:max-retries 2; set net:timeout 10; set ftp:passive-mode {passive}
                open 127.0.0.1:{port}
                ls
                mirror / {folder}/got-{passive}
                mirror -R {folder}/got-{passive}/sub /new-{passive}
                mv new-{passive} renamed-{passive}
                put {tree}/hello.txt -o copy; cat copy; rm copy
                get1 big.bin -o {folder}/big-{passive}
            """
            out = run("lftp", "-c", script)
            has(out, b"hello\nwharf", "cat")
            for name in ("hello.txt", "big.bin", "empty", "sub/港.txt"):
                same((folder / f"got-{passive}" / name).read_bytes(), (tree / name).read_bytes(), name)
            same((tree / f"renamed-{passive}" / "a b.txt").read_bytes(), b"spaces\n", "mirror up")
            shutil.rmtree(tree / f"renamed-{passive}")


@case
def lftp_deflates_both_ways(wharf, folder):
    tree = fill(folder / "tree")
    text = b"the same line again and again\n" * 20_000
    (tree / "text").write_bytes(text)
    with serving(wharf, tree, "--writable") as port:
        script = f"""
            set cmd:fail-exit yes; set net:timeout 10; set ftp:use-mode-z yes; set ftp:mode-z-level 6
            debug 9; open 127.0.0.1:{port}; get1 text -o {folder}/got; put {folder}/got -o back; ls
        """
        done = run("lftp", "-c", script, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, capture_output=False)
        has(done, b"MODE Z", "lftp must have asked for it")
        same((folder / "got").read_bytes(), text, "get")
        same((tree / "back").read_bytes(), text, "put")


@case
def tnftp_lists_fetches_and_uploads_active_and_passive(wharf, folder):
    tree = fill(folder / "tree")
    with serving(wharf, tree, "--writable") as port:
        for passive in ("on", "off"):
            script = f"user anonymous me@example.org\nls\nbin\npassive {passive}\nget big.bin {folder}/{passive}\n"
            script += f"put {tree}/hello.txt up-{passive}\nascii\nget hello.txt {folder}/text-{passive}\nmkdir d\ncd d\npwd\ncd ..\nrmdir d\nbye\n"
            out = run("tnftp", "-n", "-v", "127.0.0.1", port, input=script.encode())
            has(out, b"hello.txt", "ls")
            same((folder / passive).read_bytes(), (tree / "big.bin").read_bytes(), "get")
            same((folder / f"text-{passive}").read_bytes(), b"hello\nwharf\n", "ascii get")
            same((tree / f"up-{passive}").read_bytes(), b"hello\nwharf\n", "put")


@case
def pythons_ftplib_lists_fetches_and_uploads_active_and_passive(wharf, folder):
    tree = fill(folder / "tree")
    big = (tree / "big.bin").read_bytes()
    with serving(wharf, tree, "--writable") as port:
        for passive in (True, False):
            ftp = ftplib.FTP(timeout=20, encoding="utf-8")
            ftp.connect("127.0.0.1", port)
            ftp.login()
            ftp.set_pasv(passive)
            assert set(ftp.nlst()) == {"hello.txt", "big.bin", "empty", "sub"}, ftp.nlst()
            assert dict(ftp.mlsd())["big.bin"]["size"] == str(len(big))
            rows = []
            ftp.retrlines("LIST sub", rows.append)
            assert len(rows) == 2, rows
            got = io.BytesIO()
            ftp.retrbinary("RETR big.bin", got.write, rest=1_000_000)
            same(got.getvalue(), big[1_000_000:], "resumed download")
            ftp.storbinary("STOR up", io.BytesIO(big[:500_000]))
            ftp.storbinary("STOR up", io.BytesIO(big[500_000:]), rest=500_000)
            same((tree / "up").read_bytes(), big, "resumed upload")
            ftp.storlines("STOR text", io.BytesIO(b"one\ntwo\n"))
            same((tree / "text").read_bytes(), b"one\ntwo\n", "text upload")
            ftp.voidcmd("TYPE I")
            assert ftp.size("up") == len(big)
            ftp.rename("text", "renamed")
            ftp.delete("renamed")
            ftp.delete("up")
            ftp.mkd("d")
            ftp.cwd("d")
            assert ftp.pwd() == "/d"
            ftp.cwd("..")
            ftp.rmd("d")
            ftp.quit()


def under_tls(folder):
    """A key and certificate for our server."""
    key, cert = certificate(folder)
    return cert, ["--writable", "--tls-cert", str(cert), "--tls-key", str(key)]


@case
def curl_fetches_and_uploads_under_tls(wharf, folder):
    tree = fill(folder / "tree")
    big = (tree / "big.bin").read_bytes()
    cert, options = under_tls(folder)
    with serving(wharf, tree, *options) as port:
        for version in ["1.2", "1.3"]:
            curl = ["curl", "-sS", "--max-time", "30", "--ssl-reqd", "--cacert", cert, "--tls-max", version]
            same(run(*curl, f"ftp://127.0.0.1:{port}/big.bin"), big, f"fetch {version}")
            run(*curl, "-T", tree / "big.bin", f"ftp://127.0.0.1:{port}/up-{version}")
            same((tree / f"up-{version}").read_bytes(), big, f"upload {version}")


@case
def lftp_mirrors_both_ways_under_tls(wharf, folder):
    tree = fill(folder / "tree")
    cert, options = under_tls(folder)
    with serving(wharf, tree, *options) as port:
        for passive in ("on", "off"):
            script = f"""
                set cmd:fail-exit yes; set net:max-retries 2; set net:timeout 10; set ftp:passive-mode {passive}
                set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:ca-file {cert}; set ssl:check-hostname no
                open 127.0.0.1:{port}
                mirror / {folder}/got-{passive}
                mirror -R {folder}/got-{passive}/sub /new-{passive}
            """
            run("lftp", "-c", script)
            for name in ("hello.txt", "big.bin", "empty", "sub/港.txt"):
                same((folder / f"got-{passive}" / name).read_bytes(), (tree / name).read_bytes(), name)
            same((tree / f"new-{passive}" / "a b.txt").read_bytes(), b"spaces\n", "mirror up")
            shutil.rmtree(tree / f"new-{passive}")


class Resuming(ftplib.FTP_TLS):
    """ftplib whose data connections resume the TLS session of the control connection, as ours must."""

    def ntransfercmd(self, cmd, rest=None):
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session), size


@case
def pythons_ftplib_fetches_and_uploads_under_tls(wharf, folder):
    tree = fill(folder / "tree")
    big = (tree / "big.bin").read_bytes()
    cert, options = under_tls(folder)
    with serving(wharf, tree, *options, "--user", "ann:secret") as port:
        context = ssl.create_default_context(cafile=cert)
        with Resuming(timeout=20, context=context) as ftp:
            ftp.connect("127.0.0.1", port)
            ftp.login("ann", "secret")
            ftp.prot_p()
            got = io.BytesIO()
            ftp.retrbinary("RETR big.bin", got.write)
            same(got.getvalue(), big, "download")
            ftp.storbinary("STOR up", io.BytesIO(big))
            same((tree / "up").read_bytes(), big, "upload")
            ftp.quit()


# ---- our client, their servers ------------------------------------------------------------------------------------

MODES = (["--passive"], ["--active"], ["--plain", "--passive"], ["--plain", "--active"])


def our_client_against(server, wharf, folder):
    tree = fill(folder / "tree")
    out = folder / "out"
    out.mkdir()
    big = (tree / "big.bin").read_bytes()
    with server(tree, folder) as port:
        url = f"ftp://127.0.0.1:{port}"
        for number, mode in enumerate(MODES):
            has(run(wharf, "ls", *mode, f"{url}/"), b"hello.txt", f"ls {mode}")
            has(run(wharf, "ls", *mode, f"{url}/sub"), b"a b.txt", f"ls sub {mode}")
            same(run(wharf, "cat", *mode, "--binary", f"{url}/sub/a%20b.txt"), b"spaces\n", f"cat {mode}")
            run(wharf, "get", *mode, "--binary", f"{url}/big.bin", out / f"big-{number}")
            same((out / f"big-{number}").read_bytes(), big, f"get {mode}")
            run(wharf, "get", *mode, "--ascii", f"{url}/hello.txt", out / f"text-{number}")
            same((out / f"text-{number}").read_bytes(), b"hello\nwharf\n", f"get text {mode}")
            run(wharf, "put", *mode, "--binary", tree / "big.bin", f"{url}/up/big-{number}")
            same((tree / "up" / f"big-{number}").read_bytes(), big, f"put {mode}")
        run(wharf, "cat", f"{url}/missing", status=5)
        script = f"open 127.0.0.1 {port}\nuser anonymous me@example.org\nls\ncd sub\nget \"a b.txt\" {out}/from-shell\npwd\nquit\n"
        has(run(wharf, "shell", input=script.encode()), b"hello.txt", "shell ls")
        same((out / "from-shell").read_bytes(), b"spaces\n", "shell get")
        traced = run(wharf, "cat", f"--trace={folder}/ladder", f"{url}/hello.txt")
        same(traced, b"hello\nwharf\n", "cat --trace")
        has((folder / "ladder").read_bytes(), b"RETR", "the ladder")


@case
def our_client_lists_fetches_and_uploads_with_vsftpd(wharf, folder):
    our_client_against(vsftpd, wharf, folder)


def contents(top):
    """Every file below a folder, with its bytes; the hidden ones of unfinished transfers must be gone."""
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def our_client_moves_trees(server, wharf, folder):
    tree = fill(folder / "tree")
    for number in range(120):
        (tree / "sub" / f"f{number}").write_bytes(b"x" * number * 17)
    out, site = folder / "out", folder / "site"
    with server(tree, folder) as port:
        url = f"ftp://127.0.0.1:{port}"
        (tree / "up").rmdir()
        wanted = contents(tree)
        run(wharf, "get", "-r", f"{url}/", out)
        same(contents(out), wanted, "get -r")
        events = run(wharf, "get", "-r", "--json", f"{url}/", out).splitlines()
        has(events[-1], b'"done":0', "a second get -r")
        run(wharf, "get", "-r", "--jobs", "1", "--active", f"{url}/sub/", folder / "sub")
        same(contents(folder / "sub"), contents(tree / "sub"), "get -r --active")
        (tree / "up").mkdir()
        (tree / "up").chmod(0o777)
        shutil.copytree(out, site)
        run(wharf, "put", "-r", site, f"{url}/up/put")
        same(contents(tree / "up" / "put"), wanted, "put -r")
        run(wharf, "sync", site, f"{url}/up/sync")
        same(contents(tree / "up" / "sync"), wanted, "sync up")
        (site / "hello.txt").write_bytes(b"another")
        (site / "empty").unlink()
        shutil.rmtree(site / "sub")
        (site / "new").mkdir()
        (site / "new" / "n").write_bytes(b"new")
        run(wharf, "sync", site, f"{url}/up/sync", "--delete", "--max-delete", "100%")
        same(contents(tree / "up" / "sync"), contents(site), "sync up --delete")
        if (tree / "up" / "sync" / "sub").exists():
            raise Failure("a folder that is to go is still there")
        same(run(wharf, "sync", site, f"{url}/up/sync", "--delete", "--dry-run"), b"", "nothing is left to do")
        run(wharf, "sync", f"{url}/up/sync", out, "--delete", "--max-delete", "100%")
        same(contents(out), contents(site), "sync down --delete")


@case
def our_client_moves_trees_with_vsftpd(wharf, folder):
    our_client_moves_trees(vsftpd, wharf, folder)


@case
def our_client_moves_trees_with_pyftpdlib(wharf, folder):
    our_client_moves_trees(pyftpdlib, wharf, folder)


@case
def our_client_resumes_one_tls_session_throughout_with_vsftpd(wharf, folder):
    tree = fill(folder / "tree")
    key, cert = certificate(folder)
    settings = {
        "ssl_enable": "YES", "allow_anon_ssl": "YES", "require_ssl_reuse": "YES", "force_anon_data_ssl": "YES",
        "strict_ssl_read_eof": "YES", "strict_ssl_write_shutdown": "YES", "ssl_ciphers": "HIGH",
        "rsa_cert_file": cert, "rsa_private_key_file": key,
    }
    with vsftpd(tree, folder, **settings) as port:
        url = f"ftpes://127.0.0.1:{port}"
        run(wharf, "ls", f"{url}/", status=4)
        for version in ["1.2", "1.3"]:
            lines = [f"get big.bin {folder}/got\nput {folder}/got up/{version}-{n}\n" for n in range(10)]
            ladder = folder / "ladder"
            options = ["-e", "--ca", cert, "--tls-max", version, f"--trace={ladder}"]
            run(wharf, "shell", *options, f"{url}/", input="".join(lines).encode())
            same((tree / "up" / f"{version}-9").read_bytes(), (tree / "big.bin").read_bytes(), f"put {version}")
            resumed = ladder.read_bytes().count(b", resumed")
            if resumed != 20:
                raise Failure(f"TLS {version}: {resumed} of 20 data connections resumed the session")
        run(wharf, "put", "--ca", cert, tree / "empty", f"{url}/up/empty")
        same((tree / "up" / "empty").read_bytes(), b"", "put an empty file")


@case
def our_client_finds_out_what_tls_vsftpd_demands(wharf, folder):
    key, cert = certificate(folder)
    settings = {
        "ssl_enable": "YES", "allow_anon_ssl": "YES", "ssl_ciphers": "HIGH",
        "rsa_cert_file": cert, "rsa_private_key_file": key,
    }
    for reuse, version, said in [
        ("YES", "1.2", b"reuse      demanded"), ("YES", "1.3", b"reuse      demanded"),
        ("NO", "1.3", b"reuse      not demanded"), (None, "1.3", b"TLS        no TLS: AUTH TLS was refused: 530"),
    ]:
        place = folder / f"{reuse}-{version}"
        place.mkdir()
        more = {**settings, "require_ssl_reuse": reuse} if reuse else {}
        with vsftpd(fill(place / "tree"), place, **more) as port:
            check = [wharf, "check", "--ca", cert, "--tls-max", version]
            has(run(*check, f"ftp://127.0.0.1:{port}/"), said, f"{reuse} {version}")
            run(*check, f"ftpes://127.0.0.1:{port}/", status=0 if reuse else 4)


@case
def our_client_lists_fetches_and_uploads_with_pyftpdlib(wharf, folder):
    our_client_against(pyftpdlib, wharf, folder)


@case
def our_client_resumes_what_broke_off_with_pyftpdlib(wharf, folder):
    tree = fill(folder / "tree")
    big = (tree / "big.bin").read_bytes()
    with pyftpdlib(tree, folder) as port:
        (tree / "up" / "big").write_bytes(big[:1_000_000])
        run(wharf, "put", tree / "big.bin", f"ftp://127.0.0.1:{port}/up/big")
        same((tree / "up" / "big").read_bytes(), big, "put over a shorter file")
