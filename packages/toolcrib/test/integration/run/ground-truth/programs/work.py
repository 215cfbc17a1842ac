"""Opens by several interfaces, from threads and from processes; connects to a port that nobody listens at."""

import os
import socket
import subprocess
import threading

os.makedirs("folder/below", exist_ok=True)
for number in range(50):
    with open(f"folder/file-{number}", "w") as file:
        file.write("text")
for entry in os.scandir("folder"):
    if entry.is_file():
        os.close(os.open(entry.path, os.O_RDONLY))
threads = [threading.Thread(target=lambda n=n: open(f"folder/file-{n}").close()) for n in range(10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
directory = os.open("folder", os.O_RDONLY)
os.close(os.open("below/relative", os.O_CREAT | os.O_RDWR, 0o600, dir_fd=directory))
subprocess.run(["/bin/cat", "folder/file-1", "folder/none"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
with socket.socket() as client:
    client.connect_ex(("127.0.0.1", 1))
