import assert from "node:assert/strict";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { testHost } from "../fixtures/test_host.ts";
import { freePort } from "../fixtures/free_port.ts";
import { port, scan, standardPrinter } from "../fixtures/scan_fixture.ts";

/** The scanner has a thread and a sandbox of its own. */
const inThread = () => ({ host: testHost({ threads: true }) });

Deno.test("scan reads a printer of an unknown maker from the standard MIB", async () => {
  const { exitCode, document } = await scan([standardPrinter("127.91.0.5")], ["127.91.0.0/28"], inThread());
  assert.equal(exitCode, 0);
  assert.deepEqual([document.stats.addresses, document.stats.answered, document.stats.printers], [14, 1, 1]);
  const [printer] = document.printers;
  assert(printer !== undefined);
  assert.equal(printer.address, "127.91.0.5");
  assert.equal(printer.port, port);
  assert.equal(printer.manufacturer, null);
  assert.equal(printer.model, "Example Laser 9000");
  assert.equal(printer.serial, "ZZ1279105");
  assert.equal(printer.mac, "02:00:5e:10:00:01");
  assert.equal(printer.location, "Test room");
  assert.deepEqual(printer.meters.map(({ name, value }) => [name, value]), [["total", 64299]]);
  assert.deepEqual(printer.supplies.map(({ kind, colorant, level }) => [kind, colorant, level.kind, level.percent]), [
    ["toner", "black", "exact", 28],
    ["wasteToner", "none", "some", null],
  ]);
  assert.deepEqual(printer.trays.map(({ name, level }) => [name, level.percent]), [["Tray 1", 50]]);
  assert.deepEqual(printer.problems, []);
  assert.deepEqual(document.problems, []);
});

Deno.test("scan asks a typical printer at most 12 times and a silent address twice", async () => {
  const typical = await scan([standardPrinter("127.91.1.5")], ["127.91.1.0/29"]);
  const asked = typical.simulator.requests("127.91.1.5");
  assert(asked > 0 && asked <= 12, `${asked} requests`);
  // By itself: on a busy machine the printer may answer late, and a sweep that finds one late asks again.
  const silent = standardPrinter("127.91.1.14", { faults: [{ kind: "silence" }] });
  const { simulator } = await scan([silent], ["127.91.1.8/29"]);
  assert.equal(simulator.requests("127.91.1.14"), 2);
  assert.equal(typical.simulator.sets + simulator.sets, 0);
});

Deno.test("scan never sends to an excluded address", async () => {
  const devices = [standardPrinter("127.91.2.5"), standardPrinter("127.91.2.6")];
  const { document, simulator } = await scan(devices, ["127.91.2.0/28", "--exclude", "127.91.2.6"], inThread());
  assert.deepEqual(document.printers.map(({ address }) => address), ["127.91.2.5"]);
  assert.equal(simulator.requests("127.91.2.6"), 0);
});

Deno.test("scan opens no TCP connection to a printer", async () => {
  // Only root may listen below 1024; 9100, where a connection makes a printer print, is always watched.
  const ports = [80, 443, 515, 631, 8000, 9100, 9101].filter((tcp) => tcp >= 1024 || Deno.uid() === 0);
  const connections: number[] = [];
  const listeners = ports.map((tcp) => Deno.listen({ hostname: "127.91.3.5", port: tcp }));
  const accepting = listeners.map(async (listener) => {
    for await (const connection of listener) {
      connections.push(listener.addr.port);
      connection.close();
    }
  });
  await scan([standardPrinter("127.91.3.5")], ["127.91.3.0/28"], inThread());
  for (const listener of listeners) listener.close();
  await Promise.all(accepting);
  assert.deepEqual(connections, []);
});

Deno.test("scan reads a printer that speaks only SNMPv1", async () => {
  const { document } = await scan([standardPrinter("127.91.4.5", { versions: ["1"] })], ["127.91.4.5"]);
  const [printer] = document.printers;
  assert.equal(printer?.snmp.version, "1");
  assert.equal(printer.meters[0]?.value, 64299);
  assert.equal(printer.supplies.length, 2);
});

Deno.test("scan tries the next community when the first is wrong", async () => {
  const device = standardPrinter("127.91.5.5", { communities: ["second"] });
  const { document } = await scan([device], ["127.91.5.5", "-c", "first", "-c", "second"]);
  assert.equal(document.printers[0]?.supplies.length, 2);
});

const users = [{
  name: "monitor",
  auth: "sha256",
  authKey: "right-auth-key",
  priv: "aes128",
  privKey: "right-priv-key",
}] as const;

async function withCredentials<T>(yaml: string, use: (file: string) => Promise<T>): Promise<T> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, yaml);
    return await use(file);
  } finally {
    await Deno.remove(file);
  }
}

function userYaml(name: string, authKey: string, privKey: string): string {
  return `  - { user: ${name}, level: authPriv, auth: { protocol: sha256, key: ${authKey} }, priv: { protocol: aes128, key: ${privKey} } }\n`;
}

