import assert from "node:assert/strict";
import { withPlatform } from "../../../tests/platform/commands.ts";

const wrong: [args: string[], message: RegExp][] = [
  [["--portal-front-listen", "127.0.0.1:0"], /without --portal-listen/],
  [["--portal-listen", "127.0.0.1:0", "--portal-front-listen", "127.0.0.1:0"], /one of --portal-front-listen and/],
  [["--portal-listen", "127.0.0.1:0", "--portal-front-certificate", "x.pem"], /one of --portal-front-listen and/],
  [
    ["--portal-listen", "127.0.0.1:0", "--portal-front-listen", "127.0.0.1:0", "--portal-front-certificate", "x.pem"],
    /Cannot read "x\.pem"/,
  ],
  [
    [
      ...["--portal-listen", "127.0.0.1:0", "--portal-front-listen", "127.0.0.1:0"],
      ...["--portal-front-certificate", "x.pem", "--portal-front-header", "X Remote"],
    ],
    /Cannot use --portal-front-header as a name: current value is "X Remote"/,
  ],
];
for (const [args, message] of wrong) {
  Deno.test(`serve ${args.join(" ")} is refused`, () =>
    withPlatform(async (run) => {
      const { code, stderr } = await run("serve", ...args);
      assert.match(stderr, message);
      assert([64, 78].includes(code));
    }));
}
