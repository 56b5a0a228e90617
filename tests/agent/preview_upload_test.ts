/** `scan --preview-upload` against what a real agent sends and a real platform stores. */
import { unpackRecord } from "../../platform/store/stored_record.ts";
import assert from "node:assert/strict";
import { Record as RecordMessage } from "../../proto/gen/opendca/v1/batch.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { type MaskableField, maskableFields } from "../../common/reading/maskable_fields.ts";
import { defaultConfigPath } from "../../src/config/config_path.ts";
import type { PreviewDocument } from "../../src/cli/preview.ts";
import { type AgentScene, startScene } from "../fixtures/agent_fixture.ts";
import { type TestHost, testHost } from "../fixtures/test_host.ts";
import { officePrinters } from "../fixtures/office_fixture.ts";
import { port } from "../fixtures/scan_fixture.ts";
import { until } from "../fixtures/until.ts";

// deno-lint-ignore no-explicit-any -- proto JSON as the platform has it
type Json = any;

/** A record without what is made when it is made: ids and times. */
function timeless(record: Json): Json {
  return JSON.parse(
    JSON.stringify(
      record,
      (key, value) => ["recordId", "deviceKey", "observedAt", "span", "milliseconds"].includes(key) ? undefined : value,
    ),
  );
}

function inOrder(records: Json[]): Json[] {
  return records.map(timeless).sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
}

function recordsOf({ batches }: PreviewDocument): Json[] {
  return batches.flatMap(({ records }) => records);
}

/** Names and contents of what is in the state directory; not SQLite's shared memory, and no journal that is empty. */
function stateOf(scene: AgentScene): string[] {
  const folder = `${scene.folder}/state`;
  return [...Deno.readDirSync(folder)].map(({ name, isFile }): [string, string] => [
    name,
    isFile ? Deno.readFileSync(`${folder}/${name}`).toHex() : "",
  ]).filter(([name, content]) => !name.endsWith("-shm") && !(name.endsWith("-wal") && content === ""))
    .map((file) => file.join(" ")).sort();
}

async function previewOf(scene: AgentScene): Promise<PreviewDocument> {
  const before = stateOf(scene);
  const { code, out, err } = await scene.here.opendca("scan", "--preview-upload", "--format", "json", "--quiet");
  assert.equal(code, 0, err);
  assert.deepEqual(stateOf(scene), before, "the preview has written to the state directory");
  return JSON.parse(out);
}

/** The first record of each device and kind: the agent may read a device again before the platform is asked. */
function firstOf(records: Json[]): Json[] {
  const kinds = new Map(records.toReversed().map((it) => [`${it.deviceKey} ${it.reading === undefined}`, it]));
  return records.filter((record) => [...kinds.values()].includes(record));
}

function storedRecords(scene: AgentScene): Json[] {
  return scene.store<{ record: Uint8Array }>("SELECT record FROM records ORDER BY rowid")
    .map(({ record }) => RecordMessage.toJSON(RecordMessage.decode(unpackRecord(record))));
}

Deno.test({
  name: "scan --preview-upload shows what the platform then stores, before the first upload and after it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const policy = "policy: { exclude: [127.248.0.3], mask: [serial, firmware] }\n";
    await using scene = await startScene({ network: 248, printers: 4, more: policy });
    const first = await previewOf(scene);
    assert.deepEqual([first.totals.printers, first.totals.records, first.knownDevices], [3, 6, null]);
    assert.deepEqual(first.masked, ["serial", "firmware"]);

    const before = await scene.here.startPlatform();
    await scene.here.admin("task", "scan", scene.agentId);
    const agent = await scene.here.startAgent();
    await agent.line((line) => line.includes('"taskReceived"'));
    await before[Symbol.asyncDispose]();
    await agent.line((line) => line.includes('"taskFinished"'));
    // Everything that was read is in the first batch.
    await using _platform = await scene.here.startPlatform();
    await agent.line((line) => line.includes('"batchSent"'));
    await until("the records are stored", () => storedRecords(scene).length >= 6);
    await agent[Symbol.asyncDispose]();
    const stored = firstOf(storedRecords(scene));
    assert.deepEqual(inOrder(recordsOf(first)), inOrder(stored));

    const upload = (await scene.here.opendca("ledger", "--json")).out.trim().split("\n").map((line) => JSON.parse(line))
      .find(({ kind }) => kind === "upload");
    // As the ids differ, so does what gzip makes of them, by some bytes; on a busy machine more is read before it is sent.
    const { messageBytes } = first.batches[0]!;
    const more = (upload.details.records - 6) * 200;
    assert(
      upload.size > messageBytes - 100 && upload.size < messageBytes + 100 + more,
      `the ledger has ${upload.size} bytes for ${upload.details.records} records, not ${messageBytes} for 6`,
    );

    const second = await previewOf(scene);
    assert.deepEqual([second.knownDevices, second.totals.records], [3, 3], "known devices do not appear again");
    const keys = (records: Json[]) => records.map(({ deviceKey }) => deviceKey).sort();
    assert.deepEqual(
      keys(recordsOf(second)),
      keys(stored.filter((record) => record.reading !== undefined)),
    );
  },
});

const network = "127.97.0";
const target = `${network}.0/24`;

