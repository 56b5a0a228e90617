"""The datagrams of bench/send_floor.ts by plain sendto calls, for what the system itself takes."""
import json, os, socket, sys, time

probe = bytes.fromhex(sys.argv[1])
addresses = [("127.78.%d.%d" % (i >> 8, i & 255), 161) for i in range(65536)]
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
before, started = os.times(), time.monotonic()
for _ in range(2):
    for address in addresses:
        sender.sendto(probe, address)
after = os.times()
cpu = after.user + after.system - before.user - before.system
print(json.dumps({"packets": 2 * len(addresses), "wallSeconds": time.monotonic() - started, "cpuSeconds": cpu}))
