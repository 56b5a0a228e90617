/** Connections that the way has forgotten or cut, by a real firewall with connection tracking and by resets. */
import assert from "node:assert/strict";
import net from "node:net";
import { PollRequest, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { systemClock } from "../../common/core/clock.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { defaultKeepAliveMs } from "../../src/link/grpc_client.ts";
import { TransportError } from "../../src/link/transport_error.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";
import type { ForgottenFlowFindings, ForgottenFlowScene } from "./forgotten_flow.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";
import { succeeds, systemTest } from "../fixtures/peers.ts";

const explorer = new URL("forgotten_flow.ts", import.meta.url).pathname;

/** A firewall that forgets a flow after two silent seconds, and drops what comes then without a word. */
const setUp = `
ip link set lo up
nft -f - <<END
table inet filter {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport 9443 ct state established accept
    tcp dport 9443 tcp flags & (syn|ack) == syn accept
    tcp dport 9443 drop
  }
}
END
echo 2 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose
exec "$1" run --no-prompt --no-check --allow-all "$2" "$3"
`;

const namespaces = ["-U", "-r", "-n"];
const tracking =
  "echo 'add table inet t; add chain inet t c; add rule inet t c ct state established accept' | nft -f -";
const allowed = await succeeds([
  "unshare",
  ...namespaces,
  "sh",
  "-c",
  `${tracking} && echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose`,
]);

async function explore(scene: ForgottenFlowScene): Promise<ForgottenFlowFindings> {
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: [...namespaces, "sh", "-c", setUp, "sh", Deno.execPath(), explorer, JSON.stringify(scene)],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, text(stderr));
  return JSON.parse(text(stdout));
}

function firewallTest(name: string, scene: ForgottenFlowScene, connections: number): void {
  const needs = "network namespaces with connection tracking";
  systemTest(name, { needs, allowed, programs: ["ip", "nft"] }, async () => {
    assert.deepEqual(await explore(scene), { calls: ["called", "called"], connections });
  });
}

firewallTest(
  "a call on a connection that a firewall has forgotten is repeated on a new one",
  { keepAliveMs: 3_000, silentMs: 4_000 },
  2,
);

firewallTest("pings between calls keep a firewall from forgetting the connection", {
  keepAliveMs: 500,
  silentMs: 4_000,
}, 1);

Deno.test("defaultKeepAliveMs is less than the minute after which flows are forgotten", () => {
  assert.ok(defaultKeepAliveMs < 60_000);
});

const authority = await createTestAuthority();

for (
  const { name, cut } of [
    { name: "reset", cut: (socket: net.Socket) => void socket.resetAndDestroy() },
    { name: "closed", cut: (socket: net.Socket) => void socket.destroy() },
  ]
) {
  Deno.test(`createGrpcAgentApi() repeats a call on a connection that was ${name} a moment before`, async () => {
    await using platform = await startTestPlatform({ poll: () => PollResponse.fromPartial({}) }, { authority });
    await using proxy = await startTcpProxy(platform.port);
    const clients: net.Socket[] = [];
    const { handle } = proxy;
    proxy.handle = (connection) => {
      clients.push(connection.client);
      handle(connection);
    };
    using api = apiOf(proxy.port);
    await api.poll(PollRequest.fromPartial({}));
    cut(clients[0]!);
    await api.poll(PollRequest.fromPartial({}));
    assert.deepEqual([platform.calls.poll.length, proxy.count], [2, 2]);
  });
}

Deno.test("createGrpcAgentApi() repeats a call once where every connection is cut under it, and says that it was cut", async () => {
  await using platform = await startTestPlatform({ poll: () => PollResponse.fromPartial({}) }, { authority });
  using api = apiOf(platform.port);
  await api.poll(PollRequest.fromPartial({}));
  platform.handlers.poll = () => "cut";
  await assert.rejects(api.poll(PollRequest.fromPartial({})), (error) => {
    assert.ok(error instanceof TransportError);
    assert.deepEqual([error.fault.name, error.delivery], ["connection-cut", "unknown"]);
    return true;
  });
  assert.equal(platform.calls.poll.length, 3);
});

function apiOf(port: number) {
  return createGrpcAgentApi({
    endpoints: [{ host: "localhost", port }],
    trust: { ca: { pem: authority.pem }, pins: [] },
    proxy: null,
    clock: systemClock,
    callTimeoutMs: 20_000,
  });
}
