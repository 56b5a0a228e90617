/** The list of revoked certificates (CRL) that the platform keeps for another broker. */
import assert from "node:assert/strict";
import { decodePem, encodePem } from "../../common/core/pem.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { keepAccessList, keepRevocationList } from "../../platform/edge/mqtt/broker_files.ts";
import { closeCustomer } from "../../platform/customers/close.ts";
import { pemOf } from "../../platform/keys/authority.ts";
import { issueRevocationList, keptRevocationList } from "../../platform/keys/revocation_list.ts";
import * as x509 from "../../platform/keys/x509.ts";
import { docBlock } from "../fixtures/doc_block.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { maybeProgram, peerTest } from "../fixtures/peers.ts";
import { activatedAgent, startTestPlatform, type TestAgent, type TestPlatform } from "../fixtures/platform_fixture.ts";
import { shortPatienceMs, until } from "../fixtures/until.ts";

const hourMs = 3_600_000, dayMs = 24 * hourMs;

function listOf({ folder }: TestPlatform): { thisUpdate: Date; nextUpdate: Date | undefined; serials: string[] } {
  const text = Deno.readTextFileSync(`${folder}/agents.crl`);
  const { thisUpdate, nextUpdate, entries } = new x509.X509Crl(x509.PemConverter.decodeFirst(text));
  return { thisUpdate, nextUpdate, serials: entries.map(({ serialNumber }) => serialNumber) };
}

function revoke({ platform }: TestPlatform, { agentId, tenant }: TestAgent) {
  const by = { actor: { kind: "operator", name: "eva" }, tenant: tenant.customerId } as const;
  return revokeAgent(platform, by, { agentId, reason: "test" });
}

async function serialsOf({ queries }: TestPlatform, agents: TestAgent[]): Promise<string[]> {
  const rows = await queries.all<{ agent_id: string; serial: string }>("SELECT agent_id, serial FROM certificates");
  const ids = agents.map(({ agentId }) => agentId);
  return rows.filter(({ agent_id }) => ids.includes(agent_id)).map(({ serial }) => serial).toSorted();
}

slowInPostgres("the list has each revoked certificate until it expires, of all customers", async () => {
  await using platform = await startTestPlatform();
  const [acme, other] = [await platform.customer("Acme"), await platform.customer("Other")];
  const agents = [
    await activatedAgent(platform, acme),
    await activatedAgent(platform, acme),
    await activatedAgent(platform, other),
  ];
  const [first, , last] = agents as [TestAgent, TestAgent, TestAgent];
  await revoke(platform, first);
  await using _ = await keepRevocationList(platform.platform, `${platform.folder}/agents.crl`);
  assert.equal(
    platform.events.filter(({ event }) => event === "mqttCrlWritten").length,
    1,
    "written once at the start",
  );
  const before = listOf(platform);
  assert.deepEqual(before.serials, await serialsOf(platform, [first]));
  await revoke(platform, last);
  const want = await serialsOf(platform, [first, last]);
  await until("the next list", () => listOf(platform).serials.length === want.length, shortPatienceMs);
  const after = listOf(platform);
  assert.deepEqual(after.serials, want);
  assert.ok(after.thisUpdate > before.thisUpdate, "else OpenSSL keeps the first, also within a second");
  const actor = { kind: "operator", name: "eva" } as const, closing = { reason: "test", revokeAgents: true };
  await closeCustomer(platform.platform, { actor }, { customer: "Acme", ...closing });
  const all = await serialsOf(platform, agents);
  await until("those of a closed customer", () => listOf(platform).serials.length === all.length);
  assert.deepEqual(listOf(platform).serials, all);
  // No agent's certificate is valid for so long.
  platform.clock.advance(91 * dayMs);
  await using _again = await keepRevocationList(platform.platform, `${platform.folder}/agents.crl`);
  assert.deepEqual(listOf(platform).serials, []);
});

