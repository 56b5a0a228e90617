/** Statements: what is billed, what comes late, and that none ever changes. On both databases. */
import assert from "node:assert/strict";
import ExcelJS from "exceljs";
import { UsageError } from "../../common/core/errors.ts";
import { createSigningKeyPem, loadSigningKey } from "../../common/protocol/signature.ts";
import { canonicalJson, createStatementHash } from "../../common/protocol/statement_lines.ts";
import type { Platform } from "../../platform/agents/platform.ts";
import { listAudit } from "../../platform/audit/read_audit.ts";
import { correctMeter, listCorrections, undoCorrection } from "../../platform/billing/corrections.ts";
import { exportMeters } from "../../platform/billing/export_meters.ts";
import { exportStatement } from "../../platform/billing/export_statement.ts";
import { makeStatement, previewStatement } from "../../platform/billing/make_statement.ts";
import { mailStatements } from "../../platform/billing/mail_statements.ts";
import { noteSent, takeMail } from "../../platform/mail/mail_queue.ts";
import { daysOfMonth } from "../../platform/billing/period.ts";
import { changeBillingSettings, type FileForm } from "../../platform/billing/settings.ts";
import type { StatementRow } from "../../platform/billing/statement.ts";
import { statementRows } from "../../platform/billing/statements.ts";
import { mergeDevice } from "../../platform/devices/merge_device.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type BillingScene, billingScene } from "./billing_scene.ts";
import { deviceScene } from "./device_changes_fixture.ts";
import { proofScene } from "./proof_scene.ts";

const march = daysOfMonth("2026-03"), april = daysOfMonth("2026-04");
const day = 86_400_000;

async function rowsOf({ platform, by }: BillingScene, number: number): Promise<StatementRow[]> {
  return await Array.fromAsync(statementRows(platform, by, number));
}

const kinds = ({ marks }: StatementRow) => marks.map(({ kind }) => kind);
const billed = (rows: readonly StatementRow[]) => rows.reduce((sum, row) => sum + row.billed, 0);

async function textOf(scene: BillingScene, number: number, form: FileForm): Promise<string> {
  const { parts } = await exportStatement(scene.platform, scene.by, { number, form });
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await new Response(ReadableStream.from(parts)).bytes());
}

eachDatabase("a statement bills from the last reading before its period to the last in it", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device();
  await scene.read(device, { "2026-02-28": 1000, "2026-03-02": 1010, "2026-03-31": 1500, "2026-04-01": 1510 });
  await scene.read(device, { "2026-02-28": 10, "2026-03-31": 15 }, "color");
  const made = await makeStatement(platform, by, march);
  assert.deepEqual([made.number, made.rows], [1, 2]);
  const rows = await rowsOf(scene, 1);
  assert.deepEqual(rows.map(({ meter, billed }) => [meter, billed]), [["color", 5], ["total", 500]]);
  assert.deepEqual(rows[1]!.first, {
    at: "2026-02-28T12:00:00.000Z",
    value: 1000,
    device,
    minutesAfterBegin: -720,
  });
  assert.equal(rows[1]!.last!.minutesBeforeEnd, 720);
  assert.equal(rows[1]!.device.site, "Berlin");
  // Only the meters that are asked for.
  const some = await previewStatement(platform, by, { ...march, meters: ["total"] });
  assert.deepEqual(some.rows.map(({ meter }) => meter), ["total"]);
});

eachDatabase("the days of a period are those of the customer's time zone", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device();
  await scene.read(device, { "2026-02-28T22:59:00Z": 100, "2026-02-28T23:30:00Z": 110, "2026-03-31T22:30:00Z": 200 });
  assert.equal(billed((await previewStatement(platform, by, march)).rows), 90);
  await changeBillingSettings(platform, by, { zone: "Europe/Berlin" });
  assert.equal(billed((await previewStatement(platform, by, march)).rows), 10);
  // 23 hours: the clocks go forward.
  const sunday = { fromDay: "2026-03-29", toDay: "2026-03-29" };
  const { period } = (await previewStatement(platform, by, sunday)).head;
  assert.equal(Date.parse(period.until) - Date.parse(period.from), 23 * 3_600_000);
});

