/** What was answered for a number as well, from an agent's upload to the page, the JSON and the command. */
import assert from "node:assert/strict";
import { deviceText, shownDevice } from "../../platform/edge/cli/device_details.ts";
import { showDevice } from "../../platform/devices/show_device.ts";
import { LevelKind, OtherSource, Reading, WhyNotTaken } from "../../proto/gen/opendca/v1/reading.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene, type Visitor } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

const life = "1.3.6.1.2.1.43.10.2.1.4.1.1";
const answerOf = (text: string | number) => ({
  value: typeof text === "number" ? { $case: "number" as const, value: text } : { $case: "text" as const, value: text },
});
const agreeing = { oid: "1.3.6.1.4.1.99999.1.0", rule: "acme.pages", value: 1007, why: WhyNotTaken.LOWER_PRIORITY };
const against = { oid: life, rule: "rfc3805.lifeCount", value: 1279, why: WhyNotTaken.LOWER_PRIORITY };
const refused = { oid: "1.3.6.1.4.1.99999.2.0", rule: "acme.all", raw: answerOf(-2), why: WhyNotTaken.NOT_A_COUNT };
const sheets = { oid: "1.3.6.1.4.1.99999.3.0", rule: "acme.sheets", value: 500, unit: "sheets", why: 1 };
const code = {
  oid: "1.3.6.1.2.1.43.11.1.1.9.1.1",
  rule: "rfc3805",
  raw: answerOf(-3),
  why: WhyNotTaken.LEVEL_SOME,
};

function readingWith(others: Parameters<typeof OtherSource.fromPartial>[0][], serial = "ABC12345"): Reading {
  const reading = readingOf({ serial });
  return Reading.fromPartial({
    ...reading,
    meters: reading.meters.map((meter) => meter.name === "total" ? { ...meter, others } : meter),
    supplies: [{
      index: "1.1",
      kind: "toner",
      colorant: "black",
      level: { kind: LevelKind.EXACT, percent: 62, level: 62, capacity: 100 },
      source: { oid: "1.3.6.1.4.1.99999.9.0", rule: "acme.toner", raw: answerOf(62) },
      others: [code],
    }],
  });
}

interface Shown {
  scene: PortalScene;
  user: Visitor;
  device: string;
}

async function shown(scene: PortalScene, reading: Reading): Promise<Shown> {
  const [device] = await scene.devices(scene.acme, scene.berlin, [reading]);
  return { scene, user: await scene.signedIn("eva@partner.example"), device: device! };
}

/** Of the table below the meters and levels: the texts of each row. */
async function rowsOf({ scene, user, device }: Shown): Promise<{ rows: string[][]; body: string }> {
  const { body, status } = await user.get(`/customers/${scene.acme}/devices/${device}`);
  assert.equal(status, 200);
  const table = body.split('<div id="others">')[1]!.split("<h")[0]!;
  const rows = [...table.matchAll(/<tr>(<td.*?)<\/tr>/gs)].map(([, row]) =>
    [...row!.matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell]) => cell!.replaceAll(/<[^>]+>/g, ""))
  );
  return { rows, body };
}

const detailsOf = ({ scene, device }: Shown) =>
  showDevice(scene.platform.platform, { ...operator, tenant: scene.acme }, { device });

slowInPostgres(
  "the page of a device shows what was answered as well, what contradicts first, in each language",
  async () => {
    await using scene = await portalScene();
    const of = await shown(scene, readingWith([agreeing, against, refused, sheets]));
    const english = await rowsOf(of);
    assert.deepEqual(english.rows, [
      ["total", "1,279", "1,000", "+279", "an earlier rule comes first", "rfc3805.lifeCount", "prtMarkerLifeCount.1.1"],
      ["total", "1,007", "1,000", "+7", "an earlier rule comes first", "acme.pages", "1.3.6.1.4.1.99999.1.0"],
      ["total", "-2", "1,000", "", "not a valid count", "acme.all", "1.3.6.1.4.1.99999.2.0"],
      ["total", "500 sheets", "1,000", "", "an earlier rule comes first", "acme.sheets", "1.3.6.1.4.1.99999.3.0"],
      ["black toner", "-3", "62 %", "", "it only says that some is left", "rfc3805", "prtMarkerSuppliesLevel.1.1"],
    ]);
    // At a glance: beside the meter itself, and the difference stands out.
    assert.match(english.body, />total<\/a><div><a class="bad" href="#others">another object disagrees<\/a>/);
    assert.deepEqual(english.body.match(/<strong class="bad">[^<]*/g), ['<strong class="bad">+279']);
    for (
      const [language, words] of [
        ["de", [
          "ein anderes Objekt weicht ab",
          "Toner schwarz",
          "eine frühere Regel geht vor",
          "kein gültiger Zählerstand",
        ]],
        ["it", ["un altro oggetto non concorda", "toner nero", "una regola precedente", "non è un conteggio valido"]],
      ] as const
    ) {
      await scene.platform.queries.run("UPDATE users SET language = :language", { language });
      const { body, rows } = await rowsOf(of);
      assert.equal(rows.length, 5);
      for (const word of words) assert(body.includes(word), word);
    }
  },
);

