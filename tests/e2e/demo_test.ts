/** `deno task demo` with the permissions of the task: the whole story, and what it leaves behind however it ends. */
import assert from "node:assert/strict";
import { get } from "node:https";
import project from "../../deno.json" with { type: "json" };
import { port } from "../fixtures/scan_fixture.ts";
import { until } from "../fixtures/until.ts";

const ignore = Deno.build.os !== "linux";
const root = new URL("../../", import.meta.url).pathname;
const network = "127.77.0";

interface Demo {
  pid: number;
  /** Standard output and standard error so far. */
  out(): string;
  err(): string;
  /** Resolves when the text was printed; rejects when the demo ends before, or prints nothing for minutes. */
  says(text: string): Promise<void>;
  /** The exit code. */
  end(): Promise<number>;
  /** Temporary files of the demo. */
  files(): string[];
  /** Processes that the demo has started. */
  children(): { pid: number; command: string }[];
}

/** Runs the demo with a folder of its own for temporary files, and then asserts that nothing of it is left. */
async function withDemo(args: string[], body: (demo: Demo) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const flags = project.tasks.demo.command.split(" ").filter((word) => word.startsWith("--"));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", ...flags, `${root}demo/main.ts`, "--port", String(port), ...args],
    env: { TMPDIR: folder, NO_COLOR: "1", LANG: "C.UTF-8" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let out = "", err = "", isOver = false;
  const reading = Promise.all([
    (async () => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) out += text;
    })(),
    (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) err += text;
    })(),
  ]);
  const ended = Promise.all([child.status, reading]).then(([{ code }]) => {
    isOver = true;
    return code;
  });
  const files = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  const children = () => processesWith(folder);
  // On a busy machine the whole story takes longer than anything else that tests wait for.
  const whilePrinting = async (what: string, check: () => boolean) => {
    while (!check()) {
      const printed = out.length;
      await until(what, () => out.length > printed || check());
    }
  };
  const end = async () => {
    await whilePrinting("the demo ends", () => isOver);
    return await ended;
  };
  try {
    await body({
      pid: child.pid,
      out: () => out,
      err: () => err,
      async says(text) {
        await whilePrinting(`"${text}" is printed`, () => out.includes(text) || isOver);
        assert(out.includes(text), `the demo ended before "${text}":\n${out.slice(-500)}\n${err}`);
      },
      end,
      files,
      children,
    });
    await end();
    await until("nothing of the demo is left", () => files().length === 0 && children().length === 0);
  } finally {
    if (!isOver) child.kill("SIGKILL");
    for (const { pid } of children()) Deno.kill(pid, "SIGKILL");
    await ended;
    await Deno.remove(folder, { recursive: true });
  }
}

function processesWith(folder: string): { pid: number; command: string }[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name }) => {
    try {
      const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      return command.includes(folder) ? [{ pid: Number(name), command }] : [];
    } catch {
      return []; // It ended between the listing and the look.
    }
  });
}

/** Address and page count of each row of a table. */
function rowsOf(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [, address, rest = ""] = /^. (127\.77\.0\.\d+) (.*)$/.exec(line) ?? [];
    const [count] = rest.match(/[\d,]+(?: inches)?(?= {2}\w+$)/) ?? [];
    // The lines about low supplies begin with an address as well.
    return count === undefined ? [] : [`${address} ${count}`];
  });
}

