import assert from "node:assert/strict";
import { Command } from "commander";
import { testHost } from "../tests/fixtures/test_host.ts";
import { maybeProgram, peerTest } from "../tests/fixtures/peers.ts";
import { allCommands } from "../src/cli/run_cli.ts";
import { denoMachine } from "../platform/edge/cli/deno_host.ts";
import { allCommands as platformCommands } from "../platform/edge/cli/run_platform.ts";
import { manualPages } from "./manual_pages.ts";

const platformMachine = { ...denoMachine(), columns: 100 };
const pages = [await allCommands(testHost()), platformCommands(platformMachine)].flatMap((program) =>
  manualPages(program, "1.2.3")
);

const endOfPage = "End of this page of the test.";

/** Pages as a reader sees them. Rejects where the formatter warns; of many at once, as each start of it takes long. */
async function shown(pages: readonly { file: string; text: string }[]): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    for (const { file, text } of pages) await Deno.writeTextFile(`${folder}/${file}`, `${text}\n.PP\n${endOfPage}\n`);
    const { success, stdout, stderr } = await new Deno.Command(maybeProgram("groff")!, {
      args: ["-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=120n", ...pages.map(({ file }) => file)],
      cwd: folder,
    }).output();
    const said = new TextDecoder().decode(stderr);
    assert(success && said === "", said);
    const texts = new TextDecoder().decode(stdout).split(endOfPage).slice(0, -1);
    assert.equal(texts.length, pages.length);
    return texts;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

peerTest("each command has a manual page that groff shows without a warning", ["groff"], async () => {
  const names = pages.map(({ file }) => file);
  for (
    const name of [
      ...["opendca.1", "opendca-scan.1", "opendca-config-check.1"],
      ...["opendca-platform.1", "opendca-platform-serve.1", "opendca-platform-device-merge.1"],
    ]
  ) assert(names.includes(name), name);
  const texts = await shown(pages);
  for (const [i, { file }] of pages.entries()) {
    const page = texts[i]!;
    // A group of the platform's commands leaves the examples to them.
    const isGroup = file.startsWith("opendca-platform") && page.includes("COMMANDS");
    for (const part of ["NAME", "SYNOPSIS", "OPTIONS", "NOTES", ...(isGroup ? [] : ["Examples:"]), "Exit codes: 0"]) {
      assert(page.includes(part), `${file} has no ${part}`);
    }
  }
});

Deno.test("no default is told in milliseconds", () => {
  for (const { file, text } of pages) assert.doesNotMatch(text, /<time>(?:(?!\.TP)[^])*default: \d{4,}/, file);
});

peerTest("the page of scan has its options, targets and minus signs as the help has them", ["groff"], async () => {
  const [page = ""] = await shown(pages.filter(({ file }) => file === "opendca-scan.1"));
  for (
    const part of ["-c, --community <name>", "HOST:PORT   [fd00::7]:PORT   @FILE", "  opendca scan 192.168.1.0/24"]
  ) {
    assert(page.includes(part), page);
  }
  assert.match(page, /--color <when>/);
});

Deno.test("deno task man writes the pages with no more permissions than it has", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "man"],
    cwd: new URL("../", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  for (const { file } of pages) Deno.statSync(new URL(`../dist/man/${file}`, import.meta.url));
});

peerTest("characters that mean something to groff are shown as they are", ["groff"], async () => {
  const command = new Command("odd").description(".so /etc/passwd").option("--path <p>", "C:\\new \"x\" 'y'")
    .addHelpText("after", "\n.SH no heading\n'br\n\\fBback\\n");
  const [page = ""] = await shown(manualPages(command, "1"));
  for (
    const part of ["odd - .so /etc/passwd", "--path <p>", `C:\\new "x" 'y'`, ".SH no heading", "'br", "\\fBback\\n"]
  ) {
    assert(page.includes(part), `${part} is not in:\n${page}`);
  }
});
