"""pyftpdlib for anonymous users, who may write: HOST PORT TREE FXP [CERTIFICATE KEY]; with these, under TLS alone.

FXP is `True` where files may be transferred to and from other servers.
"""
import logging, sys

import pyftpdlib.log
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

host, port, tree, fxp, *pair = sys.argv[1:]
pyftpdlib.log.config_logging(level=logging.ERROR)
handler = FTPHandler
if pair:
    from pyftpdlib.handlers import TLS_FTPHandler as handler

    handler.certfile, handler.keyfile = pair
    handler.tls_control_required = handler.tls_data_required = True
handler.permit_foreign_addresses = fxp == "True"
handler.authorizer = DummyAuthorizer()
handler.authorizer.add_anonymous(tree, perm="elradfmwMT")
FTPServer((host, int(port)), handler).serve_forever()
