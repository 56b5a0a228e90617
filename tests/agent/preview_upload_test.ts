/** `scan --preview-upload` against what a real agent sends and a real platform stores. */
import { unpackRecord } from "../../platform/store/stored_record.ts";
import assert from "node:assert/strict";
import { Record as RecordMessage } from "../../proto/gen/opendca/v1/batch.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { type MaskableField, maskableFields } from "../../common/reading/maskable_fields.ts";
import { defaultConfigPath } from "../../src/config/config_path.ts";
import type { PreviewDocument } from "../../src/cli/preview.ts";
import { type Office, openOffice } from "../fixtures/office_agent.ts";
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
function stateOf(office: Office): string[] {
  const folder = `${office.folder}/state`;
  return [...Deno.readDirSync(folder)].map(({ name, isFile }): [string, string] => [
    name,
    isFile ? Deno.readFileSync(`${folder}/${name}`).toHex() : "",
  ]).filter(([name, content]) => !name.endsWith("-shm") && !(name.endsWith("-wal") && content === ""))
    .map((file) => file.join(" ")).sort();
}

async function previewOf(office: Office): Promise<PreviewDocument> {
  const before = stateOf(office);
  const out = await office.opendca("scan", "--preview-upload", "--format", "json", "--quiet");
  assert.deepEqual(stateOf(office), before, "the preview has written to the state directory");
  return JSON.parse(out);
}

async function storedRecords(office: Office): Promise<Json[]> {
  return (await office.stored()).map(({ record }) => RecordMessage.toJSON(RecordMessage.decode(unpackRecord(record))));
}

Deno.test({
  name: "scan --preview-upload shows what the platform then stores, before the first upload and after it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const schedule = "{ fullSweepEvery: 24h, statusEvery: 12h, metersEvery: 24h, jitter: 0% }";
    const policy = "policy: { exclude: [127.248.0.3], mask: [serial, firmware] }\n";
    await using office = await openOffice({ network: 248, printers: 4, schedule, more: policy });
    const first = await previewOf(office);
    assert.deepEqual([first.totals.printers, first.totals.records, first.knownDevices], [3, 6, null]);
    assert.deepEqual(first.masked, ["serial", "firmware"]);

    {
      await using _agent = await office.startAgent();
      await until("the site was scanned", async () => {
        await office.pass(1000);
        return office.logged("sweepEnded").length > 0;
      });
      assert.equal(await office.assertAllThere(), 6);
    }
    const stored = await storedRecords(office);
    assert.deepEqual(inOrder(recordsOf(first)), inOrder(stored));

    const upload = (await office.opendca("ledger", "--json")).trim().split("\n").map((line) => JSON.parse(line))
      .find(({ kind }) => kind === "upload");
    // As the ids differ, so does what gzip makes of them, by some bytes.
    const { messageBytes } = first.batches[0]!;
    assert(
      Math.abs(upload.size - messageBytes) < 100,
      `the ledger has ${upload.size} bytes for ${upload.details.records} records, not ${messageBytes} for 6`,
    );

    const second = await previewOf(office);
    assert.deepEqual([second.knownDevices, second.totals.records], [3, 3], "known devices do not appear again");
    const keys = (records: Json[]) => records.map(({ deviceKey }) => deviceKey).sort();
    assert.deepEqual(
      keys(recordsOf(second)),
      keys(stored.filter((record) => record.reading !== undefined)),
    );
  },
});

const network = "127.97.0";
const target = `${network}.0/26`;

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
  const [unmasked, text, json] = (await Promise.all([
    officePreview(["--format", "json"], []),
    officePreview([], maskableFields),
    officePreview(["-f", "json"], maskableFields),
  ])).map(({ out }) => out) as [string, string, string];
  const plain: PreviewDocument = JSON.parse(unmasked);
  const readings = recordsOf(plain).flatMap(({ reading }) => reading ?? []);
  assert.equal(plain.totals.printers, readings.length);
  assert(readings.length >= 20, `only ${readings.length} printers were read`);
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
limits: { timeout: 300ms, retries: 0 }
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