eachDatabase(
  "a reading that comes after the statement is billed by the next one, and changes no statement",
  async () => {
    await using scene = await billingScene();
    const { platform, by } = scene;
    const device = await scene.device();
    await scene.read(device, { "2026-02-28": 1000, "2026-03-20": 1100 });
    await makeStatement(platform, by, march);
    const before = await textOf(scene, 1, "json");
    await scene.read(device, { "2026-03-31": 1400, "2026-04-30": 1500 });
    platform.clock.advance(31 * day);
    await makeStatement(platform, by, april);
    assert.equal(await textOf(scene, 1, "json"), before);
    const [row] = await rowsOf(scene, 2);
    assert.deepEqual([row!.counted, row!.adjusted, row!.billed], [100, 300, 400]);
    assert.deepEqual(row!.marks.at(-1), { kind: "late", number: 1, period: "2026-03", pages: 300 });
    assert.match(row!.notes.at(-1)!, /^Late, period 2026-03: 300 more/);
    // It is billed once.
    await scene.read(device, { "2026-05-30": 1600 });
    platform.clock.advance(31 * day);
    await makeStatement(platform, by, daysOfMonth("2026-05"));
    const [third] = await rowsOf(scene, 3);
    assert.deepEqual([third!.counted, third!.adjusted], [100, 0]);
  },
);

eachDatabase("a late reading between two others changes nothing, and one of a new device makes a row", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device();
  await scene.read(device, { "2026-02-28": 1000, "2026-03-20": 1100 });
  await makeStatement(platform, by, march);
  await scene.read(device, { "2026-03-10": 1050 });
  const other = await scene.device({ serial: "XYZ98765", address: "10.1.0.8" });
  await scene.read(other, { "2026-03-02": 5, "2026-03-30": 25 });
  platform.clock.advance(31 * day);
  await makeStatement(platform, by, april);
  const rows = await rowsOf(scene, 2);
  const of = (id: string) => rows.find((row) => row.device.id === id);
  assert.deepEqual([of(device)?.adjusted, of(other)?.adjusted], [0, 20]);
});

eachDatabase("statements do not overlap; a new version is in place of one, and says so", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device();
  await scene.read(device, { "2026-02-28": 1000, "2026-03-20": 1100 });
  await assert.rejects(makeStatement(platform, by, april), { name: "UsageError", message: /is not over/ });
  await makeStatement(platform, by, march);
  await assert.rejects(makeStatement(platform, by, { fromDay: "2026-03-31", toDay: "2026-04-02" }), {
    name: "UsageError",
    message: /statement 1 has some of this period/,
  });
  await scene.read(device, { "2026-03-25": 1200 });
  const second = await makeStatement(platform, by, { ...march, supersede: 1 });
  assert.deepEqual([second.number, second.head.supersedes], [2, 1]);
  assert.deepEqual([billed(await rowsOf(scene, 1)), billed(await rowsOf(scene, 2))], [100, 200]);
  await assert.rejects(makeStatement(platform, by, { ...march, supersede: 1 }), /statement 2 did so before/);
  await assert.rejects(makeStatement(platform, by, { ...march, supersede: 9 }), /Cannot find statement 9/);
  platform.clock.advance(31 * day);
  await makeStatement(platform, by, april);
  await assert.rejects(makeStatement(platform, by, { ...march, supersede: 2 }), /statement 3 of a later period/);
  // A site is billed on its own.
  assert.equal((await makeStatement(platform, by, { ...march, site: "Munich" })).rows, 0);
  const actions = (await listAudit(platform, by, {})).map(({ action, detail }) => [action, JSON.parse(detail).hash]);
  assert.deepEqual(actions.find(([, hash]) => hash === second.hash), ["statementMade", second.hash]);
});

