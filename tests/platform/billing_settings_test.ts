/** How a customer is billed, on its page: what is typed is tried, saved, and refused in place. */
import assert from "node:assert/strict";
import { listAudit } from "../../platform/audit/read_audit.ts";
import { nextMailing } from "../../platform/billing/preview_settings.ts";
import { billingSettings, changeBillingSettings } from "../../platform/billing/settings.ts";
import { addSamples } from "../../platform/devices/samples.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const formOf = (further: Record<string, string | string[]> = {}): Record<string, string | string[]> => ({
  do: "save",
  zone: "Europe/Berlin",
  meters: "total, print.color",
  estimate: "1",
  language: "de",
  column: ["serial", "meter", "billed"],
  fields: "semicolon",
  decimals: "comma",
  mail: "1",
  day: "7",
  recipients: "a@example.com\r\nb@example.com\r\n",
  form: ["erp", "pdf"],
  ...further,
});

async function opened() {
  const scene = await portalScene();
  const eva = await scene.signedIn("eva@partner.example");
  const path = `/customers/${scene.acme}/billing-settings`;
  const by = { ...operator, tenant: scene.acme };
  const settings = () => billingSettings(scene.platform.platform, by);
  return { scene, eva, path, by, settings };
}

/* The fields of a form may come several times. */
function post(visitor: Visitor, path: string, form: Record<string, string | string[]>) {
  const pairs = Object.entries(form).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
  return visitor.post(path, pairs as unknown as Record<string, string>);
}

eachDatabase("settings are saved by their page, shown again, and their change is in the audit log", async () => {
  const { scene, eva, path, by, settings } = await opened();
  await using _ = scene;
  assert.match((await eva.get(path)).body, /name="zone"[^>]*value="UTC"/);
  assert.equal((await post(eva, path, formOf())).location, `${path}?saved=1`);
  assert.deepEqual(await settings(), {
    zone: "Europe/Berlin",
    meters: ["total", "print.color"],
    estimate: true,
    language: "de",
    columns: ["serial", "meter", "billed"],
    fieldSeparator: "semicolon",
    decimalSeparator: "comma",
    schedule: { day: 7, recipients: ["a@example.com", "b@example.com"], forms: ["erp", "pdf"] },
  });
  const page = (await eva.get(`${path}?saved=1`)).body;
  for (
    const part of [
      /The settings are saved/,
      /value="Europe\/Berlin"/,
      /value="total print\.color"/,
      />a@example\.com\nb@example\.com</,
      /name="day"[^>]*value="7"/,
      /value="semicolon" selected/,
    ]
  ) assert.match(page, part);
  // An order of columns that a command has set is kept, and what is not changed is not in the audit log.
  const { platform } = scene.platform;
  await changeBillingSettings(platform, by, { columns: ["billed", "serial", "meter"] });
  await post(eva, path, formOf({ column: ["serial", "meter", "billed", "notes"], mail: "", meters: "" }));
  const { columns, schedule, meters } = await settings();
  assert.deepEqual([columns, schedule, meters], [["billed", "serial", "meter", "notes"], undefined, undefined]);
  const entries = (await listAudit(platform, operator, {})).filter(({ action }) => action === "billingChanged");
  assert.deepEqual(Object.keys(JSON.parse(entries.at(-1)!.detail)).sort(), ["columns", "meters", "schedule"]);
  const count = entries.length;
  await post(eva, path, formOf({ column: ["serial", "meter", "billed", "notes"], mail: "", meters: "" }));
  assert.equal(
    (await listAudit(platform, operator, {})).filter(({ action }) => action === "billingChanged").length,
    count,
  );
});

eachDatabase("a preview has the begin of the files and the next mail, and stores nothing", async () => {
  const { scene, eva, path, settings } = await opened();
  await using _ = scene;
  const [device] = await scene.devices(scene.acme, scene.berlin, [readingOf({ serial: '=1+1"<b>' })]);
  await addReadings(scene, device!);
  const before = await settings();
  const { status, body } = await post(eva, path, formOf({ do: "preview" }));
  assert.equal(status, 200);
  assert.match(body, /<pre[^>]*>Seriennummer;Zähler;Berechnet\n?/);
  assert.match(body, /1;1;cus-\w+;sit-\w+;dev-\w+;/);
  assert.doesNotMatch(body, /<b>/);
  assert.match(body, /The statement of \d{4}-\d\d is mailed on \d{4}-\d\d-07/);
  assert.match(body, /name="zone"[^>]*value="Europe\/Berlin"/);
  assert.deepEqual(await settings(), before);
});

