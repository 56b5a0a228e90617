import assert from "node:assert/strict";
import { withFileTexts } from "./file_texts.ts";

Deno.test("withFileTexts() gives a parser every file that it asks for, reading each once", async () => {
  const asked: string[] = [];
  const readTextFile = (path: string) => {
    asked.push(path);
    return path === "/gone" ? Promise.reject(new Error("No such file")) : Promise.resolve(`text of ${path}`);
  };
  const parsed = await withFileTexts(readTextFile, (readFile) => {
    const first = readFile("/a");
    let second: string;
    try {
      second = readFile("/gone");
    } catch (error) {
      second = (error as Error).message;
    }
    return [first, second, readFile("/a")];
  });
  assert.deepEqual(parsed, ["text of /a", "No such file", "text of /a"]);
  assert.deepEqual(asked, ["/a", "/gone"]);
});

Deno.test("withFileTexts() throws what the parser throws when it has all files", async () => {
  const parse = (readFile: (path: string) => string) => {
    throw new RangeError(readFile("/a"));
  };
  await assert.rejects(withFileTexts(() => Promise.resolve("found"), parse), new RangeError("found"));
});
