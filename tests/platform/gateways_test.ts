/** Several processes with a gateway, of which one shows pages. */
import assert from "node:assert/strict";
import { type Gateway, sayHere } from "../../platform/access/gateways.ts";
import { createLink, showsPages } from "../../platform/access/web_sessions.ts";
import { startSessionBench } from "../fixtures/ssh_sessions.ts";

Deno.test("a link leads to a gateway that shows pages, whichever registered last", async () => {
  await using bench = await startSessionBench({ web: "access.example.com" });
  const { by, bench: { platform: { platform, clock } } } = bench;
  const { sessionId } = await bench.open();
  const other: Gateway = {
    gatewayId: crypto.randomUUID(),
    hosts: [{ host: "other.example.com", port: 22 }],
    hostKey: new Uint8Array(1),
  };
  await platform.store.transaction((tx) => sayHere(tx, { gateway: other, at: new Date(clock.now().getTime() + 1000) }));
  assert.equal(await showsPages(platform, by), true);
  const { link } = await createLink(platform, by, { sessionId });
  assert.match(link, /^https:\/\/\w+\.access\.example\.com\/\.opendca\/start\?token=/);
});