Deno.test({
  name: "demo scans, activates, and shows the same printers and counts as the platform has received",
  ignore,
  fn: () =>
    withDemo([], async ({ end, out, err }) => {
      assert.equal(await end(), 0, err());
      const [, scanned = "", service = "", arrived = "", web = "", next = ""] = out().split(/^\d {2}[A-Z].*$/m);
      const rows = rowsOf(scanned);
      assert(rows.length >= 20, `the scan found ${rows.length} printers`);
      assert.deepEqual(rowsOf(arrived), rows);
      assert.match(service, /^\$ opendca-platform code create\n(\S+)\n[^]*^\$ opendca activate \1\nactivated as agt-/m);
      assert.match(arrived, new RegExp(`^The page counts of ${rows.length} of ${rows.length} printers`, "m"));
      assert.match(arrived, /^\$ opendca status\nstate +running$/m);
      assert.match(arrived, new RegExp(`^devices +${rows.length} known`, "m"));
      assert.match(arrived, /^\$ opendca ledger\n[^]* upload +Sent batch 1 with \d+ records/m);
      assert.match(
        web,
        /^\$ opendca-platform access open 127\.77\.0\.11 --port \d+\nses-\w+\nhttps:\/\/\w{26}\.access\.localhost:\d+\//m,
      );
      assert.match(web, /^The agent has opened the tunnel\. The page's title is "Status - brn-reception"\.$/m);
      assert.match(web, /^\$ opendca-platform access log ses-\w+\nAT [^]* GET +\/ +200 /m);
      assert.match(
        web,
        /^\$ opendca ledger \| grep session\n.* session +Opened session ses-\w+ to 127\.77\.0\.11:\d+ /m,
      );
      assert.match(next, /deno task demo --keep/);
      // deno-lint-ignore no-control-regex -- NO_COLOR is set, and this is no terminal
      assert.doesNotMatch(out() + err(), /\u001b/);
    }),
});

Deno.test({
  name: "demo --keep goes on until it is told to stop, and its commands work as they are printed",
  ignore,
  fn: () =>
    withDemo(["--keep"], async ({ end, says, out, err, pid }) => {
      await says("5  It continues until Ctrl-C");
      await says("tail -f");
      // To a printer's page, which was not used yet, and to the portal.
      const links = out().match(/^https:.*$/gm)!.slice(-2);
      assert.match(links[1]!, /^https:\/\/localhost:\d+\/link\/[\w-]{43}$/);
      for (const { hostname: servername, host, port, pathname, search } of links.map((link) => new URL(link))) {
        const asked = { host: "127.0.0.1", port, servername, rejectUnauthorized: false, agent: false };
        const status = await new Promise((resolve, reject) => {
          get({ ...asked, path: pathname + search, headers: { Host: host } }, (answer) => {
            answer.resume().on("end", () => resolve(answer.statusCode));
          }).on("error", reject);
        });
        assert.equal(status, 200);
      }
      const env = Object.fromEntries(out().matchAll(/^export (\w+)=(.*)$/gm).map(([, name, value]) => [name, value]));
      const commands = out().match(/^deno task .*$/gm) ?? [];
      assert(commands.length >= 7, "hardly a command is named");
      for (const command of commands) {
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: command.split(" ").slice(1),
          cwd: root,
          env: { ...env, NO_COLOR: "1" },
          stdin: "null",
        }).output();
        const text = new TextDecoder().decode(stdout);
        assert.equal(code, 0, `${command}: ${text}${new TextDecoder().decode(stderr)}`);
        if (command.endsWith("device list")) assert.equal(text.match(/127\.77\.0\.\d+/g)?.length, 22);
      }
      Deno.kill(pid, "SIGINT");
      assert.equal(await end(), 0, err());
    }),
});

Deno.test({
  name: "demo leaves no process and no key behind when it is killed",
  ignore,
  fn: () =>
    withDemo(["--keep"], async ({ says, children, files, pid }) => {
      await says("5  It continues until Ctrl-C");
      assert.equal(children().length, 2);
      assert.equal(files().length, 1);
      Deno.kill(pid, "SIGKILL");
    }),
});

Deno.test({
  name: "demo tells in one sentence that its agent was killed, and ends the rest",
  ignore,
  fn: () =>
    withDemo([], async ({ end, children, err }) => {
      const agent = () => children().find(({ command }) => command.includes("child/main.ts opendca /"));
      await until("the agent runs", () => agent() !== undefined);
      Deno.kill(agent()!.pid, "SIGKILL");
      assert.equal(await end(), 69);
      assert.match(err(), /^error: Cannot continue the demo as "opendca run" ended by SIGKILL\nhint: .*\n$/m);
    }),
});

Deno.test({
  name: "demo is stopped by Ctrl-C in the middle",
  ignore,
  fn: () =>
    withDemo([], async ({ end, children, err, pid }) => {
      await until("the platform runs", () => children().length > 0);
      Deno.kill(pid, "SIGINT");
      assert.equal(await end(), 130);
      assert.match(err(), /interrupted: all of the demo was ended and removed\n$/);
    }),
});

Deno.test({
  name: "demo tells in one sentence that another one is running",
  ignore,
  async fn() {
    const other = Deno.listenDatagram({ transport: "udp", hostname: `${network}.11`, port });
    try {
      await withDemo([], async ({ end, out, err }) => {
        assert.equal(await end(), 69);
        assert.equal(out(), "");
        assert.match(
          err(),
          /^error: Cannot listen as \S+: 127\.77\.0\.11 port \d+ is refused: .*\nhint: .*--port \d+\n$/,
        );
      });
    } finally {
      other.close();
    }
  },
});
