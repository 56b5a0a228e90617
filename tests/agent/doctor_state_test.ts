/** Every fault of this machine is planted, and `opendca doctor` must name it and no other. */
import assert from "node:assert/strict";
import { agentRows, markRevoked } from "../../platform/agents/agents.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { systemClock } from "../../common/core/clock.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import { openSpool } from "../../src/store/spool.ts";
import { denoSpoolFiles } from "../../src/store/spool_files.ts";
import { tryCode } from "../fixtures/activation_fixture.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { standardPrinter } from "../fixtures/scan_fixture.ts";
import { startTestPlatform as startRealPlatform } from "../fixtures/platform_fixture.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";
import { authority, chain, failures, fromNow, machine, withPlatform } from "../fixtures/doctor_fixture.ts";

const refusals = [
  { reason: "agent-revoked", code: 7, want: "revoked" },
  { reason: "certificate-replaced", code: 7, want: "copied" },
  { reason: "certificate-required", code: 16, want: "client-certificate-refused" },
];
for (const { reason, code, want } of refusals) {
  Deno.test(`opendca doctor asks the platform about the certificate: ${want}`, async () => {
    await withPlatform(async (here) => {
      const found = await here.doctor();
      assert.deepEqual([found.code, failures(found)], [77, [`credentials ${want}`]], found.text);
    }, { upload: () => ({ code, reason }) });
  });
}

Deno.test("opendca doctor works when locked, and says how to unlock", async () => {
  await withPlatform(async (here, platform) => {
    await here.change("locked");
    const found = await here.doctor();
    assert.equal(platform.calls.upload.length, 0);
    assert.deepEqual([found.code, failures(found)], [77, ["credentials locked"]], found.text);
    assert.match(found.faults[0]!.advice, /opendca unlock TOKEN/);
  });
});

Deno.test("opendca doctor names a revoked agent without asking the platform", async () => {
  await withPlatform(async (here, platform) => {
    await here.change("revoked");
    const found = await here.doctor();
    assert.deepEqual([found.code, failures(found)], [77, ["credentials revoked"]], found.text);
    assert.equal(platform.calls.upload.length, 0);
  });
});

Deno.test("opendca doctor names a state of another machine, an edited one too", async () => {
  await withPlatform(async (here) => {
    await Deno.remove(`${here.folder}/guard`, { recursive: true });
    const path = `${here.state}/agent.json`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("Acme", "Evil"));
    const found = await here.doctor();
    assert.deepEqual([found.code, failures(found)], [77, ["credentials foreign-state"]], found.text);
  });
});

Deno.test("opendca doctor names a missing certificate and one that has ended", async () => {
  await withPlatform(async (here) => {
    const path = `${here.state}/certificate.pem`;
    const found = await here.doctor([], 25 * 3_600_000);
    assert.deepEqual(failures(found), ["credentials certificate-expired"], found.text);
    await Deno.remove(path);
    const missing = await here.doctor();
    assert.deepEqual([missing.code, failures(missing)], [77, ["credentials certificate-missing"]], missing.text);
  });
});

Deno.test("opendca doctor names every mistake of the configuration, and goes on without it", async () => {
  await using here = await machine();
  await here.configure("platform: { rootDomain: example.com, endpoints: [dca.example.com] }\nlimits: { timeout: 5 }\n");
  const found = await here.doctor();
  assert.deepEqual([found.code, failures(found)], [78, ["configuration configuration"]], found.text);
  assert.match(found.faults[0]!.message, /agent\.yaml:3:\d+ as limits\.timeout has no unit/);
  assert.equal(found.steps.find(({ name }) => name === "disk")!.subject, here.state);
  for (const name of ["clock", ...chain]) {
    assert.equal(found.steps.find((step) => step.name === name)!.status, "skipped", name);
  }
});

Deno.test("opendca doctor says that there is no configuration", async () => {
  await using here = await machine();
  const found = await here.doctor();
  assert.deepEqual([found.code, failures(found)], [78, ["configuration configuration"]], found.text);
});

Deno.test("opendca doctor names a damaged spool, and does not touch it", async () => {
  await withPlatform(async (here) => {
    const path = `${here.state}/spool.db`;
    openSpool(path, { clock: systemClock, files: denoSpoolFiles, onSalvage: () => {} })[Symbol.dispose]();
    assert.match((await here.doctor()).text, /spool empty/);
    const whole = await Deno.readFile(path);
    // The head of the file, and a page that nothing but the check looks at.
    for (const page of [1, pageOf(path, "record_last")]) {
      const bytes = whole.slice().fill(0x5a, (page - 1) * 4096 + (page === 1 ? 100 : 0), page * 4096);
      await Deno.writeFile(path, bytes);
      const found = await here.doctor();
      assert.deepEqual([found.code, failures(found)], [69, ["disk spool-damaged"]], found.text);
      assert.deepEqual(await Deno.readFile(path), bytes);
    }
  });
});

function pageOf(path: string, name: string): number {
  const db = openDatabase(path, { readOnly: true });
  try {
    return db.get<{ rootpage: number }>("SELECT rootpage FROM sqlite_schema WHERE name = ?", name)!.rootpage;
  } finally {
    db.close();
  }
}