/** Runs a preview of the simulated office with all fields masked, or none. */
async function officePreview(args: string[], mask: readonly MaskableField[]): Promise<TestHost> {
  const folder = await Deno.makeTempDir();
  try {
    const config = `${folder}/agent.yaml`;
    await Deno.writeTextFile(
      config,
      `platform: { rootDomain: localhost, endpoints: [localhost:1] }
stateDirectory: ${folder}/state
sites: [{ name: office, ranges: [${target}], port: ${port}, rate: 0 }]
limits: { timeout: 500ms }
credentials:
  - community: public
  - { user: demo, auth: { protocol: sha256, key: demo-auth-key }, priv: { protocol: aes128, key: demo-priv-key } }
policy: { mask: [${mask.join(", ")}] }
`,
    );
    const host = testHost({ env: { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` } });
    assert.equal(await runCli(["scan", "--preview-upload", "--quiet", "--config", config, ...args], host), 0, host.err);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["agent.yaml"]);
    return host;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const valuesOf: Record<MaskableField, (reading: Json) => (string | undefined)[]> = {
  address: ({ address }) => [address],
  hostname: ({ hostname }) => [hostname],
  mac: ({ mac }) => [mac],
  serial: ({ serial, supplies }) => [serial, ...(supplies ?? []).map((supply: Json) => supply.serial)],
  engineId: ({ snmp }) => [snmp?.engineId],
  firmware: ({ firmware }) => [firmware],
  location: ({ location }) => [location],
  contact: ({ contact }) => [contact],
  description: ({ description }) => [description],
  panel: ({ status }) => [status?.panel],
};

Deno.test("scan --preview-upload shows nothing that the policy masks, in text or JSON", async () => {
  await using _simulator = await startSimulator({ devices: officePrinters(network) });
  const plain = JSON.parse((await officePreview(["--format", "json"], [])).out) as PreviewDocument;
  const readings = recordsOf(plain).flatMap(({ reading }) => reading ?? []);
  assert.equal(plain.totals.printers, readings.length);
  assert(readings.length >= 20, `only ${readings.length} printers were read`);
  const [text, json] = [
    (await officePreview([], maskableFields)).out,
    (await officePreview(["-f", "json"], maskableFields)).out,
  ];
  assert.equal((JSON.parse(json) as PreviewDocument).totals.records, plain.totals.records);
  for (const field of maskableFields) {
    // Shorter ones, such as a firmware "1.42", are found in numbers by chance.
    const values = readings.flatMap(valuesOf[field]).filter((value) => value !== undefined && value.length >= 6);
    assert(values.length > 0, `no printer has a value of ${field}, so nothing was proven`);
    for (const value of values) {
      assert(JSON.stringify(plain).includes(JSON.stringify(value).slice(1, -1)), `${field} is not even there unmasked`);
      for (const shown of [text, json]) {
        assert(!shown.includes(JSON.stringify(value).slice(1, -1)), `${field} "${value}" is shown though it is masked`);
      }
    }
  }
});

Deno.test("scan --preview-upload of targets names the site, and leaves out what the agent would not ask", async () => {
  const devices = officePrinters(network).slice(0, 2);
  await using _simulator = await startSimulator({ devices });
  const [one, other] = devices.map(({ address }) => address!) as [string, string];
  const folder = await Deno.makeTempDir();
  try {
    const config = `${folder}/agent.yaml`;
    await Deno.writeTextFile(
      config,
      `platform: { rootDomain: localhost, endpoints: [localhost:1] }
stateDirectory: ${folder}/state
sites: [{ name: office, ranges: [${one}], port: ${port} }]
`,
    );
    const preview = async (...more: string[]) => {
      const host = testHost();
      // Whatever is configured on this machine.
      host.readTextFile = (path) =>
        path === defaultConfigPath ? Promise.reject(new Deno.errors.NotFound()) : Deno.readTextFile(path);
      const args = ["scan", "--preview-upload", one, other, "--port", String(port), "--timeout", "500", "-q", ...more];
      assert.equal(await runCli(args, host), 0, host.err);
      return host.out;
    };
    const configured: PreviewDocument = JSON.parse(await preview("-f", "json", "--config", config));
    assert.deepEqual(recordsOf(configured).map(({ site }) => site), ["office", "office"]);
    assert.match(configured.notes.join("\n"), /^1 printer in no site/);
    await preview("--config", config, "--output", `${folder}/upload.json`);
    const written: PreviewDocument = JSON.parse(await Deno.readTextFile(`${folder}/upload.json`));
    assert.deepEqual(inOrder(recordsOf(written)), inOrder(recordsOf(configured)));
    const free = await preview();
    assert.match(free, /^configuration +none\nmasked +nothing\nhistory +none$/m);
    assert.match(free, /^2 printers, 4 records in 1 batch, [\d,]+ bytes, compressed [\d,]+; nothing was sent$/m);
    assert.match(free, /^The message: [\d,]+ bytes, sha256 [0-9a-f]{64}$/m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("scan --preview-upload keeps what the other sites gave where one cannot be sent to", async () => {
  const devices = officePrinters(network).slice(0, 1);
  await using _simulator = await startSimulator({ devices });
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/agent.yaml`,
      `platform: { rootDomain: localhost, endpoints: [localhost:1] }
stateDirectory: ${folder}/state
sites:
  - { name: depot, ranges: ["fe80::1%lo"], port: ${port} }
  - { name: office, ranges: [${devices[0]!.address}], port: ${port} }
`,
    );
    const host = testHost();
    const code = await runCli(
      ["scan", "--preview-upload", "-q", "-f", "json", "--config", `${folder}/agent.yaml`],
      host,
    );
    assert.equal(code, 75, host.err);
    assert.match(host.err, /^incomplete: cannot scan the site "depot": Cannot send to fe80::1%lo/);
    const document: PreviewDocument = JSON.parse(host.out);
    assert.deepEqual([...new Set(recordsOf(document).map(({ site }) => site))], ["office"]);
    assert.match(document.notes.join("\n"), /Cannot scan the site "depot": Cannot send to fe80::1%lo/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