slowInPostgres("the access list denies everything to each revoked agent, until its certificate expires", async () => {
  await using platform = await startTestPlatform();
  const customer = await platform.customer("Acme");
  const agents = [await activatedAgent(platform, customer), await activatedAgent(platform, customer)] as const;
  const file = `${platform.folder}/agents.acl`, lines = () => Deno.readTextFileSync(file).split("\n");
  const keep = async () => await (await keepAccessList(platform.platform, file))[Symbol.asyncDispose]();
  await keep();
  const document = await Deno.readTextFile(new URL("../../docs/mqtt-mosquitto.md", import.meta.url));
  const allowed = docBlock(document, "pattern read").trim().split("\n");
  assert.deepEqual(lines().slice(1, -1), allowed, "as the page has it");
  await revoke(platform, agents[1]);
  await keep();
  assert.deepEqual(lines().slice(1, -1), [...allowed, "", `user ${agents[1].agentId}`, "topic deny #"]);
  platform.clock.advance(91 * dayMs);
  await keep();
  assert.deepEqual(lines().slice(1, -1), allowed);
  await Deno.writeTextFile(file, "user root\n");
  await assert.rejects(keep(), /^ConfigError: Cannot write the access list ".*": The file is of another kind/);
  assert.deepEqual(lines(), ["user root", ""]);
});

Deno.test("the list is valid from an hour ago for thirty days, and written again when it is a day old", async () => {
  await using platform = await startTestPlatform();
  const file = `${platform.folder}/agents.crl`;
  const keep = async () => await (await keepRevocationList(platform.platform, file))[Symbol.asyncDispose]();
  await keep();
  const now = platform.clock.now().getTime();
  const first = listOf(platform);
  assert.ok(Math.abs(now - hourMs - first.thisUpdate.getTime()) < 60_000, "a broker's clock may be slow");
  assert.equal(first.nextUpdate!.getTime() - first.thisUpdate.getTime(), 30 * dayMs + hourMs);
  assert.equal(Deno.statSync(file).mode! & 0o777, 0o644, "the broker is another user");
  platform.clock.advance(23 * hourMs);
  await keep();
  assert.deepEqual(listOf(platform), first);
  platform.clock.advance(2 * hourMs);
  await keep();
  assert.ok(listOf(platform).thisUpdate.getTime() - first.thisUpdate.getTime() >= dayMs);
  // The clock was fast, and is right again.
  platform.clock.advance(-10 * dayMs);
  await keep();
  assert.ok(listOf(platform).thisUpdate < first.thisUpdate);
  await Deno.writeTextFile(file, "-----BEGIN X509 CRL-----\nnonsense\n-----END X509 CRL-----\n");
  await keep();
  assert.deepEqual(listOf(platform).serials, []);
});

Deno.test("a list that cannot be written is an error at the start, and is written later if it fails then", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const folder = `${platform.folder}/lists`, file = `${folder}/agents.crl`;
  const failing = keepRevocationList(platform.platform, file);
  await assert.rejects(failing, /^ConfigError: Cannot write the list of revoked certificates ".*agents\.crl": /);
  await Deno.mkdir(folder);
  await using _ = await keepRevocationList(platform.platform, file);
  await Deno.rename(folder, `${folder}.away`);
  await revoke(platform, agent);
  const isTold = () => platform.events.some(({ event }) => event === "mqttCrlFailed");
  await until("it is told", isTold, shortPatienceMs);
  await Deno.mkdir(folder);
  await until("it is written", () => Deno.stat(file).then(() => true, () => false), shortPatienceMs);
});

