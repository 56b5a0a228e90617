/**
 * Runs within a network namespace of its own (tests/faults/lossy_network_test.ts): makes the network lose packets, starts
 * Net-SNMP's agent as a printer with long texts, scans it with the real command, and prints the scan's JSON.
 */
import { runCli } from "../../src/cli/run_cli.ts";
import { authKey, createUser, privKey, startSnmpdPrinter } from "../fixtures/snmpd_printer.ts";
import { testHost } from "../fixtures/test_host.ts";

export interface LossyScene {
  /** Of a hundred requests and of a hundred answers. */
  percent: number;
  /** Octets of the largest packet; what is larger is sent in fragments. */
  mtu: number;
  /** Fragments are lost, as in tunnels and behind some firewalls. */
  losesFragments: boolean;
  version: "1" | "2c" | "3";
}

export const supplies = 8, alerts = 12;

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`Cannot run ${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

function tables(): string[] {
  const lines: string[] = [];
  const long = (text: string) => `octet_str "${text.padEnd(190, " and so on")}"`;
  for (let row = 2; row <= supplies; row++) {
    const at = (column: number) => `override 1.3.6.1.2.1.43.11.1.1.${column}.1.${row}`;
    lines.push(`${at(4)} integer 3`, `${at(5)} integer 3`, `${at(6)} ${long(`Toner ${row}`)}`);
    lines.push(`${at(8)} integer 5000`, `${at(9)} integer 2500`);
  }
  for (let row = 1; row <= alerts; row++) {
    const at = (column: number) => `override 1.3.6.1.2.1.43.18.1.1.${column}.1.${row}`;
    lines.push(`${at(2)} integer 4`, `${at(4)} integer 8`, `${at(7)} integer 808`, `${at(8)} ${long(`Alert ${row}`)}`);
  }
  return lines;
}

if (import.meta.main) {
  const { percent, mtu, losesFragments, version }: LossyScene = JSON.parse(Deno.args[0]!);
  await run("ip", "link", "set", "lo", "mtu", `${mtu}`, "up");
  const access = ["rocommunity public default -V all", createUser("monitor"), "rouser monitor priv -V all"];
  await using printer = await startSnmpdPrinter([...access, ...tables()]);
  const drop = (what: string) => `add rule inet loss input ${what} drop`;
  const chance = `numgen random mod 1000 < ${percent * 10}`;
  await run(
    "nft",
    [
      "add table inet loss",
      // Before the system puts fragments together.
      "add chain inet loss input { type filter hook prerouting priority -450 ; }",
      ...losesFragments ? [drop("ip frag-off & 0x3fff != 0")] : [],
      ...percent > 0 ? [drop(`udp dport ${printer.port} ${chance}`), drop(`udp sport ${printer.port} ${chance}`)] : [],
    ].join("\n"),
  );
  const folder = await Deno.makeTempDir();
  try {
    const host = testHost({ threads: true });
    const user =
      `{ user: monitor, auth: { protocol: sha256, key: ${authKey} }, priv: { protocol: aes128, key: ${privKey} } }`;
    const credential = version === "3" ? user : `{ community: public, versions: ["${version}"] }`;
    await Deno.writeTextFile(`${folder}/credentials.yaml`, `default: [${credential}]\n`);
    const options = ["--credentials", `${folder}/credentials.yaml`, "--retries", "6", "--format", "json", "--quiet"];
    const code = await runCli(["scan", printer.target, ...options], host);
    if (code !== 0) throw new Error(host.err);
    console.log(host.out);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
