/** `opendca scan TARGET…`: scans the targets and writes a document to the screen or a file. */
import type { Command } from "commander";
import { UsageError } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { safeText } from "../../common/core/safe_text.ts";
import type { EventName, LogFields } from "../log/log_record.ts";
import type { Problem, Reading, ScanDocument, UnreadDevice } from "../../common/reading/reading.ts";
import { counted, fleetOf, grouped, lowInWords, whyUnread } from "../../common/report/fleet.ts";
import { createReadingTexts, jsonParts, type ReadingTexts, renderJsonLine } from "../../common/report/json.ts";
import type { Access } from "../scan/access.ts";
import { failuresInWords, scanInTurn, type StepsResult } from "../scan/scan_in_turn.ts";
import type { PlannedScans, ScanCommand } from "./configured_scan.ts";
import { accessEvent, verboseLine } from "./global_options.ts";
import type { Host } from "./host.ts";
import { maybeOutputFile } from "./open_output.ts";
import { showProgress } from "./progress_display.ts";
import { addScanOptions, formatOf, type ScanFormat, type ScanOptions } from "./scan_options.ts";
import { scanFromOptions } from "./scan_targets.ts";
import { screenOptions } from "./screen.ts";
import { byAddress } from "../../common/core/address_order.ts";
import { nameUnread } from "../scan/name_unread.ts";
import type { ScanResult } from "../scan/supervise_scan.ts";

/** Exit code of a scan that was stopped by Ctrl-C: 128 + SIGINT, as shells count. */
const interruptedExitCode = 130;
/** EX_TEMPFAIL of sysexits.h: devices were found but not read, or a site was not scanned; another scan may succeed. */
const incompleteExitCode = 75;

const examples = `
Targets:
  192.168.1.0/24   10.0.0.1-10.0.0.99   10.0.0.1-99   10.0.0.7   fd00::7   printer.example
  HOST:PORT   [fd00::7]:PORT   @FILE (one target per line, # begins a comment)   @- (standard input)

Examples:
  opendca scan 192.168.1.0/24
  opendca scan 10.1.0.0/16 --exclude 10.1.9.0/24 --credentials snmp.yaml -o fleet.html
  opendca scan @sites.txt -f jsonl | jq .serial
  opendca scan --config agent.yaml
  opendca scan 192.168.1.77 --config agent.yaml -f json
  opendca scan 192.168.1.77 --verbose
  opendca scan --preview-upload
  opendca scan --preview-upload 192.168.1.77 --config agent.yaml

With --config FILE the configuration supplies credentials, port, rate and exclusions of each site; timeout, retries,
deviceDeadline, workers and maxAddresses of limits; and policy.ranges, policy.hosts and policy.exclude, which limit the
targets. Without targets its sites are scanned. A target in a site is read like that site, others by the general settings
of the configuration. Command line options take precedence; --exclude adds exclusions. Schedule and allowed hours are
ignored.

With --preview-upload the records that the agent would send are printed instead of the table, as text or as one JSON
document (-f json). Without targets the sites of the configuration are scanned; targets are read as the options say.
Nothing is sent to the platform.

Devices found but not read, because the scan was stopped or the deadline for a device was reached, are listed.

A site that cannot be scanned is named as a problem, and the other sites are scanned all the same.

Exit codes: 0 done, 64 wrong usage, 69 cannot be reached, 74 the output cannot be written, 75 devices were found but not
read or a site was not scanned, 77 not permitted, 78 bad configuration, 130 interrupted (Ctrl-C or SIGTERM; what was read
is written), 141 nobody reads the output.
`;

/** Adds the command to the program. */
export function addScanCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  addScanOptions(program.command("scan").description("discover the printers of a network and read them"))
    .argument("[target...]", "addresses, ranges, blocks, host names or @file")
    .addHelpText("after", examples)
    .action(async (targets: string[], options: ScanOptions, command: Command) => {
      const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === "cli");
      if (options.previewUpload !== true) {
        const names = new Set(given.map((option) => option.attributeName()));
        return setExitCode(await runScan({ targets, options, given: names }, host));
      }
      // The spool and gRPC are loaded only where they are used, so that `scan` starts at once.
      const { runPreview } = await import("./preview_upload.ts");
      setExitCode(await runPreview({ targets, options, given: given.map(({ long }) => long!) }, host));
    });
}

