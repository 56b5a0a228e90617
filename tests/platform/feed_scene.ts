/** A platform with printers, and receivers of its feeds. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { addAgent } from "../../platform/agents/agents.ts";
import { upload as uploadBatch } from "../../platform/devices/upload.ts";
import { type ListedFeed, listFeeds } from "../../platform/feeds/feeds.ts";
import type { FeedOptions } from "../../platform/feeds/push_feeds.ts";
import { type Reading, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { LevelKind } from "../../proto/gen/opendca/v1/reading.ts";
import { startTestPlatform, type TestCustomer } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, type ReadingParts, recordOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";

export const operator = { actor: { kind: "operator", name: "test" } } as const;
export const local: FeedOptions = { allowed: ["127.0.0.1", "localhost"] };

export function readingWith(parts: ReadingParts, percent = 62): Reading {
  const supply = (index: string, colorant: string, level: object) =>
    Supply.fromPartial({ index, kind: "toner", colorant, level });
  return {
    ...readingOf({ mac: `00:11:22:33:44:${parts.serial?.slice(-2) ?? "55"}`, ...parts }),
    supplies: [
      supply("1.1", "black", { kind: LevelKind.EXACT, percent }),
      supply("1.2", "cyan", { kind: LevelKind.UNKNOWN }),
      supply("1.3", "magenta", { kind: LevelKind.UNSPECIFIED }),
    ],
  };
}

export async function feedScene(options: FeedOptions = local) {
  const test = await startTestPlatform({ webhooks: options });
  const agents = new Map<string, { agentId: string; installationId: string; runId: string; uploads: number }>();

  async function newAgent({ tenant, siteId }: TestCustomer) {
    const installationId = crypto.randomUUID(), at = test.clock.now();
    const agentId = await addAgent(tenant, { siteId, installationId, hostname: "server-1", version: "0.1.0", at });
    return { agentId, installationId, runId: crypto.randomUUID(), uploads: 0 };
  }

  /** Without a network. */
  async function upload(customer: TestCustomer, readings: Reading[]): Promise<void> {
    const { customerId } = customer.tenant, agent = agents.get(customerId) ?? await newAgent(customer);
    agents.set(customerId, agent);
    const batch = batchOf(agent, { sequence: ++agent.uploads, records: readings.map((reading) => recordOf(reading)) });
    await uploadBatch(test.platform, { customerId, agentId: agent.agentId }, batch);
  }

  const feed = async (feedId: string): Promise<ListedFeed | undefined> =>
    (await listFeeds(test.platform, operator)).find((each) => each.feedId === feedId);

  /** Makes the feed due, and waits for what comes of it. */
  async function round(feedId: string, waitMs?: number): Promise<ListedFeed> {
    const { nextAt } = (await feed(feedId))!, now = test.clock.now().getTime();
    test.clock.advance(Math.max(waitMs ?? 0, nextAt - now, 0) + 1);
    return await settled(feedId, test.clock.now().getTime());
  }

  /** A round that ended at this time or later. */
  async function settled(feedId: string, since: number): Promise<ListedFeed> {
    await test.platform.store.transaction((tx) => Promise.resolve(tx.notify("feed", "")));
    let found: ListedFeed | undefined;
    await until("the feed has a result", async () => {
      found = await feed(feedId);
      return Math.max(found?.succeededAt ?? 0, found?.failedAt ?? 0) >= since;
    });
    return found!;
  }

  return { test, platform: test.platform, upload, feed, round, settled };
}

export interface Glpi extends AsyncDisposable {
  url: string;
  got: { headers: Record<string, string>; body: string }[];
  /** Default: as GLPI takes an inventory. */
  answer: { with(request: IncomingMessage, response: ServerResponse, body: string): void };
}

/** What GLPI's inventory address does. */
export async function glpiServer(): Promise<Glpi> {
  const got: Glpi["got"] = [], answer: Glpi["answer"] = { with: taken };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => body += part);
    request.on("end", () => {
      got.push({ headers: request.headers as Record<string, string>, body });
      answer.with(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/front/inventory.php`,
    got,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function taken(_: IncomingMessage, response: ServerResponse, _body: string): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end('{"status":"ok","expiration":24}');
}

export function answering(status: number, text: string, headers: Record<string, string> = {}): typeof taken {
  return (_, response) => {
    response.writeHead(status, headers);
    response.end(text);
  };
}
