import assert from "node:assert/strict";
import { parseProcessFacts } from "./ping_facts.ts";

const status = [
  "Name:\topendca",
  "Uid:\t999\t999\t999\t999",
  "Gid:\t100\t997\t997\t997",
  "Groups:\t4 27",
  "CapEff:\t0000000000000000",
  "CapBnd:\t000001ffffffffff",
  "NoNewPrivs:\t0",
  "Seccomp:\t0",
  "Seccomp_filters:\t0",
].join("\n");
const plain = { noNewPrivileges: false, isNetRawInBounds: true, hasFilter: false, isGroupInRange: false };
const unknown = { noNewPrivileges: null, isNetRawInBounds: null, hasFilter: null, isGroupInRange: null };

const cases = [
  ["a process of the usual kind", status, "1\t0\n", plain],
  ["NoNewPrivileges", status.replace("NoNewPrivs:\t0", "NoNewPrivs:\t1"), "1\t0\n", {
    ...plain,
    noNewPrivileges: true,
  }],
  ["a filter", status.replace("Seccomp:\t0", "Seccomp:\t2"), "1\t0\n", { ...plain, hasFilter: true }],
  ["an empty bounding set", status.replace(/(CapBnd:\t).*/, "$10000000000000000"), "1\t0\n", {
    ...plain,
    isNetRawInBounds: false,
  }],
  ["a bounding set of CAP_NET_RAW alone", status.replace(/(CapBnd:\t).*/, "$10000000000002000"), "1\t0\n", plain],
  ["a bounding set of all others", status.replace(/(CapBnd:\t).*/, "$1000001ffffffdfff"), "1\t0\n", {
    ...plain,
    isNetRawInBounds: false,
  }],
  ["a range for all", status, "0\t2147483647\n", { ...plain, isGroupInRange: true }],
  ["a range with the effective group", status, "997\t997\n", { ...plain, isGroupInRange: true }],
  ["a range with the real group alone", status, "100\t100\n", plain],
  ["a range with a further group", status, "27\t27\n", { ...plain, isGroupInRange: true }],
  ["a range beside the groups", status, "28\t99\n", plain],
  ["a process without further groups", status.replace("\t4 27", "\t"), "27\t27\n", plain],
  ["a system without /proc", null, null, unknown],
  ["no range", status, null, { ...plain, isGroupInRange: null }],
  ["no status", null, "0\t2147483647\n", unknown],
  ["empty files", "", "", unknown],
  ["nonsense", "NoNewPrivs:\tyes\nCapBnd:\tall\nSeccomp:\t-1\nGid:\t\nGroups:\t\n", "a b", unknown],
] as const;
for (const [name, text, range, want] of cases) {
  Deno.test(`parseProcessFacts() reads ${name}`, () => assert.deepEqual(parseProcessFacts(text, range), want));
}
