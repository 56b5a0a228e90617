import assert from "node:assert/strict";
import { readPlan } from "../read_plan.ts";
import { storeOf } from "../store_of.ts";
import { allProfiles, genericProfile, maybeProfile } from "./all.ts";

Deno.test("allProfiles have names of their own", () => {
  const ids = [...allProfiles, genericProfile].map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.equal(maybeProfile(id)?.id, id);
  assert.equal(maybeProfile("nobody"), undefined);
});

/** `large.*` and `small.*` count paper of that size; the rest is told apart by function. */
const meterName = /^(?:total|mono|color|duplex|(?:print|copy|fax|scan|large|small)\.(?:total|mono|color))$/;

for (const profile of allProfiles) {
  Deno.test(`profile ${profile.id} is well formed`, () => {
    const { gets, groups } = readPlan(storeOf({}), profile);
    for (const oid of [...gets, ...groups.flatMap(({ columns }) => columns)]) assert.match(oid, /^1\.3(?:\.\d+)+$/);
    for (const rule of profile.meters ?? []) {
      const names = rule.kind === "records"
        ? rule.fields.map(({ meter }) => meter)
        : "names" in rule
        ? rule.names.flatMap(([, meter]) => meter ?? [])
        : [rule.meter];
      for (const name of names) assert.match(name, meterName);
    }
    const { descriptions = [], devices = [], deviceIds = [], never = [], objectIds = [], printerIds = [], cards = [] } =
      profile.recognise;
    assert.ok(descriptions.length > 0 && deviceIds.length > 0);
    for (const oid of [...objectIds, ...printerIds]) assert.match(oid, /^1\.3\.6\.1\.4\.1(?:\.\d+)+$/);
    // A global or sticky pattern keeps state between devices.
    for (const pattern of [...descriptions, ...devices, ...deviceIds, ...never, ...cards]) {
      assert.doesNotMatch(pattern.flags, /[gy]/);
    }
  });
}
