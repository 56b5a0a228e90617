import assert from "node:assert/strict";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { genericProfile } from "./profiles/all.ts";
import { identifyColumns, readPlan } from "./read_plan.ts";
import { storeOf } from "./store_of.ts";

const plain: Profile = { id: "acme", maker: "Acme", recognise: {} };

Deno.test("identifyColumns fits one request", () => {
  assert.ok(identifyColumns.length <= 28);
  assert.equal(new Set(identifyColumns).size, identifyColumns.length);
});

Deno.test("readPlan() asks what the profile names, and no private object besides", () => {
  const profile: Profile = {
    ...plain,
    model: [{ oid: "1.3.6.1.4.1.9.1.0", rule: "acme.model" }],
    meters: [
      { kind: "scalar", meter: "mono", oid: "1.3.6.1.4.1.9.2.0", rule: "acme.mono" },
      { kind: "sum", meter: "color", oids: ["1.3.6.1.4.1.9.3.0", "1.3.6.1.4.1.9.4.0"], rule: "acme.color" },
      {
        kind: "typed",
        rule: "acme.typed",
        values: "1.3.6.1.4.1.9.5.3",
        types: "1.3.6.1.4.1.9.5.1",
        names: [],
        maxRows: 9,
      },
    ],
    supplies: [{
      kind: "scalar",
      rule: "acme.toner",
      oid: "1.3.6.1.4.1.9.6.0",
      capacityOid: "1.3.6.1.4.1.9.7.0",
      supply: { kind: "toner", colorant: "black", description: "Black" },
      read: "level",
    }],
  };
  const { gets, groups } = readPlan(storeOf({}), profile);
  const asked = [...gets, ...groups.flatMap(({ columns }) => columns)].filter((oid) => oid.startsWith("1.3.6.1.4.1."));
  assert.deepEqual(
    asked.map((oid) => oid.replace("1.3.6.1.4.1.9.", "")),
    ["1.0", "2.0", "3.0", "4.0", "6.0", "7.0", "5.1", "5.3"],
  );
  assert.equal(groups.at(-1)!.maxRows, 9);
});

Deno.test("readPlan() asks no private object of an unknown maker", () => {
  const { gets, groups } = readPlan(storeOf({}), genericProfile);
  assert.ok([...gets, ...groups.flatMap(({ columns }) => columns)].every((oid) => oid.startsWith("1.3.6.1.2.1.")));
});

Deno.test("readPlan() leaves out what was answered", () => {
  const descr = `${oids.hrDeviceDescr}.1`;
  assert.ok(readPlan(storeOf({}), plain).gets.includes(descr));
  assert.ok(!readPlan(storeOf({ [descr]: "Acme Z" }), plain).gets.includes(descr));
});

Deno.test("readPlan() asks the row of the printer and the character set of its language", () => {
  const store = storeOf({
    [`${oids.hrDeviceDescr} 1`]: "CPU",
    [`${oids.prtGeneralCurrentLocalization} 3`]: 6,
    [`${oids.prtLocalizationCharacterSet} 3.1`]: 4,
  });
  const { gets } = readPlan(store, plain);
  assert.ok(gets.includes(`${oids.hrDeviceDescr}.3`));
  assert.ok(gets.includes(`${oids.prtLocalizationCharacterSet}.3.6`));
});

Deno.test("readPlan() walks the columns of one table together", () => {
  const table = (values: string): Profile["meters"] & object => [
    { kind: "typed", rule: "acme.typed", values, types: "1.3.6.1.4.1.9.5.1", names: [] },
  ];
  const { groups } = readPlan(storeOf({}), {
    ...plain,
    meters: [...table("1.3.6.1.4.1.9.5.2"), ...table("1.3.6.1.4.1.9.5.3")],
  });
  assert.deepEqual(groups.at(-1)!.columns.map((oid) => oid.at(-1)), ["1", "2", "3"]);
  assert.ok(!groups.some(({ columns }) => columns.length === 0));
});