eachDatabase("a correction counts in place of readings, is told, and can be undone", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device();
  await scene.read(device, { "2026-02-28": 1000, "2026-03-05": 1100, "2026-03-20": 1250 });
  const correction = {
    device,
    meter: "total",
    from: new Date("2026-03-01T00:00:00Z"),
    until: new Date("2026-03-10T00:00:00Z"),
    pages: 7,
    reason: "test prints",
  };
  const made = await correctMeter(platform, by, correction);
  const [row] = (await previewStatement(platform, by, march)).rows;
  assert.deepEqual([row!.counted, row!.corrected, row!.billed], [150, 7, 157]);
  assert.match(row!.notes.join(" "), /operator:eva set 7 in place of the readings .* test prints/);
  await assert.rejects(correctMeter(platform, by, { ...correction, from: new Date("2026-03-09") }), UsageError);
  await assert.rejects(correctMeter(platform, by, { ...correction, meter: "color" }), /has none of that name/);
  for (const bad of [{ pages: -1 }, { pages: NaN }, { reason: " " }, { until: correction.from }]) {
    await assert.rejects(correctMeter(platform, by, { ...correction, meter: "x", ...bad }), UsageError);
  }
  await makeStatement(platform, by, march);
  await undoCorrection(platform, by, { correctionId: made.correction_id, reason: "was right" });
  await assert.rejects(undoCorrection(platform, by, { correctionId: made.correction_id }), /was undone before/);
  assert.equal((await listCorrections(platform, by))[0]!.undone_reason, "was right");
  // What was billed stays as it is, and the next statement has the difference.
  platform.clock.advance(31 * day);
  await makeStatement(platform, by, april);
  assert.equal(billed(await rowsOf(scene, 1)), 157);
  assert.equal((await rowsOf(scene, 2))[0]!.adjusted, 93);
});

eachDatabase("a device that moves is billed at each site, and both add up to the whole", async () => {
  await using scene = await billingScene();
  const { platform, by, tenant, agents: [berlin, munich] } = scene;
  const device = await scene.device({ agent: munich });
  await scene.read(device, { "2026-02-28": 1000, "2026-03-10": 1100, "2026-03-20": 1300, "2026-03-31": 1600 });
  await tenant.run(
    `INSERT INTO device_history (customer_id, device_id, at, kind, before, after)
     VALUES (:customer, :device, :at, 'agentChanged', :before, :after)`,
    { device, at: Date.parse("2026-03-15T00:00:00Z"), before: berlin, after: munich },
  );
  const { rows } = await previewStatement(platform, by, march);
  assert.deepEqual(rows.map((row) => [row.device.site, row.billed]), [["Berlin", 100], ["Munich", 500]]);
  assert.match(rows[0]!.notes.join(" "), /moved from Berlin to Munich/);
  for (const [site, pages] of [["Berlin", 100], ["Munich", 500]] as const) {
    assert.equal(billed((await previewStatement(platform, by, { ...march, site })).rows), pages);
  }
});

eachDatabase("a device that goes to another customer is billed to each, and both are told", async () => {
  await using scene = await billingScene();
  await using other = await billingScene(scene.platform.store, "Bolt");
  const old = await scene.device({ at: "2026-01-01T00:00:00Z" });
  await scene.read(old, { "2026-02-28": 1000, "2026-03-10": 1100 });
  const now = await other.device({ at: "2026-03-15T00:00:00Z" });
  await other.read(now, { "2026-03-15": 1150, "2026-03-31": 1400 });
  for (const [{ tenant }, deviceId] of [[scene, old], [other, now]] as const) {
    await tenant.run(
      `INSERT INTO device_evidence (customer_id, kind, value, device_id, seen_at, current, shared, sure)
       VALUES (:customer, 'serial', 'ABC12345', :deviceId, 0, 1, 0, 1)`,
      { deviceId },
    );
  }
  await scene.tenant.run(
    "UPDATE devices SET last_seen_at = :at WHERE customer_id = :customer AND device_id = :old",
    { at: Date.parse("2026-03-10T12:00:00Z"), old },
  );
  const [left] = (await previewStatement(scene.platform, scene.by, march)).rows;
  const [came] = (await previewStatement(other.platform, other.by, march)).rows;
  assert.deepEqual([left!.billed, came!.billed], [100, 250]);
  assert.ok(kinds(left!).includes("elsewhere") && kinds(left!).includes("endsEarly"));
  assert.ok(kinds(came!).includes("elsewhere") && kinds(came!).includes("noneBefore"));
  // Neither is told who the other one is.
  assert.doesNotMatch(JSON.stringify(left), /Bolt/);
});

