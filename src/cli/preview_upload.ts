/** `opendca scan --preview-upload`: what the agent would send, created by the agent's own code but not sent. */
import { scanSite } from "../service/scan_site.ts";
import { openUploadPreview, type PreviewedBatch } from "../service/upload_preview.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { ConfigError, messageOf, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { copyInventory } from "../store/copy_inventory.ts";
import type { Problem, Reading } from "../../common/reading/reading.ts";
import { counted } from "../../common/report/fleet.ts";
import { type PreviewDocument, renderPreviewJson, renderPreviewText } from "./preview.ts";
import { failuresInWords, type ScanFailure, scanInTurn } from "../scan/scan_in_turn.ts";
import { createHostNames } from "../targets/host_names.ts";
import type { Host } from "./host.ts";
import { maybeOutputFile } from "./open_output.ts";
import { showProgress } from "./progress_display.ts";
import type { ScanOptions } from "./scan_options.ts";
import { type OptionsScan, scanFromOptions } from "./scan_targets.ts";
import { configPath } from "../config/config_path.ts";
import { rangesOfSite } from "../config/site_targets.ts";
import { hasCode, isDenied } from "../../common/core/system_error.ts";
import { tryParseIp, withoutZone } from "../../common/core/ip.ts";
import { rangeContains } from "../../common/core/ip_range.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import type { Inventory } from "../store/inventory.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { effectiveConfig } from "./effective_config.ts";

export interface PreviewCommand {
  targets: string[];
  options: ScanOptions;
  /** Names of the options that were typed, such as `--rate`. */
  given: string[];
}

/** Exit code after Ctrl-C: 128 + SIGINT, as shells count. */
const interruptedExitCode = 130;
/** Exit code if a site was not scanned, as for `scan`. */
const incompleteExitCode = 75;
const mostProblems = 10;

/** Options that are allowed without targets, when the configuration has the settings of each site. */
const withoutTarget = ["--preview-upload", "--config", "--format", "--output", "--quiet"];

/** Returns the exit code. After Ctrl-C, prints the preview of what was read until then. */
export async function runPreview(command: PreviewCommand, host: Host): Promise<number> {
  const { targets, options } = command;
  const render = rendererOf(command);
  const config = await maybePreviewConfig(command, host);
  const notes: string[] = [];
  const history = maybeHistory(config, { host, notes });
  const knownDevices = history?.devices().length ?? null;
  using preview = openUploadPreview({
    inventory: history ?? copyInventory(null),
    clock: host.clock,
    uptimeMs: host.agentMachine().uptimeMs,
    mask: config?.policy.mask ?? [],
  });
  const request = targets.length > 0 ? await scanFromOptions(targets, options, host) : undefined;
  notes.push(...request?.problems.map(({ message }) => message) ?? []);
  const file = await maybeOutputFile(options.output, host);
  const stop = new AbortController();
  const stopListening = host.onInterrupt(() => stop.abort());
  let printers = 0, outside = 0;
  const run: ScanRun = {
    host,
    quiet: options.quiet === true,
    signal: stop.signal,
    note: (text) => void notes.push(text),
    onReading(reading, site) {
      if (site === undefined) return void outside++;
      printers++;
      preview.take(reading, { site });
    },
  };
  try {
    const { problems, failures } = request === undefined
      ? await scanSites(config!, run)
      : await scanTargets(request, { ...run, config });
    const batches = await preview.batches();
    const document: PreviewDocument = {
      schema: "opendca.preview/1",
      madeAt: host.clock.now().toISOString(),
      config: config?.file ?? null,
      masked: config?.policy.mask ?? [],
      knownDevices,
      totals: { printers, ...totalsOf(batches) },
      batches,
      notes: [
        ...(stop.signal.aborted ? ["The scan was stopped: this shows what was read until then"] : []),
        ...problemNotes(problems),
        ...(outside > 0
          ? [`${counted(outside, "printer")} in no site of the configuration: not read by the agent`]
          : []),
        ...notes,
        ...previewNotes({ isConfigured: config !== undefined, hasHistory: knownDevices !== null }),
      ],
    };
    const text = render(document);
    await (file === undefined ? host.stdout.write(text) : file.write(text));
    await file?.commit();
    if (stop.signal.aborted) return interruptedExitCode;
    if (failures.length === 0) return 0;
    await host.stderr.write(`incomplete: ${failuresInWords(failures)}\n`);
    return incompleteExitCode;
  } catch (error) {
    // Only the first failure is reported.
    await file?.discard().catch(() => {});
    throw error;
  } finally {
    stopListening();
  }
}

