/** How bench/read.ts runs each program over the printers' addresses, and what it finds in the answers. */
import { cpuUsage } from "node:process";
import type { Reading } from "../common/reading/reading.ts";
import { freePort } from "../tests/fixtures/free_port.ts";
import { measure, type Run, usageOf } from "./measure.ts";
import { opendca } from "./programs.ts";

/** What a program says of one printer. */
export interface Finding {
  /** Pages in all, undefined when it gave none. */
  total: number | undefined;
  supplies: number;
  /** Values in all, where the program shows them one by one. */
  values?: number;
}

export interface Measured {
  run: Run;
  /** By the printer's address. */
  findings: Map<string, Finding>;
  /** Processor seconds of the benchmark itself for asking a program that is a server. */
  clientCpuSeconds?: number;
}

/** Where a text has the total meter (first group) and each supply. */
interface Marks {
  total: RegExp;
  supply: RegExp;
}

function findingOf(text: string, marks: Marks): Finding {
  const total = marks.total.exec(text)?.[1];
  return { total: total === undefined ? undefined : Number(total), supplies: text.match(marks.supply)?.length ?? 0 };
}

/** Scans exactly the addresses: every probe goes to a printer. */
export async function runOpendca(addresses: string[]): Promise<Measured> {
  const targets = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(targets, addresses.join("\n"));
    const options = ["--rate", "0", "--format", "json", "--quiet"];
    const run = await measure([...opendca(), "scan", `@${targets}`, ...options]);
    const { printers }: { printers: Reading[] } = JSON.parse(run.stdout);
    const findings = new Map(printers.map(({ address, meters, supplies }): [string, Finding] => {
      const total = meters.find(({ name }) => name === "total")?.value;
      return [address, { total, supplies: supplies.length }];
    }));
    return { run, findings };
  } finally {
    await Deno.remove(targets);
  }
}

export interface Bulkwalks {
  program: string;
  options: string[];
  /** Printers that are walked at the same time. */
  atOnce: number;
  /** Walked one after the other; default: Printer-MIB alone. */
  subtrees?: string[];
  /** Printers of one shell; default 25, so that its own start weighs nothing. */
  perShell?: number;
}

/** One snmpbulkwalk for each subtree of each printer, those of a printer into a file of its own. */
export async function runBulkwalk(addresses: string[], walk: Bulkwalks): Promise<Measured> {
  const { subtrees = ["1.3.6.1.2.1.43"], perShell = 25 } = walk;
  const folder = await Deno.makeTempDir();
  try {
    const list = `${folder}/addresses`;
    await Deno.writeTextFile(list, addresses.join("\n"));
    const command = [walk.program, "-v2c", "-c", "public", ...walk.options, "-On", '"$a"', '"$s"'].join(" ");
    const script = `for a; do for s in ${subtrees.join(" ")}; do ${command}; done > "$0/$a.walk"; done`;
    const shells = ["-P", `${walk.atOnce}`, "-n", `${perShell}`, "sh", "-c", script, folder];
    const run = await measure(["xargs", "-a", list, ...shells]);
    const findings = new Map<string, Finding>();
    for (const address of addresses) {
      const text = await Deno.readTextFile(`${folder}/${address}.walk`);
      findings.set(address, { ...findingOf(text, walkMarks), values: text.match(/^\./gm)?.length ?? 0 });
    }
    return { run, findings };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** prtMarkerLifeCount and prtMarkerSuppliesLevel. */
const walkMarks: Marks = {
  total: /^\.1\.3\.6\.1\.2\.1\.43\.10\.2\.1\.4\.\S+ = Counter32: (\d+)$/m,
  supply: /^\.1\.3\.6\.1\.2\.1\.43\.11\.1\.1\.9\./gm,
};

/** Scrapes of a running exporter that are under way at the same time. */
const scrapesAtOnce = 16;

/** Its processor time and memory are those of the exporter since its start; the time is from the first scrape on. */
export async function runSnmpExporter(addresses: string[], program: string): Promise<Measured> {
  const config = new URL("snmp_exporter.yml", import.meta.url).pathname;
  const listen = `127.0.0.1:${freePort()}`;
  const exporter = new Deno.Command(program, {
    args: [`--config.file=${config}`, `--web.listen-address=${listen}`, "--log.level=error"],
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await untilItAnswers(`http://${listen}/`);
    const findings = new Map<string, Finding>();
    const left = addresses.values();
    const scrape = async () => {
      for (const address of left) {
        const answer = await fetch(`http://${listen}/snmp?target=${address}&module=printer`);
        const text = await answer.text();
        if (answer.ok) findings.set(address, findingOf(text, metricMarks));
      }
    };
    const before = cpuUsage();
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: scrapesAtOnce }, scrape));
    const wallSeconds = (performance.now() - startedAt) / 1000;
    const client = cpuUsage(before);
    const run = { stdout: "", stderr: "", wallSeconds, ...usageOf(exporter.pid) };
    return { run, findings, clientCpuSeconds: (client.user + client.system) / 1e6 };
  } finally {
    exporter.kill("SIGTERM");
    await exporter.status;
  }
}

const metricMarks: Marks = { total: /^prtMarkerLifeCount\{.*\} (\S+)$/m, supply: /^prtMarkerSuppliesLevel\{/gm };

async function untilItAnswers(url: string): Promise<void> {
  const giveUpAt = performance.now() + 10_000;
  for (;;) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch (error) {
      // Refused until it listens.
      if (performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Asks the printers one after the other, which costs it least: each further thread copies its interpreter. */
export async function runFusionInventory(addresses: string[], program: string): Promise<Measured> {
  const hosts = addresses.flatMap((address) => ["--host", address]);
  const run = await measure([program, ...hosts, "--credentials", "version:2c,community:public"]);
  const findings = new Map<string, Finding>();
  for (const device of run.stdout.split("</DEVICE>")) {
    // It numbers the hosts in their order.
    const address = addresses[Number(/<ID>(\d+)<\/ID>/.exec(device)?.[1])];
    const cartridges = /<CARTRIDGES>.*<\/CARTRIDGES>/s.exec(device)?.[0] ?? "";
    const { supplies } = findingOf(cartridges, xmlMarks);
    if (address !== undefined) findings.set(address, { ...findingOf(device, xmlMarks), supplies });
  }
  return { run, findings };
}

const xmlMarks: Marks = { total: /<TOTAL>(\d+)<\/TOTAL>/, supply: /<([A-Z]+)>[^<]*<\/\1>/g };