eachDatabase("a replaced device and a replaced board are told, and counters are not mixed", async () => {
  await using scene = await billingScene();
  const { platform, by, tenant } = scene;
  const old = await scene.device({ serial: "OLD11111" });
  await scene.read(old, { "2026-02-28": 90_000, "2026-03-10": 90_100 });
  await tenant.run("UPDATE devices SET last_seen_at = :at WHERE customer_id = :customer AND device_id = :old", {
    at: Date.parse("2026-03-10T12:00:00Z"),
    old,
  });
  const now = await scene.device({ serial: "NEW22222", at: "2026-03-11T00:00:00Z" });
  await scene.read(now, { "2026-03-11": 10, "2026-03-31": 60 });
  const two = (await previewStatement(platform, by, march)).rows;
  assert.deepEqual(two.map((row) => [row.device.serial, row.billed]).sort(), [["NEW22222", 50], ["OLD11111", 100]]);
  assert.ok(two.every((row) => kinds(row).some((kind) => kind === "replaces" || kind === "replacedBy")));
  // The same two as one machine with a new board.
  await makeStatement(platform, by, march);
  await mergeDevice(platform as never, by, { device: now, other: old, reason: undefined });
  const [one] = (await previewStatement(platform, by, march)).rows;
  assert.deepEqual([one!.device.id, one!.billed], [now, 150]);
  assert.ok(kinds(one!).includes("board"));
  // Nothing is billed twice, or not at all, by the merge.
  await scene.read(now, { "2026-04-30": 100 });
  platform.clock.advance(31 * day);
  await makeStatement(platform, by, april);
  assert.equal(billed(await rowsOf(scene, 2)), 40);
});

eachDatabase("months that are billed one after the other add up to what was printed, whatever came late", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device();
  platform.clock.advance(Date.parse("2026-02-05T00:00:00Z") - platform.clock.now().getTime());
  await scene.read(device, { "2026-01-01T00:00:00Z": 0, "2026-01-20": 100 });
  await changeBillingSettings(platform, by, { estimate: true });
  await makeStatement(platform, by, daysOfMonth("2026-01"));
  await scene.read(device, { "2026-01-31": 180, "2026-02-03": 210, "2026-02-27": 400 });
  platform.clock.advance(28 * day);
  await makeStatement(platform, by, daysOfMonth("2026-02"));
  await scene.read(device, { "2026-02-28": 450, "2026-03-02": 500, "2026-03-31": 900, "2026-04-02": 960 });
  platform.clock.advance(31 * day);
  await makeStatement(platform, by, march);
  const all = [...await rowsOf(scene, 1), ...await rowsOf(scene, 2), ...await rowsOf(scene, 3)];
  const whole = await previewStatement(platform, by, { fromDay: "2026-01-01", toDay: "2026-03-31" });
  assert.equal(billed(all), whole.rows[0]!.counted + whole.rows[0]!.estimated);
});

eachDatabase("what an agent uploads after a statement is made is billed with the next one", async () => {
  await using scene = await proofScene(Date.parse("2025-01-10T08:00:00Z"));
  const send = async (received: string, readings: [at: string, total: number][]) => {
    scene.at(Date.parse(`${received}T08:00:00Z`));
    const printer = { serial: "ABC12345", address: "10.1.0.7" };
    await scene.send(
      0,
      readings.map(([at, total]) => ({ ...printer, observedAt: Date.parse(`${at}T12:00:00Z`), meters: { total } })),
    );
  };
  const bill = async (month: string, number: number) => {
    await makeStatement(scene.platform, scene.by, daysOfMonth(month));
    return (await Array.fromAsync(statementRows(scene.platform, scene.by, number)))
      .map(({ billed, adjusted }) => ({ billed, adjusted }));
  };
  await send("2025-02-05", [["2025-01-10", 1000], ["2025-01-30", 1100]]);
  assert.deepEqual(await bill("2025-01", 1), [{ billed: 100, adjusted: 0 }]);
  await send("2025-02-06", [["2025-01-31", 1150]]);
  await send("2025-03-05", [["2025-02-27", 1300]]);
  assert.deepEqual(await bill("2025-02", 2), [{ billed: 200, adjusted: 50 }]);
});

