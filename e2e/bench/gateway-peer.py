"""The other ends that gateway-memory.sh needs.

    gateway-peer.py long PORT BYTES  an upstream that reads bodies and keeps nothing; a GET is answered with a long one
    gateway-peer.py idle PORT COUNT  connections that ask once, wait for a line on stdin, and ask once more
"""

import socket
import sys
import threading


def head_of(stream):
    lines = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines.append(line.decode().strip().lower())
    return lines


def length_of(lines):
    return next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)


def serve(connection, length):
    with connection, connection.makefile("rwb") as stream:
        while lines := head_of(stream):
            left = length_of(lines)
            while left and (part := stream.read(min(left, 65536))):
                left -= len(part)
            answer = length if lines[0].startswith("get ") else 0
            stream.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % answer)
            stream.flush()
            for _ in range(answer // 65536):
                connection.sendall(bytes(65536))


def long(port, length):
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, length), daemon=True).start()


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        part = connection.recv(4096)
        if not part:
            return False
        answer += part
    return answer.startswith(b"HTTP/1.1 200 ")


def idle(port, count):
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    print(sum(ask(connection) for connection in connections), flush=True)
    sys.stdin.readline()
    print(sum(ask(connection) for connection in connections), flush=True)


command = {"long": long, "idle": idle}[sys.argv[1]]
command(int(sys.argv[2]), int(sys.argv[3]))
