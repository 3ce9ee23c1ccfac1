"""inetd for one server: HOST PORT COMMAND...; each connection is a process whose standard input and output it is."""
import signal, socket, subprocess, sys

# Who ended is nobody's concern.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family) as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((sys.argv[1], int(sys.argv[2])))
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        subprocess.Popen(sys.argv[3:], stdin=connection, stdout=connection)
        connection.close()