Deno.test("scan reads a printer that speaks only SNMPv3 after wrong credentials of every sort", async () => {
  const yaml = "default:\n  - community: wrong\n" +
    userYaml("nobody", "right-auth-key", "right-priv-key") +
    userYaml("monitor", "wrong-auth-key", "right-priv-key") +
    userYaml("monitor", "right-auth-key", "wrong-priv-key") +
    userYaml("monitor", "right-auth-key", "right-priv-key");
  const device = standardPrinter("127.91.6.5", { versions: ["3"], users });
  const { document } = await withCredentials(
    yaml,
    (file) => scan([device], ["127.91.6.5", "--credentials", file], inThread()),
  );
  const [printer] = document.printers;
  assert.equal(printer?.snmp.version, "3");
  assert.match(printer.snmp.engineId ?? "", /^[0-9a-f]{10,64}$/);
  assert.equal(printer.supplies.length, 2);
});

Deno.test("scan says of a device whose credentials are all wrong why each failed", async () => {
  const yaml = "default:\n" + userYaml("nobody", "right-auth-key", "right-priv-key") +
    userYaml("monitor", "wrong-auth-key", "x-right-priv-key");
  const device = standardPrinter("127.91.7.5", { versions: ["3"], users });
  const { document, host } = await withCredentials(
    yaml,
    (file) => scan([device], ["127.91.7.5", "--credentials", file, "--all"]),
  );
  assert.equal(document.printers.length, 0);
  assert.deepEqual(document.others?.map(({ address }) => address), ["127.91.7.5"]);
  const [problem] = document.problems;
  assert.equal(problem?.code, "no-credential");
  assert.match(problem.message, /nobody.*unknownUserName.*monitor.*wrongDigest/);
  assert(!host.out.includes("wrong-auth-key"), "a key stands in the output");
});

Deno.test("scan reads the objects of an SNMPv3 context", async () => {
  const { objects } = standardPrinter("127.91.12.5");
  const device = standardPrinter("127.91.12.5", {
    versions: ["3"],
    users,
    objects: [],
    contexts: { printer: objects },
  });
  const yaml = "default:\n" +
    userYaml("monitor", "right-auth-key", "right-priv-key").replace(" }\n", ", context: printer }\n");
  const { document } = await withCredentials(yaml, (file) => scan([device], ["127.91.12.5", "--credentials", file]));
  assert.equal(document.printers[0]?.meters[0]?.value, 64299);
});

for (const priv of ["aes192r", "aes192b", "aes256r", "aes256b"] as const) {
  Deno.test(`scan finds out that a printer expands its keys as ${priv}`, async () => {
    const keys = [{ ...users[0], auth: "sha1", priv }] as const;
    const yaml = "default:\n" + userYaml("monitor", "right-auth-key", "right-priv-key")
      .replace("sha256", "sha1").replace("aes128", priv.slice(0, -1));
    const device = standardPrinter("127.91.13.5", { versions: ["3"], users: keys });
    const { document } = await withCredentials(yaml, (file) => scan([device], ["127.91.13.5", "--credentials", file]));
    assert.equal(document.printers[0]?.supplies.length, 2);
  });
}

Deno.test("scan reads an IPv6 address and a port in the target", async () => {
  const other = freePort("::1");
  const device = standardPrinter("127.91.8.5", { address: "::1", port: other });
  const { document } = await scan([device], [`[::1]:${other}`]);
  assert.deepEqual(document.printers.map(({ address, port }) => [address, port]), [["::1", other]]);
});

Deno.test("scan takes the host name as it was targeted", async () => {
  const host = testHost({ names: { "printer.example": ["127.91.9.5"] } });
  const { document } = await scan([standardPrinter("127.91.9.5")], ["printer.example"], { host });
  assert.equal(document.printers[0]?.hostname, "printer.example");
});

Deno.test("scan lists what is no printer only with --all", async () => {
  const [windows] = parseFleet(`
hosts:
  - { kind: windows, address: 127.91.10.7, port: ${port}, description: "Hardware: Intel64 - Software: Windows", hostname: srv }
`.replace("kind: windows, ", ""));
  const without = await scan([windows!], ["127.91.10.7"]);
  assert.equal(without.document.printers.length, 0);
  assert.equal(without.document.others, undefined);
  const all = await scan([windows!], ["127.91.10.7", "--all"]);
  assert.deepEqual(all.document.others?.map(({ address }) => address), ["127.91.10.7"]);
});

Deno.test("scan keeps what it has read when it is interrupted, and says so", async () => {
  const slow = standardPrinter("127.91.11.9", { faults: [{ kind: "delay", ms: 150 }] });
  const { exitCode, document, host } = await scan([standardPrinter("127.91.11.5"), slow], [
    "127.91.11.0/28",
    "--timeout",
    "5000",
  ], {
    ...inThread(),
    during: async (simulator, host) => {
      while (simulator.requests("127.91.11.9") < 3) await new Promise((resolve) => setTimeout(resolve, 5));
      host.interrupt();
    },
  });
  assert.equal(exitCode, 130);
  assert.equal(document.problems[0]?.code, "interrupted");
  assert(document.printers.some(({ address }) => address === "127.91.11.5"));
  assert.match(
    host.err,
    /^interrupted: \d+ of 14 addresses asked, \d printers? read and kept, \d devices? found but not read\n$/,
  );
});
