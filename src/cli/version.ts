import project from "../../deno.json" with { type: "json" };

/** Version of this build, as in CHANGELOG.md. */
export const version: string = project.version;
