/** How a release came about: an in-toto statement (in-toto.io/Statement/v1) with SLSA provenance v1. */

export interface ProvenanceOptions {
  commit: string;
  /** Seconds since 1970 of the embedded files. */
  epoch: number;
  runtime: string;
  /** SHA-256 of deno.lock. */
  lock: string;
  /** The files, with SHA-256. */
  subjects: readonly { name: string; sha256: string }[];
  /** Bases for compiled programs, with SHA-256 before symbols were removed. */
  bases: readonly { target: string; origin: string; sha256: string }[];
  tools: Record<string, string>;
}

export function provenanceText({ commit, epoch, runtime, lock, subjects, bases, tools }: ProvenanceOptions): string {
  const digest = (sha256: string) => ({ digest: { sha256 } });
  return JSON.stringify(
    {
      _type: "https://in-toto.io/Statement/v1",
      subject: subjects.map(({ name, sha256 }) => ({ name, ...digest(sha256) })),
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: {
        buildDefinition: {
          buildType: "urn:opendca:deno-task-release:1",
          externalParameters: { command: "deno task release", commit, sourceDateEpoch: epoch },
          internalParameters: { deno: runtime, tools },
          resolvedDependencies: [
            { uri: "git+file:.", digest: { gitCommit: commit.replace("-dirty", "") } },
            { uri: "deno.lock", ...digest(lock) },
            ...bases.map(({ target, origin, sha256 }) => ({ uri: origin, ...digest(sha256), annotations: { target } })),
          ],
        },
        runDetails: { builder: { id: "urn:opendca:builder" } },
      },
    },
    undefined,
    2,
  ) + "\n";
}