eachDatabase("devices that an agent finds to be one after a statement are billed as one with the next", async () => {
  await using scene = await deviceScene();
  const platform = {
    ...scene.platform,
    signingKey: loadSigningKey(createSigningKeyPem()),
    agentAuthority: { certificate: { rawData: new ArrayBuffer(8) } },
  } as unknown as Platform;
  const bill = async (month: string, number: number) => {
    await makeStatement(platform, scene.by, daysOfMonth(month));
    return (await Array.fromAsync(statementRows(platform, scene.by, number)))
      .filter(({ meter }) => meter === "total").map(({ billed, adjusted }) => ({ billed, adjusted }));
  };
  // Since March 2; no serial number tells that they are one.
  const read = (deviceKey: string, address: string, total: number) =>
    scene.upload({ deviceKey, address, serial: "", mac: "", total });
  await read("one", "10.1.0.7", 1000);
  scene.pass(5 * day);
  await read("one", "10.1.0.7", 1050);
  scene.pass(5 * day);
  await read("two", "10.1.0.8", 1100);
  scene.pass(5 * day);
  await read("two", "10.1.0.8", 1200);
  scene.pass(20 * day);
  assert.deepEqual(await bill("2026-03", 1), [{ billed: 50, adjusted: 0 }, { billed: 100, adjusted: 0 }]);
  await scene.upload({ deviceKey: "one", mergedKey: "two" });
  scene.pass(5 * day);
  await read("one", "10.1.0.7", 1300);
  scene.pass(30 * day);
  const rows = await bill("2026-04", 2);
  assert.equal(rows.reduce((sum, { billed }) => sum + billed, 0), 150, JSON.stringify(rows));
  assert.equal(rows.reduce((sum, { adjusted }) => sum + adjusted, 0), 50, JSON.stringify(rows));
});

eachDatabase("the hash is that of the rows, and each file has all of them", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device({ serial: "=cmd|' /C calc'!A0" });
  await scene.read(device, { "2026-02-28": 1000.5, "2026-03-31": 1500 }, "metres, =1+1", "metres");
  await changeBillingSettings(platform, by, {
    fieldSeparator: "semicolon",
    decimalSeparator: "comma",
    language: "de",
    columns: ["serial", "meter", "first", "billed", "notes"],
  });
  const made = await makeStatement(platform, by, march);
  const parsed = JSON.parse(await textOf(scene, 1, "json"));
  const hash = createStatementHash();
  hash.add(canonicalJson(parsed.statement));
  for (const line of [...parsed.rows, ...parsed.readings, ...parsed.certificates]) hash.add(canonicalJson(line));
  assert.equal(hash.hex(), made.hash);
  assert.equal(parsed.hash, made.hash);
  const csv = await textOf(scene, 1, "csv");
  assert.equal(
    csv.split("\r\n")[0],
    "\uFEFFSeriennummer;Zähler;Anfangsstand;Berechnet;Hinweise",
  );
  assert.match(csv.split("\r\n")[1]!, /^'=cmd\|' \/C calc'!A0;"metres, '=1\+1";1000,5;499,5;|^"'=cmd\|/);
  const erp = (await textOf(scene, 1, "erp")).split("\r\n");
  assert.equal(erp[0]!.split(";")[14], "pages");
  assert.match(erp[1]!, /;499\.5;0;0;0$/);
});

async function bytesOf({ platform, by }: BillingScene, form: FileForm): Promise<Uint8Array> {
  const { parts } = await exportStatement(platform, by, { number: 1, form });
  return await new Response(ReadableStream.from(parts)).bytes();
}

async function statementWithFormulas(scene: BillingScene): Promise<void> {
  const device = await scene.device({ serial: "=1+1" });
  await scene.read(device, { "2026-02-28": 1000, "2026-03-05": 900, "2026-03-31": 1500 });
  await changeBillingSettings(scene.platform, scene.by, { language: "de", zone: "Europe/Berlin" });
  await makeStatement(scene.platform, scene.by, march);
}

Deno.test("a workbook has numbers as numbers, and no text that is a formula", async () => {
  await using scene = await billingScene();
  await statementWithFormulas(scene);
  const workbook = new ExcelJS.Workbook();
  await workbook.xlsx.load((await bytesOf(scene, "xlsx")).buffer as ArrayBuffer);
  const [sheet] = workbook.worksheets;
  assert.equal(sheet!.name, "Abrechnung 1");
  const heading = (sheet!.getRow(1).values as string[]).slice(1), row = (sheet!.getRow(2).values as unknown[]).slice(1);
  const cell = (name: string) => row[heading.indexOf(name)];
  assert.deepEqual(heading.slice(0, 5), ["Standort", "Gerät", "Hersteller", "Modell", "Seriennummer"]);
  assert.deepEqual([cell("Seriennummer"), cell("Berechnet"), cell("Erste Ablesung")], [
    "'=1+1",
    600,
    "2026-02-28 13:00",
  ]);
  assert.match(String(cell("Hinweise")), /Der Zähler fiel am/);
});