async function runScan(command: ScanCommand, host: Host): Promise<number> {
  const { targets, options } = command;
  if (targets.length === 0 && options.config === undefined) {
    throw new UsageError(
      "Cannot scan as no target was given",
      "opendca scan 192.168.1.0/24, or --config agent.yaml for its sites; opendca scan --help",
    );
  }
  const format = formatOf(options);
  const csvOption = options.rows !== undefined ? "--rows" : options.excel ? "--excel" : undefined;
  if (csvOption !== undefined && format !== "csv") {
    throw new UsageError(
      `Cannot use ${csvOption} as it applies to CSV only: current format is ${format}`,
      "add --format csv, or name a file that ends in .csv",
    );
  }
  const { steps, problems } = await planScans(command, host);
  const stop = new AbortController();
  // If the output fails, the rest of the scan is not needed.
  const sink = await openSink(options, { format, host, onFailure: () => stop.abort() });
  const stopListening = host.onInterrupt(() => stop.abort());
  const startedAt = host.clock.now();
  const startedMs = host.clock.monotonicMs();
  const progress = showProgress(host, options.quiet === true);
  const say = (event: EventName, fields: LogFields) => progress.say(verboseLine(host, event, fields));
  for (const { request: { space, ratePerSecond, workers } } of steps) {
    say("scanPlanned", { addresses: space.size, ratePerSecond, workers });
  }
  try {
    const result = await scanInTurn(steps, {
      createWorker: host.createWorker,
      links: host.links,
      clock: host.clock,
      signal: stop.signal,
      onProgress: progress.update,
      onReading(reading) {
        const { address, port, model, serial, problems } = reading;
        say("printerRead", { device: formatEndpoint(address, port), model, serial, problems: problems.length });
        sink.onReading(reading);
      },
      ...host.options?.verbose === true
        ? { onAccess: (key: string, access: Access) => say(...accessEvent(key, access)) }
        : {},
    });
    for (const { address, port, reason } of result.unread) {
      say("deviceLeft", { device: formatEndpoint(address, port), why: whyUnread[reason] });
    }
    for (const { code, message } of [...problems, ...result.problems]) say("problemFound", { code, message });
    say("scanEnded", { ...result.counters });
    await progress.clear();
    const document = documentOf({ ...result, problems: [...problems, ...result.problems] }, {
      startedAt,
      finishedAt: host.clock.now(),
      durationMs: Math.round(host.clock.monotonicMs() - startedMs),
      addresses: steps.reduce((sum, { request }) => sum + request.space.size, 0),
      all: options.all === true,
    });
    await sink.finish(document);
    return await conclude(document, { ...result, steps: steps.length }, host);
  } catch (error) {
    await progress.clear();
    await sink.discard();
    throw error;
  } finally {
    stopListening();
  }
}

async function planScans(command: ScanCommand, host: Host): Promise<PlannedScans> {
  if (command.options.config === undefined) {
    const { request, problems } = await scanFromOptions(command.targets, command.options, host);
    return { steps: [{ name: "the targets", request }], problems };
  }
  // The code that reads a configuration is loaded only where it is used, so that a plain scan starts at once.
  const { plannedScans } = await import("./configured_scan.ts");
  return await plannedScans(command, host);
}

interface Sink {
  onReading(reading: Reading): void;
  finish(document: ScanDocument): Promise<void>;
  discard(): Promise<void>;
}

async function openSink(
  options: ScanOptions,
  { format, host, onFailure }: { format: ScanFormat; host: Host; onFailure: () => void },
): Promise<Sink> {
  const file = await maybeOutputFile(options.output, host);
  const write = (text: string) => file === undefined ? host.stdout.write(text) : file.write(text);
  let written = Promise.resolve();
  const texts = createReadingTexts();
  return {
    onReading(reading) {
      if (format === "json") texts.add(reading);
      if (format !== "jsonl") return;
      written = written.then(() => write(renderJsonLine(reading)));
      written.catch(onFailure);
    },
    async finish(document) {
      await written;
      const shown = file === undefined ? host : undefined;
      const parts = await renderDocument(document, { ...options, format, host: shown, texts });
      for (const part of parts) await write(part);
      await file?.commit();
      if (file !== undefined && options.quiet !== true) await host.stderr.write(writtenLine(document, options.output!));
    },
    async discard() {
      // Only the first failure is reported, not a failed write after it.
      await written.catch(() => {});
      await file?.discard();
    },
  };
}

