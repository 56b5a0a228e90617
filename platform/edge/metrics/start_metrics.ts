/** Where Prometheus asks: HTTP without TLS and without a sign-in, so for the machine's own or a closed network. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { messageOf, UnavailableError } from "../../../common/core/errors.ts";
import project from "../../../deno.json" with { type: "json" };
import type { Platform } from "../../agents/platform.ts";
import { metricsText, processMetrics, storedMetrics } from "../../interfaces/metrics.ts";

/** However often somebody asks, the store is asked no more often. */
const keptMs = 5000;

/** Listens until disposed of. Throws UnavailableError if the port is in use. */
export async function startMetrics(
  platform: Platform,
  { host, port }: { host: string; port: number },
): Promise<AsyncDisposable & { port: number }> {
  const startedAt = new Date();
  let kept: { until: number; text: Promise<string> } | undefined;

  function storedText(): Promise<string> {
    const now = performance.now();
    if (kept === undefined || kept.until < now) {
      kept = { until: now + keptMs, text: storedMetrics(platform).then(metricsText) };
      kept.text.catch(() => kept = undefined);
    }
    return kept.text;
  }

  const server = createServer({ maxHeaderSize: 8192, requestTimeout: 10_000 }, (request, response) => {
    const answer = (status: number, text: string) => {
      response.writeHead(status, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
      response.end(request.method === "HEAD" ? "" : text);
    };
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "only GET\n");
    if (request.url?.split("?")[0] !== "/metrics") return answer(404, "see /metrics\n");
    const { rss: memoryBytes } = process.memoryUsage(), { user, system } = process.cpuUsage();
    const own = processMetrics({
      version: project.version,
      startedAt,
      memoryBytes,
      cpuSeconds: (user + system) / 1_000_000,
    });
    storedText().then((text) => answer(200, metricsText(own) + text), (error) => {
      platform.log("storeBusy", { message: messageOf(error) });
      answer(503, "the database cannot be reached\n");
    });
  });
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new UnavailableError(
          `Cannot listen at ${host}:${port}: ${messageOf(error)}`,
          "choose another address with --metrics-listen",
        ),
      ));
    server.listen(port, host.replace(/^\[(.*)\]$/, "$1"), resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
