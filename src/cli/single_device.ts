/** Reads one device by name or address, for `explain` and `record`. */
import type { Command } from "commander";
import { UnavailableError, UsageError } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import type { WireCredentialPlan } from "../snmp/credential.ts";
import type { ColumnGroup } from "../printers/read_plan.ts";
import type { Problem, Reading } from "../../common/reading/reading.ts";
import type { Varbind } from "../snmp/value.ts";
import type { CredentialAttempt } from "../scan/access.ts";
import { scanRequest } from "../scan/scan_request.ts";
import { type ScanResult, superviseScan } from "../scan/supervise_scan.ts";
import { type AddressSpace, type Target, targetAt } from "../targets/address_space.ts";
import { createHostNames } from "../targets/host_names.ts";
import { parseTargets } from "../targets/parse_targets.ts";
import { accessEvent, verboseLine } from "./global_options.ts";
import type { Host } from "./host.ts";
import { readOptions } from "./scan_options.ts";

export interface SingleDeviceOptions {
  community?: string[];
  credentials?: string;
  port: number;
  timeout: number;
  retries: number;
}

export interface DeviceRead {
  target: Target;
  /** Everything that the device answered, in MIB order. */
  objects: Varbind[];
  /** Reading of the first printer at the address; null if the device was not recognised as a printer. */
  reading: Reading | null;
  readings: Reading[];
  /** What could not be read. */
  problems: Problem[];
  /** Result of each credential, up to the one that was used. */
  credentials: CredentialAttempt[];
}

/** Packets per second; more than one device ever needs. */
const ratePerSecond = 2000;

/** Declares the options of a command that reads one device. */
export function addSingleDeviceOptions(command: Command): Command {
  return command
    .addOption(readOptions.community())
    .addOption(readOptions.credentials())
    .addOption(readOptions.port())
    .addOption(readOptions.timeout())
    .addOption(readOptions.retries());
}

/**
 * The device that an argument names; the first address of a name with several. Throws `UsageError` for more than one
 * target.
 */
export async function parseSingleTarget(
  text: string,
  options: { verb: string; port: number; host: Host },
): Promise<AddressSpace> {
  const { verb, port, host } = options;
  const hint = `name one printer; opendca scan ${text} lists them`;
  if (text.startsWith("@")) {
    throw new UsageError(`Cannot ${verb} a file of targets: current value is "${text}"`, hint);
  }
  const space = await parseTargets([text], {
    exclude: [],
    port,
    maxAddresses: 2 ** 32,
    resolve: async (name) => {
      const resolved = await createHostNames(host).resolve(name);
      return { ...resolved, addresses: resolved.addresses.slice(0, 1) };
    },
    readTextFile: host.readTextFile,
  });
  if (space.size === 1) return space;
  throw new UsageError(
    `Cannot ${verb} ${space.size} addresses as it is one printer at a time: current value is "${text}"`,
    hint,
  );
}

/**
 * Reads one device in a sandboxed worker, as a scan does, and returns its answers. Null after Ctrl-C. Throws
 * `UnavailableError` if there is no answer or no credential works.
 */
export async function readSingleDevice(
  space: AddressSpace,
  request: {
    options: SingleDeviceOptions;
    credentials: WireCredentialPlan;
    capture: ColumnGroup[];
    deadlineMs: number;
  },
  host: Host,
): Promise<DeviceRead | null> {
  const { options, credentials, capture, deadlineMs } = request;
  const stop = new AbortController();
  let interrupted = false;
  const stopListening = host.onInterrupt(() => {
    interrupted = true;
    stop.abort();
  });
  try {
    const asked = scanRequest({
      space,
      credentials,
      ratePerSecond,
      limits: { timeoutMs: options.timeout, retries: options.retries, deviceDeadlineMs: deadlineMs, workers: 1 },
      processors: 1,
    }, { capture });
    const result = await superviseScan(asked, {
      createWorker: host.createWorker,
      clock: host.clock,
      signal: stop.signal,
      // The one device has been read: the sweep need not wait for further answers.
      onProgress: ({ answered, reading }) => answered > 0 && reading === 0 && stop.abort(),
      onReading: () => {},
      onAccess: (key, access) => void host.stderr.write(verboseLine(host, ...accessEvent(key, access))),
    });
    if (interrupted) return null;
    const target = targetAt(space, 0);
    const [captured] = result.captured;
    if (captured !== undefined) {
      const readings = result.printers;
      const [reading = null] = readings;
      return {
        target,
        objects: captured.varbinds,
        reading,
        readings,
        problems: reading?.problems ?? result.problems,
        credentials: captured.access?.seen ?? [],
      };
    }
    throw whyUnreachable(result, target);
  } finally {
    stopListening();
  }
}

function whyUnreachable(result: ScanResult, target: Target): UnavailableError {
  const known = result.problems.find(({ code }) =>
    ["no-credential", "send-refused", "worker-crash", "bug"].includes(code)
  );
  if (known !== undefined) {
    const hint = known.code === "no-credential"
      ? "give another with --community or --credentials"
      : "check the routes and the firewall of this machine";
    return new UnavailableError(known.message, hint);
  }
  const { address, port } = target;
  return new UnavailableError(
    `Cannot read ${address} port ${port} as nothing answers SNMP there`,
    `check --community or --credentials; opendca scan ${
      formatEndpoint(address, port)
    } --all lists every device that answers`,
  );
}