interface ScanRun {
  host: Host;
  quiet: boolean;
  signal: AbortSignal;
  note(text: string): void;
  /** `site`: undefined if the agent would not ask this printer. */
  onReading(reading: Reading, site: string | undefined): void;
}

interface Scanned {
  problems: Problem[];
  failures: ScanFailure[];
}

/** The scan of the command line. */
async function scanTargets(
  { request }: OptionsScan,
  { host, quiet, signal, config, onReading }: ScanRun & { config: AgentConfig | undefined },
): Promise<Scanned> {
  const { printers, problems, failures } = await withProgress(
    { host, quiet },
    (onProgress) =>
      scanInTurn([{ name: "the targets", request }], {
        createWorker: host.createWorker,
        links: host.links,
        clock: host.clock,
        signal,
        onProgress,
        onReading: (reading) => onReading(reading, config === undefined ? "" : maybeSiteOf(config, reading)),
      }),
  );
  if (failures.length > 0 && printers.length === 0) throw failures[0]!.error;
  return { problems, failures };
}

/** The agent's own sweep of each site. Throws when none could be scanned. */
async function scanSites(config: AgentConfig, { host, quiet, signal, note, onReading }: ScanRun): Promise<Scanned> {
  const problems: Problem[] = [];
  const failures: ScanFailure[] = [];
  const { resolve } = createHostNames(host);
  for (const site of config.sites) {
    if (signal.aborted) break;
    try {
      const { scan } = await withProgress({ host, quiet }, (onProgress) =>
        scanSite({
          config,
          site,
          places: null,
          kind: "sweep",
          scope: "full",
          signal,
          onReading: (reading) => onReading(reading, site.name),
          onProgress,
        }, {
          ...host,
          resolve,
          onHostFault: ({ host, reason }) => note(`${host} of the site ${site.name}: ${reason}`),
        }));
      problems.push(...scan?.problems ?? []);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      failures.push({ name: `the site "${site.name}"`, error });
      problems.push({ code: "scan-failed", message: `Cannot scan the site "${site.name}": ${error.message}` });
    }
  }
  if (failures.length > 0 && failures.length === config.sites.length) throw failures[0]!.error;
  return { problems, failures };
}

async function withProgress<T>(
  { host, quiet }: { host: Host; quiet: boolean },
  scan: (onProgress: ReturnType<typeof showProgress>["update"]) => Promise<T>,
): Promise<T> {
  const progress = showProgress(host, quiet);
  try {
    return await scan(progress.update);
  } finally {
    await progress.clear();
  }
}

function problemNotes(problems: readonly Problem[]): string[] {
  const shown = problems.slice(0, mostProblems).map(({ message }) => message);
  const missing = problems.length - shown.length;
  return missing > 0 ? [...shown, `and ${counted(missing, "further problem")} of the scan`] : shown;
}

function totalsOf(batches: readonly PreviewedBatch[]): Omit<PreviewDocument["totals"], "printers"> {
  const sum = (of: (batch: PreviewedBatch) => number) => batches.reduce((total, batch) => total + of(batch), 0);
  return {
    records: sum(({ records }) => records.length),
    batches: batches.length,
    plainBytes: sum(({ plainBytes }) => plainBytes),
    compressedBytes: sum(({ compressedBytes }) => compressedBytes),
  };
}

