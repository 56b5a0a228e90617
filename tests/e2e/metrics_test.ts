/** A Prometheus reads the platform's numbers. */
import assert from "node:assert/strict";
import { withFleet } from "../fixtures/metrics_scene.ts";
import { peerTest } from "../fixtures/peers.ts";
import { startPeer } from "../fixtures/started_peer.ts";
import { until } from "../fixtures/until.ts";

peerTest("a Prometheus reads them, and answers questions about the fleet", ["prometheus"], async () => {
  await using test = await withFleet();
  await using peer = await startPeer("prometheus", "Server is ready to receive web requests", async (folder, port) => {
    await Deno.writeTextFile(
      `${folder}/prometheus.yml`,
      `global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs: [{job_name: opendca, static_configs: [{targets: ["127.0.0.1:${test.metricsPort}"]}]}]
`,
    );
    return [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
  });
  const ask = async (query: string) => {
    const url = `http://127.0.0.1:${peer.port}/api/v1/query?query=${encodeURIComponent(query)}`;
    const { data } = await (await fetch(url)).json();
    return data.result[0]?.value[1];
  };
  await until("Prometheus has read the metrics", async () => await ask("opendca_devices") === "1");
  assert.equal(await ask("up"), "1");
  assert.equal(await ask('opendca_alerts_open{severity="critical"}'), "1");
});
