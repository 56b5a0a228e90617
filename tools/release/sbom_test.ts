import assert from "node:assert/strict";
import { embeddedIds, listedNames, type ModuleGraph, sbomText } from "./sbom.ts";

const npm = (name: string, version: string, dependencies: string[] = []) => ({ name, version, dependencies });
const graph: ModuleGraph = {
  modules: [
    {
      specifier: "file:///main.ts",
      dependencies: [
        { specifier: "a", code: { specifier: "npm:a@1.0.0" } },
        { specifier: "@types/b" },
      ],
    },
    { specifier: "npm:/a@1.0.0", kind: "npm", npmPackage: "a@1.0.0" },
    { specifier: "npm:/@types/b@1.0.0", kind: "npm", npmPackage: "@types/b@1.0.0" },
  ],
  redirects: { "npm:a@1.0.0": "npm:/a@1.0.0" },
  npmPackages: {
    "a@1.0.0": npm("a", "1.0.0", ["@c/d@2.0.0_a@1.0.0"]),
    "@c/d@2.0.0_a@1.0.0": npm("@c/d", "2.0.0", ["a@1.0.0"]),
    "@types/b@1.0.0": npm("@types/b", "1.0.0"),
    "only-in-the-lock@3.0.0": npm("only-in-the-lock", "3.0.0"),
  },
};

Deno.test("embeddedIds() has what is imported and what that needs, no types and nothing else of the lock", () => {
  assert.deepEqual(embeddedIds([graph]), ["@c/d@2.0.0_a@1.0.0", "a@1.0.0"]);
});

Deno.test("listedNames() reads the packages from what deno compile prints, with colours", () => {
  const printed = `
Embedded Files

opendca
├─┬ .deno_compile_node_modules (25.64MB - 25.03MB unique)
│ └─┬ localhost (25.64MB - 25.03MB unique)
│   ├── @babel/runtime/* (247.53KB - 242.17KB unique)
│   ├─┬ @grpc (2.58MB - 2.58MB unique)
│   │ ├── grpc-js/* (2.47MB - 2.46MB unique)
│   │ └── proto-loader/* (119.93KB - 119.88KB unique)
│   ├── abort-controller/3.0.0/* (74.85KB - 74.81KB unique)
│   ├─┬ ansi-regex (14.99KB - 14.96KB unique)
│   │ ├── 5.0.1/* (5.67KB - 5.64KB unique)
│   │ └── 6.6.0/* (9.32KB)
│   └── yaml/* (1KB)
├─┬ common (515.75KB)
│ ├─┬ host (106.51KB)
└── workers/* (8.38KB)
`.replaceAll("├", "\x1b[38;5;245m├").replaceAll("─ ", "─\x1b[0m ");
  const want = ["@babel/runtime", "@grpc/grpc-js", "@grpc/proto-loader", "abort-controller", "ansi-regex", "yaml"];
  assert.deepEqual(listedNames(printed), want);
  assert.deepEqual(listedNames("nothing of that"), []);
});

const options = {
  program: "opendca",
  version: "0.1.0",
  commit: "abc",
  runtime: "2.9.3",
  epoch: 1_700_000_000,
  packages: [
    {
      id: "a@1.0.0",
      name: "a",
      version: "1.0.0",
      licence: "MIT",
      integrity: "sha512-AAEC",
      dependencies: ["@c/d@2.0.0"],
    },
    {
      id: "@c/d@2.0.0",
      name: "@c/d",
      version: "2.0.0",
      licence: "(MIT OR Apache-2.0)",
      integrity: "sha1-/w==",
      dependencies: [],
    },
    { id: "e@3.0.0", name: "e", version: "3.0.0", licence: undefined, integrity: "sha512-AAEC", dependencies: [] },
  ],
};

Deno.test("sbomText() names each package with version, licence and hash, and what needs what", () => {
  const bom = JSON.parse(sbomText(options));
  assert.deepEqual([bom.bomFormat, bom.specVersion, bom.metadata.timestamp], [
    "CycloneDX",
    "1.6",
    "2023-11-14T22:13:20.000Z",
  ]);
  const [deno, a, d, e] = bom.components;
  assert.deepEqual([deno.name, deno.version], ["deno", "2.9.3"]);
  assert.deepEqual([a.purl, a.licenses, a.hashes], [
    "pkg:npm/a@1.0.0",
    [{ license: { id: "MIT" } }],
    [{ alg: "SHA-512", content: "000102" }],
  ]);
  assert.deepEqual([d.purl, d.licenses, d.hashes], [
    "pkg:npm/%40c/d@2.0.0",
    [{ expression: "(MIT OR Apache-2.0)" }],
    [{ alg: "SHA-1", content: "ff" }],
  ]);
  assert.equal(e.licenses, undefined);
  const needs = bom.dependencies.find(({ ref }: { ref: string }) => ref === "pkg:npm/a@1.0.0");
  assert.deepEqual(needs.dependsOn, ["pkg:npm/%40c/d@2.0.0"]);
  const refs = new Set(bom.components.map((each: Record<string, string>) => each["bom-ref"]));
  assert.equal(refs.size, 4);
});

Deno.test("sbomText() is the same for the same input, and refuses an unknown kind of hash", () => {
  assert.equal(sbomText(options), sbomText(options));
  const bad = { ...options, packages: [{ ...options.packages[0]!, integrity: "md5" }] };
  assert.throws(() => sbomText(bad), TypeError);
});
