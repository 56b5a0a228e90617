/**
 * Tests against real peers (Debian's snmpd, snmpsim, snmp tools). Where a program is missing the test is skipped by
 * name; with OPENDCA_REQUIRE_PEERS=1, as in continuous integration, a missing program fails the test instead.
 */
const searchPath = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];

/** Absolute path of a program, or undefined when it is not installed. */
export function maybeProgram(name: string): string | undefined {
  for (const folder of searchPath) {
    try {
      if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

const peersRequired = Deno.env.get("OPENDCA_REQUIRE_PEERS") === "1";

/** What `peerTest` lists beside programs: the folder of real recordings. */
export const recordings = "../shared/recordings";

/** Registers a test that needs the named programs (or `recordings`). */
export function peerTest(name: string, programs: string[], body: (t: Deno.TestContext) => Promise<void>): void {
  const missing = programs.filter((program) =>
    program === recordings ? maybeRecordings() === undefined : maybeProgram(program) === undefined
  );
  if (missing.length === 0) return Deno.test({ name, fn: body });
  if (peersRequired) {
    return Deno.test(name, () => {
      throw new Error(`Cannot run "${name}" as ${missing.join(", ")} is not installed`);
    });
  }
  console.warn(`skipped: ${name} (not installed: ${missing.join(", ")})`);
  Deno.test({ name, ignore: true, fn: body });
}

/** Whether a command ends well here; false where it is not installed. */
export async function succeeds(command: readonly string[]): Promise<boolean> {
  try {
    const [program, ...args] = command;
    return (await new Deno.Command(program!, { args, stdin: "null", stdout: "null", stderr: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The library that gives a program another time (Debian's `faketime`), or undefined. */
export function maybeLibfaketime(): string | undefined {
  const folders = ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime"];
  const paths = folders.map((folder) => `${folder}/libfaketimeMT.so.1`);
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return false;
    }
  });
}

export interface SystemNeeds {
  /** What the system has to allow, such as "loop devices", and whether it does. */
  needs: string;
  allowed: boolean;
  programs?: string[];
}

/**
 * Registers a test that needs something of the system which no package brings: namespaces, mounts, loop devices. Where the
 * system does not allow it, as some containers do not, there is no such test, and a line says so; nothing could be installed
 * to have it, so that this is no missing peer.
 */
export function systemTest(name: string, system: SystemNeeds, body: () => Promise<void>): void {
  const { needs, allowed, programs = [] } = system;
  if (allowed) return peerTest(name, programs, body);
  console.warn(`not possible here: ${name} (no ${needs})`);
}

/**
 * Folder of real recordings beside the checkout, or undefined. They may not be committed, so tests over them are
 * skipped where they are absent and required in continuous integration.
 */
export function maybeRecordings(): string | undefined {
  return maybeShared("recordings");
}

/** Folder of the small inputs from public reports, which may not be committed either. */
export function maybeCases(): string | undefined {
  return maybeShared("cases");
}

function maybeShared(name: string): string | undefined {
  const folder = new URL(`../../shared/${name}/`, import.meta.url).pathname;
  try {
    return Deno.statSync(folder).isDirectory ? folder : undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  }
}

/** Registers a test that needs the real recordings. */
export function recordingsTest(name: string, body: (folder: string) => Promise<void> | void): void {
  sharedTest(name, "recordings", body);
}

/** Registers a test that needs the cases. */
export function casesTest(name: string, body: (folder: string) => Promise<void> | void): void {
  sharedTest(name, "cases", body);
}

function sharedTest(name: string, shared: string, body: (folder: string) => Promise<void> | void): void {
  const folder = maybeShared(shared);
  if (folder !== undefined) return Deno.test(name, () => body(folder));
  if (peersRequired) {
    return Deno.test(name, () => {
      throw new Error(`Cannot run "${name}" as ../shared/${shared} is missing`);
    });
  }
  console.warn(`skipped: ${name} (no ../shared/${shared})`);
  Deno.test({ name, ignore: true, fn: () => {} });
}
