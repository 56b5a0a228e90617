/** What a CommonJS package gets from the runtime, kept for the attempts of our ES modules. */
import { createRequire, Module } from "node:module";

const { folder, target, port } = JSON.parse(globalThis.name);
Object.assign(globalThis, { probed: { require: createRequire(import.meta.url), Module, folder, target, port } });
