/**
 * Stands among the modules of a thread, in a compiled file that tests make, and tries to get out: while the thread is
 * being loaded, and again at a message "last", when the thread works.
 */
// @ts-types="./attempts.d.ts"
import { tryAll } from "./attempts.js";

const whileLoading = tryAll();
let isAsked = false;
globalThis.addEventListener("message", async (event) => {
  const { data } = event as MessageEvent;
  if (isAsked || (data.type !== "last" && data.name !== "last")) return;
  isAsked = true;

  const message = { type: "probed", whileLoading: await whileLoading, atWork: await tryAll() };
  (globalThis as unknown as { postMessage(message: unknown): void }).postMessage(message);
});
