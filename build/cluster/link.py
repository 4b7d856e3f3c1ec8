"""A link between two network namespaces with a rate and a delay, for kernels without netem: what goes into one tunnel comes out of the other, later.

    ip netns exec A python3 link.py NAME_A NAME_B B BITS_PER_SECOND SECONDS
"""
import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
LONGEST = 65536


def tunnel(name):
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return file


def main():
    near, far, namespace, rate, delay = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5])
    ends = [tunnel(near), tunnel(far)]
    # The end of the link that is open here stays open when the interface moves.
    subprocess.run(["ip", "link", "set", far, "netns", namespace], check=True)
    print("ready", flush=True)
    waiting = {file: collections.deque() for file in ends}
    free = dict.fromkeys(ends, 0.0)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    while True:
        now = time.monotonic()
        due = [queue[0][0] for queue in waiting.values() if queue]
        for file in select.select(ends, [], [], max(0.0, min(due) - now) if due else None)[0]:
            try:
                while True:
                    packet = os.read(file, LONGEST)
                    now = time.monotonic()
                    # A packet is sent when those before it are.
                    free[file] = max(free[file], now) + 8 * len(packet) / rate
                    waiting[file].append((free[file] + delay, packet))
            except BlockingIOError:
                pass
            except OSError:
                time.sleep(0.01)  # The interface is down.
        now = time.monotonic()
        for file, queue in waiting.items():
            while queue and queue[0][0] <= now:
                try:
                    os.write(other[file], queue.popleft()[1])
                except OSError:
                    pass  # A link that is cut loses what is on it.


main()
