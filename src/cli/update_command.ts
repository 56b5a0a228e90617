/** `opendca update`: what the platform offers and how far it is; and the steps of root, which update.sh runs. */
import type { Command } from "commander";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import { configPath } from "../config/config_path.ts";
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { visibleText } from "../../common/core/safe_text.ts";
import { hanging } from "../../common/core/terminal_text.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import { tryRead } from "../../common/host/disk.ts";
import { builtInReleaseKeys, type ReleaseKeys } from "../../common/release/release_keys.ts";
import { readStatus } from "../service/read_status.ts";
import { targetOf } from "../update/installation.ts";
import {
  accept,
  check,
  confirm,
  excuse,
  fail,
  goBack,
  install,
  type NextStep,
  resume,
  type RootParts,
} from "../update/root_steps.ts";
import { maybePending, maybeResult, maybeRootState, rootFolders } from "../update/update_files.ts";
import type { Host } from "./host.ts";
import { ageText, updateText } from "./status_command.ts";
import { version } from "./version.ts";

const examples = `
The agent downloads what its platform offers and two release keys signed; opendca-update.service installs it, and
returns to the version before if the new one does not poll within five minutes. docs/upgrade.md has the whole way, and
how to say never, one version, or certain hours.

Examples:
  opendca update
  opendca update --json | jq .offered.phase
  opendca update --check

Exit codes: 0 done, 77 this user may not read the state.
With --check: 0 nothing newer is offered, 10 it is offered and installed by itself, 11 it is offered and would not be
installed, 69 the platform cannot be reached, 77 not activated or not permitted, 78 bad configuration.
`;

/** Adds the command to the program. `keys` is for tests: those that are compiled in without it. */
export function addUpdateCommand(
  program: Command,
  host: Host,
  setExitCode: (code: number) => void = () => {},
  keys: ReleaseKeys | undefined = builtInReleaseKeys(),
): void {
  const update = program.command("update").description("show what update is offered, and how far it is")
    .option("--check", "ask the platform now, and say what would happen; changes nothing")
    .option("--json", "print JSON")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (options: { check?: boolean; json?: boolean; config?: string }) => {
      if (options.check !== true) return await show(options, host);
      // gRPC is loaded only where it is used.
      const { checkForUpdate } = await import("./update_check.ts");
      setExitCode(await checkForUpdate(options, host, keys));
    });
  for (const [name, run] of Object.entries(rootStepsByName)) {
    // Of update.sh and install.sh: see docs/upgrade.md.
    update.command(name, { hidden: true })
      .option("--lib <folder>", "folder of the installed versions", rootFolders.lib)
      .option("--state <folder>", "folder of root's state", rootFolders.state)
      .option("--staging <folder>", "folder that the agent's files were copied to")
      .option("--why <text>", "reason, for return and fail")
      .option("--again", "it may be tried again, for return")
      .option("--previous <version>", "version before, for accept")
      .action(async (options: RootOptions) => {
        const next = await run(rootParts(options, host, keys), options);
        if (next !== undefined) await host.stdout.write(`${nextLine(next)}\n`);
      });
  }
}

interface RootOptions {
  lib: string;
  state: string;
  staging?: string;
  why?: string;
  again?: true;
  previous?: string;
}

type RootStep = (parts: RootParts, options: RootOptions) => Promise<NextStep> | NextStep | void;

const rootStepsByName: Record<string, RootStep> = {
  resume,
  check: (parts, options) => told(parts, options, (staging) => check(parts, staging)),
  install: (parts, options) => told(parts, options, (staging) => install(parts, staging)),
  confirm,
  excuse,
  return: (parts, { why = "it did not poll in time", again = false }) => goBack(parts, { why, again }),
  fail: (parts, options) => fail(parts, stagingOf(options), options.why ?? "it failed"),
  accept: (parts, { previous }) => accept(parts, { version, previous: previous || null }),
};

/** What goes wrong is told to the agent as well. */
async function told(
  parts: RootParts,
  options: RootOptions,
  step: (staging: string) => Promise<NextStep> | NextStep,
): Promise<NextStep> {
  const staging = stagingOf(options);
  try {
    return await step(staging);
  } catch (error) {
    try {
      fail(parts, staging, messageOf(error));
    } catch { /* A full disk; what was wrong at first is what counts. */ }
    throw error;
  }
}

function stagingOf({ staging }: RootOptions): string {
  if (staging === undefined) throw new UsageError("Cannot do this step without --staging", "update.sh has each step");
  return staging;
}

function rootParts({ lib, state }: RootOptions, host: Host, keys: ReleaseKeys | undefined): RootParts {
  const { updateDisk: disk, facts } = host.agentMachine();
  return {
    folders: { lib, state },
    disk,
    // A development build trusts nothing: none of no keys is enough.
    keys: keys ?? { threshold: 1, keys: new Map() },
    target: targetOf(facts),
    now: host.clock.now(),
  };
}

function nextLine(next: NextStep): string {
  switch (next.step) {
    case "copy":
      return `copy ${next.bytes}`;
    case "wait":
      return `wait ${next.version} ${next.polledBefore}`;
    default:
      return next.step;
  }
}

async function show({ json, config }: { json?: boolean; config?: string }, host: Host): Promise<void> {
  const directory = await likelyStateDirectory(configPath(config, host.env), host);
  const store = activationStore(directory, host.env);
  const { agent, state } = readStatus(store, { ...host, ...host.agentMachine() });
  const read = (name: string) => tryRead(store.disk, `${rootFolders.state}/${name}`) ?? "";
  const root = {
    pending: maybePending(read("pending.json")) ?? null,
    result: maybeResult(read("result.json")) ?? null,
    state: maybeRootState(read("state.json")) ?? null,
  };
  if (json === true) {
    const { why = null, offered = null } = agent?.update ?? {};
    return await host.stdout.write(
      `${visibleJson({ state, version: agent?.version ?? null, why, offered, root }, 2)}\n`,
    );
  }
  const now = host.clock.now();
  const rows: [string, string][] = [["version", agent?.version ?? "unknown, as the agent never ran"]];
  if (agent?.update !== undefined) rows.push(["update", updateText(agent.update)]);
  if (agent?.update?.offered) rows.push(["since", ageText(agent.update.offered.since, now)]);
  if (state !== "running") rows.push(["note", `the agent does not run: ${state}`]);
  if (root.pending !== null) {
    rows.push(["pending", `${root.pending.version} has to poll; before it: ${root.pending.previous}`]);
  }
  if (root.result !== null) rows.push(["last", `${ageText(root.result.at, now)}: ${root.result.message}`]);
  if (root.state?.previous) rows.push(["before", `${root.state.previous} is kept for a return by hand`]);
  const width = host.stdout.isTerminal ? host.stdout.columns() : Infinity;
  const lines = rows.map(([name, text]) => hanging(visibleText(`${name.padEnd(9)} ${text}`), { indent: 10, width }));
  await host.stdout.write(lines.map((line) => `${line}\n`).join(""));
}
