# deferred.py PORT PROGRAM ARGS...: becomes that program, which inherits a listening socket as fd 3. On that socket, the
# kernel reports a connection only when its first bytes have come (TCP_DEFER_ACCEPT). Node has no call to set this;
# systemd has DeferAcceptSec=.
import os
import socket
import sys

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(2048)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.execv(sys.argv[2], sys.argv[2:])
