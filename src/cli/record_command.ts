/**
 * `opendca record ADDRESS --output FILE`: records a printer with a wrong reading for a maintainer, without its secrets.
 */
import type { Command } from "commander";
import { isLost } from "../../common/reading/lost_codes.ts";
import { planToWire, type WireCredentialPlan } from "../snmp/credential.ts";
import type { Replaced, SecretKind } from "../recording/pseudonyms.ts";
import { redactRecording } from "../recording/redact_recording.ts";
import { simulateRead } from "../recording/replay.ts";
import { formatSnmprec } from "../recording/snmprec.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { credentialPlan } from "./credential_plan.ts";
import type { Host } from "./host.ts";
import { maybeOutputFile } from "./open_output.ts";
import {
  addSingleDeviceOptions,
  type DeviceRead,
  parseSingleTarget,
  readSingleDevice,
  type SingleDeviceOptions,
} from "./single_device.ts";
import { collect } from "./scan_options.ts";
import type { ObjectStore } from "../printers/object_store.ts";
import { oids } from "../printers/printer_mib.ts";
import type { Profile } from "../printers/profile.ts";
import type { ColumnGroup } from "../printers/read_plan.ts";

/** Exit code after Ctrl-C: 128 + SIGINT, as shells count. */
const interruptedExitCode = 130;
/** Large devices answer slowly, and a recording is made once. */
const deadlineMs = 900_000;

interface RecordOptions extends SingleDeviceOptions {
  output: string;
  full?: boolean;
  redact: boolean;
  secret?: string[];
}

const examples = `
The file is a recording for snmpsim (.snmprec): the objects of a scan, and the subtrees that a new profile needs.
Serial numbers, names, places, people and addresses are replaced by invented ones of the same form before anything is
written. Check the file anyway before you pass it on.

Examples:
  opendca record 192.168.1.77 --output printer.snmprec
  opendca explain --recording printer.snmprec

Exit codes: 0 done, 64 wrong usage, 69 cannot be reached, 77 not permitted, 78 bad credentials file, 130 interrupted.
`;

/** Adds the command to the program. */
export function addRecordCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  addSingleDeviceOptions(program.command("record").description("record the answers of one printer for a maintainer"))
    .argument("<address>", "address or host name of the printer, with an optional :PORT")
    .requiredOption("-o, --output <file>", "the recording; - is standard output")
    .option("--full", `up to ${fullRows} objects of each subtree instead of ${normalRows}`)
    .option("--secret <text>", "another text to replace, such as a serial number or a name; repeatable", collect)
    .option("--no-redact", "keep serials, names, places and addresses as they are")
    .addHelpText("after", examples)
    .action(async (address: string, options: RecordOptions) => setExitCode(await runRecord(address, options, host)));
}

async function runRecord(address: string, options: RecordOptions, host: Host): Promise<number> {
  const credentials = planToWire(await credentialPlan(options, host));
  const space = await parseSingleTarget(address, { verb: "record", port: options.port, host });
  const file = await maybeOutputFile(options.output, host);
  try {
    const request = { options, credentials, deadlineMs };
    const first = await readSingleDevice(space, { ...request, capture: [] }, host);
    if (first === null) return await stopped(file, host);
    const capture = captureGroups(simulateRead(first.objects), { maxRows: options.full ? fullRows : normalRows });
    const read = await readSingleDevice(space, { ...request, capture }, host);
    if (read === null) return await stopped(file, host);
    const { objects, replaced, serialFound } = options.redact
      ? redactRecording(read.objects, {
        address: read.target.address,
        hostname: read.target.hostname,
        credentials: secretsOf(credentials),
        texts: options.secret ?? [],
        draw,
      })
      : { objects: read.objects, replaced: null, serialFound: true };
    await (file ?? host.stdout).write(formatSnmprec(objects));
    await file?.commit();
    await host.stderr.write(report(read, { ...options, objects: objects.length, replaced, serialFound, capture }));
    return 0;
  } catch (error) {
    // Only the first failure is reported, not that the file cannot be removed.
    await file?.discard().catch(() => {});
    throw error;
  }
}

async function stopped(file: { discard(): Promise<void> } | undefined, host: Host): Promise<number> {
  await file?.discard();
  await host.stderr.write("interrupted: no recording was written\n");
  return interruptedExitCode;
}

/** A random number below `limit`; the bias is negligible, as all limits are far below 2^32. */
function draw(limit: number): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % limit;
}

