/** `opendca update --check`: what a platform offers now, and what would become of it; nothing is changed. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { addUpdateCommand } from "../../src/cli/update_command.ts";
import { updateCheckCodes } from "../../src/cli/update_check.ts";
import { version } from "../../src/cli/version.ts";
import { targetOf } from "../../src/update/installation.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { openLedger } from "../../src/store/ledger.ts";
import { UpdateEncoding, type UpdateOffer } from "../../proto/gen/opendca/v1/update.ts";
import type { ReleaseManifest } from "../../common/release/release_manifest.ts";
import { type Machine, machine, withPlatform } from "../fixtures/doctor_fixture.ts";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../fixtures/signed_release.ts";
import { testHost } from "../fixtures/test_host.ts";

const keys = signingKeys(3);
const strangers = signingKeys(3);
const target = targetOf(Deno.build);
const fromNow = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().replace(/\.\d+Z$/, "Z");

function offer(signers = keys.slice(0, 2), more: Partial<ReleaseManifest> = {}): UpdateOffer {
  const files = [{ target, name: `opendca-9.0.0-${target}`, size: 3, sha256: "ab".repeat(32) }];
  const times = { issuedAt: fromNow(-1), expiresAt: fromNow(30) };
  const manifest = signedManifest(
    { ...sampleManifest, version: "9.0.0", minimumVersion: "0.0.1", files, ...times, ...more },
    signers,
  );
  return { manifest, encoding: UpdateEncoding.ZSTD, encodedBytes: 2n };
}

async function check(here: Machine, ...args: string[]): Promise<{ code: number; out: string }> {
  const host = testHost({ env: here.env });
  const program = new Command("opendca").exitOverride();
  let code = 0;
  addUpdateCommand(program, host, (found) => code = found, trusted(keys));
  await program.parseAsync(["update", "--check", "--config", `${here.folder}/agent.yaml`, ...args], { from: "user" });
  return { code, out: host.out };
}

const fromSource = /^then {6}It is not installed by itself: it runs from source$/m;
const verdicts: [name: string, { offer?: UpdateOffer; policy?: string }, code: number, out: RegExp][] = [
  ["nothing newer", {}, updateCheckCodes.none, /^version {3}\S+ for \S+\noffered {3}nothing newer\n$/],
  ["a release that was signed", { offer: offer() }, updateCheckCodes.never, fromSource],
  [
    "one that a single key signed",
    { offer: offer(keys.slice(0, 1)) },
    updateCheckCodes.never,
    /^offered {3}a release that cannot be trusted\nsigned {4}no: Cannot trust .* signed by 1 of 3 known keys: 2 are needed$/m,
  ],
  ["one of strangers", { offer: offer(strangers) }, updateCheckCodes.never, /signed by 0 of 3 known keys/],
  [
    "what is no manifest",
    { offer: { ...offer(), manifest: "\u001b[2J{}" } },
    updateCheckCodes.never,
    /^signed {4}no: /m,
  ],
  [
    "an expired one",
    { offer: offer(undefined, { issuedAt: fromNow(-9), expiresAt: fromNow(-1) }) },
    updateCheckCodes.never,
    /^then {6}Cannot update to opendca 9\.0\.0 as its manifest expired/m,
  ],
  [
    "policy never",
    { offer: offer(), policy: "{ features: { update: false } }" },
    updateCheckCodes.never,
    /^offered {3}9\.0\.0\nsigned {4}by the release keys \w{16}, \w{16}, valid until \S+\nthen {6}It is not installed: policy\.features\.update is false in agent\.yaml$/m,
  ],
  [
    "another pin",
    { offer: offer(), policy: '{ update: { pin: "0.1" } }' },
    updateCheckCodes.never,
    /^then {6}Cannot update to opendca 9\.0\.0 as policy\.update\.pin is "0\.1" in agent\.yaml$/m,
  ],
];
for (const [name, given, code, out] of verdicts) {
  Deno.test(`opendca update --check says what would become of ${name}`, async () => {
    await withPlatform(async (here, platform) => {
      if (given.policy !== undefined) await here.platformAt(platform.port, `policy: ${given.policy}\n`);
      const before = await filesOf(here);
      const said = await check(here);
      assert.deepEqual([said.code, platform.calls.checkUpdate], [code, [{ agentVersion: version, target }]], said.out);
      assert.match(said.out, out);
      assert.doesNotMatch(said.out.replaceAll("\n", ""), /\p{Cc}/u);
      assert.equal(platform.calls.poll.length, 0);
      assert.deepEqual(await filesOf(here), before);
    }, { checkUpdate: () => ({ update: given.offer, serverTime: new Date() }) });
  });
}

/** All but the ledger, which has what was asked. */
async function filesOf({ state }: Machine): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { name, isFile } of Deno.readDir(state)) {
    if (isFile && !name.startsWith("ledger.db")) files[name] = await Deno.readTextFile(`${state}/${name}`);
  }
  return files;
}

Deno.test("opendca update --check prints JSON, and what it asked is in the ledger", async () => {
  await withPlatform(async (here) => {
    const { code, out } = await check(here, "--json");
    const { offered, ...more } = JSON.parse(out);
    assert.equal(code, updateCheckCodes.never);
    assert.deepEqual(more, { version, target });
    assert.deepEqual(
      { version: offered.version, valid: offered.signatures.valid, keys: offered.signatures.keys.length },
      { version: "9.0.0", valid: true, keys: 2 },
    );
    assert.deepEqual([offered.installs, offered.at], ["never", null]);
    using ledger = openLedger(`${here.state}/ledger.db`);
    assert.deepEqual([...ledger.entries()].map(({ kind }) => kind).at(-1), "update");
  }, { checkUpdate: () => ({ update: offer(), serverTime: new Date() }) });
});

Deno.test("opendca update --check is refused in one sentence: not activated, locked, revoked, offline, an older platform", async () => {
  async function refused(here: Machine): Promise<string> {
    const host = testHost({ env: here.env });
    const code = await runCli(["update", "--check", "--config", `${here.folder}/agent.yaml`], host);
    assert.equal(host.out, "");
    assert.doesNotMatch(host.err, /please report/);
    return `${code} ${host.err}`;
  }
  {
    await using here = await machine();
    await here.platformAt(1);
    assert.match(
      await refused(here),
      /^77 error: Cannot ask the platform for updates as this agent is not activated\n/,
    );
  }
  for (const state of ["locked", "revoked"] as const) {
    await withPlatform(async (here, platform) => {
      await here.change(state);
      assert.match(await refused(here), new RegExp(`^77 error: .*${state}`));
      assert.equal(platform.calls.checkUpdate.length, 0);
    });
  }
  await withPlatform(async (here) => {
    assert.match(await refused(here), /^69 error: Cannot ask the platform for updates as it is older than this agent/);
    await here.platformAt(1);
    assert.match(await refused(here), /^69 error: .*localhost:1/);
  });
});
