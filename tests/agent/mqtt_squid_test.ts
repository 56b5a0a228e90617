/** Debian's squid between an agent's MQTT link and the platform's broker. */
import assert from "node:assert/strict";
import { Secret } from "../../common/core/secret.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import { agentOptions, endpointOf, startLink } from "../fixtures/mqtt_scene.ts";
import { peerTest } from "../fixtures/peers.ts";
import { activatedAgent, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { inspectionPrograms, type Squid, squidPrograms, startSquid } from "../fixtures/squid_peer.ts";
import { until } from "../fixtures/until.ts";

const anyPort = { host: "127.0.0.1", port: 0 };
const users = { agent: "p@ss:w%rd" };

function proxyOf({ port }: Squid, password: string | null): Proxy {
  const user = password === null ? null : "agent";
  return { host: "127.0.0.1", port, user, password: password === null ? null : new Secret(password), noProxy: [] };
}

/** A link over WSS through a proxy. */
async function throughProxy(proxy: Proxy, body: (scene: ReturnType<typeof startLink>, port: number) => Promise<void>) {
  await using platform = await startTestPlatform({ mqtt: { wss: anyPort } });
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const port = platform.mqttPorts!.wss!;
  const scene = startLink({ ...agentOptions(platform, agent), proxy, endpoints: [endpointOf("wss", port)] });
  await using _ = scene;
  await body(scene, port);
}

peerTest("a link goes through squid with a password, by CONNECT alone", squidPrograms, async () => {
  await using squid = await startSquid({ users });
  await throughProxy(proxyOf(squid, users.agent), async (scene, port) => {
    await scene.until("mqttConnected", 1);
    await scene.link[Symbol.asyncDispose]();
    await until("squid has written it", () => squid.requests().length > 0);
    assert.deepEqual([...new Set(squid.requests())], [`CONNECT localhost:${port} 200 agent`]);
  });
});

for (const [name, password] of [["none", null], ["a wrong one", "wrong"]] as const) {
  peerTest(
    `squid asks for a password and gets ${name}: named, and not tried again for half an hour`,
    squidPrograms,
    async () => {
      await using squid = await startSquid({ users });
      await throughProxy(proxyOf(squid, password), async (scene) => {
        await scene.until("mqttFailed", 1);
        const { error, waitMs } = scene.failed()[0]!;
        assert.match(error.message, /asks for user and password \(407\)/);
        assert.equal(waitMs, 30 * 60_000);
        await scene.clock.advance(waitMs - 1);
        assert.equal(scene.failed().length, 1);
      });
    },
  );
}

peerTest("squid that forbids CONNECT is named", squidPrograms, async () => {
  await using squid = await startSquid({ rules: ["http_access deny all"] });
  await throughProxy(proxyOf(squid, null), async (scene) => {
    await scene.until("mqttFailed", 1);
    assert.match(scene.failed()[0]!.error.message, /the proxy .* answers 403/);
  });
});

peerTest("squid that inspects TLS is named, and sees nothing of MQTT", inspectionPrograms, async () => {
  await using squid = await startSquid({ inspector: "Corporate Inspection CA" });
  await throughProxy(proxyOf(squid, null), async (scene) => {
    await scene.until("mqttFailed", 1);
    const { error } = scene.failed()[0]!;
    assert.match(error.message, /Corporate Inspection CA/);
    assert.equal("fault" in error && (error.fault as { name: string }).name, "tls-inspected");
    assert.doesNotMatch(squid.written(), /opendca\/v1/);
  });
});
