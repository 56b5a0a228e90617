import type { Command } from "commander";
import { messageOf } from "../../../common/core/errors.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { type AgentProblem, type PlatformStatus, platformStatus } from "../../devices/platform_status.ts";
import { serverCertificateEnd } from "../../keys/kept_keys.ts";
import type { OpenPlatform } from "../../agents/platform.ts";
import type { By } from "../../audit/use_case.ts";
import type { CommandContext } from "./command_context.ts";
import { jsonText } from "./json_text.ts";
import { oneLine, renderFacts } from "./table.ts";

/** `status`: problems of all customers that an operator should check. */
export function addStatusCommand(program: Command, context: CommandContext): void {
  program.command("status").description("agents of all customers that do not report or are in doubt")
    .option("--check", "one line and an exit code for monitoring: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN")
    .addHelpText(
      "after",
      `
An agent that missed three polls is silent. The store is read, not the server.
With --check:
  WARNING   a silent or doubtful agent, guessed activation codes or readings
            that could not be evaluated in the last 24 hours, a paused roll-out,
            or a server certificate that ends within 30 days
  CRITICAL  all agents are silent, as when the server does not run`,
    )
    .action(async (options: { check?: boolean }, command: Command) => {
      if (options.check !== true) {
        return await context.run(command, async (platform, by) => {
          const status = await fullStatus(platform, by);
          return { json: status, text: (screen) => renderFacts(factsOf(status), screen) };
        });
      }
      let checked: { exitCode: number; line: string } | undefined;
      try {
        await context.run(command, async (platform, by) => {
          const status = await fullStatus(platform, by);
          const result = checked = checkOf(status);
          return { json: { ...status, check: result }, text: `${result.line}\n` };
        });
      } catch (error) {
        checked = { exitCode: 3, line: `OPENDCA-PLATFORM UNKNOWN - ${oneLine(messageOf(error)).replaceAll("|", "/")}` };
        const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
        await context.host.stdout(json ? jsonText({ check: checked }) : `${checked.line}\n`);
      }
      context.setExitCode(checked!.exitCode);
    });
}

interface FullStatus extends PlatformStatus {
  /** Of the server, if the platform has made its certificate; undefined if that lasts for longer. */
  certificateEnds?: Date;
}

/** Half of the time in which a restart of the server renews it. */
const certificateDays = 30, dayMs = 86_400_000;

async function fullStatus(platform: OpenPlatform, by: By): Promise<FullStatus> {
  const status = await platformStatus(platform, by);
  const end = serverCertificateEnd(platform.directory);
  const isLate = end !== undefined && end.getTime() - platform.clock.now().getTime() < certificateDays * dayMs;
  return isLate ? { ...status, certificateEnds: end } : status;
}

function maybeGuessingSentence({ codeGuessing }: PlatformStatus): string | undefined {
  if (codeGuessing === null) return undefined;
  const { alarms, lastAt, attempts, sources } = codeGuessing;
  return `activation codes are being guessed: ${attempts} wrong ones within an hour, at ${lastAt} from ${sources} source` +
    `${sources === 1 ? "" : "s"}${alarms === 1 ? "" : `, ${alarms} alarms in 24 hours`}`;
}

function sentencesOf(status: FullStatus): string[] {
  const certificate = status.certificateEnds === undefined ? [] : [
    `the server's certificate ends on ${
      status.certificateEnds.toISOString().slice(0, 10)
    }: restart the server, or delete server.pem if it has a certificate of its own`,
  ];
  const guessing = maybeGuessingSentence(status);
  const paused = status.pausedReleases.map(({ version, reason }) =>
    `the roll-out of ${version} paused itself: ${reason}`
  );
  const notEvaluated = status.notEvaluated.map(({ customerId, deviceId, batch, message }) =>
    `readings of ${deviceId} (${customerId}, first batch: ${
      batch || "none"
    }) cannot be evaluated, and are all kept: ${message}`
  );
  const alarms = guessing === undefined ? [] : [guessing];
  return [...certificate, ...alarms, ...paused, ...notEvaluated, ...status.problems.map(sentenceOf)];
}

function factsOf(status: FullStatus): [string, string | number][] {
  const { customers, agents, devices, problems, codeGuessing } = status;
  const agentParts = [
    `${agents.active} active`,
    ...(agents.silent > 0 ? [`${agents.silent} silent`] : []),
    ...(agents.inDoubt > 0 ? [`${agents.inDoubt} in doubt`] : []),
    ...(agents.revoked > 0 ? [`${agents.revoked} revoked`] : []),
  ];
  const next = customers === 0
    ? "opendca-platform customer create NAME"
    : agents.active + agents.revoked === 0
    ? "opendca-platform code create; then opendca activate on the agent's machine"
    : status.pausedReleases.length > 0
    ? `opendca-platform release show ${status.pausedReleases[0]!.version}`
    : problems.length > 0
    ? "opendca-platform agent show AGENT --customer CUSTOMER"
    : codeGuessing !== null
    ? "opendca-platform audit list"
    : "";
  return [
    ["customers", customers],
    ["agents", agentParts.join(", ")],
    ["devices", `${devices.known} known${devices.silent > 0 ? `, ${devices.silent} silent` : ""}`],
    ...sentencesOf(status).map((sentence): [string, string] => ["problem", sentence]),
    ["next", next],
  ];
}

function sentenceOf({ customer, site, agentId, hostname, message }: AgentProblem): string {
  return `${agentId} (${[customer, site, hostname].filter((text) => text !== "").join(", ")}) ${message}`;
}

/** Limits of the text: monitoring systems cut longer lines, including the numbers after the text. */
const mostNamed = 5, mostText = 1000;

function checkOf(status: FullStatus): { exitCode: 0 | 1 | 2; line: string } {
  const { agents, devices, codeGuessing } = status;
  const sentences = sentencesOf(status);
  const exitCode = agents.active > 0 && agents.silent === agents.active ? 2 : sentences.length > 0 ? 1 : 0;
  const more = sentences.length > mostNamed ? [`${sentences.length - mostNamed} more`] : [];
  const text = sentences.length === 0
    ? `${agents.active} agent${agents.active === 1 ? " reports" : "s report"}`
    : [...sentences.slice(0, mostNamed), ...more].join("; ");
  const numbers = `agents=${agents.active};;;0 silent=${agents.silent};0;;0 in_doubt=${agents.inDoubt};0;;0 ` +
    `devices=${devices.known};;;0 silent_devices=${devices.silent};;;0 code_guessing=${
      codeGuessing?.alarms ?? 0
    };0;;0 ` +
    `paused_rollouts=${status.pausedReleases.length};0;;0 not_evaluated=${status.notEvaluated.length};0;;0`;
  const word = ["OK", "WARNING", "CRITICAL"][exitCode];
  return { exitCode, line: `OPENDCA-PLATFORM ${word} - ${safeText(text, mostText).replaceAll("|", "/")} | ${numbers}` };
}