Deno.test("a file that is no list of revoked certificates is not replaced; an empty one is", async () => {
  await using platform = await startTestPlatform();
  const file = `${platform.folder}/agents.crl`, other = pemOf(platform.platform.agentAuthority.certificate);
  await Deno.writeTextFile(file, other);
  const keeping = keepRevocationList(platform.platform, file);
  await assert.rejects(keeping, /^ConfigError: Cannot write the list .*agents\.crl": The file is of another kind/);
  assert.equal(await Deno.readTextFile(file), other);
  await Deno.writeTextFile(file, "\n");
  await using _ = await keepRevocationList(platform.platform, file);
  assert.deepEqual(listOf(platform).serials, []);
});

peerTest("openssl takes the list of revoked certificates, also an empty one and after 2038", ["openssl"], async () => {
  await using platform = await startTestPlatform();
  const { agentAuthority } = platform.platform;
  const authority = `${platform.folder}/authority.pem`, file = `${platform.folder}/agents.crl`;
  await Deno.writeTextFile(authority, pemOf(agentAuthority.certificate));
  const serial = "4a".repeat(16);
  const high = `ff${"0".repeat(30)}`;
  for (
    const [at, serials] of [
      ["2026-01-01", []],
      ["2040-01-01", [serial]],
      ["2051-01-01", [serial, high]],
    ] as const
  ) {
    const thisUpdate = new Date(at);
    const revoked = serials.map((serial) => ({ serial, at: thisUpdate }));
    const nextUpdate = new Date(thisUpdate.getTime() + dayMs);
    await Deno.writeTextFile(file, await issueRevocationList(agentAuthority, { revoked, thisUpdate, nextUpdate }));
    const args = ["crl", "-in", file, "-CAfile", authority, "-noout", "-text"];
    const { stdout, stderr } = await new Deno.Command(maybeProgram("openssl")!, { args }).output();
    assert.match(new TextDecoder().decode(stderr), /verify OK/);
    const text = new TextDecoder().decode(stdout);
    assert.match(text, new RegExp(`CRL Number:\\s+${thisUpdate.getTime() / 1000}\\b`));
    const listed = [...text.matchAll(/Serial Number: (\w+)/g)].map(([, each]) => each!.toLowerCase());
    assert.deepEqual(listed, serials);
    assert.match(
      text,
      serials.length === 0 ? /No Revoked Certificates/ : new RegExp(`Date: Jan +1 .* ${at.slice(0, 4)}`),
    );
  }
});

peerTest(
  "openssl takes a list of 10,000 revoked certificates, which is not written again as it is",
  ["openssl"],
  async () => {
    await using platform = await startTestPlatform();
    const { agentAuthority } = platform.platform;
    const authority = `${platform.folder}/authority.pem`, file = `${platform.folder}/agents.crl`;
    await Deno.writeTextFile(authority, pemOf(agentAuthority.certificate));
    const now = new Date("2026-03-02T08:00:00.500Z");
    const revoked = Array.from({ length: 10_000 }, (_, index) => ({
      serial: `${index.toString(16).padStart(4, "0")}${"5a".repeat(14)}`,
      at: new Date(now.getTime() - index * 1000),
    }));
    const keep = (which: typeof revoked, at = now) =>
      keptRevocationList(file, { authority: agentAuthority, revoked: which, now: at });
    assert.deepEqual([await keep(revoked), await keep(revoked)], [true, false]);
    assert.deepEqual([await keep(revoked.slice(1)), await keep(revoked.slice(1))], [true, false]);
    assert.equal(await keep(revoked.slice(1), new Date(now.getTime() + 25 * hourMs)), true);
    const args = ["crl", "-in", file, "-CAfile", authority, "-noout", "-text"];
    const { stdout, stderr } = await new Deno.Command(maybeProgram("openssl")!, { args }).output();
    assert.match(new TextDecoder().decode(stderr), /verify OK/);
    assert.equal(new TextDecoder().decode(stdout).match(/Serial Number/g)?.length, 9_999);
  },
);

Deno.test("a list that is cut off or damaged anywhere is written again, and never taken for the one that is due", async () => {
  await using platform = await startTestPlatform();
  const { agentAuthority: authority } = platform.platform;
  const file = `${platform.folder}/agents.crl`, now = new Date("2026-03-02T08:00:00Z");
  const revoked = [{ serial: "4a".repeat(16), at: now }];
  assert.ok(await keptRevocationList(file, { authority, revoked, now }));
  const der = decodePem("X509 CRL", await Deno.readTextFile(file))[0]!;
  for (let length = 0; length < der.length; length += 3) {
    await Deno.writeTextFile(file, encodePem("X509 CRL", der.subarray(0, length)));
    assert.ok(await keptRevocationList(file, { authority, revoked, now }), `${length} octets`);
  }
  for (const octet of [0, 0x7f, 0x84, 0xff]) {
    for (let at = 1; at < der.length; at += 7) {
      const damaged = der.slice();
      damaged[at] = octet;
      if (damaged[at] === der[at]) continue;
      await Deno.writeTextFile(file, encodePem("X509 CRL", damaged));
      assert.ok(await keptRevocationList(file, { authority, revoked, now }), `octet ${at} as ${octet}`);
    }
  }
});
