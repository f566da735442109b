"""Does what large builds do: processes, threads, a child, /tmp, loopback, shared memory."""

import multiprocessing
import multiprocessing.shared_memory
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

import kit


def _square(number):
    return number * number


def _pool():
    # Forked explicitly: a spawned worker would have to import this backend by name.
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(_square, range(10)))


def _files():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "object.o")
        path.write_text("285")
        return int(path.read_text())


def _loopback():
    with socket.create_server(("localhost", 0)) as server:
        def serve():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"285")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with socket.create_connection(("localhost", server.getsockname()[1]), 5) as client:
            answer = client.recv(16)
        thread.join(kit.seconds(5))
    return int(answer)


def _child():
    command = [sys.executable, "-c", "print(sum(n * n for n in range(10)))"]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _shared_memory():
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=4096)
    try:
        memory.buf[:3] = b"285"
        return int(bytes(memory.buf[:3]))
    finally:
        memory.close()
        memory.unlink()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    for work in (_pool, _files, _loopback, _child, _shared_memory):
        kit.mark(work.__name__.strip("_").replace("_", "-"))
        if work() != 285:
            raise RuntimeError(f"{work.__name__} went wrong")
    return kit.wheel(wheel_directory)
