/**
 * Many people at the portal, each page after page: every request is answered, and memory stays where it is.
 * `OPENDCA_SOAK_SECONDS` is how long (default: a few seconds); then what was measured is printed.
 */
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "../platform/portal_scene.ts";

const people = 25, told = Deno.env.get("OPENDCA_SOAK_SECONDS"), seconds = Number(told ?? 5);
/** Of what is in use after the collector has run: a page that was kept would be 30 kB for each request. */
const mostGrowth = 16 * 1024 * 1024;

Deno.test("every page of many people at once is answered, and memory stays flat", async () => {
  await using scene = await portalScene();
  const readings = Array.from(
    { length: 150 },
    (_, n) => readingOf({ address: `10.1.0.${n}`, serial: `SER${1000 + n}` }),
  );
  const [device] = await scene.devices(scene.acme, scene.berlin, readings);
  const user = await scene.signedIn("eva@partner.example"), root = `/customers/${scene.acme}`;
  const paths = [
    "/",
    `${root}/devices`,
    `${root}/devices?q=ser10&sort=-pages`,
    `${root}/devices?format=csv`,
    `${root}/devices/${device}`,
    `${root}/agents`,
    `${root}/alerts`,
    "/devices?q=SER11",
    "/nowhere",
  ];
  let answered = 0;
  const visit = async (path: string) => {
    const { status, body } = await user.get(path);
    assert.equal(status, path === "/nowhere" ? 404 : 200, path);
    assert.ok(body.length > 0, path);
    answered++;
  };
  const used = usedMemory();
  // Some times each, so that what is made at first requests is there.
  for (const path of [...paths, ...paths]) await visit(path);
  const before = used(), untilMs = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: people }, async (_, place) => {
    // Each at least once, however busy the machine is.
    let page = place;
    do await visit(paths[page++ % paths.length]!); while (performance.now() < untilMs);
  }));
  const after = used();
  if (told !== undefined) console.log(JSON.stringify({ answered, before, after }));
  assert.ok(answered >= people + 2 * paths.length);
  assert.ok(after < before + mostGrowth, `${before} bytes before, ${after} after ${answered} pages`);
});

/** Bytes in use, after the collector has run. */
function usedMemory(): () => number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  return () => {
    collect();
    return Deno.memoryUsage().heapUsed;
  };
}
