"""What passes bytes on, and can do to connections what networks and the machines before a server do."""

import contextlib
import selectors
import socket
import struct
import threading

import support


class Relay:
    """The n-th connection is passed on to the n-th of these ports, which begin anew at the end."""

    def __init__(self, test, *ports):
        self.ports = ports
        self.lock = threading.Lock()
        self.pairs = []
        self.frozen = set()
        self.to_break = 0
        # Which stays free while nobody listens on it.
        self.port = support.free_port()
        self.listen()
        test.addCleanup(self.close)

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """From now on no connection can be made."""
        with contextlib.suppress(OSError):
            # Closing alone would leave the thread in accept(), and the port open until the next connection.
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def close(self):
        """Likewise, and those of now are broken off."""
        self.refuse()
        self.reset()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self.to_break > 0:
                self.to_break -= 1
                client.recv(1)
                self.end(client, self.hard)
                continue
            server = socket.create_connection(("127.0.0.1", self.ports[len(self.pairs) % len(self.ports)]))
            with self.lock:
                self.pairs.append((client, server))
            threading.Thread(target=self.work, args=(client, server), daemon=True).start()

    def work(self, client, server):
        other = {client: server, server: client}
        with client, server, selectors.DefaultSelector() as selector:
            for end in other:
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    try:
                        data = key.fileobj.recv(65536)
                        if client in self.frozen:
                            continue
                        if not data:
                            return
                        other[key.fileobj].sendall(data)
                    except OSError:
                        return

    def freeze(self):
        """Nothing that is sent on the connections of now arrives any more, and nobody is told."""
        with self.lock:
            self.frozen.update(client for client, _ in self.pairs)

    @staticmethod
    def end(connection, hard):
        if hard:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            # Closing with something unread would be hard, too.
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1)
            with contextlib.suppress(OSError):
                while connection.recv(65536):
                    pass
        connection.close()

    def break_next(self, count, hard):
        """So many of the next connections end as soon as the client has said something."""
        self.hard = hard
        self.to_break = count

    def reset(self):
        """The connections of now are broken off."""
        with self.lock:
            for pair in self.pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
