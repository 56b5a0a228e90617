/**
 * Closes what the permissions of a thread leave open. In a compiled file Deno 2.9.3 lets a thread import whatever it can
 * name: `data:` and `blob:` code, and every file of the disk as text, whatever `read` and `import` say. A thread that it
 * starts in turn can do the same, and a `net` entry does not tell TCP from UDP. So a sealed thread resolves no module any
 * more, and what it has no use for is taken from its globals. docs/permissions.md says what remains.
 */
import { builtinModules, Module, registerHooks } from "node:module";
import net from "node:net";
import process from "node:process";

export interface SealOptions {
  /** What stays of `Deno`. */
  deno: readonly string[];
  /** Built-in modules that code of the thread may import, and those that CommonJS packages may require. */
  imports: readonly string[];
  requires: readonly string[];
}

/** Gone from the global scope: what starts threads, opens connections, or keeps something beyond the thread. */
const globals = ["Worker", "fetch", "WebSocket", "WebSocketStream", "WebTransport", "EventSource", "BroadcastChannel"];
const storage = ["caches", "Cache", "CacheStorage", "localStorage", "sessionStorage"];
/** Ways of `process` to a module or to the runtime's inside that ask no resolver, or to other processes. */
const processParts = ["getBuiltinModule", "binding", "_linkedBinding", "dlopen", "kill", "abort", "mainModule"];

let isSealed = false;

/**
 * To be called before any foreign code is loaded. From here on the thread may only load modules that are named in the
 * source and bundled with it, until `sealImports` ends that as well.
 */
export function sealThread({ deno, imports, requires }: SealOptions): void {
  registerHooks({
    resolve(specifier, context, next) {
      const isRequire = context.conditions.includes("require");
      if (isInside(context.parentURL) && isInside(specifier)) return next(specifier, context);
      if (maybeBuiltin(specifier) !== undefined) {
        if ((isRequire ? requires : imports).includes(maybeBuiltin(specifier)!)) return next(specifier, context);
        // A file that CommonJS requires is checked against `read` by the runtime.
      } else if (isRequire || !isSealed) return next(specifier, context);
      throw new Deno.errors.NotCapable(`Cannot load "${specifier.slice(0, 100)}" in a sealed thread`);
    },
  });
  // A later hook would be asked before this one.
  for (const name of ["registerHooks", "register"]) remove(Module, name);
  for (const name of Object.getOwnPropertyNames(net)) if (!name.startsWith("isIP")) remove(net, name);
  for (const name of processParts) remove(process, name);
  for (const name of [...globals, ...storage]) remove(globalThis, name);
  for (const name of Object.getOwnPropertyNames(Deno)) if (!deno.includes(name)) remove(Deno, name);
}

/** From here on nothing is imported. Called when all modules are loaded and none of foreign code has run. */
export function sealImports(): void {
  isSealed = true;
}

/** The runtime's own parts, which load each other when they are first used. */
function isInside(url: string | undefined): boolean {
  return url !== undefined && /^(ext|node):/.test(url);
}

function maybeBuiltin(specifier: string): string | undefined {
  const name = specifier.replace(/^node:/, "");
  return name !== specifier || builtinModules.includes(name) ? name : undefined;
}

function remove(from: object, name: string): void {
  // Those that cannot be removed, such as `Deno.exitCode`, are of no use to anybody.
  Reflect.deleteProperty(from, name);
}