function writtenLine(document: ScanDocument, path: string): string {
  const fleet = fleetOf(document);
  const counts = [
    `${lowInWords(fleet)}`,
    `${grouped(fleet.troubled.length)} in error`,
    `${grouped(fleet.partlyRead.length)} partly read`,
  ];
  return `Wrote ${counted(fleet.printers.length, "printer")} (${counts.join(", ")}) to ${safeText(path)}\n`;
}

/** Loads only what the format needs, so that a scan starts at once. JSON lines were written during the scan. */
async function renderDocument(
  document: ScanDocument,
  { format, host, texts, rows, excel }: Pick<ScanOptions, "rows" | "excel"> & {
    format: ScanFormat;
    host: Host | undefined;
    texts: ReadingTexts;
  },
): Promise<Iterable<string>> {
  switch (format) {
    case "jsonl":
      return [];
    case "json":
      return jsonParts(document, texts);
    case "csv": {
      const { renderCsv } = await import("../../common/report/csv.ts");
      return [renderCsv(document, { rows: rows ?? "printers", bom: excel ?? false })];
    }
    case "html":
      return [(await import("../../common/report/html.ts")).renderHtml(document)];
    case "table":
      return [(await import("../../common/report/table.ts")).renderTable(document, screenOptions(host))];
  }
}

async function conclude(
  { stats, unread, printers }: ScanDocument,
  { interrupted, notProbed, failures, steps }: Pick<StepsResult, "interrupted" | "notProbed" | "failures"> & {
    steps: number;
  },
  host: Host,
): Promise<number> {
  if (interrupted) {
    await host.stderr.write(
      `interrupted: ${stats.addresses - notProbed} of ${stats.addresses} addresses asked, ` +
        `${counted(stats.printers, "printer")} read and kept, ` +
        `${counted(unread.length, "device")} found but not read\n`,
    );
    return interruptedExitCode;
  }
  if (failures.length === steps && printers.length + unread.length === 0) throw failures[0]!.error;
  const left = [
    ...(unread.length > 0 ? [`${counted(unread.length, "device")} found but not read`] : []),
    ...(failures.length > 0 ? [failuresInWords(failures)] : []),
  ];
  if (left.length === 0) return 0;
  await host.stderr.write(`incomplete: ${left.join("; ")}\n`);
  return incompleteExitCode;
}

interface ScanRun {
  startedAt: Date;
  finishedAt: Date;
  durationMs: number;
  addresses: number;
  /** Also lists devices that are not printers. */
  all: boolean;
}

/** The result of a scan, ordered by address. */
function documentOf(result: Omit<ScanResult, "captured" | "position">, run: ScanRun): ScanDocument {
  const { counters } = result;
  const problems: Problem[] = [...result.problems];
  if (counters.malformed > 0) {
    problems.push({
      code: "malformed-datagrams",
      message: `Dropped ${counted(counters.malformed, "datagram")} that ${
        counters.malformed === 1 ? "is" : "are"
      } not SNMP`,
    });
  }
  if (result.interrupted) {
    problems.push({
      code: "interrupted",
      message: `The scan was stopped: ${result.notProbed} of ${run.addresses} addresses were not probed`,
    });
  }
  return {
    schema: "opendca.scan/1",
    startedAt: run.startedAt.toISOString(),
    finishedAt: run.finishedAt.toISOString(),
    stats: {
      addresses: run.addresses,
      answered: counters.answered,
      printers: result.printers.length,
      packetsSent: counters.packetsSent,
      packetsReceived: counters.packetsReceived,
      durationMs: run.durationMs,
    },
    printers: inOrder(result.printers),
    ...(run.all ? { others: byAddress(result.others) } : {}),
    unread: byAddress(result.unread),
    problems: byAddress([...problems, ...unreadProblems(result.unread)]),
  };
}

/** Orders printers at one address by device index: results arrive in the order of the reads. */
function inOrder(printers: readonly Reading[]): Reading[] {
  return byAddress(printers.toSorted((a, b) => (a.deviceIndex ?? 0) - (b.deviceIndex ?? 0)));
}

function unreadProblems(unread: readonly UnreadDevice[]): Problem[] {
  return Object.entries(whyUnread).flatMap(([reason, why]) => {
    const devices = unread.filter((device) => device.reason === reason);
    const count = devices.length;
    if (count === 0) return [];
    const names = reason === "late" || reason === "elsewhere" ? `: ${nameUnread(devices)}` : "";
    const message = `${counted(count, "device")} ${count === 1 ? "was" : "were"} found but not read, as ${why}${names}`;
    return [{ code: "unread", message }];
  });
}