Deno.test("opendca doctor reads the spool while the agent has it open", async () => {
  await withPlatform(async (here) => {
    using spool = openSpool(`${here.state}/spool.db`, {
      clock: systemClock,
      files: denoSpoolFiles,
      onSalvage: () => {},
    });
    spool.append([{
      id: crypto.randomUUID(),
      kind: "reading",
      class: "meter",
      deviceId: "d",
      observedAt: fromNow(-3),
      payload: Uint8Array.of(1),
    }]);
    const found = await here.doctor();
    assert.deepEqual([found.code, found.faults], [0, []], found.text);
    assert.match(found.text, /spool intact with 1 record, the oldest 3 h old/);
  });
});

Deno.test("opendca doctor names a state directory that is a file", async () => {
  await using here = await machine();
  await using platform = await startTestPlatform({}, { authority });
  await here.platformAt(platform.port);
  await Deno.writeTextFile(here.state, "");
  const found = await here.doctor();
  assert.deepEqual([found.code, failures(found)], [78, ["disk state-no-directory"]], found.text);
});

Deno.test({
  name: "opendca doctor names files in the state directory that another user owns, and a key that is open",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  fn: async () => {
    await withPlatform(async (here) => {
      await Deno.chmod(`${here.state}/key.pem`, 0o644);
      const open = await here.doctor();
      assert.deepEqual(open.faults.map(({ name, severity }) => [name, severity]), [["open-secrets", "warning"]]);
      await Deno.chmod(`${here.state}/key.pem`, 0o600);
      for (const { name } of [...Deno.readDirSync(here.state)]) {
        await Deno.chown(`${here.state}/${name}`, name === "key.pem" ? 0 : 65_534, 65_534);
      }
      await Deno.chown(here.state, 65_534, 65_534);
      const found = await here.doctor();
      assert.deepEqual([found.code, failures(found)], [77, ["permissions foreign-files"]], found.text);
      assert.match(found.faults[0]!.message, /other users own key\.pem in it/);
    });
  },
});

Deno.test("opendca doctor asks a printer as the configuration and its policy say", async (t) => {
  const keyed = standardPrinter("127.0.0.1", { port: 0, communities: ["site-community"] });
  await using simulator = await startSimulator({ devices: [keyed] });
  const { port } = simulator.endpoints[0]!;
  await withPlatform(async (here, platform) => {
    const site = (more: string) =>
      `sites: [{ name: hq, ranges: ["127.0.0.1:${port}"], credentials: [{ community: site-community }] }]\n${more}`;
    const ask = async (more: string) => {
      await here.platformAt(platform.port, more);
      return await here.doctor(["--printer", `127.0.0.1:${port}`, "--timeout", "200"]);
    };
    await t.step("with the credentials of its site", async () => {
      const found = await ask(site(`policy: { ports: { snmp: [${port}] } }\n`));
      assert.deepEqual([found.code, found.faults], [0, []], found.text);
    });
    await t.step("with a warning where the policy does not hold it", async () => {
      const found = await ask("credentials: [{ community: site-community }]\n");
      assert.deepEqual([found.code, found.faults.map(({ name }) => name)], [0, ["printer-outside-policy"]], found.text);
    });
    await t.step("not at all where the policy excludes it", async () => {
      const before = simulator.packetsReceived;
      const found = await ask("policy: { exclude: [127.0.0.1] }\n");
      assert.deepEqual([found.code, failures(found)], [77, ["snmp printer-excluded"]], found.text);
      assert.equal(simulator.packetsReceived, before);
    });
  });
});

Deno.test("opendca doctor is answered by a real platform, which keeps nothing of it but its log", async () => {
  await using real = await startRealPlatform();
  await using here = await machine();
  const customer = await real.customer("Acme");
  const port = Number(real.target.split(":")[1]);
  await here.platformAt(port);
  await Deno.writeTextFile(`${here.folder}/ca.pem`, real.serverAuthority);
  const platform = { port, authority: { pem: real.serverAuthority } };
  await tryCode(await real.code(customer), await here.store(), platform);
  const rows = async () => {
    const counts: unknown[] = [];
    for (const table of ["batches", "records", "samples", "device_state", "devices", "epochs", "agent_runs"]) {
      counts.push(table, await customer.tenant.get(`SELECT count(*) FROM ${table} WHERE customer_id = :customer`));
    }
    return [...counts, await auditRows(real.queries, { limit: 100 })];
  };
  const before = await rows();
  const found = await here.doctor();
  assert.deepEqual([found.code, found.faults], [0, []], found.text);
  assert.match(found.text, /activated for Acme, Head office, certificate accepted by the platform/);
  assert.deepEqual(await rows(), before);
  const [agent] = await agentRows(customer.tenant);
  assert.deepEqual([agent!.last_seen_at, agent!.suspected_clone_at], [null, null]);
  await markRevoked(customer.tenant, { agentId: agent!.agent_id, reason: "lost", at: new Date() });
  assert.deepEqual(failures(await here.doctor()), ["credentials revoked"]);
});
