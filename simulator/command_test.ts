import assert from "node:assert/strict";
import { ConfigError, UsageError } from "../common/core/errors.ts";
import { type CommandHost, runSimulator } from "./command.ts";

const files: Record<string, string> = {
  "fleet/a.yaml": "printers: [{ hostname: a, address: 127.77.250.1, recording: r.snmprec }]",
  "fleet/r.snmprec": "1.3.6.1.9.1|2|1",
  "b.yaml": "printers: [{ hostname: b, address: 127.77.250.2 }]",
  "dir/two.snmprec": "1.3.6.1.9.1|2|1\nnonsense",
  "dir/one.snmprec": "1.3.6.1.9.1|2|1",
  "dir/readme.txt": "",
};

function hostOf(args: string[]): CommandHost & { out: string[]; err: string[] } {
  const out: string[] = [], err: string[] = [];
  return {
    args,
    out,
    err,
    printLine: (line) => void out.push(line),
    printError: (line) => void err.push(line),
    readText(path) {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(path);
      return text;
    },
    listFiles: (path) =>
      Object.keys(files).filter((file) => file.startsWith(`${path}/`)).map((file) => file.slice(path.length + 1)),
    stopped: Promise.resolve(),
  };
}

Deno.test("runSimulator() prints a line a device and then says that it is ready", async () => {
  const host = hostOf(["--fleet", "fleet/a.yaml", "--fleet", "b.yaml"]);
  await runSimulator(host);
  assert.deepEqual(host.err, ["127.77.250.1:1161  a", "127.77.250.2:1161  b", "0 packets received, 0 sent"]);
  assert.deepEqual(host.out.map((line) => JSON.parse(line)), [{
    ready: true,
    devices: [
      { name: "a", address: "127.77.250.1", port: 1161 },
      { name: "b", address: "127.77.250.2", port: 1161 },
    ],
  }]);
});

Deno.test("runSimulator() gives printers a web page with --web-port and --web-tls-port", async () => {
  const host = hostOf(["--fleet", "b.yaml", "--web-port", "0", "--web-tls-port", "0"]);
  await runSimulator(host);
  assert.match(
    host.err[0]!,
    /^127\.77\.250\.2:1161 {2}b {2}http:\/\/127\.77\.250\.2:\d+ {2}https:\/\/127\.77\.250\.2:\d+$/,
  );
  assert.match(JSON.parse(host.out[0]!).devices[0].web, /^http:\/\/127\.77\.250\.2:\d+$/);
});

Deno.test("runSimulator() replays a folder of recordings in the order of their names", async () => {
  const host = hostOf(["--recordings", "dir", "--network", "127.77.251.0/24", "--port", "1162"]);
  await runSimulator(host);
  assert.deepEqual(host.err.slice(0, 3), [
    "two.snmprec: 1 malformed lines skipped",
    "127.77.251.1:1162  one",
    "127.77.251.2:1162  two",
  ]);
});

const mistakes: { args: string[]; message: RegExp; kind: typeof UsageError | typeof ConfigError }[] = [
  { args: [], message: /^Cannot simulate no devices$/, kind: UsageError },
  { args: ["--flet"], message: /--flet/, kind: UsageError },
  { args: ["--fleet", "gone.yaml"], message: /^Cannot read "gone.yaml": there is no such file$/, kind: ConfigError },
  {
    args: ["--recordings", "fleet", "--port", "x"],
    message: /^Cannot use --port .* current value is "x"$/,
    kind: UsageError,
  },
  { args: ["--web-port", "65536"], message: /^Cannot use --web-port .* current value is "65536"$/, kind: UsageError },
  { args: ["--recordings", "none"], message: /^Cannot replay "none": it holds no \.snmprec file$/, kind: UsageError },
  {
    args: ["--recordings", "dir", "--network", "127.77.251.0/31"],
    message: /^Cannot give 2 recordings an address/,
    kind: UsageError,
  },
  { args: ["--recordings", "dir", "--network", "10.0.0.0/24"], message: /^Cannot use --network/, kind: ConfigError },
];
for (const { args, message, kind } of mistakes) {
  Deno.test(`runSimulator() refuses ${args.join(" ") || "no arguments"}`, async () => {
    await assert.rejects(runSimulator(hostOf(args)), (error) => {
      assert.ok(error instanceof kind);
      assert.match(error.message, message);
      return true;
    });
  });
}
