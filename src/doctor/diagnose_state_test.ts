import assert from "node:assert/strict";
import type { SpoolStats } from "../store/spool_stats.ts";
import { diagnoseDisk, type DiskObservation } from "./diagnose_disk.ts";
import { diagnosePermissions, type FileFacts, type PermissionsObservation } from "./diagnose_permissions.ts";

const now = new Date("2026-11-23T12:00:00Z");
const stats: SpoolStats = {
  epoch: "e",
  depth: 0,
  bytes: 0,
  oldestObservedAt: null,
  outstandingBatches: 0,
  acknowledgedSequence: 0,
  quarantinedRecords: 0,
  dropped: { status: 7, meters: 0, lastMeters: 0, quarantined: 0 },
  diskFull: false,
};
const mebibyte = 1024 * 1024;
const sound: DiskObservation = {
  stateDirectory: "/s",
  kind: "directory",
  writeError: null,
  freeBytes: 64 * mebibyte,
  spool: { kind: "sound", stats },
};

const disks: { name: string; seen: Partial<DiskObservation>; want: string[] }[] = [
  { name: "64 MB of room and dropped status", seen: {}, want: [] },
  { name: "less room", seen: { freeBytes: 64 * mebibyte - 1 }, want: ["warning disk-nearly-full 69"] },
  { name: "a system that does not tell the room", seen: { freeBytes: null }, want: [] },
  { name: "no directory yet", seen: { kind: "absent", spool: { kind: "absent" } }, want: [] },
  { name: "a file in its place", seen: { kind: "other" }, want: ["failed state-no-directory 78"] },
  {
    name: "a full disk",
    seen: { freeBytes: 0, writeError: { message: "?", reason: "full" } },
    want: ["failed disk-full 69"],
  },
  {
    name: "a read-only file system",
    seen: { writeError: { message: "?", reason: "readOnly" } },
    want: ["failed disk-read-only 77"],
  },
  {
    name: "a directory of another user",
    seen: { writeError: { message: "?", reason: "denied" } },
    want: ["failed disk-denied 77"],
  },
  { name: "a broken disk", seen: { writeError: { message: "?", reason: "other" } }, want: ["failed disk-failed 69"] },
  {
    name: "a damaged spool",
    seen: { spool: { kind: "damaged", message: "?" } },
    want: ["failed spool-damaged 69"],
  },
  {
    name: "a spool that may not be read",
    seen: { spool: { kind: "unread", message: "?" } },
    want: ["warning spool-unread 69"],
  },
  {
    name: "quarantine and lost meters",
    seen: {
      spool: {
        kind: "sound",
        stats: { ...stats, quarantinedRecords: 2, dropped: { ...stats.dropped, lastMeters: 1 } },
      },
    },
    want: ["warning spool-quarantine 69", "warning spool-dropped 69"],
  },
];
for (const { name, seen, want } of disks) {
  Deno.test(`diagnoseDisk() judges ${name}`, () => {
    const { faults } = diagnoseDisk({ ...sound, ...seen }, now);
    assert.deepEqual(faults.map((fault) => `${fault.severity} ${fault.name} ${fault.exitCode}`), want);
  });
}

const file = (name: string, uid: number | null, mode: number | null): FileFacts => ({
  name,
  isDirectory: false,
  uid,
  mode,
});
const own: PermissionsObservation = {
  stateDirectory: "/s",
  userId: 0,
  missing: [],
  directory: { name: "/s", isDirectory: true, uid: 990, mode: 0o700 },
  files: [file("key.pem", 990, 0o600), file("status.json", 990, 0o644)],
  listError: null,
};
const permissions: { name: string; seen: Partial<PermissionsObservation>; want: string[]; says?: RegExp }[] = [
  { name: "root at the files of the agent's user", seen: {}, want: [] },
  { name: "no state directory", seen: { directory: null, files: [] }, want: [] },
  { name: "Windows", seen: { userId: null, directory: null, files: [file("key.pem", null, null)] }, want: [] },
  {
    name: "a file that root left",
    seen: { files: [...own.files, file("spool.db", 0, 0o600)] },
    want: ["failed foreign-files"],
    says: /as other users own spool\.db in it/,
  },
  {
    name: "a key that a group may read",
    seen: { files: [file("key.pem", 990, 0o640)] },
    want: ["warning open-secrets"],
  },
  {
    name: "another user",
    seen: { userId: 1000, files: [], listError: "Permission denied" },
    want: ["failed state-not-permitted"],
    says: /Cannot list "\/s" as user 1000/,
  },
  {
    name: "a runtime without network",
    seen: { missing: ["net"] },
    want: ["failed runtime-permissions"],
    says: /without the permissions net/,
  },
];
for (const { name, seen, want, says } of permissions) {
  Deno.test(`diagnosePermissions() judges ${name}`, () => {
    const { faults } = diagnosePermissions({ ...own, ...seen });
    assert.deepEqual(faults.map((fault) => `${fault.severity} ${fault.name}`), want);
    assert.ok(faults.every(({ exitCode }) => exitCode === 77));
    if (says !== undefined) assert.match(faults[0]!.message, says);
  });
}
