import assert from "node:assert/strict";
import { diagnoseUsm } from "./diagnose_usm.ts";
import type { SnmpOutcome, UsmObservation } from "./snmp_observations.ts";

const refused: SnmpOutcome = { kind: "refused", message: "10.0.0.7 answered AuthorizationError" };
const silent: SnmpOutcome = { kind: "silent" };
const report = (name: string) => ({ kind: "report", report: name }) as SnmpOutcome;
const at = (outcome: SnmpOutcome) => ({ protocol: "aes128" as const, outcome });

/** A user that is known and signs right; everything after is as a case says. */
const known: UsmObservation = {
  kind: "usm",
  name: "user monitor",
  user: "monitor",
  level: "authPriv",
  auth: "sha256",
  priv: ["aes128"],
  userProbe: refused,
  authProbe: refused,
  authWouldWork: null,
  swapped: false,
  privProbe: null,
  privWouldWork: null,
  authAgain: null,
  context: "",
  defaultContext: null,
  shown: null,
};

const cases: { name: string; seen: Partial<UsmObservation>; want: string; code?: number }[] = [
  { name: "an unknown user", seen: { userProbe: report("unknownUserName"), authProbe: null }, want: "unknown-user" },
  {
    name: "a user that only signed requests tell to be unknown",
    seen: { userProbe: silent, authProbe: report("unknownUserName") },
    want: "unknown-user",
  },
  {
    name: "a digest that is wrong with every protocol",
    seen: { authProbe: report("wrongDigest"), authWouldWork: [] },
    want: "wrong-authentication-password",
  },
  {
    name: "a digest that is right with another protocol",
    seen: { authProbe: report("wrongDigest"), authWouldWork: ["sha1"] },
    want: "wrong-authentication-protocol",
  },
  {
    name: "a digest that is first looked at on encrypted requests",
    seen: {
      authProbe: report("unsupportedSecurityLevel"),
      privProbe: at(report("wrongDigest")),
      authWouldWork: [],
    },
    want: "wrong-authentication-password",
  },
  {
    name: "passwords that are exchanged",
    seen: { authProbe: report("wrongDigest"), authWouldWork: [], swapped: true },
    want: "swapped-passwords",
  },
  {
    name: "a user without authentication",
    seen: { authProbe: report("unsupportedSecurityLevel"), privProbe: at(report("unsupportedSecurityLevel")) },
    want: "no-authentication",
  },
  { name: "a user without privacy", seen: { privProbe: at(report("unsupportedSecurityLevel")) }, want: "no-privacy" },
  {
    name: "silence to every privacy protocol of a device that still answers",
    seen: { privProbe: at(silent), authAgain: refused, privWouldWork: [] },
    want: "wrong-privacy-password",
  },
  {
    name: "a decryption error as silence",
    seen: { privProbe: at(report("decryptionError")), authAgain: refused, privWouldWork: ["des"] },
    want: "wrong-privacy-protocol",
  },
  {
    name: "silence of a device that went away",
    seen: { privProbe: at(silent), authAgain: silent },
    want: "went-silent",
    code: 69,
  },
  {
    name: "silence from the first signed request on",
    seen: { authProbe: silent, privProbe: at(silent) },
    want: "signed-silent",
    code: 69,
  },
  { name: "right keys without any right", seen: { privProbe: at(refused) }, want: "no-access" },
  {
    name: "a context that the device does not have",
    seen: {
      privProbe: at({ kind: "malformed", message: "?" }),
      context: "x",
      defaultContext: { kind: "answered" },
    },
    want: "wrong-context",
  },
  { name: "a device that refuses its own time", seen: { authProbe: report("notInTimeWindow") }, want: "engine-time" },
  { name: "an engine id that changes", seen: { userProbe: report("unknownEngineId") }, want: "engine-id" },
  {
    name: "a level of authNoPriv where privacy is asked for",
    seen: { level: "authNoPriv", priv: [] },
    want: "level-too-low",
  },
  {
    name: "a level of authNoPriv that is refused before the digest",
    seen: { level: "authNoPriv", priv: [], authProbe: report("unsupportedSecurityLevel") },
    want: "level-unsupported",
  },
  {
    name: "silence to a user without keys",
    seen: { level: "noAuthNoPriv", auth: null, priv: [], userProbe: silent, authProbe: null },
    want: "unsigned-silent",
  },
];
for (const { name, seen, want, code } of cases) {
  Deno.test(`diagnoseUsm() takes ${name} for ${want}`, () => {
    const fault = diagnoseUsm({ ...known, ...seen }, "10.0.0.7:161");
    assert.deepEqual([fault.name, fault.exitCode], [want, code ?? 77]);
    assert.match(fault.message, /^Cannot read 10\.0\.0\.7:161 as "user monitor": /);
  });
}
