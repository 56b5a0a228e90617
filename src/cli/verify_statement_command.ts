/** `opendca verify-statement`: whether a statement's numbers are those that the agents read. */
import type { Command } from "commander";
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { decodePem } from "../../common/core/pem.ts";
import { certificateDigest } from "../statement/proved_readings.ts";
import { parseStatement } from "../statement/statement_file.ts";
import { type StatementVerdict, verifyStatement } from "../statement/verify_statement.ts";
import type { Host } from "./host.ts";

const help = `
FILE is a statement that the platform exported as JSON. Nothing else is needed: no platform, no network.
What this proves, and what it cannot, is in docs/billing.md.

Examples:
  opendca verify-statement statement.json
  opendca verify-statement statement.json --agent /var/lib/opendca/certificate.pem --strict
  opendca verify-statement statement.json --authority agents-ca.pem --json
  opendca verify-statement statement.json --platform-key a5876a81d9199ddb 355ceb3920da1aff

Exit codes: 0 nothing is wrong, 64 the file is not a statement, 77 something is wrong; with --strict, also if a row is not
proved.
`;

interface Options {
  authority?: string[];
  agent?: string[];
  platformKey?: string[];
  revokedKey?: string[];
  strict?: boolean;
  json?: boolean;
}

/** Adds the command to the program. */
export function addVerifyStatementCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  program.command("verify-statement").description("verify that the numbers of a statement are those that agents read")
    .argument("<file>", "statement as JSON; - is standard input")
    .option("--authority <files...>", "certificates of the authorities of agents that you trust, as PEM")
    .option("--agent <files...>", "certificates of the agents that you trust, as PEM: certificate.pem of each")
    .option("--platform-key <ids...>", "ids of signing keys of the platform that you trust, also former ones")
    .option("--revoked-key <ids...>", "ids of signing keys of the platform that others may have")
    .option("--strict", "rows that are not proved are an error")
    .option("--json", "verdicts as JSON")
    .addHelpText("after", help)
    .action(async (path: string, options: Options) => {
      const { authority, agent, platformKey, revokedKey, strict = false, json = false } = options;
      const digestOf = async (file: string) => {
        const [der] = decodePem("CERTIFICATE", await readFile(host, file));
        if (der === undefined) throw new UsageError(`Cannot use "${file}" as a certificate: it has none as PEM`);
        return certificateDigest(der);
      };
      const agents = agent === undefined ? undefined : (await Promise.all(agent.map(digestOf))).map(({ key }) => key);
      const found = verifyStatement(parseStatement(await readFile(host, path)), {
        authorities: authority && (await Promise.all(authority.map(digestOf))).map(({ certificate }) => certificate),
        agents,
        platformKeys: platformKey?.map(keyId),
        revokedKeys: revokedKey?.map(keyId),
      });
      const isAgentNamed = authority !== undefined || agent !== undefined;
      const verdict = { ...found, notes: [...found.notes, ...trustNotes(isAgentNamed, platformKey !== undefined)] };
      await host.stdout.write(json ? `${JSON.stringify(verdict, null, 2)}\n` : textOf(verdict));
      const isWrong = verdict.problems.length > 0 || verdict.rows.some(({ kind }) => kind === "wrong");
      if (isWrong || (strict && verdict.rows.some(({ kind }) => kind !== "proved"))) setExitCode(77);
    });
}

/** Anyone who makes up a statement makes up keys as well: it is consistent by itself. */
function trustNotes(isAgentNamed: boolean, isPlatformNamed: boolean): string[] {
  return [
    ...(isAgentNamed
      ? []
      : ["the keys of agents are those that the file names: compare them, or give --agent or --authority"]),
    ...(isPlatformNamed
      ? []
      : ["the platform's key is the one that the file names: compare it, or give --platform-key"]),
  ];
}

/** Throws UsageError. */
function keyId(text: string): string {
  if (/^[0-9a-f]{16}$/i.test(text)) return text.toLowerCase();
  throw new UsageError(
    `Cannot use "${text}" as the id of a key: it has 16 hexadecimal digits`,
    "opendca-platform billing keys lists those of the platform",
  );
}

async function readFile(host: Host, path: string): Promise<string> {
  try {
    return await host.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read "${path}": ${messageOf(cause)}`, "name a file that you may read", { cause });
  }
}

/* Of rows with the same verdict. */
const mostRows = 50;

function textOf({ problems, notes, rows, agents, authorities, platformKey }: StatementVerdict): string {
  const lines: string[] = problems.map((problem) => `wrong: ${problem}`);
  for (const kind of ["wrong", "unproved"] as const) {
    const some = rows.filter((row) => row.kind === kind);
    const name = kind === "wrong" ? "wrong" : "not proved";
    for (const { row, serial, meter, billed, why } of some.slice(0, mostRows)) {
      lines.push(`${name}: row ${row}, ${serial ?? "no serial number"}, ${meter} ${billed}: ${why}`);
    }
    if (some.length > mostRows) lines.push(`${name}: ${some.length - mostRows} further rows; --json lists them`);
  }
  lines.push(...notes.map((note) => `note: ${note}`));
  for (const { agent, key } of agents) lines.push(`signed by ${agent}, public key SHA-256 ${key}`);
  for (const authority of authorities) lines.push(`authority of agents, certificate SHA-256 ${authority}`);
  lines.push(`statement signed by the platform's key ${platformKey}`);
  const count = (kind: string) => rows.filter((row) => row.kind === kind).length;
  lines.push(
    `${rows.length === 1 ? "1 row" : `${rows.length} rows`}: ${count("proved")} proved, ${
      count("unproved")
    } not proved, ${count("wrong")} wrong`,
  );
  return lines.map((line) => `${safeText(line)}\n`).join("");
}
