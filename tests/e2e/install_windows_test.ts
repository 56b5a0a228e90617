/** install.ps1, as far as it can be seen without PowerShell and Windows: it is read, not run. */
import assert from "node:assert/strict";
import tree, { type Language, type Node } from "@vscode/tree-sitter-wasm";
import { parse } from "yaml";
import { windowsInstaller } from "../../tools/release/artefacts.ts";

const root = new URL("../../", import.meta.url).pathname;
const script = await windowsInstaller(`${root}install/windows`, []);

/** The grammar is beside the parser, which alone knows where it is. */
async function loadGrammar(): Promise<Language> {
  let folder = "";
  await tree.Parser.init({
    locateFile(name: string, within: string) {
      folder = within;
      return within + name;
    },
  });
  return await tree.Language.load(await Deno.readFile(`${folder}tree-sitter-powershell.wasm`));
}

const grammar = await loadGrammar();

function parsed(text: string): Node {
  const parser = new tree.Parser();
  parser.setLanguage(grammar);
  return parser.parse(text)!.rootNode;
}

function* nodes(node: Node): Iterable<Node> {
  yield node;
  for (const child of node.children) if (child !== null) yield* nodes(child);
}

function textsOf(type: string, within: Node): string[] {
  return [...nodes(within)].filter((node) => node.type === type).map(({ text }) => text);
}

/** Of Windows PowerShell 5.1. */
const cmdlets = new Set(
  ("Copy-Item ForEach-Object Get-Acl Get-ChildItem Get-Command Get-FileHash Get-Item Get-Service Join-Path Move-Item " +
    "New-Item New-Object Out-Null Read-Host Remove-Item Select-Object Set-StrictMode Split-Path Start-Service " +
    "Start-Sleep Stop-Service Test-Path Unblock-File Where-Object Write-Host").split(" "),
);

Deno.test("install.ps1 is PowerShell, and calls only what it has and what Windows PowerShell has", () => {
  const top = parsed(script);
  const wrong = [...nodes(top)].filter((node) => node.type === "ERROR" || node.isMissing);
  assert.deepEqual(wrong.map(({ startPosition, text }) => `${startPosition.row + 1}: ${text}`), []);
  assert.equal((parsed(script.replace("function Assert-System {", "function Assert-System "))).hasError, true);
  const functions = textsOf("function_name", top);
  const called = new Set(textsOf("command_name", top));
  assert(functions.length > 20, functions.join());
  assert.deepEqual([...called].filter((name) => !functions.includes(name) && !cmdlets.has(name)), []);
  assert.deepEqual(functions.filter((name) => !called.has(name)), [], "never called");
  assert.deepEqual(functions.filter((name, at) => functions.indexOf(name) !== at), [], "twice");
});

Deno.test("install.ps1 uses no variable that it does not set, and names each of its options in its help", () => {
  const top = parsed(script);
  const own = new Set(
    [...script.matchAll(/\$(?:script:)?(\w+)(?= *= )|\] \$(\w+)|foreach \(\$(\w+) in/g)]
      .map(([, set, parameter, each]) => (set ?? parameter ?? each)!.toLowerCase()),
  );
  const given = [
    "true",
    "false",
    "null",
    "_",
    "matches",
    "psscriptroot",
    "pscommandpath",
    "lastexitcode",
    "whatifpreference",
    "erroractionpreference",
  ];
  const used = textsOf("variable", top).map((text) => text.replace(/^[$@](script:|env:)?/, "").toLowerCase());
  assert(used.length > 100);
  const environment = ["processor_architecture"];
  assert.deepEqual([...new Set(used)].filter((name) => ![...own, ...given, ...environment].includes(name)), []);
  const parameters = textsOf("script_parameter", top.descendantsOfType("param_block")[0]!)
    .map((text) => /\$(\w+)/.exec(text)![1]);
  const described = [...script.matchAll(/^\.PARAMETER (\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(described, parameters);
});

Deno.test("install.ps1 has only characters that Windows PowerShell reads without a mark, and no line on standard error ends it", () => {
  assert.match(script, /^[\n -~]*$/);
  // Windows PowerShell makes a terminating error of it: Get-Answer alone is prepared for that.
  assert.deepEqual(script.match(/^.*2>.*$/gm)?.length, 1);
  assert.match(script, /function Get-Answer[^}]*\$ErrorActionPreference = 'Continue'[^}]*2>&1/);
  assert.match(script, /^\$WinSWHash = '[0-9a-f]{64}'$/m);
});

Deno.test("the service of install.ps1 is XML that WinSW reads, and its sample of a configuration is YAML", () => {
  const [sample, service] = [...script.matchAll(/@"\n([^]*?)\n"@/g)].map(([, text]) => text!);
  const values = sample!.replaceAll("$Data", "C:\\ProgramData\\OpenDCA").replaceAll(
    "$State",
    "C:\\ProgramData\\OpenDCA\\state",
  )
    .replaceAll("$Logs", "C:\\ProgramData\\OpenDCA\\logs");
  const { stateDirectory, log } = parse(values);
  assert.deepEqual([stateDirectory, log.file.path], [
    "C:\\ProgramData\\OpenDCA\\state",
    "C:\\ProgramData\\OpenDCA\\logs\\agent.log",
  ]);
  const top = parsed(`$text = @"\n${service}\n"@`);
  assert.equal(top.hasError, false);
  const names = [...service!.matchAll(/<(\w+)/g)].map(([, name]) => name);
  const closed = [...service!.matchAll(/<\/(\w+)>|<(\w+)[^<>]*\/>/g)].map(([, name, empty]) => name ?? empty);
  assert.deepEqual([...names].sort(), [...closed].sort());
  assert.deepEqual(names, [
    ...["service", "id", "name", "description", "executable", "arguments", "env", "env", "startmode"],
    ...["delayedAutoStart", "stoptimeout", "onfailure", "resetfailure", "logpath", "log", "sizeThreshold", "keepFiles"],
  ]);
});

Deno.test("the release puts its keys into install.ps1, which reads no other file of ours", async () => {
  const keys = ["RWTe5cnO".padEnd(56, "A"), "RWTe5cnO".padEnd(56, "B")];
  const released = await windowsInstaller(`${root}install/windows`, keys);
  assert.match(released, new RegExp(`^\\$ReleaseKeys = @\\('${keys[0]}', '${keys[1]}'\\)$`, "m"));
  assert.equal(parsed(released).hasError, false);
  assert.doesNotMatch(released, /^\. /m);
});
