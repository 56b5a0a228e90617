/**
 * `deno task bench:uplink [--readings N]`: a full spool is emptied into the platform, end to end and with real processes:
 * spool (SQLite) → uplink → gRPC over mutual TLS → the platform's store (SQLite). rsyslog does the nearest thing that
 * Debian has, with the same readings as lines of JSON, in the same run: disk queue → RELP over mutual TLS → file.
 *
 * The time is taken from the start of the sending process to its last acknowledgement, for both. Processor time includes
 * the start as well.
 */
import { openSpool } from "../src/store/spool.ts";
import { denoSpoolFiles } from "../src/store/spool_files.ts";
import { systemClock } from "../common/core/clock.ts";
import type { Reading } from "../common/reading/reading.ts";
import type { SpoolRecord } from "../src/store/spool_record.ts";
import { recordOfReading } from "../src/link/spool_reading.ts";
import { programOptions } from "../tools/program_options.ts";
import { alignColumns, usageOf } from "./measure.ts";
import { maybePeer } from "./programs.ts";
import { relayWithRsyslog } from "./rsyslog_relay.ts";
import { startService } from "./service.ts";
import { realisticReadings } from "./uplink_load.ts";
import { maybeConnectionBytes } from "./wire.ts";

const { values: { readings: count } } = programOptions("deno task bench:uplink [--readings N]", { readings: 20_000 });

export interface Relayed {
  seconds: number;
  sender: { cpuSeconds: number; peakMegabytes: number };
  receiver: { cpuSeconds: number; peakMegabytes: number };
  /** Both directions, TLS included, without TCP's own headers; undefined if unknown. */
  wireBytes: number | undefined;
  /** What the receiver holds. */
  stored: number;
  duplicates: number;
}

/** One row per reading of the fleet, as the agent's intake puts them. */
function recordsOf(readings: readonly Reading[]): SpoolRecord[] {
  return readings.map((reading) => {
    const deviceKey = `bench ${reading.serial}`;
    return recordOfReading(reading, { site: "head office", deviceKey, scope: "full", mask: [] });
  });
}

function fill(path: string, records: readonly SpoolRecord[]): void {
  using spool = openSpool(path, { clock: systemClock, files: denoSpoolFiles, onSalvage: () => {} });
  for (let at = 0; at < records.length; at += 1000) spool.append(records.slice(at, at + 1000));
}

async function relayWithOpendca(readings: readonly Reading[]): Promise<Relayed> {
  // Without sites it scans nothing: what is measured is the way of the readings.
  await using service = await startService("log: { format: json }\n");
  const records = recordsOf(readings);
  fill(`${service.stateDirectory}/spool.db`, records);
  const platformBefore = usageOf(service.platform.pid).cpuSeconds;
  const startMs = performance.now();
  await using agent = service.spawnAgent();
  for (let sent = 0, line = 0; sent < records.length;) {
    await agent.line((text) => text.includes('"batchSent"'), line);
    for (; line < agent.lines.length; line++) {
      if (agent.lines[line]!.includes('"batchSent"')) sent += JSON.parse(agent.lines[line]!).records;
    }
  }
  const seconds = (performance.now() - startMs) / 1000;
  const sender = usageOf(agent.pid), platform = usageOf(service.platform.pid);
  const wireBytes = await maybeConnectionBytes(service.port);
  const ids = service.store<{ record_id: string }>("SELECT record_id FROM records").map((row) => row.record_id);
  const distinct = new Set(ids);
  const missing = records.filter(({ id }) => !distinct.has(id));
  if (missing.length > 0) throw new Error(`The platform does not hold ${missing.length} of the readings`);
  return {
    seconds,
    sender,
    receiver: { ...platform, cpuSeconds: platform.cpuSeconds - platformBefore },
    wireBytes,
    stored: distinct.size,
    duplicates: ids.length - distinct.size,
  };
}

console.log("reading the simulated fleet …");
const readings = await realisticReadings(count);
const lines = readings.map((reading) => JSON.stringify(reading));
const jsonBytes = lines.reduce((sum, line) => sum + line.length, 0);
console.log(`${count} readings of ${Math.round(jsonBytes / count)} bytes as JSON`);

const rows: [name: string, relayed: Relayed][] = [];
console.log("running opendca …");
const ours = await relayWithOpendca(readings);
rows.push(["opendca run → platform", ours]);
const rsyslogd = maybePeer("rsyslogd", "rsyslog rsyslog-relp");
let theirs: Relayed | undefined;
if (rsyslogd !== undefined) {
  console.log("running rsyslog …");
  theirs = await relayWithRsyslog(lines, rsyslogd);
  rows.push(["rsyslog → rsyslog", theirs]);
}

const table = [[
  "",
  "readings",
  "stored",
  "twice",
  "wall s",
  "readings/s",
  "sender CPU ms/1000",
  "peak MB",
  "receiver CPU ms/1000",
  "peak MB",
  "bytes/reading",
]];
for (const [name, { seconds, sender, receiver, wireBytes, stored, duplicates }] of rows) {
  table.push([
    name,
    String(count),
    String(stored),
    String(duplicates),
    seconds.toFixed(2),
    (count / seconds).toFixed(0),
    (sender.cpuSeconds / count * 1e6).toFixed(0),
    sender.peakMegabytes.toFixed(0),
    (receiver.cpuSeconds / count * 1e6).toFixed(0),
    receiver.peakMegabytes.toFixed(0),
    wireBytes === undefined ? "?" : (wireBytes / count).toFixed(0),
  ]);
}
console.log(`\n${alignColumns(table)}\n`);
console.log(`stored exactly once: ${ours.stored - ours.duplicates} of ${count} (wanted: all)`);
console.log(`end to end: ${(count / ours.seconds).toFixed(0)} readings/s (wanted: at least 2000)`);
if (theirs !== undefined) {
  console.log(`readings/s: ${(theirs.seconds / ours.seconds).toFixed(2)} × rsyslog's`);
  const cpu = ({ sender, receiver }: Relayed) => sender.cpuSeconds + receiver.cpuSeconds;
  console.log(`CPU of both ends: ${(cpu(ours) / cpu(theirs)).toFixed(2)} × rsyslog's`);
  if (ours.wireBytes !== undefined && theirs.wireBytes !== undefined) {
    console.log(`bytes on the wire: ${(ours.wireBytes / theirs.wireBytes).toFixed(3)} × rsyslog's`);
  }
}
