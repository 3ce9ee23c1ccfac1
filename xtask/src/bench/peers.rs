//! How the peers are started, with TLS and without.
//!
//! Each serves one folder to anonymous users, who may write below `up`, and refuses nobody.

use super::server::{Place, Recipe, written};
use std::ffi::OsString;
use std::path::PathBuf;
use std::{fs, io};

/// All of them.
pub(super) fn peers() -> [Recipe; 4] {
    [vsftpd(), pure_ftpd(), proftpd(), pyftpdlib()]
}

fn vsftpd() -> Recipe {
    Recipe {
        name: "vsftpd",
        program: "vsftpd".into(),
        arguments: |place| {
            let Place { root, folder, port, certificate } = place;
            let empty = folder.join("empty");
            fs::create_dir(&empty)?;
            let tls = certificate.map_or_else(String::new, |file| {
                let file = file.display();
                format!(
                    "ssl_enable=YES\nallow_anon_ssl=YES\nssl_ciphers=HIGH\n\
                 require_ssl_reuse=NO\nrsa_cert_file={file}\nrsa_private_key_file={file}\n"
                )
            });
            let settings = format!(
                "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n\
             anonymous_enable=YES\nno_anon_password=YES\nanon_root={}\nwrite_enable=YES\n\
             anon_upload_enable=YES\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES\nanon_umask=022\n\
             secure_chroot_dir={}\npasv_min_port=10000\npasv_max_port=30000\nmax_clients=0\nmax_per_ip=0\nxferlog_enable=NO\n\
             seccomp_sandbox=NO\nftp_username=daemon\n{tls}",
                root.display(),
                empty.display()
            );
            Ok(vec![written(place.folder, "vsftpd.conf", &settings)?.into()])
        },
        version: &["-v"],
        needs_root: true,
    }
}

fn pure_ftpd() -> Recipe {
    Recipe {
        name: "pure-ftpd",
        // It serves the home of the user `ftp` and nothing else: in a mount namespace, that is our tree.
        program: "unshare".into(),
        arguments: |place| {
            let Place { root, port, certificate, .. } = place;
            let tls = certificate
                .map_or_else(String::new, |file| format!(" -Y 1 --certfile={}", file.display()));
            let serve = format!(
                "command -v pure-ftpd >/dev/null && home=$(getent passwd ftp | cut -d: -f6) && \
             test -d \"$home\" && mount --bind \"$0\" \"$home\" && exec pure-ftpd -S 127.0.0.1,{port} \
             -e -M -c 20000 -C 20000 -H -p 10000:30000 -L 200000:20{tls}"
            );
            let words = ["--mount", "sh", "-c"].map(OsString::from);
            Ok(words.into_iter().chain([serve.into(), (*root).into()]).collect())
        },
        version: &["sh", "-c", "pure-ftpd --help"],
        needs_root: true,
    }
}

/// Where the modules of a proftpd are that was put elsewhere than under /usr.
fn modules() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folder = std::env::split_paths(&path).find(|folder| folder.join("proftpd").is_file())?;
    Some(folder.parent()?.join("lib/proftpd")).filter(|modules| modules.is_dir())
}

fn proftpd() -> Recipe {
    Recipe {
        name: "proftpd",
        program: "proftpd".into(),
        arguments: |place| {
            let Place { root, folder, port, certificate } = place;
            let tls = certificate.map_or_else(String::new, |file| {
            let file = file.display();
            format!(
                "LoadModule mod_tls.c\nTLSEngine on\nTLSRequired off\nTLSECCertificateFile {file}\n\
                 TLSECCertificateKeyFile {file}\nTLSOptions NoSessionReuseRequired\nTLSLog none\n"
            )
        });
            let (folder, root) = (folder.display(), root.display());
            let modules = modules()
                .map_or_else(String::new, |path| format!("ModulePath {}\n", path.display()));
            let settings = format!(
                "ServerType standalone\nDefaultServer on\nPort {port}\nDefaultAddress 127.0.0.1\n\
             UseIPv6 off\nUser nobody\nGroup nogroup\nPassivePorts 10000 30000\nMaxInstances 20000\n\
             UseReverseDNS off\nWtmpLog off\nTransferLog none\nSystemLog none\nAllowOverwrite on\n\
             RequireValidShell off\nUseFtpUsers off\nPidFile {folder}/pid\nScoreboardFile {folder}/scoreboard\n\
             DelayEngine off\n{modules}{tls}<Anonymous {root}>\nUser daemon\nGroup daemon\n\
             UserAlias anonymous daemon\nRequireValidShell off\nAnonRequirePassword off\n</Anonymous>\n"
            );
            let file = written(place.folder, "proftpd.conf", &settings)?;
            Ok(vec!["-n".into(), "-q".into(), "-c".into(), file.into()])
        },
        version: &["-v"],
        needs_root: true,
    }
}

fn pyftpdlib() -> Recipe {
    Recipe {
        name: "pyftpdlib",
        program: "python3".into(),
        arguments: |place| {
            let Place { root, port, certificate, .. } = place;
            if certificate.is_some() {
                return Err(io::Error::other("its TLS wants a library of its own"));
            }
            let program = format!(
                "from pyftpdlib.authorizers import DummyAuthorizer as A\n\
             from pyftpdlib.handlers import FTPHandler as H\n\
             from pyftpdlib.servers import FTPServer as S\n\
             import logging\n\
             logging.basicConfig(level=logging.CRITICAL)\n\
             a = A(); a.add_anonymous({:?}, perm='elradfmwMT', msg_login='in'); H.authorizer = a\n\
             s = S(('127.0.0.1', {port}), H); s.max_cons = 30000; s.serve_forever()\n",
                root.display().to_string()
            );
            Ok(vec!["-c".into(), program.into()])
        },
        version: &["-c", "import pyftpdlib; print('pyftpdlib', pyftpdlib.__ver__)"],
        needs_root: false,
    }
}
