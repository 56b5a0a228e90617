/**
 * Closes gaps in the permissions of a thread. In an executable, Deno 2.9.3 lets a thread import anything: `data:` and
 * `blob:` code, and every file on disk as text, regardless of `read` and `import`. A thread that it starts can do the
 * same, and a `net` entry allows both TCP and UDP. So a sealed thread resolves no more modules, and globals that it
 * does not need are removed. docs/permissions.md describes what remains.
 */
import { builtinModules, Module, registerHooks } from "node:module";
import net from "node:net";
import process from "node:process";

export interface SealOptions {
  /** Members of `Deno` that remain. */
  deno: readonly string[];
  /** Built-in modules that code of the thread may import, and those that CommonJS packages may require. */
  imports: readonly string[];
  requires: readonly string[];
}

/**
 * Removed from the global scope: everything that starts threads, opens connections, or stores data beyond the thread.
 */
const globals = ["Worker", "fetch", "WebSocket", "WebSocketStream", "WebTransport", "EventSource", "BroadcastChannel"];
const storage = ["caches", "Cache", "CacheStorage", "localStorage", "sessionStorage"];
/**
 * Members of `process` that give access to modules or runtime internals without the resolver, or to other processes.
 */
const processParts = ["getBuiltinModule", "binding", "_linkedBinding", "dlopen", "kill", "abort", "mainModule"];

let isSealed = false;

/**
 * Call it before any third-party code is loaded. After it the thread may only load modules that are named in the source
 * and bundled with it, until `sealImports` ends that as well.
 */
export function sealThread({ deno, imports, requires }: SealOptions): void {
  registerHooks({
    resolve(specifier, context, next) {
      const isRequire = context.conditions.includes("require");
      if (isInside(context.parentURL) && isInside(specifier)) return next(specifier, context);
      if (maybeBuiltin(specifier) !== undefined) {
        if ((isRequire ? requires : imports).includes(maybeBuiltin(specifier)!)) return next(specifier, context);
        // The runtime checks the `read` permission for files that CommonJS requires.
      } else if (isRequire || !isSealed) return next(specifier, context);
      throw new Deno.errors.NotCapable(`Cannot load "${specifier.slice(0, 100)}" in a sealed thread`);
    },
  });
  // A hook that is registered later would run before this one.
  for (const name of ["registerHooks", "register"]) remove(Module, name);
  for (const name of Object.getOwnPropertyNames(net)) if (!name.startsWith("isIP")) remove(net, name);
  for (const name of processParts) remove(process, name);
  for (const name of [...globals, ...storage]) remove(globalThis, name);
  for (const name of Object.getOwnPropertyNames(Deno)) if (!deno.includes(name)) remove(Deno, name);
}

/** Ends all imports. Called when all modules are loaded, before third-party code runs. */
export function sealImports(): void {
  isSealed = true;
}

/** Whether it is an internal module of the runtime; these load each other on first use. */
function isInside(url: string | undefined): boolean {
  return url !== undefined && /^(ext|node):/.test(url);
}

function maybeBuiltin(specifier: string): string | undefined {
  const name = specifier.replace(/^node:/, "");
  return name !== specifier || builtinModules.includes(name) ? name : undefined;
}

function remove(from: object, name: string): void {
  // Members that cannot be removed, such as `Deno.exitCode`, are harmless.
  Reflect.deleteProperty(from, name);
}