function secretsOf(plan: WireCredentialPlan): string[] {
  return plan.rules.flatMap(({ credentials }) => credentials).flatMap((credential) =>
    credential.kind === "community"
      ? [credential.community]
      : [credential.user, credential.auth?.key, credential.priv?.key].filter((secret) => secret !== undefined)
  );
}

const kinds: Record<SecretKind, [one: string, more: string]> = {
  serial: ["serial number", "serial numbers"],
  name: ["host name", "host names"],
  location: ["location", "locations"],
  contact: ["contact", "contacts"],
  credential: ["password", "passwords"],
  job: ["print job text", "print job texts"],
  mac: ["MAC address", "MAC addresses"],
  address: ["IP address", "IP addresses"],
  text: ["text of --secret", "texts of --secret"],
};

function report(
  read: DeviceRead,
  made: RecordOptions & {
    objects: number;
    replaced: Replaced | null;
    serialFound: boolean;
    capture: { columns: string[]; maxRows: number }[];
  },
): string {
  const { reading, target, problems } = read;
  const name = reading === null
    ? "not recognised as a printer"
    : safeText([reading.manufacturer, reading.model].filter((part) => part !== null).join(" ") || "model unknown");
  const lines = [
    `recorded ${made.objects} objects of ${target.address} port ${target.port} (${name}) in ${safeText(made.output)}`,
  ];
  if (made.replaced === null) {
    lines.push("note: nothing was replaced: the file contains the names of printer, place and people");
  } else {
    const counts = [...made.replaced].map(([kind, { secrets, places }]) =>
      `${secrets} ${kinds[kind][secrets === 1 ? 0 : 1]} in ${places} ${places === 1 ? "place" : "places"}`
    );
    lines.push(`replaced: ${counts.join(", ") || "nothing"}`);
    if (!made.serialFound && made.secret === undefined) {
      lines.push("note: no serial number was recognised; one that you know is replaced by --secret SERIAL");
    }
    lines.push("note: check the file before you pass it on: what only a person recognises is still there");
  }
  for (const { code, message, oid } of problems) {
    const group = made.capture.find(({ columns }) => oid !== undefined && columns.includes(oid));
    if (code === "table-too-long" && group !== undefined) {
      const more = made.full ? "" : `; --full takes up to ${fullRows}`;
      lines.push(`note: ${oid} was cut after ${group.maxRows} objects${more}`);
    } else if (isLost(code)) {
      lines.push(`note: incomplete: ${safeText(message)}`);
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** Maximum number of objects per subtree without `--full`. */
const normalRows = 5_000;
const fullRows = 30_000;

const enterprises = "1.3.6.1.4.1";
const pwg = `${enterprises}.2699`;

/**
 * Objects that a maintainer needs in addition to those of the reader: the standard tables and the private subtrees of
 * every maker that the device names. A subtree is walked as a group of one column.
 */
function captureGroups(
  device: { store: ObjectStore; profile: Profile },
  options: { maxRows: number },
): ColumnGroup[] {
  const { maxRows } = options;
  const subtree = (name: string, base: string): ColumnGroup => ({ name, columns: [base], expectedRows: 44, maxRows });
  return [
    subtree("system", "1.3.6.1.2.1.1"),
    {
      name: "interfaces",
      columns: ["1.3.6.1.2.1.2.2.1.2", oids.ifType, oids.ifPhysAddress],
      expectedRows: 2,
      maxRows: 64,
    },
    subtree("hrDeviceTable", "1.3.6.1.2.1.25.3.2"),
    subtree("hrPrinterTable", "1.3.6.1.2.1.25.3.5"),
    subtree("Printer-MIB", "1.3.6.1.2.1.43"),
    ...[...makersOf(device)].map((base) => subtree(`enterprise ${base.split(".").at(-1)}`, base)),
    subtree("PWG", pwg),
  ];
}

function makersOf({ store, profile }: { store: ObjectStore; profile: Profile }): Set<string> {
  const objectId = store.get(oids.sysObjectID)?.value;
  const makers = new Set<string>();
  for (const oid of [String(objectId ?? ""), ...profile.recognise.objectIds ?? [], ...[...store].map(([oid]) => oid)]) {
    const base = /^1\.3\.6\.1\.4\.1\.\d+(?=\.|$)/.exec(oid)?.[0];
    if (base !== undefined && base !== pwg) makers.add(base);
  }
  return makers;
}
