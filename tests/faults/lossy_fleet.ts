/**
 * A fleet behind a network that loses datagrams, read by the service's own scans into a real inventory: run in a namespace of
 * its own by tests/faults/identity_loss_test.ts. Prints what it found as JSON.
 */
import { createAccessMemory } from "../../src/service/access_memory.ts";
import { createReadingIntake } from "../../src/service/reading_intake.ts";
import { createSiteScans } from "../../src/service/site_scans.ts";
import { parseAgentConfig } from "../../src/config/read_config.ts";
import { openInventory } from "../../src/store/inventory.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { startSnmpdPrinter } from "../fixtures/snmpd_printer.ts";
import { fakeNames } from "../fixtures/fake_names.ts";
import { testHost } from "../fixtures/test_host.ts";

export interface LossyFleetScene {
  printers: number;
  /** Of Net-SNMP's agents whose view hides who they are. */
  hidden: number;
  lossPercent: number;
  /** Reads of the known printers after the first sweep. */
  rounds: number;
}

export interface LossyFleetFindings {
  /** Devices after each pass. */
  devices: number[];
  /** Events of the inventory by type. */
  events: Record<string, number>;
  /** Datagrams that the firewall dropped. */
  dropped: number;
}

const network = "127.61.0", port = 1161;

const fleet = (count: number) =>
  parseFleet(`printers:\n${
    [...Array(count).keys()].map((i) => `
  - name: p${i}
    address: ${network}.${i + 1}
    port: ${port}
    maker: Brother
    model: HL-L${9000 + i}
    serial: U64${String(i).padStart(3, "0")}A0N000101
    description: Brother HL-L${9000 + i}
    objectId: 1.3.6.1.4.1.2435.2.3.9.1
    mac: 00:1b:a9:10:00:${String(i + 10)}
    meters: { total: ${1000 * (i + 1)} }
    supplies: [{ type: toner, description: Black Toner, colorant: black, unit: percent, capacity: 100, level: 62 }]
    trays: [{ name: Tray 1, capacity: 250, level: 125 }]`).join("")
  }\n`);

/** All that tells a printer, and nothing that tells which. */
const hidingView = [
  "view hiding included .1.3.6.1.2.1.1",
  "view hiding included .1.3.6.1.2.1.25",
  "view hiding included .1.3.6.1.2.1.43.10",
  "view hiding included .1.3.6.1.2.1.43.11",
  "rocommunity public default -V hiding",
];

async function nft(rules: string): Promise<string> {
  const child = new Deno.Command("nft", { args: ["-f", "-"], stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(rules));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("nft does not take the rules");
  return new TextDecoder().decode(stdout);
}

async function explore(scene: LossyFleetScene): Promise<LossyFleetFindings> {
  await using simulator = await startSimulator({ devices: fleet(scene.printers) });
  void simulator;
  await using peers = new AsyncDisposableStack();
  const ports: number[] = [];
  for (let i = 0; i < scene.hidden; i++) ports.push(peers.use(await startSnmpdPrinter(hidingView)).port);
  const folder = await Deno.makeTempDir();
  const all = [port, ...ports].join(", ");
  const lossy = ["sport", "dport"].map((side) =>
    `udp ${side} { ${all} } numgen random mod 100 < ${scene.lossPercent} counter name lost drop`
  );
  const chain = ["type filter hook input priority 0; policy accept;", ...lossy].join("\n");
  await nft(`table inet loss {\ncounter lost {\n}\nchain input {\n${chain}\n}\n}\n`);
  const targets = ports.map((each) => `"127.0.0.1:${each}"`).join(", ");
  const config = parseAgentConfig(
    `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites: [{ name: office, ranges: [${network}.0/26, ${targets}], port: ${port}, rate: 0 }]
limits: { timeout: 100ms, retries: 1, workers: 1, deviceDeadline: 5s }
`,
    { file: "agent.yaml", env: () => undefined, readFile: () => "" },
  );
  try {
    using inventory = openInventory(`${folder}/inventory.db`);
    const machine = { ...testHost({ threads: true }), resolve: fakeNames({}) };
    const intake = createReadingIntake({
      inventory,
      spool: { append: () => {} },
      clock: machine.clock,
      mask: () => [],
      onAnswer: () => {},
      onMerged: () => {},
      onSpooled: () => {},
      onLost: (error) => {
        throw error;
      },
    });
    const scans = createSiteScans({
      machine,
      access: createAccessMemory(machine.clock, []),
      config: () => config,
      intake,
      faults: { add() {}, clear() {}, keepSites() {} },
      log: { warn() {}, info() {} },
      devices: () => inventory.devices().length,
      onPassed() {},
    });
    const site = config.sites[0]!;
    const devices: number[] = [];
    const pass = async (kind: "sweep" | "read", scope: "full" | "status") => {
      const places = kind === "sweep" ? null : inventory.devices().flatMap(({ place }) => place ?? []);
      await scans.scan({ site, places, kind, scope, signal: AbortSignal.timeout(120_000) });
      devices.push(inventory.devices().length);
    };
    await pass("sweep", "full");
    for (let round = 0; round < scene.rounds; round++) await pass("read", round % 2 === 0 ? "full" : "status");
    const counted = await new Deno.Command("nft", { args: ["-j", "list", "counters"] }).output();
    const dropped = Number(/"packets": (\d+)/.exec(new TextDecoder().decode(counted.stdout))?.[1] ?? 0);
    await nft("delete table inet loss\n");
    await pass("sweep", "full");
    const events: Record<string, number> = {};
    for (const { type } of inventory.events()) events[type] = (events[type] ?? 0) + 1;
    return { devices, events, dropped };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const found = await explore(JSON.parse(Deno.args[0]!));
  console.log(JSON.stringify(found));
}
