import assert from "node:assert/strict";
import { UsageError } from "../common/core/errors.ts";
import { parseProgramOptions } from "./program_options.ts";

const defaults = { devices: 500, priority: 5, data: "", portal: false };
const limits = { mayBeZero: ["priority"], mostWords: 1 };

const right: { args: string[]; values: Partial<typeof defaults>; words?: string[] }[] = [
  { args: [], values: {} },
  { args: ["--devices", "1", "--priority", "0"], values: { devices: 1, priority: 0 } },
  {
    args: ["--devices=999999999", "--data", "a b", "--portal"],
    values: { devices: 999_999_999, data: "a b", portal: true },
  },
  { args: ["folder"], values: {}, words: ["folder"] },
  { args: ["--portal", "--", "--devices"], values: { portal: true }, words: ["--devices"] },
];
for (const { args, values, words = [] } of right) {
  Deno.test(`parseProgramOptions() reads ${JSON.stringify(args)}`, () => {
    assert.deepEqual(parseProgramOptions(args, defaults, limits), { values: { ...defaults, ...values }, words });
  });
}

const wrong: { args: string[]; says: RegExp }[] = [
  { args: ["--nonsense"], says: /^Cannot begin: Unknown option '--nonsense'$/ },
  { args: ["--devices"], says: /^Cannot begin: Option '--devices <value>' argument missing$/ },
  { args: ["--portal=yes"], says: /^Cannot begin: Option '--portal' does not take an argument$/ },
  { args: ["a", "b"], says: /^Cannot begin with 2 arguments: a b$/ },
  ...["0", "-1", "", "1.5", "1e3", "x", "0x10", "1000000000", " 7"].map((text) => ({
    args: [`--devices=${text}`],
    says: /^Cannot use --devices as a whole number from 1: current value is ".*"$/,
  })),
  { args: ["--priority=-1"], says: /^Cannot use --priority as a whole number from 0: current value is "-1"$/ },
];
for (const { args, says } of wrong) {
  Deno.test(`parseProgramOptions() refuses ${JSON.stringify(args)} with a sentence`, () => {
    assert.throws(() => parseProgramOptions(args, defaults, limits), (error) => {
      assert(error instanceof UsageError);
      assert.match(error.message, says);
      return true;
    });
  });
}

Deno.test("parseProgramOptions() takes no word where none is wanted", () => {
  assert.throws(() => parseProgramOptions(["word"], {}), UsageError);
});
