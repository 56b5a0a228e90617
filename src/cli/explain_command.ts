/** `opendca explain ADDRESS` and `opendca explain --recording FILE`: how the values of a reading were chosen. */
import { type Command, Option } from "commander";
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { planToWire } from "../snmp/credential.ts";
import { simulateRead } from "../recording/replay.ts";
import { parseSnmprec } from "../recording/snmprec.ts";
import { explainReading, type Explanation } from "./explanation.ts";
import { renderExplanation } from "./explanation_text.ts";
import type { Varbind } from "../snmp/value.ts";
import { credentialPlan } from "./credential_plan.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import type { Host } from "./host.ts";
import { screenOptions } from "./screen.ts";
import {
  addSingleDeviceOptions,
  parseSingleTarget,
  readSingleDevice,
  type SingleDeviceOptions,
} from "./single_device.ts";

/** Exit code after Ctrl-C: 128 + SIGINT, as shells count. */
const interruptedExitCode = 130;
const deadlineMs = 60_000;

interface ExplainOptions extends SingleDeviceOptions {
  recording?: string;
  deviceIndex?: number;
  format: "text" | "json";
}

const examples = `
For every value: the rule that won, its object, the raw answer, and the rules that lost, with the reason.

Examples:
  opendca explain 192.168.1.77
  opendca explain printer.example:1161 --credentials snmp.yaml
  opendca explain --recording printer.snmprec --format json | jq '.values[] | select(.field == "serial")'

Exit codes: 0 done, 64 wrong usage or no recording, 69 cannot be reached, 77 not permitted, 78 bad credentials file, 130
interrupted.
`;

/** Adds the command to the program. */
export function addExplainCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  addSingleDeviceOptions(program.command("explain").description("show the origin of every value of one printer"))
    .argument("[address]", "address or host name of the printer, with an optional :PORT")
    .option("--recording <file>", "explain a recording (.snmprec) instead; nothing is sent")
    .addOption(
      new Option("--device-index <n>", "which of several printers at the address (default: the first)")
        .argParser(parseDeviceIndex),
    )
    .addOption(new Option("-f, --format <format>", "output format").choices(["text", "json"]).default("text"))
    .addHelpText("after", examples)
    .action(async (address: string | undefined, options: ExplainOptions) =>
      setExitCode(await runExplain(address, options, host))
    );
}

async function runExplain(address: string | undefined, options: ExplainOptions, host: Host): Promise<number> {
  if (address !== undefined && options.recording !== undefined) {
    throw new UsageError("Cannot explain an address and a recording at once", "leave one of them out");
  }
  const explanation = options.recording !== undefined
    ? await explainRecording(options.recording, options, host)
    : await explainDevice(address, options, host);
  if (explanation === null) return interruptedExitCode;
  await host.stdout.write(
    options.format === "json"
      ? `${visibleJson(explanation, 2)}\n`
      : renderExplanation(explanation, screenOptions(host)),
  );
  return 0;
}

async function explainDevice(
  address: string | undefined,
  options: ExplainOptions,
  host: Host,
): Promise<Explanation | null> {
  if (address === undefined) {
    throw new UsageError("Cannot explain as no printer is named", "opendca explain 192.168.1.77, or --recording FILE");
  }
  const credentials = planToWire(await credentialPlan(options, host));
  const space = await parseSingleTarget(address, { verb: "explain", port: options.port, host });
  const read = await readSingleDevice(space, { options, credentials, capture: [], deadlineMs }, host);
  if (read === null) return null;
  const { deviceIndex } = options;
  const { target, problems, credentials: tried } = read;
  const reading = read.readings.find((it) => it.deviceIndex === deviceIndex) ?? read.reading;
  return explainOne(simulateRead(read.objects), {
    subject: `${target.address} port ${target.port}`,
    reading: reading ?? undefined,
    deviceIndex,
    observedAt: reading === null ? host.clock.now() : new Date(reading.observedAt),
    address: target.address,
    port: target.port,
    targetName: target.hostname,
    snmp: reading?.snmp ?? { version: "2c", engineId: null },
    problems,
    credentials: tried.map(({ name, version, saw }) => ({ name, version, saw })),
  });
}

function parseDeviceIndex(text: string): number {
  const index = Number(text);
  if (/^\d{1,10}$/.test(text) && index >= 1 && index < 2 ** 31) return index;
  throw new UsageError(
    `Cannot use --device-index as it is not an hrDeviceIndex: current value is "${text}"`,
    "a number from 1 up; opendca scan shows it behind the address, as in 192.168.1.77 #2",
  );
}

/** Explains one of the printers at an address. Throws `UsageError` if none has the index. */
function explainOne(...[read, context]: Parameters<typeof explainReading>): Explanation {
  try {
    return explainReading(read, context);
  } catch (error) {
    if (!(error instanceof RangeError) || context.deviceIndex === undefined) throw error;
    throw new UsageError(error.message, "leave --device-index out for the first", { cause: error });
  }
}

async function explainRecording(file: string, options: ExplainOptions, host: Host): Promise<Explanation> {
  const objects = await readRecording(file, host);
  return explainOne(simulateRead(objects), {
    subject: `recording ${file}`,
    deviceIndex: options.deviceIndex,
    observedAt: host.clock.now(),
    address: "0.0.0.0",
    port: 161,
    targetName: null,
    snmp: { version: "2c", engineId: null },
    problems: [],
  });
}

/**
 * The objects of a recording; malformed lines are reported on standard error. Throws `UsageError` if there are no
 * objects.
 */
async function readRecording(file: string, host: Host): Promise<Varbind[]> {
  let text: string;
  try {
    text = await host.readTextFile(file);
  } catch (error) {
    throw new UsageError(
      `Cannot read the recording "${file}": ${messageOf(error)}`,
      "check the path; opendca record ADDRESS --output FILE makes a recording",
      { cause: error },
    );
  }
  const { objects, malformedLines, firstMalformedLine } = parseSnmprec(text);
  const where = `line ${firstMalformedLine} is not OID|TAG|VALUE`;
  if (objects.length === 0) {
    throw new UsageError(
      `Cannot read the recording "${file}" as ${malformedLines === 0 ? "it contains no object" : where}`,
      "opendca record ADDRESS --output FILE makes a recording",
    );
  }
  if (malformedLines > 0) {
    const others = malformedLines === 1 ? "" : `, and ${malformedLines - 1} more`;
    await host.stderr.write(`note: ${where}${others}: skipped\n`);
  }
  return objects;
}
