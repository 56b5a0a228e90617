/** `opendca update` and the row of `opendca status`, from what an agent has written; and a locked agent. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { renderStatus } from "../../src/cli/status_command.ts";
import type { ShownStatus } from "../../src/service/read_status.ts";
import type { StatusFile, StatusUpdate } from "../../src/service/status_file.ts";
import { statusFile } from "../fixtures/sample_status.ts";
import { testHost } from "../fixtures/test_host.ts";

const now = new Date();

function fileOf(update?: StatusUpdate): StatusFile {
  return statusFile({
    writtenAt: now.toISOString(),
    startedAt: now.toISOString(),
    certificateNotAfter: new Date(now.getTime() + 86_400_000_000).toISOString(),
    ...(update === undefined ? {} : { update }),
  });
}

const offered: NonNullable<StatusUpdate["offered"]> = {
  version: "0.2.0",
  phase: "downloading",
  message: "It is being downloaded",
  bytesDone: 10_000_000,
  bytesTotal: 40_000_000,
  since: new Date(now.getTime() - 5000).toISOString(),
};

async function update(file: StatusFile | undefined, ...args: string[]): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    if (file !== undefined) await Deno.writeTextFile(`${folder}/status.json`, JSON.stringify(file));
    const host = testHost({ env: { OPENDCA_STATE_DIRECTORY: folder, OPENDCA_GUARD_DIRECTORY: `${folder}/guard` } });
    assert.equal(await runCli(["update", ...args], host), 0, host.err);
    return host.out;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const shown: [name: string, update: StatusUpdate | undefined, line: RegExp][] = [
  ["an agent of before", undefined, /^version {3}0\.1\.0\n(?!update)/],
  ["one that cannot", { why: "it runs from source", offered: null }, /^update {4}not by itself: it runs from source$/m],
  ["nothing", { why: null, offered: null }, /^update {4}nothing is offered$/m],
  [
    "a download",
    { why: null, offered },
    /^update {4}0\.2\.0 downloading 25 %: It is being downloaded\nsince {5}\d+ s ago$/m,
  ],
  [
    "a refusal of what has no version",
    { why: null, offered: { ...offered, version: "", phase: "refused", message: "Cannot update\u001b[2J" } },
    /^update {4}refused: Cannot update[^\p{Cc}]*$/mu,
  ],
];
for (const [name, value, line] of shown) {
  Deno.test(`opendca update shows ${name}`, async () => {
    assert.match(await update(fileOf(value)), line);
  });
}

Deno.test("opendca update says that an agent never ran, or does not run, and prints JSON", async () => {
  assert.match(
    await update(undefined),
    /^version {3}unknown, as the agent never ran\nnote {6}the agent does not run: not-activated\n$/,
  );
  const json = JSON.parse(await update(fileOf({ why: null, offered }), "--json"));
  assert.deepEqual(json.offered, offered);
  assert.deepEqual({ why: json.why, version: json.version }, { why: null, version: "0.1.0" });
});

Deno.test("opendca status has the update of an agent that can, and no row for one that cannot", () => {
  const rows = (value: StatusUpdate) => {
    const status = {
      state: "running",
      attempts: 0,
      lock: null,
      agentId: null,
      customer: null,
      site: null,
      spool: null,
      stateFaults: [],
    };
    return renderStatus({ ...status, agent: fileOf(value) } as unknown as ShownStatus, now).join("\n");
  };
  assert.match(rows({ why: null, offered }), /^update {5}0\.2\.0 downloading 25 %: It is being downloaded$/m);
  assert.doesNotMatch(rows({ why: "it runs from source", offered: null }), /^update/m);
});

Deno.test("the steps of root want what they need, and take no file of nobody's keys", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const host = testHost();
    assert.equal(await runCli(["update", "check", "--lib", folder, "--state", folder], host), 64);
    assert.match(host.err, /Cannot do this step without --staging/);
    await Deno.writeTextFile(`${folder}/request`, `1 0.2.0 ${"ab".repeat(32)}\n`);
    const again = testHost();
    assert.equal(await runCli(["update", "check", "--lib", folder, "--state", folder, "--staging", folder], again), 77);
    assert.match(again.err, /Cannot trust the release manifest/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
