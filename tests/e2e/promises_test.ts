/** Sentences of the security sheet that a running scan must keep, seen from outside the process. */
import assert from "node:assert/strict";
import { startSimulator } from "../../simulator/simulator.ts";
import { port, standardPrinter } from "../fixtures/scan_fixture.ts";

interface Socket {
  inode: string;
  local: string;
  state: string;
}

/** Sockets of one protocol in the kernel's table (proc(5)): TCP state 0A is LISTEN. */
function socketsOf(pid: number, protocol: string): Socket[] {
  const owned = new Set<string>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = Deno.readLinkSync(`/proc/${pid}/fd/${name}`).match(/^socket:\[(\d+)\]$/)?.[1];
      if (inode !== undefined) owned.add(inode);
    } catch (error) {
      // A descriptor may be closed between the listing and the look.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return Deno.readTextFileSync(`/proc/${pid}/net/${protocol}`).trim().split("\n").slice(1).map((line) => {
    const fields = line.trim().split(/\s+/);
    return { local: fields[1]!, state: fields[3]!, inode: fields[9]! };
  }).filter(({ inode }) => owned.has(inode));
}

Deno.test({
  name: "a running scan listens on no TCP port and has only client sockets (P1, P7)",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const slow = standardPrinter("127.99.0.5", { faults: [{ kind: "delay", ms: 100 }] });
    await using simulator = await startSimulator({ devices: [slow] });
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "-A", new URL("../../main.ts", import.meta.url).pathname]
        .concat("scan", "127.99.0.0/28", "--port", String(port), "--quiet", "--format", "json"),
      stdout: "piped",
    }).spawn();
    while (simulator.requests("127.99.0.5") < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    const tcp = [...socketsOf(process.pid, "tcp"), ...socketsOf(process.pid, "tcp6")];
    const udp = [...socketsOf(process.pid, "udp"), ...socketsOf(process.pid, "udp6")];
    const { stdout } = await process.output();
    assert.equal(JSON.parse(new TextDecoder().decode(stdout)).printers.length, 1);
    assert.deepEqual(tcp, []);
    assert(udp.length >= 1, "the scan's own socket was not seen, so nothing was proven");
    const [low] = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range").split(/\s+/).map(Number);
    for (const { local } of udp) {
      assert(parseInt(local.split(":")[1]!, 16) >= low!, `a service port is bound: ${local}`);
    }
  },
});
