/** What a person reads on pages: in the own language, in the own form of days and numbers, with the right plural. */
import assert from "node:assert/strict";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "./portal_scene.ts";

Deno.test("pages say units, evidence, events and plurals in the language of the reader", async () => {
  await using scene = await portalScene();
  const { acme, berlin, platform: { queries } } = scene;
  const [device] = await scene.devices(acme, berlin, [
    readingOf({ address: "10.1.0.1", serial: "SERIAL0001", total: 1234 }),
  ]);
  const user = await scene.signedIn("eva@partner.example"), root = `/customers/${acme}`;
  const in_ = async (language: string, path: string) => {
    await queries.run("UPDATE users SET language = :language", { language });
    return (await user.get(path)).body;
  };
  assert.match(await in_("de", "/"), /<strong>1<\/strong> Gerät</);
  assert.match(await in_("it", "/"), /<strong>1<\/strong> Dispositivo</);
  assert.match(await in_("en", "/"), /<strong>0<\/strong> Silent devices</);
  const shown = await in_("de", `${root}/devices/${device}`);
  assert.match(shown, /<td class="number">1\.234<\/td><td >Seiten<\/td>/);
  assert.match(shown, /<td >Seriennummer<\/td><td >SERIAL0001<\/td>/);
  const { agent_id } = (await queries.get<{ agent_id: string }>("SELECT agent_id FROM agents", {}))!;
  assert.match(await in_("de", `${root}/agents/${agent_id}`), /Agent aktiviert <code class="quiet">agentActivated</);
});

Deno.test("a correction is shown with its device, from its first to its last day as they were typed", async () => {
  await using scene = await portalScene();
  const { acme, berlin } = scene, root = `/customers/${acme}/corrections`;
  const [device] = await scene.devices(acme, berlin, [readingOf({ address: "10.1.0.1", serial: "SER1" })]);
  const user = await scene.signedIn("eva@partner.example");
  const typed = { device: "SER1", meter: "total", from: "2026-01-05", to: "2026-01-07", pages: "12", reason: "test" };
  assert.equal((await user.post(root, typed)).status, 303);
  const { body } = await user.get(root);
  assert.match(body, /<td >Jan 5, 2026<\/td><td >Jan 7, 2026<\/td>/);
  assert.match(body, new RegExp(`<a href="/customers/${acme}/devices/${device}">Example LX-100 SER1</a>`));
});
