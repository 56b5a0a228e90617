/** Numbers for Prometheus: its own tool reads them, and in tests/e2e its own server. */
import assert from "node:assert/strict";
import { UnavailableError } from "../../common/core/errors.ts";
import { startMetrics } from "../../platform/edge/metrics/start_metrics.ts";
import { storedMetrics } from "../../platform/interfaces/metrics.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { metrics, withFleet } from "../fixtures/metrics_scene.ts";
import { peerTest } from "../fixtures/peers.ts";

const read = (port: number, path = "/metrics", init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, init);

slowInPostgres("/metrics has the fleet's numbers, and no more lines with more customers", async () => {
  await using test = await withFleet();
  const first = await (await read(test.metricsPort!)).text();
  for (
    const line of [
      "opendca_customers 1",
      'opendca_agents{state="active"} 1',
      'opendca_agents{state="revoked"} 0',
      "opendca_devices 1",
      "opendca_devices_silent 0",
      'opendca_alerts_open{severity="critical"} 1',
      'opendca_webhook_deliveries{state="dead"} 0',
    ]
  ) assert(first.split("\n").includes(line), `${line} in\n${first}`);
  assert.match(first, /^opendca_build_info\{version="[^"]+"\} 1$/m);
  assert.match(first, /^opendca_store_bytes [1-9]\d+$/m);
  for (let i = 0; i < 5; i++) await test.customer(`Customer ${i}`);
  await using other = await startMetrics(test.platform, metrics);
  const second = await (await read(other.port)).text();
  assert.match(second, /^opendca_customers 6$/m);
  assert.equal(second.split("\n").length, first.split("\n").length);
});

slowInPostgres(
  "silent devices are those that lists call silent, at the beginning and the end of each hour",
  async () => {
    await using test = await withFleet();
    const { store } = test.platform, hour = 3_600_000, begin = Math.floor(test.clock.now().getTime() / hour) * hour;
    const devices = Array.from(
      { length: 12 },
      (_, i) => ({ i, at: begin - (i >> 2) * hour + [0, 1, hour / 2, hour - 1][i & 3]! }),
    );
    const like = (await test.queries.get<Record<string, never>>("SELECT * FROM devices"))!;
    const columns = Object.keys(like).filter((name) => !/_(?:lower|order)$/.test(name)), names = columns.join(", ");
    for (const { i, at } of devices) {
      await test.queries.run(
        `INSERT INTO devices (${names}) VALUES (${columns.map((name) => `:${name}`).join(", ")})`,
        {
          ...Object.fromEntries(columns.map((name) => [name, like[name]!])),
          device_id: `dev-${i}`,
          last_seen_at: at,
          state: i % 5 === 0 ? "offline" : "online",
        },
      );
    }
    for (const at of devices.flatMap(({ at }) => [at - 1, at, at + 1])) {
      const now = at + 24 * hour;
      const metrics = await storedMetrics({ store, clock: { now: () => new Date(now) } });
      const value = (name: string) => metrics.find((metric) => metric.name === name)!.values[0]!.value;
      const wanted = devices.filter((device) => device.i % 5 === 0 || device.at <= at).length;
      const own = like.last_seen_at as unknown as number <= at ? 1 : 0;
      assert.deepEqual(
        [value("opendca_devices"), value("opendca_devices_silent")],
        [13, wanted + own],
        String(at - begin),
      );
    }
  },
);

Deno.test("the port of metrics has nothing else, and a port in use is named", async () => {
  await using test = await withFleet();
  const port = test.metricsPort!;
  for (
    const [path, method, status] of [["/", "GET", 404], ["/metrics", "POST", 405], [
      "/api/v1/customers",
      "GET",
      404,
    ]] as const
  ) {
    const answer = await read(port, path, { method });
    await answer.body?.cancel();
    assert.equal(answer.status, status, path);
  }
  await assert.rejects(startMetrics(test.platform, { host: "127.0.0.1", port }), UnavailableError);
});

peerTest("promtool finds nothing to say against the metrics", ["promtool"], async () => {
  await using test = await withFleet();
  const text = await (await read(test.metricsPort!)).text();
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.deepEqual([code, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr)], [0, ""]);
});
