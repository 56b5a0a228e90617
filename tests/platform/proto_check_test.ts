/** tools/check_proto.sh fails for what would break agents in the field, and lets through what does not. */
import assert from "node:assert/strict";
import { peerTest } from "../fixtures/peers.ts";

const root = new URL("../../", import.meta.url).pathname;

interface Change {
  name: string;
  file: string;
  from: string;
  to: string;
  /** What the script says; undefined where it is content. */
  says: RegExp | undefined;
  /** Whether the generated code is recreated, as an honest change has it. */
  generates: boolean;
}

const proto = "proto/opendca/v1";
const changes: Change[] = [
  {
    name: "another field number",
    file: `${proto}/batch.proto`,
    from: "string batch_id = 1;",
    to: "string batch_id = 90;",
    says: /[Ff]ield "1"/,
    generates: true,
  },
  {
    name: "a field that is gone",
    file: `${proto}/batch.proto`,
    from: "  string run_id = 8;",
    to: "",
    says: /[Ff]ield "8"/,
    generates: true,
  },
  {
    name: "another type",
    file: `${proto}/batch.proto`,
    from: "uint32 record_count = 6;",
    to: "string record_count = 6;",
    says: /[Ff]ield "6"/,
    generates: true,
  },
  {
    name: "a renamed field",
    file: `${proto}/batch.proto`,
    from: "uint32 record_count = 6;",
    to: "uint32 records_count = 6;",
    says: /[Ff]ield "6"/,
    generates: true,
  },
  {
    name: "a renamed value of an enumeration",
    file: `${proto}/batch.proto`,
    from: "COMPRESSION_GZIP = 1;",
    to: "COMPRESSION_ZIP = 1;",
    says: /[Ee]num value "1"/,
    generates: true,
  },
  {
    name: "a field that became repeated",
    file: `${proto}/agent_service.proto`,
    from: "string config_hash = 2;",
    to: "repeated string config_hash = 2;",
    says: /[Ff]ield "2"/,
    generates: true,
  },
  {
    name: "a new field whose code was not made",
    file: `${proto}/batch.proto`,
    from: "string run_id = 8;",
    to: "string run_id = 8;\n  string added = 99;",
    says: /differs from what/,
    generates: false,
  },
  {
    name: "generated code that was edited",
    file: "proto/gen/opendca/v1/batch.ts",
    from: "export interface Batch {",
    to: "/** Edited. */\nexport interface Batch {",
    says: /differs from what/,
    generates: false,
  },
  {
    name: "a new field",
    file: `${proto}/batch.proto`,
    from: "string run_id = 8;",
    to: "string run_id = 8;\n  string added = 99;",
    says: undefined,
    generates: true,
  },
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

for (const { name, file, from, to, says, generates } of changes) {
  peerTest(`check_proto.sh ${says === undefined ? "lets through" : "finds"} ${name}`, ["protoc", "npm"], async () => {
    const folder = await Deno.makeTempDir();
    try {
      await copy(`${root}proto`, `${folder}/proto`);
      await copy(`${root}tools`, `${folder}/tools`);
      const before = await Deno.readTextFile(`${folder}/${file}`);
      assert.ok(before.includes(from), `${file} has "${from}"`);
      await Deno.writeTextFile(`${folder}/${file}`, before.replace(from, to));
      if (generates) assert.ok((await run(`${folder}/tools/generate_proto.sh`)).success);
      const { success, text } = await run(`${folder}/tools/check_proto.sh`);
      assert.equal(success, says === undefined, text);
      if (says !== undefined) assert.match(text, says);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