async function addReadings({ platform: { platform, queries }, acme }: PortalScene, deviceId: string): Promise<void> {
  const month = Temporal.Instant.fromEpochMilliseconds(platform.clock.now().getTime()).toZonedDateTimeISO("UTC")
    .with({ day: 1 }).subtract({ months: 1 });
  for (const [days, value] of [[-2, 100], [20, 140]] as const) {
    await addSamples(queries.tenant(acme), [{
      deviceId,
      at: month.add({ days }).epochMilliseconds,
      isLate: true,
      samples: [{ kind: "meter", name: "total", value, unit: "impressions", level: "" }],
    }]);
  }
}

Deno.test("what cannot be used is said on the page, which keeps what was typed; nothing is stored", async () => {
  const { scene, eva, path, settings } = await opened();
  await using _ = scene;
  const before = await settings();
  for (
    const [wrong, sentence] of [
      [{ zone: "+02:00" }, /Cannot use &quot;\+02:00&quot; as a time zone/],
      [{ zone: "Mars/Olympus" }, /as a time zone/],
      [{ day: "29" }, /Cannot mail on day/],
      [{ day: "" }, /Cannot mail on day/],
      [{ day: "1.5" }, /Cannot mail on day/],
      [{ recipients: "" }, /to nobody/],
      [{ recipients: "eva\nb@example.com" }, /Cannot use &quot;eva&quot; as an e-mail address/],
      [{ recipients: "a@example.com\r\nBcc: b@example.com" }, /Cannot use &quot;Bcc:&quot; as an e-mail address/],
      [{ recipients: Array.from({ length: 21 }, (_, i) => `a${i}@example.com`).join("\n") }, /more than 20/],
      [{ form: [] }, /without a file/],
      [{ form: ["exe"] }, /as a form of a file/],
      [{ column: [] }, /Cannot use these columns/],
      [{ column: ["password"] }, /as a column/],
      [{ language: "fr" }, /as a language/],
      [{ fields: "comma" }, /Cannot use a comma for both/],
      [{ meters: "<script>" }, /Cannot use these meters/],
    ] as [Record<string, string | string[]>, RegExp][]
  ) {
    for (const action of ["save", "preview"]) {
      const { status, body } = await post(eva, path, formOf({ ...wrong, do: action }));
      assert.equal(status, 422, JSON.stringify(wrong));
      assert.match(body, sentence);
      if (wrong.meters === undefined) assert.match(body, /value="total, print\.color"/);
      assert.doesNotMatch(body, /<script>/);
      assert.deepEqual(await settings(), before);
    }
  }
});

Deno.test("who may see some sites only, or may not bill, does not get to the settings", async () => {
  const { scene, path } = await opened();
  await using _ = scene;
  const berlin = await scene.signedIn("tom@partner.example", {
    grants: [{ role: "administrator", customerId: scene.acme, siteId: scene.berlin }],
  });
  assert.equal((await berlin.get(path)).status, 422);
  assert.equal((await post(berlin, path, formOf())).status, 422);
  const viewer = await scene.signedIn("vera@partner.example", { grants: [{ role: "viewer" }] });
  assert.equal((await viewer.get(path)).status, 404);
  assert.equal((await post(viewer, path, formOf())).status, 404);
});

Deno.test("the next mail is of the last month until that is mailed, by the days of the customer's zone", () => {
  const schedule = { day: 6, recipients: ["a@example.com"], forms: ["pdf"] } as const;
  const next = (now: string, mailed: string, zone = "Europe/Berlin") =>
    nextMailing({ schedule, zone }, { mailed, now: new Date(now) });
  assert.equal(nextMailing({ zone: "UTC" }, { mailed: "", now: new Date() }), undefined);
  assert.deepEqual(next("2026-03-02T08:00:00Z", ""), { month: "2026-02", day: "2026-03-06" });
  assert.deepEqual(next("2026-03-20T08:00:00Z", ""), { month: "2026-02", day: "2026-03-06" });
  assert.deepEqual(next("2026-03-20T08:00:00Z", "2026-02"), { month: "2026-03", day: "2026-04-06" });
  assert.deepEqual(next("2026-12-20T08:00:00Z", "2026-11"), { month: "2026-12", day: "2027-01-06" });
  // In Berlin it is April an hour before UTC.
  assert.deepEqual(next("2026-03-31T22:30:00Z", "2026-02"), { month: "2026-03", day: "2026-04-06" });
  assert.deepEqual(next("2026-03-31T22:30:00Z", "2026-02", "America/New_York"), {
    month: "2026-03",
    day: "2026-04-06",
  });
  assert.deepEqual(next("2026-03-31T22:30:00Z", "2026-01", "UTC"), { month: "2026-02", day: "2026-03-06" });
});
