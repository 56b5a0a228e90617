/** `region`, `document`, `agreement`, `data`: the trust centre, and what the law gives people a right to. */
import type { Command } from "commander";
import { messageOf, UnavailableError, UsageError } from "../../../common/core/errors.ts";
import { createOwnFile, writeAllSync } from "../../../common/host/own_file.ts";
import { fileBytes, maybeKind } from "../../../common/host/file_bytes.ts";
import type { OpenPlatform } from "../../agents/platform.ts";
import type { By } from "../../audit/use_case.ts";
import { findUser, type Language, languages } from "../../users/users.ts";
import {
  type AgreementKind,
  agreementKinds,
  type Evidence,
  listSignatures,
  listTexts,
  publishText,
  readEvidence,
  verifyEvidence,
} from "../../trust/agreements.ts";
import { addDocument, type DocumentKind, documentKinds, listDocuments, removeDocument } from "../../trust/documents.ts";
import { eraseCustomer, erasePerson, type ErasureProof } from "../../trust/erase_data.ts";
import { exportCustomer, exportPerson } from "../../trust/export_data.ts";
import { checkedRegion, moveRegion, readRegion } from "../../trust/region.ts";
import { type Answer, checkedName, checkedReason, type CommandContext } from "./command_context.ts";
import { minuteText, renderTable } from "./table.ts";
import { writeParts } from "./write_parts.ts";

export function addTrustCommands(program: Command, context: CommandContext): void {
  addRegion(program, context);
  addDocuments(program, context);
  addAgreements(program, context);
  addData(program, context);
}

function addRegion(program: Command, context: CommandContext): void {
  const region = program.command("region").description("where this installation stores its data");
  region.command("show").description("the region that was stated with serve --region").action((_, command: Command) =>
    context.run(command, async (platform, by) => {
      const is = await readRegion(platform, by);
      return { json: { region: is ?? null }, text: `${is ?? "no region was stated: serve --region"}\n` };
    })
  );
  region.command("move <region>").description("state another region, after the data was moved there")
    .requiredOption("--reason <text>", "why, for the audit log")
    .action((text: string, options: { reason: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const moved = await moveRegion(platform, by, {
          region: checkedRegion(text),
          reason: checkedReason(options.reason),
        });
        return { json: moved, text: `the region is ${moved.region} now, and was ${moved.from}\n` };
      })
    );
}

function oneOf<T extends string>(option: string, all: readonly T[]): (text: string) => T {
  return (text) => {
    if (all.includes(text as T)) return text as T;
    throw new UsageError(`Cannot use ${option} as one of ${all.join(", ")}: current value is "${text}"`);
  };
}

function addDocuments(program: Command, context: CommandContext): void {
  const document = program.command("document").description("certificates, reports and policies that dealers can read");
  document.command("add <file>").description("show a file in the trust centre of the portal")
    .requiredOption("--title <text>", "how it is called there")
    .requiredOption("--kind <kind>", documentKinds.join(", "), oneOf("--kind", documentKinds))
    .option("--nda", "only for dealers who have signed the latest non-disclosure agreement")
    .action((file: string, options: { title: string; kind: DocumentKind; nda?: boolean }, command: Command) =>
      context.run(command, async (platform, by) => {
        const content = await contentOf(file);
        const row = await addDocument(platform, by, {
          title: checkedName(options.title),
          kind: options.kind,
          fileName: file.replace(/^.*[/\\]/, ""),
          content,
          needsNda: options.nda === true,
        });
        return { json: row, text: `${row.document_id}\n` };
      })
    );
  document.command("list").description("all documents").action((_, command: Command) =>
    context.run(command, async (platform, by) => {
      const rows = await listDocuments(platform, by);
      const cells = rows.map((row) => [
        row.document_id,
        row.kind,
        row.title,
        row.needs_nda === 1 ? "yes" : "no",
        minuteText(row.added_at),
        row.sha256,
      ]);
      return {
        json: rows,
        text: (screen) =>
          rows.length === 0 ? "no documents yet: opendca-platform document add FILE\n" : renderTable(
            ["DOCUMENT", "KIND", { heading: "TITLE", shrink: 16 }, "NDA", "ADDED", "SHA-256"],
            cells,
            screen,
          ),
      };
    })
  );
  document.command("remove <document>").description("show it no more").action((id: string, _, command: Command) =>
    context.run(command, async (platform, by) => {
      await removeDocument(platform, by, { documentId: id });
      return { json: { document_id: id }, text: `${id} is removed\n` };
    })
  );
}

