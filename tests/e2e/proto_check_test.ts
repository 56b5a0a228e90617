/** tools/check_proto.sh fails for what would break agents in the field, and lets through what does not. */
import assert from "node:assert/strict";
import { peerTest } from "../fixtures/peers.ts";

const root = new URL("../../", import.meta.url).pathname;

interface Edit {
  file: string;
  from: string;
  to: string;
}

interface Change {
  name: string;
  edits: Edit[];
  /** What the script says, all of it; empty where it is content. */
  says: RegExp[];
  /** Whether the generated code is recreated, as an honest change has it. */
  generates: boolean;
}

const proto = "proto/opendca/v1", batch = `${proto}/batch.proto`, service = `${proto}/agent_service.proto`;
/* Run at once, as a run takes seconds: each must be told by its own line. */
const breaking: (Edit & { says: RegExp })[] = [
  { file: batch, from: "string batch_id = 1;", to: "string batch_id = 90;", says: /batch.proto.*field "1"/i },
  { file: batch, from: "  string run_id = 8;", to: "", says: /batch.proto.*field "8"/i },
  { file: batch, from: "uint32 record_count = 6;", to: "string record_count = 6;", says: /field "6".*changed.*type/i },
  { file: batch, from: "string agent_epoch = 3;", to: "string agents_epoch = 3;", says: /field "3".*changed.*name/i },
  { file: batch, from: "COMPRESSION_GZIP = 1;", to: "COMPRESSION_ZIP = 1;", says: /enum value "1"/i },
  {
    file: service,
    from: "string config_hash = 2;",
    to: "repeated string config_hash = 2;",
    says: /agent_service.proto.*field "2"/i,
  },
];
const newField = { file: batch, from: "string run_id = 8;", to: "string run_id = 8;\n  string added = 99;" };
const edited = {
  file: "proto/gen/opendca/v1/batch.ts",
  from: "export interface Batch {",
  to: "/** Edited. */\nexport interface Batch {",
};
const changes: Change[] = [
  {
    name: "finds what breaks agents: numbers, fields, types and names that changed",
    edits: breaking,
    says: breaking.map(({ says }) => says),
    generates: true,
  },
  {
    name: "finds a new field whose code was not made",
    edits: [newField],
    says: [/differs from what/],
    generates: false,
  },
  { name: "finds generated code that was edited", edits: [edited], says: [/differs from what/], generates: false },
  { name: "lets through a new field", edits: [newField], says: [], generates: true },
];

async function run(script: string): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: [script] }).output();
  return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

for (const { name, edits, says, generates } of changes) {
  peerTest(`check_proto.sh ${name}`, ["protoc", "npm"], async () => {
    const folder = await Deno.makeTempDir();
    try {
      await copy(`${root}proto`, `${folder}/proto`);
      await copy(`${root}tools`, `${folder}/tools`);
      for (const { file, from, to } of edits) {
        const before = await Deno.readTextFile(`${folder}/${file}`);
        assert.ok(before.includes(from), `${file} has "${from}"`);
        await Deno.writeTextFile(`${folder}/${file}`, before.replace(from, to));
      }
      if (generates) assert.ok((await run(`${folder}/tools/generate_proto.sh`)).success);
      const { success, text } = await run(`${folder}/tools/check_proto.sh`);
      assert.equal(success, says.length === 0, text);
      for (const each of says) assert.match(text, each);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
