/** The agent and the platform as programs with Debian's squid between them, which is killed and comes back. */
import assert from "node:assert/strict";
import { spooledIds, startScene, totalAt } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { peerTest } from "../fixtures/peers.ts";
import { squidPrograms, startSquid } from "../fixtures/squid_peer.ts";
import { until } from "../fixtures/until.ts";

/** Known to squid alone: what reaches the platform has come through it. */
const host = "platform.customer.test";
const users = { agent: "p@ss:w%rd" };

peerTest(
  "opendca run reaches the platform through squid alone, and loses nothing when squid is killed",
  squidPrograms,
  async () => {
    await using scene = await startScene({ network: 237, printers: 3, activated: false, host });
    let squid = await startSquid({ users, names: [host] });
    const asked: string[] = [];
    try {
      const proxy = `proxy: { url: "http://127.0.0.1:${squid.port}", user: agent, password: "${users.agent}" }\n`;
      await Deno.writeTextFile(scene.config, proxy, { append: true });
      await using _platform = await scene.startPlatform();
      const activation = await scene.opendca("activate", await scene.admin("code", "create"));
      assert.equal(activation.code, 0, activation.err);
      await scene.admin("task", "scan", (await scene.status()).agentId!);
      await using agent = await scene.startAgent();
      await agent.line((line) => line.includes('"taskReceived"'));
      asked.push(...squid.requests());
      await squid[Symbol.asyncDispose]();
      await agent.line((line) => line.includes('"recordsSpooled"'));
      await agent.line((line) => line.includes('"uploadFailed"') && line.includes(`the proxy 127.0.0.1:${squid.port}`));
      squid = await startSquid({ users, names: [host], port: squid.port });
      await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
      await agent.kill("SIGTERM");

      const spooled = spooledIds(agent);
      assert.ok(spooled.length >= 3, `only ${spooled.length} records were made, so little was proven`);
      assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), spooled, totalAt);
      await until("squid has written its requests", () => squid.requests().length > 0);
      asked.push(...squid.requests());
      const port = /endpoints: \[\S+:(\d+)\]/.exec(await Deno.readTextFile(scene.config))![1];
      assert.deepEqual(
        [...new Set(asked)],
        [`CONNECT ${host}:${port} 200 agent`],
        "and nothing else, no printer either",
      );
      assert.ok(![...agent.lines, agent.err()].join("\n").includes(users.agent), "the password is in the log");
    } finally {
      await squid[Symbol.asyncDispose]();
    }
  },
);
