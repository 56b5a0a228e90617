import assert from "node:assert/strict";
import { exitCodeFor, messageOf, UsageError } from "./errors.ts";
import { maybeShortage } from "./shortage.ts";

const cases: [message: string, says: RegExp][] = [
  ["Too many open files (os error 24): open '/etc/hosts'", /^the process has no free file descriptors \(.*LimitNOFILE/],
  [
    "Unable to load file:///a.ts: Too many open files (os error 24)",
    /^Unable to load .*: the process has no free file/,
  ],
  ["Too many open files in system (os error 23)", /^the whole system has no free file descriptors \(.*fs\.file-max/],
  ["Cannot allocate memory (os error 12)", /^the system has no free memory/],
  [
    "Failed to spawn '/usr/bin/ping': Resource temporarily unavailable (os error 11)",
    /^the system does not let this process start another thread or program .*TasksMax/,
  ],
  ["No buffer space available (os error 105)", /neighbour table of this machine may be full.*gc_thresh3/],
  ["Cannot assign requested address (os error 99)", /no free port to send from/],
];
for (const [message, says] of cases) {
  Deno.test(`messageOf() names what is short in "${message}"`, () => {
    const error = new Error(message);
    assert.match(messageOf(error), says);
    assert.equal(exitCodeFor(error), 69);
  });
}

Deno.test("maybeShortage() takes the code where the text says nothing", () => {
  assert.match(maybeShortage(Object.assign(new Error("connect failed"), { code: "EMFILE" }))!.what, /descriptors/);
});

Deno.test("maybeShortage() sees none in a resource that is only busy, nor in a mistake of the user", () => {
  assert.equal(maybeShortage(new Error("Resource temporarily unavailable (os error 11)")), undefined);
  assert.equal(exitCodeFor(new UsageError("Cannot read the file as Too many open files is its name")), 64);
});
