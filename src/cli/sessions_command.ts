/** `opendca sessions`: sessions with the web pages of devices, for the administrator of this machine. */
import type { Command } from "commander";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import {
  orderName,
  ordersFolder,
  type SessionOrder,
  type SessionsFile,
  sessionsFileName,
  tryParseSessions,
} from "../access/session_files.ts";
import type { LocalSession } from "../access/web_access.ts";
import { configPath } from "../config/config_path.ts";
import { messageOf, NotPermittedError, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { hanging } from "../../common/core/terminal_text.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import type { Disk } from "../../common/host/disk.ts";
import type { Host } from "./host.ts";

interface SessionsOptions {
  json?: boolean;
  config?: string;
}

/** A running agent writes it every two seconds while there are sessions. */
const staleAfterMs = 15_000;
const answerWithinMs = 15_000;
const lookEveryMs = 200;

const examples = `
Examples:
  opendca sessions
  opendca sessions approve ses-7d3k0q9x2mvb
  opendca sessions kill --all

Steps: checking (who the device is), waiting (for approval), opening, open.
Exit codes: 0 done, 64 no such session, 69 the agent does not react, 70 a bug, 77 this user may not do that.
`;

const approveExamples = `
Examples:
  opendca sessions approve ses-7d3k0q9x2mvb

Exit codes: 0 done, 64 no such session, or none that waits, 69 the agent does not react, 77 this user may not do that.
`;

const killExamples = `
Examples:
  opendca sessions kill ses-7d3k0q9x2mvb
  opendca sessions kill --all

Exit codes: 0 done, 64 no such session, 69 the agent does not react, 77 this user may not do that.
`;

/** Adds the command to the program. */
export function addSessionsCommand(program: Command, host: Host): void {
  const sessions = program.command("sessions")
    .description("show, approve and end sessions with the web pages of devices")
    .option("--json", "print JSON")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (options: SessionsOptions) => await list(options, host));
  sessions.command("approve <session>").description("let a session open that waits for it")
    .addHelpText("after", approveExamples)
    .action(async (id: string, _, command: Command) => {
      const place = await placeOf(command.optsWithGlobals(), host);
      const session = known(place, id);
      if (session.step !== "waiting") {
        throw new UsageError(
          `Cannot approve ${id} as it does not wait for it: current value of its step is "${session.step}"`,
          "opendca sessions shows them",
        );
      }
      await order(
        { kind: "approve", id },
        place,
        (now) => now.every((each) => each.id !== id || each.step !== "waiting"),
      );
      await host.stdout.write(`approved ${id}\n`);
    });
  sessions.command("kill [session]").description("end a session, or all of them").option("--all", "all sessions")
    .addHelpText("after", killExamples)
    .action(async (id: string | undefined, { all }: { all?: boolean }, command: Command) => {
      if ((id === undefined) === (all !== true)) {
        throw new UsageError("Cannot tell which session is meant", "name one, or give --all");
      }
      const place = await placeOf(command.optsWithGlobals(), host);
      if (id === undefined && place.sessions.length === 0) return await host.stdout.write("there are no sessions\n");
      if (id !== undefined) known(place, id);
      const ids = id === undefined ? place.sessions.map((each) => each.id) : [id];
      const wanted: SessionOrder = id === undefined ? { kind: "killAll" } : { kind: "kill", id };
      await order(wanted, place, (now) => now.every((each) => !ids.includes(each.id)));
      await host.stdout.write(ids.map((each) => `ended ${each}\n`).join(""));
    });
}

async function list(options: SessionsOptions, host: Host): Promise<void> {
  const { sessions } = await placeOf(options, host);
  if (options.json === true) return await host.stdout.write(`${visibleJson(sessions, 2)}\n`);
  if (sessions.length === 0) return await host.stdout.write("there are no sessions\n");
  const width = host.stdout.isTerminal ? host.stdout.columns() : Infinity;
  const lines = sessions.map((each) => hanging(lineOf(each), { indent: 2, width }));
  await host.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

function lineOf({ id, step, address, port, device, openedBy, endsAt, toDevice, fromDevice }: LocalSession): string {
  const until = endsAt.replace("T", " ").replace(/\.\d+Z$/, "Z");
  const bytes = `${toDevice} bytes to it, ${fromDevice} from it`;
  return [id, step.padEnd(8), formatEndpoint(address, port), device, `by ${openedBy}`, `until ${until}`, bytes]
    .map((text) => text.trim() === "" ? "" : safeText(text)).filter((text) => text !== "").join("  ");
}

interface SessionsPlace {
  folder: string;
  host: Host;
  disk: Disk;
  sessions: readonly LocalSession[];
}

async function placeOf(options: SessionsOptions, host: Host): Promise<SessionsPlace> {
  const folder = await likelyStateDirectory(configPath(options.config, host.env), host);
  const { disk } = activationStore(folder, host.env);
  return { folder, host, disk, sessions: read({ folder, host, disk }) };
}

/** Nothing of an agent that does not run any more. */
function read({ folder, host, disk }: Omit<SessionsPlace, "sessions">): readonly LocalSession[] {
  let file: SessionsFile | undefined;
  try {
    file = tryParseSessions(disk.read(`${folder}/${sessionsFileName}`) ?? "");
  } catch (cause) {
    throw notPermitted(`read the sessions in "${folder}"`, cause);
  }
  if (file === undefined) return [];
  const isStale = Math.abs(host.clock.now().getTime() - Date.parse(file.writtenAt)) > staleAfterMs;
  return isStale ? [] : file.sessions;
}

function known({ sessions }: SessionsPlace, id: string): LocalSession {
  const session = sessions.find((each) => each.id === id);
  if (session !== undefined) return session;
  throw new UsageError(`Cannot find the session "${id}"`, "opendca sessions shows those that there are");
}

/** Has the agent do it, and waits until it has. */
async function order(
  wanted: SessionOrder,
  place: SessionsPlace,
  isDone: (sessions: readonly LocalSession[]) => boolean,
): Promise<void> {
  const { folder, host, disk } = place;
  try {
    disk.create(`${folder}/${ordersFolder}/${orderName(wanted)}`).close();
  } catch (cause) {
    throw notPermitted(`write to "${folder}/${ordersFolder}"`, cause);
  }
  const endMs = host.clock.monotonicMs() + answerWithinMs;
  while (!isDone(read(place))) {
    if (host.clock.monotonicMs() > endMs) {
      throw new UnavailableError(
        "Cannot have it done as the agent does not react",
        "stopping the service ends every session",
      );
    }
    await host.clock.sleep(lookEveryMs);
  }
}

function notPermitted(what: string, cause: unknown): NotPermittedError {
  return new NotPermittedError(
    `Cannot ${what}: ${messageOf(cause)}`,
    "run as root or as the user of the service",
    { cause },
  );
}