function addAgreements(program: Command, context: CommandContext): void {
  const agreement = program.command("agreement").description("agreements that are signed in the portal");
  agreement.command("publish <kind> <version> <file>")
    .description("publish a text: nda (non-disclosure) or dpa (data processing); people sign the latest version")
    .option("--language <language>", `of the text: ${languages.join(", ")}`, oneOf("--language", languages), "en")
    .action((kind: string, version: string, file: string, options: { language: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const row = await publishText(platform, by, {
          kind: oneOf<AgreementKind>("KIND", agreementKinds)(kind),
          version: checkedName(version),
          language: options.language,
          body: await textOf(context, file),
        });
        return {
          json: row,
          text: `${row.kind} ${row.version} (${row.language}) is published, SHA-256 ${row.sha256}\n`,
        };
      })
    );
  agreement.command("list").description("published texts, and who has signed").action((_, command: Command) =>
    context.run(command, async (platform, by) => {
      const texts = await listTexts(platform, by), signatures = await listSignatures(platform, by);
      const json = {
        texts: texts.map(({ body: _, ...row }) => row),
        signatures: signatures.map(({ evidence, ...row }) => ({ ...row, evidence: JSON.parse(evidence) })),
      };
      const cells = signatures.map(({ evidence, ...row }) => {
        const { signer, party } = JSON.parse(evidence) as Evidence;
        const whom = party.customer?.name ?? party.dealer.name;
        return [
          row.signature_id,
          row.kind,
          row.version,
          whom,
          signer.typedName,
          signer.email,
          minuteText(row.signed_at),
        ];
      });
      return {
        json,
        text: (screen) =>
          cells.length === 0
            ? `${texts.length} texts, no signature yet\n`
            : renderTable(["SIGNATURE", "KIND", "VERSION", "FOR", "SIGNED BY", "EMAIL", "SIGNED"], cells, screen),
      };
    })
  );
  agreement.command("evidence <signature>").description("who signed what, when and from where, as a file")
    .option("--as <form>", "pdf to read, with the json attached; json for verify", oneOf("--as", evidenceForms), "pdf")
    .option("--language <language>", `of the pdf: ${languages.join(", ")}`, oneOf("--language", languages), "en")
    .option("--output <file>", "write this file (default: standard output, for json)")
    .action((
      signatureId: string,
      options: { as: (typeof evidenceForms)[number]; language: Language; output?: string },
      command: Command,
    ) => context.run(command, (platform, by) => evidenceAnswer(context, platform, by, { signatureId, ...options })));
  agreement.command("verify <file>").description("whether a file of evidence is what was signed; - is standard input")
    .action((file: string, _, command: Command) =>
      context.run(command, async (platform, by) => {
        const verdict = await verifyEvidence(platform, by, await textOf(context, file));
        if (verdict.kind === "invalid") context.setExitCode(65);
        return {
          json: verdict,
          text: verdict.kind === "invalid"
            ? `not valid: ${verdict.reason}\n`
            : `valid: entry ${verdict.entry} of the audit log has its digest; audit verify checks the log itself\n`,
        };
      })
    );
}

const evidenceForms = ["pdf", "json"] as const;