slowInPostgres("nothing is in doubt where all agree, nor where an agent tells nothing else", async () => {
  await using scene = await portalScene();
  const of = await shown(scene, readingWith([agreeing, { ...against, value: 1020 }]));
  const { rows, body } = await rowsOf(of);
  assert.deepEqual(rows.map(([, answer]) => answer), ["1,007", "1,020", "-3"]);
  assert.doesNotMatch(body, /another object disagrees|<strong class="bad">/);
  const [before] = await scene.devices(scene.acme, scene.bonn, [
    readingOf({ address: "10.1.0.9", serial: "OLD99999" }),
  ]);
  const old = await rowsOf({ ...of, device: before! });
  assert.deepEqual(old.rows, []);
  assert.match(old.body, /No other object answered for these values\. Agents before 0\.2 do not tell\./);
});

slowInPostgres("the JSON of a device and device show tell what was answered as well", async () => {
  await using scene = await portalScene();
  const of = await shown(scene, readingWith([agreeing, against, refused]));
  const want = {
    total: [
      { oid: agreeing.oid, rule: "acme.pages", value: 1007, why: "lowerPriority" },
      { oid: life, rule: "rfc3805.lifeCount", value: 1279, why: "lowerPriority" },
      { oid: refused.oid, rule: "acme.all", value: null, raw: -2, why: "notACount" },
    ],
    toner: [{ oid: code.oid, rule: "rfc3805", value: null, raw: -3, why: "levelSome" }],
  };
  const page = JSON.parse((await of.user.get(`/customers/${scene.acme}/devices/${of.device}.json`)).body);
  const details = await detailsOf(of);
  for (const { meters, supplies } of [page, JSON.parse(JSON.stringify(shownDevice(details)))]) {
    assert.deepEqual(meters.find(({ name }: { name: string }) => name === "total").others, want.total);
    assert.deepEqual(meters.find(({ name }: { name: string }) => name === "print.color").others, []);
    assert.deepEqual(supplies[0].others, want.toner);
  }
  const text = deviceText(details, { width: Infinity, wide: true });
  const [, part] = /^Answered as well, and not taken\n((?:.+\n)+)/m.exec(text)!;
  assert.deepEqual(part!.trim().split("\n").map((line) => line.trim().split(/ {2,}/)), [
    ["VALUE OF", "ANSWER", "TAKEN", "SOURCE", "OBJECT", "WHY"],
    ["total", "1007", "1000", "acme.pages", "1.3.6.1.4.1.99999.1.0", "an earlier one won"],
    ["total", "1279", "1000", "rfc3805.lifeCount", "prtMarkerLifeCount.1.1", "DOES NOT AGREE: an earlier one won"],
    ["total", "-2", "1000", "acme.all", "1.3.6.1.4.1.99999.2.0", "not valid"],
    ["black toner", "-3", "62 %", "rfc3805", "prtMarkerSuppliesLevel.1.1", "only says that some is left"],
  ]);
});

slowInPostgres(
  "what an agent that is none tells of other sources is cut, shown as text and never a number that is none",
  async () => {
    await using scene = await portalScene();
    const hostile = `<script>alert(1)</script>${"x".repeat(5000)}`;
    const of = await shown(
      scene,
      readingWith([
        { oid: hostile, rule: hostile, unit: hostile, value: NaN, raw: answerOf(hostile), why: 99 as WhyNotTaken },
        { ...against, value: Infinity },
        ...Array.from({ length: 100 }, () => against),
      ]),
    );
    const { rows, body } = await rowsOf(of);
    assert.doesNotMatch(body, /<script>alert|NaN|∞/);
    assert.equal(rows.length, 21, "20 of the meter and one of the supply");
    const { others } = (await detailsOf(of)).meters.find(({ name }) => name === "total")!;
    const { oid, rule, unit, raw, value, why } = others[0]!;
    assert.deepEqual([oid, rule, unit, raw].map((text) => String(text).length), [1000, 200, 100, 200]);
    assert.deepEqual([value, why, others[1]!.value], [null, "unknown", null]);
  },
);
