/** What people do with agents and tasks in the portal. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { checkUnlockToken, parseUnlockToken } from "../../common/protocol/unlock_token.ts";
import { RefusalReason, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { noteTaskResult } from "../../platform/tasks/tasks.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene } from "./portal_scene.ts";

const eva = "eva@partner.example";

interface AgentRow {
  agent_id: string;
  installation_id: string;
}

async function agentOf({ platform: { queries } }: PortalScene, customerId: string): Promise<AgentRow> {
  return (await queries.tenant(customerId).get<AgentRow>("SELECT * FROM agents WHERE customer_id = :customer"))!;
}

slowInPostgres(
  "an unlock token is for one lock of an agent of the customer, is asked for by somebody, and is audited",
  async () => {
    await using scene = await portalScene();
    await scene.devices(scene.acme, scene.berlin, [readingOf()]);
    const site = await scene.platform.queries.tenant(scene.foreign).run(
      "INSERT INTO sites (customer_id, site_id, name, created_at) VALUES (:customer, 'sit-elsewhere', 'Rome', 0)",
    );
    assert.equal(site, 1);
    await scene.devices(scene.foreign, "sit-elsewhere", [readingOf()]);
    const { installation_id: installation } = await agentOf(scene, scene.acme);
    const { installation_id: foreign } = await agentOf(scene, scene.foreign);
    const user = await scene.signedIn(eva), path = `/customers/${scene.acme}/unlock`;
    assert((await user.get(`${path}?installation=${installation}`)).body.includes(installation));
    const wish = { installation, lock: "2", sure: "1" };
    for (
      const [wrong, says] of [
        [{ sure: "" }, /asked for it/],
        [{ lock: "0" }, /number of a lock/],
        [{ lock: "1e3" }, /number of a lock/],
        [{ installation: "x" }, /not a UUID/],
        [{ installation: foreign }, /not an agent of this customer/],
      ] as const
    ) {
      const { status, body } = await user.post(path, { ...wish, ...wrong });
      assert.equal(status, 422);
      assert.match(body, says);
    }
    const { body } = await user.post(path, wish);
    const [, token] = /opendca unlock (opendca-unlock-1\.[\w.-]+)/.exec(body)!;
    const { signingKey } = scene.platform.platform;
    checkUnlockToken(parseUnlockToken(token!), {
      unlockKeys: [signingKey.publicKey.toBase64()],
      installationId: installation,
      lockCount: 2,
      now: scene.platform.clock.now(),
    });
    assert(!(await user.get(path)).body.includes("opendca-unlock-1"), "it is shown once");
    const audited = await scene.platform.queries.all<{ actor: string; customer_id: string }>(
      "SELECT actor, customer_id FROM audit_log WHERE action = 'unlockTokenCreated'",
    );
    assert.deepEqual(audited.map(({ actor, customer_id }) => [actor, customer_id]), [[`user:${eva}`, scene.acme]]);
    scene.platform.clock.advance(11 * 60_000);
    assert.match((await user.post(path, wish)).location, /^\/confirm/);
  },
);

Deno.test("agent.yaml of the portal names this platform, and nothing can be smuggled into it", async () => {
  await using scene = await portalScene();
  const user = await scene.signedIn(eva), path = `/customers/${scene.acme}/agent-file`;
  const { body, headers } = await user.post(path, { targets: "10.1.0.0/24, plotter.example.com" });
  assert.equal(headers["content-disposition"], 'attachment; filename="agent.yaml"');
  assert.match(body, /endpoints: \["localhost:8443"\]/);
  assert.match(body, /ranges: \["10\.1\.0\.0\/24"\]\n {4}hosts: \["plotter\.example\.com"\]/);
  assert.match((await user.post(path, { targets: "10.1.0.7", endpoint: "dca.example.com:443" })).body, /dca\.example/);
  for (const wrong of [{ targets: "" }, { targets: '10.1.0.7"]' }, { targets: "10.1.0.7", endpoint: "a b\npolicy:" }]) {
    assert.equal((await user.post(path, wrong)).status, 422, JSON.stringify(wrong));
  }
});

const results: { name: string; result: Partial<TaskResult>; says: RegExp }[] = [
  {
    name: "a scan that runs",
    result: { state: TaskState.RUNNING, progress: { done: 40, total: 254, step: "", approvedBy: "" } },
    says: /<progress value="40" max="254"[\s\S]*40 of 254/,
  },
  {
    name: "a scan that is done",
    result: {
      state: TaskState.SUCCEEDED,
      output: { $case: "scan", value: { addresses: 254, answered: 9, printers: 7, durationMs: 2210 } },
    },
    says: /Printers found<\/dt><dd>7[\s\S]*254[\s\S]*2\.2/,
  },
  {
    name: "a ping",
    result: {
      state: TaskState.SUCCEEDED,
      output: {
        $case: "ping",
        value: { address: "10.1.0.7", sent: 4, received: 2, roundTripMs: [1.5, 1.5], said: "<b>" },
      },
    },
    says:
      /4 sent, 2 answered, 2 lost[\s\S]*&lt;b>|4 sent, 2 answered, 2 lost[\s\S]*&lt;b&gt;[\s\S]*>1<[\s\S]*1\.5 ms[\s\S]*>2<[\s\S]*1\.5 ms/,
  },
  {
    name: "a refusal by the policy",
    result: { state: TaskState.REFUSED, refusal: RefusalReason.POLICY, message: "Cannot <i>scan\u001b[2J" },
    says: /does not permit this[\s\S]*Cannot &lt;i/,
  },
  {
    name: "a configuration of which something was refused",
    result: {
      state: TaskState.SUCCEEDED,
      output: {
        $case: "setConfig",
        value: { effectiveConfigHash: "a", refusals: ["Cannot use poll.interval as <x>"] },
      },
    },
    says: /own policy refused[\s\S]*poll\.interval as &lt;x/,
  },
  {
    name: "diagnostics",
    result: { state: TaskState.SUCCEEDED, output: { $case: "diagnostics", value: { bundle: Buffer.alloc(3) } } },
    says: /\/archive"/,
  },
];

Deno.test("the page of a task says what was asked, how far it is, and what came of it", async (t) => {
  await using scene = await portalScene();
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const user = await scene.signedIn(eva), root = `/customers/${scene.acme}`;
  const { agent_id: agentId } = await agentOf(scene, scene.acme);
  for (const { name, result, says } of results) {
    await t.step(name, async () => {
      const { location } = await user.post(`${root}/agents/${agentId}/scan`, { targets: "10.1.0.7 10.1.0.9" });
      assert.match((await user.get(location)).body, /10\.1\.0\.7, 10\.1\.0\.9/);
      const taskId = location.split("/").at(-1)!, tenant = scene.platform.queries.tenant(scene.acme);
      const told = TaskResult.fromPartial({ taskId, ...result } as Parameters<typeof TaskResult.fromPartial>[0]);
      assert.equal(await noteTaskResult(tenant, { agentId, result: told, at: new Date() }), "taken");
      const { body } = await user.get(location);
      assert.match(body, says);
      for (const raw of ["\u001b", "<i>", "<b>", "<x>"]) assert(!body.includes(raw), raw);
      assert.equal((await user.get(`${root}/tasks`)).status, 200);
    });
  }
  for (const targets of ["a<b", "x".repeat(254), Array.from({ length: 101 }, (_, i) => `10.1.0.${i}`).join()]) {
    assert.equal((await user.post(`${root}/agents/${agentId}/scan`, { targets })).status, 422);
  }
  assert.equal((await user.get(`${root}/tasks/tsk-nowhere`)).status, 404);
});