async function evidenceAnswer(
  { host }: CommandContext,
  platform: OpenPlatform,
  by: By,
  { signatureId, as, language, output }: {
    signatureId: string;
    as: (typeof evidenceForms)[number];
    language: Language;
    output?: string;
  },
): Promise<Answer> {
  if (output === undefined && as === "pdf") {
    throw new UsageError("Cannot print pdf to a terminal", `--output ${signatureId}.pdf writes a file`);
  }
  const kept = await readEvidence(platform, by, { signatureId });
  if (output === undefined) {
    await host.stdout(`${kept.signature.evidence}\n`);
    return { json: null, text: "", silent: true };
  }
  const parts = as === "json"
    ? ReadableStream.from([new TextEncoder().encode(kept.signature.evidence)])
    : (await import("../../trust/evidence_pdf.ts")).evidencePdf(kept, language);
  const bytes = await writeParts(output, parts);
  return { json: { file: output, bytes }, text: `${output} has the evidence of ${signatureId}: ${bytes} bytes\n` };
}

function addData(program: Command, context: CommandContext): void {
  const data = program.command("data").description("everything about a customer or a person: export and erase");
  data.command("export <file>").description("write all of it to a new file, a line of JSON for each row")
    .option("--of-customer <customer>", "id or name")
    .option("--user <user>", "e-mail address or id")
    .action((file: string, options: { ofCustomer?: string; user?: string }, command: Command) =>
      context.run(command, async (platform, by) => {
        const { customer, user } = exactlyOne(options);
        const lines = customer !== undefined
          ? exportCustomer(platform, by, { customer })
          : exportPerson(platform, by, { userId: (await findUser(platform, by, user!)).user_id });
        const written = await writeLines(file, lines);
        return { json: { file, lines: written }, text: `${written} lines are in ${file}\n` };
      })
    );
  data.command("erase").description("delete all of it for good, and print the proof; the audit log stays")
    .option("--of-customer <customer>", "id or name; it must be closed")
    .option("--user <user>", "e-mail address or id; the user must be deactivated")
    .requiredOption("--confirm <name>", "the name of the customer or the e-mail address once more")
    .requiredOption("--reason <text>", "why, for the audit log")
    .action((
      options: { ofCustomer?: string; user?: string; confirm: string; reason: string },
      command: Command,
    ) =>
      context.run(command, async (platform, by) => {
        const { customer, user } = exactlyOne(options), reason = checkedReason(options.reason);
        const { confirm } = options;
        if (customer !== undefined) {
          return proofAnswer(await eraseCustomer(platform, by, { customer, confirm, reason }));
        }
        const { user_id: userId, email } = await findUser(platform, by, user!);
        if (email !== confirm) throw new UsageError(`Cannot erase "${email}" as "${confirm}" is not its address`);
        return proofAnswer(await erasePerson(platform, by, { userId, reason }));
      })
    );
}

async function textOf({ host }: CommandContext, file: string): Promise<string> {
  try {
    return await host.readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of fileBytes(file)) parts.push(new Uint8Array(part));
    return await new Blob(parts).bytes();
  } catch (error) {
    throw new UsageError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}

async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  let written = 0;
  try {
    if (maybeKind(path) !== undefined) throw new UsageError(`Cannot write "${path}" as it is there already`);
    const file = createOwnFile(path);
    try {
      for await (const line of lines) {
        writeAllSync(file, new TextEncoder().encode(line));
        written++;
      }
    } finally {
      file.close();
    }
    return written;
  } catch (error) {
    if (error instanceof UsageError || error instanceof UnavailableError) throw error;
    throw new UsageError(`Cannot write "${path}": ${messageOf(error)}`);
  }
}

function exactlyOne({ ofCustomer, user }: { ofCustomer?: string; user?: string }) {
  if ((ofCustomer === undefined) !== (user === undefined)) return { customer: ofCustomer, user };
  throw new UsageError("Cannot tell whose data is meant", "give one of --of-customer and --user");
}

function proofAnswer(proof: ErasureProof): Answer {
  const rows = Object.values(proof.rows).reduce((sum, count) => sum + count, 0);
  return {
    json: proof,
    text: `${rows} rows of ${Object.keys(proof.rows).length} tables are deleted, ${proof.left} are left\n`,
  };
}