function rendererOf({ targets, options, given }: PreviewCommand): (document: PreviewDocument) => string {
  const ending = options.output?.match(/\.([a-z]+)$/i)?.[1]?.toLowerCase() ?? "txt";
  const format = options.format ?? (ending === "txt" ? "text" : ending);
  if (format !== "text" && format !== "json") {
    throw new UsageError(
      `Cannot preview an upload in this format: current value is "${format}"`,
      "leave --format out for text, or add --format json",
    );
  }
  if (options.all === true) {
    throw new UsageError(
      "Cannot use --all with --preview-upload as devices that are not printers are never sent",
      "opendca scan TARGET --all lists them",
    );
  }
  const idle = targets.length > 0 ? undefined : given.find((name) => !withoutTarget.includes(name));
  if (idle !== undefined) {
    throw new UsageError(
      `Cannot use ${idle} without a target as the configuration defines how its sites are read`,
      `name a target, or leave ${idle} out`,
    );
  }
  return format === "json" ? renderPreviewJson : renderPreviewText;
}

/** Notes for every preview, one sentence each. */
function previewNotes({ isConfigured, hasHistory }: { isConfigured: boolean; hasHistory: boolean }): string[] {
  return [
    "Ids of records and batches are made when the agent sends, and so are those of devices that it does not know yet; " +
    "those above are of this preview, and a sent batch has another sha256, which opendca ledger shows",
    ...(isConfigured ? [] : ["Without a configuration nothing is masked, and the name of the site is empty"]),
    hasHistory
      ? "Merged with the agent's history as the agent does it: values that a sleeping device lacks come from its last valid " +
        "reading, and problems list them"
      : "Without a history each device is as when it is read for the first time; later, the agent fills in what a sleeping " +
        "device lacks from its last valid reading, and problems list them",
    "A number that is 0 and a text that is empty are not in a message, so they are not shown",
    "Status reads between two full reads send no meters",
    "Besides uploads, polls carry the agent's status, results of tasks, and the configuration without its secrets",
  ];
}

/** Undefined if none was named, none exists, and there are targets to scan. */
async function maybePreviewConfig(
  { targets, options }: PreviewCommand,
  host: Host,
): Promise<AgentConfig | undefined> {
  try {
    return (await effectiveConfig(options.config, host)).config;
  } catch (error) {
    const isNamed = options.config !== undefined || (host.env("OPENDCA_CONFIG") ?? "") !== "";
    if (!(error instanceof ConfigError) || !hasCode(error.cause, "ENOENT") || isNamed) throw error;
    if (targets.length > 0) return undefined;
    throw new UsageError(
      `Cannot preview an upload as there is neither a target nor a configuration: looked for "${
        configPath(undefined, host.env)
      }"`,
      "opendca scan --preview-upload 192.168.1.0/24, or name a configuration with --config FILE",
      { cause: error },
    );
  }
}

/** The agent's inventory to merge with; undefined if there is none, with a note if the reason matters. */
function maybeHistory(
  config: AgentConfig | undefined,
  { host, notes }: { host: Host; notes: string[] },
): Inventory | undefined {
  if (config === undefined) return undefined;
  const path = `${config.stateDirectory}/inventory.db`;
  const { spoolFiles } = host.agentMachine();
  try {
    return spoolFiles.exists(path) ? copyInventory(path) : undefined;
  } catch (error) {
    if (!isDenied(error) && !(error instanceof StorageError) && !(error instanceof DamagedDatabaseError)) throw error;
    notes.push(`The agent's history cannot be read, so it is not merged: ${messageOf(error)}`);
    return undefined;
  }
}

/** Name of the configured site that contains the printer. */
function maybeSiteOf({ sites }: AgentConfig, { address, port, hostname }: Reading): string | undefined {
  const ip = tryParseIp(withoutZone(address))!;
  const site = sites.find((site) =>
    rangesOfSite(site).some((range) => range.port === port && rangeContains(range, ip)) ||
    site.hosts.map(parseTargetSpec).some((spec) =>
      spec.kind === "name" && spec.name === hostname && (spec.port ?? site.port) === port
    )
  );
  return site?.name;
}