peerTest("a PDF has all rows and sentences as text, with fonts of its own", ["pdftotext", "pdffonts"], async () => {
  await using scene = await billingScene();
  await statementWithFormulas(scene);
  const path = await Deno.makeTempFile({ suffix: ".pdf" });
  await Deno.writeFile(path, await bytesOf(scene, "pdf"));
  const run = async (program: string, ...args: string[]) =>
    new TextDecoder().decode((await new Deno.Command(program, { args }).output()).stdout);
  const text = await run("pdftotext", "-layout", path, "-");
  for (const part of ["Abrechnung 1", "Acme", "2026-03 (Europe/Berlin)", "=1+1", "600", "Der Zähler fiel am"]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  for (const line of (await run("pdffonts", path)).split("\n").slice(2).filter((line) => line !== "")) {
    assert.match(line, /Roboto.*\byes\b/);
  }
  await Deno.remove(path);
});

eachDatabase(
  "the statement of the month before is made and mailed on its day, once, by one of several processes",
  async () => {
    await using scene = await billingScene();
    const { by, tenant } = scene, pepper = new Uint8Array(32), events: string[] = [];
    const platform = { ...scene.platform, pepper, log: (event: string) => void events.push(event) };
    const device = await scene.device();
    await scene.read(device, { "2026-02-28": 1000, "2026-03-31": 1500 });
    await changeBillingSettings(platform, by, {
      zone: "Europe/Berlin",
      schedule: { day: 6, recipients: ["a@example.com", "b@example.com"], forms: ["csv", "pdf"] },
    });
    await mailStatements(platform);
    assert.deepEqual(await tenant.all("SELECT number FROM statements WHERE customer_id = :customer"), []);
    // In Berlin it is the sixth two hours before UTC.
    platform.clock.advance(Date.parse("2026-04-05T22:30:00Z") - platform.clock.now().getTime());
    await Promise.all([mailStatements(platform), mailStatements(platform)]);
    await mailStatements(platform);
    assert.equal((await tenant.all("SELECT number FROM statements WHERE customer_id = :customer")).length, 1);
    const mails = [];
    for (let mail; (mail = await takeMail(platform.store, { pepper, at: platform.clock.now() })) !== undefined;) {
      mails.push(mail);
      await noteSent(platform.store, mail.mailId);
    }
    assert.deepEqual(mails.map(({ recipient }) => recipient).sort(), ["a@example.com", "b@example.com"]);
    const [{ subject, attachments }] = mails as [typeof mails[number]];
    assert.equal(subject, "Statement 1, Acme, 2026-03");
    assert.deepEqual(attachments?.map(({ name }) => name), [
      "statement-1-2026-03-01-2026-03-31.csv",
      "statement-1-2026-03-01-2026-03-31.pdf",
    ]);
    assert.match(new TextDecoder().decode(attachments![0]!.content), /ABC12345/);
    assert.equal(new TextDecoder().decode(attachments![1]!.content.subarray(0, 5)), "%PDF-");
    // A statement that a person has made of other days is in the way, which is told.
    await makeStatement(platform, by, { fromDay: "2026-04-01", toDay: "2026-04-03" });
    platform.clock.advance(31 * day);
    await mailStatements(platform);
    assert.deepEqual(events, ["statementNotMade"]);
  },
);

eachDatabase("all readings of a period are exported, with serial numbers that are no formulas", async () => {
  await using scene = await billingScene();
  const device = await scene.device({ serial: "=1+1" }), other = await scene.device({ address: "10.1.0.8" });
  await scene.read(device, { "2026-02-28": 1, "2026-03-01": 2, "2026-03-31": 3, "2026-04-01": 4 });
  await scene.read(other, { "2026-03-02": 7.5 });
  const period = { from: Date.parse("2026-03-01T00:00:00Z"), until: Date.parse("2026-04-01T00:00:00Z") };
  const parts = exportMeters(scene.platform, scene.by, period);
  const text = new TextDecoder().decode(await new Response(ReadableStream.from(parts)).bytes());
  const lines = text.trimEnd().split("\r\n");
  assert.equal(lines[0], "device_id,serial,meter,unit,read_at,value");
  assert.deepEqual(
    lines.slice(1).sort(),
    [
      `${device},'=1+1,total,impressions,2026-03-01T12:00:00.000Z,2`,
      `${device},'=1+1,total,impressions,2026-03-31T12:00:00.000Z,3`,
      `${other},ABC12345,total,impressions,2026-03-02T12:00:00.000Z,7.5`,
    ].sort(),
  );
});
