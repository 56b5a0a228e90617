/** The commands against the real platform: activate, lock, unlock, and a reading that arrives with what activation gave. */
import assert from "node:assert/strict";
import { AgentStatus, PollRequest } from "../../proto/gen/opendca/v1/agent_service.ts";
import { markRevoked, readAgentIdentity } from "../../src/activation/agent_identity.ts";
import { identityFiles } from "../../src/link/identity_files.ts";
import { renewCertificate } from "../../src/link/renewal.ts";
import { activationStore } from "../../src/activation/store_options.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { systemClock } from "../../common/core/clock.ts";
import { interpretedReading } from "../fixtures/sample_reading.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { encodeBatch, recordOfReading } from "../../src/link/spool_reading.ts";
import { badCode } from "../fixtures/activation_fixture.ts";
import { testHost } from "../fixtures/test_host.ts";
import { startTestPlatform, type TestPlatform } from "../fixtures/platform_fixture.ts";

interface Machine {
  folder: string;
  env: Record<string, string>;
  platform: TestPlatform;
  run(...args: string[]): Promise<{ code: number; out: string; err: string }>;
}

function withMachine(name: string, body: (machine: Machine) => Promise<void>): void {
  Deno.test(name, async () => {
    await using platform = await startTestPlatform();
    const folder = await Deno.makeTempDir();
    const config = `${folder}/agent.yaml`;
    await Deno.writeTextFile(`${folder}/ca.pem`, platform.serverAuthority);
    await Deno.writeTextFile(
      config,
      `platform: { rootDomain: localhost, endpoints: "${platform.target}", ca: ${folder}/ca.pem }\n` +
        `stateDirectory: "${folder}/state" # of this test\n`,
    );
    const env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard`, OPENDCA_CONFIG: config };
    const machine: Machine = {
      folder,
      env,
      platform,
      async run(...args) {
        const host = testHost({ env });
        const code = await runCli(args, host);
        return { code, out: host.out, err: host.err };
      },
    };
    try {
      await body(machine);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

withMachine(
  "opendca activate gives an agent that polls, uploads and renews",
  async ({ folder, env, platform, run }) => {
    const code = await platform.code(await platform.customer("Acme"));
    const { code: exitCode, out, err } = await run("activate", code);
    assert.equal(exitCode, 0, err);
    assert.match(out, /^activated as [0-9a-z-]+ for Acme, Head office; the certificate ends on /);
    assert.doesNotMatch(out + err, new RegExp(code));
    const ledger = await run("ledger");
    assert.match(ledger.out, /^ +1 .* activation {2}Sent an activation code .* sha256 [0-9a-f]{16}\n$/, ledger.err);
    const store = activationStore(`${folder}/state`, (name) => (env as Record<string, string>)[name]);
    const { state, identity } = await readAgentIdentity(store);
    using api = createGrpcAgentApi({
      endpoints: [{ host: "localhost", port: Number(platform.target.split(":")[1]) }],
      trust: { ca: { pem: platform.serverAuthority }, pins: [] },
      proxy: null,
      clock: systemClock,
    });
    api.useCertificate({ ...identity, notAfter: identity.facts.notAfter });
    const runId = crypto.randomUUID(), epoch = crypto.randomUUID();
    const { installationId } = state;
    const status = AgentStatus.fromPartial({
      agentVersion: "0.1.0",
      installationId,
      runId,
      agentEpoch: epoch,
      startedAt: new Date(),
      agentTime: new Date(),
    });
    const answer = await api.poll(PollRequest.fromPartial({ status }));
    assert.equal(answer.nextPollSeconds, 0);
    const records = [recordOfReading(interpretedReading(), { site: "", deviceKey: "d1", scope: "full", mask: [] })];
    const batch = { epoch, sequence: 1, batchId: crypto.randomUUID(), formedAt: new Date(), records };
    for (let times = 0; times < 2; times++) {
      const stored = await api.upload(encodeBatch(batch, { installationId, runId }));
      assert.deepEqual([stored.highestContiguousSequence, stored.rejections], [1n, []]);
    }
    const files = identityFiles(store.disk, store.stateDirectory);
    await renewCertificate({
      files,
      api,
      installationId,
      onRenewed: (renewed) => api.useCertificate({ ...renewed, notAfter: renewed.facts.notAfter }),
    });
    await api.poll(PollRequest.fromPartial({ status }));
  },
);

withMachine(
  "opendca activate on an active agent: only if the platform does not accept its certificate any more",
  async ({ platform, run }) => {
    const customer = await platform.customer("Acme");
    assert.equal((await run("activate", await platform.code(customer))).code, 0);
    const active = await run("activate", await platform.code(customer));
    assert.equal(active.code, 64);
    assert.match(active.err, /^error: Cannot activate as this agent is active already: current id is agt-/m);
    // Revoked while it did not run, so that it does not know.
    await customer.tenant.run("UPDATE agents SET state = 'revoked' WHERE customer_id = :customer");
    assert.equal((await run("activate", await platform.code(customer))).code, 0);
    // As by a platform that was restored from an older backup.
    await customer.tenant.run("DELETE FROM certificates WHERE customer_id = :customer");
    assert.equal((await run("activate", await platform.code(customer))).code, 0);
    assert.equal((await run("activate", await platform.code(customer))).code, 64);
  },
);

withMachine(
  "opendca is locked after five refused codes: exit code 77 for all but help, version and unlock",
  async (machine) => {
    const { run } = machine;
    for (let i = 0; i < 5; i++) assert.equal((await run("activate", badCode)).code, 77);
    for (
      const args of [
        ["scan", "127.0.0.1"],
        ["activate", badCode],
        ["config", "check"],
        [
          "scan",
          "-c",
          "--help",
          "127.0.0.1",
        ],
        ["scan"],
        ["activate", "--bogus"],
        ["ledger", "--since", "bogus"],
        ["config"],
        ["run", "now"],
      ]
    ) {
      const { code, err } = await run(...args);
      assert.equal(code, 77, err);
      assert.match(
        err,
        /locked after 5 failed activation attempts\nhint: .*installation [0-9a-f-]{36}, lock 1; then: opendca unlock/,
      );
    }
    for (const args of [["--help"], ["--version"], ["scan", "--help"], ["help", "unlock"]]) {
      assert.equal((await run(...args)).code, 0, args.join(" "));
    }
    assert.equal((await run("unlock", "rubbish")).code, 64);
    await Deno.remove(`${machine.folder}/state`, { recursive: true });
    assert.equal((await run("scan", "127.0.0.1")).code, 77);
  },
);

withMachine("opendca shows no activation code that stands in the wrong place", async ({ run }) => {
  for (const args of [[badCode], ["activate", `--code=${badCode}`], ["activate", `-k${badCode}`], ["run", badCode]]) {
    const { code, out, err } = await run(...args);
    assert.equal(code, 64, err);
    assert.doesNotMatch(out + err, new RegExp(badCode.slice(0, 4)));
  }
});

withMachine("opendca activate leaves nothing of what the platform had set for an earlier agent", async (machine) => {
  const { folder, platform, run } = machine;
  const customer = await platform.customer("Acme");
  assert.equal((await run("activate", await platform.code(customer))).code, 0);
  const document = { hash: "old", document: { pollIntervalSeconds: 60, sites: [] } };
  await Deno.writeTextFile(`${folder}/state/platform.json`, JSON.stringify(document));
  assert.match((await run("config", "show")).out, /poll\.interval +1m +platform/);
  markRevoked(activationStore(`${folder}/state`, (name) => machine.env[name]));
  assert.equal((await run("activate", await platform.code(customer))).code, 0);
  assert.match((await run("config", "show")).out, /poll\.interval +5m +default/);
});

withMachine(
  "opendca activate refuses a typing error with 64 and an absent platform with 69, without an attempt",
  async (machine) => {
    assert.equal((await machine.run("activate", "0EY9-M29P-1G7V")).code, 64);
    const config = machine.env.OPENDCA_CONFIG!;
    await Deno.writeTextFile(config, (await Deno.readTextFile(config)).replace(/localhost:\d+/, "localhost:1"));
    for (let i = 0; i < 6; i++) {
      const { code, err } = await machine.run("activate", badCode);
      assert.equal(code, 69, err);
      assert.match(err, /localhost:1: .*ECONNREFUSED/);
    }
  },
);
